/* SPDX-License-Identifier: MIT */
#include "tests/support/retention_bench.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/fake_clock.h"

#include <string.h>

void bench_open(struct retention_bench *b, int hours)
{
    memset(b, 0, sizeof *b);
    fixture_db_open(&b->db);
    fake_clock_install((BENCH_T0 + hours * BENCH_HOUR) * US_PER_MS, 1000 * (mono_us)US_PER_S);
    maintenance_init(&b->m, &b->config);
}

void bench_close(struct retention_bench *b)
{
    fake_clock_remove();
    fixture_db_close(&b->db);
}

void bench_restart(struct retention_bench *b)
{
    fixture_db_reopen(&b->db);
    maintenance_init(&b->m, &b->config);
}

void bench_sql(struct retention_bench *b, const char *sql)
{
    sqlite3 *db = NULL;
    char *error = NULL;
    assert_int_equal(sqlite3_open_v2(b->db.path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void hear(struct retention_bench *b, const char *observer, uint32_t seed, unsigned hops,
                 int64_t receipt_ms)
{
    struct fixture_packet packet;
    fixture_text(&packet, observer, seed, hops, receipt_ms);
    (void)fixture_apply(b->db.store, &packet);
}

void bench_hear(struct retention_bench *b, const char *observer, uint32_t seed, unsigned hops,
                int64_t receipt_ms)
{
    assert_int_equal(store_begin(b->db.store, false), STATUS_OK);
    hear(b, observer, seed, hops, receipt_ms);
    assert_int_equal(store_commit(b->db.store), STATUS_OK);
}

void bench_past(struct retention_bench *b, int hours, uint32_t per_hour)
{
    assert_int_equal(store_begin(b->db.store, false), STATUS_OK);
    for (uint32_t i = 0; i < (uint32_t)hours * per_hour; i++) {
        const int64_t at = BENCH_T0 + (int64_t)i * BENCH_HOUR / per_hour;
        hear(b, "A", 1000 + i, i % 4, at);
        hear(b, "B", 1000 + i, 1 + i % 3, at + 500);
    }
    assert_int_equal(store_commit(b->db.store), STATUS_OK);
}

/* Each step of each path: protocol.md 1.3 and the comments of schema.c. */
#define EDGES(last)                                                                                          \
    "SELECT substr(path, 1 + path_size * i, path_size) AS from_hop, CASE WHEN path_size * (i + 1)"           \
    " < length(path) THEN substr(path, 1 + path_size * (i + 1), path_size) ELSE x'' END AS to_hop"           \
    ", CASE WHEN path_size * (i + 1) < length(path) THEN 0 ELSE observer_id END AS observer,"                \
    " count(DISTINCT o.id) AS n FROM (WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE" \
    " i < 63) SELECT i FROM n), observations o JOIN transmissions t ON t.id = o.transmission_id"             \
    " WHERE path_size * i < length(path) AND coalesce(o.route, t.route) IN (0, 1) AND t.type <> 9"           \
    " AND o.direction = 0 AND o.id <= " last " GROUP BY 1, 2, 3"

/* Edges are counted behind the messages, those of bench_derive were before. */
#define COUNTED                                                                                    \
    "(SELECT coalesce(max(position), 0) FROM jobs WHERE name IN ('count_late',"                    \
    " 'count_late_edges'))"

/* The kinds by which a text is counted, of hours that are still whole. */
#define ROLLUPS                                                                                    \
    "SELECT 0 AS kind, 0 AS key, receipt_ms / 3600000 AS hour, count(*) AS observations,"          \
    " (SELECT count(*) FROM transmissions t WHERE t.first_ms / 3600000 = o.receipt_ms / 3600000)"  \
    " AS transmissions FROM observations o GROUP BY 3 UNION ALL SELECT 1, observer_id, receipt_ms" \
    " / 3600000, count(*), 0 FROM observations GROUP BY 2, 3"

void bench_derive(struct retention_bench *b)
{
    bench_sql(
        b,
        "DELETE FROM neighbor_edges; DELETE FROM messages; DELETE FROM channels;"
        "DELETE FROM rollups;"
        "INSERT INTO neighbor_edges SELECT from_hop, to_hop, observer, n, 0, 0 FROM (" EDGES(
            "(SELECT max(id) FROM observations)") ");"
                                                  "INSERT OR REPLACE INTO jobs (name, position) SELECT 'count_late_edges', max(id) FROM"
                                                  "  observations;"
                                                  "INSERT INTO messages (transmission_id, channel_id, text)"
                                                  "  SELECT id, 1 + (first_ms / 3600000) % 5, 'text' FROM transmissions WHERE id % 3 ="
                                                  "  0;"
                                                  "INSERT INTO channels SELECT channel_id, 'channel ' || channel_id, 0, count(*), 0, 0"
                                                  "  FROM messages GROUP BY 1;"
                                                  "INSERT INTO rollups " ROLLUPS);
}

static void assert_none(struct retention_bench *b, const char *what, const char *sql)
{
    char text[512];
    if (strcmp(fixture_text_of(&b->db, sql, text), "NULL") != 0)
        fail_msg("%s differ from a recount: %s", what, text);
}

void bench_assert_recount(struct retention_bench *b)
{
    assert_none(b, "edges",
                "SELECT group_concat(hex(f) || '>' || hex(t) || '@' || o || ':' || n) FROM (SELECT"
                " from_hop AS f, to_hop AS t, observer AS o, n FROM (" EDGES(
                    COUNTED) ") EXCEPT SELECT from_hop,"
                             " to_hop, observer_id, count FROM neighbor_edges)");
    assert_none(
        b, "edges without observations",
        "SELECT group_concat(hex(f) || ':' || n) FROM (SELECT from_hop AS f, to_hop AS t,"
        " observer_id AS o, count AS n FROM neighbor_edges WHERE count > 0 EXCEPT SELECT from_hop, to_hop,"
        " observer, n FROM (" EDGES(COUNTED) "))");
    assert_none(
        b, "channels",
        "SELECT group_concat(name || ':' || message_count) FROM channels c WHERE"
        " message_count <> (SELECT count(*) FROM messages WHERE channel_id = c.id) + (SELECT"
        " count(*) FROM companion_messages WHERE channel_id = c.id) OR message_count = 0");
    assert_none(b, "messages",
                "SELECT group_concat(transmission_id) FROM messages WHERE transmission_id NOT IN"
                " (SELECT id FROM transmissions) OR channel_id NOT IN (SELECT id FROM channels)");
    assert_none(b, "counts",
                "SELECT transmissions || '/' || observations || '/' || nodes FROM meta WHERE"
                " transmissions <> (SELECT count(*) FROM transmissions) OR observations <> (SELECT"
                " count(*) FROM observations) OR nodes <> (SELECT count(*) FROM nodes) UNION ALL"
                " SELECT NULL");
    assert_none(
        b, "observation counts",
        "SELECT group_concat(id) FROM transmissions LEFT JOIN (SELECT transmission_id AS of,"
        " count(*) AS n FROM observations GROUP BY 1) ON of = id WHERE observation_count <>"
        " coalesce(n, 0)");
    assert_none(b, "orphans",
                "SELECT group_concat(id) FROM observations WHERE transmission_id NOT IN (SELECT id"
                " FROM transmissions)");
    assert_none(b, "rollups",
                "SELECT group_concat(kind || '/' || key || '/' || hour || ':' || observations) FROM"
                " (SELECT * FROM (" ROLLUPS
                ") WHERE hour * 3600000 >= (SELECT retained_from_ms FROM"
                " meta) EXCEPT SELECT * FROM rollups)");
    assert_none(b, "hours",
                "SELECT group_concat(id) FROM (SELECT o.id FROM observations o WHERE NOT EXISTS"
                " (SELECT 1 FROM hours WHERE hour = o.receipt_ms / 3600000 AND o.id BETWEEN"
                " first_observation AND last_observation) UNION ALL SELECT t.id FROM transmissions"
                " t WHERE NOT EXISTS (SELECT 1 FROM hours WHERE hour = t.first_ms / 3600000 AND"
                " t.id BETWEEN first_transmission AND last_transmission))");
    assert_string_equal(fixture_text_of(&b->db, "PRAGMA integrity_check", (char[512]){0}), "ok");
}

static void turn(struct retention_bench *b)
{
    struct maintenance_slice slice;
    const enum status status = maintenance_turn(&b->m, b->db.store, &slice);
    b->failures += status != STATUS_OK;
    assert_true(status == STATUS_OK || b->may_fail);
    if (status != STATUS_OK || slice.job == JOB_COUNT)
        return;
    b->slices[slice.job]++;
    b->rows[slice.job] += slice.rows;
}

void bench_run(struct retention_bench *b, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        fake_clock_advance(US_PER_S);
        turn(b);
    }
}

void bench_pass(struct retention_bench *b, int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i += 10) {
        fake_clock_advance(10 * (mono_us)US_PER_S);
        turn(b);
    }
}
