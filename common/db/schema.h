/* SPDX-License-Identifier: MIT
 *
 * schema - the tables, as numbered migrations (`PRAGMA user_version`).
 *
 * Lean rows: raw frames as BLOBs stored once a transmission, integer ids, integer milliseconds,
 * nothing decoded at rest. Each index must earn its place; the reason stands beside it in schema.c,
 * and, where it came later than its table, what it costs to make. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"
#include "common/db/schema_sql.h"

#include <sqlite3.h>

#define SCHEMA_VERSION 11

/* rollups.kind. Receptions only: what an observer sent itself (direction tx) is never counted as
 * heard. `observations` counts rows of observations by the hour of their receipt; `transmissions`
 * counts rows of transmissions by the hour of their first receipt, for NETWORK, NODE and TYPE;
 * elsewhere it is 0. So both equal a recount of the rows that retention has left, from
 * meta.retained_from_ms on. A bin is named by its lower end. */
enum rollup_kind {
    ROLLUP_NETWORK,  /* key 0 */
    ROLLUP_OBSERVER, /* key observers.id */
    ROLLUP_NODE,     /* key nodes.id: its adverts, share-contact ones excepted */
    ROLLUP_TYPE,     /* key payload type 0..15 */
    ROLLUP_SNR,      /* key floor(dB), -64..63 */
    ROLLUP_RSSI,     /* key floor(dBm / 5) * 5, -200..0 */
    /* key hops 0..63; flood routes only: on direct ones the path is what lies ahead; no TRACE,
     * whose path is SNR */
    ROLLUP_HOPS,
    /* key observers.id: its receptions with the pair of schema_is_invented_rf, which are none of
     * SNR and RSSI */
    ROLLUP_INVENTED_RF,

    /* Counted late: up to observation `position` of the row count_late in `jobs` (TYPE_SIZE: up to
     * transmission `position` of the row count_late_packets), half a minute or more behind, so an
     * answer says as of when. SNR and RSSI: bins as above, none of the invented pair; hops: of
     * floods, as above. BY_DAY: `hour` is the first hour of the UTC day. */
    ROLLUP_SCOPE,         /* key scopes.id, or one of enum rollup_scope */
    ROLLUP_TYPE_SIZE,     /* key type * 64 + bytes of the frame / 4; transmissions only */
    ROLLUP_OBSERVER_TYPE, /* key observers.id * 16 + type */
    ROLLUP_OBSERVER_SNR,  /* BY_DAY, key observers.id * 128 + (SNR + 64) */
    ROLLUP_OBSERVER_RSSI, /* BY_DAY, key observers.id * 64 + (RSSI / 5 + 40) */
    ROLLUP_OBSERVER_HOPS, /* BY_DAY, key observers.id * 64 + hops */
    ROLLUP_TYPE_SNR,      /* BY_DAY, key type * 128 + (SNR + 64) */
    ROLLUP_HOPS_SNR,      /* BY_DAY, key hops * 128 + (SNR + 64) */
    /* key: the hop's bytes as a number + its length << 24; each reception once for each hop that
     * its path names */
    ROLLUP_HOP,
    ROLLUP_KINDS
};
/* What is no scopes.id, which stay below 1000 (more regions count as UNNAMED). */
enum rollup_scope {
    ROLLUP_SCOPE_UNNAMED = 1000, /* a code that no configured region fits */
    ROLLUP_SCOPE_EMPTY,          /* transport routes whose first code is 0 */
    ROLLUP_SCOPE_NONE            /* routes without codes */
};
#define ROLLUP_HOUR_MS   INT64_C(3600000) /* rollups.hour = ms / ROLLUP_HOUR_MS */
#define ROLLUP_DAY_HOURS 24               /* BY_DAY: hour - hour % ROLLUP_DAY_HOURS */

/* The table node_observers: who hears a node's adverts, of all receptions that retention has left
 * (those of rollup kind NODE), counted late. snr_sum, rssi_sum: quarters of a dB, over the snr_n
 * and rssi_n receptions that were measured and not invented; hops_sum: of floods, any other counts
 * 0, so its average is hops_sum / count; last_ms: the newest receipt. */

/* The table hours: from a time to ids. A row says that observations with a receipt_ms in that hour
 * lie between first_observation and last_observation, and transmissions with a first_ms in it
 * between first_transmission and last_transmission (NULL = none). An hour has several rows where
 * what came then is stored in several places (a ring drained late, an import): one for each stretch
 * of ids that is more than HOURS_GAP away from the next. Every row of observations and of
 * transmissions lies in one of its hour; other hours' rows may lie in between, so the exact time is
 * still to be asked: id >= (SELECT min(first_observation) FROM hours WHERE hour >= ?) AND
 * receipt_ms >= ?. Ids at the ends may be gone, so a difference of ids counts rows only where
 * retention takes none, above meta.retained_from_ms.
 * first_observation and first_transmission 0: a wide row, made by the migration to version 8 of
 * what was there. It is true (somewhere up to last_observation), and replaced behind the messages,
 * a minute or so after the upgrade. */
#define HOURS_GAP 10000

/* observers.identity of rows that an import found without an observer: somebody heard that packet,
 * but it is nobody to count. */
#define DB_UNKNOWN_OBSERVER "unknown"

/* Bridge firmware sends this very pair whenever it has measured nothing (protocol.md 7.1): rows
 * keep it, but no histogram, average or "best" may look at it. Where more than 2 % of what an
 * observer heard in 24 hours carries it, observers_v says so. */
static inline bool schema_is_invented_rf(double snr, double rssi)
{
    return snr == 12.5 && rssi == -65;
}

/* meta.derived: how the rows that follow from others (messages, channels, scopes, edges, rollups;
 * from 2 on what nodes say of themselves) were made. Below this they are made anew from the packets
 * when the writer opens the database. */
#define SCHEMA_DERIVED 2

/* Is the file at `path` ours to open for writing? Reads its first bytes and changes nothing, so it
 * comes before anything is made beside it. STATUS_OK, NOT_FOUND (no file, or an empty one),
 * FOREIGN (not made by Weir, or not a file), NEWER, IO. Not while this process has it open: POSIX
 * drops all locks of a process on a file when one of its descriptors is closed. */
NODISCARD enum status schema_peek(const char *path, struct err *err);
/* Bring the database to SCHEMA_VERSION, each migration in a transaction of its own. STATUS_NEWER
 * when user_version is above ours, FOREIGN when Weir did not make it: nothing is touched. Writer
 * connection only. */
NODISCARD enum status schema_migrate(sqlite3 *db, struct err *err);
/* `user_version`, of whatever file; 0 = it can't be read. */
int schema_version(sqlite3 *db);
/* For readers: STATUS_OK, STATUS_NOT_FOUND (no schema yet), NEWER, FOREIGN, or an error. */
NODISCARD enum status schema_check(sqlite3 *db, int *out_version, struct err *err);
