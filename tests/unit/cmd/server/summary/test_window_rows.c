/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/summary/adverts.h"
#include "cmd/server/summary/summary_run.h"
#include "cmd/server/summary/window_rows.h"
#include "common/base/clock.h"
#include "tests/support/store_fixture.h"

#include <stdio.h>

#define NOW_MS INT64_C(1774798050000)

static void commit(struct fixture_db *db, const struct fixture_packet *packet)
{
    assert_int_equal(store_begin(db->store, false), STATUS_OK);
    IGNORE(fixture_apply(db->store, packet), "asserted there");
    assert_int_equal(store_commit(db->store), STATUS_OK);
}

static void store(struct fixture_db *db, uint32_t seed, unsigned hops, int64_t receipt_ms)
{
    struct fixture_packet packet;
    fixture_text(&packet, "OBS", seed, hops, receipt_ms);
    commit(db, &packet);
}

struct seen {
    size_t count, hops;
    int64_t first_id, last_id;
};

static void see(void *context, const struct reception *r)
{
    struct seen *seen = context;
    assert_true(seen->count == 0 || r->id < seen->last_id); /* the newest first */
    if (seen->count++ == 0)
        seen->first_id = r->id;
    seen->last_id = r->id;
    seen->hops += r->hop_count;
    assert_true(r->is_heard && r->has_hops);
}

static struct seen read_all(const struct fixture_db *db, int64_t from_ms, int64_t rows_max,
                            struct window_rows *rows)
{
    struct seen seen = {0};
    bool is_over = false;
    struct reader *reader = reader_new(db->path);
    assert_int_equal(window_rows_begin(reader, from_ms, rows_max, rows), STATUS_OK);
    while (!is_over)
        assert_int_equal(window_rows_slice(reader, rows, see, &seen, &is_over), STATUS_OK);
    reader_free(reader);
    return seen;
}

/* An import puts old hours behind new ones: the window is not the end of the table. */
static void a_window_is_found_by_time(void **state)
{
    (void)state;
    struct fixture_db db;
    struct window_rows rows;
    fixture_db_open(&db);
    store(&db, 1, 2, NOW_MS - 3 * MS_PER_DAY);
    store(&db, 2, 3, NOW_MS - MS_PER_HOUR);
    store(&db, 3, 1, NOW_MS);
    store(&db, 4, 1, NOW_MS - 5 * MS_PER_DAY); /* imported */
    const struct seen seen = read_all(&db, NOW_MS - MS_PER_DAY, 100, &rows);
    assert_int_equal(seen.count, 3); /* from the first of the window on; the run looks at times */
    assert_int_equal(seen.last_id, 2);
    assert_int_equal(seen.hops, 5);
    assert_false(rows.is_cut);
    const struct seen cut = read_all(&db, NOW_MS - MS_PER_DAY, 2, &rows);
    assert_int_equal(cut.count, 2);
    assert_int_equal(cut.first_id, 4);
    assert_true(rows.is_cut);
    const struct seen none = read_all(&db, NOW_MS + MS_PER_DAY, 100, &rows);
    assert_int_equal(none.count, 0);
    fixture_db_close(&db);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static struct summary_window count_all(const char *path, char bounds[static SUMMARY_BOUNDS_MAX])
{
    struct reader *reader = reader_new(path);
    const struct summary_run run = {.from = {.reader = reader}, .is_stopping = never};
    struct summary *summary = summary_count(&run, 1);
    assert_non_null(summary);
    const struct summary_window window = summary_window(summary, 0);
    (void)summary_cut_by(summary, bounds);
    summary_unref(summary);
    reader_free(reader);
    return window;
}

static void let_go_before(const char *path, int64_t ms)
{
    sqlite3 *db = NULL;
    char sql[96];
    (void)snprintf(sql, sizeof sql, "UPDATE meta SET retained_from_ms = %lld", (long long)ms);
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, sql, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void what_retention_let_go_is_in_no_window(void **state)
{
    (void)state;
    struct fixture_db db;
    char bounds[SUMMARY_BOUNDS_MAX];
    const int64_t now_ms = clock_wall() / US_PER_MS;
    fixture_db_open(&db);
    store(&db, 1, 1, now_ms - MS_PER_HOUR);
    struct summary_window window = count_all(db.path, bounds);
    assert_true(window.is_complete);
    assert_int_equal(window.to_ms - window.from_ms, SUMMARY_WINDOW_MS);
    const int64_t kept_ms = now_ms - 2 * MS_PER_HOUR;
    let_go_before(db.path, kept_ms);
    window = count_all(db.path, bounds);
    assert_false(window.is_complete);
    assert_int_equal(window.from_ms, kept_ms);
    assert_int_equal(window.observations, 1);
    assert_string_equal(bounds, "retention");
    fixture_db_close(&db);
}

static void no_rows_are_said(void **state)
{
    (void)state;
    struct fixture_db db;
    struct window_rows rows;
    fixture_db_open(&db);
    struct reader *reader = reader_new(db.path);
    assert_int_equal(window_rows_begin(reader, 0, 100, &rows), STATUS_OK);
    assert_true(rows.is_empty);
    const struct summary_run run = {.from = {.reader = reader}, .is_stopping = never};
    assert_null(summary_count(&run, 1));
    struct summary_run of_nothing = run;
    of_nothing.may_be_empty = true;
    struct summary *summary = summary_count(&of_nothing, 1);
    assert_non_null(summary);
    assert_int_equal(summary_window(summary, 0).observations, 0);
    summary_unref(summary);
    reader_free(reader);
    fixture_db_close(&db);
}

static void advertise(struct fixture_db *db, uint8_t key_seed, uint32_t timestamp,
                      int64_t receipt_ms)
{
    struct fixture_packet packet;
    const struct fixture_advert advert = {
        .key_seed = key_seed, .timestamp = timestamp, .name = "n", .lat = 1, .lon = 1};
    fixture_advert(&packet, "OBS", &advert, receipt_ms);
    commit(db, &packet);
}

static void read_adverts(struct adverts *adverts, struct reader *reader)
{
    bool at_end = false;
    while (!at_end)
        assert_int_equal(adverts_slice(adverts, reader, &at_end), STATUS_OK);
}

static void that_nobody_advertised_is_told(void **state)
{
    (void)state;
    struct fixture_db db;
    fixture_db_open(&db);
    store(&db, 1, 1, NOW_MS);
    struct reader *reader = reader_new(db.path);
    struct adverts *adverts = adverts_new();
    read_adverts(adverts, reader);
    struct advert_set *none = adverts_publish(adverts);
    assert_non_null(none);
    assert_null(advert_set_find(none, 1));
    advert_set_unref(none);
    read_adverts(adverts, reader);
    assert_null(adverts_publish(adverts));
    adverts_free(adverts);
    reader_free(reader);
    fixture_db_close(&db);
}

static void adverts_are_read_once_and_then_kept_up(void **state)
{
    (void)state;
    struct fixture_db db;
    fixture_db_open(&db);
    const uint32_t now_s = (uint32_t)(NOW_MS / MS_PER_S);
    advertise(&db, 1, now_s - 10, NOW_MS);
    struct reader *reader = reader_new(db.path);
    struct adverts *adverts = adverts_new();
    read_adverts(adverts, reader);
    struct advert_set *first = adverts_publish(adverts);
    assert_non_null(first);
    const int64_t node = fixture_int(&db, "SELECT id FROM nodes");
    assert_int_equal(advert_set_find(first, node)->skew.sample_count, 1);
    assert_float_equal((float)advert_set_find(first, node)->skew.last_s, -10.0F, 1e-3F);
    assert_int_equal(advert_set_find(first, node)->hash_size, 1);
    assert_null(advert_set_find(first, node + 1));
    read_adverts(adverts, reader);
    assert_null(adverts_publish(adverts)); /* nothing has changed */
    advertise(&db, 1, now_s + 60, NOW_MS + 20 * MS_PER_S);
    advertise(&db, 2, now_s, NOW_MS + 20 * MS_PER_S);
    read_adverts(adverts, reader);
    struct advert_set *second = adverts_publish(adverts);
    assert_int_equal(advert_set_find(second, node)->skew.sample_count, 2);
    assert_float_equal((float)advert_set_find(second, node)->skew.last_s, 40.0F, 1e-3F);
    assert_int_equal(advert_set_find(first, node)->skew.sample_count, 1); /* unchanged */
    advert_set_unref(first);
    advert_set_unref(second);
    adverts_free(adverts);
    reader_free(reader);
    fixture_db_close(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_retention_let_go_is_in_no_window),
        cmocka_unit_test(a_window_is_found_by_time),
        cmocka_unit_test(no_rows_are_said),
        cmocka_unit_test(that_nobody_advertised_is_told),
        cmocka_unit_test(adverts_are_read_once_and_then_kept_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
