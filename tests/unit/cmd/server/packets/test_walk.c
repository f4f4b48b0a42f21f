/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/packets/cursor.h"
#include "cmd/server/packets/times.h"
#include "cmd/server/packets/totals.h"
#include "common/base/crypto.h"
#include "common/db/schema.h"
#include "tests/support/rows.h"
#include "tests/support/temp_dir.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS 50000
#define HOUR_MS 3600000

/* 50,000 packets: of type 2, every 10,000th of type 4. The odd ones were received once, the even
 * ones a second time, ten packets later. Ids 1 to 25,000 came in hour 100, the others, an import,
 * in hour 10. */
static const char ROWS[] =
    "INSERT INTO observers (id, identity, first_ms) VALUES (1, 'A', 1), (2, 'B', 1);"
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
    " INSERT INTO transmissions (id, hash, type, route, copies, first_ms, lasted, raw)"
    " SELECT i, CAST(printf('%08d', i) AS BLOB), iif(i % 10000 = 0, 4, 2), 1, 2 - i % 2,"
    "  iif(i <= 25000, 100, 10) * 3600000 + i, 0, x'0900' FROM n;"
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
    " INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    "  source_id, receipt_ms) SELECT 2 * i, i, 1, 0, 1, x'', 1,"
    "  iif(i <= 25000, 100, 10) * 3600000 + i FROM n;"
    "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    "  source_id, receipt_ms) SELECT 2 * id + 21, id, 2, 0, 1, x'AB', 1, first_ms + 10"
    "  FROM transmissions WHERE id % 2 = 0;"
    "INSERT INTO hours VALUES (100, 2, 50021, 1, 25000), (10, 50002, 100021, 25001, 50000);"
    "INSERT INTO rollups VALUES (0, 0, 10, 1, 25000), (0, 0, 100, 1, 25000), (3, 4, 10, 1, 3),"
    "  (3, 4, 100, 1, 2);" ROWS_BESIDE
    "UPDATE meta SET transmissions = 50000, commits = commits + 1;";

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
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    model_free(&rig->model);
    temp_dir_remove(rig->dir);
    free(rig);
    return 0;
}

static struct filter filter_of(int type, int route)
{
    return (struct filter){
        .type = type, .route = route, .since_ms = INT64_MIN, .until_ms = INT64_MAX};
}

/* A question for each page, as in life; late on a machine that is taken, it is asked again. */
static struct walk walk_page(struct rig *rig, const struct filter *filter,
                             const struct walk_order *order)
{
    for (;;) {
        struct walk walk;
        assert_int_equal(asking_begin(&rig->asking, &rig->model, NULL), STATUS_OK);
        assert_true(walk_packets(&walk, &rig->asking, filter, order));
        const enum reader_result end = asking_end(&rig->asking);
        if (end == READER_ANSWERED)
            return walk;
        assert_int_equal(end, READER_LATE);
        walk_done(&walk);
    }
}

/* All pages: how many rows, each checked to be beyond the one before. */
static size_t walk_all(struct rig *rig, const struct filter *filter, struct walk_order order,
                       size_t *out_pages)
{
    size_t count = 0;
    int64_t last = order.is_ascending ? INT64_MIN : INT64_MAX;
    *out_pages = 0;
    for (bool has_more = true; has_more; ++*out_pages) {
        struct walk walk = walk_page(rig, filter, &order);
        for (size_t i = 0; i < walk.count; i++) {
            const int64_t at =
                order.by_reception ? walk.rows[i].observation_id : walk.rows[i].transmission_id;
            assert_true(order.is_ascending ? at > last : at < last);
            last = at;
        }
        count += walk.count;
        has_more = walk.has_more;
        order.cursor = walk.next;
        walk_done(&walk);
    }
    return count;
}

static void test_nothing_reads_on_and_on(void **state)
{
    const struct filter none = filter_of(-1, 3);
    struct walk_order order = {.limit = 50};
    struct walk walk = walk_page(*state, &none, &order);
    assert_false(walk.is_complete);
    assert_true(walk.has_more);
    assert_int_equal(walk.count, 0);
    assert_in_range(walk.next.id, PACKETS - 21000, PACKETS - WALK_BUDGET + 1);
    walk_done(&walk);
    size_t pages;
    assert_int_equal(walk_all(*state, &none, order, &pages), 0);
    assert_int_equal(pages, 3);
}

static void test_what_is_rare_is_found_however_old(void **state)
{
    const struct filter rare = filter_of(4, -1);
    struct walk_order order = {.limit = 50};
    size_t pages;
    assert_int_equal(walk_all(*state, &rare, order, &pages), 5);
    assert_int_equal(pages, 1);
    order.by_reception = true;
    assert_int_equal(walk_all(*state, &rare, order, &pages), 5);
    assert_int_equal(pages, 1);
    order.limit = 2;
    assert_int_equal(walk_all(*state, &rare, order, &pages), 5);
    assert_int_equal(pages, 3);
    order.is_ascending = true;
    assert_int_equal(walk_all(*state, &rare, order, &pages), 5);
}

static void test_pages_hold_each_packet_once(void **state)
{
    const struct filter any = {
        .is_any = true, .type = -1, .route = -1, .since_ms = INT64_MIN, .until_ms = INT64_MAX};
    size_t pages;
    for (int i = 0; i < 4; i++) {
        const struct walk_order order = {
            .by_reception = (i & 1) != 0, .is_ascending = (i & 2) != 0, .limit = 9000};
        assert_int_equal(walk_all(*state, &any, order, &pages), PACKETS);
        assert_int_equal(pages, 6);
    }
}

static void test_packets_of_observers(void **state)
{
    int64_t b[] = {2};
    int64_t both[] = {1, 2};
    struct filter filter = filter_of(-1, -1);
    const struct walk_order order = {.by_reception = true, .limit = 5000};
    size_t pages;
    filter.has_observers = true;
    filter.observers = b;
    filter.observer_count = 1;
    assert_int_equal(walk_all(*state, &filter, order, &pages), PACKETS / 2);
    filter.observers = both;
    filter.observer_count = 2;
    assert_int_equal(walk_all(*state, &filter, order, &pages), PACKETS);
}

static void test_moments_lead_to_ids_after_an_import(void **state)
{
    struct rig *rig = *state;
    struct filter filter = filter_of(-1, -1);
    const struct walk_order order = {.limit = 10000};
    size_t pages;
    filter.since_ms = INT64_C(100) * HOUR_MS + 24000;
    assert_int_equal(walk_all(rig, &filter, order, &pages), 1000);
    assert_int_equal(pages, 1); /* the newer ids are of an older hour: not even looked at */
    filter.since_ms = INT64_MIN;
    filter.until_ms = INT64_C(10) * HOUR_MS + 26001;
    assert_int_equal(walk_all(rig, &filter, order, &pages), 1000);
    filter.since_ms = INT64_C(10) * HOUR_MS + 25500;
    assert_int_equal(walk_all(rig, &filter, order, &pages), 500);
    filter.since_ms = INT64_C(11) * HOUR_MS;
    filter.until_ms = INT64_C(99) * HOUR_MS;
    assert_int_equal(walk_all(rig, &filter, order, &pages), 0);
    assert_int_equal(pages, 1);
    filter.since_ms = INT64_C(200) * HOUR_MS;
    filter.until_ms = INT64_MAX;
    assert_int_equal(walk_all(rig, &filter, order, &pages), 0);
}

static void test_offsets(void **state)
{
    const struct filter any = {
        .is_any = true, .type = -1, .route = -1, .since_ms = INT64_MIN, .until_ms = INT64_MAX};
    const struct filter some = filter_of(2, -1);
    struct walk_order order = {.limit = 1, .offset = 40000};
    struct walk walk = walk_page(*state, &any, &order);
    assert_int_equal(walk.rows[0].transmission_id, PACKETS - 40000);
    walk_done(&walk);
    walk = walk_page(*state, &some, &order);
    assert_true(walk.is_too_far);
    walk_done(&walk);
    order.offset = 9999;
    walk = walk_page(*state, &some, &order);
    assert_int_equal(walk.rows[0].transmission_id, PACKETS - 10001); /* two of them are rare */
    walk_done(&walk);
    order.offset = 2 * PACKETS;
    walk = walk_page(*state, &any, &order);
    assert_int_equal(walk.count, 0);
    assert_false(walk.has_more);
    walk_done(&walk);
}

static int64_t total(struct rig *rig, const struct filter *filter)
{
    assert_int_equal(asking_begin(&rig->asking, &rig->model, NULL), STATUS_OK);
    const int64_t n = totals_of(&rig->asking, filter);
    assert_int_equal(asking_end(&rig->asking), READER_ANSWERED);
    return n;
}

static void test_totals(void **state)
{
    struct filter filter = filter_of(4, -1);
    assert_int_equal(total(*state, &filter), 5);
    filter.since_ms = INT64_C(50) * HOUR_MS;
    assert_int_equal(total(*state, &filter), 2);
    filter.until_ms = INT64_C(100) * HOUR_MS + 10001; /* in the hour that is cut 25,000 would have
                                                       * to be looked at */
    assert_int_equal(total(*state, &filter), -1);
    filter = filter_of(-1, -1);
    filter.until_ms = INT64_C(50) * HOUR_MS;
    assert_int_equal(total(*state, &filter), 25000);
    filter.route = 1;
    assert_int_equal(total(*state, &filter), -1);
    filter.is_nothing = true;
    assert_int_equal(total(*state, &filter), 0);
}

static void test_cursors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool by_reception, is_one;
    } cases[] = {
        {"p0", false, true},
        {"p12", false, true},
        {"p9223372036854775807", false, false}, /* the next id must be one, too */
        {"p922337203685477579", false, true},
        {"p12", true, false},
        {"r12.13", true, true},
        {"r12.13", false, false},
        {"r12", true, false},
        {"r12.", true, false},
        {"r.1", true, false},
        {"p", false, false},
        {"p-1", false, false},
        {"p1 ", false, false},
        {"p1.2", false, false},
        {"x1", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct walk_cursor cursor = {.id = 7};
        char text[CURSOR_TEXT_MAX];
        if (cursor_read(cases[i].text, cases[i].by_reception, false, &cursor) != cases[i].is_one)
            fail_msg("%s", cases[i].text);
        if (!cases[i].is_one) {
            assert_int_equal(cursor.id, 7);
            continue;
        }
        cursor_write(&cursor, cases[i].by_reception, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* Of an engine whose ids don't rise with time. */
static void test_cursors_by_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool by_reception, is_one;
    } cases[] = {
        {"1700000000123-00ab34cd56ef7890", false, true},
        {"1700000000123-00ab34cd56ef7890.1700000000999", true, true},
        {"1700000000123-00ab34cd56ef7890", true, false},
        {"1700000000123-00ab34cd56ef7890.1", false, false},
        {"1700000000123-00ab34cd56ef789", false, false},
        {"1700000000123-00ab34cd56ef78901", false, false},
        {"1700000000123-", false, false},
        {"-00ab34cd56ef7890", false, false},
        {"p12", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct walk_cursor cursor;
        char text[CURSOR_TEXT_MAX];
        if (cursor_read(cases[i].text, cases[i].by_reception, true, &cursor) != cases[i].is_one)
            fail_msg("%s", cases[i].text);
        if (!cases[i].is_one)
            continue;
        cursor_write(&cursor, cases[i].by_reception, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_reads_on_and_on),
        cmocka_unit_test(test_what_is_rare_is_found_however_old),
        cmocka_unit_test(test_pages_hold_each_packet_once),
        cmocka_unit_test(test_packets_of_observers),
        cmocka_unit_test(test_moments_lead_to_ids_after_an_import),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_cursors_by_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
