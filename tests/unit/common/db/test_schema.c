/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/db/db.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static sqlite3 *open_memory(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static sqlite3 *open_newest(void)
{
    sqlite3 *db = open_memory();
    struct err err = {0};
    assert_int_equal(schema_migrate(db, &err), STATUS_OK);
    return db;
}

static void must(sqlite3 *db, const char *sql)
{
    struct err err = {0};
    if (db_exec(db, sql, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

/* The texts that the query yields, and no more of them. */
static void assert_rows(sqlite3 *db, const char *query, const char *const *wanted, size_t count)
{
    sqlite3_stmt *stmt = NULL;
    struct err err = {0};
    assert_int_equal(db_prepare(db, query, &stmt, &err), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(stmt, 0), wanted[i]);
    }
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static void a_new_database_reaches_the_newest_version_once(void **state)
{
    (void)state;
    sqlite3 *db = open_memory();
    struct err err = {0};
    int version = -1;
    assert_int_equal(schema_check(db, &version, &err), STATUS_NOT_FOUND);
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(schema_check(db, &version, &err), STATUS_OK);
    assert_int_equal(version, SCHEMA_VERSION);
    assert_int_equal(schema_migrate(db, &err), STATUS_OK);
    must(db, "UPDATE meta SET commits = commits + 1 WHERE id = 1");
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_or_a_foreign_file_is_not_touched(void **state)
{
    (void)state;
    sqlite3 *db = open_memory();
    struct err err = {0};
    int version = -1;
    assert_int_equal(schema_migrate(db, &err), STATUS_OK);
    must(db, "PRAGMA user_version = 99");
    int changes = sqlite3_total_changes(db);
    assert_int_equal(schema_migrate(db, &err), STATUS_NEWER);
    assert_int_equal(schema_check(db, &version, &err), STATUS_NEWER);
    assert_int_equal(sqlite3_total_changes(db), changes);
    assert_int_equal(version, -1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    db = open_memory();
    must(db, "CREATE TABLE observers (id TEXT)");
    assert_int_equal(schema_migrate(db, &err), STATUS_FOREIGN);
    assert_non_null(strstr(err.text, "not made by Weir"));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void assert_peek(const char *path, enum status status, const char *text)
{
    struct err err = {0};
    assert_int_equal(schema_peek(path, &err), status);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static int count_commit(void *count)
{
    ++*(int *)count;
    return 0;
}

/* Who reads meanwhile (a server that was started first) sees no table or all of them, and need not
 * complain of one that is missing. */
static void a_new_database_is_whole_in_one_step(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    sqlite3 *db = NULL;
    int commits = 0;
    temp_dir_make(dir);
    temp_dir_path(dir, "weir.db", path);
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    (void)sqlite3_commit_hook(db, count_commit, &commits);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(commits, 1);
    assert_int_equal(schema_version(db), SCHEMA_VERSION);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    temp_dir_remove(dir);
}

static void a_file_is_known_before_it_is_opened(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    sqlite3 *db = NULL;
    temp_dir_make(dir);
    temp_dir_path(dir, "weir.db", path);
    assert_peek(path, STATUS_NOT_FOUND, "");
    assert_peek(dir, STATUS_FOREIGN, "folder");
    write_file(path, "", 0);
    assert_peek(path, STATUS_NOT_FOUND, "");
    write_file(path, "junk", 4);
    assert_peek(path, STATUS_FOREIGN, "no SQLite database");
    assert_int_equal(unlink(path), 0);

    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_peek(path, STATUS_OK, ""); /* killed before its first checkpoint */
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_peek(path, STATUS_OK, "");
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    must(db, "PRAGMA user_version = 99");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_peek(path, STATUS_NEWER, "version 99");
    assert_int_equal(unlink(path), 0);

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    must(db, "CREATE TABLE observers (id TEXT)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_peek(path, STATUS_FOREIGN, "not made by Weir");
    temp_dir_remove(dir);
}

#define PLAN_MAX 512

/* The plan's text of a query, joined. */
static void read_plan(sqlite3 *db, const char *query, char plan[static PLAN_MAX])
{
    char sql[768];
    plan[0] = '\0';
    (void)sqlite3_snprintf(sizeof sql, sql, "EXPLAIN QUERY PLAN %s", query);
    sqlite3_stmt *stmt = NULL;
    struct err err = {0};
    if (db_prepare(db, sql, &stmt, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(stmt, 3);
        size_t used = strlen(plan);
        (void)sqlite3_snprintf((int)(PLAN_MAX - used), plan + used, "%s; ", text);
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static void assert_plan(sqlite3 *db, const char *query, const char *wanted)
{
    char plan[PLAN_MAX];
    read_plan(db, query, plan);
    if (strstr(plan, wanted) == NULL)
        fail_msg("%s: plan is: %s", query, plan);
}

static void assert_whole_plan(sqlite3 *db, const char *query, const char *wanted)
{
    char plan[PLAN_MAX];
    read_plan(db, query, plan);
    assert_string_equal(plan, wanted);
}

#define OF_TYPE "SELECT t.id FROM " SCHEMA_OF_TYPE("?1", "?2", "?3")

static void each_index_serves_its_query(void **state)
{
    (void)state;
    sqlite3 *db = open_newest();
    static const char by_hash[] = "SELECT id FROM transmissions WHERE " SCHEMA_IS_HASH("?1");
    assert_plan(db, by_hash, "SEARCH transmissions USING INTEGER PRIMARY KEY (rowid=?)");
    assert_plan(db, by_hash, "SEARCH hashes_new USING PRIMARY KEY (hash=?)");
    assert_plan(db, by_hash, "SEARCH hashes_recent USING PRIMARY KEY (hash=?)");
    assert_plan(db, by_hash, "SEARCH p USING PRIMARY KEY (prefix=?)");
    assert_plan(db, by_hash, "SEARCH x USING INTEGER PRIMARY KEY (rowid=?)");
    assert_plan(db, by_hash, "SEARCH hashes USING PRIMARY KEY (hash=?)");
    assert_plan(db, "SELECT id FROM transmissions WHERE sender = ?1 ORDER BY id DESC LIMIT 50",
                "INDEX transmissions_sender (sender=?)");
    assert_plan(db, "SELECT id FROM observations WHERE observer_id = ?1 ORDER BY id DESC LIMIT 50",
                "INDEX observations_observer (observer_id=?)");
    assert_plan(db, "SELECT id FROM nodes WHERE is_inactive = 1 ORDER BY last_heard_ms LIMIT 1",
                "INDEX nodes_inactive");
    /* No sort: what comes first is found first. */
    static const char of_type[] = "SEARCH b USING PRIMARY KEY (type=? AND block>? AND block<?);"
                                  " SEARCH t USING INTEGER PRIMARY KEY (rowid>? AND rowid<?); ";
    assert_whole_plan(db, OF_TYPE " ORDER BY b.block DESC, t.id DESC LIMIT 50", of_type);
    assert_whole_plan(db, OF_TYPE " ORDER BY b.block, t.id LIMIT 50", of_type);
    assert_whole_plan(db,
                      "SELECT o.id FROM " SCHEMA_OBSERVATIONS_OF("?1") " AND k.observer_id = ?2",
                      "SEARCH k USING PRIMARY KEY (transmission_id=? AND observer_id=?);"
                      " SEARCH o USING INTEGER PRIMARY KEY (rowid=?); ");
    assert_plan(db, "SELECT id FROM client_receptions WHERE rx_ms >= ?1",
                "INDEX client_receptions_time (rx_ms>?)");
    assert_plan(db, "SELECT count FROM node_observers WHERE node_id = ?1",
                "SEARCH node_observers USING PRIMARY KEY (node_id=?)");
    assert_plan(db, "SELECT min(first_observation) FROM hours WHERE hour >= ?1",
                "SEARCH hours USING PRIMARY KEY (hour>?)");
    assert_plan(db, "SELECT id FROM observers WHERE identity = ?1", "(identity=?)");
    assert_plan(db, "SELECT id FROM nodes WHERE public_key = ?1", "(public_key=?)");
    assert_plan(
        db,
        "SELECT battery_mv FROM observer_metrics WHERE observer_id = ?1 AND receipt_ms / 300000 > ?2",
        "INDEX observer_metrics_slot");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void the_view_shows_a_packet_to_a_person(void **state)
{
    (void)state;
    sqlite3 *db = open_newest();
    must(db, "INSERT INTO sources VALUES (1, 'broker');"
             "INSERT INTO observers (id, identity, name, first_ms) VALUES (1, 'AB', 'roof', 0);"
             "INSERT INTO transmissions (id, hash, type, route, copies, first_ms, "
             "lasted, raw)"
             " VALUES (1, x'0123456789ABCDEF', 4, 1, 1, 0, 0, x'1100');"
             "INSERT INTO observations VALUES (1, 1, 1, 0, 2, x'A1B2C3D4', 1, 1700000000123, NULL,"
             " 7.25, -90, NULL, 1, NULL, NULL, NULL, NULL)");
    static const char *const wanted[] = {
        "0123456789abcdef ADVERT FLOOD roof A1B2,C3D4 2023-11-14T22:13:20.123Z"};
    assert_rows(db,
                "SELECT hash || ' ' || type || ' ' || route || ' ' || observer_name"
                " || ' ' || path || ' ' || received FROM packets_v",
                wanted, ARRAY_LEN(wanted));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* 7.3: counters begin anew with the device. The third sample's uptime is longer than the second's,
 * and yet began after it. */
static void counters_differ_only_while_the_device_runs_on(void **state)
{
    (void)state;
    sqlite3 *db = open_newest();
    must(db, "INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms,"
             " uptime_secs, packets_recv) VALUES (1, 0, x'00', 0, 5000, 900),"
             " (1, 1, x'01', 300000, 100, 7), (1, 2, x'02', 600000, 250, 3),"
             " (1, 3, x'03', 900000, 550, 9), (1, 4, x'04', 1200000, NULL, 10),"
             " (2, 0, x'00', 300000, 9000, 70)");
    static const char *const wanted[] = {"1 - -", "1 - 1", "1 - 1", "1 6.0 0", "1 - -", "2 - -"};
    assert_rows(db,
                "SELECT observer_id || ' ' || coalesce(packets_recv_delta, '-') ||"
                " ' ' || coalesce(is_reboot, '-') FROM observer_metrics_v"
                " ORDER BY observer_id, receipt_ms",
                wanted, ARRAY_LEN(wanted));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The route is that of the reception; a TRACE's path holds SNR values, which are no hops
 * (protocol.md 4.10). */
static void the_view_shows_each_reception_as_it_was(void **state)
{
    (void)state;
    sqlite3 *db = open_newest();
    must(db, "INSERT INTO transmissions (id, hash, type, route, copies, first_ms,"
             " lasted, raw) VALUES (1, x'0123456789ABCDEF', 4, 1, 2, 0, 0, x'1100'),"
             " (2, x'1123456789ABCDEF', 9, 2, 1, 0, 0, x'260230F4');"
             "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size,"
             " path, source_id, receipt_ms, route) VALUES (1, 1, 1, 0, 1, x'A1', 1, 0, 1),"
             " (2, 1, 2, 0, 1, x'B2', 1, 0, 2), (3, 2, 1, 0, 1, x'30F4', 1, 0, 2),"
             " (4, 2, 2, 0, 1, x'', 1, 0, NULL)");
    static const char *const wanted[] = {"ADVERT FLOOD A1", "ADVERT DIRECT B2", "TRACE DIRECT -",
                                         "TRACE DIRECT -"};
    assert_rows(db,
                "SELECT type || ' ' || route || ' ' || coalesce(path, '-')"
                " FROM packets_v ORDER BY id",
                wanted, ARRAY_LEN(wanted));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* An edge's hops are prefixes; which node one means is known while only one key begins with it.
 * Looked up by the index on keys: a scan of all nodes for each edge took minutes. */
static void an_edge_names_the_nodes_that_its_hops_can_mean(void **state)
{
    (void)state;
    sqlite3 *db = open_newest();
    must(db, "INSERT INTO nodes (id, public_key, first_ms, advert_time) VALUES"
             " (1, CAST(x'0100' || zeroblob(30) AS BLOB), 0, 0),"
             " (2, CAST(x'0102' || zeroblob(30) AS BLOB), 0, 0),"
             " (3, x'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 0, 0),"
             " (4, CAST(x'0aff' || zeroblob(30) AS BLOB), 0, 0)");
    must(db, "INSERT INTO neighbor_edges VALUES (x'0100', x'0102', 0, 1, 0, 0),"
             " (x'01', x'0aff', 0, 1, 0, 0), (x'0a', x'01', 0, 1, 0, 0),"
             " (x'ff', x'0b', 0, 1, 0, 0), (x'0102', x'', 7, 1, 0, 0),"
             " (x'ffff', x'ff', 0, 1, 0, 0), (x'0aff', x'0101', 0, 0, 0, 0)");
    static const char *const wanted[] = {"01 0AFF - 4 -", "0100 0102 1 2 -", "0102  2 - 7",
                                         "0A 01 4 - -",   "FF 0B 3 - -",     "FFFF FF 3 3 -"};
    assert_rows(db,
                "SELECT from_hop || ' ' || to_hop || ' ' || coalesce(from_node, '-')"
                " || ' ' || coalesce(to_node, '-') || ' ' ||"
                " coalesce(observer_id, '-') FROM neighbor_edges_v ORDER BY 1",
                wanted, ARRAY_LEN(wanted));
    assert_plan(db, "SELECT from_node, to_node FROM neighbor_edges_v",
                "SEARCH n USING COVERING INDEX sqlite_autoindex_nodes_1");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
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

static sqlite3 *open_version_1(void)
{
    return open_version("/version_1.sql");
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

#define KEY_OF_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_OF_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* What version 1 knew is as new as the migration says: the next advert or status must win over it
 * where it is newer, and only there. */
static void nodes_and_observers_of_version_1_say_how_new_they_are(void **state)
{
    (void)state;
    sqlite3 *db = open_version_1();
    struct err err = {0};
    /* A clock more than a day ahead of the last receipt; one that is just a day ahead, of a node
     * that only retained messages told of. */
    must(db,
         "INSERT INTO nodes (id, public_key, name, role, lat, lon, first_ms, last_ms, advert_time)"
         " VALUES (1, x'" KEY_OF_A "', 'A', 2, 1, 2, 5000, 1774800000999, 1774886401),"
         " (2, x'" KEY_OF_B "', '', NULL, NULL, NULL, 1774800000999, NULL, 1774886400)");
    must(db,
         "INSERT INTO observers (id, identity, name, first_ms, last_ms, status, status_ms, model)"
         " VALUES (1, '" KEY_OF_A "', 'a', 0, 7000, 'online', 9000, 'x'),"
         " (2, 'roof', 'b', 0, 7000, 'online', 6000, 'x'),"
         " (3, '" KEY_OF_B "b', 'c', 0, NULL, NULL, NULL, NULL),"
         " (4, 'cellar', 'd', 0, NULL, 'online', 6000, 'x')");
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_text(
        db,
        "SELECT group_concat(advert_time || ' ' || name_time || ' ' || role_time || ' ' ||"
        " position_time || ' ' || telemetry_time, ',') FROM (SELECT * FROM nodes ORDER BY id)",
        "1774800000 1774800000 1774800000 1774800000 0,1774886400 0 0 0 0");
    assert_text(
        db,
        "SELECT group_concat(substr(identity, -2) || ' ' || name_ms || ' ' || iata_ms || ' '"
        " || coalesce(status_ms, '-') || ' ' || model_ms || ' ' || can_relay_ms, ',')"
        " FROM (SELECT * FROM observers ORDER BY id)",
        "AA 7000 7000 7000 7000 7000,of 7000 7000 6000 6000 6000,bb 0 0 - 0 0,"
        "ar 0 0 0 0 0");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The first transport code, little-endian (protocol.md 5); of five minutes the earliest sample. */
static void receptions_and_samples_of_version_1_take_their_new_form(void **state)
{
    (void)state;
    sqlite3 *db = open_version_1();
    struct err err = {0};
    must(db,
         "INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms, last_ms,"
         " raw) VALUES (1, x'0000000000000001', 2, 0, 1, 0, 0, x'08FE9B000000AA'),"
         " (2, x'0000000000000002', 2, 3, 1, 0, 0, x'0B0000000000AA'),"
         " (3, x'0000000000000003', 2, 3, 1, 0, 0, x'0B0000010000AA'),"
         " (4, x'0000000000000004', 2, 1, 1, 0, 0, x'0900AABBCCDDEE')");
    must(db,
         "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
         " source_id, receipt_ms) SELECT id, id, 1, 0, 1, x'', 1, 0 FROM transmissions");
    must(db, "INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms)"
             " VALUES (1, 1, x'01', 300000), (1, 2, x'00', 300000), (1, 3, x'00', 299999),"
             " (1, 4, x'00', 599999), (2, 5, x'00', 599999)");
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_text(db,
                "SELECT group_concat(route || ' ' || coalesce(scope_code, '-'), ',') FROM"
                " (SELECT * FROM observations ORDER BY id)",
                "0 39934,3 -,3 0,1 -");
    assert_text(db,
                "SELECT group_concat(envelope_ms, ',') FROM"
                " (SELECT * FROM observer_metrics ORDER BY envelope_ms)",
                "2,3,5");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A cursor of before names no record; it is believed, once. */
static void cursors_of_version_1_name_no_record(void **state)
{
    (void)state;
    sqlite3 *db = open_version_1();
    struct err err = {0};
    must(db, "INSERT INTO ring_cursors (uuid, chain, source, created_ms, next_offset, next_number,"
             " consumed, recovered) VALUES (x'01', x'02', 'a', 3, 4096, 12, 12, 0)");
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_text(db,
                "SELECT next_number || ' ' || coalesce(last_crc, 'NULL') || ' ' || appended"
                " FROM ring_cursors",
                "12 NULL 0");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What stood there from a question that was not answered is no answer. */
static void scopes_of_neighbours_say_since_when(void **state)
{
    (void)state;
    sqlite3 *db = open_version("/version_4.sql");
    struct err err = {0};
    must(db,
         "INSERT INTO reported_neighbors (observer_id, neighbor, as_of_ms, status, scopes) VALUES"
         " (1, 'a', 5, 'responded', 'eu'), (1, 'b', 6, 'timeout', 'eu'), (1, 'c', 7, NULL, 'eu'),"
         " (1, 'd', 8, 'Responded', NULL)");
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_text(db,
                "SELECT group_concat(neighbor || ' ' || coalesce(scopes, '-') || ' ' ||"
                " coalesce(scopes_ms, '-'), ',') FROM reported_neighbors",
                "a eu 5,b - -,c - -,d - -");
    assert_text(db, "SELECT count(*) FROM region_answers", "0");
    assert_plan(db,
                "SELECT id FROM region_answers ORDER BY as_of_ms DESC, target LIMIT -1 OFFSET 5",
                "USING COVERING INDEX region_answers_age");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int count_beat(void *context)
{
    return ++*(int *)context > 19; /* 20,000 opcodes: less than one a row */
}

/* What comes behind the messages begins at the first observation, and knows up to which one it was
 * counted otherwise; nothing of the history is read here. */
static void version_5_learns_who_relayed_behind_the_messages(void **state)
{
    (void)state;
    sqlite3 *db = open_version("/version_5.sql");
    struct err err = {0};
    must(db,
         "INSERT INTO nodes (id, public_key, first_ms, last_ms, advert_time, is_inactive) VALUES"
         " (1, x'" KEY_OF_A "', 5, 7, 0, 1), (2, x'" KEY_OF_B "', 5, NULL, 0, 0)");
    must(db,
         "INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms, last_ms,"
         " raw) VALUES (1, x'0000000000000001', 2, 0, 1, 0, 0, x'08FE9B000000AA')");
    must(db,
         "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
         " INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
         " source_id, receipt_ms) SELECT i, 1, i, 0, 1, x'', 1, 0 FROM n");
    int beats = 0;
    sqlite3_progress_handler(db, 1000, count_beat, &beats);
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    assert_text(db, "SELECT name || ' ' || position || ' ' || value FROM jobs",
                "count_late 0 20000");
    assert_text(db, "SELECT done FROM jobs", "0");
    assert_text(db, "SELECT position FROM jobs WHERE name = 'count_late_edges'", "20000");
    must(db, "UPDATE nodes SET last_relayed_ms = 6");
    assert_text(db, "SELECT group_concat(last_heard_ms) FROM nodes", "7,6");
    must(db, "UPDATE nodes SET last_relayed_ms = iif(id = 1, 9, NULL)");
    assert_text(db, "SELECT group_concat(coalesce(last_heard_ms, '-')) FROM nodes", "9,-");
    assert_text(db, "SELECT count(*) FROM observers_v", "0");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* All hours from the oldest to the newest that rollups know, and those far off: an hour in which an
 * observer only sent is in no rollup. What is counted late begins anew and knows what it had. */
static void version_6_finds_all_it_has_in_any_hour(void **state)
{
    (void)state;
    sqlite3 *db = open_version("/version_6.sql");
    struct err err = {0};
    must(db, "INSERT INTO rollups VALUES (0, 0, 493000, 1, 1), (0, 0, 493003, 1, 1),"
             " (0, 0, 470000, 1, 1), (1, 1, 600000, 1, 1);"
             "UPDATE jobs SET position = 9000, value = 70 WHERE name = 'count_late';");
    must(db,
         "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
         " INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
         " source_id, receipt_ms) SELECT i, 1, i, 0, 1, x'', 1, 0 FROM n");
    must(db,
         "INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms, last_ms,"
         " raw) VALUES (77, x'0000000000000001', 2, 0, 1, 0, 0, x'08FE9B000000AA')");
    if (schema_migrate(db, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_text(db, "SELECT name || ' ' || position || ' ' || value || ' ' || done FROM jobs",
                "count_late 0 70 9000");
    assert_text(db, "SELECT count(*) || ' ' || min(hour) || ' ' || max(hour) FROM hours",
                "20001 470000 493003");
    assert_text(db,
                "SELECT group_concat(hour || ':' || first_observation || '-' || last_observation"
                " || ' ' || first_transmission || '-' || last_transmission, ',')"
                " FROM hours WHERE hour >= 493001",
                "493001:0-20000 0-77,493002:0-20000 0-77,493003:0-20000 0-77");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The pages of the index on hashes become a table where they lie. */
static void version_8_finds_its_hashes_where_they_were(void **state)
{
    (void)state;
    static const char *const old[] = {"/version_1.sql", "/version_6.sql"};
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        sqlite3 *db = open_version(old[i]);
        struct err err = {0};
        must(db, "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                 " INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms,"
                 " last_ms, raw) SELECT i, CAST(substr(printf('%08d', i * 7919 % 20011), -8) AS"
                 " BLOB), 2, 0, 1, 0, 0, x'0900' FROM n; ANALYZE");
        if (schema_migrate(db, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        assert_text(db, "PRAGMA integrity_check", "ok");
        assert_text(db, "SELECT count(*) FROM hashes", "20001");
        assert_text(db,
                    "SELECT count(*) FROM transmissions o WHERE o.id <> (SELECT id FROM"
                    " transmissions WHERE " SCHEMA_IS_HASH("o.hash") ")",
                    "0");
        assert_text(db, "SELECT count(*) FROM pragma_index_list('transmissions') WHERE \"unique\"",
                    "0");
        /* It is a table like any other from here on. */
        must(db, "DELETE FROM hashes WHERE id % 3 = 0; INSERT INTO hashes SELECT hash, id FROM"
                 " transmissions WHERE id % 3 = 0; DROP TABLE IF EXISTS sqlite_stat1; ANALYZE");
        assert_text(db, "PRAGMA integrity_check", "ok");
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_database_reaches_the_newest_version_once),
        cmocka_unit_test(a_newer_or_a_foreign_file_is_not_touched),
        cmocka_unit_test(a_new_database_is_whole_in_one_step),
        cmocka_unit_test(a_file_is_known_before_it_is_opened),
        cmocka_unit_test(each_index_serves_its_query),
        cmocka_unit_test(the_view_shows_a_packet_to_a_person),
        cmocka_unit_test(the_view_shows_each_reception_as_it_was),
        cmocka_unit_test(counters_differ_only_while_the_device_runs_on),
        cmocka_unit_test(an_edge_names_the_nodes_that_its_hops_can_mean),
        cmocka_unit_test(nodes_and_observers_of_version_1_say_how_new_they_are),
        cmocka_unit_test(receptions_and_samples_of_version_1_take_their_new_form),
        cmocka_unit_test(version_5_learns_who_relayed_behind_the_messages),
        cmocka_unit_test(version_6_finds_all_it_has_in_any_hour),
        cmocka_unit_test(version_8_finds_its_hashes_where_they_were),
        cmocka_unit_test(cursors_of_version_1_name_no_record),
        cmocka_unit_test(scopes_of_neighbours_say_since_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
