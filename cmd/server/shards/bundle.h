/* SPDX-License-Identifier: MIT
 *
 * bundle - packets with all their receptions, as an answer shows them, out of the facts tx and obs;
 * and the basket of a question, which holds those that were read.
 *
 * A packet's tx rows say in which hours it was observed, so its receptions are read from those
 * hours alone. Every value is an aggregate that does not depend on how often a row was
 * sent or what was
 * merged: of one key the earliest row (argMax by ver), of receptions the earliest receipt.
 * I1. Many are read with three requests, whatever their number: list them first.
 * I2. Of a packet whose rows of one of the two tables have not come yet there is none.
 * Limits: BUNDLE_SEEN_MAX receptions are kept of a packet; their number counts all.
 * Threads: that of the question. Errors: false = the question failed. Ownership: the basket's. */
#pragma once

#include "cmd/server/model/packet_read.h"
#include "cmd/server/shards/shard_question.h"

#define BUNDLE_SEEN_MAX PACKET_OBSERVATIONS_MAX
/* At once; more are read in turns. */
#define BUNDLES_READ_MAX 500
/* So many receptions are held: 25 MB. Who has more to read ends there (basket_is_full). */
#define BASKET_SEEN_MAX 200000

struct bundle {
    uint64_t hash;
    struct packet packet;
    int64_t sender_id;               /* of an advert; 0 = none */
    struct packet_observation *seen; /* owned; by receipt */
    size_t count;
};

struct basket {
    struct bundle **all; /* owned, as what it points to */
    size_t count, cap;
    size_t found_at; /* askers go through in order */
    size_t seen;     /* receptions that it holds */
};

struct asking;

/* Those of `hashes` that there are and that the basket does not hold yet. */
NODISCARD bool basket_read(struct basket *basket, struct shard_question *question,
                           struct asking *asking, const uint64_t *hashes, size_t count);
/* NULL = it does not hold it. */
const struct bundle *basket_find(struct basket *basket, int64_t id);
const struct bundle *basket_find_hash(struct basket *basket, uint64_t hash);
bool basket_is_full(const struct basket *basket);
void basket_done(struct basket *basket);

/* Of those with the longest path the earliest; NULL = none. */
const struct packet_observation *bundle_best(const struct bundle *bundle);

struct region_scopes;

/* The scope that a code means under a packet; 0 = none, or none that is known. */
int64_t shard_scope_of(struct shard_ids *ids, const struct region_scopes *scopes,
                       const struct packet *packet, int32_t code);
int64_t shard_scope_named(struct shard_ids *ids, const char *name);
/* A Nullable Float32; NaN = NULL. */
double shard_read_float(struct rowbinary_reader *rows);
/* A Nullable Float64; NaN = NULL. */
double shard_read_real(struct rowbinary_reader *rows);
/* The id of a reception: of its key. */
int64_t shard_observation_id(uint64_t hash, uint64_t observer,
                             const struct packet_observation *seen);
/* Numbers that JSON holds, and that are the same in every question: 53 bits of a hash, never 0. */
int64_t shard_id(uint64_t number);
/* The first 8 bytes of a hash or key. */
uint64_t shard_number(const uint8_t bytes[static 8]);
/* And back. */
void shard_hash_bytes(uint64_t number, uint8_t out[static 8]);
