/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/fresh/fresh.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
static struct connection connection;
static struct fresh *fresh;

static int set_up(void **state)
{
    (void)state;
    struct err err = {0};
    temp_dir_make(dir);
    (void)temp_dir_path(dir, "weir.db", path);
    assert_int_equal(db_open_writer(path, 2, &connection.db, &err), STATUS_OK);
    assert_int_equal(schema_migrate(connection.db, &err), STATUS_OK);
    fresh = fresh_open(&connection, &err);
    assert_non_null(fresh);
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

static struct observation_row row_of(int64_t transmission_id, int64_t observer_id, size_t hops)
{
    struct observation_row row = {.transmission_id = transmission_id,
                                  .observer_id = observer_id,
                                  .path_size = 1,
                                  .path_bytes = (uint8_t)hops,
                                  .route = 1,
                                  .scope_code = OBSERVATION_NO_SCOPE,
                                  .source_id = 3,
                                  .receipt_ms = 1774800000000};
    memset(row.path, 0xa5, hops);
    for (size_t i = 0; i < OBSERVATION_VALUES; i++) {
        row.values[i] = (double)NAN;
        row.origins[i] = row.receipt_ms;
    }
    return row;
}

static struct observation_row keep(struct observation_row row, bool is_first)
{
    assert_int_equal(fresh_next_id(fresh, &row.id), STATUS_OK);
    fresh_keep(fresh, &row, is_first);
    return row;
}

static void exec(const char *sql)
{
    assert_int_equal(sqlite3_exec(connection.db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* The rows as text, a line each. */
static const char *rows_of(const char *sql)
{
    static char text[1024];
    sqlite3_stmt *stmt = NULL;
    text[0] = '\0';
    assert_int_equal(sqlite3_prepare_v2(connection.db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *value = (const char *)sqlite3_column_text(stmt, i);
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                           value != NULL ? value : "NULL",
                           i + 1 < sqlite3_column_count(stmt) ? " " : "\n");
        }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return text;
}

static void a_row_has_the_columns_of_the_schema(void **state)
{
    (void)state;
    struct observation_row full = row_of(7, 9, 3);
    full.direction = 1;
    full.is_skewed = true;
    full.scope_code = 0x1234;
    full.scope_id = 5;
    full.values[OBSERVATION_SNR] = -7.25;
    full.values[OBSERVATION_RSSI] = -101.5;
    full.values[OBSERVATION_SCORE] = 0.5;
    full.values[OBSERVATION_SAID] = (double)full.receipt_ms + 250;
    full.origins[OBSERVATION_RSSI] += 1;
    struct observation_row odd = row_of(8, 9, 0);
    odd.values[OBSERVATION_SNR] = 1.1;
    exec("BEGIN");
    (void)keep(full, true);
    (void)keep(odd, true);
    assert_int_equal(fresh_write(fresh), STATUS_OK);
    exec("COMMIT");
    assert_true(fresh_is_empty(fresh));
    assert_string_equal(
        rows_of("SELECT id, transmission_id, observer_id, direction, path_size, hex(path),"
                " source_id, receipt_ms, envelope_ms - receipt_ms, typeof(heard), snr, rssi, score,"
                " route, scope_code, scope_id, hex(filled), is_skewed FROM observations"),
        "1 7 9 1 1 A5A5A5 3 1774800000000 250 integer -7.25 -101.5 0.5 1 4660 5 "
        "00000000000000000000019D3A52D4010000000000000000"
        "0000000000000000 1\n"
        "2 8 9 0 1  3 1774800000000 NULL real 1.1 NULL NULL 1 NULL NULL  NULL\n");
    assert_string_equal(rows_of("SELECT * FROM observation_keys"), "7 9 1\n8 9 2\n");
}

static void ids_follow_the_newest_of_the_table(void **state)
{
    (void)state;
    exec("INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
         " source_id, receipt_ms) VALUES (41, 1, 1, 0, 1, x'', 1, 1)");
    exec("BEGIN");
    assert_int_equal(keep(row_of(2, 1, 0), true).id, 42);
    assert_int_equal(fresh_write(fresh), STATUS_OK);
    assert_int_equal(keep(row_of(2, 2, 0), false).id, 43);
    fresh_clear(fresh); /* as after a rollback */
    exec("ROLLBACK");
    assert_int_equal(keep(row_of(2, 1, 0), true).id, 42);
}

/* Each part of the key tells two rows apart. */
static void a_row_is_found_by_its_whole_key(void **state)
{
    (void)state;
    struct observation_row rows[] = {row_of(1, 1, 2), row_of(2, 1, 2), row_of(1, 2, 2),
                                     row_of(1, 1, 3), row_of(1, 1, 2), row_of(1, 1, 2),
                                     row_of(1, 1, 2)};
    rows[4].direction = 1;
    rows[5].path_size = 2;
    rows[6].path[1] = 0x11;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_null(fresh_find(fresh, &rows[i]));
        rows[i] = keep(rows[i], false);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(fresh_find(fresh, &rows[i])->id, rows[i].id);
}

static void a_changed_row_takes_the_place_of_the_former(void **state)
{
    (void)state;
    struct observation_row row = keep(row_of(1, 1, 1), true);
    (void)keep(row_of(1, 2, 1), false);
    row.source_id = 4;
    fresh_keep(fresh, &row, false);
    assert_int_equal(fresh_find(fresh, &row)->source_id, 4);
    assert_int_equal(fresh_write(fresh), STATUS_OK);
    assert_string_equal(rows_of("SELECT id, source_id FROM observations"), "1 4\n2 3\n");
}

static void what_is_written_may_have_rows_in_the_table(void **state)
{
    (void)state;
    (void)keep(row_of(5, 1, 0), false);
    assert_false(fresh_has_all(fresh, 5));
    (void)keep(row_of(6, 1, 0), true);
    assert_true(fresh_has_all(fresh, 6) && fresh_has_all(fresh, 7));
    assert_false(fresh_has_all(fresh, 5));
    assert_int_equal(fresh_write(fresh), STATUS_OK);
    assert_false(fresh_has_all(fresh, 6));
}

static void it_holds_what_its_limit_says(void **state)
{
    (void)state;
    for (int64_t i = 0; i < FRESH_ROWS; i++) {
        assert_true(fresh_has_room(fresh));
        (void)keep(row_of(FRESH_ROWS - i, 1, MESHCORE_PATH_MAX), false);
    }
    assert_false(fresh_has_room(fresh));
    const struct observation_row last = row_of(1, 1, MESHCORE_PATH_MAX);
    assert_int_equal(fresh_find(fresh, &last)->id, FRESH_ROWS);
    assert_int_equal(fresh_write(fresh), STATUS_OK);
    assert_true(fresh_has_room(fresh));
    assert_null(fresh_find(fresh, &last));
    assert_string_equal(rows_of("SELECT count(*), sum(id = 4097 - transmission_id) FROM"
                                " observation_keys"),
                        "4096 4096\n");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_row_has_the_columns_of_the_schema),
        CASE(ids_follow_the_newest_of_the_table),
        CASE(a_row_is_found_by_its_whole_key),
        CASE(a_changed_row_takes_the_place_of_the_former),
        CASE(what_is_written_may_have_rows_in_the_table),
        CASE(it_holds_what_its_limit_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
