/* SPDX-License-Identifier: MIT
 *
 * wake - many producers wake one sleeping consumer, across processes, without a system
 * call per message.
 *
 * The word lives in shared memory. Consumer: wake_prepare (sleeping = 1, seq_cst fence), re-check
 * every queue, then wake_wait or wake_cancel. Producer: publish, wake_notify (seq_cst fence,
 * FUTEX_WAKE only if sleeping). The two fences make it impossible that the producer sees "awake"
 * while the consumer sees "empty". A missed wake-up costs at most the timeout of wake_wait.
 * Threads, processes: any number of producers, one consumer. Kill-safe: a dead consumer leaves
 * sleeping = 1, which costs the next producer one useless FUTEX_WAKE; a producer that dies between
 * clearing the word and waking costs the consumer its timeout. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#include <stdatomic.h>

struct wake {
    _Atomic uint32_t sleeping;
};

void wake_prepare(struct wake *wake);
void wake_cancel(struct wake *wake);
/* Returns when notified, after timeout_us, or spuriously; sleeping is 0 afterwards. */
void wake_wait(struct wake *wake, mono_us timeout_us);
void wake_notify(struct wake *wake);
