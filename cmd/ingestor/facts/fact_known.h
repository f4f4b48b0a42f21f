/* SPDX-License-Identifier: MIT
 *
 * fact_known - the observations that were sent last, so that a copy of one is told apart and is
 * sent again only where it says something new.
 *
 * I1. Positive only: what is here was sent, or stands in the transaction in hand; what is not may
 *     have been sent, and then goes once more, which changes no answer (fact_table). So any entry
 *     may be forgotten at any time, and a start begins with none.
 * I2. A copy is worth a row when it came as early as the earliest one, or measured what none did:
 *     of rows with one key the store shows the earliest, and `has` is part of the key.
 * I3. Fixed memory: FACT_KNOWN observations, 3 MB, in sets; within a set the oldest is replaced.
 * Threads: none of its own. Ownership: the caller frees it. */
#pragma once

#include "cmd/ingestor/facts/fact_packet.h"

#define FACT_KNOWN 131072

struct fact_known;

enum fact_news {
    FACT_IS_NEW,  /* an observation that is not here */
    FACT_ADDS,    /* a copy that is worth a row */
    FACT_REPEATS, /* a copy that is not */
};

struct fact_known_entry {
    uint64_t key;
    int64_t receipt_ms; /* of the earliest */
    uint64_t has;       /* a bit for each value of the column `has` that was sent */
};

NODISCARD struct fact_known *fact_known_new(void); /* NULL = no memory */
void fact_known_free(struct fact_known *known);
void fact_known_clear(struct fact_known *known);
/* *out: what fact_known_keep is to be given when the reception's row is kept. */
enum fact_news fact_known_look(const struct fact_known *known,
                               const struct fact_reception *reception,
                               struct fact_known_entry *out);
void fact_known_keep(struct fact_known *known, const struct fact_known_entry *entry);
