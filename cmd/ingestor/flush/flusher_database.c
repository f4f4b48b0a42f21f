/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_database.h"

#include "cmd/ingestor/flush/reserve_file.h"
#include "cmd/ingestor/shared/lock_file.h"
#include "cmd/ingestor/shared/process.h"
#include "common/base/log.h"
#include "common/db/schema.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WATCH_US ((mono_us)US_PER_S)
/* Of a ring, at least so much stays free while a batch gathers. */
#define RING_SHARE 4
/* A reader may pin the log of a lost database for as long as a query takes. */
#define SALVAGE_TRIES   20
#define SALVAGE_WAIT_US (50 * (mono_us)US_PER_MS)

/* The log was emptied: none of what is left of it may go into the database. */
static bool is_log_cut(const struct flusher *f)
{
    return f->store != NULL && db_files_is_log_cut(&f->files, store_wal_bytes(f->store));
}

static const char *main_path(const struct flusher *f)
{
    return f->files.paths[DB_FILE_MAIN];
}

/* --- before it is open ------------------------------------------------------------------------ */

/* Its name may have changed (a link was turned), or the lock file was deleted with the rest. */
static enum status lock(struct flusher *f, struct err *err)
{
    const char *path = f->files.lock;
    if (f->lock_fd >= 0 && lock_file_is_named(f->lock_fd, path))
        return STATUS_OK;
    if (f->lock_fd >= 0)
        IGNORE(close(f->lock_fd), "a lock that nobody finds");
    f->lock_fd = worker_lock_if_made(path, f->slot);
    if (f->lock_fd >= 0)
        return STATUS_OK;
    char why[256];
    const int error = errno;
    if (!flusher_database_explain(f, why, sizeof why))
        (void)snprintf(why, sizeof why, "%s", strerror(error));
    return err_set(err, STATUS_IO, error, path, "lock file can't be made: %s", why);
}

/* The file was exchanged while we were away (waiting after an error): its log must not be applied
 * to the new one. */
static void part_from_former(struct flusher *f, const struct db_files *names)
{
    if (f->files.ids[DB_FILE_MAIN].inode != 0 &&
        db_files_lost(&f->files, f->config->db_path) == DB_FILE_MAIN) {
        IGNORE(flusher_database_look(f), "says so");
        flusher_database_drop_log(f);
    }
    f->files = *names;
}

enum status flusher_database_prepare(struct flusher *f, struct err *err)
{
    struct db_files names;
    assert(f->state == FLUSHER_OPENING);
    enum status status = db_files_name(f->config->db_path, &names, err);
    if (status != STATUS_OK)
        return status;
    part_from_former(f, &names);
    status = schema_peek(main_path(f), err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    status = lock(f, err);
    if (status != STATUS_OK)
        return status;
    if (db_files_drop_foreign_log(&f->files))
        log_event(LOG_WARN, "flusher",
                  "an empty -wal and -shm of another user's are deleted: they locked us out",
                  KV(KV_STR("database", main_path(f))));
    if (db_files_drop_cut_index(&f->files))
        log_event(LOG_ERROR, "flusher",
                  "the database's -wal was emptied while nobody looked: what it held and the rings"
                  " have not any more is lost, and counted as dropped (gap)",
                  KV(KV_STR("database", main_path(f))));
    if (f->reserve_at == 0 && !reserve_file_make(main_path(f)))
        f->reserve_at = clock_mono() + FLUSHER_RESERVE_RETRY_US;
    return STATUS_OK;
}

enum status flusher_database_opened(struct flusher *f, struct err *err)
{
    struct stat st;
    const enum status status = db_files_note(&f->files, err);
    f->is_replaced = status != STATUS_OK;
    f->looked_at = clock_mono();
    if (status == STATUS_OK && stat(main_path(f), &st) == 0 && st.st_nlink > 1)
        log_event(LOG_WARN, "flusher",
                  "the database has a second name (a hard link): opened under that one, it would be"
                  " damaged; delete it",
                  KV(KV_STR("database", main_path(f)), KV_INT("names", st.st_nlink)));
    return status;
}

/* --- while it is open ------------------------------------------------------------------------- */

enum status flusher_database_look(struct flusher *f)
{
    if (f->is_replaced)
        return STATUS_REPLACED;
    f->looked_at = clock_mono();
    enum db_file lost = db_files_lost(&f->files, f->config->db_path);
    if (lost == DB_FILE_COUNT && is_log_cut(f))
        lost = DB_FILE_WAL;
    const bool has_lock = f->lock_fd >= 0 && lock_file_is_named(f->lock_fd, f->files.lock);
    if (lost == DB_FILE_COUNT && has_lock)
        return STATUS_OK;
    const char *name = lost == DB_FILE_COUNT ? f->files.lock : f->files.paths[lost];
    f->is_replaced = true;
    f->replaced_unix = clock_wall() / US_PER_S;
    (void)snprintf(f->error, sizeof f->error,
                   "%.200s was emptied, replaced or deleted while it was open", name);
    log_event(
        LOG_ERROR, "flusher",
        "a file of the database was emptied, replaced or deleted under us: opening what its name"
        " leads to; what that lacks is counted as dropped (gap)",
        KV(KV_STR("file", name), KV_STR("database", f->config->db_path)));
    return STATUS_REPLACED;
}

enum status flusher_database_watch(struct flusher *f)
{
    return clock_mono() - f->looked_at < WATCH_US ? STATUS_OK : flusher_database_look(f);
}

enum status flusher_database_begin(struct flusher *f, bool durable)
{
    assert(f->state == FLUSHER_IDLE);
    const enum status status = store_begin(f->store, durable);
    if (status == STATUS_OK)
        flusher_enter(f, FLUSHER_WRITING);
    return status;
}

enum status flusher_database_commit(struct flusher *f, bool durable)
{
    assert(f->state == FLUSHER_WRITING);
    const enum status status = store_commit(f->store);
    return status == STATUS_OK && durable ? flusher_database_look(f) : status;
}

/* --- when it is lost -------------------------------------------------------------------------- */

void flusher_database_salvage(struct flusher *f)
{
    struct store_checkpoint done = {0};
    /* The log holds some pages of it; with those alone the file would be damaged, not empty. */
    if (db_files_is_cut(&f->files) || is_log_cut(f)) {
        store_leave_log(f->store);
        return;
    }
    for (int i = 0; i < SALVAGE_TRIES; i++) {
        worker_beat(f->slot, PHASE_CHECKPOINT);
        if (store_checkpoint(f->store, true, &done) != STATUS_OK ||
            done.checkpointed_frames == done.wal_frames)
            return;
        const struct timespec pause = clock_timespec(SALVAGE_WAIT_US);
        IGNORE(nanosleep(&pause, NULL), "an early end is another try");
    }
    log_event(LOG_WARN, "flusher", "a reader kept the lost database's log from being emptied",
              KV(KV_INT("frames", done.wal_frames - done.checkpointed_frames)));
}

static void drop(const struct flusher *f, enum db_file which)
{
    if (unlink(f->files.paths[which]) != 0 && errno != ENOENT)
        log_event(LOG_ERROR, "flusher",
                  "the log of the lost database can't be deleted: delete it by hand",
                  KV(KV_STR("file", f->files.paths[which]), KV_STR("error", strerror(errno))));
}

void flusher_database_drop_log(struct flusher *f)
{
    /* A database that is still there keeps its log. The index under its name may be another's than
     * ours, a reader's who found none: it tells of the log as it was before the salvage, and who
     * believed it would get I/O errors for as long as that reader stays. It is made anew. */
    const bool is_there = db_files_is_named(&f->files, DB_FILE_MAIN);
    if (!is_there && db_files_is_named(&f->files, DB_FILE_WAL))
        drop(f, DB_FILE_WAL);
    if (is_there || db_files_is_named(&f->files, DB_FILE_SHM))
        drop(f, DB_FILE_SHM);
    memset(f->files.ids, 0, sizeof f->files.ids);
    memset(&f->seen, 0, sizeof f->seen);
    f->is_replaced = false;
}

bool flusher_database_is_still(struct flusher *f)
{
    struct stat st;
    struct flusher_seen now = {0};
    if (stat(f->config->db_path, &st) == 0)
        now = (struct flusher_seen){st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    const bool is_still = now.inode == f->seen.inode && now.bytes == f->seen.bytes &&
                          now.modified_s == f->seen.modified_s &&
                          now.modified_ns == f->seen.modified_ns;
    f->seen = now;
    return is_still;
}

bool flusher_database_explain(const struct flusher *f, char *text, size_t cap)
{
    return db_files_explain_unwritable(&f->files, text, cap);
}

/* --- packets that leave for another store ----------------------------------------------------- */

static struct outbox *outbox_of(const struct flusher *f)
{
    return f->store != NULL ? store_outbox(f->store) : NULL;
}

void flusher_outbox_policy(struct flusher *f)
{
    const struct config *config = f->config;
    if (config->store.shards.count == 0)
        return;
    log_event(
        LOG_INFO, "flusher", "packets go to ClickHouse (storeUrl), not into the database",
        KV(KV_INT("shards", config->store.shards.count), KV_STR("database", config->db_path)));
    f->policy.window_us = (mono_us)config->store.batch_ms * US_PER_MS;
    f->policy.max_rows =
        max_u64(1, min_u64(FACT_BLOCK_ROWS, (uint64_t)config->ingest_buffer_size / RING_SHARE));
}

struct outbox_params flusher_outbox_params(const struct flusher *f)
{
    return (struct outbox_params){.shards = f->config->store.shards.count,
                                  .max_bytes = f->config->store.outbox_bytes};
}

bool flusher_outbox_is_full(const struct flusher *f)
{
    const struct outbox *outbox = outbox_of(f);
    return outbox != NULL && outbox_is_full(outbox);
}

/* What its sender has said last. A word that is just being written is read at the next turn. */
static bool has_word(const struct flusher *f, const struct outbox *outbox, size_t shard,
                     struct sender_status *out)
{
    return seqlock_read(&f->cb->senders[shard], out) &&
           outbox_may_acknowledge(outbox, shard, out->epoch, out->acknowledged);
}

bool flusher_outbox_is_due(const struct flusher *f)
{
    struct outbox *outbox = outbox_of(f);
    struct sender_status said;
    if (outbox == NULL)
        return false;
    /* Relaxed: control_block.h. */
    if (atomic_load_explicit(&f->cb->outbox_hurries, memory_order_relaxed) != 0)
        outbox_hurry(outbox);
    for (size_t i = 0; i < outbox_shards(outbox); i++) {
        if (has_word(f, outbox, i, &said))
            return true;
    }
    return outbox_is_due(outbox, clock_mono());
}

enum status flusher_outbox_take(struct flusher *f)
{
    struct outbox *outbox = outbox_of(f);
    struct sender_status said;
    enum status status = STATUS_OK;
    for (size_t i = 0; outbox != NULL && status == STATUS_OK && i < outbox_shards(outbox); i++) {
        if (has_word(f, outbox, i, &said))
            status = outbox_acknowledge(outbox, i, said.epoch, said.acknowledged);
    }
    return status;
}

void flusher_outbox_publish(struct flusher *f)
{
    struct outbox *outbox = outbox_of(f);
    for (size_t i = 0; outbox != NULL && i < outbox_shards(outbox); i++) {
        struct outbox_figures now;
        if (outbox_figures(outbox, i, &now) != STATUS_OK)
            continue; /* the next commit finds the same error */
        const struct outbox_status status = {
            .blocks = now.blocks, .rows = now.rows, .bytes = now.bytes, .oldest_ms = now.oldest_ms};
        seqlock_write(&f->cb->outboxes[i], &status);
    }
}
