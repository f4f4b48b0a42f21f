/* SPDX-License-Identifier: MIT
 *
 * slots - the answers of the analyses: one slot for each analysis and query that was asked for.
 *
 * I1. At most SLOTS_MAX, SLOTS_OF_ONE of one analysis, SLOTS_BYTES_MAX together; who was asked for
 *     longest ago gives way, but never the one that is being computed.
 * I2. Which is to be computed next: first those that somebody waits for, the one asked for longest
 *     ago first; then, of those wanted, the one that is due longest.
 * Pure but for memory; the caller's lock. Ownership: an answer has references (ready.h). */
#pragma once

#include "cmd/server/http/ready.h"
#include "cmd/server/summary/run_figures.h"

#define SLOTS_MAX       64
#define SLOTS_OF_ONE    9 /* the one without filters, and eight others */
#define SLOTS_BYTES_MAX ((size_t)32 << 20)

struct analysis;

struct slot {
    const struct analysis *analysis; /* NULL = free */
    char *query;                     /* owned; canonical */
    struct http_ready *answer;       /* one reference; NULL = none yet */
    mono_us asked_at, made_at, due_at;
    wall_us computed_at; /* when the answer was */
    bool is_complete;    /* the answer */
    struct run_figures figures;
    const char *fault; /* static; why nothing came of the last run, NULL = something did */
    bool is_running;
};

struct slots {
    struct slot all[SLOTS_MAX];
};

/* Of all answers; of those of one analysis. */
size_t slots_bytes(const struct slots *slots);
size_t slots_bytes_of(const struct slots *slots, const char *name);

void slots_done(struct slots *slots);
/* The slot of this query, asked for now; a new one if there is none. NULL = no memory, or all are
 * being computed. */
NODISCARD struct slot *slots_take(struct slots *slots, const struct analysis *analysis,
                                  const char *query, mono_us now);
/* NULL = there is none (any more). Asks for nothing. */
struct slot *slots_find(struct slots *slots, const struct analysis *analysis, const char *query);
/* The one to be computed now; NULL = none, and *out_at: when to look again. */
struct slot *slots_next(struct slots *slots, mono_us now, mono_us wanted_us, mono_us *out_at);
/* answer moves; what was there goes, and what there is no more room for. */
void slots_put(struct slots *slots, struct slot *slot, struct http_ready *answer, mono_us now);
