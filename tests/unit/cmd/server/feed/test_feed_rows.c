/* SPDX-License-Identifier: MIT
 *
 * Rows of a real schema as events: in which order, how many, and what filters may ask of them. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/feed/feed_rows.h"
#include "common/base/crypto.h"
#include "common/db/schema.h"
#include "tests/support/rows.h"
#include "tests/support/temp_dir.h"

#include <stdlib.h>
#include <string.h>

#define KEY "A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F90"
/* An advert: key, time, signature, flags (has a name), "Hill"; a text; a trace over 95, 01. */
#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"
#define ADVERT "1100" KEY "00000000" ZEROS ZEROS "8248696C6C"
#define TEXT   "15419535D92F365EB798ABCF98ADE9AD5564C0"
#define TRACE  "260128010000000200000000AB9501"

static const char ROWS[] =
    "INSERT INTO observers (id, identity, name, iata, first_ms) VALUES"
    " (3, 'GATE', 'The gate', 'MRY', 1), (9, 'BARE', '', '', 1);"
    "INSERT INTO channels (id, name, is_encrypted, first_ms, last_ms) VALUES (7, '#test', 0, 1, 1);"
    "INSERT INTO messages (transmission_id, channel_id) VALUES (2, 7);"
    "INSERT INTO transmissions (id, hash, type, route, copies, first_ms, lasted, raw)"
    " VALUES (1, x'0102030405060708', 4, 1, 1, 1000, 1000, x'" ADVERT "'),"
    " (2, x'1102030405060708', 5, 1, 2, 1000, 1000, x'" TEXT "'),"
    " (3, x'2102030405060708', 9, 2, 1, 1000, 1000, x'" TRACE "');"
    "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    "  source_id, receipt_ms, route) VALUES"
    " (11, 1, 3, 0, 1, x'', 1, 1000, 1), (12, 2, 9, 0, 2, x'9535', 1, 1000, 1),"
    " (13, 3, 3, 0, 1, x'28', 1, 1000, 2);"
    "WITH RECURSIVE n (id) AS (SELECT 20 UNION ALL SELECT id + 1 FROM n WHERE id < 819)"
    " INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    "  source_id, receipt_ms, route) SELECT id, 2, 1000 + id, 0, 1, x'', 1, 1, 1 FROM n;" ROWS_BESIDE
    "UPDATE meta SET commits = commits + 1;";

struct rig {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct config config;
    struct model model;
    struct asking asking;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    sqlite3 *db = NULL;
    assert_non_null(rig);
    assert_true(crypto_init());
    temp_dir_make(rig->dir);
    temp_dir_path(rig->dir, "weir.db", rig->path);
    assert_int_equal(db_open_writer(rig->path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, ROWS, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    rig->config.db_path = rig->path;
    assert_true(model_init(&rig->model, &rig->config, 1, NULL, NULL));
    assert_int_equal(asking_begin(&rig->asking, &rig->model, NULL), STATUS_OK);
    reader_allow(rig->asking.reader, READER_SLICE_US);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(asking_end(&rig->asking), READER_ANSWERED);
    model_free(&rig->model);
    temp_dir_remove(rig->dir);
    free(rig);
    return 0;
}

static struct live_batch *newer(struct rig *rig, int64_t from)
{
    struct live_batch *batch = live_batch_new(LIVE_BATCH_NEWER, from);
    assert_non_null(batch);
    feed_rows_newer(&rig->asking, batch);
    return batch;
}

static bool passes(const struct live_event *event, const char *raw)
{
    static struct http_query query;
    struct live_filter filter;
    const char *field;
    assert_int_equal(http_query_parse(&query, live_parameters, raw), 0);
    assert_null(live_filter_read(&query, &filter, &field));
    return live_filter_passes(&filter, &event->tags, event->path);
}

static void check(const struct live_event *event, const char *const *yes, const char *const *no)
{
    for (; *yes != NULL; yes++) {
        if (!passes(event, *yes))
            fail_msg("%s does not pass", *yes);
    }
    for (; *no != NULL; no++) {
        if (passes(event, *no))
            fail_msg("%s passes", *no);
    }
}

static void test_what_filters_ask(void **state)
{
    struct live_batch *batch = newer(*state, 0);
    const struct live_event *e = batch->events;
    assert_int_equal(e[0].id, 11);
    check(&e[0],
          (const char *const[]){"type=4", "observer=gate", "region=mry", ("node=" KEY), "node=Hill",
                                NULL},
          (const char *const[]){"type=5", "observer=BARE", "region=SFO", "node=hill",
                                "channel=Public", NULL});
    check(
        &e[1], (const char *const[]){"type=5", "observer=BARE", "channel=%23test", NULL},
        (const char *const[]){"region=MRY", ("node=" KEY), "node=Hill", "channel=%23other", NULL});
    check(&e[2],
          (const char *const[]){
              "type=9", "node=9500000000000000000000000000000000000000000000000000000000000000",
              NULL},
          (const char *const[]){
              "node=2800000000000000000000000000000000000000000000000000000000000000", NULL});
    free(batch);
}

static void test_newer_come_in_order_and_in_batches(void **state)
{
    int64_t last = 10;
    size_t count = 0;
    struct live_batch *batch = newer(*state, last);
    for (; batch->count > 0; batch = newer(*state, last)) {
        for (size_t i = 0; i < batch->count; i++) {
            assert_true(batch->events[i].id > last);
            last = batch->events[i].id;
        }
        assert_int_equal(batch->to, last);
        count += batch->count;
        free(batch);
    }
    free(batch);
    assert_int_equal(count, 803);
    assert_int_equal(last, 819);
}

static void test_older_come_backwards(void **state)
{
    struct rig *rig = *state;
    int64_t base = 819;
    size_t count = 0;
    for (bool is_all = false; !is_all;) {
        struct live_batch *batch = live_batch_new(LIVE_BATCH_OLDER, base);
        assert_non_null(batch);
        is_all = feed_rows_older(&rig->asking, 15, batch);
        for (size_t i = 0; i < batch->count; i++) {
            assert_true(batch->events[i].id <= base && batch->events[i].id > 15);
            base = batch->events[i].id - 1;
        }
        assert_int_equal(batch->to, base);
        count += batch->count;
        free(batch);
    }
    assert_int_equal(count, 800);
    const struct feed_bounds bounds = feed_rows_bounds(rig->asking.reader);
    assert_true(bounds.oldest == 11 && bounds.newest == 819 && bounds.created_ms > 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_what_filters_ask),
        WITH_RIG(test_newer_come_in_order_and_in_batches),
        WITH_RIG(test_older_come_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
