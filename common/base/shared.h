/* SPDX-License-Identifier: MIT
 *
 * shared - something that never changes, the newest of its kind, read by many and replaced by one.
 *
 * Who reads takes a reference and may keep it; who replaces it waits for nobody.
 * Threads: all functions from any. Lock: a slot's, a leaf, held for a pointer and a count.
 * Ownership: shared_put takes over the caller's reference; each take is one unref. */
#pragma once

#include "common/base/base.h"

#include <pthread.h>
#include <stdatomic.h>

/* The first member of what is shared. */
struct shared {
    /* constant after init */
    void (*destroy)(struct shared *shared);
    /* atomic: who lets go last destroys */
    _Atomic unsigned refs;
};

struct shared_slot {
    pthread_mutex_t lock;
    struct shared *newest; /* guarded by lock; NULL = there was none yet */
};

/* One reference: the caller's. */
void shared_init(struct shared *shared, void (*destroy)(struct shared *shared));
void shared_ref(struct shared *shared);
void shared_unref(struct shared *shared); /* accepts NULL */

void shared_slot_init(struct shared_slot *slot);
void shared_slot_done(struct shared_slot *slot);
void shared_put(struct shared_slot *slot, struct shared *shared);
NODISCARD struct shared *shared_take(struct shared_slot *slot); /* NULL = none yet */
