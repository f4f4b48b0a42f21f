/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_prometheus.h"

#include "common/stats/worker_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text format 0.0.4: label values escape backslash, quote and line feed. */
void stats_prometheus_label(FILE *out, const char *key, const char *value, bool is_first)
{
    (void)fprintf(out, "%s%s=\"", is_first ? "{" : ",", key);
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            (void)fputs("\\n", out);
        else if (*value == '\\' || *value == '"')
            (void)fprintf(out, "\\%c", *value);
        else
            (void)fputc(*value, out);
    }
    (void)fputc('"', out);
}

static void put_head(FILE *out, const char *name, const char *kind, const char *help)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static const char *put_derived_head(FILE *out, enum metric_derived metric)
{
    const struct metric_info *info = metric_derived_info(metric);
    put_head(out, info->prometheus, metric_kind_text(info->kind), info->help);
    return info->prometheus;
}

static void put_value(FILE *out, int64_t value)
{
    (void)fprintf(out, " %lld\n", (long long)value);
}

static void put_scalar(FILE *out, const struct metric_info *info, bool is_true, int64_t value)
{
    const int64_t known = stats_known(info->kind, is_true, value);
    if (known == STATS_UNKNOWN || *info->prometheus == '\0')
        return;
    put_head(out, info->prometheus, metric_kind_text(info->kind), info->help);
    (void)fputs(info->prometheus, out);
    put_value(out, known);
}

static void put_known_real(FILE *out, const struct metric_info *info, bool is_true, double value)
{
    if (!isfinite(value) || (info->kind == METRIC_KIND_GAUGE && !is_true))
        return;
    put_head(out, info->prometheus, metric_kind_text(info->kind), info->help);
    (void)fprintf(out, "%s %.15g\n", info->prometheus, value);
}

static void put_real(FILE *out, enum metric_derived metric, double value)
{
    if (isfinite(value))
        (void)fprintf(out, "%s %.6g\n", put_derived_head(out, metric), value);
}

static void put_metrics(FILE *out, const struct stats_snapshot *s)
{
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info(m);
        put_scalar(out, info, true, s->metrics[m]); /* counters, and one moment */
    }
}

static void put_quantile(FILE *out, const char *name, const char *quantile, double value)
{
    if (isfinite(value))
        (void)fprintf(out, "%s{quantile=\"%s\"} %.6g\n", name, quantile, value);
}

/* A summary over the flusher's window of the last commits. No _sum: the flusher keeps none. */
static void put_summary(FILE *out, enum metric_derived metric, double p50, double p99,
                        int64_t count)
{
    const char *name = put_derived_head(out, metric);
    put_quantile(out, name, "0.5", p50);
    put_quantile(out, name, "0.99", p99);
    if (count == STATS_UNKNOWN)
        return;
    (void)fprintf(out, "%s_count", name);
    put_value(out, count);
}

static double real_or_nan(int64_t value)
{
    return value == STATS_UNKNOWN ? (double)NAN : (double)value;
}

/* The quantiles are those of the last commits, whenever they were. */
static void put_commits(FILE *out, const struct stats_snapshot *s, bool is_true)
{
    const struct stats_commit *commit = &s->commit;
#define COMMIT(id, json, prometheus, kind, unit, help)                                             \
    put_scalar(out, &(struct metric_info){json, prometheus, METRIC_KIND_##kind, unit, help},       \
               is_true, commit->id);
#include "common/stats/metrics.def"
    put_summary(out, METRIC_DERIVED_COMMIT_SECONDS, commit->ms_p50 / 1000, commit->ms_p99 / 1000,
                s->commit_count);
    put_summary(out, METRIC_DERIVED_COMMIT_ROWS, real_or_nan(commit->rows_p50),
                real_or_nan(commit->rows_p99), s->commit_count);
}

static void put_process(FILE *out, const struct stats_snapshot *s, wall_us now)
{
    const double age = stats_age_seconds(s, now);
    put_real(out, METRIC_DERIVED_STALE, !stats_age_is_fresh(age));
    put_real(out, METRIC_DERIVED_SAMPLE_AGE, age < 0 ? (double)NAN : age);
    if (!s->has_procio)
        return;
#define PROCIO(id, rate, json, prometheus, unit, help)                                             \
    put_scalar(out, &(struct metric_info){json, prometheus, METRIC_KIND_COUNTER, unit, help},      \
               true, (int64_t)s->procio.id);
#include "common/stats/metrics.def"
}

static void put_usage(FILE *out, const struct stats_snapshot *s, bool is_true)
{
#define USAGE(id, json, prometheus, kind, unit, help)                                              \
    put_known_real(out, &(struct metric_info){json, prometheus, METRIC_KIND_##kind, unit, help},   \
                   is_true, s->usage.id);
#define STORAGE(id, json, prometheus, kind, unit, help)                                            \
    put_scalar(out, &(struct metric_info){json, prometheus, METRIC_KIND_##kind, unit, help},       \
               is_true, s->storage.id);
#define CHECKPOINT(id, json, prometheus, kind, unit, help)                                         \
    put_scalar(out, &(struct metric_info){json, prometheus, METRIC_KIND_##kind, unit, help},       \
               is_true, s->storage.id);
#include "common/stats/metrics.def"
}

/* --- families with a source label ------------------------------------------------------------- */

/* A row of metrics.def as a family: where its value stands in a row of the snapshot's table. */
struct family {
    const char *name; /* "" = not in Prometheus */
    enum metric_kind kind;
    const char *help;
    size_t offset;
};
#define FAMILY(type, field, prometheus, kind, help)                                                \
    {prometheus, METRIC_KIND_##kind, help, offsetof(struct type, field)},
_Static_assert(sizeof(((struct ledger *)0)->received) == sizeof(int64_t), "value_of reads both");

static int64_t value_of(const struct family *family, bool is_true, const void *row)
{
    int64_t value;
    memcpy(&value, (const char *)row + family->offset, sizeof value);
    return stats_known(family->kind, is_true, value);
}

static void put_source(FILE *out, const char *name, const char *source, int64_t value)
{
    if (value == STATS_UNKNOWN)
        return;
    (void)fputs(name, out);
    stats_prometheus_label(out, "source", source, true);
    (void)fputc('}', out);
    put_value(out, value);
}

static void put_source_families(FILE *out, const struct stats_snapshot *s, bool is_true)
{
    static const struct family families[] = {
#define SOURCE_QUEUE(id, json, prometheus, kind, unit, help)                                       \
    FAMILY(stats_source, id, prometheus, kind, help)
#define SOURCE_LEDGER(id, json, prometheus, kind, unit, help)                                      \
    FAMILY(stats_source, ledger.id, prometheus, kind, help)
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help)                                       \
    FAMILY(stats_source, id, prometheus, kind, help)
#include "common/stats/metrics.def"
    };
    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++) {
        if (*f->name == '\0')
            continue;
        put_head(out, f->name, metric_kind_text(f->kind), f->help);
        for (size_t i = 0; i < s->source_count; i++)
            put_source(out, f->name, s->sources[i].name, value_of(f, is_true, &s->sources[i]));
    }
}

static void put_outcome(FILE *out, const struct stats_source *source, enum outcome outcome)
{
    const struct outcome_info *info = outcome_info(outcome);
    if (source->ledger.outcomes[outcome] == STATS_UNKNOWN_COUNT)
        return;
    (void)fprintf(out, "weir_ingest_%s_total", info->bucket);
    stats_prometheus_label(out, "source", source->name, true);
    if (*info->reason != '\0')
        stats_prometheus_label(out, "reason", info->reason, false);
    (void)fputc('}', out);
    put_value(out, (int64_t)source->ledger.outcomes[outcome]);
}

/* All reasons of one bucket must stand together: a family may not be interleaved with another. */
static void put_bucket(FILE *out, const struct stats_snapshot *s, const char *bucket)
{
    char name[64];
    (void)snprintf(name, sizeof name, "weir_ingest_%s_total", bucket);
    put_head(out, name, "counter", "Messages that ended so (see the loss ledger).");
    for (size_t i = 0; i < s->source_count; i++) {
        for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
            if (strcmp(outcome_info(o)->bucket, bucket) == 0)
                put_outcome(out, &s->sources[i], o);
        }
    }
}

static void put_ledger(FILE *out, const struct stats_snapshot *s)
{
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (outcome_begins_bucket(o))
            put_bucket(out, s, outcome_info(o)->bucket);
    }
}

static bool is_live(const struct stats_mqtt *source)
{
    return source->link.connected && source_state_verdict(source->state) == WORKER_VERDICT_PASS;
}

static void put_brokers(FILE *out, const struct stats_snapshot *s, bool is_true)
{
    static const struct family families[] = {
#define LINK(id, json, prometheus, kind, unit, help)                                               \
    FAMILY(stats_mqtt, link.id, prometheus, kind, help)
#define BROKER(id, json, prometheus, kind, unit, help)                                             \
    FAMILY(stats_mqtt, id, prometheus, kind, help)
#include "common/stats/metrics.def"
    };
    const char *connected = put_derived_head(out, METRIC_DERIVED_SOURCE_CONNECTED);
    for (size_t i = 0; i < s->mqtt_count; i++)
        put_source(out, connected, s->mqtt[i].name, is_true && s->mqtt[i].link.connected);
    const char *live = put_derived_head(out, METRIC_DERIVED_SOURCE_LIVE);
    for (size_t i = 0; i < s->mqtt_count; i++)
        put_source(out, live, s->mqtt[i].name, is_true && is_live(&s->mqtt[i]));
    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++) {
        if (*f->name == '\0')
            continue;
        put_head(out, f->name, metric_kind_text(f->kind), f->help);
        for (size_t i = 0; i < s->mqtt_count; i++)
            put_source(out, f->name, s->mqtt[i].name, value_of(f, is_true, &s->mqtt[i]));
    }
}

/* --- families with the worker label set {worker,source} --------------------------------------- */

static void put_worker(FILE *out, const char *name, const struct stats_worker *worker,
                       int64_t value)
{
    if (value == STATS_UNKNOWN)
        return;
    (void)fputs(name, out);
    stats_prometheus_label(out, "worker", worker->name, true);
    stats_prometheus_label(out, "source", worker->source, false);
    (void)fputc('}', out);
    put_value(out, value);
}

static void put_worker_families(FILE *out, const struct stats_snapshot *s, bool is_true)
{
    static const struct family families[] = {
#define WORKER(id, json, prometheus, kind, unit, help)                                             \
    FAMILY(stats_worker, id, prometheus, kind, help)
#include "common/stats/metrics.def"
    };
    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++) {
        if (*f->name == '\0')
            continue;
        put_head(out, f->name, metric_kind_text(f->kind), f->help);
        for (size_t i = 0; i < s->worker_count; i++)
            put_worker(out, f->name, &s->workers[i], value_of(f, is_true, &s->workers[i]));
    }
}

static void put_unhealthy(FILE *out, const char *name, const struct stats_unhealthy *u,
                          int64_t value)
{
    if (value == STATS_UNKNOWN)
        return;
    (void)fputs(name, out);
    stats_prometheus_label(out, "worker", u->worker, true);
    stats_prometheus_label(out, "source", u->source, false);
    stats_prometheus_label(out, "cause", u->cause, false);
    (void)fputc('}', out);
    put_value(out, value);
}

/* A process that was up in a sample that is now stale is not known to be up. */
static void put_workers(FILE *out, const struct stats_snapshot *s, bool is_true)
{
    const char *up = put_derived_head(out, METRIC_DERIVED_WORKER_UP);
    for (size_t i = 0; i < s->worker_count; i++)
        put_worker(out, up, &s->workers[i], is_true && s->workers[i].pid > 0);
    put_worker_families(out, s, is_true);
    const char *backpressure = put_derived_head(out, METRIC_DERIVED_WORKER_BACKPRESSURE);
    for (size_t i = 0; i < s->worker_count; i++)
        put_worker(out, backpressure, &s->workers[i],
                   is_true && s->workers[i].backpressure_since_unix > 0);
#define UNHEALTHY(id, json, prometheus, kind, unit, help)                                          \
    put_head(out, prometheus, metric_kind_text(METRIC_KIND_##kind), help);                         \
    for (size_t i = 0; i < s->unhealthy_count; i++)                                                \
        put_unhealthy(out, prometheus, &s->unhealthy[i], s->unhealthy[i].id);
#include "common/stats/metrics.def"
}

/* --- shards of ClickHouse --------------------------------------------------------------------- */

static void put_shard(FILE *out, const char *name, const struct stats_outbox *shard, int64_t value)
{
    char text[24];
    if (value == STATS_UNKNOWN)
        return;
    (void)snprintf(text, sizeof text, "%lld", (long long)shard->shard);
    (void)fputs(name, out);
    stats_prometheus_label(out, "shard", text, true);
    (void)fputc('}', out);
    put_value(out, value);
}

static void put_outbox(FILE *out, const struct stats_snapshot *s, bool is_true)
{
    static const struct family families[] = {
#define OUTBOX(id, json, prometheus, kind, unit, help)                                             \
    FAMILY(stats_outbox, id, prometheus, kind, help)
#include "common/stats/metrics.def"
    };
    for (const struct family *f = families; f < families + ARRAY_LEN(families); f++) {
        put_head(out, f->name, metric_kind_text(f->kind), f->help);
        for (size_t i = 0; i < s->outbox_count; i++)
            put_shard(out, f->name, &s->outbox[i], value_of(f, is_true, &s->outbox[i]));
    }
}

char *stats_prometheus(const struct stats_snapshot *snapshot, wall_us now)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    const bool is_true = stats_is_true(snapshot, now);
    put_metrics(out, snapshot);
    put_process(out, snapshot, now);
    put_usage(out, snapshot, is_true);
    put_commits(out, snapshot, is_true);
    put_source_families(out, snapshot, is_true);
    put_ledger(out, snapshot);
    put_brokers(out, snapshot, is_true);
    put_workers(out, snapshot, is_true);
    put_outbox(out, snapshot, is_true);
    const bool is_complete = ferror(out) == 0;
    if (fclose(out) != 0 || !is_complete) {
        free(text);
        return NULL;
    }
    return text;
}
