/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/hashes/hash_filter.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <string.h>

struct bench {
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
    struct connection connection;
    struct hash_filter *filter;
};

static void must(sqlite3 *db, const char *sql)
{
    struct err err = {0};
    if (db_exec(db, sql, &err) != STATUS_OK)
        fail_msg("%s: %s", sql, err.text);
}

static void open_bench(struct bench *b)
{
    struct err err = {0};
    *b = (struct bench){.filter = NULL};
    temp_dir_make(b->dir);
    temp_dir_path(b->dir, "weir.db", b->path);
    assert_int_equal(db_open_writer(b->path, 8, &b->connection.db, &err), STATUS_OK);
    assert_int_equal(schema_migrate(b->connection.db, &err), STATUS_OK);
    b->filter = hash_filter_open(&b->connection, &err);
    assert_non_null(b->filter);
}

static void close_bench(struct bench *b)
{
    connection_close(&b->connection);
    temp_dir_remove(b->dir);
}

static void begin(struct bench *b)
{
    must(b->connection.db, "BEGIN IMMEDIATE");
    assert_int_equal(hash_filter_begin(b->filter), STATUS_OK);
}

static void commit(struct bench *b)
{
    assert_int_equal(hash_filter_read(b->filter), STATUS_OK);
    must(b->connection.db, "COMMIT");
}

/* A hash that begins with this number; neighbours' bits differ. */
static bool lacks(const struct bench *b, uint32_t prefix)
{
    const uint8_t hash[8] = {(uint8_t)(prefix >> 24), (uint8_t)(prefix >> 16),
                             (uint8_t)(prefix >> 8), (uint8_t)prefix, 1};
    return hash_filter_lacks(b->filter, hash);
}

static void add(struct bench *b, uint32_t prefix)
{
    const uint8_t hash[8] = {(uint8_t)(prefix >> 24), (uint8_t)(prefix >> 16),
                             (uint8_t)(prefix >> 8), (uint8_t)prefix, 2};
    hash_filter_add(b->filter, hash);
}

static void what_each_table_holds_is_not_lacking(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    must(b.connection.db, "INSERT INTO hashes_new VALUES (x'10000000AAAAAAAA', 1);"
                          "INSERT INTO hashes_recent VALUES (x'20000000AAAAAAAA', 2);"
                          "INSERT INTO hashes VALUES (x'30000000AAAAAAAA', 3);"
                          "INSERT INTO hash_prefixes VALUES (x'40000000', 4);"
                          /* by another's hand: no content's */
                          "INSERT INTO hashes_new VALUES (x'', 5), (x'50', 6),"
                          " (x'60000000AAAAAAAAAA', 7)");
    assert_int_equal(hash_filter_read(b.filter), STATUS_OK);
    assert_false(lacks(&b, 0x70000000)); /* nobody wants to know */
    begin(&b);
    assert_false(lacks(&b, 0x70000000)); /* nothing is known yet */
    commit(&b);
    for (uint32_t i = 1; i <= 4; i++)
        assert_false(lacks(&b, i << 28));
    assert_true(lacks(&b, 0x50000000));
    assert_true(lacks(&b, 0x70000000));
    assert_true(lacks(&b, 0x100000ff));
    add(&b, 0x70000000);
    assert_false(lacks(&b, 0x70000000));
    close_bench(&b);
}

#define ROWS (4 * HASH_FILTER_SLICE)

static uint32_t prefix_of(uint32_t n)
{
    return n * 2654435761U; /* odd: each once */
}

static void fill_new(struct bench *b)
{
    struct statement insert = SQL("INSERT INTO hashes_new VALUES (?1, ?2)");
    assert_int_equal(statements_prepare(&b->connection, &insert, 1, NULL), STATUS_OK);
    must(b->connection.db, "BEGIN");
    for (uint32_t n = 0; n < ROWS; n++) {
        const uint32_t prefix = prefix_of(n);
        const uint8_t hash[8] = {(uint8_t)(prefix >> 24), (uint8_t)(prefix >> 16),
                                 (uint8_t)(prefix >> 8), (uint8_t)prefix};
        bind_blob(&insert, 1, hash, sizeof hash);
        bind_int(&insert, 2, n + 1);
        assert_int_equal(statement_run(&insert), STATUS_OK);
    }
    must(b->connection.db, "COMMIT");
    statements_finalize(&insert, 1);
}

/* A part of each table to the next one, from the high end of one and the low end of the other, so
 * that some rows move past what reads them. */
static const char MOVE[] =
    "INSERT INTO hash_prefixes SELECT substr(hash, 1, 4), id FROM hashes_recent ORDER BY hash LIMIT"
    " 3000;"
    "DELETE FROM hashes_recent WHERE id IN (SELECT id FROM hash_prefixes);"
    "INSERT INTO hashes_recent SELECT hash, id FROM hashes_new ORDER BY hash DESC LIMIT 3000;"
    "DELETE FROM hashes_new WHERE id IN (SELECT id FROM hashes_recent)";

/* The tables are read in the order in which rows move, and what a rollback moves back is read
 * again: none slips through. */
static void what_moves_while_it_is_read_is_not_lacking(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    fill_new(&b);
    for (int round = 0; round < 12; round++) {
        begin(&b);
        must(b.connection.db, MOVE);
        if (round == 3) {
            assert_int_equal(hash_filter_read(b.filter), STATUS_OK);
            must(b.connection.db, "ROLLBACK");
            hash_filter_forget(b.filter);
        } else {
            commit(&b);
        }
        for (uint32_t n = 0; n < ROWS; n++)
            assert_false(lacks(&b, prefix_of(n)));
    }
    size_t lacking = 0;
    for (uint32_t n = ROWS; n < 2 * ROWS; n++)
        lacking += lacks(&b, prefix_of(n));
    assert_true(lacking > ROWS * 9 / 10);
    close_bench(&b);
}

/* Who else has written may have stored a content. */
static void anothers_commit_is_read(void **state)
{
    (void)state;
    struct bench b;
    struct err err = {0};
    sqlite3 *other = NULL;
    open_bench(&b);
    begin(&b);
    commit(&b);
    assert_true(lacks(&b, 0x10000000));
    assert_int_equal(db_open_writer(b.path, 8, &other, &err), STATUS_OK);
    must(other, "INSERT INTO hashes_new VALUES (x'10000000AAAAAAAA', 1)");
    begin(&b);
    assert_false(lacks(&b, 0x10000000));
    assert_false(lacks(&b, 0x20000000));
    commit(&b);
    assert_false(lacks(&b, 0x10000000));
    assert_true(lacks(&b, 0x20000000));
    begin(&b); /* our own changes nothing */
    assert_true(lacks(&b, 0x20000000));
    commit(&b);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    close_bench(&b);
}

/* Where more have left than are there, their bits go; where all are there, they stay. */
static void bits_of_those_that_left_go(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    begin(&b);
    commit(&b);
    for (uint32_t n = 0; n < 1200000; n++)
        add(&b, prefix_of(n));
    begin(&b);
    hash_filter_age(b.filter, 1200000);
    assert_true(lacks(&b, prefix_of(1200000)) || lacks(&b, prefix_of(1200001)));
    hash_filter_age(b.filter, 10);
    assert_false(lacks(&b, prefix_of(1200000)) || lacks(&b, prefix_of(1200001)));
    commit(&b);
    assert_true(lacks(&b, prefix_of(0)));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_table_holds_is_not_lacking),
        cmocka_unit_test(what_moves_while_it_is_read_is_not_lacking),
        cmocka_unit_test(anothers_commit_is_read),
        cmocka_unit_test(bits_of_those_that_left_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
