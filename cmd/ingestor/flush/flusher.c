/* SPDX-License-Identifier: MIT
 *
 * The process: wait, take, commit; and the one way back after anything went wrong. */
#include "cmd/ingestor/flush/flusher.h"

#include "cmd/ingestor/flush/flusher_commit.h"
#include "cmd/ingestor/flush/flusher_database.h"
#include "cmd/ingestor/flush/flusher_lost.h"
#include "cmd/ingestor/flush/flusher_publish.h"
#include "cmd/ingestor/flush/flusher_rings.h"
#include "cmd/ingestor/flush/flusher_state.h"
#include "cmd/ingestor/flush/reserve_file.h"
#include "cmd/ingestor/shared/database_advice.h"
#include "cmd/ingestor/shared/process.h"
#include "cmd/ingestor/shared/run_options.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/db/foreign_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An idle flusher turns at least this often, so that its beat never grows old. */
#define IDLE_WAIT_US (100 * (mono_us)US_PER_MS)
/* While messages gather, look this often whether maxRows wait already. */
#define GATHER_SLICE_US (10 * (mono_us)US_PER_MS)

#define RETRY_FIRST_US   ((mono_us)US_PER_S)
#define RETRY_LONGEST_US (30 * (mono_us)US_PER_S)

/* While messages gather, a slice of maintenance may be made in the time that is slept out anyway. A
 * window that is too short for that would starve it under steady traffic, so after a second it is
 * made all the same, if few wait. */
#define MAINTENANCE_STARVED_US ((mono_us)US_PER_S)
/* Of maxRows. */
#define MAINTENANCE_FEW_SHARE 8
/* On a full disk, before messages are tried again. */
#define MAKE_ROOM_US (2 * (mono_us)US_PER_S)
/* What was put under the database's name is opened when it has not changed for so long: it may
 * still be copied. Who has deleted it may be about to. */
#define SETTLE_US        (2 * (mono_us)US_PER_S)
#define SETTLE_ABSENT_US (5 * (mono_us)US_PER_S)

static enum worker_stop stop_mode(const struct flusher *f)
{
    /* Acquire: pairs with worker_ask_to_stop. */
    return (enum worker_stop)atomic_load_explicit(&f->slot->stop, memory_order_acquire);
}

static void sleep_us(mono_us us)
{
    const struct timespec ts = clock_timespec(us);
    IGNORE(nanosleep(&ts, NULL), "an early end is another look at the rings");
}

static void note_error(struct flusher *f, const char *what, const char *why)
{
    (void)snprintf(f->error, sizeof f->error, "%.60s: %.180s", what, why);
}

/* --- maintenance ------------------------------------------------------------------------------ */

static void keep_reserve(struct flusher *f)
{
    const mono_us now = clock_mono();
    if (f->reserve_at != 0 && now >= f->reserve_at)
        f->reserve_at =
            reserve_file_make(f->files.paths[DB_FILE_MAIN]) ? 0 : now + FLUSHER_RESERVE_RETRY_US;
}

/* At most one slice. Its commit need not be durable by itself: rows that are back after a power
 * loss leave again. */
static enum status maintain(struct flusher *f)
{
    struct maintenance_slice slice;
    enum status status = STATUS_OK;
    assert(f->state == FLUSHER_IDLE);
    if (stop_mode(f) != WORKER_GO_ON)
        return STATUS_OK;
    keep_reserve(f);
    worker_beat(f->slot, PHASE_COMMIT); /* a slow disk is no hang */
    /* A slice may have the store forget what is deferred. */
    if (f->deferred_rows > 0 && maintenance_next(&f->maintenance) <= clock_mono())
        status = flusher_commit_empty(f);
    if (status != STATUS_OK)
        return status;
    flusher_hold(f,
                 (enum flusher_writer)(WRITER_JOBS + (int)maintenance_next_job(&f->maintenance)));
    status = maintenance_turn(&f->maintenance, f->store, &slice);
    control_block_let_go(f->cb);
    if (status != STATUS_OK || slice.job == JOB_COUNT)
        return status;
    const size_t which = WRITER_JOBS + (size_t)slice.job;
    perf_window_add(&f->wait_ms[which], (double)slice.waited / US_PER_MS);
    perf_window_add(&f->hold_ms[which], (double)slice.held / US_PER_MS);
    f->writers[which].count++;
    f->writers[which].rows_total += slice.rows;
    if (slice.waited > MAINTENANCE_STARVED_US)
        f->writers[which].contention_total++;
    control_block_count(f->cb, METRIC_COMMITS, 1);
    return STATUS_OK;
}

/* Messages wait, and will be taken after `wait`. */
static bool may_maintain(const struct flusher *f, mono_us wait)
{
    const mono_us now = clock_mono();
    const mono_us due = maintenance_next(&f->maintenance);
    if (due > now)
        return false;
    return wait >= MAINTENANCE_SLICE_US ||
           (now - due > MAINTENANCE_STARVED_US &&
            f->batch.waiting <= f->policy.max_rows / MAINTENANCE_FEW_SHARE);
}

/* --- one turn --------------------------------------------------------------------------------- */

static bool sync_wanted(const struct flusher *f)
{
    /* Relaxed: who wants it asks again. */
    return atomic_load_explicit(&f->cb->syncs_wanted, memory_order_relaxed) > 0 ||
           stop_mode(f) != WORKER_GO_ON;
}

static enum status attach_new_rings(struct flusher *f)
{
    bool deleted = false;
    bool detached = false;
    enum status status = flusher_rings_retire(f, &deleted);
    /* Acquire: the ring stands in the folder when its number is seen. */
    const uint32_t generation =
        atomic_load_explicit(&f->cb->rings_generation, memory_order_acquire);
    if (status == STATUS_OK)
        status = flusher_lost_look(f, generation != f->seen_generation, &detached);
    deleted |= detached;
    const bool is_due = f->troubles.try_at != 0 && clock_mono() >= f->troubles.try_at;
    if (status == STATUS_OK && (deleted || is_due || generation != f->seen_generation))
        status = flusher_rings_attach(f);
    return status;
}

/* What the receivers refused; at the end of the program at once. */
static bool is_refusal_due(const struct flusher *f)
{
    return stop_mode(f) == WORKER_GO_ON ? refusal_writer_is_due(&f->refused)
                                        : refusal_writer_is_waiting(&f->refused);
}

/* Messages that wait; while the outbox is full they stay where they are. */
static uint64_t takeable(const struct flusher *f)
{
    return flusher_outbox_is_full(f) ? 0 : flusher_rings_waiting(f);
}

/* By us: another may do it beside us. */
static bool is_sync_due(const struct flusher *f)
{
    const bool is_wanted = sync_wanted(f);
    return (f->sync == NULL || is_wanted) &&
           batch_policy_sync_due(&f->policy, clock_mono(), f->last_durable, f->has_unsynced,
                                 is_wanted);
}

/* Nothing waits: the moment for everything that is not a message. */
static enum status idle_turn(struct flusher *f)
{
    enum status status = STATUS_OK;
    const bool is_deferred = flusher_is_deferring(f, clock_mono()) && !sync_wanted(f);
    if ((flusher_rings_have_changed(f) && !is_deferred) || is_refusal_due(f) ||
        flusher_outbox_is_due(f) || is_sync_due(f))
        status = flusher_commit_empty(f);
    if (status == STATUS_OK)
        status = attach_new_rings(f);
    if (status == STATUS_OK)
        status = flusher_checkpoint_if_due(f, 0);
    /* One thing at a time: messages may have come during a sync or a checkpoint. */
    return status == STATUS_OK && takeable(f) == 0 ? maintain(f) : status;
}

/* No longer than until then; 0 = it is due. */
static mono_us shortened(mono_us longest, mono_us until)
{
    const mono_us left = until - clock_mono();
    return left < 0 ? 0 : left < longest ? left : longest;
}

/* Sleep until a message, a due sync or a new ring; the receivers wake us only while
 * `sleeping` is set. */
static void wait_for_message(struct flusher *f)
{
    mono_us longest = shortened(IDLE_WAIT_US, maintenance_next(&f->maintenance));
    if (f->has_unsynced && !f->is_syncing)
        longest = shortened(longest, f->last_durable + f->policy.sync_interval_us);
    if (f->deferred_rows > 0)
        longest = shortened(longest, f->deferred_since + BATCH_DEFER_US);
    wake_prepare(&f->cb->flusher_wake);
    /* Everything that a receiver publishes before wake_notify is looked at here once more. Not
     * syncs_wanted, whose owner notifies every half millisecond. */
    if (longest == 0 || takeable(f) > 0 || stop_mode(f) != WORKER_GO_ON ||
        flusher_outbox_is_due(f) || (f->is_syncing && wal_sync_has_ended(f->sync)) ||
        atomic_load_explicit(&f->cb->rings_generation, memory_order_acquire) != f->seen_generation)
        wake_cancel(&f->cb->flusher_wake);
    else
        wake_wait(&f->cb->flusher_wake, longest);
}

static enum status turn(struct flusher *f)
{
    flusher_check(f);
    assert(f->state == FLUSHER_IDLE);
    enum status status = flusher_sync_beside(f);
    if (status != STATUS_OK)
        return status;
    const mono_us now = clock_mono();
    const uint64_t waiting = takeable(f);
    if (waiting > 0 && f->batch.waiting == 0)
        f->batch.waiting_since = now;
    f->batch.waiting = waiting;
    f->batch.sync_wanted = sync_wanted(f);
    const mono_us wait = batch_policy_wait_us(&f->policy, &f->batch, now);
    if (wait == 0) {
        status = flusher_commit_batch(f);
        f->batch.waiting = 0;
        /* Not only when idle: a source whose backlog never ends must not keep the ring of another
         * one unread, nor the successor of a drained one. */
        if (status == STATUS_OK)
            status = attach_new_rings(f);
        if (status == STATUS_OK)
            status = flusher_checkpoint_if_due(f, flusher_rings_waiting(f));
    } else if (wait != INT64_MAX && may_maintain(f, wait)) {
        status = maintain(f);
    } else if (wait != INT64_MAX) {
        sleep_us(wait < GATHER_SLICE_US ? wait : GATHER_SLICE_US);
    } else {
        status = idle_turn(f);
        if (status == STATUS_OK && stop_mode(f) == WORKER_GO_ON) {
            /* Asleep is not committing: that has a longer deadline. */
            worker_beat(f->slot, PHASE_RUN);
            wait_for_message(f);
        }
    }
    return status;
}

/* --- life ------------------------------------------------------------------------------------- */

static int migration_progress(void *context)
{
    struct flusher *f = context;
    worker_beat(f->slot, PHASE_MIGRATE);
    return stop_mode(f) != WORKER_GO_ON;
}

/* Rows that an older program derived, or none did yet, are made anew from the packets. The store
 * beats; killed, it leaves no trace. */
static enum status rebuild_if_needed(struct flusher *f)
{
    if (!store_needs_rebuild(f->store))
        return STATUS_OK;
    log_event(LOG_INFO, "flusher", "deriving rows anew from the stored packets", NULL);
    const mono_us began = clock_mono();
    const enum status status = store_catch_up(f->store);
    if (status == STATUS_OK)
        log_event(LOG_INFO, "flusher", "rows derived anew",
                  KV(KV_REAL("ms", flusher_ms_since(began))));
    return status;
}

static enum status open_database(struct flusher *f, struct err *err)
{
    enum status status = flusher_database_prepare(f, err);
    if (status != STATUS_OK)
        return status;
    const struct store_params params = {
        .path = f->files.paths[DB_FILE_MAIN],
        .cache_mb = f->config->sqlite_cache_mb,
        .rules = store_rules_of(f->config),
        .channels = f->channels,
        .scopes = f->scopes,
        .outbox = flusher_outbox_params(f),
        .progress = migration_progress,
        .progress_context = f,
    };
    status = store_open(&params, &f->store, err);
    if (status != STATUS_OK) {
        f->store = NULL;
        return status;
    }
    return flusher_database_opened(f, err);
}

static enum status open_store(struct flusher *f)
{
    struct err err = {0};
    flusher_enter(f, FLUSHER_OPENING);
    worker_beat(f->slot, PHASE_MIGRATE);
    enum status status = open_database(f, &err);
    if (status != STATUS_OK) {
        note_error(f, "database can't be opened", err.text);
        return status;
    }
    status = rebuild_if_needed(f);
    if (status != STATUS_OK) {
        note_error(f, "rows can't be derived anew", store_error(f->store));
        return status;
    }
    status = flusher_publish_closed_chains(f);
    if (status == STATUS_OK)
        status = refusal_writer_open(&f->refused, store_refusals(f->store), f->rules, f->cb);
    if (status == STATUS_OK)
        status = flusher_rings_attach(f);
    if (status != STATUS_OK)
        note_error(f, "rings can't be attached", store_error(f->store));
    /* With nothing to commit no commit says that the database is well again. */
    if (status == STATUS_OK && !flusher_rings_have_changed(f))
        f->error[0] = '\0';
    if (status == STATUS_OK && f->disk_was_full) {
        worker_beat(f->slot, PHASE_CHECKPOINT);
        status = maintenance_make_room(&f->maintenance, f->store, clock_mono() + MAKE_ROOM_US);
        if (status != STATUS_OK)
            note_error(f, "no room can be made", store_error(f->store));
    }
    f->disk_was_full = false;
    f->strike_inflight = false; /* once, at the first attach of this process */
    f->last_durable = clock_mono();
    if (status == STATUS_OK) {
        flusher_sync_start(f);
        flusher_enter(f, FLUSHER_IDLE);
    }
    return status;
}

/* At the start of the program a database that is not ours is a mistake in the configuration, and
 * said at once. One that comes to stand there later is waited out: the rings hold. */
static bool is_hopeless(struct flusher *f, enum status status)
{
    /* Relaxed: our predecessor, who set it, is dead. */
    return (status == STATUS_NEWER || status == STATUS_FOREIGN) &&
           atomic_load_explicit(&f->cb->database_was_open, memory_order_relaxed) == 0;
}

static void say_hopeless(const struct flusher *f, enum status status)
{
    const char *path = f->config->db_path;
    if (status == STATUS_FOREIGN && foreign_file_is_corescope(path))
        database_advice_corescope(f->config, "flusher");
    else
        log_event(LOG_ERROR, "flusher",
                  status == STATUS_NEWER
                      ? "the database was made by a newer version: install that version"
                      : "dbPath is not a database of Weir's: nothing of it was changed",
                  KV(KV_STR("path", path), KV_STR("error", f->error)));
}

/* Throw away everything that came from the database. The rings' mappings go too: what is read next
 * is decided by the cursors alone. */
static void forget_everything(struct flusher *f)
{
    control_block_let_go(f->cb);
    flusher_sync_stop(f);
    flusher_rings_close(f);
    if (f->store != NULL) {
        store_rollback(f->store);
        if (f->is_replaced)
            flusher_database_salvage(f);
        store_close(f->store);
    }
    f->store = NULL;
    if (f->is_replaced)
        flusher_database_drop_log(f);
    maintenance_forget(&f->maintenance);
    recorder_rolled_back(f->recorder);
    memset(f->pending, 0, sizeof f->pending);
    f->batch = (struct batch_state){0};
    f->has_unsynced = false;
    f->deferred_rows = 0;
    f->checkpoint_pages = 0;
    flusher_enter(f, FLUSHER_CLOSED);
}

/* What to do and where, then SQLite's own words. */
static void say_no_space(struct flusher *f, const char *why)
{
    (void)snprintf(
        f->error, sizeof f->error,
        "the database's disk is full, or a quota on it: make room where %.120s is (%.60s)",
        f->files.paths[DB_FILE_MAIN], why);
}

static void say_error(struct flusher *f, enum status status)
{
    char why[256];
    if (status != STATUS_IO || !flusher_database_explain(f, why, sizeof why))
        (void)snprintf(why, sizeof why, "%s", f->store != NULL ? store_error(f->store) : "");
    if (status == STATUS_NO_SPACE)
        say_no_space(f, why[0] != '\0' ? why : status_text(status));
    else if (why[0] != '\0')
        note_error(f, status_text(status), why);
}

/* At once, but for the time that it takes to put a file there. */
static void plan_reopening(struct flusher *f)
{
    control_block_count(f->cb, METRIC_RECOVERIES, 1);
    f->retry_at = clock_mono() + SETTLE_US;
    f->is_settling = true;
    flusher_publish_status(f, true);
}

static void plan_retry(struct flusher *f, enum status status)
{
    /* Whatever the error is, it may come from a file that is not the database any more. */
    if (f->store != NULL && flusher_database_look(f) == STATUS_REPLACED) {
        plan_reopening(f);
        return;
    }
    say_error(f, status);
    control_block_count(f->cb, METRIC_WRITE_ERRORS, 1);
    control_block_count(f->cb, METRIC_RECOVERIES, 1);
    f->retry_wait = f->retry_wait == 0 ? RETRY_FIRST_US : f->retry_wait * 2;
    if (f->retry_wait > RETRY_LONGEST_US)
        f->retry_wait = RETRY_LONGEST_US;
    f->retry_at = clock_mono() + f->retry_wait;
    log_event(LOG_ERROR, "flusher",
              "database not writable, nothing lost: messages wait in the rings",
              KV(KV_STR("error", f->error), KV_INT("retry_s", f->retry_wait / US_PER_S)));
    if (status == STATUS_NO_SPACE) {
        f->disk_was_full = true;
        f->reserve_at = clock_mono() + FLUSHER_RESERVE_RETRY_US;
        if (reserve_file_release(f->files.paths[DB_FILE_MAIN]))
            log_event(LOG_WARN, "flusher", "disk full: the reserve file is deleted to make room",
                      KV(KV_STR("database", f->config->db_path)));
    }
    flusher_publish_status(f, true);
}

/* Beating, so that waiting for a full disk is not taken for a hang. Returns early when
 * asked to stop. */
static void wait_for_retry(struct flusher *f)
{
    flusher_enter(f, FLUSHER_WAITING);
    while (clock_mono() < f->retry_at && stop_mode(f) == WORKER_GO_ON) {
        worker_beat(f->slot, PHASE_RUN);
        flusher_publish_status(f, false);
        sleep_us(IDLE_WAIT_US);
        if (f->is_settling && !flusher_database_is_still(f))
            f->retry_at = clock_mono() + (f->seen.inode != 0 ? SETTLE_US : SETTLE_ABSENT_US);
    }
    flusher_enter(f, FLUSHER_CLOSED);
    f->is_settling = false;
    f->retry_at = 0;
}

static void finish(struct flusher *f)
{
    assert(f->state == FLUSHER_IDLE);
    worker_beat(f->slot, PHASE_CHECKPOINT);
    struct store_checkpoint done = {0};
    if (stop_mode(f) == WORKER_STOP_DRAIN && flusher_database_look(f) == STATUS_OK)
        IGNORE(store_checkpoint(f->store, true, &done),
               "a reader may pin the WAL; the next start continues");
    flusher_publish_sources(f);
    flusher_publish_status(f, true);
    forget_everything(f);
    worker_beat(f->slot, PHASE_DONE);
}

/* Drained: nothing waits, nothing is undurable. A reload ends after any durable commit. */
static bool may_stop(const struct flusher *f)
{
    const enum worker_stop mode = stop_mode(f);
    if (mode == WORKER_GO_ON || f->has_unsynced)
        return false;
    return mode == WORKER_STOP_NOW || (takeable(f) == 0 && !flusher_rings_have_changed(f) &&
                                       !refusal_writer_is_waiting(&f->refused));
}

/* Runs until asked to stop or until something went wrong. */
static enum status run(struct flusher *f)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        /* A ring made, or set free to be read, at the last moment holds messages too. */
        if (may_stop(f) && stop_mode(f) == WORKER_STOP_DRAIN)
            status = attach_new_rings(f);
        if (status != STATUS_OK || may_stop(f))
            break;
        worker_beat(f->slot, stop_mode(f) == WORKER_GO_ON ? PHASE_RUN : PHASE_DRAIN);
        status = flusher_database_watch(f);
        if (status != STATUS_OK)
            break;
        status = stop_mode(f) == WORKER_STOP_NOW ? flusher_commit_empty(f) : turn(f);
        flusher_publish_status(f, false);
    }
    return status;
}

/* What is counted since the program began, not since this process did. */
static void take_over(struct flusher *f)
{
    struct flusher_status before;
    if (!seqlock_read(&f->cb->flusher, &before))
        return; /* the one before was killed while it wrote */
    f->replaced_unix = before.commit.replaced_unix;
    f->last_commit_unix = before.commit.last_unix;
    f->storage = before.storage;
    for (size_t i = 0; i < before.writer_count && i < WRITER_COUNT; i++) {
        struct stats_writer *to = &f->writers[i];
        const struct stats_writer *from = &before.writers[i];
#define WRITER(id, json, prometheus, kind, unit, help)                                             \
    to->id = from->id != STATS_UNKNOWN ? from->id : 0;
#include "common/stats/metrics.def"
    }
}

/* False: out of memory. */
static bool init(struct flusher *f, const struct config *config, struct control_block *cb,
                 struct worker_slot *slot)
{
    f->rules = rules_new(config);
    f->channels = channel_keys_new(&config->channel_keys, &config->hash_channels);
    f->scopes = region_scopes_new(&config->hash_regions);
    f->config = config;
    f->cb = cb;
    f->slot = slot;
    f->crash_on = getenv("WEIR_TEST_CRASH_ON");
    f->strike_inflight = atomic_exchange(&cb->strike_inflight, 0) != 0;
    if (cb->options != NULL && cb->options->record_file != NULL) {
        f->recorder = recorder_new(cb->options->record_file);
        if (f->recorder == NULL)
            log_event(LOG_WARN, "recorder", "no memory: nothing is recorded", NULL);
    }
    f->policy = (struct batch_policy){
        .window_us = (mono_us)config->group_commit_ms * US_PER_MS,
        .sync_interval_us = (mono_us)config->sync_interval_ms * US_PER_MS,
        .max_rows = (uint64_t)config->group_commit_max_rows,
    };
    flusher_outbox_policy(f);
    maintenance_init(&f->maintenance, config);
    control_block_let_go(cb); /* of the one before, who is dead */
    f->lock_fd = -1;
    take_over(f);
    return f->rules != NULL && f->channels != NULL && f->scopes != NULL;
}

void flusher_run(const struct config *config, struct control_block *cb, struct worker_slot *slot)
{
    worker_process_init(cb, "weir-flusher");
    struct flusher *f = calloc(1, sizeof *f);
    if (f == NULL || !crypto_init())
        _exit(f == NULL ? EXIT_NO_MEMORY : EXIT_GAVE_UP);
    if (!init(f, config, cb, slot))
        _exit(EXIT_NO_MEMORY);
    f->ahead = look_ahead_start(config, f->strike_inflight);
    for (;;) {
        enum status status = open_store(f);
        if (is_hopeless(f, status)) {
            say_hopeless(f, status);
            _exit(EXIT_CONFIG);
        }
        if (status == STATUS_OK) {
            /* Relaxed: read by our successor, when we are dead. */
            atomic_store_explicit(&cb->database_was_open, 1, memory_order_relaxed);
            flusher_publish_status(f, true);
            status = run(f);
        }
        if (status == STATUS_OK) {
            finish(f);
            break;
        }
        if (stop_mode(f) != WORKER_GO_ON)
            break; /* the rings keep what arrived */
        /* A row was refused: the same batch again, with savepoints. */
        if (status == STATUS_AGAIN && f->state == FLUSHER_WRITING) {
            forget_everything(f);
            continue;
        }
        plan_retry(f, status);
        forget_everything(f);
        wait_for_retry(f);
        if (stop_mode(f) != WORKER_GO_ON)
            break;
    }
    look_ahead_stop(f->ahead);
    _exit(EXIT_CLEAN);
}
