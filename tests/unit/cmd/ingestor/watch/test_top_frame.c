/* SPDX-License-Identifier: MIT
 *
 * top_frame, top_row, top_history: what --top shows, in windows of any size. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/watch/top_frame.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct scene {
    struct glance *glance;
    struct top_history history;
    struct top_frame frame;
};

static void add_source(struct stats_snapshot *stats, const char *name)
{
    struct stats_source *source = &stats->sources[stats->source_count++];
    struct stats_mqtt *broker = &stats->mqtt[stats->mqtt_count++];
    (void)snprintf(source->name, sizeof source->name, "%s", name);
    (void)snprintf(broker->name, sizeof broker->name, "%s", name);
    (void)snprintf(broker->state, sizeof broker->state, "live");
    broker->link.connected = 1;
    source->is_live = source->has_ledger = true;
    source->records = 12;
    source->capacity = 50000;
    source->ledger.received = 1000;
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    s->glance = glance_new("/nowhere");
    assert_non_null(s->glance);
    s->glance->status = STATUS_OK;
    struct stats_snapshot *stats = &s->glance->stats;
    stats->schema = 1;
    stats->sampled_at = clock_wall();
    stats->started_at = stats->sampled_at - 3600 * (wall_us)US_PER_S;
    stats->sampled_mono = STATS_UNKNOWN;
    stats->commit.last_unix = clock_wall() / US_PER_S;
    stats->has_ledger = true;
    stats->ledger_total.received = 1000;
    (void)snprintf(stats->status, sizeof stats->status, "Ingesting from 2 of 2 sources");
    add_source(stats, "eu");
    add_source(stats, "us");
    stats->worker_count = 1;
    (void)snprintf(stats->workers[0].name, sizeof stats->workers[0].name, "flusher");
    (void)snprintf(stats->workers[0].state, sizeof stats->workers[0].state, "running");
    stats->workers[0].pid = 4711;
    top_history_init(&s->history);
    glance_judge(s->glance);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    glance_free(s->glance);
    free(s);
    return 0;
}

static void draw(struct scene *s, size_t rows, size_t columns)
{
    const struct top_view view = {.glance = s->glance,
                                  .history = &s->history,
                                  .rows = rows,
                                  .columns = columns,
                                  .is_utf8 = true};
    top_frame_draw(&s->frame, &view);
    assert_true(s->frame.count <= (rows > 0 ? rows : TOP_ROWS_MAX));
    for (size_t i = 0; i < s->frame.count; i++) {
        wchar_t wide[TOP_ROW_BYTES];
        const size_t n = mbstowcs(wide, s->frame.rows[i].row.text, TOP_ROW_BYTES);
        assert_true(n != (size_t)-1);
        const int columns_taken = wcswidth(wide, n);
        assert_true(columns_taken >= 0);
        assert_true(columns == 0 || (size_t)columns_taken <= columns);
    }
}

static const char *row_with(const struct scene *s, const char *text)
{
    for (size_t i = 0; i < s->frame.count; i++) {
        if (strstr(s->frame.rows[i].row.text, text) != NULL)
            return s->frame.rows[i].row.text;
    }
    return NULL;
}

static void test_shards(void **state)
{
    struct scene *s = *state;
    struct stats_snapshot *stats = &s->glance->stats;
    stats->outbox_count = 2;
    stats->outbox[0] =
        (struct stats_outbox){.shard = 0, .rows = 0, .acked_rows = 71, .server = "http://a1:8123"};
    stats->outbox[1] = (struct stats_outbox){.shard = 1,
                                             .rows = 4200,
                                             .oldest_s = 65,
                                             .away_s = 66,
                                             .sums_behind = STATS_UNKNOWN,
                                             .server = "http://b1:8123",
                                             .error = "no answer in time"};
    draw(s, 24, 100);
    assert_non_null(strstr(row_with(s, "a1:8123"), " 71 "));
    assert_non_null(strstr(row_with(s, "b1:8123"), " 4200 "));
    assert_non_null(strstr(row_with(s, "b1:8123"), "away for 66s: no answer in time"));
    for (size_t rows = 1; rows < 30; rows++)
        draw(s, rows, 60);
    stats->outbox_count = CONFIG_SHARDS_MAX;
    draw(s, 24, 100);
    assert_non_null(row_with(s, "flusher"));
    assert_non_null(row_with(s, "eu  "));
}

static void test_a_usual_terminal(void **state)
{
    struct scene *s = *state;
    top_history_add(&s->history, &s->glance->stats);
    s->glance->stats.sampled_at += 2 * US_PER_S;
    s->glance->stats.ledger_total.received += 50;
    s->glance->stats.sources[0].ledger.received += 50;
    top_history_add(&s->history, &s->glance->stats);
    draw(s, 24, 80);
    assert_memory_equal(s->frame.rows[0].row.text, "OK  ingestor", 12);
    assert_non_null(row_with(s, "Ingesting from 2 of 2"));
    assert_non_null(strstr(row_with(s, "received  "), "25 /s"));
    assert_non_null(strstr(row_with(s, "received  "), "█"));
    assert_non_null(strstr(row_with(s, "eu  "), "live"));
    assert_non_null(strstr(row_with(s, "eu  "), "25"));
    assert_non_null(strstr(row_with(s, "us  "), " 0 "));
    assert_non_null(strstr(row_with(s, "flusher"), "4711"));
    assert_non_null(strstr(row_with(s, "commit p99"), " ago")); /* a text is whole or not there */
    for (size_t columns = 60; columns < 160; columns++) {
        draw(s, 24, columns);
        assert_non_null(row_with(s, "unaccounted 0"));
        assert_non_null(row_with(s, "queued 0"));
    }
    for (size_t rows = 7; rows < 24; rows++) { /* all of the ledger, or what must be 0 */
        draw(s, rows, 40);
        assert_true(row_with(s, "unaccounted 0, lost 0 of 1050") != NULL ||
                    (row_with(s, "unaccounted 0") != NULL && row_with(s, "queued 0") != NULL));
    }
    (void)snprintf(s->glance->stats.workers[0].last_exit,
                   sizeof s->glance->stats.workers[0].last_exit, "signal 9");
    draw(s, 24, 80);
    assert_non_null(row_with(s, "signal 9"));
}

static void test_every_size(void **state)
{
    struct scene *s = *state;
    for (size_t i = 0; i < 40; i++)
        add_source(&s->glance->stats, "one of many");
    strcpy(s->glance->stats.mqtt[0].state, "backing_off");
    s->glance->stats.mqtt[0].link.connected = 0;
    glance_judge(s->glance);
    for (size_t rows = 1; rows < 70; rows++) {
        for (size_t columns = 1; columns < 200; columns += 7)
            draw(s, rows, columns);
    }
    draw(s, 24, 80);
    assert_non_null(row_with(s, "more (up, down)"));
    assert_non_null(row_with(s, "source:eu: backing off"));
    assert_non_null(row_with(s, "flusher")); /* many sources do not push the workers out */
    draw(s, 3, 30);
    assert_memory_equal(s->frame.rows[0].row.text, "WARNING", 7);
    assert_non_null(row_with(s, "source:eu"));
    draw(s, 0, 0);
    assert_null(row_with(s, "more"));
}

/* A sentence that is wider than the window goes on below, as far as there are rows. */
static void test_what_is_wrong_is_readable(void **state)
{
    struct scene *s = *state;
    struct stats_snapshot *stats = &s->glance->stats;
    strcpy(stats->mqtt[0].state, "backing_off");
    stats->mqtt[0].link.connected = 0;
    (void)snprintf(stats->mqtt[0].link.last_error, sizeof stats->mqtt[0].link.last_error, "%s",
                   "broker's certificate is refused: unknown CA (give its certificate as caFile)");
    glance_judge(s->glance);
    draw(s, 24, 60);
    assert_memory_equal(s->frame.rows[1].row.text, "!  source:eu: backing off: broker's", 35);
    assert_memory_equal(s->frame.rows[2].row.text, "   ", 3);
    assert_non_null(strstr(s->frame.rows[2].row.text, "(give its certificate"));
    assert_non_null(row_with(s, "as caFile)"));
    assert_non_null(row_with(s, "received ")); /* nothing else was pushed out */
    draw(s, 0, 0);
    assert_non_null(row_with(s, "caFile)"));
    draw(s, 10, 40);
    assert_non_null(row_with(s, "source:eu"));
    for (size_t i = 0; i < 9; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "broker %zu", i);
        add_source(stats, name);
        strcpy(stats->mqtt[stats->mqtt_count - 1].state, "backing_off");
        stats->mqtt[stats->mqtt_count - 1].link.connected = 0;
    }
    glance_judge(s->glance);
    draw(s, 24, 80);
    assert_non_null(row_with(s, "   and 5 more")); /* of ten in six rows */
    draw(s, 4, 80);
    assert_non_null(row_with(s, "(1 of 10) !  source:eu"));
    draw(s, 0, 0);
    for (size_t i = 0; i < 9; i++)
        assert_non_null(row_with(s, stats->mqtt[2 + i].name));
}

static void test_what_is_not_known_is_no_zero(void **state)
{
    struct scene *s = *state;
    struct stats_snapshot *stats = &s->glance->stats;
    stats->sources[0].has_ledger = false;
    stats->sources[0].records = STATS_UNKNOWN;
    top_history_add(&s->history, stats);
    draw(s, 24, 80);
    assert_non_null(strstr(row_with(s, "received  "), "- /s")); /* one sample is no rate */
    assert_non_null(strstr(row_with(s, "eu  "), "-      -     -      -      -     -"));
    stats->sampled_at -= 60 * US_PER_S;
    glance_judge(s->glance);
    draw(s, 24, 80);
    assert_memory_equal(s->frame.rows[0].row.text, "CRITICAL", 8);
    assert_non_null(strstr(row_with(s, "us  "), "unknown"));
    assert_non_null(strstr(row_with(s, "flusher"), "unknown"));
    s->glance->status = STATUS_NOT_FOUND;
    glance_judge(s->glance);
    draw(s, 24, 80);
    assert_int_equal(s->frame.count, 3);
    assert_non_null(row_with(s, "no statistics file"));
}

static void test_a_new_life_and_a_pause_have_no_rate(void **state)
{
    struct scene *s = *state;
    struct stats_snapshot *stats = &s->glance->stats;
    top_history_add(&s->history, stats);
    stats->sampled_at += US_PER_S;
    stats->ledger_total.received = 3; /* begins anew, as does the ingestor */
    stats->started_at += 10 * US_PER_S;
    top_history_add(&s->history, stats);
    assert_true(isnan(s->history.now[TOP_RECEIVED]));
    stats->sampled_at += US_PER_S;
    stats->ledger_total.received = 13;
    top_history_add(&s->history, stats);
    assert_true(s->history.now[TOP_RECEIVED] == 10.0);
    top_history_add(&s->history, NULL);
    assert_true(isnan(s->history.now[TOP_RECEIVED]));
    double course[4];
    top_history_course(&s->history, &s->history.series[TOP_RECEIVED], 4, course);
    assert_true(isnan(course[0]) && isnan(course[1]) && course[2] == 10.0 && isnan(course[3]));
    for (int i = 0; i < 3 * TOP_SAMPLES; i++)
        top_history_add(&s->history, stats);
    assert_int_equal(s->history.count, TOP_SAMPLES);
}

static void test_hostile_names(void **state)
{
    struct scene *s = *state;
    strcpy(s->glance->stats.sources[0].name, "a\x1b[2Jb\xff\xe2\x80\xae"
                                             "c\xe4\xb8\xad\xe4\xb8\xad");
    draw(s, 24, 80);
    const char *row = row_with(s, "a?[2Jb??c\xe4\xb8\xad");
    assert_non_null(row);
    struct top_row cell;
    top_row_init(&cell, 80);
    top_row_cell(&cell, -3, "\xe4\xb8\xad\xe4\xb8\xad"); /* two columns each: the second is cut */
    assert_string_equal(cell.text, "\xe4\xb8\xad  ");
    top_row_init(&cell, 2);
    top_row_put(&cell, "abc");
    assert_string_equal(cell.text, "ab");
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *number, *time;
    } cases[] = {
        {0, "0", "0s"},           {9.95, "9.9", "10s"},   {99, "99", "99s"},
        {9999, "9999", "167m"},   {12345, "12.3k", "3h"}, {123456, "123k", "34h"},
        {4560000, "4.6M", "53d"}, {-1, "-1", "-"},        {1e30, "lots", "long"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[TOP_NUMBER_BYTES];
        assert_string_equal(top_number(cases[i].value, out), cases[i].number);
        if (cases[i].value != 9999)
            assert_string_equal(top_time(cases[i].value, out), cases[i].time);
    }
    char out[TOP_NUMBER_BYTES];
    assert_string_equal(top_number((double)NAN, out), "-");
    assert_string_equal(top_time((double)NAN, out), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_usual_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_readable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_known_is_no_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_life_and_a_pause_have_no_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_names, setup, teardown),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
