/* SPDX-License-Identifier: MIT
 *
 * seqlock - one writer publishes a small struct in shared memory; readers copy it without ever
 * blocking the writer, and never see a half-written one.
 *
 * The data is an array of atomic 64-bit words, so that a torn read is a retry and not undefined
 * behaviour. A writer that dies in the middle leaves the counter odd: readers then give up after
 * SEQLOCK_TRIES and keep their last good copy, until the next writer's first write is whole.
 * Threads, processes: one writer, any readers. */
#pragma once

#include "common/base/base.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define SEQLOCK_TRIES     100
#define SEQLOCK_BYTES_MAX 6144 /* the copy stands on the reader's stack */

/* A struct that is published must be a multiple of 8 bytes and hold no pointers. */
#define SEQLOCKED(type)                                                                            \
    struct {                                                                                       \
        _Atomic uint64_t seq;                                                                      \
        _Atomic uint64_t words[sizeof(type) / 8];                                                  \
        _Static_assert(sizeof(type) % 8 == 0, "published structs are whole words");                \
        _Static_assert(sizeof(type) <= SEQLOCK_BYTES_MAX, "must fit the reader's copy");           \
    }

static inline void seqlock_write_raw(_Atomic uint64_t *seq, _Atomic uint64_t *words,
                                     const void *from, size_t bytes)
{
    /* Relaxed: there is one writer, which reads what it wrote itself, or a predecessor whose death
     * it knows of. Odd already: that one died in the middle, and it stays odd for these words. */
    const uint64_t odd = atomic_load_explicit(seq, memory_order_relaxed) | 1;
    atomic_store_explicit(seq, odd, memory_order_relaxed); /* ordered by the fence */
    /* W: the odd counter before any word. Pairs with R: who reads one of these words, or a later
     * one, then finds the counter odd or moved on. */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * 8, 8);
        atomic_store_explicit(&words[i], word, memory_order_relaxed); /* behind the fence */
    }
    /* Release: the words before the even counter; pairs with the reader's first look. */
    atomic_store_explicit(seq, odd + 1, memory_order_release);
}

/* False = a writer was always in the middle (or died there); *to is only written on success. */
static inline bool seqlock_read_raw(const _Atomic uint64_t *seq, const _Atomic uint64_t *words,
                                    void *to, size_t bytes)
{
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        /* Acquire: pairs with the writer's last store, the words are as new as this counter. */
        const uint64_t before = atomic_load_explicit(seq, memory_order_acquire);
        if (before & 1)
            continue;
        uint64_t copy[SEQLOCK_BYTES_MAX / 8];
        for (size_t w = 0; w < bytes / 8; w++)
            copy[w] = atomic_load_explicit(&words[w], memory_order_relaxed); /* judged below */
        /* R: the words before the second look at the counter. Pairs with W. */
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(seq, memory_order_relaxed) == before) { /* ordered by the fence */
            memcpy(to, copy, bytes);
            return true;
        }
    }
    return false;
}

/* For the writer alone, or for one that takes its place: the words as they stand. After a
 * writer that died in the middle each word is the old or the new one, and words that never
 * change are right. */
static inline void seqlock_peek_raw(const _Atomic uint64_t *words, void *to, size_t bytes)
{
    for (size_t i = 0; i < bytes / 8; i++) {
        const uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed); /* own words */
        memcpy((char *)to + i * 8, &word, 8);
    }
}

/* The size of *value; does not compile when the box was declared for a struct of another size. */
#define SEQLOCK_BYTES(box, value)                                                                  \
    (sizeof *(value) + 0 * sizeof(char[sizeof *(value) == sizeof(box)->words ? 1 : -1]))

#define seqlock_write(box, from)                                                                   \
    seqlock_write_raw(&(box)->seq, (box)->words, (from), SEQLOCK_BYTES(box, from))
#define seqlock_peek(box, to) seqlock_peek_raw((box)->words, (to), SEQLOCK_BYTES(box, to))
#define seqlock_read(box, to)                                                                      \
    seqlock_read_raw(&(box)->seq, (box)->words, (to), SEQLOCK_BYTES(box, to))
/* Where the writer is a thread of this process. One that lost its core in the middle outlasts every
 * try: room is made for it. */
#define seqlock_take(box, to)                                                                      \
    do                                                                                             \
        while (!seqlock_read(box, to))                                                             \
            (void)sched_yield(); /* always 0 on Linux */                                           \
    while (0)
