/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_publish.h"

#include "cmd/ingestor/flush/flusher_database.h"
#include "cmd/ingestor/shared/export_progress.h"
#include "common/base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* They come first; configured sources and "http" must find room behind them. */
#define CLOSED_CHAINS_MAX (FLUSHER_SOURCES_MAX - CONFIG_SOURCES_MAX - 1)

static void add_tuple(struct flusher_tuple *total, const struct flusher_tuple *part)
{
    total->consumed += part->consumed;
    total->recovered += part->recovered;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        total->outcomes[i] += part->outcomes[i];
}

/* One entry per chain: its active ring stands for it. A chain whose last ring was deleted keeps its
 * entry, so that the ledger does not forget a removed source before the next start.
 * Not seqlock_read: an entry that a predecessor was killed in is unreadable until it is written
 * anew, and must be found by its chain, which never changes, or the chain would stand there twice.
 * Relaxed here and in publish_entry: the count is ours, or our predecessor's, who is dead. */
static size_t entry_of(const struct flusher *f, const uint8_t *chain, struct flusher_source *out)
{
    const uint32_t count = atomic_load_explicit(&f->cb->flusher_source_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        seqlock_peek(&f->cb->flusher_sources[i], out);
        if (memcmp(out->chain, chain, sizeof out->chain) == 0)
            return i;
    }
    memset(out, 0, sizeof *out);
    return count;
}

static void subtract_tuple(struct flusher_tuple *total, const struct flusher_tuple *part)
{
    total->consumed -= part->consumed;
    total->recovered -= part->recovered;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        total->outcomes[i] -= part->outcomes[i];
}

/* What waits in the outbox is not stored yet: with its outcomes it is left out of both counts. */
static void leave_out_pending(const struct flusher *f, struct flusher_source *entry)
{
    struct flusher_tuple pending;
    outbox_pending(f->store != NULL ? store_outbox(f->store) : NULL, entry->chain, &pending);
    entry->tuple = entry->taken;
    subtract_tuple(&entry->tuple, &pending);
}

static void publish_entry(struct flusher *f, size_t index, struct flusher_source *entry)
{
    leave_out_pending(f, entry);
    seqlock_write(&f->cb->flusher_sources[index], entry);
    if (index == atomic_load_explicit(&f->cb->flusher_source_count, memory_order_relaxed))
        /* Release: the entry before the count; pairs with the supervisor's acquire. */
        atomic_store_explicit(&f->cb->flusher_source_count, (uint32_t)index + 1,
                              memory_order_release);
}

static void publish_ring(struct flusher *f, const struct flusher_ring *ring)
{
    struct flusher_source entry;
    const size_t index = entry_of(f, ring->info.chain, &entry);
    if (index >= FLUSHER_SOURCES_MAX)
        return; /* as many as there can be: the rest is in the database only */
    (void)snprintf(entry.name, sizeof entry.name, "%s", ring->info.source);
    memcpy(entry.chain, ring->info.chain, sizeof entry.chain);
    entry.taken = ring->base;
    add_tuple(&entry.taken, &ring->committed.tuple);
    ring_reader_receiver_tuple(ring->reader, &entry.orphan);
    entry.chain_created_unix_us = ring->info.chain_created;
    if (ring->last_message_unix != 0) /* it follows a clock that is set back */
        entry.last_message_unix = ring->last_message_unix;
    publish_entry(f, index, &entry);
}

void flusher_publish_closed_chain(struct flusher *f, const struct store_closed_chain *chain)
{
    struct flusher_source entry;
    const size_t index = entry_of(f, chain->chain, &entry);
    if (index >= CLOSED_CHAINS_MAX) {
        log_event(LOG_WARN, "flusher", "the ledger has no room for a removed source",
                  KV(KV_STR("source", chain->source), KV_INT("limit", CLOSED_CHAINS_MAX)));
        return;
    }
    (void)snprintf(entry.name, sizeof entry.name, "%s", chain->source);
    memcpy(entry.chain, chain->chain, sizeof entry.chain);
    entry.taken = chain->flusher;
    entry.orphan = chain->receiver;
    entry.chain_created_unix_us = chain->created_ms * US_PER_MS;
    publish_entry(f, index, &entry);
}

static void publish_one(void *context, const struct store_closed_chain *chain)
{
    flusher_publish_closed_chain(context, chain);
}

enum status flusher_publish_closed_chains(struct flusher *f)
{
    return store_closed_chains(f->store, publish_one, f);
}

/* Of chains that no ring is read of any more. */
static void publish_others(struct flusher *f)
{
    const uint32_t count = atomic_load_explicit(&f->cb->flusher_source_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) { /* relaxed: as in entry_of */
        struct flusher_source entry;
        seqlock_peek(&f->cb->flusher_sources[i], &entry);
        publish_entry(f, i, &entry);
    }
}

void flusher_publish_sources(struct flusher *f)
{
    if (f->store != NULL && store_outbox(f->store) != NULL)
        publish_others(f);
    for (size_t i = 0; i < f->ring_count; i++) {
        if (f->rings[i].is_active)
            publish_ring(f, &f->rings[i]);
    }
}

_Static_assert(WRITER_COUNT <= STATS_WRITERS_MAX, "every writer is published");

static void publish_writer(const struct flusher *f, enum flusher_writer which,
                           const char *component, struct stats_writer *out)
{
    static const struct perf_window none;
    *out = f->writers[which];
    (void)snprintf(out->component, sizeof out->component, "%s", component);
    perf_window_percentiles(&f->wait_ms[which], out->wait_ms);
    perf_window_percentiles(&f->hold_ms[which], out->hold_ms);
    const bool has_batches = which == WRITER_MESSAGES;
    perf_window_percentiles(has_batches ? &f->batch_hold_ms : &none, out->batch_hold_ms);
    *(has_batches ? &out->rows_total : &out->batch_count) = STATS_UNKNOWN; /* it has none */
    out->holding_ms = STATS_UNKNOWN; /* the supervisor's to say: at any moment */
}

static int64_t whole(double value)
{
    return isnan(value) ? STATS_UNKNOWN : (int64_t)value;
}

static void publish_commit(const struct flusher *f, mono_us now, struct stats_commit *out)
{
    double percentiles[4];
    out->last_unix = f->last_commit_unix;
    out->last_mono_us = f->last_commit_mono;
    out->replaced_unix = f->replaced_unix;
    if (f->retry_at != 0)
        out->retry_unix = (clock_wall() + (f->retry_at - now)) / US_PER_S;
    out->retention_waits_s = maintenance_waits_s(&f->maintenance);
    memcpy(out->error, f->error, sizeof out->error);
    ring_troubles_describe(&f->troubles, out->rings_error, sizeof out->rings_error);
    if (out->rings_error[0] == '\0' && now < f->aside_until)
        (void)snprintf(out->rings_error, sizeof out->rings_error, "%s", f->aside_text);
    perf_window_percentiles(&f->commit_rows, percentiles);
    out->rows_p50 = whole(percentiles[0]);
    out->rows_p99 = whole(percentiles[2]);
    perf_window_percentiles(&f->commit_ms, percentiles);
    out->ms_p50 = percentiles[0];
    out->ms_p99 = percentiles[2];
}

/* It runs beside us, for hours perhaps, and where nobody sees its terminal. */
static void look_at_export(struct flusher *f, bool has_shards)
{
    struct export_progress progress = {STATS_UNKNOWN, STATS_UNKNOWN, STATS_UNKNOWN};
    if (has_shards)
        IGNORE(export_progress_read(f->files.paths[DB_FILE_MAIN], &progress), "there is none");
    f->storage.export_rows = progress.rows;
    f->storage.export_total_rows = progress.total;
    f->storage.export_unix = progress.unix_s;
}

/* Here, not in the supervisor: a disk that hangs may hold us up, never it. */
static void look_at_storage(struct flusher *f)
{
    struct statvfs disk;
    const int64_t limit_mb = f->config->retention.max_database_mb;
    const bool has_shards = f->config->store.shards.count > 0;
    f->storage.outbox_limit_bytes = has_shards ? f->config->store.outbox_bytes : STATS_UNKNOWN;
    f->storage.limit_bytes = limit_mb > 0 ? limit_mb << 20 : STATS_UNKNOWN;
    f->storage.packet_days = f->config->retention.packet_days;
    look_at_export(f, has_shards);
    f->storage.disk_free_bytes = f->storage.disk_bytes = STATS_UNKNOWN;
    if (statvfs(f->config->db_path, &disk) != 0)
        return;
    f->storage.disk_free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    f->storage.disk_bytes = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
}

void flusher_publish_status(struct flusher *f, bool now_please)
{
    const mono_us now = clock_mono();
    if (!now_please && now - f->published_at < US_PER_S)
        return;
    f->published_at = now;
    for (size_t i = 0; i < f->ring_count; i++)
        limit_log_turn(&f->rings[i].limits, f->rings[i].info.source,
                       f->rings[i].committed.tuple.outcomes, now);
    struct flusher_status status = {
        .database_ready = f->store != NULL,
        .writer_count = WRITER_COUNT,
    };
    publish_commit(f, now, &status.commit);
    look_at_storage(f);
    flusher_outbox_publish(f);
    status.storage = f->storage;
    if (f->storage.checkpoint_unix == 0)
        status.storage.checkpoint_pages = STATS_UNKNOWN;
    status.storage.log_bytes = f->store != NULL ? store_wal_bytes(f->store) : STATS_UNKNOWN;
    /* CoreScope's dashboards know the writer of messages by this name. */
    publish_writer(f, WRITER_MESSAGES, "mqtt_handler", &status.writers[WRITER_MESSAGES]);
    publish_writer(f, WRITER_CHECKPOINT, "checkpoint", &status.writers[WRITER_CHECKPOINT]);
    for (enum maintenance_job job = JOB_PRUNE_PACKETS; job < JOB_COUNT; job++) {
        const enum flusher_writer which = (enum flusher_writer)(WRITER_JOBS + (int)job);
        publish_writer(f, which, maintenance_job_name(job), &status.writers[which]);
    }
    seqlock_write(&f->cb->flusher, &status);
}
