/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/directories.h"

#include "cmd/server/readers/reader.h"

#include <pthread.h>
#include <stdlib.h>

struct holder {
    struct holder *next;
    struct directory *directory; /* owned */
    size_t refs;                 /* the newest has one of ours */
    mono_us read_at;
    uint64_t in_force; /* its number: who is hidden follows from that */
};

struct directories {
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct holder *all; /* the newest first */
    bool is_reading;
};

struct directories *directories_new(void)
{
    struct directories *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    (void)pthread_mutex_init(&all->lock, NULL); /* can't fail on Linux without attributes */
    (void)pthread_cond_init(&all->done, NULL);
    return all;
}

void directories_free(struct directories *all)
{
    if (all == NULL)
        return;
    while (all->all != NULL) {
        struct holder *holder = all->all;
        all->all = holder->next;
        directory_free(holder->directory);
        free(holder);
    }
    (void)pthread_cond_destroy(&all->done);
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

/* Under the lock. What is unlinked is returned, to be freed outside. */
static struct holder *let_go(struct directories *all, struct holder *holder)
{
    if (--holder->refs > 0)
        return NULL;
    struct holder **link = &all->all;
    while (*link != holder)
        link = &(*link)->next;
    *link = holder->next;
    return holder;
}

static void free_holder(struct holder *holder)
{
    if (holder != NULL)
        directory_free(holder->directory);
    free(holder);
}

/* Under the lock. */
static bool is_enough(const struct holder *newest, uint64_t in_force, int64_t must_be)
{
    return newest != NULL && newest->directory->commits >= must_be && newest->in_force >= in_force;
}

/* Under the lock. */
static bool is_fresh(const struct holder *newest, const struct directory_origin *origin)
{
    const mono_us age = clock_mono() - newest->read_at;
    if (origin->reader == NULL)
        return age < DIRECTORIES_READ_AGE_US;
    return newest->directory->commits == reader_commits(origin->reader) ||
           age < DIRECTORIES_MAX_AGE_US;
}

/* Another file under the name may count its commits from lower: newer is who was read later. */
static const struct directory *put_newest(struct directories *all, struct holder *fresh)
{
    struct holder *before = all->all;
    fresh->next = before;
    fresh->refs = 2; /* the list's, the caller's */
    all->all = fresh;
    free_holder(before != NULL ? let_go(all, before) : NULL);
    return fresh->directory;
}

/* Without the lock. */
static struct holder *read_one(const struct directory_origin *origin,
                               const struct in_force *in_force)
{
    struct holder *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        return NULL;
    fresh->read_at = clock_mono();
    fresh->in_force = in_force->number;
    fresh->directory = origin->reader != NULL ? directory_read(origin->reader, in_force->config)
                                              : origin->read(origin->context, in_force->config);
    if (fresh->directory != NULL)
        return fresh;
    free(fresh);
    return NULL;
}

const struct directory *directories_take(struct directories *all,
                                         const struct directory_origin *origin,
                                         const struct in_force *in_force, int64_t must_be)
{
    const struct directory *taken = NULL;
    (void)pthread_mutex_lock(&all->lock);
    while (all->is_reading && !is_enough(all->all, in_force->number, must_be))
        (void)pthread_cond_wait(&all->done, &all->lock);
    if (is_enough(all->all, in_force->number, must_be) &&
        (all->is_reading || is_fresh(all->all, origin))) {
        all->all->refs++;
        taken = all->all->directory;
    } else {
        all->is_reading = true;
        (void)pthread_mutex_unlock(&all->lock);
        struct holder *fresh = read_one(origin, in_force);
        (void)pthread_mutex_lock(&all->lock);
        all->is_reading = false;
        if (fresh != NULL)
            taken = put_newest(all, fresh);
        (void)pthread_cond_broadcast(&all->done);
    }
    (void)pthread_mutex_unlock(&all->lock);
    return taken;
}

void directories_release(struct directories *all, const struct directory *directory)
{
    struct holder *gone = NULL;
    (void)pthread_mutex_lock(&all->lock);
    struct holder *holder = all->all;
    while (holder->directory != directory)
        holder = holder->next;
    gone = let_go(all, holder);
    (void)pthread_mutex_unlock(&all->lock);
    free_holder(gone);
}
