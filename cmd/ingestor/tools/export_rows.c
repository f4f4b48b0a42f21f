/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/export_rows.h"

#include "common/base/hex.h"
#include "common/db/schema.h"
#include "common/json/json_write.h"
#include "common/mesh/meshcore_json.h"
#include "common/mesh/meshcore_rebuild.h"

#include <stdio.h>
#include <string.h>

/* RFC 3339; of a time that never was NULL. */
#define TIME_OF(ms)    "strftime('%Y-%m-%dT%H:%M:%fZ', " ms " / 1000.0, 'unixepoch')"
#define SECOND_OF(ms)  "strftime('%Y-%m-%dT%H:%M:%SZ', " ms " / 1000, 'unixepoch')"
#define PATH_TEXT_MAX  1024
#define COLUMNS_MAX    20
#define CLIENT_SRC_SQL "coalesce((SELECT name FROM sources s WHERE s.id = c.source_id), '')"

/* Is it filled in by the C code, or are the columns as they are? */
struct table {
    const char *select, *insert;
    enum status (*row)(const struct export_params *params, struct statement *from,
                       struct statement *to, struct export_counts *counts);
};

/* --- rows as they are ------------------------------------------------------------------------- */

/* `count` columns from `column` on, to the parameters from `parameter` on. */
static void copy_columns(struct statement *from, int column, struct statement *to, int parameter,
                         int count)
{
    for (int i = 0; i < count; i++)
        IGNORE(sqlite3_bind_value(to->handle, parameter + i,
                                  sqlite3_column_value(from->handle, column + i)),
               "a value that was read can be bound, but for memory, which the step reports");
}

static enum status copy_row(struct statement *from, struct statement *to, uint64_t *count)
{
    copy_columns(from, 0, to, 1, sqlite3_column_count(from->handle));
    (*count)++;
    return statement_run(to);
}

static enum status copy_observer(const struct export_params *params, struct statement *from,
                                 struct statement *to, struct export_counts *counts)
{
    (void)params;
    return copy_row(from, to, &counts->observers);
}

static enum status copy_metrics(const struct export_params *params, struct statement *from,
                                struct statement *to, struct export_counts *counts)
{
    params->on_row(params->context);
    return copy_row(from, to, &counts->metrics);
}

static enum status copy_other(const struct export_params *params, struct statement *from,
                              struct statement *to, struct export_counts *counts)
{
    uint64_t uncounted = 0;
    (void)params;
    (void)counts;
    return copy_row(from, to, &uncounted);
}

/* The role is a number with us. */
static enum status copy_node(const struct export_params *params, struct statement *from,
                             struct statement *to, struct export_counts *counts)
{
    char role[16];
    (void)params;
    copy_columns(from, 0, to, 1, sqlite3_column_count(from->handle));
    if (!column_is_null(from, 2))
        bind_text(to, 3, meshcore_role_name((unsigned)column_int(from, 2), role));
    counts->nodes++;
    return statement_run(to);
}

/* --- packets ---------------------------------------------------------------------------------- */

struct raw {
    const uint8_t *bytes; /* borrowed until the statement's next row */
    size_t len;
};

static struct raw raw_at(struct statement *from, int column)
{
    const int len = sqlite3_column_bytes(from->handle, column);
    return (struct raw){sqlite3_column_blob(from->handle, column), len > 0 ? (size_t)len : 0};
}

/* id, raw, hash, first_seen, route, type | last_seen, created_at, channel, scope */
static enum status copy_transmission(const struct export_params *params, struct statement *from,
                                     struct statement *to, struct export_counts *counts)
{
    char hex[2 * MESHCORE_FRAME_MAX + 1];
    char json[MESHCORE_JSON_MAX + 1];
    char key[2 * MESHCORE_KEY_BYTES + 1];
    char channel[8];
    struct meshcore_frame frame;
    const struct meshcore_json_options options = {
        .keys = params->keys, .scopes = params->scopes, .signature = MESHCORE_JSON_NO_SIGNATURE};
    const struct raw raw = raw_at(from, 1);
    copy_columns(from, 0, to, 1, 6);
    hex_encode_upper(raw.bytes, min_size(raw.len, MESHCORE_FRAME_MAX), hex);
    bind_text(to, 2, hex);
    bind_int(to, 7, 0); /* payload_version */
    const bool is_frame = meshcore_parse(raw.bytes, raw.len, &frame) == MESHCORE_FRAME_OK;
    if (is_frame && meshcore_json_payload_text(&frame, &options, json, sizeof json) > 0)
        bind_text(to, 8, json);
    if (is_frame && frame.type == MESHCORE_ADVERT && frame.payload_len >= MESHCORE_KEY_BYTES) {
        hex_encode_lower(frame.payload, MESHCORE_KEY_BYTES, key);
        bind_text(to, 9, key);
    }
    copy_columns(from, 6, to, 10, 4);
    /* One that is too short to be a message is in a channel all the same. */
    if (is_frame && frame.type == MESHCORE_GRP_TXT && frame.payload_len > 0 &&
        column_is_null(from, 8)) {
        channel_encrypted_name(frame.payload[0], channel);
        bind_text(to, 12, channel);
    }
    counts->transmissions++;
    params->on_row(params->context);
    return statement_run(to);
}

/* The hops that a reader of CoreScope's looks for: of a TRACE the route in its payload. */
static void path_text(const struct meshcore_frame *frame, char out[static PATH_TEXT_MAX])
{
    struct meshcore_payload payload;
    struct json_write w;
    const uint8_t *bytes = frame->path;
    size_t size = frame->hash_size;
    size_t count = frame->hop_count;
    if (frame->type == MESHCORE_TRACE) {
        meshcore_payload_parse(frame, &payload);
        const bool is_read = payload.error == NULL;
        bytes = payload.trace.route;
        size = is_read ? payload.trace.entry_bytes : 1;
        count = is_read ? payload.trace.route_count : 0;
    }
    jw_init(&w, out, PATH_TEXT_MAX);
    jw_array(&w, NULL);
    for (size_t i = 0; i < count; i++)
        jw_hex_upper(&w, NULL, bytes + i * size, size);
    jw_array_end(&w);
    out[jw_finish(&w)] = '\0'; /* 0 = does not fit, which no frame is long enough for */
}

/* I3. Insert with a path, else without one. */
static enum status insert_observation(struct statement *to, struct export_counts *counts,
                                      const char *path)
{
    sqlite3 *db = to->connection->db;
    for (int with_path = 1; with_path >= 0; with_path--) {
        if (with_path != 0)
            bind_text(to, 8, path);
        else
            IGNORE(sqlite3_bind_null(to->handle, 8), "a right index");
        const int rc = sqlite3_step(to->handle);
        IGNORE(sqlite3_reset(to->handle), "repeats the step's result");
        if (rc != SQLITE_DONE)
            return connection_fail(to->connection, rc);
        if (sqlite3_changes(db) > 0) {
            counts->observations++;
            return STATUS_OK;
        }
    }
    counts->left_out++;
    return STATUS_OK;
}

/* id, transmission, observer, direction, snr, rssi, score | seconds, raw, route, code, path_size,
 * path */
static enum status copy_observation(const struct export_params *params, struct statement *from,
                                    struct statement *to, struct export_counts *counts)
{
    uint8_t own[MESHCORE_FRAME_MAX];
    char hex[2 * MESHCORE_FRAME_MAX + 1];
    char path[PATH_TEXT_MAX] = "[]";
    struct meshcore_frame frame;
    bool is_guessed;
    const struct raw raw = raw_at(from, 8);
    const struct raw hops = raw_at(from, 12);
    const struct meshcore_way way = {
        .route = (uint8_t)column_int(from, 9),
        .scope_code = (int32_t)column_int(from, 10),
        .hash_size = (uint8_t)column_int(from, 11),
        .path_len = (uint8_t)min_size(hops.len, MESHCORE_PATH_MAX),
        .path = hops.bytes != NULL ? hops.bytes : own, /* of length 0 then */
    };
    copy_columns(from, 0, to, 1, 7);
    bind_int(to, 9, column_int(from, 7));
    const size_t len = meshcore_rebuild(raw.bytes, raw.len, &way, own, &is_guessed);
    if (len > 0 && meshcore_parse(own, len, &frame) == MESHCORE_FRAME_OK) {
        hex_encode_upper(own, len, hex);
        bind_text(to, 11, hex);
        path_text(&frame, path);
    }
    const enum status status = insert_observation(to, counts, path);
    statement_done(to);
    params->on_row(params->context);
    return status;
}

/* --- the tables ------------------------------------------------------------------------------- */

#define NODE_SELECT(is_inactive)                                                                   \
    "SELECT lower(hex(n.public_key)), nullif(n.name, ''), n.role, n.lat, n.lon, " TIME_OF(         \
        "n.last_heard_ms") ", " TIME_OF("n.first_ms") ", n.advert_count, n.battery_mv,"            \
                                                      " n.temperature_c, n.is_foreign, s.name"     \
                                                      " FROM nodes n LEFT JOIN scopes s"           \
                                                      " ON s.id = n.scope_id"                      \
                                                      " WHERE n.is_inactive = " is_inactive        \
                                                      " ORDER BY n.id"
#define NODE_INSERT(table)                                                                         \
    "INSERT INTO " table                                                                           \
    " (public_key, name, role, lat, lon, last_seen, first_seen, advert_count,"                     \
    " battery_mv, temperature_c, foreign_advert, default_scope)"                                   \
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"

static const struct table tables[] = {
    {"SELECT o.id, o.identity, nullif(o.name, ''), nullif(o.iata, ''), " TIME_OF("o.last_ms") ", " TIME_OF(
         "o.first_ms") ", o.packet_count + o.status_count, o.model,"
                       " o.firmware, o.client_version, o.radio,"
                       " o.battery_mv, o.uptime_secs, o.noise_floor,"
                       " o.is_inactive, " TIME_OF(
                           "o.last_packet_ms") ","
                                               " o.skew_s, coalesce(o.can_relay, 1), o.can_relay IS NOT NULL"
                                               " FROM observers o WHERE o.identity <> '" DB_UNKNOWN_OBSERVER
                                               "' ORDER BY o.id",
     "INSERT INTO observers (rowid, id, name, iata, last_seen, first_seen, packet_count, model,"
     " firmware, client_version, radio, battery_mv, uptime_secs, noise_floor, inactive,"
     " last_packet_at, clock_skew_seconds, can_relay, can_relay_seen)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
     " ?19)",
     copy_observer},
    {NODE_SELECT("0"), NODE_INSERT("nodes"), copy_node},
    {NODE_SELECT("1"), NODE_INSERT("inactive_nodes"), copy_node},
    /* Its scope is that of its first reception: '' = a region that nobody knows. */
    {"SELECT t.id, t.raw, lower(hex(t.hash)), " SECOND_OF(
         "t.first_ms") ", t.route, t.type,"
                       " t.last_ms / 1000, datetime(t.first_ms / 1000, 'unixepoch'), c.name,"
                       " (SELECT CASE WHEN o.scope_code > 0 THEN coalesce(s.name, '') END FROM observation_keys k"
                       "  CROSS JOIN observations o ON o.id = k.id"
                       "  LEFT JOIN scopes s ON s.id = o.scope_id WHERE k.transmission_id = t.id"
                       "  ORDER BY o.id LIMIT 1)"
                       " FROM transmissions t LEFT JOIN messages m ON m.transmission_id = t.id"
                       " LEFT JOIN channels c ON c.id = m.channel_id ORDER BY t.id",
     "INSERT INTO transmissions (id, raw_hex, hash, first_seen, route_type, payload_type,"
     " payload_version, decoded_json, from_pubkey, last_seen, created_at, channel_hash, scope_name)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
     copy_transmission},
    {"SELECT o.id, o.transmission_id, CASE WHEN r.identity <> '" DB_UNKNOWN_OBSERVER
     "' THEN r.id END, CASE o.direction WHEN 0 THEN 'rx' ELSE 'tx' END, o.snr, o.rssi, o.score,"
     " o.receipt_ms / 1000, t.raw, coalesce(o.route, t.route), coalesce(o.scope_code, -1),"
     " o.path_size, o.path FROM observations o JOIN transmissions t ON t.id = o.transmission_id"
     " LEFT JOIN observers r ON r.id = o.observer_id ORDER BY o.id",
     "INSERT OR IGNORE INTO observations (id, transmission_id, observer_idx, direction, snr, rssi,"
     " score, path_json, timestamp, resolved_path, raw_hex)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
     copy_observation},
    {"SELECT r.identity, strftime('%Y-%m-%dT%H:%M:%SZ', m.receipt_ms / 300000 * 300, 'unixepoch'),"
     " m.noise_floor, m.tx_air_secs, m.rx_air_secs, m.recv_errors, m.battery_mv, m.packets_sent,"
     " m.packets_recv FROM observer_metrics m JOIN observers r ON r.id = m.observer_id",
     "INSERT OR REPLACE INTO observer_metrics (observer_id, timestamp, noise_floor, tx_air_secs,"
     " rx_air_secs, recv_errors, battery_mv, packets_sent, packets_recv)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
     copy_metrics},
    {"SELECT lower(hex(d.hash)), hex(d.raw), d.reason, d.observer,"
     " (SELECT name FROM observers r WHERE r.identity = d.observer), lower(hex(d.node_key)),"
     " d.node_name, datetime(d.last_ms / 1000, 'unixepoch') FROM dropped_packets d ORDER BY d.id",
     "INSERT INTO dropped_packets (hash, raw_hex, reason, observer_id, observer_name, node_pubkey,"
     " node_name, dropped_at) VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, ''), ?7, ?8)",
     copy_other},
    /* Both ends known; the lesser key first. */
    {"SELECT min(a, b), max(a, b), sum(count), " SECOND_OF(
         "max(last_ms)") " FROM (SELECT"
                         " (SELECT lower(hex(public_key)) FROM nodes WHERE id = from_node) AS a,"
                         " (SELECT lower(hex(public_key)) FROM nodes WHERE id = to_node) AS b, count, last_ms"
                         " FROM neighbor_edges_v WHERE from_node IS NOT NULL AND to_node IS NOT NULL)"
                         " WHERE a <> b GROUP BY 1, 2",
     "INSERT INTO neighbor_edges (node_a, node_b, count, last_seen) VALUES (?1, ?2, ?3, ?4)",
     copy_other},
    {"SELECT c.client, lower(hex(c.heard)), length(c.heard), c.rssi, c.snr, c.lat, c.lon,"
     " c.accuracy_m, " TIME_OF("c.rx_ms") ", " TIME_OF(
         "c.receipt_ms") ", " CLIENT_SRC_SQL " FROM client_receptions c ORDER BY c.id",
     "INSERT INTO client_receptions (rx_pubkey, heard_key, heard_keylen, rssi, snr, lat, lon,"
     " pos_acc_m, rx_at, ingested_at, src) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
     copy_other},
    {"SELECT c.client, " SECOND_OF("max(c.rx_ms)") " FROM client_receptions c GROUP BY 1",
     "INSERT INTO client_observers (pubkey, last_seen) VALUES (?1, ?2)", copy_other},
};

static enum status copy_table(const struct export_params *params, const struct table *table,
                              struct export_counts *counts, struct err *err)
{
    struct statement from = SQL(table->select);
    struct statement to = SQL(table->insert);
    enum status status = statements_prepare(params->from, &from, 1, err);
    if (status == STATUS_OK)
        status = statements_prepare(params->to, &to, 1, err);
    const bool is_prepared = status == STATUS_OK;
    while (status == STATUS_OK && (status = statement_row(&from)) == STATUS_OK)
        status = table->row(params, &from, &to, counts);
    if (is_prepared && status != STATUS_OK && status != STATUS_NOT_FOUND)
        status = err_set(err, status, 0, NULL, "%s",
                         params->to->error[0] != '\0' ? params->to->error : params->from->error);
    statements_finalize(&from, 1);
    statements_finalize(&to, 1);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status export_rows_total(const struct export_params *params, uint64_t *out, struct err *err)
{
    int64_t total = 0;
    struct statement count = SQL("SELECT transmissions + observations"
                                 " + (SELECT count(*) FROM observer_metrics) FROM meta");
    enum status status = statements_prepare(params->from, &count, 1, err);
    if (status == STATUS_OK)
        status = statement_number(&count, &total);
    statements_finalize(&count, 1);
    *out = (uint64_t)total;
    return status;
}

enum status export_rows(const struct export_params *params, struct export_counts *out,
                        struct err *err)
{
    enum status status = STATUS_OK;
    *out = (struct export_counts){0};
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_LEN(tables); i++)
        status = copy_table(params, &tables[i], out, err);
    return status;
}
