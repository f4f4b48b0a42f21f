/* SPDX-License-Identifier: MIT
 *
 * tally - what a run counts: one kind after another sees every reception of the window, from the
 * newest to the oldest, and what it has counted stays, unchanged, in the run's summary.
 *
 * A new analysis is a module with the four functions below and a row in TALLY_LIST; its header
 * gives the typed view of what it counted. All are heard receptions: what an observer sent itself
 * is not shown to them.
 * I1. A tally is bounded, and says when it was cut: then the answers made from it are not complete.
 * Threads: add and finish in the thread of the summary; reading afterwards from any. Ownership: the
 * summary owns the tallies. Cost: add is called a million times a run at most; 0.1 us each is
 * 0.1 s of a core a run. */
#pragma once

#include "cmd/server/tally/reception.h"

/* X(name): tally_<name>, of tally_<name>.c */
#define TALLY_LIST(X)                                                                              \
    X(hops)                                                                                        \
    X(paths)                                                                                       \
    X(edges)                                                                                       \
    X(senders)                                                                                     \
    X(signals)                                                                                     \
    X(strengths)

struct tally_window {
    int64_t from_ms, to_ms;
};

struct tally_kind {
    void *(*make)(const struct tally_window *window); /* NULL = no memory */
    void (*add)(void *tally, const struct reception *reception);
    /* Before others may read it: what only counting needs is freed. NULL = it needs nothing more
     * than what it has counted. */
    void (*finish)(void *tally);
    bool (*is_cut)(const void *tally);
    size_t (*bytes)(const void *tally); /* of memory */
    void (*destroy)(void *tally);       /* accepts NULL */
};

enum tally_number {
#define X(name) TALLY_##name,
    TALLY_LIST(X)
#undef X
        TALLY_COUNT
};

#define X(name) extern const struct tally_kind tally_##name;
TALLY_LIST(X)
#undef X
