/* SPDX-License-Identifier: MIT */
#include "common/base/shared.h"

void shared_init(struct shared *shared, void (*destroy)(struct shared *shared))
{
    shared->destroy = destroy;
    atomic_init(&shared->refs, 1);
}

void shared_ref(struct shared *shared)
{
    atomic_fetch_add(&shared->refs, 1);
}

void shared_unref(struct shared *shared)
{
    if (shared != NULL && atomic_fetch_sub(&shared->refs, 1) == 1)
        shared->destroy(shared);
}

void shared_slot_init(struct shared_slot *slot)
{
    (void)pthread_mutex_init(&slot->lock, NULL); /* can't fail on Linux */
    slot->newest = NULL;
}

void shared_slot_done(struct shared_slot *slot)
{
    shared_unref(slot->newest);
    slot->newest = NULL;
    (void)pthread_mutex_destroy(&slot->lock);
}

void shared_put(struct shared_slot *slot, struct shared *shared)
{
    (void)pthread_mutex_lock(&slot->lock);
    struct shared *former = slot->newest;
    slot->newest = shared;
    (void)pthread_mutex_unlock(&slot->lock);
    shared_unref(former);
}

struct shared *shared_take(struct shared_slot *slot)
{
    (void)pthread_mutex_lock(&slot->lock);
    struct shared *newest = slot->newest;
    if (newest != NULL)
        shared_ref(newest);
    (void)pthread_mutex_unlock(&slot->lock);
    return newest;
}
