/* SPDX-License-Identifier: MIT
 *
 * store_core - what the modules behind store.h stand on: the store, and the record that is
 * being applied.
 *
 * Each module keeps its statements, its caches and its part of the batch in a struct of its own,
 * which it alone can look into: here stands only where it hangs. Above this header are the modules
 * that own a table, above those the ones that apply a message, on top store_batch, store_rebuild
 * and store_file (README.md has the order).
 * I1. A record's effects on memory (caches, deltas, counts) wait in struct store_record until its
 *     savepoint is released, so a rolled-back record leaves no trace; store_batch merges them.
 * I2. All of memory that came from the database is dropped with a transaction that fails
 *     (store_forget).
 * Threads and errors as store.h. Bounds of memory stand with each table, about 16 MB together. */
#pragma once

#include "cmd/ingestor/facts/outbox.h"
#include "cmd/ingestor/fresh/fresh.h"
#include "cmd/ingestor/fresh/fresh_packets.h"
#include "cmd/ingestor/hashes/hash_cache.h"
#include "cmd/ingestor/hashes/hash_index.h"
#include "cmd/ingestor/memory/deltas.h"
#include "cmd/ingestor/memory/name_ids.h"
#include "cmd/ingestor/refused/refusals.h"
#include "cmd/ingestor/store/store.h"
#include "common/db/statement.h"

#include <assert.h>

#define STORE_IDENTITY_MAX ENVELOPE_TEXT_MAX
#define STORE_NO_SCOPE     OBSERVATION_NO_SCOPE

/* Of a row's column that says when something was last seen, and a receipt that is no NULL: the
 * later one, but what lies in the future heals with the next receipt (protocol.md 8). now: the
 * parameter that holds now_ms. */
#define LAST_SEEN(column, now, receipt)                                                            \
    "max(min(coalesce(" column ", " receipt "), " now "), " receipt ")"

/* --- observers -------------------------------------------------------------------------------- */

/* An observer's clock: how far off it was the last time, and what this batch must add to
 * one hour's count. */
struct store_skew {
    int64_t ms, s; /* ms 0 = never off */
    int64_t hour, n;
};

/* An observer as the cache knows it; newer than its row until the batch is written. */
struct store_observer {
    int64_t id; /* 0 = none */
    char identity[STORE_IDENTITY_MAX];
    char name[STORE_IDENTITY_MAX];
    char iata[16];
    int64_t name_ms, iata_ms; /* how new the two are */
    struct store_skew skew;
    bool is_key; /* 64 hex digits, kept in upper case; other identities are names */
    bool is_dirty;
};

/* A known observer that says what it always says: by far the most. Only how new its words
 * are may change. */
struct store_unchanged {
    /* borrowed from the cache; NULL = the record has none or a changed one */
    struct store_observer *entry;
    int64_t name_ms, iata_ms;
};

/* --- receptions ------------------------------------------------------------------------------- */

/* Who heard what on which way, as far as rollups and edges look at it. Holds its own bytes, because
 * it waits for the release of the record. */
struct store_reception {
    int sign;        /* 1 = an observation row came, -1 = went; 0 = only the times of its edges */
    int64_t node_id; /* of an advert; 0 = none, or handed on by another (share contact) */
    int64_t observer_id;
    int64_t receipt_ms;
    double snr, rssi;   /* NaN = unknown */
    int32_t scope_code; /* STORE_NO_SCOPE = none */
    int64_t scope_id;   /* 0 = no region fits */
    bool is_former;     /* counted as programs before schema version 6 did (store_late.h I3) */
    bool is_counted;    /* what is counted late knows it already */
    bool has_edges;     /* neighbor_edges, too */
    uint8_t type, route, direction;
    uint8_t hash_size, path_bytes;
    uint8_t path[MESHCORE_PATH_MAX];
};
/* The first copy of a transmission. */
struct store_origin {
    int sign;
    int64_t node_id; /* as above */
    int64_t first_ms;
    bool is_counted; /* as above */
    uint8_t type, raw_len;
};
/* What one record can have of them: an old and a new reception and the times of a copy, an old and
 * a new first receipt. */
#define STORE_RECEPTIONS 3
#define STORE_ORIGINS    2

/* --- the record ------------------------------------------------------------------------------- */

struct store_counts {
    int64_t transmissions, observations, observers, nodes;
};

struct store_new_name {
    int64_t id; /* 0 = none */
    char text[NAME_IDS_TEXT];
};

/* What one record did to memory. An id of 0 = nothing. */
struct store_record {
    struct delta observer, transmission, node, channel;
    struct hash_cache_entry hash;
    struct packet_row packet;   /* a new one; id 0 = none */
    int64_t observation_id;     /* that the packet is, or is a copy of */
    struct observation_row row; /* new, or a changed one that no table holds yet; id 0 = none */
    bool is_first;              /* of that row: it is new, and its transmission has no other */
    struct store_counts counts;
    size_t reception_count, origin_count;
    struct store_reception receptions[STORE_RECEPTIONS];
    struct store_origin origins[STORE_ORIGINS];
    bool has_observer; /* new_observer is one, new or changed */
    struct store_unchanged unchanged;
    struct store_skew skew; /* n and ms are 0 = nothing */
    int64_t new_minute;     /* of the receipt of a new observer; -1 = it does not spend one */
    bool has_settled;       /* wrote what was gathered to be counted late */
    bool is_retained;       /* a status that the broker kept: of an observer that is no newcomer */
    struct store_observer new_observer;
    struct store_new_name new_source, new_scope, new_channel, new_encrypted;
};

/* Field by field: the names and receptions in it are large, and are valid only where a count or an
 * id says so. */
static inline void store_record_clear(struct store_record *record)
{
    record->observer.id = record->transmission.id = record->node.id = record->channel.id = 0;
    record->reception_count = record->origin_count = 0;
    record->hash.transmission_id = record->observation_id = 0;
    record->packet.id = record->row.id = 0;
    record->counts = (struct store_counts){0};
    record->has_observer = false;
    record->unchanged = (struct store_unchanged){0};
    record->skew = (struct store_skew){0};
    record->has_settled = record->is_retained = false;
    record->new_source.id = record->new_scope.id = 0;
    record->new_channel.id = record->new_encrypted.id = 0;
}

/* The observer that this record resolved; borrowed until its release. */
static inline const struct store_observer *store_record_observer(const struct store_record *record)
{
    assert(record->has_observer || record->unchanged.entry != NULL);
    return record->has_observer ? &record->new_observer : record->unchanged.entry;
}

/* --- the store -------------------------------------------------------------------------------- */

struct store {
    struct connection connection;
    /* constant after open */
    struct store_rules rules;
    const struct channel_keys *channel_keys;
    const struct region_scopes *region_scopes;
    int (*progress)(void *context);
    void *progress_context;
    /* of the open transaction */
    int64_t now_ms; /* by the wall clock, when it began */
    struct store_record record;
    bool has_savepoint;              /* of the record under way */
    const struct store_facts *facts; /* store_packet.h */
    struct outbox *outbox; /* where packets leave for another store; NULL = they stay here */
    struct hash_cache *hashes;
    /* each module's own; NULL until it is open */
    struct hash_index *hash_index;
    struct fresh *fresh;
    struct fresh_packets *fresh_packets;
    struct store_adverts *adverts;
    struct store_batch *batch;
    struct store_derived_rows *derived;
    struct store_hours *hours;
    struct store_late *late;
    struct store_meta *meta;
    struct store_names *names;
    struct store_node_observers *node_observers;
    struct store_observations *observations;
    struct store_observers *observers;
    struct store_packets *packets;
    struct store_reports *reports;
    struct refusals *refusals;
    struct store_retention *retention;
    struct store_rings *rings;
    struct store_seen_messages *seen;
    struct store_statuses *statuses;
    struct store_types *types;
    struct store_upkeep *upkeep;
    /* of the connection: outlives store_forget */
    bool is_full_sync;
    int64_t wal_pages;
};
