/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/receiver.h"

#include "cmd/ingestor/receive/drop_log.h"
#include "cmd/ingestor/receive/inject_source.h"
#include "cmd/ingestor/receive/intake.h"
#include "cmd/ingestor/receive/mqtt_link.h"
#include "cmd/ingestor/receive/sync_thread.h"
#include "cmd/ingestor/recording/replay_source.h"
#include "cmd/ingestor/shared/limit_log.h"
#include "cmd/ingestor/shared/lock_file.h"
#include "cmd/ingestor/shared/process.h"
#include "cmd/ingestor/shared/run_options.h"
#include "common/base/log.h"
#include "common/ring/ingest_buffer.h"
#include "common/ring/ring_names.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A turn's longest pause. Short ones while something is under way that the next turn advances. */
#define TURN_MS      100
#define BUSY_TURN_MS 10
/* Beyond the ring, which is mapped by then: the library, four thread stacks, their arenas. A broker
 * that announces a message of 256 MB then meets a failed malloc in this process alone. */
#define MEMORY_HEADROOM_BYTES ((uint64_t)224 << 20)
/* For one clean connect, when the source's session is to go. */
#define RETIRE_US  ((mono_us)5 * US_PER_S)
#define GOODBYE_US ((mono_us)1 * US_PER_S)
/* Syncs that fail for this long end the process: opening the ring again finds out what
 * can be done. */
#define SYNC_PATIENCE_US ((mono_us)30 * US_PER_S)

struct receiver {
    /* constant after start */
    const struct config *config;
    const struct config_source *source; /* NULL = "http" or "replay" */
    const char *name;
    struct control_block *cb;
    struct worker_slot *slot;
    int lock_fd;
    char lock_path[PATH_MAX];
    struct ingest_buffer *ring;
    struct intake *intake;
    struct sync_thread *sync; /* NULL = spoolSync none */
    struct mqtt_link *mqtt;   /* one of the three feeds */
    struct inject_source *inject;
    struct replay_source *replay;
    /* the main loop only */
    struct drop_log drops;
    struct limit_log limits;
    mono_us backpressure_since; /* 0 = none */
    uint64_t refused_seen;
    bool has_replayed;         /* all of the recording is in the ring */
    mono_us sync_failed_since; /* 0 = trusted */
    struct ring_stats stats;   /* as last read */
    struct source_status status;
};

/* --- start ------------------------------------------------------------------------------------ */

/* Says why in the source's status as well: all that is left to see of a receiver that
 * is not there. */
NORETURN static void die(struct receiver *r, enum exit_code code, const char *what,
                         const struct err *err)
{
    struct source_status status;
    /* What the predecessor in this slot, or we, said last. Not seqlock_read: one that was killed
     * while it wrote would take the counts with it. */
    seqlock_peek(&r->slot->status, &status);
    status.state = SOURCE_FAILED;
    if (status.link.connected != 0) {
        status.link.connected = 0;
        status.link.disconnect_count++;
        status.link.last_disconnect_unix = clock_wall() / US_PER_S;
    }
    (void)snprintf(status.link.last_error, sizeof status.link.last_error, "%s: %.160s", what,
                   err != NULL ? err->text : "out of memory");
    seqlock_write(&r->slot->status, &status);
    log_event(LOG_ERROR, "receiver", what,
              KV(KV_STR("source", r->name), KV_STR("path", err != NULL ? err->what : ""),
                 KV_STR("error", err != NULL ? err->text : "out of memory")));
    worker_exit(r->slot, code);
}

static enum exit_code exit_code_of(enum status status)
{
    return status == STATUS_NO_MEMORY ? EXIT_NO_MEMORY : EXIT_IO;
}

static uint64_t random_seed(void)
{
    uint64_t seed = (uint64_t)clock_mono();
    IGNORE(getrandom(&seed, sizeof seed, GRND_NONBLOCK),
           "the clock's bits are good enough for jitter");
    return seed;
}

static void lock_ring(struct receiver *r)
{
    if (!ring_lock_path(r->config->spool_dir, r->name, r->lock_path, sizeof r->lock_path)) {
        const struct err err = {.text = "spoolDir is too long"};
        die(r, EXIT_IO, "lock file has no name", &err);
    }
    r->lock_fd = worker_lock(r->lock_path, r->slot); /* held until the process ends */
}

static void log_ring(const struct receiver *r)
{
    const struct ring_stats *const stats = &r->stats;
    struct ring_open_report report;
    ingest_buffer_open_report(r->ring, &report);
    const bool is_odd =
        report.sealed + report.put_right + report.left > 0 || report.recovered_records > 0;
    if (report.left > 0)
        log_event(LOG_ERROR, "receiver",
                  "ring file is damaged or foreign: left to the flusher, not written to",
                  KV(KV_STR("source", r->name), KV_STR("error", report.left_why),
                     KV_INT("files", report.left)));
    log_event(is_odd ? LOG_WARN : LOG_INFO, "receiver", "ring open",
              KV(KV_STR("source", r->name), KV_STR("made", report.created ? "new" : "found"),
                 KV_INT("sealed", report.sealed), KV_INT("put_right", report.put_right),
                 KV_INT("recovered", report.recovered_records), KV_INT("waiting", stats->records),
                 KV_INT("capacity_records", stats->capacity_records),
                 KV_INT("capacity_bytes", stats->capacity_bytes)));
}

/* The one before us wrote to another chain: its file may be gone, and with it all counts. */
static void keep_former(const struct receiver *r)
{
    struct ring_status last;
    if (seqlock_read(&r->slot->ring, &last) && last.capacity_records > 0 &&
        memcmp(last.chain, r->stats.chain, sizeof last.chain) != 0)
        seqlock_write(&r->slot->former, &last);
}

static void open_ring(struct receiver *r)
{
    const struct config *config = r->config;
    const struct ring_params params = {
        .dir = config->spool_dir,
        .source = r->name,
        .capacity_records = (uint64_t)config->ingest_buffer_size,
        .capacity_bytes = (uint64_t)config->ingest_buffer_bytes,
        .max_message_bytes = (uint64_t)config->max_message_bytes,
        .soft_threshold = config->soft_threshold,
    };
    struct err err = {0};
    const enum status status = ingest_buffer_open(&params, &r->ring, &err);
    if (status != STATUS_OK)
        die(r, exit_code_of(status),
            status == STATUS_NO_SPACE ? "no space for the ring" : "ring can't be opened", &err);
    if (!ingest_buffer_stats(r->ring, &r->stats)) {
        const struct err damaged = {.text = "its head was damaged since it was opened"};
        die(r, EXIT_IO, "ring can't be read", &damaged);
    }
    const struct ring_stats *const stats = &r->stats;
    log_ring(r);
    drop_log_init(&r->drops, r->name, stats->capacity_records, stats->capacity_bytes,
                  &stats->tuple);
    limit_log_init(&r->limits, stats->tuple.outcomes);
    r->refused_seen = stats->tuple.outcomes[OUTCOME_DROPPED_QUEUE_FULL];
    keep_former(r);
    /* Release: behind the ring's name; pairs with the flusher's look before its scan. */
    atomic_fetch_add_explicit(&r->cb->rings_generation, 1, memory_order_release);
    wake_notify(&r->cb->flusher_wake);
}

/* The intake's way out, called on the feed's thread: a callback that may not return
 * ends the process. */
static void give_up(void *context, enum exit_code code)
{
    struct receiver *r = context;
    if (code != EXIT_CLEAN)
        log_event(LOG_WARN, "receiver",
                  "ring full for too long: ending, the broker keeps the message",
                  KV(KV_STR("source", r->name)));
    worker_exit(r->slot, code);
}

static bool is_replay(const struct receiver *r)
{
    return r->slot->kind == WORKER_REPLAY;
}

static void start_intake(struct receiver *r, uint64_t seed)
{
    const struct config *config = r->config;
    const int keep_alive_s = r->source != NULL ? r->source->keep_alive_s : 0;
    const struct intake_params params = {
        .ring = r->ring,
        .cb = r->cb,
        .slot = r->slot,
        .max_message_bytes = (uint64_t)config->max_message_bytes,
        .observer_max_per_second = is_replay(r) ? 0 : config->observer_max_per_second,
        .is_replay = is_replay(r),
        .is_persistent = r->source != NULL && r->source->persistent_session,
        /* An injected message is answered "accepted", not "stored": there is nothing
         * to wait for. */
        .wait_durable = r->source != NULL && !config->ingest_async,
        .wait_limit = (mono_us)keep_alive_s * US_PER_S / 2,
        .seed = seed,
        .give_up = give_up,
        .give_up_context = r,
    };
    r->intake = intake_new(&params);
    if (r->intake == NULL)
        die(r, EXIT_NO_MEMORY, "no memory for the intake", NULL);
}

static void on_mqtt_message(void *context, const struct ring_message *message)
{
    IGNORE(intake_accept(context, message), "recorded in the ring; MQTT has no answer for it");
}

static enum outcome on_injected(void *context, const char *topic, size_t topic_len,
                                const uint8_t *payload, size_t payload_len)
{
    const struct ring_message message = {
        .topic = topic,
        .topic_len = (uint32_t)topic_len,
        .payload = payload,
        .payload_len = (uint32_t)min_u64(payload_len, UINT32_MAX),
    };
    return intake_accept(context, &message);
}

static bool has_room(void *context, const struct ring_message *message)
{
    const struct receiver *r = context;
    return ingest_buffer_has_room(r->ring, message->topic_len, message->payload_len);
}

static void on_replayed(void *context, const struct ring_message *message)
{
    const struct receiver *r = context;
    IGNORE(intake_accept(r->intake, message), "recorded in the ring");
}

static enum status open_replay(struct receiver *r, struct err *err)
{
    const struct run_options *options = r->cb->options;
    const struct replay_params params = {.path = options->replay_file,
                                         .speed = options->replay_speed,
                                         .has_room = has_room,
                                         .on_message = on_replayed,
                                         .context = r};
    return replay_source_open(&params, &r->replay, err);
}

static enum status open_feed(struct receiver *r, uint64_t seed, struct err *err)
{
    if (is_replay(r))
        return open_replay(r, err);
    const size_t max_message_bytes = (size_t)r->config->max_message_bytes;
    if (r->source != NULL) {
        const struct mqtt_source_params params = {.source = r->source,
                                                  .spool_dir = r->config->spool_dir,
                                                  .max_message_bytes = max_message_bytes,
                                                  .on_message = on_mqtt_message,
                                                  .context = r->intake};
        return mqtt_link_new(&params, seed, &r->mqtt, err);
    }
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof path, "%s/" INJECT_SOCKET, r->config->spool_dir);
    if (len < 0 || (size_t)len >= sizeof path)
        return err_set(err, STATUS_INVALID, 0, r->config->spool_dir, "spoolDir is too long");
    const struct inject_params params = {.path = path,
                                         .max_message_bytes = max_message_bytes,
                                         .handler = on_injected,
                                         .context = r->intake};
    return inject_source_open(&params, &r->inject, err);
}

/* Counts go on over a restart of this process. */
static void resume_status(struct receiver *r)
{
    struct source_status earlier;
    seqlock_peek(&r->slot->status, &earlier); /* as in die */
    if (r->mqtt != NULL)
        mqtt_link_resume(r->mqtt, &earlier);
}

static void start(struct receiver *r)
{
    const uint64_t seed = random_seed();
    lock_ring(r);
    /* A predecessor that was killed while it waited may have left it set; who still waits
     * sets it again (relaxed: intake.c). */
    atomic_store_explicit(&r->cb->syncs_wanted, 0, memory_order_relaxed);
    open_ring(r);
    /* Not before: an old ring that is to be sealed may be larger than the configured size. */
    worker_limit_memory(MEMORY_HEADROOM_BYTES);
    start_intake(r, seed);
    struct err err = {0};
    if (r->config->spool_sync) {
        const enum status status =
            sync_thread_start(r->ring, r->intake, r->config->sync_interval_ms, &r->sync);
        if (status != STATUS_OK)
            die(r, EXIT_NO_MEMORY, "sync thread can't be started", NULL);
    }
    const enum status status = open_feed(r, seed, &err);
    if (status != STATUS_OK)
        die(r, exit_code_of(status), "feed can't be opened", &err);
    resume_status(r);
}

/* --- one turn --------------------------------------------------------------------------------- */

/* By the published figures: ingest_buffer_is_soft belongs to the feed's thread. */
static bool is_soft(const struct receiver *r, const struct ring_stats *stats)
{
    const double threshold = r->config->soft_threshold;
    return (double)stats->records >= threshold * (double)stats->capacity_records ||
           (double)stats->bytes >= threshold * (double)stats->capacity_bytes;
}

static void judge_backpressure(struct receiver *r, const struct ring_stats *stats)
{
    const uint64_t refused = stats->tuple.outcomes[OUTCOME_DROPPED_QUEUE_FULL];
    const bool is_pressed = is_soft(r, stats) || refused != r->refused_seen;
    r->refused_seen = refused;
    if (!is_pressed)
        r->backpressure_since = 0;
    else if (r->backpressure_since == 0)
        r->backpressure_since = clock_mono();
}

static void publish(struct receiver *r, const struct ring_stats *stats)
{
    struct ring_status ring = {
        .tuple = stats->tuple,
        .records = stats->records,
        .bytes = stats->bytes,
        .capacity_records = stats->capacity_records,
        .capacity_bytes = stats->capacity_bytes,
        .high_water_records = stats->high_water_records,
        .chain_created_unix_us = stats->created,
    };
    memcpy(ring.chain, stats->chain, sizeof ring.chain);
    seqlock_write(&r->slot->ring, &ring);
    atomic_store_explicit(&r->slot->packets_total, (int64_t)stats->tuple.received,
                          memory_order_relaxed); /* a figure */
    if (r->mqtt != NULL)
        mqtt_link_describe(r->mqtt, &r->status);
    else
        r->status.state = SOURCE_LIVE;
    /* With ingestAsync false every message waits a little, and none of them is news. */
    if (intake_is_waiting(r->intake) && r->config->ingest_async)
        r->status.state = SOURCE_BACKPRESSURE;
    if (worker_should_stop(r->slot))
        r->status.state = SOURCE_STOPPED;
    const mono_us pressed = clock_mono() - r->backpressure_since;
    r->status.backpressure_since_unix =
        r->backpressure_since != 0 ? (clock_wall() - pressed) / US_PER_S : 0;
    seqlock_write(&r->slot->status, &r->status);
}

static void report(struct receiver *r, mono_us now)
{
    IGNORE(ingest_buffer_stats(r->ring, &r->stats), "damaged under us: what was read last stands");
    drop_log_turn(&r->drops, &r->stats.tuple, now);
    if (r->drops.last_drop == now)
        control_block_stamp(r->cb, METRIC_LAST_LOSS);
    limit_log_turn(&r->limits, r->name, r->stats.tuple.outcomes, now);
    judge_backpressure(r, &r->stats);
    publish(r, &r->stats);
}

static void judge_sync(struct receiver *r, mono_us now)
{
    const bool is_failing = r->sync != NULL && sync_thread_is_failing(r->sync);
    if (is_failing == (r->sync_failed_since != 0)) {
        if (is_failing && now - r->sync_failed_since > SYNC_PATIENCE_US)
            worker_exit(r->slot, EXIT_IO);
        return;
    }
    r->sync_failed_since = is_failing ? now : 0;
    log_event(is_failing ? LOG_ERROR : LOG_INFO, "receiver",
              is_failing ? "ring can't be synced: check the disk of spoolDir" : "ring syncs again",
              KV(KV_STR("source", r->name)));
}

/* The end of the recording is reached when the database has all of it. While the ring can't be
 * synced nothing is offered: it would be dropped. */
static void replay_turn(struct receiver *r, mono_us now)
{
    int wait_ms = BUSY_TURN_MS;
    if (r->sync_failed_since == 0)
        wait_ms = replay_source_turn(r->replay, now);
    if (replay_source_is_done(r->replay)) {
        r->has_replayed = ingest_buffer_is_drained(r->ring);
        wait_ms = r->has_replayed ? 0 : BUSY_TURN_MS;
    }
    if (wait_ms > 0)
        IGNORE(poll(NULL, 0, wait_ms), "only a pause");
}

/* The status goes last: the next process reads there how this one ended, and how long to wait. */
NORETURN static void renew(struct receiver *r)
{
    worker_enter(r->slot, PHASE_RENEW);
    report(r, clock_mono());
    log_event(LOG_WARN, "receiver", "connecting again from a fresh process",
              KV(KV_STR("source", r->name), KV_STR("reason", r->status.link.last_error)));
    worker_exit(r->slot, EXIT_LOCKED);
}

/* What is wrong with our files in the spool folder; NULL = nothing. */
static const char *harm_to_files(const struct receiver *r)
{
    const enum ring_file ring = ingest_buffer_look(r->ring);
    if (ring != RING_FILE_WHOLE)
        return ring_file_text(ring);
    if (!lock_file_is_named(r->lock_fd, r->lock_path))
        return "its lock file was deleted or replaced";
    if (r->inject != NULL && !inject_source_is_named(r->inject))
        return "its socket was deleted or replaced";
    return NULL;
}

/* Somebody deleted, replaced or cut what we have open. Nothing more is let in, what the ring holds
 * is put in order, and a fresh process opens everything by its name. What is not acknowledged comes
 * again from the broker. */
static void look_at_files(struct receiver *r)
{
    const char *const harm = harm_to_files(r);
    if (harm == NULL)
        return;
    log_event(LOG_ERROR, "receiver",
              "a file in spoolDir was changed under us: the ring is put back with all that waits",
              KV(KV_STR("source", r->name), KV_STR("spool", r->config->spool_dir),
                 KV_STR("ring", harm), KV_INT("waiting", r->stats.records)));
    intake_close(r->intake);
    struct err err = {0};
    enum status status = config_make_folders(r->config, &err);
    if (status == STATUS_OK)
        status = ingest_buffer_mend(r->ring, &err);
    report(r, clock_mono());
    /* The flusher still reads what it has mapped. A recording is not begun again: its reader
     * ends. */
    if (status != STATUS_OK || is_replay(r))
        die(r, EXIT_IO, status != STATUS_OK ? "ring can't be put back" : "ring was changed", &err);
    worker_enter(r->slot, PHASE_RENEW);
    worker_exit(r->slot, EXIT_LOCKED);
}

/* The library's turn blocks while a callback waits: skipping it then keeps the reports coming. When
 * a wait begins in between, it says PHASE_WAIT for us. */
static void feed_turn(struct receiver *r, mono_us now)
{
    if (r->replay != NULL) {
        replay_turn(r, now);
        return;
    }
    if (r->inject != NULL) {
        inject_source_turn(r->inject, TURN_MS, now);
        return;
    }
    if (!intake_is_waiting(r->intake))
        mqtt_link_turn(r->mqtt, now, intake_last_receipt(r->intake));
    if (mqtt_link_wants_renewal(r->mqtt))
        renew(r);
    IGNORE(poll(NULL, 0, mqtt_link_is_busy(r->mqtt) ? BUSY_TURN_MS : TURN_MS), "only a pause");
}

/* --- end -------------------------------------------------------------------------------------- */

static enum exit_code end_replay(struct receiver *r)
{
    struct replay_counts counts;
    replay_source_counts(r->replay, &counts);
    replay_source_close(r->replay);
    log_event(r->has_replayed ? LOG_INFO : LOG_WARN, "replay",
              r->has_replayed ? "recording read to its end" : "stopped before the recording's end",
              KV(KV_INT("messages", counts.messages), KV_INT("malformed", counts.malformed)));
    if (!r->has_replayed)
        return EXIT_GAVE_UP;
    if (counts.has_failed)
        return EXIT_IO;
    return counts.malformed > 0 ? EXIT_BAD_DATA : EXIT_CLEAN;
}

NORETURN static void stop(struct receiver *r)
{
    worker_beat(r->slot, PHASE_DRAIN);
    /* A waiting callback sees the stop itself and ends the process without acknowledging. */
    if (r->mqtt != NULL)
        mqtt_link_stop(r->mqtt, GOODBYE_US);
    /* Acquire: as worker_should_stop. */
    if (r->mqtt != NULL &&
        atomic_load_explicit(&r->slot->stop, memory_order_acquire) == WORKER_STOP_RETIRE)
        mqtt_link_retire(r->mqtt, RETIRE_US);
    inject_source_close(r->inject);
    sync_thread_stop(r->sync);
    if (r->config->spool_sync && ingest_buffer_sync(r->ring) != STATUS_OK)
        log_event(LOG_ERROR, "receiver", "last sync of the ring failed",
                  KV(KV_STR("source", r->name)));
    report(r, clock_mono());
    log_event(
        LOG_INFO, "receiver", "stopped",
        KV(KV_STR("source", r->name), KV_INT("received", atomic_load(&r->slot->packets_total))));
    worker_exit(r->slot, r->replay != NULL ? end_replay(r) : EXIT_CLEAN);
}

void receiver_run(const struct config *config, const struct config_source *source,
                  struct control_block *cb, struct worker_slot *slot)
{
    /* On the heap: it outlives this frame in the eyes of the feed's threads. */
    struct receiver *r = calloc(1, sizeof *r);
    if (r == NULL)
        worker_exit(slot, EXIT_NO_MEMORY);
    *r = (struct receiver){.config = config, .source = source, .cb = cb, .slot = slot};
    r->name = source != NULL ? source->name : slot->source;
    char title[16];
    (void)snprintf(title, sizeof title, "weir-%.10s", r->name);
    worker_process_init(cb, title);
    start(r);
    for (;;) {
        look_at_files(r);
        report(r, clock_mono());
        /* While a callback waits its own beat counts: the supervisor's limit for a wait must not be
         * pushed away by a loop that is well. */
        worker_beat_unless_waiting(slot);
        if (worker_should_stop(slot) || r->has_replayed)
            stop(r);
        feed_turn(r, clock_mono());
        judge_sync(r, clock_mono());
    }
}
