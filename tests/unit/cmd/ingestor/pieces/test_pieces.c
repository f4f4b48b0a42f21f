/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/pieces/pieces.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>
#include <string.h>

static char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
static struct connection connection;
static struct pieces *pieces;

static int set_up(void **state)
{
    (void)state;
    struct err err = {0};
    temp_dir_make(dir);
    (void)temp_dir_path(dir, "weir.db", path);
    assert_int_equal(db_open_writer(path, 2, &connection.db, &err), STATUS_OK);
    assert_int_equal(schema_migrate(connection.db, &err), STATUS_OK);
    pieces = pieces_open(&connection, &err);
    assert_non_null(pieces);
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

static void assert_same(const struct delta *a, const struct delta *b)
{
    assert_true(a->id == b->id && a->part == b->part && a->count == b->count &&
                a->transmissions == b->transmissions && a->first_ms == b->first_ms &&
                a->last_ms == b->last_ms);
}

static void a_row_comes_back_as_it_was(void **state)
{
    (void)state;
    static const struct delta rows[] = {
        {.id = 1, .part = -7, .count = -1, .transmissions = 3, .first_ms = -5, .last_ms = 6},
        {.id = 1, .part = INT64_MAX / 2, .count = 0},
        {.id = INT64_MAX - 1, .part = 0, .count = INT64_MAX, .first_ms = 9, .last_ms = 1}};
    const struct pieces_position at = {7, 8};
    struct pieces_position found = {0, 0};
    struct piece piece;
    assert_int_equal(pieces_look(pieces, &found), STATUS_NOT_FOUND);
    assert_int_equal(pieces_put(pieces, 2, rows, ARRAY_LEN(rows), &at), STATUS_OK);
    assert_int_equal(pieces_put(pieces, 1, rows, 0, &at), STATUS_OK); /* nothing */
    assert_int_equal(pieces_look(pieces, &found), STATUS_OK);
    assert_true(found.observation == 7 && found.transmission == 8);
    assert_int_equal(pieces_take(pieces, &piece), STATUS_OK);
    assert_int_equal(piece.kind, 2);
    assert_int_equal(piece.count, ARRAY_LEN(rows));
    for (size_t i = 0; i < piece.count; i++)
        assert_same(&piece.rows[i], &rows[i]);
    assert_int_equal(pieces_look(pieces, &found), STATUS_NOT_FOUND);
    assert_int_equal(pieces_take(pieces, &piece), STATUS_NOT_FOUND);
}

static void many_rows_come_back_in_their_order(void **state)
{
    (void)state;
    static struct delta rows[3 * PIECES_ROWS + 5];
    const struct pieces_position at = {1, 1};
    struct piece piece;
    size_t seen = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = (struct delta){.id = (int64_t)(i * i) + 1, .part = (int64_t)i % 3, .count = 1};
    assert_int_equal(pieces_put(pieces, 0, rows, ARRAY_LEN(rows), &at), STATUS_OK);
    while (pieces_take(pieces, &piece) == STATUS_OK)
        for (size_t i = 0; i < piece.count; i++)
            assert_same(&piece.rows[i], &rows[seen++]);
    assert_int_equal(seen, ARRAY_LEN(rows));
}

/* Somebody else's, or cut. */
static void what_is_no_piece_is_damage(void **state)
{
    (void)state;
    static const char *const blobs[] = {"x'80'", "x'0202'", "zeroblob(20000)",
                                        "x'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF'"};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
        char sql[256];
        struct piece piece;
        (void)snprintf(sql, sizeof sql,
                       "DELETE FROM counted_pieces; INSERT INTO counted_pieces (kind, observation,"
                       " transmission, rows) VALUES (0, 1, 1, %s)",
                       blobs[i]);
        assert_int_equal(db_exec(connection.db, sql, &err), STATUS_OK);
        assert_int_equal(pieces_take(pieces, &piece), STATUS_CORRUPT);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_comes_back_as_it_was),
        CASE(many_rows_come_back_in_their_order),
        CASE(what_is_no_piece_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
