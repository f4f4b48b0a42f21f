/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/hashes/hash_index.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
    struct connection connection;
    struct hash_index *index;
    struct statement insert, find, leave, count;
    int log_pages;
};

static int note_log(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    *(int *)context = pages;
    return SQLITE_OK;
}

static void must(struct bench *b, const char *sql)
{
    struct err err = {0};
    if (db_exec(b->connection.db, sql, &err) != STATUS_OK)
        fail_msg("%s: %s", sql, err.text);
}

static void open_bench(struct bench *b)
{
    struct err err = {0};
    *b = (struct bench){
        .insert = SQL("INSERT INTO transmissions (id, hash, type, route, copies,"
                      " first_ms, lasted, raw) VALUES (?1, ?2, 2, 1, 1, 0, 0, x'0900')"),
        .find = SQL("SELECT id FROM transmissions WHERE " SCHEMA_IS_HASH("?1")),
        .leave = SQL("DELETE FROM transmissions WHERE id = ?1"),
        .count = SQL("UPDATE meta SET transmissions = ?1"),
    };
    temp_dir_make(b->dir);
    temp_dir_path(b->dir, "weir.db", b->path);
    assert_int_equal(db_open_writer(b->path, 8, &b->connection.db, &err), STATUS_OK);
    assert_int_equal(schema_migrate(b->connection.db, &err), STATUS_OK);
    must(b, "PRAGMA synchronous = OFF");
    b->index = hash_index_open(&b->connection, &err);
    assert_non_null(b->index);
    assert_int_equal(statements_prepare(&b->connection, &b->insert, 4, &err), STATUS_OK);
    sqlite3_wal_hook(b->connection.db, note_log, &b->log_pages);
}

static void close_bench(struct bench *b)
{
    connection_close(&b->connection);
    temp_dir_remove(b->dir);
}

static int64_t number(struct bench *b, const char *sql)
{
    struct statement once = {.sql = sql};
    int64_t value = -1;
    assert_int_equal(statements_prepare(&b->connection, &once, 1, NULL), STATUS_OK);
    assert_int_equal(statement_number(&once, &value), STATUS_OK);
    statements_finalize(&once, 1);
    return value;
}

static void wait_for_commit(struct bench *b, uint64_t hash, int64_t id)
{
    if (!hash_index_has_room(b->index))
        assert_int_equal(hash_index_write_waiting(b->index), STATUS_OK);
    hash_index_add(b->index, (const uint8_t *)&hash, id);
}

/* 0 = not found. */
static int64_t find(struct bench *b, uint64_t hash)
{
    const bool is_lacking = hash_index_lacks(b->index, (const uint8_t *)&hash);
    int64_t id = hash_index_waits(b->index, (const uint8_t *)&hash);
    if (id == 0) {
        bind_blob(&b->find, 1, &hash, sizeof hash);
        const enum status status = statement_number(&b->find, &id);
        assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    }
    assert_true(id == 0 || !is_lacking);
    return id;
}

static void begin(struct bench *b)
{
    must(b, "BEGIN IMMEDIATE");
    assert_int_equal(hash_index_begin(b->index), STATUS_OK);
}

static void add(struct bench *b, uint64_t hash, int64_t id)
{
    bind_int(&b->insert, 1, id);
    bind_blob(&b->insert, 2, &hash, sizeof hash);
    assert_int_equal(statement_run(&b->insert), STATUS_OK);
    wait_for_commit(b, hash, id);
}

static void leave(struct bench *b, int64_t id)
{
    bind_int(&b->leave, 1, id);
    assert_int_equal(statement_run(&b->leave), STATUS_OK);
    hash_index_leave(b->index);
}

static void commit(struct bench *b, int64_t count)
{
    bind_int(&b->count, 1, count);
    assert_int_equal(statement_run(&b->count), STATUS_OK);
    assert_int_equal(hash_index_write(b->index), STATUS_OK);
    must(b, "COMMIT");
}

static uint64_t mix(uint64_t n)
{
    uint64_t z = n * 0x9E3779B97F4A7C15U + 1;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* The extremes are hashes as others. */
static uint64_t hash_of(uint64_t n)
{
    return n == 5 ? 0 : n == 6 ? UINT64_MAX : mix(n);
}

#define CONTENTS 120000

/* --- exact ------------------------------------------------------------------------------------ */

/* What should be found. */
struct mesh {
    int64_t *ids;       /* by content; 0 = gone, or not yet there */
    uint32_t *contents; /* by id */
    int64_t next_id, oldest;
    uint32_t next;
};

static void note(struct mesh *m, uint32_t content)
{
    m->ids[content] = m->next_id;
    m->contents[m->next_id++] = content;
}

/* New ones, and one that left comes again. A batch that is lost leaves nothing. */
static void come(struct bench *b, struct mesh *m, uint64_t luck)
{
    const uint32_t fresh = (uint32_t)min_size((size_t)(luck % 3000), CONTENTS - m->next);
    int64_t id = m->next_id;
    begin(b);
    for (uint32_t i = 0; i < fresh; i++, id++)
        add(b, hash_of(m->next + i), id);
    const uint32_t again = m->oldest > 1 ? m->contents[m->oldest * 3 / 4] : CONTENTS;
    const bool has_again = again < CONTENTS && m->ids[again] == 0 && id > m->oldest + 10;
    if (has_again) {
        assert_int_equal(find(b, hash_of(again)), 0);
        add(b, hash_of(again), id++);
    }
    if (luck % 7 == 0) {
        hash_index_forget(b->index);
        must(b, "ROLLBACK");
        return;
    }
    commit(b, id - m->oldest);
    for (uint32_t i = 0; i < fresh; i++)
        note(m, m->next++);
    if (has_again)
        note(m, again);
}

static void go(struct bench *b, struct mesh *m, uint64_t luck)
{
    begin(b);
    for (uint64_t i = luck % 1500; i > 0 && m->oldest + 10 < m->next_id; i--, m->oldest++) {
        leave(b, m->oldest);
        m->ids[m->contents[m->oldest]] = 0;
    }
    commit(b, m->next_id - m->oldest);
}

static void look(struct bench *b, const struct mesh *m, uint64_t luck)
{
    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t content = (uint32_t)(mix(luck + i) % (m->next + 50));
        assert_int_equal(find(b, hash_of(content)), content < m->next ? m->ids[content] : 0);
    }
}

/* Contents come, the oldest leave, some of those come again, and some of the batches are lost: what
 * is stored is found, whatever table it is in, and nothing else. */
static void a_hash_is_found_as_long_as_its_transmission_is_there(void **state)
{
    (void)state;
    struct bench b;
    struct mesh m = {.ids = calloc(CONTENTS, sizeof *m.ids),
                     .contents = calloc((size_t)CONTENTS * 2, sizeof *m.contents),
                     .next_id = 1,
                     .oldest = 1};
    assert_non_null(m.ids);
    assert_non_null(m.contents);
    open_bench(&b);
    for (uint64_t round = 0; m.next < CONTENTS; round++) {
        const uint64_t luck = mix(round ^ 77);
        come(&b, &m, luck);
        go(&b, &m, luck);
        look(&b, &m, luck);
    }
    for (uint32_t content = 0; content < CONTENTS; content++)
        assert_int_equal(find(&b, hash_of(content)), m.ids[content]);
    /* Each table was reached, none holds more than it should, and what left was let go. */
    assert_in_range(number(&b, "SELECT count(*) FROM hashes_new"), 1, 35 * HASH_INDEX_PIECE);
    assert_in_range(number(&b, "SELECT count(*) FROM hashes_recent"), 1, 100 * HASH_INDEX_PIECE);
    assert_true(number(&b, "SELECT count(*) FROM hash_prefixes") > 0);
    assert_int_equal(number(&b, "SELECT count(*) FROM hashes"), 0);
    assert_true(m.oldest > 30000);
    const int64_t there = m.next_id - m.oldest;
    assert_in_range(number(&b, "SELECT (SELECT count(*) FROM hash_prefixes) + (SELECT count(*) FROM"
                               " hashes_recent) + (SELECT count(*) FROM hashes_new)"),
                    there, there + there / 8);
    free(m.ids);
    free(m.contents);
    close_bench(&b);
}

/* Schema 10 had eight bytes of each. They are found before, while and after they move, also where
 * two begin alike. */
static void former_hashes_move_behind_the_new_ones(void **state)
{
    (void)state;
    struct bench b;
    const int64_t former = 3 * HASH_INDEX_FORMER - 7;
    open_bench(&b);
    must(&b, "BEGIN IMMEDIATE");
    for (int64_t id = 1; id <= former; id++) {
        const uint64_t hash = mix((uint64_t)id / 2) ^ (uint64_t)(id % 2) << 56;
        bind_int(&b.insert, 1, id);
        bind_blob(&b.insert, 2, &hash, sizeof hash);
        assert_int_equal(statement_run(&b.insert), STATUS_OK);
    }
    must(&b, "INSERT INTO hashes SELECT hash, id FROM transmissions ORDER BY hash; COMMIT");
    for (int64_t round = 0; round < 5; round++) {
        begin(&b);
        for (int64_t i = 0; i < HASH_INDEX_PIECE; i++) {
            const int64_t id = former + 1 + round * HASH_INDEX_PIECE + i;
            add(&b, mix((uint64_t)id + 1000000), id);
        }
        commit(&b, former + (round + 1) * HASH_INDEX_PIECE);
        assert_int_equal(
            number(&b, "SELECT count(*) FROM hashes"),
            max_size((size_t)(3 - min_size(3, (size_t)round + 1)) * HASH_INDEX_FORMER, 7) - 7);
        for (int64_t id = 1; id <= former; id++)
            assert_int_equal(find(&b, mix((uint64_t)id / 2) ^ (uint64_t)(id % 2) << 56), id);
    }
    close_bench(&b);
}

/* Until the commit no table has it, and after a transaction that was taken back none ever will. */
static void a_new_hash_waits_for_the_commit(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    must(&b, "BEGIN IMMEDIATE");
    add(&b, 77, 1);
    assert_int_equal(hash_index_waits(b.index, (const uint8_t *)&(uint64_t){77}), 1);
    assert_int_equal(number(&b, "SELECT count(*) FROM hashes_new"), 0);
    hash_index_forget(b.index);
    must(&b, "ROLLBACK");
    assert_int_equal(find(&b, 77), 0);
    must(&b, "BEGIN IMMEDIATE");
    for (int64_t id = 1; id <= HASH_INDEX_WAITING + 1; id++)
        add(&b, hash_of((uint64_t)id), id);
    for (int64_t id = 1; id <= HASH_INDEX_WAITING + 1; id++)
        assert_int_equal(find(&b, hash_of((uint64_t)id)), id);
    assert_int_equal(number(&b, "SELECT count(*) FROM hashes_new"), HASH_INDEX_WAITING);
    commit(&b, HASH_INDEX_WAITING + 1);
    for (int64_t id = 1; id <= HASH_INDEX_WAITING + 1; id++) {
        const uint64_t hash = hash_of((uint64_t)id);
        assert_int_equal(hash_index_waits(b.index, (const uint8_t *)&hash), 0);
        assert_int_equal(find(&b, hash), id);
    }
    close_bench(&b);
}

/* --- cheap ------------------------------------------------------------------------------------ */

/* One index over all of history changes a page for nearly each of them; here several dozens of them
 * share one, and how much history there is hardly matters. */
static void a_new_hash_does_not_change_a_page_of_its_own(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    double pages_a_hash[2];
    int64_t id = 1;
    for (size_t length = 0; length < ARRAY_LEN(pages_a_hash); length++) {
        const int64_t until = length == 0 ? 50000 : 400000;
        must(&b, "BEGIN IMMEDIATE");
        for (; id < until; id++) {
            wait_for_commit(&b, mix((uint64_t)id), id);
            if (id % 20000 == 0)
                assert_int_equal(hash_index_write(b.index), STATUS_OK);
        }
        commit(&b, until);
        must(&b, "PRAGMA wal_checkpoint(TRUNCATE)");
        for (int64_t batch = 0; batch < 40; batch++) {
            must(&b, "BEGIN IMMEDIATE");
            for (int64_t i = 0; i < 1000; i++, id++)
                wait_for_commit(&b, mix((uint64_t)id), id);
            commit(&b, id);
        }
        pages_a_hash[length] = b.log_pages / 40000.0;
    }
    print_message("%.3f and %.3f pages a hash\n", pages_a_hash[0], pages_a_hash[1]);
    assert_true(pages_a_hash[0] < 0.3);
    assert_true(pages_a_hash[1] < 0.3);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_found_as_long_as_its_transmission_is_there),
        cmocka_unit_test(a_new_hash_waits_for_the_commit),
        cmocka_unit_test(former_hashes_move_behind_the_new_ones),
        cmocka_unit_test(a_new_hash_does_not_change_a_page_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
