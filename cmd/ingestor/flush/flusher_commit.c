/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_commit.h"

#include "cmd/ingestor/flush/flusher_apply.h"
#include "cmd/ingestor/flush/flusher_database.h"
#include "cmd/ingestor/flush/flusher_publish.h"
#include "cmd/ingestor/flush/flusher_rings.h"
#include "common/base/log.h"

#include <assert.h>
#include <string.h>

/* PASSIVE checkpoints are one call that can't be sliced (2k frames 22 ms, 32k 564 ms): small ones
 * while nothing waits, a large one only when a backlog never lets the rings run empty. Each holds
 * up the messages of that moment, and copies a page once however often the log has it: where few
 * come and each is committed alone, 1,000 pages are half a second's, hence the least time. */
#define CHECKPOINT_IDLE_PAGES    1000
#define CHECKPOINT_IDLE_US       (5 * (mono_us)US_PER_S)
#define CHECKPOINT_SOON_PAGES    8000
#define CHECKPOINT_BACKLOG_PAGES 16000
#define CHECKPOINT_RETRY_US      ((mono_us)US_PER_S)
/* 64 MB. The log begins anew only when no reader is in it; where readers take turns, somebody
 * always is, and it grows for as long as they do, however much of it is copied. A TRUNCATE keeps
 * new ones out of it (they find all in the database) and waits for those in it; as long as one
 * stays, that holds the messages up, so not at every turn. */
#define TRUNCATE_PAGES    16384
#define TRUNCATE_RETRY_US (2 * (mono_us)US_PER_S)
/* The least softThreshold is a tenth. */
#define DEFER_RING_SHARE 20

static void publish_counts(struct flusher *f)
{
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        if (f->pending[m] != 0)
            control_block_count(f->cb, m, f->pending[m]);
    }
    memset(f->pending, 0, sizeof f->pending);
    const int64_t lost = (int64_t)recorder_lost(f->recorder);
    /* Relaxed: a counter, read when we are dead. */
    atomic_fetch_add_explicit(&f->cb->record_lost, lost - f->record_lost, memory_order_relaxed);
    f->record_lost = lost;
}

static void after_commit(struct flusher *f, bool durable, mono_us began)
{
    const mono_us now = clock_mono();
    f->last_commit_unix = clock_wall() / US_PER_S;
    f->last_commit_mono = now;
    if (durable) {
        f->last_durable = now;
        control_block_count(f->cb, METRIC_FULL_COMMITS, 1);
    }
    f->has_unsynced = !durable;
    f->has_unasked |= !durable;
    f->deferred_rows = 0;
    recorder_committed(f->recorder);
    flusher_rings_committed(f, durable);
    publish_counts(f);
    flusher_enter(f, FLUSHER_IDLE);
    control_block_count(f->cb, METRIC_COMMITS, 1);
    if (f->batch_rows > 1)
        control_block_count(f->cb, METRIC_GROUP_COMMITS, 1);
    if (f->batch_rows > 0) {
        perf_window_add(&f->commit_rows, (double)f->batch_rows);
        perf_window_add(&f->commit_ms, flusher_ms_since(began));
        perf_window_add(&f->batch_hold_ms, flusher_ms_since(began));
        struct stats_writer *messages = &f->writers[WRITER_MESSAGES];
        messages->count += (int64_t)f->batch_rows;
        messages->contention_total += f->late_records;
        messages->batch_count++;
    }
    f->error[0] = '\0';
    f->retry_wait = 0;
    flusher_publish_sources(f);
}

static enum status commit(struct flusher *f, bool durable, mono_us began)
{
    enum status status = flusher_outbox_take(f);
    if (status == STATUS_OK)
        status = refusal_writer_take(&f->refused);
    if (status == STATUS_OK)
        status = flusher_rings_save(f);
    if (status == STATUS_OK && durable)
        status = flusher_database_look(f);
    if (status != STATUS_OK)
        return status;
    worker_beat(f->slot, PHASE_COMMIT);
    status = flusher_database_commit(f, durable);
    if (status == STATUS_OK)
        after_commit(f, durable, began);
    /* One of the rows that waited for it: with savepoints it is known whose. */
    return status == STATUS_CONSTRAINT && flusher_begin_care(f) ? STATUS_AGAIN : status;
}

enum status flusher_commit_empty(struct flusher *f)
{
    const mono_us began = clock_mono();
    f->batch_rows = 0;
    enum status status = flusher_database_begin(f, true);
    if (status != STATUS_OK)
        return status;
    flusher_hold(f, WRITER_MESSAGES);
    status = commit(f, true, began);
    control_block_let_go(f->cb);
    return status;
}

/* --- synced beside us (wal_sync.h) ------------------------------------------------------------ */

/* With a window the batch that crosses the interval is durable itself: nobody waits for it. */
void flusher_sync_start(struct flusher *f)
{
    if (f->policy.window_us > 0 || f->policy.sync_interval_us == 0)
        return;
    f->sync = wal_sync_start(f->files.paths[DB_FILE_WAL], &f->cb->flusher_wake);
    if (f->sync == NULL)
        log_event(LOG_WARN, "flusher", "no thread syncs the log: the writer waits for the disk",
                  NULL);
}

void flusher_sync_stop(struct flusher *f)
{
    wal_sync_stop(f->sync);
    f->sync = NULL;
    f->is_syncing = false;
}

static enum status after_sync(struct flusher *f)
{
    /* What was synced may be a log that nobody finds any more. */
    const enum status status = flusher_database_look(f);
    if (status != STATUS_OK)
        return status;
    f->last_durable = f->last_durable > f->sync_asked ? f->last_durable : f->sync_asked;
    f->has_unsynced = f->has_unsynced && f->has_unasked;
    control_block_count(f->cb, METRIC_FULL_COMMITS, 1);
    flusher_rings_synced(f);
    return STATUS_OK;
}

static void ask_for_sync(struct flusher *f)
{
    f->is_syncing = true;
    f->has_unasked = false;
    f->sync_asked = clock_mono();
    flusher_rings_sync_asked(f);
    wal_sync_ask(f->sync);
}

enum status flusher_sync_beside(struct flusher *f)
{
    assert(f->state == FLUSHER_IDLE);
    if (f->sync == NULL)
        return STATUS_OK;
    const enum wal_sync_result result = wal_sync_take(f->sync);
    f->is_syncing = result == WAL_SYNC_RUNNING;
    enum status status = STATUS_OK;
    if (result == WAL_SYNC_FAILED)
        status = flusher_commit_empty(f); /* which meets the error, if it is still one */
    else if (result == WAL_SYNC_SYNCED)
        status = after_sync(f);
    if (status == STATUS_OK && !f->is_syncing &&
        batch_policy_sync_due(&f->policy, clock_mono(), f->last_durable, f->has_unsynced, false))
        ask_for_sync(f);
    return status;
}

/* --- batches ---------------------------------------------------------------------------------- */

bool flusher_is_deferring(const struct flusher *f, mono_us now)
{
    return f->deferred_rows > 0 &&
           batch_policy_may_defer(&f->policy, now, f->deferred_since, f->deferred_rows, false);
}

/* What is deferred takes so little of each ring that nobody meets a threshold because of it. */
static bool rings_have_room(const struct flusher *f)
{
    for (size_t i = 0; i < f->ring_count; i++) {
        const struct flusher_ring *ring = &f->rings[i];
        const struct ring_cursor *at = &ring->row.cursor;
        if (ring->is_active &&
            (at->number - ring->durable.number > ring->info.capacity_records / DEFER_RING_SHARE ||
             at->offset - ring->durable.offset > ring->info.capacity_bytes / DEFER_RING_SHARE))
            return false;
    }
    return true;
}

/* Nothing but known messages, and no row changed. */
static bool may_defer(const struct flusher *f, bool sync_wanted, mono_us began)
{
    return f->batch_rows > 0 && f->batch_news == 0 && !f->must_commit &&
           !store_has_written(f->store) && rings_have_room(f) &&
           batch_policy_may_defer(&f->policy, began,
                                  f->deferred_rows > 0 ? f->deferred_since : began,
                                  f->deferred_rows + f->batch_rows, sync_wanted);
}

static enum status defer(struct flusher *f, mono_us began)
{
    const enum status status = store_defer(f->store);
    if (status != STATUS_OK)
        return status;
    if (f->deferred_rows == 0)
        f->deferred_since = began;
    f->deferred_rows += f->batch_rows;
    flusher_enter(f, FLUSHER_IDLE);
    return STATUS_OK;
}

/* *out_more: a ring may hold more than its share. */
static enum status take_share(struct flusher *f, uint64_t share, uint64_t most, bool *out_more)
{
    *out_more = false;
    for (size_t i = 0; i < f->ring_count && !f->must_commit && f->batch_rows < most; i++) {
        struct flusher_ring *ring = &f->rings[(f->first_ring + i) % f->ring_count];
        const uint64_t max = min_u64(share, most - f->batch_rows);
        uint64_t taken = 0;
        if (!ring->is_active)
            continue;
        const enum status status = flusher_apply_ring(f, ring, max, &taken);
        f->batch_rows += taken;
        *out_more = *out_more || taken >= max;
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* A share of each ring, so that none waits for another's backlog; then the backlog has the room
 * that the others left. */
static enum status take_from_rings(struct flusher *f)
{
    const uint64_t share = max_u64(f->policy.max_rows / max_u64(f->ring_count, 1), 1);
    bool is_more = false;
    const enum status status = take_share(f, share, UINT64_MAX, &is_more);
    return status == STATUS_OK && is_more && !f->must_commit
               ? take_share(f, f->policy.max_rows, f->policy.max_rows, &is_more)
               : status;
}

static enum status commit_batch(struct flusher *f)
{
    const mono_us began = clock_mono();
    /* Relaxed: who wants it asks again. */
    const bool sync_wanted = atomic_load_explicit(&f->cb->syncs_wanted, memory_order_relaxed) > 0;
    const bool durable = batch_policy_is_durable(&f->policy, began, f->last_durable, sync_wanted);
    enum status status = flusher_database_begin(f, durable);
    if (status != STATUS_OK)
        return status;
    flusher_hold(f, WRITER_MESSAGES);
    f->batch_rows = 0;
    f->batch_news = 0;
    f->must_commit = false;
    f->batch_began = clock_wall();
    f->late_records = 0;
    status = take_from_rings(f);
    if (status != STATUS_OK)
        return status;
    f->first_ring++;
    f->batch.last_begin = began;
    return may_defer(f, sync_wanted, began) ? defer(f, began) : commit(f, durable, began);
}

enum status flusher_commit_batch(struct flusher *f)
{
    const enum status status = commit_batch(f);
    control_block_let_go(f->cb);
    return status;
}

/* --- checkpoints ------------------------------------------------------------------------------ */

/* Large, and not begun anew behind the last checkpoint. */
static bool must_truncate(const struct flusher *f, int64_t pages, mono_us now)
{
    return pages >= TRUNCATE_PAGES && f->checkpoint_pages > 0 && pages > f->checkpoint_pages &&
           (f->truncate_at == 0 || now - f->truncate_at >= TRUNCATE_RETRY_US);
}

static void note_checkpoint(struct flusher *f, mono_us began, const struct store_checkpoint *done)
{
    const bool is_whole = done->checkpointed_frames == done->wal_frames;
    f->storage.checkpoint_unix = clock_wall() / US_PER_S;
    f->storage.checkpoint_pages = done->checkpointed_frames;
    if (is_whole)
        f->storage.checkpoint_whole_unix = f->storage.checkpoint_unix;
    else
        f->writers[WRITER_CHECKPOINT].contention_total++;
    perf_window_add(&f->hold_ms[WRITER_CHECKPOINT], flusher_ms_since(began));
    f->writers[WRITER_CHECKPOINT].count++;
    control_block_count(f->cb, METRIC_CHECKPOINTS, 1);
}

static int64_t pages_due(const struct flusher *f, uint64_t waiting, mono_us now)
{
    if (waiting > 0)
        return CHECKPOINT_BACKLOG_PAGES;
    return now - f->checkpoint_at < CHECKPOINT_IDLE_US ? CHECKPOINT_SOON_PAGES
                                                       : CHECKPOINT_IDLE_PAGES;
}

enum status flusher_checkpoint_if_due(struct flusher *f, uint64_t waiting)
{
    assert(f->state == FLUSHER_IDLE);
    const int64_t pages = store_wal_pages(f->store);
    const mono_us now = clock_mono();
    const int64_t limit = pages_due(f, waiting, now);
    if (pages < limit || pages == f->checkpoint_pages ||
        now - f->checkpoint_at < CHECKPOINT_RETRY_US / 10)
        return STATUS_OK;
    /* A reader that pins the WAL makes a checkpoint incomplete: do not ask again at every turn. */
    if (pages < f->checkpoint_pages + CHECKPOINT_IDLE_PAGES && pages > f->checkpoint_pages &&
        now - f->checkpoint_at < CHECKPOINT_RETRY_US)
        return STATUS_OK;
    const bool truncate = must_truncate(f, pages, now);
    worker_beat(f->slot, PHASE_CHECKPOINT);
    flusher_hold(f, WRITER_CHECKPOINT);
    struct store_checkpoint done = {0};
    enum status status =
        flusher_database_look(f); /* what a cut log lacks would be copied as zeros */
    if (status == STATUS_OK)
        status = store_checkpoint(f->store, truncate, &done);
    control_block_let_go(f->cb);
    f->checkpoint_at = clock_mono();
    f->checkpoint_pages = pages;
    if (truncate)
        f->truncate_at = f->checkpoint_at;
    note_checkpoint(f, now, &done);
    return status == STATUS_BUSY ? STATUS_OK : status;
}
