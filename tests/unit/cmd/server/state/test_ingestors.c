/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/state/ingestors.h"

#include <stdlib.h>
#include <string.h>

#define NOW_S  INT64_C(1774798050)
#define BEGAN  (100 * US_PER_S) /* of this server's clock */
#define SILENT (INGESTOR_SILENT_S * US_PER_S)

static char *names[] = {(char[]){"ams-1"}, (char[]){"ams-2"}, (char[]){"ams-2"}};
static const struct config_list none = {NULL, 0};
static const struct config_list expected = {names, 3};

/* ams-1 is known since BEGAN, when its row was as old as it says. */
static int setup(void **state)
{
    struct ingestors *all = ingestors_new();
    assert_non_null(all);
    all->read_at = BEGAN;
    all->count = 1;
    strcpy(all->all[0].name, "ams-1");
    strcpy(all->all[0].text, "running");
    all->all[0].at_ms = (NOW_S - 3) * MS_PER_S;
    all->all[0].seen_at = BEGAN;
    *state = all;
    return 0;
}

static int teardown(void **state)
{
    struct ingestors *all = *state;
    shared_unref(&all->shared);
    return 0;
}

static struct ingestor_shown first(const struct ingestors *all, mono_us after)
{
    struct ingestor_shown shown[INGESTORS_SHOWN_MAX];
    assert_int_equal(ingestors_show(all, &none, NOW_S * US_PER_S + after, BEGAN + after, shown), 1);
    return shown[0];
}

static void a_row_that_does_not_move_gets_stale(void **state)
{
    struct ingestors *all = *state;
    assert_int_equal(first(all, 0).state, INGESTOR_FRESH);
    assert_int_equal(first(all, 0).age_s, 3);
    assert_int_equal(first(all, SILENT - 4 * US_PER_S).state, INGESTOR_FRESH);
    assert_int_equal(first(all, SILENT - 3 * US_PER_S).state, INGESTOR_STALE);
}

static void clocks_of_other_machines_do_not_count(void **state)
{
    struct ingestors *all = *state;
    all->all[0].at_ms = (NOW_S - 7200) * MS_PER_S;
    assert_int_equal(first(all, 0).state, INGESTOR_STALE);
    all->all[0].moved_at = BEGAN + US_PER_S; /* a newer one came, as old as that */
    assert_int_equal(first(all, 2 * US_PER_S).state, INGESTOR_FRESH);
    assert_int_equal(first(all, 2 * US_PER_S).age_s, 1);
    all->all[0].at_ms = (NOW_S + 7200) * MS_PER_S;
    all->all[0].moved_at = 0;
    assert_int_equal(first(all, 0).age_s, 0);
    assert_int_equal(first(all, SILENT).state, INGESTOR_STALE);
}

static void after_a_day_it_is_forgotten_unless_it_is_expected(void **state)
{
    struct ingestors *all = *state;
    struct ingestor_shown shown[INGESTORS_SHOWN_MAX];
    const wall_us later = (NOW_S + INGESTOR_FORGOTTEN_S) * US_PER_S;
    const mono_us mono = BEGAN + INGESTOR_FORGOTTEN_S * US_PER_S;
    assert_int_equal(ingestors_show(all, &none, later, mono, shown), 0);
    assert_int_equal(ingestors_show(all, &expected, later, mono, shown), 2);
    assert_int_equal(shown[0].state, INGESTOR_STALE);
    assert_int_equal(shown[1].state, INGESTOR_MISSING);
    assert_string_equal(shown[1].name, "ams-2");
}

static void when_rows_can_be_read_again_each_has_its_time(void **state)
{
    struct ingestors *all = *state;
    all->back_at = BEGAN + 10 * SILENT;
    assert_int_equal(first(all, 10 * SILENT).state, INGESTOR_FRESH);
    assert_int_equal(first(all, 11 * SILENT).state, INGESTOR_STALE);
}

static struct health_report *checks(const struct ingestors *all, const struct config_list *list,
                                    mono_us after)
{
    struct health_report *report = calloc(1, sizeof *report);
    assert_non_null(report);
    health_begin(NULL, report);
    ingestors_add_checks(all, list, NOW_S * US_PER_S + after, BEGAN + after, report);
    return report;
}

static void healthz_names_each(void **state)
{
    struct ingestors *all = *state;
    struct health_report *report = checks(all, &none, 0);
    assert_int_equal(report->level, HEALTH_PASS);
    assert_string_equal(health_find(report, "ingestor:ams-1")->output, "running");
    assert_string_equal(health_find(report, "ingestors")->output, "1 of 1 are fresh");
    free(report);
    report = checks(all, &expected, 0);
    assert_int_equal(report->count, 3);
    assert_int_equal(health_find(report, "ingestor:ams-2")->level, HEALTH_WARN);
    assert_string_equal(health_find(report, "ingestors")->output, "1 of 2 are fresh");
    free(report);
    report = checks(all, &expected, INGESTORS_UNREAD_US); /* nothing is said of any */
    assert_int_equal(report->count, 1);
    assert_non_null(strstr(health_find(report, "ingestors")->output, "unknown"));
    free(report);
    report = checks(NULL, &expected, 0);
    assert_int_equal(report->level, HEALTH_WARN);
    free(report);
    all->count = 0;
    report = checks(all, &none, 0);
    assert_non_null(strstr(health_find(report, "ingestors")->output, "nothing is received"));
    free(report);
}

static void its_statistics_are_judged_as_of_the_row(void **state)
{
    static const char text[] =
        "{\"schema\": 1, \"sampledAt\": \"2026-03-29T15:27:29Z\", \"status\": \"Ingesting\","
        " \"source_statuses\": [{\"name\": \"eu\", \"state\": \"live\", \"connected\": true}],"
        " \"outbox\": [{\"shard\": 0, \"rows\": 5, \"awaySeconds\": 0}]}";
    struct ingestors *all = *state;
    struct ingestor_row *row = &all->all[0];
    row->at_ms = NOW_S * MS_PER_S;
    assert_true(ingestor_judge(row, text, strlen(text)));
    assert_int_equal(row->level, HEALTH_PASS);
    assert_string_equal(row->text, "Ingesting");
    assert_int_equal(row->outbox_rows, 5);
    assert_int_equal(row->unaccounted, STATS_UNKNOWN);
    row->at_ms += 60 * MS_PER_S; /* its sender goes on, and nobody writes the file */
    assert_true(ingestor_judge(row, text, strlen(text)));
    assert_int_equal(row->level, HEALTH_FAIL);
    assert_non_null(strstr(row->text, "ingestor: stale"));
    assert_true(ingestor_judge(row, "{", 1));
    assert_int_equal(row->level, HEALTH_WARN);
    assert_non_null(strstr(row->text, "can't be read"));
}

/* Words of a finding are whole, and how many there are besides is never cut off. */
static void what_is_wrong_with_it_is_said_whole(void **state)
{
#define SENTENCE "the broker's certificate is of another host than the one that is asked for; "
    static const char text[] =
        "{\"schema\": 1, \"sampledAt\": \"2026-03-29T15:27:29Z\", \"status\": \"Ingesting\","
        " \"source_statuses\": [{\"name\": \"eu\", \"state\": \"disconnected\", \"connected\": false,"
        " \"lastError\": \"" SENTENCE SENTENCE "END\"}, {\"name\": \"us\", \"state\":"
        " \"disconnected\", \"connected\": false, \"lastError\": \"refused\"}]}";
    struct ingestors *all = *state;
    struct ingestor_row *row = &all->all[0];
    row->at_ms = NOW_S * MS_PER_S;
    assert_true(ingestor_judge(row, text, strlen(text)));
    assert_non_null(strstr(row->text, SENTENCE SENTENCE "END; and 1 more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_that_does_not_move_gets_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(clocks_of_other_machines_do_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_day_it_is_forgotten_unless_it_is_expected, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(when_rows_can_be_read_again_each_has_its_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(healthz_names_each, setup, teardown),
        cmocka_unit_test_setup_teardown(its_statistics_are_judged_as_of_the_row, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_it_is_said_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
