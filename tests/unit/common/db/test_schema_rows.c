/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/db/db.h"
#include "common/db/schema.h"

#include <stdio.h>
#include <string.h>

static sqlite3 *open_memory(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static void must(sqlite3 *db, const char *sql)
{
    struct err err = {0};
    if (db_exec(db, sql, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

static sqlite3 *open_version(const char *name)
{
    sqlite3 *db = open_memory();
    char path[sizeof FIXTURES_DIR + 32];
    (void)snprintf(path, sizeof path, FIXTURES_DIR "%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    static char sql[65536];
    const size_t len = fread(sql, 1, sizeof sql - 1, file);
    assert_true(len > 0 && len < sizeof sql - 1);
    assert_int_equal(fclose(file), 0);
    sql[len] = '\0';
    must(db, sql);
    return db;
}

static void assert_text(sqlite3 *db, const char *sql, const char *wanted)
{
    sqlite3_stmt *stmt = NULL;
    struct err err = {0};
    if (db_prepare(db, sql, &stmt, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    assert_string_equal(text != NULL ? text : "NULL", wanted);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

/* As many rows in today's form as `before` holds, which say the same. */
static void add_todays_rows(sqlite3 *db)
{
    must(
        db,
        "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size,"
        " path, source_id, receipt_ms, said, heard, form) SELECT id + 3000, transmission_id,"
        " observer_id, direction, path_size, CAST(path || 'x' AS BLOB), source_id,"
        " receipt_ms, envelope_ms - receipt_ms, CAST(snr * 4 AS INTEGER), 2 FROM before;"
        "INSERT INTO transmissions (id, hash, type, route, copies, first_ms,"
        " lasted, raw) SELECT id + 2000, hash, type, 1, observation_count + 1, first_ms,"
        " " SCHEMA_LASTED(
            "first_ms",
            "last_ms") ", raw FROM transmissions;"
                       "INSERT INTO observation_keys (transmission_id, observer_id, id) SELECT transmission_id,"
                       " observer_id, id FROM observations WHERE id > 3000;"
                       "INSERT INTO type_blocks SELECT type, id >> 6, count(*) FROM transmissions WHERE"
                       " id > 2000 GROUP BY 1, 2 ON CONFLICT DO UPDATE SET n = n + excluded.n");
}

/* What was there reads as it did, whatever comes beside it; the keys of all lead to them, also in
 * pages that were an index. */
static void rows_of_version_10_stay_as_they_are(void **state)
{
    (void)state;
    static const char *const old[] = {"/version_1.sql", "/version_10.sql"};
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        sqlite3 *db = open_version(old[i]);
        struct err err = {0};
        must(db, "DELETE FROM observations; DELETE FROM transmissions;"
                 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                 " INSERT INTO observations (id, transmission_id, observer_id, direction,"
                 " path_size, path, source_id, receipt_ms, envelope_ms, snr) SELECT i, i / 3 + 1,"
                 " i % 7 + 1, 0, 1 + i % 3, CAST(printf('%06d', i) AS BLOB), 1,"
                 " 1774800000000 + i, iif(i % 5, 1774790000000 + i * 31, NULL), i % 90 / 4.0 - 9"
                 " FROM n");
        must(db,
             "INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms,"
             " last_ms, raw) SELECT transmission_id, randomblob(8), transmission_id % 3, 1,"
             " count(*), min(receipt_ms), max(receipt_ms), x'0900' FROM observations GROUP BY 1;"
             "CREATE TEMP TABLE before AS SELECT o.*, t.first_ms, t.last_ms, t.type,"
             " t.observation_count FROM"
             " observations o JOIN transmissions t ON t.id = o.transmission_id; ANALYZE");
        if (schema_migrate(db, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        add_todays_rows(db);
        assert_text(db, "PRAGMA integrity_check", "ok");
        assert_text(
            db,
            "SELECT count(*) || ' ' || sum(o.snr IS b.snr AND o.envelope_ms IS b.envelope_ms"
            " AND typeof(o.snr) = 'real' AND o.is_skewed IS iif(o.id > 3000, 1, NULL))"
            " FROM before b CROSS JOIN observation_keys k ON k.transmission_id ="
            " b.transmission_id AND k.observer_id = b.observer_id CROSS JOIN observations o"
            " ON o.id = k.id WHERE o.id IN (b.id, b.id + 3000)",
            "6000 6000");
        assert_text(
            db,
            "SELECT count(*) || ' ' || sum(t.first_ms = b.first_ms AND t.last_ms ="
            " b.last_ms AND t.observation_count = b.observation_count) || ' ' || sum(t.lasted < 1000) FROM before b JOIN transmissions t"
            " ON t.id IN (b.transmission_id, b.transmission_id + 2000)",
            "6000 6000 3000");
        assert_text(db,
                    "SELECT group_concat(total) FROM (SELECT sum(n) = (SELECT count(*) FROM"
                    " transmissions t WHERE t.type = b.type) AS total FROM type_blocks b GROUP BY"
                    " type ORDER BY type)",
                    "1,1,1");
        must(db, "DELETE FROM observations WHERE id % 2; DELETE FROM transmissions WHERE id % 65");
        assert_text(db,
                    "SELECT (SELECT count(*) FROM observation_keys) || ' ' || ((SELECT sum(n) FROM"
                    " type_blocks) - (SELECT count(*) FROM transmissions))",
                    "3000 0");
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_version_10_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
