/* SPDX-License-Identifier: MIT
 *
 * sums_sql - the statement that sums what a shard holds of some hours: rows of (what UInt8, whose
 * UInt64, h UInt32, o UInt64, t UInt64): kind, key, hour, receptions, packets.
 *
 * I1. A reception counts in the hour of its earliest receipt, a packet in that of its earliest
 *     reception, whoever received copies later; those are looked for in the hours that are read.
 *     Of a value that a copy lacks the next one's counts.
 * Kinds: those of SUMS_KINDS, of common/db/schema.h's enum rollup_kind, with the keys that stand
 * there, but that an observer's is obs.observer, a node's the first 8 bytes of its key, and where a
 * kind's key is an observer and something beside it, the something stands in its lowest bits, in
 * the place of the observer's. A negative key is its two's complement. All are of hours, also those
 * that SQLite keeps by the day. SCOPE's is the first 8 bytes of SHA-256 of the region's name, or
 * one of enum rollup_scope. OBSERVER_HOPS and HOPS_SNR are none: no route reads them.
 * Pure. Both 18.16 and 26.7 take it. */
#pragma once

#include "common/base/base.h"
#include "common/db/schema.h"

#define SUMS_SQL_MAX    8192
#define SUMS_KIND(kind) (1U << (kind))
#define SUMS_KINDS                                                                                 \
    (SUMS_KIND(ROLLUP_NETWORK) | SUMS_KIND(ROLLUP_OBSERVER) | SUMS_KIND(ROLLUP_NODE) |             \
     SUMS_KIND(ROLLUP_TYPE) | SUMS_KIND(ROLLUP_SNR) | SUMS_KIND(ROLLUP_RSSI) |                     \
     SUMS_KIND(ROLLUP_HOPS) | SUMS_KIND(ROLLUP_INVENTED_RF) | SUMS_KIND(ROLLUP_SCOPE) |            \
     SUMS_KIND(ROLLUP_TYPE_SIZE) | SUMS_KIND(ROLLUP_OBSERVER_TYPE) |                               \
     SUMS_KIND(ROLLUP_OBSERVER_SNR) | SUMS_KIND(ROLLUP_OBSERVER_RSSI) |                            \
     SUMS_KIND(ROLLUP_TYPE_SNR) | SUMS_KIND(ROLLUP_HOP))

/* rollups.kind of the rows that say that a day's sums are whole (store_sums.h); that of key 1 has
 * the version of these kinds in `transmissions`. */
#define SUMS_RUN     255
#define SUMS_VERSION 2
/* Their ver is the server's clock before it looked, in milliseconds, << SUMS_VER_SHIFT. */
#define SUMS_VER_SHIFT 22

struct sums_sql {
    const char *database; /* NULL = that of the connection */
    unsigned kinds;
    int64_t from_ms, to_ms;     /* sums of [from, to) */
    int64_t from_hour, to_hour; /* of the rows that are read: [from, to) */
    int64_t part_ms;            /* not 0: h counts parts so long, not hours */
};

struct sums_text {
    char at[SUMS_SQL_MAX];
    size_t len; /* SUMS_SQL_MAX - 1 = it did not fit */
};

PRINTF(2, 3) void sums_text_add(struct sums_text *text, const char *fmt, ...);
bool sums_text_fits(const struct sums_text *text);
/* Behind what stands there: SELECT ..., without a FORMAT. */
void sums_sql_add(struct sums_text *text, const struct sums_sql *sums);
/* The lowest bits that stand for something beside an observer; 0 = the kind has none. */
unsigned sums_key_bits(enum rollup_kind kind);
