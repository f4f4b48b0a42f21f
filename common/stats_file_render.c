/* SPDX-License-Identifier: MIT */
#include "common/stats_file.h"

#include "common/json_build.h"
#include "common/stats_json.h"

static void text_or_null(struct json_build *b, cJSON *parent, const char *key, const char *value)
{
    if (*value != '\0')
        jb_text(b, parent, key, value);
    else
        jb_null(b, parent, key);
}

static void time_if_known(struct json_build *b, cJSON *parent, const char *key, wall_us value)
{
    if (value != STATS_UNKNOWN)
        jb_time(b, parent, key, value);
}

static void add_head(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    jb_int(b, root, "schema", s->schema);
    jb_text(b, root, "bootId", s->boot_id);
    jb_text(b, root, "version", s->version);
    jb_int(b, root, "pid", s->pid);
    jb_int(b, root, "seq", s->seq);
    time_if_known(b, root, "startedAt", s->started_at);
    time_if_known(b, root, "sampledAt", s->sampled_at);
    jb_text(b, root, "status", s->status);
    jb_bool(b, root, "zeroSources", s->zero_sources);
    jb_int(b, root, "watchdogLastTickUnix", s->watchdog_last_tick_unix);
#define X(field, key, prom, help) jb_int(b, root, key, s->field);
    STATS_COUNTER_LIST(X)
#undef X
    cJSON *backfills = jb_object(b, root, "backfillUpdates");
    for (size_t i = 0; i < s->backfill_count; i++)
        jb_int(b, backfills, s->backfills[i].name, s->backfills[i].count);
}

static void add_procio(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    if (!s->has_procio && !s->has_procio_rates)
        return;
    cJSON *io = jb_object(b, root, "procIO");
    if (s->has_procio_rates) {
#define X(field, rate_key, total_key) jb_real(b, io, rate_key, s->procio_rates.field);
        STATS_RATE_LIST(X)
#undef X
    }
    if (s->has_procio) {
#define X(field, rate_key, total_key) jb_count(b, io, total_key, s->procio.field);
        STATS_RATE_LIST(X)
#undef X
    }
    time_if_known(b, io, "sampledAt", s->procio_sampled_at);
}

static void add_sources(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
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

static void add_mqtt(struct json_build *b, cJSON *list, const struct stats_mqtt *m)
{
    cJSON *row = jb_row(b, list);
    jb_text(b, row, "name", m->name);
    jb_text(b, row, "broker", m->broker);
    jb_bool(b, row, "connected", m->connected);
    jb_text(b, row, "state", m->state);
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
            text_or_null(b, subscription, "suback", "");
        else
            jb_int(b, subscription, "suback", m->subscriptions[i].suback);
    }
}

static void add_workers(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
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
            text_or_null(b, row, "pid", "");
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

static void add_commit(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
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

char *stats_file_render(const struct stats_snapshot *snapshot)
{
    struct json_build b;
    cJSON *root = jb_init(&b);
    add_head(&b, root, snapshot);
    add_procio(&b, root, snapshot);
    add_sources(&b, root, snapshot);
    cJSON *statuses = jb_array(&b, root, "source_statuses");
    for (size_t i = 0; i < snapshot->mqtt_count; i++)
        add_mqtt(&b, statuses, &snapshot->mqtt[i]);
    add_workers(&b, root, snapshot);
    add_commit(&b, root, snapshot);
    stats_json_writers(&b, root, snapshot);
    return jb_print(&b, root);
}
