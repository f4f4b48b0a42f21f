/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_json.h"

#include <stdio.h>

static void text_or_null(struct json_build *b, cJSON *parent, const char *key, const char *value)
{
    if (*value != '\0')
        jb_text(b, parent, key, value);
    else
        jb_null(b, parent, key);
}

void stats_json_ledger(struct json_build *b, cJSON *parent, const char *key,
                       const struct ledger *ledger)
{
    cJSON *row = jb_object(b, parent, key);
    jb_count(b, row, "received", ledger->received);
    for (enum outcome i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info(i);
        if (*info->reason == '\0') {
            jb_count(b, row, info->bucket, ledger->outcomes[i]);
            continue;
        }
        cJSON *bucket = cJSON_GetObjectItemCaseSensitive(row, info->bucket);
        if (bucket == NULL)
            bucket = jb_object(b, row, info->bucket);
        jb_count(b, bucket, info->reason, ledger->outcomes[i]);
    }
    jb_count(b, row, "queued", ledger->queued);
    jb_int(b, row, "unaccounted", ledger->unaccounted);
}

void stats_json_writers(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    static const char *const points[] = {"p50", "p95", "p99", "max"};
    cJSON *components = jb_object(b, root, "writer_perf");
    for (size_t i = 0; i < s->writer_count; i++) {
        const struct stats_writer *from = &s->writers[i];
        cJSON *row = jb_object(b, components, from->component);
        jb_int(b, row, "count", from->count);
        jb_int(b, row, "contention_total", from->contention_total);
        jb_int(b, row, "rows_total", from->rows_total);
        for (size_t p = 0; p < ARRAY_LEN(points); p++) {
            char key[24];
            (void)snprintf(key, sizeof key, "wait_ms_%s", points[p]);
            jb_real(b, row, key, from->wait_ms[p]);
            (void)snprintf(key, sizeof key, "hold_ms_%s", points[p]);
            jb_real(b, row, key, from->hold_ms[p]);
        }
    }
}

void stats_json_sources(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    cJSON *ledger = jb_object(b, root, "ledger");
    jb_int(b, ledger, "sinceUnix", s->ledger_since_unix);
    stats_json_ledger(b, ledger, "total", &s->ledger_total);
    cJSON *ledgers = jb_object(b, ledger, "sources");
    cJSON *liveness = jb_object(b, root, "source_liveness");
    cJSON *queues = jb_object(b, root, "queue");
    for (size_t i = 0; i < s->source_count; i++) {
        const struct stats_source *source = &s->sources[i];
        stats_json_ledger(b, ledgers, source->name, &source->ledger);
        if (!source->is_live)
            continue;
        cJSON *clocks = jb_object(b, liveness, source->name);
        jb_int(b, clocks, "lastReceiptUnix", source->last_receipt_unix);
        jb_int(b, clocks, "lastMessageUnix", source->last_message_unix);
        cJSON *queue = jb_object(b, queues, source->name);
        jb_int(b, queue, "records", source->records);
        jb_int(b, queue, "bytes", source->bytes);
        jb_int(b, queue, "capacity", source->capacity);
        jb_int(b, queue, "highWater", source->high_water);
    }
}

void stats_json_mqtt(struct json_build *b, cJSON *list, const struct stats_mqtt *m, bool is_stale)
{
    cJSON *row = jb_row(b, list);
    jb_text(b, row, "name", m->name);
    jb_text(b, row, "broker", m->broker);
    jb_bool(b, row, "connected", m->connected && !is_stale);
    jb_text(b, row, "state", is_stale ? "unknown" : m->state);
    jb_int(b, row, "lastConnectUnix", m->last_connect_unix);
    jb_int(b, row, "lastDisconnectUnix", m->last_disconnect_unix);
    jb_int(b, row, "lastPacketUnix", m->last_packet_unix);
    jb_int(b, row, "nextRetryUnix", m->next_retry_unix);
    jb_int(b, row, "connectCount", m->connect_count);
    jb_int(b, row, "disconnectCount", m->disconnect_count);
    jb_int(b, row, "packetsTotal", m->packets_total);
    jb_int(b, row, "packetsLast5m", m->packets_last_5m);
    if (m->last_error[0] != '\0')
        jb_text(b, row, "lastError", m->last_error);
    cJSON *subscriptions = jb_array(b, row, "subscriptions");
    for (size_t i = 0; i < m->subscription_count; i++) {
        cJSON *subscription = jb_row(b, subscriptions);
        jb_text(b, subscription, "topic", m->subscriptions[i].topic);
        if (m->subscriptions[i].suback == STATS_UNKNOWN)
            jb_null(b, subscription, "suback");
        else
            jb_int(b, subscription, "suback", m->subscriptions[i].suback);
    }
}

void stats_json_workers(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    cJSON *workers = jb_array(b, root, "workers");
    for (size_t i = 0; i < s->worker_count; i++) {
        const struct stats_worker *worker = &s->workers[i];
        cJSON *row = jb_row(b, workers);
        jb_text(b, row, "name", worker->name);
        jb_text(b, row, "kind", worker->kind);
        text_or_null(b, row, "source", worker->source);
        if (worker->pid > 0)
            jb_int(b, row, "pid", worker->pid);
        else
            jb_null(b, row, "pid");
        jb_text(b, row, "state", worker->state);
        jb_int(b, row, "restarts", worker->restarts);
        text_or_null(b, row, "lastExit", worker->last_exit);
        jb_int(b, row, "healthySinceUnix", worker->healthy_since_unix);
        jb_int(b, row, "backpressureSinceUnix", worker->backpressure_since_unix);
        jb_int(b, row, "heartbeatAgeMs", worker->heartbeat_age_ms);
    }
    cJSON *unhealthy = jb_array(b, root, "workerUnhealthy");
    for (size_t i = 0; i < s->unhealthy_count; i++) {
        cJSON *row = jb_row(b, unhealthy);
        jb_text(b, row, "worker", s->unhealthy[i].worker);
        jb_text(b, row, "source", s->unhealthy[i].source);
        jb_text(b, row, "cause", s->unhealthy[i].cause);
        jb_int(b, row, "count", s->unhealthy[i].count);
    }
}

void stats_json_commit(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    cJSON *commit = jb_object(b, root, "commit");
    jb_int(b, commit, "count", s->commit_count);
    jb_int(b, commit, "rowsP50", s->commit_rows_p50);
    jb_int(b, commit, "rowsP99", s->commit_rows_p99);
    jb_real(b, commit, "msP50", s->commit_ms_p50);
    jb_real(b, commit, "msP99", s->commit_ms_p99);
    jb_int(b, commit, "lastUnix", s->commit_last_unix);
    text_or_null(b, commit, "error", s->commit_error);
    jb_int(b, commit, "retryUnix", s->commit_retry_unix);
}
