/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/stats_publisher.h"

#include "cmd/ingestor/shared/run_options.h"
#include "cmd/ingestor/supervise/event_watch.h"
#include "cmd/ingestor/supervise/packet_history.h"
#include "cmd/ingestor/supervise/shard_words.h"
#include "cmd/ingestor/supervise/worker_usage.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/stats/stats_file.h"
#include "common/stats/stats_file_render.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Since when a source's messages wait and none is consumed; of its chain of rings. */
struct stall {
    uint8_t chain[RING_UUID_BYTES];
    uint64_t consumed;
    mono_us since;
};

struct stats_publisher {
    struct stats_snapshot snapshot;
    struct flusher_source flusher[FLUSHER_SOURCES_MAX]; /* last good copies */
    size_t flusher_count;
    struct source_status statuses[WORKERS_MAX];
    struct ring_status rings[WORKERS_MAX];
    struct flusher_status flusher_status;
    struct shard_words shards;
    struct packet_history history;
    struct stall stalls[WORKERS_MAX];
    struct procio last_io;
    mono_us last_io_at;                /* 0 = no sample yet */
    char sentence[STATS_STATUS_BYTES]; /* instead of the verdict; "" = none */
    bool is_over;
    bool is_failing;
    struct event_watch *events;
};

struct stats_publisher *stats_publisher_new(void)
{
    struct stats_publisher *publisher = calloc(1, sizeof *publisher);
    if (publisher == NULL)
        return NULL;
    publisher->events = event_watch_new();
    if (publisher->events != NULL)
        return publisher;
    free(publisher);
    return NULL;
}

void stats_publisher_free(struct stats_publisher *publisher)
{
    if (publisher != NULL)
        event_watch_free(publisher->events);
    free(publisher);
}

/* --- reading the control block ---------------------------------------------------------------- */

static void read_flusher(struct stats_publisher *p, const struct control_block *cb)
{
    /* Acquire: the entries before the count. */
    const size_t count = atomic_load_explicit(&cb->flusher_source_count, memory_order_acquire);
    for (size_t i = 0; i < count && i < FLUSHER_SOURCES_MAX; i++)
        IGNORE(seqlock_read(&cb->flusher_sources[i], &p->flusher[i]), "the last good copy stays");
    p->flusher_count = count;
    IGNORE(seqlock_read(&cb->flusher, &p->flusher_status), "the last good copy stays");
}

static bool is_receiver(const struct worker_slot *slot)
{
    return slot->used && slot->kind != WORKER_SENDER;
}

static void read_receivers(struct stats_publisher *p, const struct control_block *cb)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        if (!is_receiver(&cb->workers[i])) {
            memset(&p->rings[i], 0, sizeof p->rings[i]);
            memset(&p->statuses[i], 0, sizeof p->statuses[i]);
            continue;
        }
        IGNORE(seqlock_read(&cb->workers[i].ring, &p->rings[i]), "the last good copy stays");
        IGNORE(seqlock_read(&cb->workers[i].status, &p->statuses[i]), "the last good copy stays");
    }
}

/* --- sources: ledger, queue, liveness --------------------------------------------------------- */

static struct stats_source *source_named(struct stats_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->source_count; i++) {
        if (strcmp(s->sources[i].name, name) == 0)
            return &s->sources[i];
    }
    if (s->source_count == STATS_SOURCES_MAX)
        return NULL;
    struct stats_source *source = &s->sources[s->source_count++];
    *source = (struct stats_source){.records = STATS_UNKNOWN,
                                    .bytes = STATS_UNKNOWN,
                                    .capacity = STATS_UNKNOWN,
                                    .high_water = STATS_UNKNOWN,
                                    .stalled_s = STATS_UNKNOWN};
    (void)snprintf(source->name, sizeof source->name, "%s", name);
    return source;
}

static bool has_ring(const struct ring_status *ring)
{
    return ring->capacity_records > 0;
}

/* The live receiver whose ring belongs to this chain; 0 = none. */
static size_t receiver_of_chain(const struct stats_publisher *p, const uint8_t *chain)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        if (has_ring(&p->rings[i]) && memcmp(p->rings[i].chain, chain, RING_UUID_BYTES) == 0)
            return i;
    }
    return 0;
}

static void add_ledger(struct stats_publisher *p, const struct flusher_source *entry)
{
    struct stats_source *source = source_named(&p->snapshot, entry->name);
    if (source == NULL)
        return;
    const size_t receiver = receiver_of_chain(p, entry->chain);
    const struct receiver_tuple *tuple = receiver > 0 ? &p->rings[receiver].tuple : &entry->orphan;
    struct ledger ledger;
    ledger_combine(tuple, &entry->tuple, &ledger);
    ledger_add(&source->ledger, &ledger);
    ledger_add(&p->snapshot.ledger_total, &ledger);
    source->has_ledger = p->snapshot.has_ledger = true;
    if (entry->last_message_unix > source->last_message_unix)
        source->last_message_unix = entry->last_message_unix;
    const int64_t since = entry->chain_created_unix_us / US_PER_S;
    if (p->snapshot.ledger_since_unix == 0 || since < p->snapshot.ledger_since_unix)
        p->snapshot.ledger_since_unix = since;
}

static const struct flusher_source *flusher_entry(const struct stats_publisher *p,
                                                  const uint8_t *chain)
{
    for (size_t i = 0; i < p->flusher_count; i++) {
        if (memcmp(p->flusher[i].chain, chain, RING_UUID_BYTES) == 0)
            return &p->flusher[i];
    }
    return NULL;
}

/* Judged for each source by its own count: the commits of the others say nothing about it. A ring
 * that the flusher has not attached has nothing consumed. */
static int64_t stalled_seconds(struct stats_publisher *p, size_t index)
{
    const struct ring_status *ring = &p->rings[index];
    const struct flusher_source *entry = flusher_entry(p, ring->chain);
    const mono_us now = clock_mono();
    const uint64_t consumed = entry != NULL ? entry->taken.consumed : 0;
    const uint64_t queued =
        entry != NULL ? ledger_queued(&ring->tuple, &entry->taken) : ring->records;
    struct stall *stall = &p->stalls[index];
    if (queued == 0 || consumed != stall->consumed || stall->since == 0 ||
        memcmp(stall->chain, ring->chain, sizeof stall->chain) != 0) {
        stall->consumed = consumed;
        stall->since = now;
        memcpy(stall->chain, ring->chain, sizeof stall->chain);
    }
    return (now - stall->since) / US_PER_S;
}

static void add_queue(struct stats_publisher *p, const struct worker_slot *slot, size_t index)
{
    struct stats_source *source = source_named(&p->snapshot, slot->source);
    if (source == NULL)
        return;
    const struct ring_status *ring = &p->rings[index];
    source->is_live = true;
    source->last_receipt_unix =
        atomic_load_explicit(&slot->last_receipt_us, memory_order_relaxed) / US_PER_S; /* a time */
    if (!has_ring(ring))
        return;
    source->records = (int64_t)ring->records;
    source->bytes = (int64_t)ring->bytes;
    source->capacity = (int64_t)ring->capacity_records;
    source->high_water = (int64_t)ring->high_water_records;
    source->stalled_s = stalled_seconds(p, index);
}

/* A ring of which nothing was ever freed, before the flusher has attached it: all that was
 * appended waits. (Of any other ring the flusher's half is not known until it is attached: left
 * out, not zero.) */
static void add_unattached_ledger(struct stats_publisher *p, const struct worker_slot *slot,
                                  size_t index)
{
    const struct ring_status *ring = &p->rings[index];
    if (!has_ring(ring) || ring->records != ring->tuple.appended ||
        flusher_entry(p, ring->chain) != NULL)
        return;
    struct flusher_source entry = {.chain_created_unix_us = ring->chain_created_unix_us};
    memcpy(entry.name, slot->source, sizeof entry.name);
    memcpy(entry.chain, ring->chain, sizeof entry.chain);
    add_ledger(p, &entry);
}

/* Its living chain's time, whatever an earlier chain of that name says: the clock may have been set
 * back since. */
static void follow_clock(struct stats_publisher *p, const struct worker_slot *slot, size_t index)
{
    const struct flusher_source *entry = flusher_entry(p, p->rings[index].chain);
    struct stats_source *source = source_named(&p->snapshot, slot->source);
    if (has_ring(&p->rings[index]) && entry != NULL && entry->last_message_unix != 0 &&
        source != NULL)
        source->last_message_unix = entry->last_message_unix;
}

static void fill_sources(struct stats_publisher *p, const struct control_block *cb)
{
    struct stats_snapshot *s = &p->snapshot;
    s->source_count = 0;
    s->has_ledger = false;
    s->ledger_total = (struct ledger){0};
    s->ledger_since_unix = 0;
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        if (is_receiver(&cb->workers[i]))
            add_queue(p, &cb->workers[i], i);
    }
    for (size_t i = 0; i < p->flusher_count; i++)
        add_ledger(p, &p->flusher[i]);
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        if (!is_receiver(&cb->workers[i]))
            continue;
        add_unattached_ledger(p, &cb->workers[i], i);
        follow_clock(p, &cb->workers[i], i);
    }
}

/* --- MQTT sources ----------------------------------------------------------------------------- */

static int64_t heartbeat_age_ms(const struct worker *worker)
{
    return worker->pid != 0 ? (clock_mono() - worker_pulse(worker->slot).beat) / US_PER_MS
                            : STATS_UNKNOWN;
}

static bool is_silent(const struct worker *worker)
{
    return worker_state_is_silent(worker_state_text(worker), heartbeat_age_ms(worker));
}

/* What it said last, or why it says nothing any more. */
static void fill_link(const struct worker *worker, struct stats_link *link)
{
    const bool is_running = worker->state == WORKER_RUNNING;
    const bool was_asked = worker->state == WORKER_STOPPING || worker->state == WORKER_STOPPED;
    link->subscription_count = min_u64(link->subscription_count, CONFIG_TOPICS_MAX);
    link->connected = is_running && link->connected != 0 && !is_silent(worker);
    if (!is_running)
        link->next_retry_unix = 0;
    if (is_running && is_silent(worker))
        (void)snprintf(link->last_error, sizeof link->last_error,
                       "the receiver has not moved for %lld s",
                       (long long)(heartbeat_age_ms(worker) / 1000));
    else if (!is_running && !was_asked && link->last_error[0] == '\0' &&
             worker->last_exit[0] != '\0')
        (void)snprintf(link->last_error, sizeof link->last_error, "receiver ended: %s",
                       worker->last_exit);
}

/* The connection's state is the receiver's to say, while it can. */
static const char *link_state(const struct worker *worker, const struct source_status *status)
{
    if (worker->state != WORKER_RUNNING)
        return worker_state_text(worker);
    return is_silent(worker) ? "unknown" : source_state_text((enum source_state)status->state);
}

static void fill_mqtt_source(struct stats_publisher *p, const struct worker *worker, size_t index,
                             struct stats_mqtt *out)
{
    const struct source_status *status = &p->statuses[index];
    const struct worker_slot *slot = worker->slot;
    memset(out, 0, sizeof *out);
    (void)snprintf(out->name, sizeof out->name, "%s", slot->source);
    (void)snprintf(out->broker, sizeof out->broker, "%s",
                   worker->source != NULL ? worker->source->broker_masked : "");
    (void)snprintf(out->state, sizeof out->state, "%s", link_state(worker, status));
    out->link = status->link;
    fill_link(worker, &out->link);
    out->last_packet_unix =
        atomic_load_explicit(&slot->last_receipt_us, memory_order_relaxed) / US_PER_S; /* a time */
    out->packets_total =
        has_ring(&p->rings[index]) ? (int64_t)p->rings[index].tuple.received : STATS_UNKNOWN;
    out->packets_last_5m = packet_history_last_5m(&p->history, slot->source, out->packets_total);
}

static void fill_mqtt(struct stats_publisher *p, const struct workers *workers)
{
    struct stats_snapshot *s = &p->snapshot;
    s->mqtt_count = 0;
    for (size_t i = 1; i < WORKERS_MAX && s->mqtt_count < CONFIG_SOURCES_MAX; i++) {
        const struct worker *worker = &workers->all[i];
        if (worker->slot->used && worker->kind == WORKER_RECEIVER && !worker->forget)
            fill_mqtt_source(p, worker, i, &s->mqtt[s->mqtt_count++]);
    }
}

/* --- workers ---------------------------------------------------------------------------------- */

static const char *const kind_texts[] = {
    [WORKER_FLUSHER] = "flusher", [WORKER_RECEIVER] = "receiver", [WORKER_HTTP] = "http",
    [WORKER_REPLAY] = "replay",   [WORKER_SENDER] = "sender",
};

/* The lock file's pid; the name as the kernel knows it, where /proc tells. */
static void describe_holder(int64_t pid, char *out, size_t cap)
{
    char path[40];
    char name[20] = "";
    out[0] = '\0';
    if (pid == 0)
        return;
    (void)snprintf(path, sizeof path, "/proc/%lld/comm", (long long)pid);
    FILE *comm = pid > 0 ? fopen(path, "re") : NULL;
    if (comm != NULL) {
        if (fgets(name, sizeof name, comm) != NULL)
            name[strcspn(name, "\n")] = '\0';
        IGNORE(fclose(comm), "read-only");
    }
    if (pid < 0)
        (void)snprintf(out, cap, "another process");
    else if (name[0] == '\0')
        (void)snprintf(out, cap, "pid %lld", (long long)pid);
    else
        (void)snprintf(out, cap, "pid %lld (%s)", (long long)pid, name);
}

static void fill_worker(const struct stats_publisher *p, const struct worker *worker, size_t index,
                        struct stats_worker *out)
{
    memset(out, 0, sizeof *out);
    worker_name(worker, out->name, sizeof out->name);
    (void)snprintf(out->kind, sizeof out->kind, "%s", kind_texts[worker->kind]);
    (void)snprintf(out->source, sizeof out->source, "%s", worker->slot->source);
    (void)snprintf(out->state, sizeof out->state, "%s", worker_state_text(worker));
    (void)snprintf(out->last_exit, sizeof out->last_exit, "%s", worker->last_exit);
    describe_holder(atomic_load_explicit(&worker->slot->lock_holder, memory_order_relaxed),
                    out->lock_holder, sizeof out->lock_holder); /* a figure */
    out->pid = worker->pid;
    out->restarts = worker->restarts;
    out->healthy_since_unix = worker->healthy_since / US_PER_S;
    out->backpressure_since_unix = p->statuses[index].backpressure_since_unix;
    out->heartbeat_age_ms = heartbeat_age_ms(worker);
    out->rss_bytes = worker->pid != 0 ? (int64_t)worker->usage.resident_bytes : STATS_UNKNOWN;
    out->cpu_s = worker->pid != 0 ? worker->usage.cpu_s : (double)NAN;
}

static void fill_workers(struct stats_publisher *p, const struct workers *workers)
{
    struct stats_snapshot *s = &p->snapshot;
    s->worker_count = 0;
    for (size_t i = 0; i < WORKERS_MAX && s->worker_count < STATS_WORKERS_MAX; i++) {
        if (workers->all[i].slot->used)
            fill_worker(p, &workers->all[i], i, &s->workers[s->worker_count++]);
    }
    s->unhealthy_count = workers->unhealthy_count;
    memcpy(s->unhealthy, workers->unhealthy, sizeof s->unhealthy);
}

/* --- counters and commits --------------------------------------------------------------------- */

static const struct stats_commit nothing_said = {
#define COMMIT(id, json, prometheus, kind, unit, help) .id = STATS_UNKNOWN,
#include "common/stats/metrics.def"
    .ms_p50 = (double)NAN,
    .ms_p99 = (double)NAN,
};

static const struct stats_storage nothing_seen = {
#define STORAGE(id, json, prometheus, kind, unit, help)    .id = STATS_UNKNOWN,
#define CHECKPOINT(id, json, prometheus, kind, unit, help) .id = STATS_UNKNOWN,
#include "common/stats/metrics.def"
};

/* Which writer holds the database at this moment: the flusher says it word by word, and a dead one
 * holds nothing. */
static void fill_holder(struct stats_snapshot *s, const struct workers *workers)
{
    size_t writer;
    mono_us since;
    if (workers->all[0].pid != 0 && control_block_holder(workers->cb, &writer, &since) &&
        writer < s->writer_count)
        s->writers[writer].holding_ms = (clock_mono() - since) / US_PER_MS;
}

static void fill_counters(struct stats_publisher *p, const struct control_block *cb)
{
    struct stats_snapshot *s = &p->snapshot;
    const struct flusher_status *f = &p->flusher_status;
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        s->metrics[m] = atomic_load_explicit(&cb->metrics[m], memory_order_relaxed); /* a count */
    s->metrics[METRIC_LOG_LINES_LOST] = log_lines_lost();
    s->commit = f->commit;
    s->storage = f->storage;
    if (f->writer_count == 0) { /* no flusher has said anything yet */
        s->commit = nothing_said;
        s->storage = nothing_seen;
    }
    s->commit_count = s->metrics[METRIC_COMMITS];
    s->writer_count = (size_t)min_u64(f->writer_count, STATS_WRITERS_MAX);
    memcpy(s->writers, f->writers, sizeof s->writers);
}

static uint64_t dropped(const struct ledger *ledger)
{
    return ledger->outcomes[OUTCOME_DROPPED_SOFT] + ledger->outcomes[OUTCOME_DROPPED_QUEUE_FULL] +
           ledger->outcomes[OUTCOME_DROPPED_SPOOL] + ledger->outcomes[OUTCOME_DROPPED_GAP];
}

/* The five rates of perf/io, over the time since the last sample; none until there are two. */
static void fill_procio(struct stats_publisher *p, struct workers *workers)
{
    struct stats_snapshot *s = &p->snapshot;
    const mono_us now = clock_mono();
    const mono_us elapsed = now - p->last_io_at;
    if (!worker_usage_io(workers, &s->procio))
        return; /* the last sample stays, with its time */
    s->has_procio = true;
    s->procio_sampled_at = clock_wall();
    if (p->last_io_at != 0 && elapsed < US_PER_S / 2)
        return; /* an extra publication (a worker started or ended): too short for a rate */
    if (p->last_io_at != 0)
        s->has_procio_rates = stats_procio_rates(&p->last_io, &s->procio,
                                                 (double)elapsed / US_PER_S, &s->procio_rates);
    p->last_io = s->procio;
    p->last_io_at = now;
}

/* What keeps the flusher from writing; false = nothing is known to. */
static bool says_writer(const struct stats_publisher *p, const struct workers *workers,
                        char out[static STATS_STATUS_BYTES])
{
    const struct worker *flusher = &workers->all[0];
    if (p->flusher_status.commit.error[0] != '\0')
        (void)snprintf(out, STATS_STATUS_BYTES, "Not writing: %s; messages wait in the rings",
                       p->flusher_status.commit.error);
    else if (flusher->slot->used && flusher->pid == 0)
        (void)snprintf(out, STATS_STATUS_BYTES,
                       "Not writing: the flusher is %s (%s); messages wait in the rings",
                       worker_state_text(flusher), flusher->last_exit);
    else if (flusher->slot->used && is_silent(flusher))
        (void)snprintf(out, STATS_STATUS_BYTES,
                       "Not writing: the flusher has not moved for %lld s; messages wait in the "
                       "rings",
                       (long long)(heartbeat_age_ms(flusher) / 1000));
    else
        return false;
    return true;
}

/* The sentence an operator reads first: the worst thing that is true now. */
static void fill_verdict(struct stats_publisher *p, const struct workers *workers)
{
    struct stats_snapshot *s = &p->snapshot;
    const unsigned long long received = (unsigned long long)s->ledger_total.received;
    const unsigned long long queued = (unsigned long long)s->ledger_total.queued;
    size_t connected = 0;
    for (size_t i = 0; i < s->mqtt_count; i++)
        connected += s->mqtt[i].link.connected != 0;
    s->zero_sources = workers->config->source_count == 0;
    if (p->sentence[0] != '\0')
        memcpy(s->status, p->sentence, sizeof s->status);
    else if (says_writer(p, workers, s->status) || shard_words_say(s, s->status))
        return;
    else if (workers->cb->options != NULL && workers->cb->options->replay_file != NULL)
        (void)snprintf(s->status, sizeof s->status,
                       "Replaying a recording: %llu received, %llu queued", received, queued);
    else if (s->zero_sources)
        (void)snprintf(
            s->status, sizeof s->status,
            "No MQTT source is configured (mqttSources is empty): receiving nothing from brokers");
    else if (!p->flusher_status.database_ready)
        (void)snprintf(s->status, sizeof s->status,
                       "Receiving from %zu of %zu sources; database not ready yet", connected,
                       s->mqtt_count);
    else if (connected == 0)
        (void)snprintf(s->status, sizeof s->status,
                       "Connected to none of %zu sources: %llu received, %llu queued",
                       s->mqtt_count, received, queued);
    else
        (void)snprintf(
            s->status, sizeof s->status,
            "Ingesting from %zu of %zu sources: %llu received, %llu queued, %llu dropped, "
            "%lld unaccounted",
            connected, s->mqtt_count, received, queued,
            (unsigned long long)dropped(&s->ledger_total), (long long)s->ledger_total.unaccounted);
}

void stats_publisher_end(struct stats_publisher *p, const char *sentence, bool is_over)
{
    (void)snprintf(p->sentence, sizeof p->sentence, "%s", sentence);
    p->is_over = is_over;
    event_watch_say(p->events, STATS_EVENT_STOP, "pass", sentence);
}

void stats_publisher_say(struct stats_publisher *p, enum stats_event_kind kind, const char *level,
                         const char *sentence)
{
    event_watch_say(p->events, kind, level, sentence);
}

static void fill_events(struct stats_publisher *p)
{
    struct stats_snapshot *s = &p->snapshot;
    event_watch_look(p->events, s);
    const struct stats_events *events = event_watch_events(p->events);
    s->event_count = events->count;
    memcpy(s->events, events->all, events->count * sizeof s->events[0]);
}

static void write_file(struct stats_publisher *p, const char *path)
{
    struct err err = {0};
    char *text = stats_file_render(&p->snapshot);
    enum status status = text != NULL ? stats_file_write(path, text, &err) : STATUS_NO_MEMORY;
    free(text);
    if (status != STATUS_OK && !p->is_failing)
        log_event(LOG_ERROR, "stats", "stats file can't be written: the server will call it stale",
                  KV(KV_STR("path", path), KV_STR("error", err.text)));
    if (status == STATUS_OK && p->is_failing)
        log_event(LOG_INFO, "stats", "stats file is written again", KV(KV_STR("path", path)));
    p->is_failing = status != STATUS_OK;
}

const struct stats_snapshot *stats_publisher_publish(struct stats_publisher *p,
                                                     struct workers *workers)
{
    const struct control_block *cb = workers->cb;
    struct stats_snapshot *s = &p->snapshot;
    s->schema = STATS_SCHEMA;
    s->seq++;
    s->pid = getpid();
    memcpy(s->boot_id, cb->boot_id, sizeof cb->boot_id);
    (void)snprintf(s->version, sizeof s->version, "%s", version_number());
    s->started_at = cb->started_at;
    read_flusher(p, cb);
    read_receivers(p, cb);
    fill_sources(p, cb);
    fill_mqtt(p, workers);
    worker_usage_sample(workers, &s->usage);
    fill_workers(p, workers);
    shard_words_fill(&p->shards, workers->cb, workers->config->store.shards.count, s);
    fill_counters(p, cb);
    fill_holder(s, workers);
    fill_procio(p, workers);
    s->sampled_at = clock_wall();
    s->sampled_mono = clock_mono();
    s->stopped_at = p->is_over ? s->sampled_at : 0;
    s->metrics[METRIC_WATCHDOG_TICK] = s->sampled_at / US_PER_S;
    fill_verdict(p, workers);
    fill_events(p);
    write_file(p, workers->config->stats_file);
    return s;
}
