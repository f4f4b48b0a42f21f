/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/fresh/fresh_packets.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <string.h>

static char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
static struct connection connection;
static struct fresh_packets *packets;

static int set_up(void **state)
{
    (void)state;
    struct err err = {0};
    temp_dir_make(dir);
    (void)temp_dir_path(dir, "weir.db", path);
    assert_int_equal(db_open_writer(path, 2, &connection.db, &err), STATUS_OK);
    assert_int_equal(schema_migrate(connection.db, &err), STATUS_OK);
    packets = fresh_packets_open(&connection, &err);
    assert_non_null(packets);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connection_close(&connection);
    memset(&connection, 0, sizeof connection);
    temp_dir_remove(dir);
    return 0;
}

#define RECEIPT 1774800000000

static struct packet_row keep(int64_t last_ms, int64_t sender)
{
    struct packet_row row = {.first_ms = RECEIPT,
                             .last_ms = last_ms,
                             .copies = 3,
                             .sender = sender,
                             .type = 5,
                             .route = 1,
                             .raw_len = MESHCORE_FRAME_MAX,
                             .is_forged = sender == 0};
    memset(row.hash, 0xa5, sizeof row.hash);
    memset(row.raw, 0x5a, sizeof row.raw);
    assert_int_equal(fresh_packets_next_id(packets, &row.id), STATUS_OK);
    fresh_packets_keep(packets, &row);
    return row;
}

static int64_t ask(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(connection.db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return value;
}

/* As the table's readers see it: in the short form, and where the receipts lie too far apart. */
static void a_row_is_what_was_kept(void **state)
{
    (void)state;
    const struct packet_row near = keep(RECEIPT + 4000, 7);
    const struct packet_row far = keep(3 * (int64_t)RECEIPT, 0);
    assert_int_equal(near.id, 1);
    assert_int_equal(far.id, 2);
    assert_int_equal(fresh_packets_write(packets), STATUS_OK);
    assert_true(fresh_packets_are_empty(packets));
    assert_int_equal(
        ask("SELECT count(*) FROM transmissions WHERE hash = x'a5a5a5a5a5a5a5a5' AND type = 5"
            " AND route = 1 AND observation_count = 3 AND first_ms = 1774800000000 AND"
            " length(raw) = 255 AND substr(raw, 255) = x'5a'"),
        2);
    assert_int_equal(ask("SELECT last_ms FROM transmissions WHERE id = 1 AND sender = 7 AND"
                         " is_forged IS NULL AND lasted < first_ms"),
                     near.last_ms);
    assert_int_equal(ask("SELECT last_ms FROM transmissions WHERE id = 2 AND sender IS NULL AND"
                         " is_forged = 1 AND lasted > first_ms"),
                     far.last_ms);
}

static void a_row_is_found_by_its_id_until_it_is_written(void **state)
{
    (void)state;
    assert_null(fresh_packets_find(packets, 0));
    assert_null(fresh_packets_find(packets, 1));
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(keep(RECEIPT, 7).id, id);
    assert_null(fresh_packets_find(packets, 0));
    assert_null(fresh_packets_find(packets, 4));
    fresh_packets_find(packets, 2)->copies = 9;
    assert_int_equal(fresh_packets_write(packets), STATUS_OK);
    assert_null(fresh_packets_find(packets, 2));
    assert_int_equal(ask("SELECT observation_count FROM transmissions WHERE id = 2"), 9);
    assert_int_equal(keep(RECEIPT, 7).id, 4); /* the ids go on */
    fresh_packets_clear(packets);
    assert_int_equal(keep(RECEIPT, 7).id, 4); /* nobody has it */
}

static void it_has_an_end(void **state)
{
    (void)state;
    for (int i = 0; i < FRESH_PACKETS; i++) {
        assert_true(fresh_packets_have_room(packets));
        (void)keep(RECEIPT, 7);
    }
    assert_false(fresh_packets_have_room(packets));
    assert_int_equal(fresh_packets_write(packets), STATUS_OK);
    assert_int_equal(ask("SELECT count(*) = max(id) AND max(id) = 4096 FROM transmissions"), 1);
}

/* The rows are still there for whoever tries again. */
static void a_row_that_is_refused(void **state)
{
    (void)state;
    struct packet_row row = keep(RECEIPT, 7);
    assert_int_equal(fresh_packets_next_id(packets, &row.id), STATUS_OK);
    row.raw_len = 1;
    fresh_packets_keep(packets, &row);
    assert_int_equal(fresh_packets_write(packets), STATUS_CONSTRAINT);
    assert_false(fresh_packets_are_empty(packets));
    fresh_packets_clear(packets);
    assert_true(fresh_packets_are_empty(packets));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_what_was_kept),
        TEST(a_row_is_found_by_its_id_until_it_is_written),
        TEST(it_has_an_end),
        TEST(a_row_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
