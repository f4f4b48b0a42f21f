/* SPDX-License-Identifier: MIT
 *
 * http_counts - what both ports count together, for /metrics. Threads: the loops write, any
 * reads; relaxed, for no count says anything about another. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct http_counts {
    _Atomic uint64_t connections; /* open now */
    _Atomic uint64_t requests;    /* answered or refused */
    _Atomic uint64_t limits;      /* times a limit was reached (reached.h) */
    /* the live feed's */
    _Atomic uint64_t live_clients; /* now */
    _Atomic uint64_t live_events;  /* rendered */
    _Atomic uint64_t live_gaps;    /* clients were told that they miss something */
    _Atomic uint64_t live_cut_off; /* clients that took nothing were ended */
};

static inline void http_count(_Atomic uint64_t *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static inline int64_t http_counted(const _Atomic uint64_t *count)
{
    return (int64_t)atomic_load_explicit(count, memory_order_relaxed);
}
