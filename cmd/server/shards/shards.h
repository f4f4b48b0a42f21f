/* SPDX-License-Identifier: MIT
 *
 * shards - the ClickHouse servers that storeUrl names, as the server reads them: which replicas a
 * shard has, what is known of each, and connections for those who ask (shard_question).
 *
 * I1. A replica that failed is asked by the poller alone (shards_probe) until it answers again.
 * I2. A replica that says it is another shard, or of another store than the first that answered, is
 *     not asked: rows of a wrong shard would be figures of nowhere.
 * I3. Nothing here writes. The password is read when the store is opened, and stands in no text.
 * Threads: atomic, or under a lock that is a leaf. Errors: struct err at opening; later in the log,
 * once a change, of questions each ten seconds. Ownership: the configuration is borrowed. */
#pragma once

#include "cmd/server/shards/shard_ids.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/shared.h"
#include "common/clickhouse/clickhouse_call.h"
#include "common/config/config.h"

#define SHARDS_SQL_MAX  ((size_t)200 << 10) /* servers take 256 KiB */
#define SHARDS_PROBE_MS 1000
#define SHARDS_TEXT_MAX 320

struct shards;

/* What a shard holds, as the poller asked it last: rows as they lie there, also what comes twice
 * until it is merged. */
struct shard_size {
    int64_t rows, bytes; /* on its disk */
    int64_t parts, most; /* active ones; those of the partition that has the most */
    mono_us asked_at;    /* 0 = never */
};

struct replica_state {
    char url[SHARDS_TEXT_MAX]; /* without user and password */
    bool is_up;
    char version[32];          /* "" = not known */
    mono_us ping_us;           /* of the last probe that was answered; 0 = none was */
    mono_us down_since;        /* 0 = it is up */
    char why[SHARDS_TEXT_MAX]; /* the last failure; "" = none yet */
};

/* STATUS_CONFIG: the password's file; NO_MEMORY; IO: libcurl can't be used. From here on it runs in
 * this process. */
NODISCARD enum status shards_open(const struct config_store *config, struct shards **out,
                                  struct err *err);
void shards_close(struct shards *shards); /* accepts NULL; no question is under way */
size_t shards_count(const struct shards *shards);
size_t shards_replicas(const struct shards *shards, size_t shard);
void shards_state(struct shards *shards, size_t shard, size_t replica, struct replica_state *out);
void shards_size(struct shards *shards, size_t shard, struct shard_size *out);
void shards_set_size(struct shards *shards, size_t shard, const struct shard_size *size);
/* Is one of its replicas up? */
bool shards_is_up(const struct shards *shards, size_t shard);
/* Asks each replica whether it is what it should be. By one thread. */
void shards_probe(struct shards *shards);
/* Where the poller's counts lie for all who ask (shard_counts.h). */
struct shared_slot *shards_counts_slot(struct shards *shards);
struct shard_ids *shards_ids(struct shards *shards);
/* Those who ask just now give up within a second. */
void shards_interrupt(struct shards *shards);

/* --- for shard_question ----------------------------------------------------------------------- */

/* NULL = it is up; else it is away, and why. */
void shards_note(struct shards *shards, size_t shard, size_t replica, const char *why);
/* Of one question; the replica goes on being asked. */
void shards_note_fault(struct shards *shards, size_t shard, size_t replica, const char *why);
struct clickhouse_server shards_server(const struct shards *shards, size_t shard, size_t replica);
/* The one that answered last: a hint. */
size_t shards_preferred(const struct shards *shards, size_t shard);
void shards_prefer(struct shards *shards, size_t shard, size_t replica);
/* How many of a shard's replicas, from `first` on, the next that is up is behind, when so many were
 * tried; their count = none is left. */
size_t shards_next_up(const struct shards *shards, size_t shard, size_t first, size_t tried);
/* A connection to each shard. NULL = no memory. */
NODISCARD struct clickhouse_many *shards_take_many(struct shards *shards);
void shards_give_many(struct shards *shards, struct clickhouse_many *many); /* accepts NULL */
/* Set by shards_interrupt. */
const atomic_bool *shards_stopping(const struct shards *shards);
