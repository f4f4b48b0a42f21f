/* SPDX-License-Identifier: MIT */
#include "common/db/schema.h"

#include "common/db/db.h"
#include "common/db/schema_blocks.h"
#include "common/db/schema_steps.h"
#include "common/db/schema_views.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "Weir" in ASCII (PRAGMA application_id): tells our file from any other SQLite database. */
#define APPLICATION_ID 1466263922

/* Version 1.
 *
 * Ids of transmissions and observations rise in the order of commit. Plain rowids (largest + 1) do
 * that because rows leave only from the low end (retention deletes the oldest); AUTOINCREMENT would
 * cost a second table write an insert for the one case that can't happen, deleting the newest row.
 * A transmission and its first observation enter in one transaction, so observation_count >= 1.
 *
 * STRICT: a value of the wrong type is a constraint failure of one row, not a surprise for a
 * reader. REAL columns hold whole numbers as integers on disk (SQLite does), so rssi costs one
 * byte, not eight.
 *
 * Times: *_ms are UTC milliseconds of our own clock at receipt; envelope_ms is what the publisher
 * said and is only data. NULL = unknown. */

static const char tables_of_packets[] =
    "CREATE TABLE sources ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"

    /* identity: a key of 64 hex digits in upper case, of any other name the byte-wise smallest
     * spelling; NOCASE because publishers change the case of the same key. last_ms is NULL until a
     * live message arrives: a retained status is no proof of life. The status columns hold the
     * newest status. */
    "CREATE TABLE observers ("
    "  id INTEGER PRIMARY KEY, identity TEXT NOT NULL COLLATE NOCASE UNIQUE,"
    "  name TEXT NOT NULL DEFAULT '', iata TEXT NOT NULL DEFAULT '',"
    "  first_ms INTEGER NOT NULL, last_ms INTEGER, last_packet_ms INTEGER,"
    "  packet_count INTEGER NOT NULL DEFAULT 0, status_count INTEGER NOT NULL DEFAULT 0,"
    "  status TEXT, status_ms INTEGER, model TEXT, firmware TEXT, client_version TEXT, radio TEXT,"
    "  battery_mv REAL, uptime_secs REAL, noise_floor REAL, can_relay INTEGER) STRICT;"

    /* Only from adverts whose signature is right. advert_time is the sender's clock, seconds. */
    "CREATE TABLE nodes ("
    "  id INTEGER PRIMARY KEY, public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),"
    "  name TEXT NOT NULL DEFAULT '', role INTEGER, lat REAL, lon REAL,"
    "  first_ms INTEGER NOT NULL, last_ms INTEGER,"
    "  advert_time INTEGER NOT NULL, advert_count INTEGER NOT NULL DEFAULT 0) STRICT;"

    /* The UNIQUE index on hash is the dedup key and the look-up by hash (from version 9 on tables
     * are). raw, type and route are
     * those of the first reception; sender is a nodes.id, adverts only. */
    "CREATE TABLE transmissions ("
    "  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 8),"
    "  type INTEGER NOT NULL, route INTEGER NOT NULL, observation_count INTEGER NOT NULL,"
    "  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, sender INTEGER,"
    "  raw BLOB NOT NULL CHECK (length(raw) BETWEEN 2 AND 255)) STRICT;"
    /* A node's adverts, newest first. Partial: adverts are a small part of the traffic, the
     * rest pays nothing. */
    "CREATE INDEX transmissions_sender ON transmissions (sender) WHERE sender IS NOT NULL;"

    /* direction 0 rx, 1 tx. path_size = bytes a hop: 2 hops of 1 byte and 1 hop of 2 are different
     * paths with the same bytes, hence it is part of the key. The UNIQUE index is the dedup key,
     * and also lists a transmission's observations. */
    "CREATE TABLE observations ("
    "  id INTEGER PRIMARY KEY, transmission_id INTEGER NOT NULL, observer_id INTEGER NOT NULL,"
    "  direction INTEGER NOT NULL, path_size INTEGER NOT NULL, path BLOB NOT NULL,"
    "  source_id INTEGER NOT NULL, receipt_ms INTEGER NOT NULL, envelope_ms INTEGER,"
    "  snr REAL, rssi REAL, score REAL,"
    "  UNIQUE (transmission_id, observer_id, direction, path_size, path)) STRICT;"
    /* One observer's packets, newest first (the rowid is the last column of every index). No index
     * on receipt_ms: ids rise with time, so a time is found by bisection over ids. */
    "CREATE INDEX observations_observer ON observations (observer_id);";

static const char tables_of_statuses[] =
    /* The primary key repeats with a redelivery. envelope_ms is the receipt where a live status has
     * no time of its own (then seen_messages has kept redeliveries away). */
    "CREATE TABLE observer_metrics ("
    "  observer_id INTEGER NOT NULL, envelope_ms INTEGER NOT NULL, payload_hash BLOB NOT NULL,"
    "  receipt_ms INTEGER NOT NULL, battery_mv REAL, uptime_secs REAL, noise_floor REAL,"
    "  tx_air_secs REAL, rx_air_secs REAL, recv_errors REAL, packets_sent REAL, packets_recv REAL,"
    "  queue_len REAL, errors REAL,"
    "  PRIMARY KEY (observer_id, envelope_ms, payload_hash)) STRICT, WITHOUT ROWID;"
    /* Curves and retention go by our clock, not by the publisher's. A row every five minutes an
     * observer, so the index costs nothing that can be measured. */
    "CREATE INDEX observer_metrics_receipt ON observer_metrics (observer_id, receipt_ms);"

    /* Statuses and, from version 2, companion texts: they have no key of their own. hash of topic
     * and payload. A queue by id: the oldest leave. */
    "CREATE TABLE seen_messages ("
    "  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, receipt_ms INTEGER NOT NULL) STRICT;";

static const char tables_of_rings[] =
    /* One row a ring file ever drained, kept for the ledger. A handful of rows: no
     * index on chain. */
    "CREATE TABLE ring_cursors ("
    "  uuid BLOB PRIMARY KEY, chain BLOB NOT NULL, source TEXT NOT NULL, created_ms INTEGER NOT "
    "NULL,"
    "  next_offset INTEGER NOT NULL, next_number INTEGER NOT NULL,"
    "  consumed INTEGER NOT NULL, recovered INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    /* outcome = '<bucket>.<reason>' or '<bucket>': ledger.h. */
    "CREATE TABLE ring_outcomes ("
    "  uuid BLOB NOT NULL, outcome TEXT NOT NULL, n INTEGER NOT NULL,"
    "  PRIMARY KEY (uuid, outcome)) STRICT, WITHOUT ROWID;"
    /* The receiver's half of chains whose source is gone. */
    "CREATE TABLE chain_receivers ("
    "  chain BLOB PRIMARY KEY, received INTEGER NOT NULL, appended INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE chain_outcomes ("
    "  chain BLOB NOT NULL, outcome TEXT NOT NULL, n INTEGER NOT NULL,"
    "  PRIMARY KEY (chain, outcome)) STRICT, WITHOUT ROWID;"

    /* Records that killed the flusher twice, for a person to look at; the newest 1000 stay. */
    "CREATE TABLE dead_letter ("
    "  id INTEGER PRIMARY KEY, source TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,"
    "  receipt_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"

    /* One row. Counts are kept in the transactions that change them, so that nobody ever runs
     * COUNT(*). commits changes in every transaction: one that changes no byte would write no
     * frame, sync nothing. */
    "CREATE TABLE meta ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1), created_ms INTEGER NOT NULL,"
    "  commits INTEGER NOT NULL DEFAULT 0, transmissions INTEGER NOT NULL DEFAULT 0,"
    "  observations INTEGER NOT NULL DEFAULT 0, observers INTEGER NOT NULL DEFAULT 0,"
    "  nodes INTEGER NOT NULL DEFAULT 0) STRICT;"
    "INSERT INTO meta (id, created_ms)"
    "  VALUES (1, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));";

/* --- version 2 -------------------------------------------------------------------------------- */

/* SQLite has no other way to the number of a blob's byte. i counts from 1. */
#define HEX_DIGIT(at) "(instr('0123456789ABCDEF', substr(hex(t.raw), " at ", 1)) - 1)"
#define RAW_BYTE(i)   "(16 * " HEX_DIGIT("2 * " i " - 1") " + " HEX_DIGIT("2 * " i) ")"

/* What the packets say beyond the frame. Everything marked "derived" follows from transmissions and
 * observations (and the keys of the configuration) and is made anew from them by --redecode. */
static const char tables_of_the_mesh[] =
    /* Names of `hashRegions` that matched a packet. */
    "CREATE TABLE scopes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    /* Of this reception (the same content arrives scoped and unscoped, flooded and direct).
     * scope_code: the first transport code; NULL = none or both zero = not scoped. 0 = zero beside
     * a second code: not scoped either (protocol.md 5), but no share-contact. scope_id (derived):
     * NULL beside a code above 0 = no configured region fits. The rows of version 1 take both from
     * the first reception. */
    "ALTER TABLE observations ADD COLUMN route INTEGER;"
    "ALTER TABLE observations ADD COLUMN scope_code INTEGER;"
    "ALTER TABLE observations ADD COLUMN scope_id INTEGER;"
    /* A row's values are those of its earliest copy, the one of receipt_ms; what that one lacks
     * comes from the next one that has it. NULL = nothing did; else the receipts of the copies that
     * snr, rssi, score and envelope_ms came from, 8 bytes big-endian each, 0 = the earliest. */
    "ALTER TABLE observations ADD COLUMN filled BLOB;"
    /* 1 = the earliest copy's clock is counted in observer_skew, in the hour of receipt_ms. */
    "ALTER TABLE observations ADD COLUMN is_skewed INTEGER;"
    "UPDATE observations SET (route, scope_code) = (SELECT t.route,"
    "  CASE WHEN t.route IN (0, 3) AND substr(t.raw, 2, 4) <> x'00000000'"
    "   THEN " RAW_BYTE("2") " + 256 * " RAW_BYTE(
        "3") " END"
             "  FROM transmissions t WHERE t.id = observations.transmission_id);"
             /* signatureMode flag: 1 = an advert whose signature is wrong. */
             "ALTER TABLE transmissions ADD COLUMN is_forged INTEGER;"

             /* Derived. name: as configured when a key opens it, `enc_XX` (the hash byte) when none
              * does, `chN` for a companion's. message_count: transmissions and companion texts. */
             "CREATE TABLE channels ("
             "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, is_encrypted INTEGER NOT NULL,"
             "  message_count INTEGER NOT NULL DEFAULT 0, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL)"
             "  STRICT;"
             /* Derived. One row a GRP_TXT transmission; text without its sender; NULLs where no key
              * opens it. Repeats are transmissions.observation_count. */
             "CREATE TABLE messages ("
             "  transmission_id INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL,"
             "  sender TEXT, text TEXT, sender_time INTEGER) STRICT;"
             /* One channel's messages, newest first. */
             "CREATE INDEX messages_channel ON messages (channel_id);"
             /* Texts of companion bridges: no frame, so no hash; a redelivery is known by
              * seen_messages. peer: the other end of a direct message. */
             "CREATE TABLE companion_messages ("
             "  id INTEGER PRIMARY KEY, channel_id INTEGER, peer TEXT, sender TEXT, text TEXT NOT NULL,"
             "  sender_time INTEGER, direction INTEGER NOT NULL, snr REAL, rssi REAL, score REAL,"
             "  source_id INTEGER NOT NULL, receipt_ms INTEGER NOT NULL, envelope_ms INTEGER) STRICT;"
             "CREATE INDEX companion_messages_channel ON companion_messages (channel_id);"

             /* Derived. Who was heard by whom, from the paths of floods: hop to next hop
              * (observer_id 0), last hop to observer (to_hop empty). By prefix, because which node
              * a prefix means changes as nodes come and go; neighbor_edges_v resolves. count:
              * observation rows; times: of all copies that arrived. A count of 0 = only copies of
              * what was first heard otherwise: not an edge. From version 10 on they are
              * counted late, as some rollups (schema.h). */
             "CREATE TABLE neighbor_edges ("
             "  from_hop BLOB NOT NULL, to_hop BLOB NOT NULL, observer_id INTEGER NOT NULL,"
             "  count INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
             "  PRIMARY KEY (from_hop, to_hop, observer_id)) STRICT, WITHOUT ROWID;"

             /* Derived while its packets are there, kept longer than they
              * (retention.rollupDays). schema.h. */
             "CREATE TABLE rollups ("
             "  kind INTEGER NOT NULL, key INTEGER NOT NULL, hour INTEGER NOT NULL,"
             "  observations INTEGER NOT NULL, transmissions INTEGER NOT NULL,"
             "  PRIMARY KEY (kind, key, hour)) STRICT, WITHOUT ROWID;"
             /* Messages per hour whose naive time was more than 15 minutes off. */
             "CREATE TABLE observer_skew ("
             "  observer_id INTEGER NOT NULL, hour INTEGER NOT NULL, n INTEGER NOT NULL,"
             "  PRIMARY KEY (observer_id, hour)) STRICT, WITHOUT ROWID;"

             /* What phones heard on the road (clientRxCoverage). heard: a node's key or a
              * prefix of it. */
             "CREATE TABLE client_receptions ("
             "  id INTEGER PRIMARY KEY, client TEXT NOT NULL, heard BLOB NOT NULL, rx_ms INTEGER NOT NULL,"
             "  lat REAL NOT NULL, lon REAL NOT NULL, accuracy_m REAL, snr REAL, rssi REAL,"
             "  source_id INTEGER NOT NULL, receipt_ms INTEGER NOT NULL,"
             "  UNIQUE (client, heard, rx_ms)) STRICT;"
             /* The newest report of each observer, and its lines. heard_ms = as_of_ms -
              * heard_secs_ago. */
             "CREATE TABLE neighbor_reports ("
             "  observer_id INTEGER PRIMARY KEY, as_of_ms INTEGER NOT NULL, total INTEGER, queried INTEGER,"
             "  is_truncated INTEGER, scopes TEXT, default_scope TEXT) STRICT;"
             "CREATE TABLE reported_neighbors ("
             "  observer_id INTEGER NOT NULL, neighbor TEXT NOT NULL, as_of_ms INTEGER NOT NULL, heard_ms INTEGER,"
             "  snr REAL, rssi REAL, status TEXT, scopes TEXT,"
             "  PRIMARY KEY (observer_id, neighbor)) STRICT, WITHOUT ROWID;"
             /* What the rules refused and a person may want to see: one row a content, the newest
              * 10000. raw and observer (its identity; it need not be known) are those of the
              * earliest copy. */
             "CREATE TABLE dropped_packets ("
             "  id INTEGER PRIMARY KEY, hash BLOB NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL,"
             "  observer TEXT, node_key BLOB, node_name TEXT,"
             "  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, UNIQUE (hash, reason)) STRICT;"

             /* Where jobs in slices are: the next row to look at, and what the job
              * needs besides. */
             "CREATE TABLE jobs ("
             "  name TEXT PRIMARY KEY, position INTEGER NOT NULL DEFAULT 0, value INTEGER NOT NULL DEFAULT 0,"
             "  done INTEGER NOT NULL DEFAULT 0, updated_ms INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;";

/* `x_ms` and `x_time` beside a value: how new it is; of two, the newer non-empty one stays, so that
 * the order of arrival does not matter. Node times are the sender's clock (seconds; the receipt
 * where that is more than a day ahead), observer times are ours. */
static const char columns_of_the_mesh[] =
    "ALTER TABLE nodes ADD COLUMN name_time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE nodes ADD COLUMN role_time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE nodes ADD COLUMN position_time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE nodes ADD COLUMN telemetry_time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE nodes ADD COLUMN battery_mv INTEGER;"
    "ALTER TABLE nodes ADD COLUMN temperature_c REAL;"
    /* The last matched scope of its adverts; never emptied. */
    "ALTER TABLE nodes ADD COLUMN scope_id INTEGER;"
    "ALTER TABLE nodes ADD COLUMN scope_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE nodes ADD COLUMN is_foreign INTEGER NOT NULL DEFAULT 0;"  /* outside geo_filter */
    "ALTER TABLE nodes ADD COLUMN is_inactive INTEGER NOT NULL DEFAULT 0;" /* retention.nodeDays */
    /* The longest silent first, to be deleted when there are too many. Partial: nodes that are
     * heard pay nothing. */
    "CREATE INDEX nodes_inactive ON nodes (last_ms) WHERE is_inactive = 1;"
    /* A clock of the future counts as of the last receipt, or it would freeze the node. */
    "UPDATE nodes SET advert_time = coalesce(last_ms, first_ms) / 1000"
    "  WHERE advert_time > coalesce(last_ms, first_ms) / 1000 + 86400;"
    "UPDATE nodes SET name_time = iif(name = '', 0, advert_time),"
    "  role_time = iif(role IS NULL, 0, advert_time), position_time = iif(lat IS NULL, 0, advert_time);"
    /* Two NOCASE-equal identities can't exist, so no upper case of a key meets another row. */
    "UPDATE observers SET identity = upper(identity)"
    "  WHERE length(identity) = 64 AND identity NOT GLOB '*[^0-9A-Fa-f]*';"
    "ALTER TABLE observers ADD COLUMN name_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN iata_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN model_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN firmware_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN client_version_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN radio_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN battery_mv_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN uptime_secs_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN noise_floor_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN can_relay_ms INTEGER NOT NULL DEFAULT 0;"
    /* Version 1 knew how new the status was by its publisher's clock only. */
    "UPDATE observers SET status_ms = min(status_ms, coalesce(last_ms, 0));"
    "UPDATE observers SET name_ms = coalesce(last_ms, 0), iata_ms = coalesce(last_ms, 0);"
    "UPDATE observers SET model_ms = status_ms, firmware_ms = status_ms, client_version_ms = status_ms,"
    "  radio_ms = status_ms, battery_mv_ms = status_ms, uptime_secs_ms = status_ms,"
    "  noise_floor_ms = status_ms, can_relay_ms = status_ms WHERE status_ms IS NOT NULL;"
    /* Seconds its naive clock was ahead of ours (- behind), and when that was. */
    "ALTER TABLE observers ADD COLUMN skew_s INTEGER;"
    "ALTER TABLE observers ADD COLUMN skew_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE observers ADD COLUMN is_inactive INTEGER NOT NULL DEFAULT 0;" /* observerDays */

    /* One sample an observer and five minutes: the earliest. Statuses come about that often; a
     * chatty observer costs no more than the others. */
    "DELETE FROM observer_metrics WHERE EXISTS (SELECT 1 FROM observer_metrics e"
    "  WHERE e.observer_id = observer_metrics.observer_id"
    "   AND e.receipt_ms >= observer_metrics.receipt_ms / 300000 * 300000"
    "   AND (e.receipt_ms, e.payload_hash) < (observer_metrics.receipt_ms, observer_metrics.payload_hash));"
    "DROP INDEX observer_metrics_receipt;"
    "CREATE UNIQUE INDEX observer_metrics_slot ON observer_metrics (observer_id, receipt_ms / 300000);"

    /* Everything with a receipt before this may be gone. derived: schema.h. */
    "ALTER TABLE meta ADD COLUMN retained_from_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN derived INTEGER NOT NULL DEFAULT 0;";

static enum status query_int(sqlite3 *db, const char *sql, int *out, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum status status = db_prepare(db, sql, &stmt, err);
    if (status != STATUS_OK)
        return status;
    int rc = sqlite3_step(stmt);
    int value = rc == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : 0;
    if (rc != SQLITE_ROW)
        status = err_set(err, db_status(rc), rc, sqlite3_db_filename(db, "main"), "%s",
                         sqlite3_errmsg(db));
    IGNORE(sqlite3_finalize(stmt), "the step's result was judged already");
    if (status == STATUS_OK)
        *out = value;
    return status;
}

static enum status not_ours(const char *file, struct err *err)
{
    return err_set(err, STATUS_FOREIGN, 0, file,
                   "this SQLite file was not made by Weir; give dbPath another name (CoreScope's"
                   " own database is taken over by --import)");
}

static enum status unreadable(const char *path, int error, struct err *err)
{
    return err_set(err, STATUS_IO, error, path, "can't be read: %s", strerror(error));
}

static enum status newer(int version, const char *file, struct err *err)
{
    return err_set(err, STATUS_NEWER, 0, file,
                   "the database has schema version %d, this program knows %d; upgrade it", version,
                   SCHEMA_VERSION);
}

/* Offsets in the first page (sqlite.org/fileformat2.html). */
enum {
    HEAD_MAGIC = 16,
    HEAD_PAGES = 28,
    HEAD_USER_VERSION = 60,
    HEAD_APPLICATION_ID = 68,
    HEAD_CELLS = 103, /* of the first page's tree: objects in sqlite_schema */
    HEAD_BYTES = 105
};

static enum status judge_head(const uint8_t head[static HEAD_BYTES], const char *path,
                              struct err *err)
{
    const uint32_t id = be32(head + HEAD_APPLICATION_ID);
    const int version = (int)be32(head + HEAD_USER_VERSION);
    if (id == APPLICATION_ID)
        return version > SCHEMA_VERSION ? newer(version, path, err) : STATUS_OK;
    /* Our own, killed before its first checkpoint: one empty page, the tables in the WAL. */
    const bool is_blank = id == 0 && version == 0 && be32(head + HEAD_PAGES) <= 1 &&
                          head[HEAD_CELLS] == 0 && head[HEAD_CELLS + 1] == 0;
    return is_blank ? STATUS_OK : not_ours(path, err);
}

/* What stands at `path` when it is no regular file with a head. */
static enum status judge_short(const struct stat *st, const char *path, struct err *err)
{
    if (!S_ISREG(st->st_mode))
        return err_set(err, STATUS_FOREIGN, 0, path,
                       "this is no regular file%s; give dbPath another name",
                       S_ISDIR(st->st_mode) ? " but a folder" : "");
    if (st->st_size == 0)
        return STATUS_NOT_FOUND; /* an empty file is an empty database */
    return err_set(err, STATUS_FOREIGN, 0, path,
                   "this file is no SQLite database; give dbPath another name");
}

enum status schema_peek(const char *path, struct err *err)
{
    struct stat st;
    uint8_t head[HEAD_BYTES] = {0};
    /* O_NONBLOCK: a FIFO would never open. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : unreadable(path, errno, err);
    enum status status = STATUS_OK;
    ssize_t n = 0;
    if (fstat(fd, &st) != 0 || (S_ISREG(st.st_mode) && (n = pread(fd, head, sizeof head, 0)) < 0))
        status = unreadable(path, errno, err);
    IGNORE(close(fd), "read-only");
    if (status != STATUS_OK)
        return status;
    const bool is_sqlite =
        n == (ssize_t)sizeof head && memcmp(head, "SQLite format 3", HEAD_MAGIC) == 0;
    return is_sqlite ? judge_head(head, path, err) : judge_short(&st, path, err);
}

int schema_version(sqlite3 *db)
{
    int version = 0;
    IGNORE(query_int(db, "PRAGMA user_version", &version, NULL), "0 says it");
    return version;
}

enum status schema_check(sqlite3 *db, int *out_version, struct err *err)
{
    int version = 0;
    int id = 0;
    int objects = 0;
    const char *file = sqlite3_db_filename(db, "main");
    enum status status = query_int(db, "PRAGMA user_version", &version, err);
    if (status == STATUS_OK)
        status = query_int(db, "PRAGMA application_id", &id, err);
    if (status == STATUS_OK)
        status = query_int(db, "SELECT EXISTS (SELECT 1 FROM sqlite_schema)", &objects, err);
    if (status != STATUS_OK)
        return status;
    if (objects == 0 && id == 0 && version == 0)
        return err_set(err, STATUS_NOT_FOUND, 0, file, "the database has no tables yet");
    if (id != APPLICATION_ID || version < 1)
        return not_ours(file, err);
    if (version > SCHEMA_VERSION)
        return newer(version, file, err);
    *out_version = version;
    return STATUS_OK;
}

static enum status make_version_1(sqlite3 *db, struct err *err)
{
    const char *const parts[] = {tables_of_packets, tables_of_statuses, tables_of_rings};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        enum status status = db_exec(db, parts[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status make_version_2(sqlite3 *db, struct err *err)
{
    const char *const parts[] = {tables_of_the_mesh, columns_of_the_mesh, schema_view_of_packets,
                                 schema_views_of_the_mesh};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        enum status status = db_exec(db, parts[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status make_version_3(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_3, err);
}

static enum status make_version_4(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_4, err);
}

static enum status make_version_5(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_5, err);
}

_Static_assert(ROLLUP_OBSERVER == 1 && ROLLUP_INVENTED_RF == 7, "as observers_v names them");

static enum status make_version_6(sqlite3 *db, struct err *err)
{
    const enum status status = db_exec(db, schema_step_6, err);
    return status == STATUS_OK ? db_exec(db, schema_view_of_observers, err) : status;
}

static enum status make_version_7(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_7, err);
}

static enum status make_version_8(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_8, err);
}

static enum status make_version_9(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_9, err);
}

static enum status make_version_10(sqlite3 *db, struct err *err)
{
    return db_exec(db, schema_step_10, err);
}

static enum status make_version_11(sqlite3 *db, struct err *err)
{
    int has_rows = 0;
    enum status status =
        query_int(db, "SELECT EXISTS (SELECT 1 FROM observations)", &has_rows, err);
    if (status == STATUS_OK)
        status = db_exec(db, schema_step_11, err);
    if (status == STATUS_OK && has_rows == 0)
        status = db_exec(db, schema_step_11_empty, err);
    if (status == STATUS_OK)
        status = schema_fill_blocks(db, err);
    return status == STATUS_OK ? db_exec(db, schema_step_11_triggers, err) : status;
}

/* Entry i brings a database of version i to i + 1. The text states the worst time, because the
 * rings cover only so many records: 1: an empty file, 5 ms. 2: the route of each observation,
 * 3 us a row. 3, 4: nothing but the schema, 1 ms. 5: the neighbours, at most 1,024 an observer,
 * 1 us each. 6: nothing of the history, but an index of the inactive nodes, at most 100,000:
 * 50 ms. 7: nothing but the schema, 1 ms. 8: the index of types, 1.3 us a transmission once the
 * file is in memory (seen: 1.9 s for 1.5 million on a busy machine), else as long as the disk takes
 * to read the table; the rest of the history comes in slices. 9, 10: nothing but the schema, 1 ms.
 * 11: the index of types is read and given up, 0.5 us a transmission. */
static enum status (*const migrations[SCHEMA_VERSION])(sqlite3 *, struct err *) = {
    make_version_1, make_version_2, make_version_3, make_version_4,  make_version_5, make_version_6,
    make_version_7, make_version_8, make_version_9, make_version_10, make_version_11};

/* In one transaction. */
static enum status migrate(sqlite3 *db, int from, int to, struct err *err)
{
    enum status status = db_exec(db, "BEGIN IMMEDIATE", err);
    if (status != STATUS_OK)
        return status;
    for (int version = from; status == STATUS_OK && version < to; version++)
        status = migrations[version](db, err);
    if (status == STATUS_OK) {
        char stamp[96];
        (void)snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                       APPLICATION_ID, to);
        status = db_exec(db, stamp, err);
    }
    if (status == STATUS_OK)
        status = db_exec(db, "COMMIT", err);
    if (status != STATUS_OK && sqlite3_get_autocommit(db) == 0)
        IGNORE(db_exec(db, "ROLLBACK", NULL), "the first error is the one to report");
    return status;
}

enum status schema_migrate(sqlite3 *db, struct err *err)
{
    int version = 0;
    enum status status = schema_check(db, &version, err);
    if (status == STATUS_NOT_FOUND)
        return migrate(db, 0, SCHEMA_VERSION, err); /* who reads sees no table, or all of them */
    if (status != STATUS_OK)
        return status;
    for (; version < SCHEMA_VERSION; version++) {
        status = migrate(db, version, version + 1, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
