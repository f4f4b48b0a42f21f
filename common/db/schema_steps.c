/* SPDX-License-Identifier: MIT */
#include "common/db/schema_steps.h"

#include "common/db/schema_sql.h"

/* --- version 3 -------------------------------------------------------------------------------- */

/* The content that told a node's name, role, position, telemetry: of two equally new ones the
 * greater hash stays. Empty = told by an older program, or not at all; store_catch_up mends the
 * times, which are effective ones from here on: the sender's clock where it lies within a day of
 * the earliest receipt of that content, else that receipt. advert_time is the newest of them. */
const char schema_step_3[] =
    "ALTER TABLE nodes ADD COLUMN name_hash BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE nodes ADD COLUMN role_hash BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE nodes ADD COLUMN position_hash BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE nodes ADD COLUMN telemetry_hash BLOB NOT NULL DEFAULT x'';";

/* --- version 4 -------------------------------------------------------------------------------- */

/* What a ring's cursor passed last (its crc; NULL = not known), so that an older state of the file
 * under the same numbers is told from it; and how many messages its chain had been given when the
 * row was written, for the day on which the file is gone. */
const char schema_step_4[] =
    "ALTER TABLE ring_cursors ADD COLUMN last_crc INTEGER;"
    "ALTER TABLE ring_cursors ADD COLUMN appended INTEGER NOT NULL DEFAULT 0;";

/* --- version 5 -------------------------------------------------------------------------------- */

/* scopes_ms: as of when the neighbour answered with these scopes; NULL = it never did. What former
 * programs took from a report whose question was not answered is none. region_answers: the newest
 * answer of each repeater to a phone; regions '' = it serves none. The index finds the oldest. */
const char schema_step_5[] =
    "ALTER TABLE reported_neighbors ADD COLUMN scopes_ms INTEGER;"
    "UPDATE reported_neighbors SET scopes = NULL WHERE lower(status) IS NOT 'responded';"
    "UPDATE reported_neighbors SET scopes_ms = as_of_ms WHERE scopes IS NOT NULL;"
    "CREATE TABLE region_answers ("
    "  id INTEGER PRIMARY KEY, target BLOB NOT NULL UNIQUE CHECK (length(target) = 32),"
    "  as_of_ms INTEGER NOT NULL, is_truncated INTEGER NOT NULL, regions TEXT NOT NULL,"
    "  client TEXT NOT NULL) STRICT;"
    "CREATE INDEX region_answers_age ON region_answers (as_of_ms DESC, target);";

/* --- version 6 -------------------------------------------------------------------------------- */

/* last_relayed_ms: the newest receipt of a flood that came over this node; apart from last_ms,
 * because which node a hop means is decided by who was heard otherwise (store_late.h).
 * last_heard_ms: either; the one definition of "last heard". The job's value: up to this
 * observation the pair of schema_is_invented_rf stands in rollups as if it were measured; its
 * position: what is put right and counted already. */
const char schema_step_6[] =
    "ALTER TABLE nodes ADD COLUMN last_relayed_ms INTEGER;"
    "ALTER TABLE nodes ADD COLUMN last_heard_ms INTEGER GENERATED ALWAYS AS"
    "  (max(coalesce(last_ms, last_relayed_ms), coalesce(last_relayed_ms, last_ms))) VIRTUAL;"
    "DROP INDEX nodes_inactive;"
    "CREATE INDEX nodes_inactive ON nodes (last_heard_ms) WHERE is_inactive = 1;"
    "INSERT INTO jobs (name, value) SELECT 'count_late', coalesce(max(id), 0) FROM observations;";

/* --- version 7 -------------------------------------------------------------------------------- */

/* Messages that were not stored (cmd/ingestor/refused): events, derived from nothing. config_key:
 * the option that decides; hash, node: where the message got so far that they were known; records:
 * messages that the row stands for. No index: 10,000 rows are read in 2 ms. refusal_hours counts
 * all of them, noted those that have a row; refusal_slots: up to which counts a receiver's slots
 * were taken in a run of the program. Before meta.refused_from_ms rows are missing. */
const char schema_step_7[] =
    "CREATE TABLE refusals ("
    "  id INTEGER PRIMARY KEY, receipt_ms INTEGER NOT NULL, rule TEXT NOT NULL, config_key TEXT,"
    "  source TEXT NOT NULL, topic TEXT, observer TEXT COLLATE NOCASE, hash BLOB, node BLOB,"
    "  bytes INTEGER, records INTEGER NOT NULL) STRICT;"
    "CREATE TABLE refusal_hours ("
    "  hour INTEGER NOT NULL, rule TEXT NOT NULL, records INTEGER NOT NULL, noted INTEGER NOT NULL,"
    "  PRIMARY KEY (hour, rule)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE refusal_slots ("
    "  worker INTEGER NOT NULL, cause INTEGER NOT NULL, run INTEGER NOT NULL,"
    "  taken INTEGER NOT NULL, PRIMARY KEY (worker, cause)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE meta ADD COLUMN refused_from_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE meta SET refused_from_ms ="
    "  CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);"
    "CREATE TRIGGER refusals_leave AFTER DELETE ON refusals BEGIN"
    "  UPDATE meta SET refused_from_ms = max(refused_from_ms, OLD.receipt_ms + 1) WHERE id = 1;"
    " END;";

/* --- version 8 -------------------------------------------------------------------------------- */

/* hours: schema.h. The wide rows are of all hours between the oldest and the newest that rollups
 * know of, not only of those that they know: they don't count what an observer sent. Of a few wild
 * clocks the 20,000 newest, and those with rollups. */
const char schema_step_8[] =
    "CREATE TABLE hours ("
    "  hour INTEGER NOT NULL, first_observation INTEGER NOT NULL, last_observation INTEGER NOT NULL,"
    "  first_transmission INTEGER, last_transmission INTEGER,"
    "  PRIMARY KEY (hour, first_observation)) STRICT, WITHOUT ROWID;"
    "INSERT INTO hours WITH RECURSIVE known (hour) AS (SELECT hour FROM rollups WHERE kind = 0"
    "   AND key = 0), every (hour) AS (SELECT max(hour) FROM known UNION ALL SELECT hour - 1 FROM"
    "   every WHERE hour > (SELECT min(hour) FROM known) LIMIT 20000)"
    "  SELECT hour, 0, (SELECT max(id) FROM observations), 0, (SELECT max(id) FROM transmissions)"
    "  FROM (SELECT hour FROM known UNION SELECT hour FROM every) WHERE hour NOT NULL AND EXISTS"
    "  (SELECT 1 FROM observations);"
    /* Derived: schema.h. One node's rows lie together. */
    "CREATE TABLE node_observers ("
    "  node_id INTEGER NOT NULL, observer_id INTEGER NOT NULL, count INTEGER NOT NULL,"
    "  snr_n INTEGER NOT NULL, snr_sum INTEGER NOT NULL, rssi_n INTEGER NOT NULL,"
    "  rssi_sum INTEGER NOT NULL, hops_sum INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (node_id, observer_id)) STRICT, WITHOUT ROWID;"
    /* What is counted late begins anew; done: up to there it is known who relayed, and the pair of
     * schema_is_invented_rf is put right. */
    "UPDATE jobs SET done = position, position = 0 WHERE name = 'count_late';"
    /* One type's packets, newest first: of a rare one a list would look at all packets. */
    "CREATE INDEX transmissions_type ON transmissions (type);"
    /* What phones heard lately. */
    "CREATE INDEX client_receptions_time ON client_receptions (rx_ms);";

/* --- version 9 -------------------------------------------------------------------------------- */

/* Three tables from a content's hash to its transmission (cmd/ingestor/hashes/hash_index.h; to look
 * one up: SCHEMA_IS_HASH) in place of the UNIQUE index of transmissions. Its rows, (hash, rowid),
 * are byte for byte those of a table without rowid whose key is the hash, so its pages become that
 * table where they lie: nothing of the history is read. */
const char schema_step_9[] =
    "PRAGMA writable_schema = ON;"
    "UPDATE sqlite_schema SET sql = replace(sql, 'hash BLOB NOT NULL UNIQUE CHECK',"
    "  'hash BLOB NOT NULL CHECK') WHERE type = 'table' AND name = 'transmissions';"
    "UPDATE sqlite_schema SET type = 'table', name = 'hashes', tbl_name = 'hashes', sql ="
    "  'CREATE TABLE hashes (hash BLOB NOT NULL PRIMARY KEY, id INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID' WHERE name = 'sqlite_autoindex_transmissions_1';"
    "PRAGMA writable_schema = RESET;"
    "CREATE TABLE hashes_recent ("
    "  hash BLOB NOT NULL PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE hashes_new ("
    "  hash BLOB NOT NULL PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/* --- version 10 ------------------------------------------------------------------------------- */

/* Edges, too, are counted behind the messages; those of what is there were when it came. What was
 * counted waits in pieces for its turn (cmd/ingestor/pieces/pieces.h). */
const char schema_step_10[] =
    "INSERT INTO jobs (name, position) SELECT 'count_late_edges', id FROM observations"
    "  ORDER BY id DESC LIMIT 1;"
    "CREATE TABLE counted_pieces ("
    "  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, observation INTEGER NOT NULL,"
    "  transmission INTEGER NOT NULL, rows BLOB NOT NULL) STRICT;";

/* --- version 11 ------------------------------------------------------------------------------- */

/* Rows of fewer bytes (schema.h: which, and how they are told from former ones). Rows that are
 * there stay as they are until retention takes them: a rewritten row would leave its bytes unused
 * in its page. STRICT, but for `heard`, whose type says what it is.
 * The pages of the UNIQUE index become the table observation_keys where they lie (as in version 9);
 * a new key leaves the columns behind the observer empty. Nothing of the history is read. */
const char schema_step_11[] =
    "PRAGMA writable_schema = ON;"
    "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ' last_ms INTEGER NOT NULL,',"
    "  ' lasted INTEGER NOT NULL,'), ' observation_count INTEGER', ' copies INTEGER'),"
    "  ' is_forged INTEGER)', ' is_forged INTEGER,"
    " observation_count INTEGER GENERATED ALWAYS AS (copies - (lasted < first_ms)) VIRTUAL,"
    " last_ms INTEGER GENERATED ALWAYS AS (iif(lasted < first_ms, first_ms + lasted"
    " - " SCHEMA_LASTED_FROM ", lasted)) VIRTUAL)')"
    "  WHERE type = 'table' AND name = 'transmissions';"
    "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ' envelope_ms INTEGER,',"
    "  ' said INTEGER,'), ' snr REAL,', ' heard ANY,'), ' is_skewed INTEGER, "
    " UNIQUE (transmission_id, observer_id, direction, path_size, path)', ' form INTEGER,"
    " envelope_ms INTEGER GENERATED ALWAYS AS (iif(form % 2 = 0, receipt_ms + said, said)) VIRTUAL,"
    " snr REAL GENERATED ALWAYS AS (iif(form % 2 = 0 AND typeof(heard) = ''integer'', heard / 4.0,"
    " heard)) VIRTUAL,"
    " is_skewed INTEGER GENERATED ALWAYS AS (nullif(form > 0, 0)) VIRTUAL')"
    "  WHERE type = 'table' AND name = 'observations';"
    "UPDATE sqlite_schema SET type = 'table', name = 'observation_keys',"
    "  tbl_name = 'observation_keys', sql = 'CREATE TABLE observation_keys ("
    "transmission_id INTEGER NOT NULL, observer_id INTEGER NOT NULL,"
    " former_direction INTEGER NOT NULL DEFAULT 0, former_size INTEGER NOT NULL DEFAULT 0,"
    " former_path BLOB NOT NULL DEFAULT x'''', id INTEGER NOT NULL, PRIMARY KEY"
    " (transmission_id, observer_id, former_direction, former_size, former_path, id))"
    " STRICT, WITHOUT ROWID' WHERE name = 'sqlite_autoindex_observations_1';"
    "PRAGMA writable_schema = RESET;"
    "CREATE TABLE type_blocks ("
    "  type INTEGER NOT NULL, block INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  PRIMARY KEY (type, block)) STRICT, WITHOUT ROWID;"
    /* What leaves hashes_recent. The rows of `hashes` follow behind the messages; none come. */
    "CREATE TABLE hash_prefixes ("
    "  prefix BLOB NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (prefix, id)) STRICT, WITHOUT ROWID;";

/* Where there is no row: without the columns that nobody reads. */
const char schema_step_11_empty[] =
    "DROP TABLE observation_keys;"
    "CREATE TABLE observation_keys ("
    "  transmission_id INTEGER NOT NULL, observer_id INTEGER NOT NULL, id INTEGER NOT NULL,"
    "  PRIMARY KEY (transmission_id, observer_id, id)) STRICT, WITHOUT ROWID;";

/* Who inserts writes them himself: a trigger costs as much as the insert. */
#define OLD_BLOCK SCHEMA_BLOCK("OLD.id")
const char schema_step_11_triggers[] =
    "CREATE TRIGGER observations_leave AFTER DELETE ON observations BEGIN"
    "  DELETE FROM observation_keys WHERE transmission_id = OLD.transmission_id"
    "   AND observer_id = OLD.observer_id AND id = OLD.id;"
    " END;"
    "CREATE TRIGGER transmissions_leave AFTER DELETE ON transmissions BEGIN"
    "  UPDATE type_blocks SET n = n - 1 WHERE type = OLD.type AND block = " OLD_BLOCK ";"
    "  DELETE FROM type_blocks WHERE type = OLD.type AND block = " OLD_BLOCK " AND n = 0;"
    " END;";
