/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_source.h"

#include "common/base/crypto.h"
#include "common/db/schema.h"

#include <string.h>

#define DAY(ms)       "min(max(" ms " / 86400000, 0), 65535)"
#define HOUR(ms)      "min(max(" ms " / 3600000, 0), 4294967295)"
#define HOURS_DAY(h)  "min(max(" h " / 24, 0), 65535)"
#define SOURCE_OF(id) "coalesce((SELECT name FROM sources s WHERE s.id = " id "), '')"

/* A companion's text has no key of its own: its words within ten minutes of receipt. */
#define COMPANION_KEY                                                                              \
    "coalesce((SELECT name FROM channels c WHERE c.id = m.channel_id), '') || char(10) ||"         \
    " quote(m.peer) || quote(m.sender) || quote(m.text) || quote(m.sender_time) || m.direction ||" \
    " quote(CAST(round(4 * m.snr) AS INTEGER)) || quote(CAST(round(m.rssi) AS INTEGER)) ||"        \
    " quote(m.envelope_ms) || (m.receipt_ms / 600000)"

/* One position for two columns: an observer, and its five minutes. */
#define SAMPLE_AT "((m.observer_id << 32) | (m.receipt_ms / 300000))"

#define SAMPLE_ROWS                                                                                                  \
    "SELECT " SAMPLE_AT ", " DAY(                                                                                    \
        "m.receipt_ms") ", r.identity, m.receipt_ms / 300000,"                                                       \
                        "  m.receipt_ms, m.payload_hash, m.battery_mv, m.uptime_secs, m.noise_floor, m.tx_air_secs," \
                        "  m.rx_air_secs, m.recv_errors, m.packets_sent, m.packets_recv, m.queue_len, m.errors"      \
                        " FROM observer_metrics m CROSS JOIN observers r ON r.id = m.observer_id"
#define NEIGHBOR_ROWS                                                                              \
    "SELECT * FROM (SELECT (n.observer_id << 20)"                                                  \
    "   | row_number() OVER (PARTITION BY n.observer_id ORDER BY n.neighbor) AS at,"               \
    "  r.identity, n.neighbor, n.as_of_ms, n.heard_ms, n.snr, n.rssi, n.status, n.scopes,"         \
    "  n.scopes_ms FROM reported_neighbors n CROSS JOIN observers r ON r.id = n.observer_id"
#define REFUSED_ROWS                                                                               \
    "SELECT * FROM (SELECT (hour << 20) | row_number() OVER (PARTITION BY hour ORDER BY rule)"     \
    " AS at, " HOURS_DAY("hour") ", ?3, hour, rule, records, noted FROM refusal_hours"
/* One position for two columns: an observer, and the hour. */
#define SKEW_AT     "((k.observer_id << 32) | k.hour)"
#define SKEW_HOUR   "((?1 + 1) & 4294967295)"
#define BY_POSITION ") WHERE at > ?1 ORDER BY at LIMIT ?2"

const struct fact_source fact_sources[FACT_SOURCES] = {
    {FACT_OBS, true,
     "SELECT o.id, " DAY("o.receipt_ms") ", " HOUR(
         "o.receipt_ms") ", o.receipt_ms, t.hash,"
                         "  r.identity, o.direction, o.path_size, o.path,"
                         "  (o.envelope_ms NOTNULL) + 2 * (o.snr NOTNULL) + 4 * (o.rssi NOTNULL)"
                         "   + 8 * (o.score NOTNULL) + 16 * (o.scope_id NOTNULL),"
                         "  " SOURCE_OF(
                             "o.source_id") ", t.type, coalesce(o.route, t.route),"
                                            "  coalesce(o.scope_code, -1),"
                                            "  coalesce((SELECT name FROM scopes s WHERE s.id = o.scope_id), ''),"
                                            "  o.envelope_ms - o.receipt_ms, o.snr, o.rssi, o.score"
                                            " FROM observations o CROSS JOIN transmissions t ON t.id = o.transmission_id"
                                            "  CROSS JOIN observers r ON r.id = o.observer_id"
                                            " WHERE o.id > ?1 ORDER BY o.id LIMIT ?2",
     "SELECT observations FROM meta", "SELECT count(*) FROM observations", false, .table = NULL},
    /* The first observation of its hour: a packet's hours are those it was observed in. */
    {FACT_TX, true,
     "SELECT o.id, " DAY("o.receipt_ms") ", t.hash, " HOUR(
         "o.receipt_ms") ", t.first_ms, t.type,"
                         "  t.route, coalesce((SELECT public_key FROM nodes n WHERE n.id = t.sender), ''),"
                         "  coalesce(t.is_forged, 0), t.raw"
                         " FROM observations o CROSS JOIN transmissions t ON t.id = o.transmission_id"
                         " WHERE o.id > ?1 AND NOT EXISTS (SELECT 1 FROM observation_keys k"
                         "   CROSS JOIN observations e ON e.id = k.id"
                         "   WHERE k.transmission_id = o.transmission_id AND k.id < o.id"
                         "    AND e.receipt_ms / 3600000 = o.receipt_ms / 3600000)"
                         " ORDER BY o.id LIMIT ?2",
     "SELECT transmissions FROM meta", "SELECT count(*) FROM transmissions", false, .table = NULL},
    {FACT_ADVERTS, true,
     "SELECT t.id, " DAY(
         "t.first_ms") ", n.public_key, t.hash, t.first_ms"
                       " FROM transmissions t CROSS JOIN nodes n ON n.id = t.sender"
                       " WHERE t.id > ?1 AND t.sender NOTNULL ORDER BY t.id LIMIT ?2",
     "SELECT count(*) FROM transmissions WHERE sender NOTNULL", NULL, false, .table = NULL},
    {FACT_MESSAGES, true,
     "SELECT m.transmission_id, " DAY(
         "t.first_ms") ", c.name, t.hash, 0, '', 0, t.first_ms,"
                       "  m.sender, m.text, m.sender_time, NULL, NULL, NULL"
                       " FROM messages m CROSS JOIN channels c ON c.id = m.channel_id"
                       "  CROSS JOIN transmissions t ON t.id = m.transmission_id"
                       " WHERE m.transmission_id > ?1 ORDER BY m.transmission_id LIMIT ?2",
     "SELECT count(*) FROM messages", NULL, false, .table = NULL},
    {FACT_MESSAGES, true,
     "SELECT m.id, " DAY(
         "m.receipt_ms") ","
                         "  coalesce((SELECT name FROM channels c WHERE c.id = m.channel_id), ''), " COMPANION_KEY
                         ","
                         "  1, coalesce(m.peer, ''), m.direction, m.receipt_ms, m.sender, m.text, m.sender_time, m.snr,"
                         "  m.rssi, m.score"
                         " FROM companion_messages m WHERE m.id > ?1 ORDER BY m.id LIMIT ?2",
     "SELECT count(*) FROM companion_messages",
     "SELECT count(DISTINCT " COMPANION_KEY ") FROM companion_messages m", true,
     .table = "companion_messages"},
    {FACT_SAMPLES, false,
     SAMPLE_ROWS " WHERE (m.observer_id, m.receipt_ms / 300000) > (?1 >> 32, ?1 & 4294967295)"
                 " ORDER BY m.observer_id, m.receipt_ms / 300000 LIMIT ?2",
     "SELECT count(*) FROM observer_metrics", NULL, false, .table = "observer_metrics",
     .touched = "(NEW.observer_id << 32) | (NEW.receipt_ms / 300000)",
     .at = SAMPLE_ROWS " WHERE m.observer_id = (?1 + 1) >> 32 AND m.receipt_ms BETWEEN"
                       " ((?1 + 1) & 4294967295) * 300000 AND ((?1 + 1) & 4294967295) * 300000 +"
                       " 299999 LIMIT ?2"},
    {FACT_OBSERVERS, false,
     "SELECT id, identity, ?3, identity, name, name_ms, iata, iata_ms, status, status_ms, model,"
     "  model_ms, firmware, firmware_ms, client_version, client_version_ms, radio, radio_ms,"
     "  battery_mv, battery_mv_ms, uptime_secs, uptime_secs_ms, noise_floor, noise_floor_ms,"
     "  can_relay, can_relay_ms, skew_s, skew_ms, first_ms, last_ms, last_packet_ms, is_inactive"
     " FROM observers WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT observers FROM meta", NULL, false, .table = "observers",
     .all = "SELECT id FROM main.observers", .is_slow = true},
    {FACT_NODES, false,
     "SELECT id, public_key, ?3, name, name_time, role, role_time, lat, lon, position_time,"
     "  battery_mv, temperature_c, telemetry_time,"
     "  coalesce((SELECT name FROM scopes s WHERE s.id = n.scope_id), ''), scope_ms, is_foreign,"
     "  advert_time, first_ms, last_ms, last_relayed_ms, is_inactive"
     " FROM nodes n WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT nodes FROM meta", NULL, false, .table = "nodes", .all = "SELECT id FROM main.nodes",
     .is_slow = true},
    {FACT_CLIENT_RX, true,
     "SELECT id, " DAY(
         "rx_ms") ", client, heard, rx_ms, lat, lon, accuracy_m, snr, rssi,"
                  "  " SOURCE_OF(
                      "source_id") ", receipt_ms"
                                   " FROM client_receptions WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT count(*) FROM client_receptions", NULL, false, .table = "client_receptions"},
    {FACT_NEIGHBOR_REPORTS, false,
     "SELECT p.observer_id, r.identity, p.as_of_ms, p.total, p.queried, p.is_truncated, p.scopes,"
     "  p.default_scope"
     " FROM neighbor_reports p CROSS JOIN observers r ON r.id = p.observer_id"
     " WHERE p.observer_id > ?1 ORDER BY p.observer_id LIMIT ?2",
     "SELECT count(*) FROM neighbor_reports", NULL, false, .table = "neighbor_reports"},
    {FACT_REPORTED_NEIGHBORS, false, NEIGHBOR_ROWS "" BY_POSITION,
     "SELECT count(*) FROM reported_neighbors", NULL, false, .table = "reported_neighbors",
     .touched = "(NEW.observer_id << 20) + 1", .together = (1 << 20) - 2,
     .at = NEIGHBOR_ROWS " WHERE n.observer_id = (?1 + 1) >> 20" BY_POSITION},
    {FACT_REGION_ANSWERS, false,
     "SELECT id, target, as_of_ms, is_truncated, regions, client FROM region_answers"
     " WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT count(*) FROM region_answers", NULL, false, .table = "region_answers"},
    {FACT_DROPPED, false,
     "SELECT id, " DAY(
         "first_ms") ", hash, reason, raw, coalesce(observer, ''),"
                     "  coalesce(node_key, ''), coalesce(node_name, ''), first_ms, last_ms"
                     " FROM dropped_packets WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT count(*) FROM dropped_packets", NULL, false, .table = "dropped_packets"},
    {FACT_REFUSALS, false,
     "SELECT id, " DAY("receipt_ms") ", ?3, id % " SCHEMA_TEXT(
         FACT_REFUSED) ", id, receipt_ms, rule, config_key, source, topic, observer, hash, node,"
                       "  coalesce(bytes, -1), records"
                       " FROM refusals WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT count(*) FROM refusals", NULL, false, .table = "refusals",
     .all = "SELECT id FROM main.refusals"},
    {FACT_REFUSAL_HOURS, false, REFUSED_ROWS BY_POSITION, "SELECT count(*) FROM refusal_hours",
     NULL, false, .table = "refusal_hours", .touched = "(NEW.hour << 20) + 1",
     .together = (1 << 20) - 2, .at = REFUSED_ROWS " WHERE hour = (?1 + 1) >> 20" BY_POSITION,
     .all = "SELECT DISTINCT (hour << 20) + 1 FROM main.refusal_hours"},
    /* As whoever reads the tables here takes it (common/why/why_file.c). */
    {FACT_REFUSAL_WINDOWS, false,
     "SELECT id, ?3, min(refused_from_ms, coalesce((SELECT receipt_ms FROM refusals ORDER BY id"
     "  LIMIT 1), refused_from_ms)) FROM meta WHERE id > ?1 LIMIT ?2",
     "SELECT 1", NULL, false, .table = "meta", .touched = "NEW.id", .column = "refused_from_ms",
     .all = "SELECT id FROM main.meta"},
    /* A row that was counted down to nothing is gone from the table, and is sent as 0. */
    {FACT_OBSERVER_SKEW, false,
     "SELECT " SKEW_AT
     ", " HOURS_DAY("k.hour") ", r.identity, k.hour, ?3, k.n"
                              " FROM observer_skew k CROSS JOIN observers r ON r.id = k.observer_id"
                              " WHERE (k.observer_id, k.hour) > (?1 >> 32, ?1 & 4294967295)"
                              " ORDER BY k.observer_id, k.hour LIMIT ?2",
     "SELECT count(*) FROM observer_skew", NULL, false, .table = "observer_skew",
     .touched = "(NEW.observer_id << 32) | NEW.hour",
     .at = "SELECT ?1 + 1, " HOURS_DAY(
         SKEW_HOUR) ", identity, " SKEW_HOUR ", ?3,"
                    "  coalesce((SELECT n FROM observer_skew WHERE observer_id = r.id AND hour = " SKEW_HOUR
                    "), 0) FROM observers r WHERE id = (?1 + 1) >> 32 LIMIT ?2",
     .all = "SELECT " SKEW_AT " FROM main.observer_skew k"},
};

void fact_database_id(int64_t created_ms, uint8_t out[static FACT_DATABASE_BYTES])
{
    const struct crypto_part parts[] = {{"sqlite", 6}, {&created_ms, sizeof created_ms}};
    uint8_t digest[32];
    crypto_sha256(parts, ARRAY_LEN(parts), digest);
    memcpy(out, digest, FACT_DATABASE_BYTES);
}

static void put_bytes(struct fact_row *row, const struct statement *from, int column, bool is_blob)
{
    const void *bytes = is_blob ? sqlite3_column_blob(from->handle, column)
                                : (const void *)sqlite3_column_text(from->handle, column);
    const int len = sqlite3_column_bytes(from->handle, column);
    const size_t size = bytes != NULL && len > 0 ? (size_t)len : 0;
    const unsigned type = fact_row_type(row) & ~FACT_NULL;
    if (type == FACT_STRING || type == FACT_KEY)
        fact_row_bytes(row, size > 0 ? bytes : "", size);
    else if (type == FACT_U64)
        fact_row_u64(row, is_blob ? fact_number_of_bytes(bytes, size)
                                  : fact_number_of_text(size > 0 ? bytes : "", size));
    else
        fact_row_null(row);
}

static void put_column(struct fact_row *row, const struct statement *from, int column)
{
    const unsigned type = fact_row_type(row) & ~FACT_NULL;
    const int kind = sqlite3_column_type(from->handle, column);
    if (kind == SQLITE_NULL)
        fact_row_null(row);
    else if (kind == SQLITE_BLOB || kind == SQLITE_TEXT)
        put_bytes(row, from, column, kind == SQLITE_BLOB);
    else if (type == FACT_F32 || type == FACT_F64)
        fact_row_real(row, column_real(from, column));
    else if (type == FACT_STRING || type == FACT_KEY)
        put_bytes(row, from, column, false);
    else
        fact_row_int(row, column_int(from, column));
}

bool fact_source_row(const struct fact_source *source, const struct statement *from,
                     int64_t stamp_ms, struct rowbinary_writer *w, struct fact_row *row)
{
    const struct fact_table *table = &fact_tables[source->fact];
    fact_row_begin(row, table, w);
    for (size_t i = 0; i < table->count; i++)
        put_column(row, from, 1 + (int)i);
    return fact_row_end(row, stamp_ms);
}
