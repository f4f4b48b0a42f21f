/* SPDX-License-Identifier: MIT
 *
 * fact_table - the tables in ClickHouse, one list: what makes them, fills them and checks them
 * comes from it.
 *
 * A row is a fact that never changes, under a key made of its content. Every answer is an aggregate
 * that does not depend on order or repetition (min, argMax(x, ver), uniqExact of the key), so
 * sending a row any number of times changes none. Merges keep of one key the row with the greatest
 * `ver`, the last column of each table; to read argMax(x, ver) gives the same before and after.
 *
 * I1. No time is a DateTime: `day` = UTC days since 1970, `hour` = UTC hours, the rest Int64
 *     milliseconds, all made here; the server's time zone never matters.
 * I2. No column of a key is Nullable.
 * I3. Every key lies on one shard, by one of its columns.
 * I4. Every table but `meta` has the columns below, in this order; a server's table may have more.
 *
 * hash: a content's hash as a big-endian number. observer: the first 8 bytes of SHA-256 of its
 * identity, alike. obs.has: which of envelope, snr, rssi, score, scope are there (1, 2, 4, 8, 16),
 * so that of two copies of one observation none hides what only the other knows. tx has a row for
 * each hour in which the packet was observed. rollups are no facts: they are made of them, a day
 * as a whole (send/store_sums.h).
 *
 * refusals, refusal_hours, refusal_windows: what an ingestor did not store (refused/refusals.h),
 * for who asks why a packet is missing. Each ingestor's are its own: two that refuse one message
 * refuse it twice, and nothing of them merges with another's; all three lie on the shard of the
 * database's number. What they come to, however often, late or out of order rows are sent:
 * - refusals is a ring of FACT_REFUSED places an ingestor, as its SQLite table is: of a place the
 *   row received last stays. A row that left SQLite by its age stays until its place is taken or
 *   its partition dropped. Received while the clock was ahead, it keeps its place until then.
 * - refusal_hours: counts of an hour and a rule only rise, so the highest is the newest. Where a
 *   backup of SQLite is put back, the rest of its hour counts when it is above what was.
 * - refusal_windows: from when on the ingestor's rows are whole, as far as its counts say; the
 *   newest by its clock. What the whole store knows begins with the latest of them.
 * An ingestor's start sends all that its SQLite tables hold, so what a time without storeUrl, or an
 * export that was never made, has left out is there.
 *
 * observer_skew: of an observer's messages of an hour, how many an ingestor counted whose time had
 * no zone and was more than 15 minutes off. The newest row of each ingestor counts, since a count
 * may fall (0 = none is left). Of several ingestors the greatest is the hour's, never the sum: who
 * publishes to a broker is heard whole by each that listens there, and a count has no word of which
 * messages it is of. So it is exact where one of them heard all of that observer's hour, and else
 * too low by what only the others heard.
 * Threads: constants, pure. */
#pragma once

#include "common/base/base.h"

#define FACT_SCHEMA  1 /* meta.schema */
#define FACT_SQL_MAX 4096
#define FACT_REFUSED 10000 /* places of an ingestor in refusals, which keep as many in SQLite */

enum fact_type {
    FACT_U8,
    FACT_U16,
    FACT_U32,
    FACT_U64,
    FACT_I32,
    FACT_I64,
    FACT_F32,
    FACT_F64,
    FACT_STRING,
    FACT_KEY /* FixedString(32) */,
    FACT_TYPES
};
#define FACT_NULL 0x80U /* Nullable, beside a type */

struct fact_column {
    const char *name;
    unsigned type;
};

/* What of two rows with one key stays. */
enum fact_rule {
    FACT_EARLIEST, /* by the column ver_column, milliseconds */
    FACT_NEWEST,   /* the same */
    FACT_STAMPED,  /* the one that was made last, by the clock of who made it */
};

enum fact {
    FACT_OBS,
    FACT_TX,
    FACT_ADVERTS,
    FACT_MESSAGES,
    FACT_SAMPLES,
    FACT_OBSERVERS,
    FACT_NODES,
    FACT_ROLLUPS,
    FACT_CLIENT_RX,
    FACT_NEIGHBOR_REPORTS,
    FACT_REPORTED_NEIGHBORS,
    FACT_REGION_ANSWERS,
    FACT_DROPPED,
    FACT_REFUSALS,
    FACT_REFUSAL_HOURS,
    FACT_REFUSAL_WINDOWS,
    FACT_OBSERVER_SKEW,
    FACT_INGESTORS,
    FACT_TABLES
};

struct fact_table {
    const char *name, *order_by;
    const struct fact_column *columns; /* without ver, a UInt64 */
    size_t count;
    const char *partition_by; /* NULL = not at all; else column 0 is `day` or `hour` */
    unsigned partition_width; /* days, or hours, of a partition */
    unsigned granularity;     /* 0 = the server's */
    unsigned shard_column;    /* FACT_ON_FIRST = all on shard 0, FACT_BY_SHARD = made on each */
    unsigned ver_column;
    enum fact_rule rule;
};
#define FACT_ON_FIRST 0xfeU
#define FACT_BY_SHARD 0xffU

extern const struct fact_table fact_tables[FACT_TABLES];

struct fact_dialect {
    const char *database;
    bool is_replicated;
    bool is_modern; /* knows fsync_after_insert and non_replicated_deduplication_window */
};
/* CREATE TABLE IF NOT EXISTS ...; `meta`, too. */
void fact_table_create(const struct fact_table *table, const struct fact_dialect *dialect,
                       char out[static FACT_SQL_MAX]);
/* ALTER TABLE ... ADD COLUMN: one that this version of the program has more. */
void fact_column_add(const struct fact_table *table, const struct fact_column *column,
                     const char *database, char out[static FACT_SQL_MAX]);
void fact_meta_create(const char *database, char out[static FACT_SQL_MAX]);
/* INSERT INTO ... FORMAT RowBinary, with every column's name. */
void fact_table_insert(const struct fact_table *table, const char *database,
                       char out[static FACT_SQL_MAX]);
/* Of it the part that does not depend on the configuration: "obs (day, ..., ver)". */
void fact_table_into(const struct fact_table *table, char out[static FACT_SQL_MAX]);
/* The end of what may lie in a partition, of a table that has them. */
int64_t fact_partition_end_ms(const struct fact_table *table, int64_t partition);
/* As system.columns writes it. */
void fact_type_name(unsigned type, char out[static 32]);
