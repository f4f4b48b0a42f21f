/* SPDX-License-Identifier: MIT
 *
 * slots - A/B slots: a few 64-bit words in mapped memory that change together or not at all,
 * kill -9 included.
 *
 * The words stand there twice, in slot A and in slot B; the lowest bit of a sequence word selects
 * the valid one. The one writer fills the other slot and then stores the sequence plus one: that
 * single store publishes all words, so a writer killed at any instruction leaves the old values
 * valid. (A sequence lock would leave an odd counter and half-written words behind, and these words
 * are what recovery starts from.)
 *
 * A slot ends with a check word, a weighted sum of the others: an all-zero page, a flipped bit and
 * a header page torn by power loss are recognised. Not for telling a reader that it raced: the
 * sequence does that.
 *
 * Order, three pairs, and no fence needed. The flip (release) with the reader's first look at the
 * sequence (acquire): the words are as new as the sequence, and so is plain memory written before
 * them (the ring's records). A word (release, behind the last flip) with its load (acquire, before
 * the second look): whoever sees a word of the next-but-one version also sees that the sequence
 * moved, and tries again. And what the writer read before it wrote (a record, before the tail that
 * frees it) stays before what a reader of the slots does next.
 * Threads, processes: one writer, any readers. Cost: one store per word, nanoseconds. */
#pragma once

#include "common/base/base.h"

#include <stdatomic.h>

#define SLOTS_TRIES 1000 /* a reader would have to be overtaken in each of them */

/* n = words without the check word. Writer and readers in different processes: no false sharing. */
#define AB_SLOTS(n)                                                                                \
    struct {                                                                                       \
        _Alignas(CACHE_LINE) _Atomic uint64_t seq;                                                 \
        _Alignas(CACHE_LINE) _Atomic uint64_t words[2 * ((n) + 1)];                                \
    }

/* Odd weights: a change of any one word changes the sum. Never 0 for all-zero words. */
static inline uint64_t slots_weight(size_t i)
{
    return UINT64_C(0x9e3779b97f4a7c15) * (2 * i + 1);
}

static inline void slots_write(_Atomic uint64_t *seq, _Atomic uint64_t *words, const uint64_t *from,
                               size_t n)
{
    const uint64_t next = atomic_load_explicit(seq, memory_order_relaxed) + 1; /* one writer */
    _Atomic uint64_t *slot = words + (next & 1) * (n + 1);
    uint64_t check = slots_weight(n);
    for (size_t i = 0; i < n; i++) {
        atomic_store_explicit(&slot[i], from[i], memory_order_release); /* after the last flip */
        check += from[i] * slots_weight(i);
    }
    atomic_store_explicit(&slot[n], check, memory_order_release); /* as the other words */
    atomic_store_explicit(seq, next, memory_order_release);       /* the flip: after all words */
}

/* One slot as it stands, published or not; false = its check word disagrees, *to is
 * then unspecified. */
static inline bool slots_read_one(const _Atomic uint64_t *words, uint64_t which, uint64_t *to,
                                  size_t n)
{
    const _Atomic uint64_t *slot = words + (size_t)(which & 1) * (n + 1);
    uint64_t check = slots_weight(n);
    for (size_t i = 0; i < n; i++) {
        to[i] = atomic_load_explicit(&slot[i], memory_order_acquire); /* before the second seq */
        check += to[i] * slots_weight(i);
    }
    return atomic_load_explicit(&slot[n], memory_order_acquire) == check; /* as the others */
}

/* The published words. False = damaged (or overtaken SLOTS_TRIES times); *to is
 * then unspecified. */
static inline bool slots_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *words,
                              uint64_t *to, size_t n)
{
    for (int i = 0; i < SLOTS_TRIES; i++) {
        const uint64_t before = atomic_load_explicit(seq, memory_order_acquire); /* the flip */
        const bool whole = slots_read_one(words, before, to, n);
        /* Relaxed: behind the acquire of each word. */
        if (atomic_load_explicit(seq, memory_order_relaxed) == before)
            return whole;
    }
    return false;
}
