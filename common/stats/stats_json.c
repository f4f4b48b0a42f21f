/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_json.h"

#include <stdio.h>
#include <string.h>

#define KNOWN(kind, value)       stats_known(METRIC_KIND_##kind, true, value)
#define AT(kind, is_true, value) stats_known(METRIC_KIND_##kind, is_true, value)

void stats_json_write_sources(struct json_write *w, const struct stats_snapshot *s)
{
#define METRIC(id, json, prometheus, kind, unit, help)
#define WRITE_SOURCE(id, json, prometheus, kind, unit, help)                                       \
    jw_known_int(w, json, KNOWN(kind, s->metrics[METRIC_##id]));
#include "common/stats/metrics.def"
}

void stats_json_other_metrics(struct json_write *w, const struct stats_snapshot *s)
{
#define METRIC(id, json, prometheus, kind, unit, help)                                             \
    if (*(json) != '\0')                                                                           \
        jw_known_int(w, json, KNOWN(kind, s->metrics[METRIC_##id]));
#define WRITE_SOURCE(id, json, prometheus, kind, unit, help)
#include "common/stats/metrics.def"
}

void stats_json_usage(struct json_write *w, const struct stats_snapshot *s, bool is_true)
{
#define USAGE(id, json, prometheus, kind, unit, help)                                              \
    if (is_true || METRIC_KIND_##kind != METRIC_KIND_GAUGE)                                        \
        jw_known_real(w, json, s->usage.id);
#include "common/stats/metrics.def"
}

void stats_json_storage(struct json_write *w, const struct stats_snapshot *s, bool is_true)
{
#define STORAGE(id, json, prometheus, kind, unit, help)                                            \
    jw_known_int(w, json, AT(kind, is_true, s->storage.id));
#include "common/stats/metrics.def"
    jw_object(w, "checkpoints");
    jw_known_int(w, "count", s->metrics[METRIC_CHECKPOINTS]);
#define CHECKPOINT(id, json, prometheus, kind, unit, help)                                         \
    jw_known_int(w, json, AT(kind, is_true, s->storage.id));
#include "common/stats/metrics.def"
    jw_object_end(w);
}

void stats_json_stopped(struct json_write *w, const struct stats_snapshot *s)
{
    if (s->stopped_at > 0)
        jw_time(w, "stoppedAt", s->stopped_at);
}

void stats_json_rates(struct json_write *w, const struct procio_rates *rates)
{
#define PROCIO(id, rate, json, prometheus, unit, help) jw_known_real(w, rate, rates->id);
#include "common/stats/metrics.def"
}

/* All reasons of the bucket that begins with `first`: {reason: n}; a bucket without reasons
 * is one number. */
static void put_bucket(struct json_write *w, const struct ledger *ledger, enum outcome first)
{
    const char *bucket = outcome_info(first)->bucket;
    if (*outcome_info(first)->reason == '\0') {
        jw_known_uint(w, bucket, ledger->outcomes[first]);
        return;
    }
    jw_object(w, bucket);
    for (enum outcome o = first; o < OUTCOME_COUNT; o++) {
        if (strcmp(outcome_info(o)->bucket, bucket) == 0)
            jw_known_uint(w, outcome_info(o)->reason, ledger->outcomes[o]);
    }
    jw_object_end(w);
}

void stats_json_ledger(struct json_write *w, const char *key, const struct ledger *ledger)
{
    jw_object(w, key);
    jw_known_uint(w, "received", ledger->received);
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (outcome_begins_bucket(o))
            put_bucket(w, ledger, o);
    }
    jw_known_uint(w, "queued", ledger->queued);
    jw_known_int(w, "unaccounted", ledger->unaccounted);
    jw_object_end(w);
}

static void put_percentiles(struct json_write *w, const char *name, const double values[static 4])
{
    static const char *const points[] = {"p50", "p95", "p99", "max"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s_%s", name, points[i]);
        jw_known_real(w, key, values[i]);
    }
}

void stats_json_writers(struct json_write *w, const struct stats_snapshot *s, bool is_true)
{
    jw_object(w, "writer_perf");
    for (size_t i = 0; i < s->writer_count; i++) {
        const struct stats_writer *from = &s->writers[i];
        jw_key(w, from->component);
        jw_object(w, NULL);
#define WRITER(id, json, prometheus, kind, unit, help)                                             \
    jw_known_int(w, json, AT(kind, is_true, from->id));
#include "common/stats/metrics.def"
        put_percentiles(w, "wait_ms", from->wait_ms);
        put_percentiles(w, "hold_ms", from->hold_ms);
        put_percentiles(w, "batch_hold_ms", from->batch_hold_ms);
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* Of all that have a receiver, or of the brokers among them alone. */
static void put_clocks(struct json_write *w, const char *key, const struct stats_snapshot *s,
                       bool brokers_only)
{
    jw_object(w, key);
    for (size_t i = 0; i < s->source_count; i++) {
        const struct stats_source *source = &s->sources[i];
        if (!source->is_live || (brokers_only && !stats_source_is_broker(source)))
            continue;
        jw_key(w, source->name);
        jw_object(w, NULL);
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help)                                       \
    jw_known_int(w, json, KNOWN(kind, source->id));
#include "common/stats/metrics.def"
        jw_object_end(w);
    }
    jw_object_end(w);
}

void stats_json_liveness(struct json_write *w, const char *key, const struct stats_snapshot *s)
{
    put_clocks(w, key, s, true);
}

static void put_queues(struct json_write *w, const struct stats_snapshot *s)
{
    jw_object(w, "queue");
    for (size_t i = 0; i < s->source_count; i++) {
        const struct stats_source *source = &s->sources[i];
        if (!source->is_live)
            continue;
        jw_key(w, source->name);
        jw_object(w, NULL);
#define SOURCE_QUEUE(id, json, prometheus, kind, unit, help)                                       \
    jw_known_int(w, json, KNOWN(kind, source->id));
#include "common/stats/metrics.def"
        jw_object_end(w);
    }
    jw_object_end(w);
}

void stats_json_sources(struct json_write *w, const struct stats_snapshot *s)
{
    jw_object(w, "ledger");
    jw_known_int(w, "sinceUnix", KNOWN(TIME, s->ledger_since_unix));
    if (s->has_ledger)
        stats_json_ledger(w, "total", &s->ledger_total);
    jw_object(w, "sources");
    for (size_t i = 0; i < s->source_count; i++) {
        if (!s->sources[i].has_ledger)
            continue;
        jw_key(w, s->sources[i].name);
        stats_json_ledger(w, NULL, &s->sources[i].ledger);
    }
    jw_object_end(w);
    jw_object_end(w);
    put_clocks(w, "source_liveness", s, false);
    put_queues(w, s);
}

void stats_json_outbox(struct json_write *w, const struct stats_snapshot *s, bool is_true)
{
    if (s->outbox_count == 0)
        return;
    jw_array(w, "outbox");
    for (size_t i = 0; i < s->outbox_count; i++) {
        const struct stats_outbox *shard = &s->outbox[i];
        jw_object(w, NULL);
        jw_int(w, "shard", shard->shard);
        jw_string(w, "server", shard->server);
#define OUTBOX(id, json, prometheus, kind, unit, help)                                             \
    jw_known_int(w, json, AT(kind, is_true, shard->id));
#include "common/stats/metrics.def"
        jw_string_or_null(w, "error", shard->error);
        jw_string_or_null(w, "sumsError", shard->sums_error);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void put_subscriptions(struct json_write *w, const struct stats_link *link)
{
    jw_array(w, "subscriptions");
    for (size_t i = 0; i < link->subscription_count; i++) {
        const struct stats_subscription *subscription = &link->subscriptions[i];
        jw_object(w, NULL);
        jw_string(w, "topic", subscription->topic);
        if (subscription->suback == STATS_UNKNOWN)
            jw_null(w, "suback");
        else
            jw_int(w, "suback", subscription->suback);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void stats_json_mqtt(struct json_write *w, const struct stats_mqtt *m, bool is_true)
{
    jw_object(w, NULL);
    jw_string(w, "name", m->name);
    jw_string(w, "broker", m->broker);
    jw_bool(w, "connected", m->link.connected && is_true);
    jw_string(w, "state", is_true ? m->state : "unknown");
#define LINK(id, json, prometheus, kind, unit, help)                                               \
    jw_known_int(w, json, AT(kind, is_true, m->link.id));
#define BROKER(id, json, prometheus, kind, unit, help)                                             \
    jw_known_int(w, json, AT(kind, is_true, m->id));
#include "common/stats/metrics.def"
    if (m->link.last_error[0] != '\0')
        jw_string(w, "lastError", m->link.last_error);
    put_subscriptions(w, &m->link);
    jw_object_end(w);
}

static void put_worker(struct json_write *w, const struct stats_worker *worker, bool is_true)
{
    jw_object(w, NULL);
    jw_string(w, "name", worker->name);
    jw_string(w, "kind", worker->kind);
    jw_string_or_null(w, "source", worker->source);
    if (is_true && worker->pid > 0)
        jw_int(w, "pid", worker->pid);
    else if (is_true)
        jw_null(w, "pid");
    jw_string(w, "state", is_true ? worker->state : "unknown");
    jw_string_or_null(w, "lastExit", worker->last_exit);
    jw_string_or_null(w, "lockHolder", worker->lock_holder);
#define WORKER(id, json, prometheus, kind, unit, help)                                             \
    jw_known_int(w, json, AT(kind, is_true, worker->id));
#include "common/stats/metrics.def"
    jw_known_real(w, "cpuSeconds", worker->cpu_s);
    jw_object_end(w);
}

void stats_json_workers(struct json_write *w, const struct stats_snapshot *s, bool is_true)
{
    jw_array(w, "workers");
    for (size_t i = 0; i < s->worker_count; i++)
        put_worker(w, &s->workers[i], is_true);
    jw_array_end(w);
    jw_array(w, "workerUnhealthy");
    for (size_t i = 0; i < s->unhealthy_count; i++) {
        jw_object(w, NULL);
        jw_string(w, "worker", s->unhealthy[i].worker);
        jw_string(w, "source", s->unhealthy[i].source);
        jw_string(w, "cause", s->unhealthy[i].cause);
#define UNHEALTHY(id, json, prometheus, kind, unit, help)                                          \
    jw_known_int(w, json, KNOWN(kind, s->unhealthy[i].id));
#include "common/stats/metrics.def"
        jw_object_end(w);
    }
    jw_array_end(w);
}

void stats_json_event(struct json_write *w, const struct stats_event *event)
{
    jw_object(w, NULL);
    jw_int(w, "id", event->id);
    jw_int(w, "atUnix", event->at_unix);
    if (event->times > 1) {
        jw_int(w, "lastUnix", event->last_unix);
        jw_int(w, "times", event->times);
    }
    jw_string(w, "level", event->level);
    jw_string(w, "kind", event->kind);
    jw_string(w, "subject", event->subject);
    jw_string(w, "text", event->text);
    jw_object_end(w);
}

void stats_json_commit(struct json_write *w, const struct stats_snapshot *s)
{
    jw_object(w, "commit");
    jw_known_int(w, "count", s->commit_count);
#define COMMIT(id, json, prometheus, kind, unit, help)                                             \
    jw_known_int(w, json, KNOWN(kind, s->commit.id));
#include "common/stats/metrics.def"
    jw_known_real(w, "msP50", s->commit.ms_p50);
    jw_known_real(w, "msP99", s->commit.ms_p99);
    jw_string_or_null(w, "error", s->commit.error);
    jw_string_or_null(w, "ringsError", s->commit.rings_error);
    jw_object_end(w);
}
