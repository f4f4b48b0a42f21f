/* SPDX-License-Identifier: MIT
 *
 * seqlock - one writer publishes a small struct in shared memory; readers copy it without ever
 * blocking the writer, and never see a half-written one.
 *
 * The data is an array of atomic 64-bit words, so that a torn read is a retry and not undefined
 * behaviour. A writer that dies in the middle leaves the counter odd: readers then give up after
 * SEQLOCK_TRIES and keep their last good copy; the next writer calls seqlock_reset before its first
 * write. Threads, processes: one writer, any readers. */
#pragma once

#include "common/base/base.h"

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

static inline void seqlock_reset_raw(_Atomic uint64_t *seq)
{
    const uint64_t s = atomic_load_explicit(seq, memory_order_relaxed);
    atomic_store_explicit(seq, s + (s & 1), memory_order_release);
}

static inline void seqlock_write_raw(_Atomic uint64_t *seq, _Atomic uint64_t *words,
                                     const void *from, size_t bytes)
{
    /* Relaxed: there is one writer, it reads what it wrote. */
    const uint64_t s = atomic_load_explicit(seq, memory_order_relaxed);
    atomic_store_explicit(seq, s + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* odd counter before any word */
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * 8, 8);
        atomic_store_explicit(&words[i], word, memory_order_relaxed);
    }
    atomic_store_explicit(seq, s + 2, memory_order_release); /* words before the even counter */
}

/* False = a writer was always in the middle (or died there); *to is only written on success. */
static inline bool seqlock_read_raw(const _Atomic uint64_t *seq, const _Atomic uint64_t *words,
                                    void *to, size_t bytes)
{
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        const uint64_t before = atomic_load_explicit(seq, memory_order_acquire);
        if (before & 1)
            continue;
        uint64_t copy[SEQLOCK_BYTES_MAX / 8];
        for (size_t w = 0; w < bytes / 8; w++)
            copy[w] = atomic_load_explicit(&words[w], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire); /* words before the second look at the counter */
        if (atomic_load_explicit(seq, memory_order_relaxed) == before) {
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
        const uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);
        memcpy((char *)to + i * 8, &word, 8);
    }
}

/* The size of *value; does not compile when the box was declared for a struct of another size. */
#define SEQLOCK_BYTES(box, value)                                                                  \
    (sizeof *(value) + 0 * sizeof(char[sizeof *(value) == sizeof(box)->words ? 1 : -1]))

#define seqlock_reset(box) seqlock_reset_raw(&(box)->seq)
#define seqlock_write(box, from)                                                                   \
    seqlock_write_raw(&(box)->seq, (box)->words, (from), SEQLOCK_BYTES(box, from))
#define seqlock_peek(box, to) seqlock_peek_raw((box)->words, (to), SEQLOCK_BYTES(box, to))
#define seqlock_read(box, to)                                                                      \
    seqlock_read_raw(&(box)->seq, (box)->words, (to), SEQLOCK_BYTES(box, to))
