/* SPDX-License-Identifier: MIT
 *
 * cache - rendered answers, found by route and canonical query, bounded in bytes.
 *
 * An entry is one answer of one route: found by the route's number alone when the key has no text,
 * else through a hash table. What an answer is made of is not known here. The caller says what it
 * wants at least (its generation and the time) and whoever renders says what the answer is good
 * for: {generation, good_until}. Generations never fall, so an answer of a later one than wanted is
 * good, too.
 * I1. The bytes held never exceed the limit, not even for a moment; the entry that was used longest
 *     ago goes first. An answer that is larger than the limit is given out and not kept. What
 *     senders still hold is theirs.
 * I2. One key is rendered by one thread at a time; the others wait for it or, where they may, take
 *     what was there.
 * I3. cache_take never gives an answer that is not good for what was wanted, but for two cases:
 *     `may_be_older` while another thread renders, and a rendering that failed for lack of memory.
 * I4. An answer that is good for no time after the request it was made for is not kept.
 * I5. What was made, or begun to be made, before cache_forget is good for nobody who asks after it.
 *
 * Threads: take and counts from any; a render function runs in the thread that asked, without any
 * lock of ours. Lock: one, a leaf: no other is taken under it, none is held around it, and what is
 * evicted is freed outside of it. Ownership: cache_take gives a reference (http_ready_unref). The
 * key's text is copied.
 * Cost: a found answer is one lock of about 50 ns; without a text nothing is hashed. */
#pragma once

#include "cmd/server/http/ready.h"
#include "common/base/clock.h"

struct cache;

struct cache_key {
    size_t route; /* below the number of routes given to cache_new */
    const char *text;
    size_t len; /* 0 = the route's one answer */
};

struct cache_wanted {
    uint64_t generation;
    mono_us now;
    bool may_be_older;
};

struct cache_validity {
    uint64_t generation; /* of the inputs, read before them */
    mono_us good_until;
};

/* A new answer with its reference (NULL = no memory), and for what it is good. */
struct cache_made {
    struct http_ready *ready;
    struct cache_validity validity;
};
typedef struct cache_made (*cache_render)(void *job);

struct cache_counts {
    uint64_t requests, renders, evictions;
    size_t entries, bytes;
};

/* NULL = no memory. */
NODISCARD struct cache *cache_new(size_t max_bytes, size_t routes);
/* Nobody may be in cache_take; references that are out stay good. Accepts NULL. */
void cache_free(struct cache *cache);

/* NULL only when there never was memory for a first rendering. */
NODISCARD struct http_ready *cache_take(struct cache *cache, const struct cache_key *key,
                                        const struct cache_wanted *wanted, cache_render render,
                                        void *job);
/* What all answers were made of has changed, whatever their generation says. */
void cache_forget(struct cache *cache);
void cache_count(struct cache *cache, struct cache_counts *out);
