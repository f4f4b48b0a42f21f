/* SPDX-License-Identifier: MIT
 *
 * adverts - what the newest adverts of every node say of the sender itself: how many bytes a hop it
 * asks for, and how wrong its clock is. Read once when the server starts, from then on kept up with
 * the adverts that come.
 *
 * Definitions. Of a node the newest ADVERT_SAMPLES adverts count, in the order of their first
 * receipt here, without those that somebody else handed on (share-contact: neither size nor time is
 * the sender's). An advert for neighbours alone (direct, without a hop) is sent by every firmware
 * with path_len 0, whatever bytes a hop its sender uses: it says a size only where that is not one
 * byte. hash_size: of the newest one that says it. sizes: those that occurred among them.
 * Inconsistent: among them the size changes twice or more; once is an upgrade.
 * Threads: a builder belongs to one; a set that was published, any. Errors: as the reader's; what
 * was not read stays as it was and is read at the next turn. Cost: 20 look-ups a node that
 * advertised, 30 us. Memory: 120 bytes a node, at most ADVERT_NODES_MAX. */
#pragma once

#include "cmd/server/readers/reader.h"
#include "common/base/shared.h"
#include "cmd/server/summary/skew.h"
#include "cmd/server/tally/table.h"
#include "common/mesh/meshcore.h"

#define ADVERT_SAMPLES   SKEW_SAMPLES_MAX
#define ADVERT_NODES_MAX 100000

struct advert_sample {
    int64_t transmission_id, receipt_ms, advert_s;
    uint8_t hash[MESHCORE_HASH_BYTES];
    uint8_t hash_size; /* 0 = it does not say */
};

/* The newest first, to at most ADVERT_SAMPLES. Inside a question. */
size_t adverts_read(struct reader *reader, int64_t node_id,
                    struct advert_sample out[static ADVERT_SAMPLES]);
/* The same as the arithmetic of skew.h takes them. */
void adverts_skew(const struct advert_sample *samples, size_t count, struct skew *out);

struct advert_facts {
    int64_t node_id;              /* the key */
    int64_t advert_s, receipt_ms; /* of the newest */
    struct skew skew;
    uint8_t hash_size; /* 0 = none says it */
    uint8_t sizes;     /* bits 1 << size */
    bool is_inconsistent;
};

/* A set of facts, unchanged from when it is published. */
struct advert_set {
    struct shared shared;
    struct table nodes;
};
void advert_set_unref(const struct advert_set *set); /* accepts NULL */
/* NULL = none of its adverts is known. */
const struct advert_facts *advert_set_find(const struct advert_set *set, int64_t node_id);

/* Out of a packet. False = it says nothing of its sender. */
NODISCARD bool adverts_sample_of(const uint8_t *raw, size_t len, struct advert_sample *out);

struct adverts; /* the builder */

/* For another store (summary_source.h): the newest adverts of a node, the newest first; and that
 * all nodes were told of once. */
void adverts_note(struct adverts *adverts, int64_t node_id, const struct advert_sample *samples,
                  size_t count);
void adverts_are_read(struct adverts *adverts);

NODISCARD struct adverts *adverts_new(void); /* NULL = no memory */
void adverts_free(struct adverts *adverts);  /* accepts NULL */
/* A slice of what is to be read; *out_at_end: nothing is left for now. */
NODISCARD enum status adverts_slice(struct adverts *adverts, struct reader *reader,
                                    bool *out_at_end);
/* What is known by now, when it has changed since the last time; NULL = it has not, not everything
 * was read yet, or there was no memory. */
NODISCARD struct advert_set *adverts_publish(struct adverts *adverts);
