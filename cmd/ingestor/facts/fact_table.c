/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_table.h"

#include "common/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Days since a Monday, so that a partition is a week, or four. */
#define WEEKS       "intDiv(day + 3, 7)"
#define FOUR_WEEKS  "intDiv(day + 3, 28)"
#define MONTH_HOURS "intDiv(hour, 744)"
#define MONDAY      3

/* clang-format off */ /* a table: a column a cell */
static const struct fact_column obs[] = {
    {"day", FACT_U16}, {"hour", FACT_U32}, {"receipt_ms", FACT_I64}, {"hash", FACT_U64},
    {"observer", FACT_U64}, {"direction", FACT_U8}, {"path_size", FACT_U8}, {"path", FACT_STRING},
    {"has", FACT_U8}, {"source", FACT_STRING}, {"type", FACT_U8}, {"route", FACT_U8},
    {"scope_code", FACT_I32}, /* -1 = none */
    {"scope", FACT_STRING}, /* the region of hashRegions that the code means; "" = none is known */
    {"envelope_diff", FACT_I64 | FACT_NULL}, /* the publisher's clock less ours */
    {"snr", FACT_F32 | FACT_NULL}, {"rssi", FACT_F32 | FACT_NULL}, {"score", FACT_F32 | FACT_NULL},
};
static const struct fact_column tx[] = {
    {"day", FACT_U16}, {"hash", FACT_U64}, {"hour", FACT_U32}, {"first_ms", FACT_I64},
    {"type", FACT_U8}, {"route", FACT_U8}, {"sender", FACT_STRING}, {"is_forged", FACT_U8},
    {"raw", FACT_STRING},
};
static const struct fact_column adverts[] = {
    {"day", FACT_U16}, {"pubkey", FACT_KEY}, {"hash", FACT_U64}, {"first_ms", FACT_I64},
};
/* kind 0: of a packet, under its hash; 1: a companion bridge's, under a hash of its words. */
static const struct fact_column messages[] = {
    {"day", FACT_U16}, {"channel", FACT_STRING}, {"hash", FACT_U64}, {"kind", FACT_U8},
    {"peer", FACT_STRING}, {"direction", FACT_U8}, {"first_ms", FACT_I64},
    {"sender", FACT_STRING | FACT_NULL}, {"text", FACT_STRING | FACT_NULL},
    {"sender_time", FACT_I64 | FACT_NULL}, {"snr", FACT_F32 | FACT_NULL},
    {"rssi", FACT_F32 | FACT_NULL}, {"score", FACT_F32 | FACT_NULL},
};
static const struct fact_column samples[] = {
    {"day", FACT_U16}, {"observer", FACT_U64}, {"slot", FACT_U32} /* receipt / 5 minutes */,
    {"receipt_ms", FACT_I64}, {"payload_hash", FACT_U64},
    {"battery_mv", FACT_F32 | FACT_NULL}, {"uptime_secs", FACT_F64 | FACT_NULL},
    {"noise_floor", FACT_F32 | FACT_NULL}, {"tx_air_secs", FACT_F64 | FACT_NULL},
    {"rx_air_secs", FACT_F64 | FACT_NULL}, {"recv_errors", FACT_F64 | FACT_NULL},
    {"packets_sent", FACT_F64 | FACT_NULL}, {"packets_recv", FACT_F64 | FACT_NULL},
    {"queue_len", FACT_F64 | FACT_NULL}, {"errors", FACT_F64 | FACT_NULL},
};
/* A value, and as of when it holds: each ingestor's pairs only get newer. */
static const struct fact_column observers[] = {
    {"id", FACT_U64}, {"ingestor", FACT_U64}, {"identity", FACT_STRING},
    {"name", FACT_STRING}, {"name_ms", FACT_I64}, {"iata", FACT_STRING}, {"iata_ms", FACT_I64},
    {"status", FACT_STRING | FACT_NULL}, {"status_ms", FACT_I64},
    {"model", FACT_STRING | FACT_NULL}, {"model_ms", FACT_I64},
    {"firmware", FACT_STRING | FACT_NULL}, {"firmware_ms", FACT_I64},
    {"client_version", FACT_STRING | FACT_NULL}, {"client_version_ms", FACT_I64},
    {"radio", FACT_STRING | FACT_NULL}, {"radio_ms", FACT_I64},
    {"battery_mv", FACT_F64 | FACT_NULL}, {"battery_mv_ms", FACT_I64},
    {"uptime_secs", FACT_F64 | FACT_NULL}, {"uptime_secs_ms", FACT_I64},
    {"noise_floor", FACT_F64 | FACT_NULL}, {"noise_floor_ms", FACT_I64},
    {"can_relay", FACT_U8 | FACT_NULL}, {"can_relay_ms", FACT_I64},
    {"skew_s", FACT_I64 | FACT_NULL}, {"skew_ms", FACT_I64},
    {"first_ms", FACT_I64}, {"last_ms", FACT_I64 | FACT_NULL},
    {"last_packet_ms", FACT_I64 | FACT_NULL}, {"is_inactive", FACT_U8},
};
static const struct fact_column nodes[] = {
    {"pubkey", FACT_KEY}, {"ingestor", FACT_U64},
    {"name", FACT_STRING}, {"name_time", FACT_I64},
    {"role", FACT_U8 | FACT_NULL}, {"role_time", FACT_I64},
    {"lat", FACT_F64 | FACT_NULL}, {"lon", FACT_F64 | FACT_NULL}, {"position_time", FACT_I64},
    {"battery_mv", FACT_I64 | FACT_NULL}, {"temperature_c", FACT_F64 | FACT_NULL},
    {"telemetry_time", FACT_I64}, {"scope", FACT_STRING}, {"scope_ms", FACT_I64},
    {"is_foreign", FACT_U8}, {"advert_time", FACT_I64}, {"first_ms", FACT_I64},
    {"last_ms", FACT_I64 | FACT_NULL}, {"last_relayed_ms", FACT_I64 | FACT_NULL},
    {"is_inactive", FACT_U8},
};
static const struct fact_column rollups[] = {
    {"kind", FACT_U8}, {"key", FACT_U64}, {"hour", FACT_U32}, {"observations", FACT_U64},
    {"transmissions", FACT_U64},
};
static const struct fact_column client_rx[] = {
    {"day", FACT_U16}, {"client", FACT_STRING}, {"heard", FACT_STRING}, {"rx_ms", FACT_I64},
    {"lat", FACT_F64}, {"lon", FACT_F64}, {"accuracy_m", FACT_F64 | FACT_NULL},
    {"snr", FACT_F32 | FACT_NULL}, {"rssi", FACT_F32 | FACT_NULL}, {"source", FACT_STRING},
    {"receipt_ms", FACT_I64},
};
static const struct fact_column neighbor_reports[] = {
    {"observer", FACT_U64}, {"as_of_ms", FACT_I64}, {"total", FACT_I64 | FACT_NULL},
    {"queried", FACT_I64 | FACT_NULL}, {"is_truncated", FACT_U8 | FACT_NULL},
    {"scopes", FACT_STRING | FACT_NULL}, {"default_scope", FACT_STRING | FACT_NULL},
};
static const struct fact_column reported_neighbors[] = {
    {"observer", FACT_U64}, {"neighbor", FACT_STRING}, {"as_of_ms", FACT_I64},
    {"heard_ms", FACT_I64 | FACT_NULL}, {"snr", FACT_F32 | FACT_NULL},
    {"rssi", FACT_F32 | FACT_NULL}, {"status", FACT_STRING | FACT_NULL},
    {"scopes", FACT_STRING | FACT_NULL}, {"scopes_ms", FACT_I64 | FACT_NULL},
};
static const struct fact_column region_answers[] = {
    {"target", FACT_KEY}, {"as_of_ms", FACT_I64}, {"is_truncated", FACT_U8},
    {"regions", FACT_STRING}, {"client", FACT_STRING},
};
static const struct fact_column dropped[] = {
    {"day", FACT_U16}, {"hash", FACT_U64}, {"reason", FACT_STRING}, {"raw", FACT_STRING},
    {"observer", FACT_STRING}, {"node_key", FACT_STRING}, {"node_name", FACT_STRING},
    {"first_ms", FACT_I64}, {"last_ms", FACT_I64},
};
/* "" = not known, none; bytes -1. No column is Nullable: of a place's rows the newest counts, also
 * what it does not know. */
static const struct fact_column refusals[] = {
    {"day", FACT_U16}, {"ingestor", FACT_U64}, {"place", FACT_U16}, {"id", FACT_I64},
    {"receipt_ms", FACT_I64}, {"rule", FACT_STRING}, {"config_key", FACT_STRING},
    {"source", FACT_STRING}, {"topic", FACT_STRING}, {"observer", FACT_STRING},
    {"hash", FACT_STRING}, {"node", FACT_STRING}, {"bytes", FACT_I64}, {"records", FACT_I64},
};
static const struct fact_column refusal_hours[] = {
    {"day", FACT_U16}, {"ingestor", FACT_U64}, {"hour", FACT_U32}, {"rule", FACT_STRING},
    {"records", FACT_I64}, {"noted", FACT_I64},
};
static const struct fact_column refusal_windows[] = {
    {"ingestor", FACT_U64}, {"from_ms", FACT_I64},
};
static const struct fact_column observer_skew[] = {
    {"day", FACT_U16}, {"observer", FACT_U64}, {"hour", FACT_U32}, {"ingestor", FACT_U64},
    {"n", FACT_I64},
};
static const struct fact_column ingestors[] = {
    {"id", FACT_U64}, {"name", FACT_STRING}, {"at_ms", FACT_I64}, {"stats", FACT_STRING},
};

/* The last four: shard, ver, rule. A small granularity where single keys are looked up. */
#define TABLE(columns, order, partition, width, granularity, shard, ver, rule)                     \
    {#columns, order, columns, ARRAY_LEN(columns), partition, width, granularity, shard, ver, rule}
const struct fact_table fact_tables[FACT_TABLES] = {
    [FACT_OBS] = TABLE(obs, "hour, hash, observer, direction, path_size, path, has",
                       "day", 1, 0, 3, 2, FACT_EARLIEST),
    [FACT_TX] = TABLE(tx, "hash, hour", WEEKS, 7, 256, 1, 3, FACT_EARLIEST),
    [FACT_ADVERTS] = TABLE(adverts, "pubkey, hash", FOUR_WEEKS, 28, 1024, 1, 3, FACT_EARLIEST),
    [FACT_MESSAGES] = TABLE(messages, "channel, hash", FOUR_WEEKS, 28, 1024, 2, 6, FACT_EARLIEST),
    [FACT_SAMPLES] = TABLE(samples, "observer, slot, payload_hash", FOUR_WEEKS, 28, 0, 1, 3,
                           FACT_EARLIEST),
    [FACT_OBSERVERS] = TABLE(observers, "id, ingestor", NULL, 0, 0, 0, 0, FACT_STAMPED),
    [FACT_NODES] = TABLE(nodes, "pubkey, ingestor", NULL, 0, 0, 0, 0, FACT_STAMPED),
    [FACT_ROLLUPS] = TABLE(rollups, "kind, hour, key", MONTH_HOURS, 744, 0, FACT_BY_SHARD, 0,
                           FACT_STAMPED),
    [FACT_CLIENT_RX] = TABLE(client_rx, "client, heard, rx_ms", FOUR_WEEKS, 28, 0, 1, 10,
                             FACT_EARLIEST),
    [FACT_NEIGHBOR_REPORTS] = TABLE(neighbor_reports, "observer", NULL, 0, 0, 0, 1, FACT_NEWEST),
    [FACT_REPORTED_NEIGHBORS] = TABLE(reported_neighbors, "observer, neighbor", NULL, 0, 0, 0, 2,
                                      FACT_NEWEST),
    [FACT_REGION_ANSWERS] = TABLE(region_answers, "target", NULL, 0, 0, 0, 1, FACT_NEWEST),
    [FACT_DROPPED] = TABLE(dropped, "hash, reason", FOUR_WEEKS, 28, 0, 1, 7, FACT_EARLIEST),
    [FACT_REFUSALS] = TABLE(refusals, "ingestor, place", FOUR_WEEKS, 28, 1024, 1, 4, FACT_NEWEST),
    [FACT_REFUSAL_HOURS] = TABLE(refusal_hours, "ingestor, hour, rule", FOUR_WEEKS, 28, 0, 1, 4,
                                 FACT_NEWEST),
    [FACT_REFUSAL_WINDOWS] = TABLE(refusal_windows, "ingestor", NULL, 0, 0, 0, 0, FACT_STAMPED),
    [FACT_OBSERVER_SKEW] = TABLE(observer_skew, "observer, hour, ingestor", FOUR_WEEKS, 28, 0, 1, 0,
                                 FACT_STAMPED),
    [FACT_INGESTORS] = TABLE(ingestors, "id", NULL, 0, 0, FACT_ON_FIRST, 0, FACT_STAMPED),
};
/* clang-format on */

/* --- SQL -------------------------------------------------------------------------------------- */

struct text {
    char *out;
    size_t len;
};

PRINTF(2, 3)
static void add(struct text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text->out + text->len, FACT_SQL_MAX - text->len, fmt, args);
    va_end(args);
    text->len = min_size(FACT_SQL_MAX - 1, text->len + (n > 0 ? (size_t)n : 0));
}

int64_t fact_partition_end_ms(const struct fact_table *table, int64_t partition)
{
    const bool is_hours = strcmp(table->columns[0].name, "day") != 0;
    const int64_t end = (partition + 1) * (int64_t)table->partition_width;
    if (is_hours)
        return end * MS_PER_HOUR;
    return (end - (table->partition_width > 1 ? MONDAY : 0)) * MS_PER_DAY;
}

void fact_type_name(unsigned type, char out[static 32])
{
    static const char *const names[FACT_TYPES] = {"UInt8",  "UInt16",         "UInt32",  "UInt64",
                                                  "Int32",  "Int64",          "Float32", "Float64",
                                                  "String", "FixedString(32)"};
    const char *name = names[type & ~FACT_NULL];
    (void)snprintf(out, 32, (type & FACT_NULL) != 0 ? "Nullable(%s)" : "%s", name);
}

static void add_columns(struct text *text, const struct fact_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        char type[32];
        fact_type_name(table->columns[i].type, type);
        add(text, "%s %s, ", table->columns[i].name, type);
    }
    add(text, "ver UInt64");
}

/* A power failure behind an acknowledged insert loses nothing; old servers have no word for it. */
static void add_settings(struct text *text, const struct fact_table *table,
                         const struct fact_dialect *dialect)
{
    const unsigned granularity = table->granularity != 0 ? table->granularity : 8192;
    add(text, " SETTINGS index_granularity = %u", granularity);
    if (dialect->is_modern)
        add(text, ", fsync_after_insert = 1, fsync_part_directory = 1");
    if (dialect->is_modern && !dialect->is_replicated)
        add(text, ", non_replicated_deduplication_window = 1000");
}

void fact_table_create(const struct fact_table *table, const struct fact_dialect *dialect,
                       char out[static FACT_SQL_MAX])
{
    struct text text = {.out = out};
    add(&text, "CREATE TABLE IF NOT EXISTS %s.%s (", dialect->database, table->name);
    add_columns(&text, table);
    if (dialect->is_replicated)
        add(&text,
            ") ENGINE = ReplicatedReplacingMergeTree('/weir/{cluster}/%s/{shard}/%s', '{replica}',"
            " ver)",
            dialect->database, table->name);
    else
        add(&text, ") ENGINE = ReplacingMergeTree(ver)");
    if (table->partition_by != NULL)
        add(&text, " PARTITION BY %s", table->partition_by);
    add(&text, " ORDER BY (%s)", table->order_by);
    add_settings(&text, table, dialect);
}

void fact_column_add(const struct fact_table *table, const struct fact_column *column,
                     const char *database, char out[static FACT_SQL_MAX])
{
    char type[32];
    fact_type_name(column->type, type);
    (void)snprintf(out, FACT_SQL_MAX, "ALTER TABLE %s.%s ADD COLUMN %s %s", database, table->name,
                   column->name, type);
}

void fact_meta_create(const char *database, char out[static FACT_SQL_MAX])
{
    struct text text = {.out = out};
    add(&text,
        "CREATE TABLE IF NOT EXISTS %s.meta (shard UInt16, shards UInt16, schema UInt16, cluster"
        " FixedString(16), made_ms Int64) ENGINE = MergeTree ORDER BY shard",
        database);
}

static void add_into(struct text *text, const struct fact_table *table)
{
    add(text, "%s (", table->name);
    for (size_t i = 0; i < table->count; i++)
        add(text, "%s, ", table->columns[i].name);
    add(text, "ver)");
}

void fact_table_into(const struct fact_table *table, char out[static FACT_SQL_MAX])
{
    struct text text = {.out = out};
    add_into(&text, table);
}

void fact_table_insert(const struct fact_table *table, const char *database,
                       char out[static FACT_SQL_MAX])
{
    struct text text = {.out = out};
    add(&text, "INSERT INTO %s.", database);
    add_into(&text, table);
    add(&text, " FORMAT RowBinary");
}
