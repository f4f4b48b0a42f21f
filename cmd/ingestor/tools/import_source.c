/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/import_source.h"

#include "common/base/clock.h"
#include "common/db/db.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define SQL_MAX 2000
/* A number above this counts milliseconds: as seconds it would be the year 5138. */
#define SECONDS_MAX INT64_C(100000000000)
/* Two machines' clocks. */
#define FUTURE_MS INT64_C(60000)

struct import_source {
    sqlite3 *db;
    sqlite3_stmt *stmt; /* of the selection */
    int64_t now_ms;
    /* of the first look for a column that failed: to take it for absent would lose its values */
    int look_rc;
};

static enum status fail(const struct import_source *source, int rc, struct err *err)
{
    return err_set(err, db_status(rc), rc, sqlite3_db_filename(source->db, "main"), "%s",
                   sqlite3_errcode(source->db) == rc ? sqlite3_errmsg(source->db)
                                                     : sqlite3_errstr(rc));
}

/* --- open ------------------------------------------------------------------------------------- */

static bool has_wal(const char *path)
{
    char name[4096];
    struct stat wal;
    const int n = snprintf(name, sizeof name, "%s-wal", path);
    return n < 0 || (size_t)n >= sizeof name || (stat(name, &wal) == 0 && wal.st_size > 0);
}

static int look_into(sqlite3 *db)
{
    return sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
}

/* WAL mode needs a file beside the database, which can't be made in a folder that is read-only: as
 * a mount, or (READONLY_DIRECTORY) by its mode. A journal that would have to be rolled back is
 * another error. */
static bool is_folder_readonly(sqlite3 *db, int rc)
{
    return (rc & 0xff) == SQLITE_CANTOPEN ||
           (rc != SQLITE_OK && sqlite3_extended_errcode(db) == SQLITE_READONLY_DIRECTORY);
}

static enum status open_file(struct import_source *source, const char *path, struct err *err)
{
    int rc = sqlite3_open_v2(path, &source->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = look_into(source->db);
    if (is_folder_readonly(source->db, rc) && !has_wal(path)) {
        IGNORE(sqlite3_close(source->db), "nothing was prepared");
        source->db = NULL;
        const enum status status = db_open_immutable(path, &source->db, err);
        if (status != STATUS_OK)
            return status;
        rc = look_into(source->db);
    }
    if (rc != SQLITE_OK)
        return err_set(err, (rc & 0xff) == SQLITE_NOTADB ? STATUS_INVALID : db_status(rc), rc, path,
                       "%s", sqlite3_errmsg(source->db));
    IGNORE(sqlite3_busy_timeout(source->db, 5000), "fails only for a NULL handle");
    return STATUS_OK;
}

/* "o.path_json" -> is there a column path_json in `table`? False, too, after an error, which
 * look_rc keeps. */
static bool has_column(struct import_source *source, const char *table, const char *column)
{
    if (source->look_rc != SQLITE_OK)
        return false;
    sqlite3_stmt *stmt = NULL;
    const char *dot = strchr(column, '.');
    int rc = sqlite3_prepare_v2(source->db, "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2",
                                -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 2, dot != NULL ? dot + 1 : column, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    IGNORE(sqlite3_finalize(stmt), "repeats the step's result");
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        source->look_rc = rc;
    return rc == SQLITE_ROW;
}

/* The column, or NULL (the SQL word) where there is none. */
static const char *col(struct import_source *source, const char *table, const char *column)
{
    return has_column(source, table, column) ? column : "NULL";
}

enum status import_source_open(const char *path, struct import_source **out_source, struct err *err)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return err_set(err, STATUS_IO, errno, path, "%s", strerror(errno));
    struct import_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, path, "no memory");
    source->now_ms = clock_wall() / US_PER_MS;
    enum status status = open_file(source, path, err);
    if (status == STATUS_OK && (!has_column(source, "transmissions", "raw_hex") ||
                                !has_column(source, "observations", "transmission_id")))
        status = source->look_rc != SQLITE_OK
                     ? fail(source, source->look_rc, err)
                     : err_set(err, STATUS_INVALID, 0, path,
                               "no CoreScope database: transmissions.raw_hex or "
                               "observations.transmission_id is missing");
    if (status != STATUS_OK) {
        import_source_close(source);
        return status;
    }
    *out_source = source;
    return STATUS_OK;
}

void import_source_close(struct import_source *source)
{
    if (source == NULL)
        return;
    IGNORE(sqlite3_finalize(source->stmt), "repeats the last step's result");
    IGNORE(sqlite3_close(source->db), "read-only");
    free(source);
}

/* --- what is selected ------------------------------------------------------------------------- */

/* Who observed: columns identity, name, iata. */
static void write_observer_columns(struct import_source *source, char *columns, char *joins,
                                   size_t cap)
{
    const bool has_table = has_column(source, "observers", "id");
    const char *name =
        has_column(source, "observations", "o.observer_name") ? "o.observer_name" : "NULL";
    columns[0] = joins[0] = '\0';
    if (has_column(source, "observations", "observer_id")) {
        (void)snprintf(columns, cap, "o.observer_id, coalesce(%s, %s), %s",
                       has_table ? col(source, "observers", "r.name") : "NULL", name,
                       has_table ? col(source, "observers", "r.iata") : "NULL");
        (void)snprintf(joins, cap, "%s",
                       has_table ? " LEFT JOIN observers r ON r.id = o.observer_id" : "");
    } else if (has_column(source, "observations", "observer_idx") && has_table) {
        const bool has_name = has_column(source, "observers", "name");
        const bool has_iata = has_column(source, "observers", "iata");
        /* An index that is no rowid is the id itself. */
        (void)snprintf(columns, cap,
                       "coalesce(r.id, CASE typeof(o.observer_idx) WHEN 'text' THEN o.observer_idx"
                       " END), %s, %s",
                       has_name ? "coalesce(r.name, i.name)" : "NULL",
                       has_iata ? "coalesce(r.iata, i.iata)" : "NULL");
        (void)snprintf(joins, cap,
                       " LEFT JOIN observers r ON r.rowid = o.observer_idx LEFT JOIN observers i ON"
                       " i.id = o.observer_idx AND typeof(o.observer_idx) = 'text'");
    } else {
        (void)snprintf(columns, cap, "NULL, NULL, NULL");
    }
}

static void write_observations(struct import_source *source, char sql[static SQL_MAX])
{
    char columns[400];
    char joins[400];
    write_observer_columns(source, columns, joins, sizeof columns);
    (void)snprintf(
        sql, SQL_MAX,
        "SELECT o.id, t.raw_hex, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM observations o"
        " LEFT JOIN transmissions t ON t.id = o.transmission_id%s"
        " WHERE o.id > ?1 ORDER BY o.id",
        col(source, "observations", "o.raw_hex"), col(source, "observations", "o.path_json"),
        columns, col(source, "observations", "o.direction"), col(source, "observations", "o.snr"),
        col(source, "observations", "o.rssi"), col(source, "observations", "o.score"),
        col(source, "observations", "o.timestamp"), col(source, "transmissions", "t.first_seen"),
        col(source, "transmissions", "t.created_at"), joins);
}

static void write_transmissions(struct import_source *source, char sql[static SQL_MAX])
{
    (void)snprintf(sql, SQL_MAX,
                   "SELECT t.id, t.raw_hex, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
                   " NULL, %s, %s FROM transmissions t WHERE t.id > ?1 AND t.id NOT IN (SELECT"
                   " transmission_id FROM observations WHERE transmission_id IS NOT NULL)"
                   " ORDER BY t.id",
                   col(source, "transmissions", "t.first_seen"),
                   col(source, "transmissions", "t.created_at"));
}

/* As ids are compared: whatever their capitals. */
#define IS_REPEATED(id) "row_number() OVER (PARTITION BY lower(" id ")) > 1"

static void write_observers(struct import_source *source, char sql[static SQL_MAX])
{
    static const char table[] = "observers";
    /* can_relay is 1 by default; only can_relay_seen says that somebody said so. */
    const bool knows_relay =
        has_column(source, table, "can_relay") && has_column(source, table, "can_relay_seen");
    (void)snprintf(sql, SQL_MAX,
                   "SELECT id, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, " IS_REPEATED(
                       "id") " FROM observers WHERE rowid > ?1 ORDER BY rowid",
                   col(source, table, "name"), col(source, table, "iata"),
                   col(source, table, "model"), col(source, table, "firmware"),
                   col(source, table, "client_version"), col(source, table, "radio"),
                   col(source, table, "battery_mv"), col(source, table, "uptime_secs"),
                   col(source, table, "noise_floor"),
                   knows_relay ? "CASE WHEN can_relay_seen > 0 THEN can_relay END" : "NULL",
                   col(source, table, "first_seen"), col(source, table, "last_seen"));
}

static void write_metrics(struct import_source *source, char sql[static SQL_MAX])
{
    static const char table[] = "observer_metrics";
    (void)snprintf(sql, SQL_MAX,
                   "SELECT observer_id, timestamp, %s, %s, %s, %s, %s, %s, %s FROM observer_metrics"
                   " WHERE rowid > ?1 ORDER BY rowid",
                   col(source, table, "battery_mv"), col(source, table, "noise_floor"),
                   col(source, table, "tx_air_secs"), col(source, table, "rx_air_secs"),
                   col(source, table, "recv_errors"), col(source, table, "packets_sent"),
                   col(source, table, "packets_recv"));
}

/* ?1 is bound and not asked for: nodes are few, and always all. */
static void write_nodes(struct import_source *source, char sql[static SQL_MAX])
{
    char inactive[120] = "";
    if (has_column(source, "inactive_nodes", "public_key"))
        (void)snprintf(inactive, sizeof inactive,
                       " UNION ALL SELECT public_key, %s FROM inactive_nodes",
                       col(source, "inactive_nodes", "first_seen"));
    (void)snprintf(sql, SQL_MAX,
                   "SELECT public_key, first_seen, " IS_REPEATED(
                       "public_key") " FROM (SELECT"
                                     " public_key, %s AS first_seen FROM nodes%s) WHERE ?1 >= 0",
                   col(source, "nodes", "first_seen"), inactive);
}

static const struct {
    const char *table, *column; /* without them there is nothing of this kind */
    void (*write)(struct import_source *source, char sql[static SQL_MAX]);
} kinds[IMPORT_KINDS] = {
    [IMPORT_OBSERVATIONS] = {"observations", "id", write_observations},
    [IMPORT_TRANSMISSIONS] = {"transmissions", "id", write_transmissions},
    [IMPORT_OBSERVERS] = {"observers", "id", write_observers},
    [IMPORT_METRICS] = {"observer_metrics", "timestamp", write_metrics},
    [IMPORT_NODES] = {"nodes", "public_key", write_nodes},
};

static enum status select_with(struct import_source *source, const char *sql, int64_t after,
                               struct err *err)
{
    IGNORE(sqlite3_finalize(source->stmt), "repeats the last step's result");
    source->stmt = NULL;
    int rc = source->look_rc;
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(source->db, sql, -1, &source->stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(source->stmt, 1, after);
    return rc == SQLITE_OK ? STATUS_OK : fail(source, rc, err);
}

static void write_sql(struct import_source *source, enum import_kind kind, char sql[static SQL_MAX])
{
    if (has_column(source, kinds[kind].table, kinds[kind].column))
        kinds[kind].write(source, sql);
    else
        (void)snprintf(sql, SQL_MAX, "SELECT ?1 WHERE 0");
}

enum status import_source_select(struct import_source *source, enum import_kind kind, int64_t after,
                                 struct err *err)
{
    char sql[SQL_MAX];
    write_sql(source, kind, sql);
    return select_with(source, sql, after, err);
}

enum status import_source_count(struct import_source *source, enum import_kind kind, int64_t after,
                                int64_t *out_rows, struct err *err)
{
    char inner[SQL_MAX];
    char sql[SQL_MAX + 40];
    if (kind == IMPORT_OBSERVATIONS) /* without the joins */
        (void)snprintf(inner, sizeof inner, "SELECT id FROM observations WHERE id > ?1");
    else
        write_sql(source, kind, inner);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM (%s)", inner);
    const enum status status = select_with(source, sql, after, err);
    if (status != STATUS_OK)
        return status;
    const int rc = sqlite3_step(source->stmt);
    if (rc != SQLITE_ROW)
        return fail(source, rc, err);
    *out_rows = sqlite3_column_int64(source->stmt, 0);
    return STATUS_OK;
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum status step(struct import_source *source, struct err *err)
{
    const int rc = sqlite3_step(source->stmt);
    if (rc == SQLITE_ROW)
        return STATUS_OK;
    return rc == SQLITE_DONE ? STATUS_NOT_FOUND : fail(source, rc, err);
}

static const char *text_at(const struct import_source *source, int at)
{
    return (const char *)sqlite3_column_text(source->stmt, at);
}

/* A number that is one, also as text. */
static double number_at(const struct import_source *source, int at)
{
    const int type = sqlite3_column_type(source->stmt, at);
    const double value = sqlite3_column_double(source->stmt, at);
    if (type == SQLITE_TEXT &&
        sqlite3_value_numeric_type(sqlite3_column_value(source->stmt, at)) == SQLITE_TEXT)
        return (double)NAN;
    return type == SQLITE_NULL || type == SQLITE_BLOB || !isfinite(value) ? (double)NAN : value;
}

/* "2026-03-29T17:35:00Z", also with a blank for the T. */
static int64_t parse_time(const char *text)
{
    char copy[64];
    int64_t ms = 0;
    bool is_naive = false;
    const int len = snprintf(copy, sizeof copy, "%s", text);
    if (len > 10 && (size_t)len < sizeof copy && copy[10] == ' ')
        copy[10] = 'T';
    return len > 0 && (size_t)len < sizeof copy &&
                   clock_parse_rfc3339(copy, (size_t)len, &ms, &is_naive)
               ? ms
               : 0;
}

/* 0 = none, or one that can't be. */
static int64_t time_at(const struct import_source *source, int at)
{
    int64_t ms = 0;
    const double number = number_at(source, at);
    if (!isnan(number))
        ms = number > 1e15 || number < 0    ? 0
             : number > (double)SECONDS_MAX ? (int64_t)number
                                            : (int64_t)(number * 1000);
    else if (sqlite3_column_type(source->stmt, at) == SQLITE_TEXT)
        ms = parse_time(text_at(source, at));
    return ms > 0 && ms <= source->now_ms + FUTURE_MS ? ms : 0;
}

enum status import_source_packet(struct import_source *source, struct import_packet *out,
                                 struct err *err)
{
    const enum status status = step(source, err);
    if (status != STATUS_OK)
        return status;
    const char *direction = text_at(source, 7);
    *out = (struct import_packet){
        .id = sqlite3_column_int64(source->stmt, 0),
        .transmission_hex = text_at(source, 1),
        .own_hex = text_at(source, 2),
        .path_json = text_at(source, 3),
        .observer = text_at(source, 4),
        .name = text_at(source, 5),
        .iata = text_at(source, 6),
        .is_tx = direction != NULL && strcasecmp(direction, "tx") == 0,
        .snr = number_at(source, 8),
        .rssi = number_at(source, 9),
        .score = number_at(source, 10),
    };
    for (int at = 11; at <= 13 && out->time_ms == 0; at++)
        out->time_ms = time_at(source, at);
    return STATUS_OK;
}

enum status import_source_observer(struct import_source *source, struct import_observer *out,
                                   struct err *err)
{
    const enum status status = step(source, err);
    if (status != STATUS_OK)
        return status;
    const double can_relay = number_at(source, 10);
    *out = (struct import_observer){
        .id = text_at(source, 0),
        .name = text_at(source, 1),
        .iata = text_at(source, 2),
        .model = text_at(source, 3),
        .firmware = text_at(source, 4),
        .client_version = text_at(source, 5),
        .radio = text_at(source, 6),
        .battery_mv = number_at(source, 7),
        .uptime_secs = number_at(source, 8),
        .noise_floor = number_at(source, 9),
        .can_relay = isnan(can_relay) ? -1 : can_relay != 0,
        .first_ms = time_at(source, 11),
        .last_ms = time_at(source, 12),
        .is_repeated = sqlite3_column_int(source->stmt, 13) != 0,
    };
    return STATUS_OK;
}

enum status import_source_metrics(struct import_source *source, struct import_metrics *out,
                                  struct err *err)
{
    const enum status status = step(source, err);
    if (status != STATUS_OK)
        return status;
    *out = (struct import_metrics){
        .observer = text_at(source, 0),
        .slot_ms = time_at(source, 1),
        .battery_mv = number_at(source, 2),
        .noise_floor = number_at(source, 3),
        .tx_air_secs = number_at(source, 4),
        .rx_air_secs = number_at(source, 5),
        .recv_errors = number_at(source, 6),
        .packets_sent = number_at(source, 7),
        .packets_recv = number_at(source, 8),
    };
    return STATUS_OK;
}

enum status import_source_node(struct import_source *source, struct import_node *out,
                               struct err *err)
{
    const enum status status = step(source, err);
    if (status != STATUS_OK)
        return status;
    *out = (struct import_node){
        .key = text_at(source, 0),
        .first_ms = time_at(source, 1),
        .is_repeated = sqlite3_column_int(source->stmt, 2) != 0,
    };
    return STATUS_OK;
}
