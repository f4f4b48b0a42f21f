/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_lost.h"

#include "cmd/ingestor/flush/flusher_database.h"
#include "cmd/ingestor/flush/flusher_publish.h"
#include "cmd/ingestor/flush/flusher_rings.h"
#include "common/base/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LOOK_US ((mono_us)US_PER_S)

/* --- files ------------------------------------------------------------------------------------ */

static void say(struct flusher_ring *ring, enum ring_file file)
{
    if (ring->said == file)
        return;
    ring->said = file;
    uint64_t records = 0;
    uint64_t bytes = 0;
    ring_reader_backlog(ring->reader, &records, &bytes);
    if (file != RING_FILE_WHOLE)
        log_event(
            LOG_ERROR, "flusher",
            "the file of an open ring was changed under us: what it holds is read on, what was"
            " cut off is counted as dropped (gap)",
            KV(KV_STR("source", ring->info.source), KV_STR("file", ring_file_text(file)),
               KV_STR("ring", ring->path), KV_INT("waiting", records)));
}

/* A receiver says that it writes to this chain: it will put the ring back. What a dead one said
 * last counts until the next one speaks. */
static bool is_claimed(const struct flusher *f, const uint8_t *chain)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        struct ring_status status;
        if (f->cb->workers[i].used && seqlock_read(&f->cb->workers[i].ring, &status) &&
            status.capacity_records > 0 && memcmp(status.chain, chain, sizeof status.chain) == 0)
            return true;
    }
    return false;
}

/* What stands under the ring's name instead of it. */
static bool read_other(const struct flusher_ring *ring, struct ring_info *out)
{
    struct ring_reader *other = NULL;
    if (ring_reader_open(ring->path, &other, NULL) != STATUS_OK)
        return false;
    ring_reader_info(other, out);
    ring_reader_close(other);
    return true;
}

/* I1. */
static bool may_leave(const struct flusher *f, const struct flusher_ring *ring, enum ring_file file)
{
    struct ring_info other;
    const bool is_done = flusher_rings_is_finished(ring);
    if (file == RING_FILE_REPLACED && read_other(ring, &other)) {
        if (!other.sealed && other.is_in_place)
            return true; /* put back: all that was in it, and perhaps more */
        if (other.sealed && !other.is_in_place)
            return is_done; /* a copy that a later writer met: ours is dead */
        /* Else a former state, of which our writer has yet to hear. */
    }
    return is_done && (ring_reader_is_sealed(ring->reader) || !is_claimed(f, ring->info.chain));
}

/* The chain goes on in the file that stands there or in the one that took over, or it ends here. */
static enum status leave(struct flusher *f, size_t index, enum ring_file file)
{
    struct flusher_ring *ring = &f->rings[index];
    enum status status = STATUS_OK;
    if (file == RING_FILE_NAMELESS && !ring_reader_is_sealed(ring->reader))
        status = flusher_rings_close_chain(f, ring);
    if (status != STATUS_OK)
        return status;
    log_event(LOG_INFO, "flusher", "nameless ring is let go",
              KV(KV_STR("source", ring->info.source), KV_STR("ring", ring->path),
                 KV_INT("records", ring->committed.tuple.consumed)));
    flusher_rings_detach(f, index);
    return STATUS_OK;
}

static enum status look_at(struct flusher *f, size_t index, bool *out_detached)
{
    struct flusher_ring *ring = &f->rings[index];
    const enum ring_file file = ring_reader_look(ring->reader, ring->path);
    say(ring, file);
    if (file == RING_FILE_CUT) {
        struct err err = {0};
        if (ring_reader_mend(ring->reader, ring->path, &err) != STATUS_OK)
            log_event(LOG_ERROR, "flusher", "a ring that was cut can't be made whole",
                      KV(KV_STR("ring", ring->path), KV_STR("error", err.text)));
        return STATUS_OK;
    }
    if (file == RING_FILE_WHOLE || !ring->is_active || !may_leave(f, ring, file))
        return STATUS_OK;
    *out_detached = true;
    return leave(f, index, file);
}

/* --- chains ----------------------------------------------------------------------------------- */

/* As many at one look. */
#define LOST_MAX 16

struct lost_list {
    struct flusher *f;
    struct store_closed_chain chains[LOST_MAX];
    size_t count;
};

static bool is_attached(const struct flusher *f, const uint8_t *chain)
{
    for (size_t i = 0; i < f->ring_count; i++) {
        if (memcmp(f->rings[i].info.chain, chain, RING_UUID_BYTES) == 0)
            return true;
    }
    return false;
}

static void take_lost(void *context, const struct store_closed_chain *chain)
{
    struct lost_list *list = context;
    struct flusher *f = list->f;
    if (is_attached(f, chain->chain))
        return;
    if (is_claimed(f, chain->chain))
        f->has_unjudged_chains = true; /* until that receiver begins another one */
    else if (list->count < LOST_MAX)
        list->chains[list->count++] = *chain;
}

/* What a receiver that died said last is newer than the last save, and may be all there is. */
static enum status add_former(struct flusher *f, const char *source,
                              const struct ring_status *former, struct lost_list *list)
{
    struct store_closed_chain *chain = NULL;
    bool is_closed = false;
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->chains[i].chain, former->chain, RING_UUID_BYTES) == 0)
            chain = &list->chains[i];
    }
    const enum status status = store_chain_is_closed(f->store, former->chain, &is_closed);
    if (status != STATUS_OK || is_closed || (chain == NULL && list->count == LOST_MAX))
        return status;
    if (chain == NULL) {
        chain = &list->chains[list->count++];
        *chain =
            (struct store_closed_chain){.created_ms = former->chain_created_unix_us / US_PER_MS};
        memcpy(chain->chain, former->chain, sizeof chain->chain);
        (void)snprintf(chain->source, sizeof chain->source, "%s", source);
    }
    const uint64_t reached = chain->flusher.consumed - chain->flusher.recovered;
    if (former->tuple.appended >= chain->receiver.appended && former->tuple.appended >= reached) {
        chain->receiver = former->tuple;
        chain->lost = former->tuple.appended - reached;
    }
    return STATUS_OK;
}

static enum status add_formers(struct flusher *f, struct lost_list *list)
{
    enum status status = STATUS_OK;
    for (size_t i = 1; status == STATUS_OK && i < WORKERS_MAX; i++) {
        const struct worker_slot *slot = &f->cb->workers[i];
        struct ring_status former;
        if (slot->used && seqlock_read(&slot->former, &former) && former.capacity_records > 0 &&
            !is_attached(f, former.chain) && !is_claimed(f, former.chain))
            status = add_former(f, slot->source, &former, list);
    }
    return status;
}

/* What a ring that was moved aside says of its chain, likewise. */
static enum status add_asides(struct flusher *f, struct lost_list *list)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < f->aside_count; i++) {
        const struct flusher_aside *aside = &f->asides[i];
        if (!is_attached(f, aside->last.chain) && !is_claimed(f, aside->last.chain))
            status = add_former(f, aside->source, &aside->last, list);
    }
    return status;
}

static void say_lost(const struct store_closed_chain *chain)
{
    log_event(
        LOG_ERROR, "flusher",
        "no ring file is left of these messages (deleted, damaged, overwritten by another): what"
        " is known to be lost is counted as dropped (gap); what came behind is not known",
        KV(KV_STR("source", chain->source), KV_INT("received", chain->receiver.received),
           KV_INT("stored", chain->flusher.outcomes[OUTCOME_COMMITTED]),
           KV_INT("lost", chain->lost)));
}

static enum status close_lost(struct flusher *f, struct store_closed_chain *chain)
{
    enum status status = flusher_database_begin(f, true);
    if (status == STATUS_OK)
        status = store_chain_lose(f->store, chain);
    if (status == STATUS_OK)
        status = refusal_writer_gap(&f->refused, chain->source, chain->lost);
    if (status == STATUS_OK)
        status = flusher_database_commit(f, true);
    if (status != STATUS_OK)
        return status;
    flusher_enter(f, FLUSHER_IDLE);
    say_lost(chain);
    if (chain->lost > 0)
        control_block_stamp(f->cb, METRIC_LAST_LOSS);
    flusher_publish_closed_chain(f, chain);
    return STATUS_OK;
}

/* I2. */
static enum status judge_chains(struct flusher *f)
{
    /* What can't be opened now may be one of their files. */
    if (f->troubles.count + f->troubles.beyond > 0)
        return STATUS_OK;
    f->has_unjudged_chains = false;
    struct lost_list list = {.f = f};
    enum status status = store_open_chains(f->store, take_lost, &list);
    if (status == STATUS_OK)
        status = add_formers(f, &list);
    if (status == STATUS_OK)
        status = add_asides(f, &list);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++)
        status = close_lost(f, &list.chains[i]);
    if (status == STATUS_OK)
        f->aside_count = 0;
    return status;
}

/* --- once a second ---------------------------------------------------------------------------- */

enum status flusher_lost_look(struct flusher *f, bool now_please, bool *out_detached)
{
    assert(f->state == FLUSHER_IDLE);
    const mono_us now = clock_mono();
    enum status status = STATUS_OK;
    *out_detached = false;
    if (!now_please && now - f->rings_looked_at < LOOK_US)
        return STATUS_OK;
    f->rings_looked_at = now;
    for (size_t i = f->ring_count; status == STATUS_OK && i-- > 0;)
        status = look_at(f, i, out_detached);
    if (status == STATUS_OK && f->has_unjudged_chains)
        status = judge_chains(f);
    return status;
}
