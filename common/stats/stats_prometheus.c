/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_prometheus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text format 0.0.4: label values escape backslash, quote and line feed. */
static void put_label(FILE *out, const char *key, const char *value, bool is_first)
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

static void put_value(FILE *out, int64_t value)
{
    (void)fprintf(out, " %lld\n", (long long)value);
}

static void put_scalar(FILE *out, const char *name, const char *kind, const char *help,
                       int64_t value)
{
    if (value == STATS_UNKNOWN)
        return;
    put_head(out, name, kind, help);
    (void)fputs(name, out);
    put_value(out, value);
}

static void put_real(FILE *out, const char *name, const char *help, double value)
{
    if (!isfinite(value))
        return;
    put_head(out, name, "gauge", help);
    (void)fprintf(out, "%s %.6g\n", name, value);
}

static void put_counters(FILE *out, const struct stats_snapshot *s)
{
#define X(field, key, prom, help) put_scalar(out, prom, "counter", help, s->field);
    STATS_COUNTER_LIST(X)
#undef X
}

static void put_quantile(FILE *out, const char *name, const char *quantile, double value)
{
    if (isfinite(value))
        (void)fprintf(out, "%s{quantile=\"%s\"} %.6g\n", name, quantile, value);
}

/* A summary over the flusher's window of the last commits. No _sum: the flusher keeps none. */
static void put_summary(FILE *out, const char *name, const char *help, double p50, double p99,
                        int64_t count)
{
    put_head(out, name, "summary", help);
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

static void put_commits(FILE *out, const struct stats_snapshot *s)
{
    put_scalar(out, "weir_commit_last_timestamp_seconds", "gauge", "Time of the last commit.",
               s->commit_last_unix);
    put_summary(out, "weir_commit_seconds", "Time a commit takes.", s->commit_ms_p50 / 1000,
                s->commit_ms_p99 / 1000, s->commit_count);
    put_summary(out, "weir_commit_rows", "Messages a commit.", real_or_nan(s->commit_rows_p50),
                real_or_nan(s->commit_rows_p99), s->commit_count);
}

static void put_process(FILE *out, const struct stats_snapshot *s, wall_us now)
{
    const double age = stats_age_seconds(s, now);
    put_scalar(out, "weir_ingestor_stale", "gauge", "1 while the ingestor's statistics are stale.",
               age < 0 || age > STATS_FRESH_SECONDS);
    put_real(out, "weir_ingestor_sample_age_seconds", "Age of the ingestor's last sample.",
             age < 0 ? (double)NAN : age);
    if (!s->has_procio)
        return;
    put_scalar(out, "weir_ingestor_read_bytes_total", "counter", "Bytes read from storage.",
               (int64_t)s->procio.read_bytes);
    put_scalar(out, "weir_ingestor_write_bytes_total", "counter", "Bytes written to storage.",
               (int64_t)s->procio.write_bytes);
    put_scalar(out, "weir_ingestor_cancelled_write_bytes_total", "counter",
               "Bytes whose write was cancelled.", (int64_t)s->procio.cancelled_write_bytes);
    put_scalar(out, "weir_ingestor_read_syscalls_total", "counter", "Read system calls.",
               (int64_t)s->procio.syscalls_read);
    put_scalar(out, "weir_ingestor_write_syscalls_total", "counter", "Write system calls.",
               (int64_t)s->procio.syscalls_write);
}

/* --- families with a source label --------------------------------------------------------------------- */

/* X(suffix, kind, field, help): one family a row, over the sources. */
#define SOURCE_FAMILY_LIST(X)                                                                      \
    X("queue_depth", "gauge", records, "Messages waiting in the source's buffer.")                 \
    X("queue_bytes", "gauge", bytes, "Bytes waiting in the source's buffer.")                      \
    X("queue_capacity", "gauge", capacity, "Messages that fit in the source's buffer.")            \
    X("queue_high_water", "gauge", high_water, "Most messages that ever waited.")                  \
    X("received_total", "counter", ledger.received, "Messages received.")                          \
    X("unaccounted", "gauge", ledger.unaccounted, "Received less every known outcome: must be 0.") \
    X("last_receipt_timestamp_seconds", "gauge", last_receipt_unix, "Time of the last receipt.")   \
    X("last_message_timestamp_seconds", "gauge", last_message_unix,                                \
      "Time of the last commit that held a message.")

static void put_source_families(FILE *out, const struct stats_snapshot *s)
{
#define X(suffix, kind, field, help)                                                               \
    put_head(out, "weir_ingest_" suffix, kind, help);                                              \
    for (size_t i = 0; i < s->source_count; i++) {                                                 \
        if ((int64_t)s->sources[i].field == STATS_UNKNOWN)                                         \
            continue;                                                                              \
        (void)fputs("weir_ingest_" suffix, out);                                                   \
        put_label(out, "source", s->sources[i].name, true);                                        \
        (void)fputc('}', out);                                                                     \
        put_value(out, (int64_t)s->sources[i].field);                                              \
    }
    SOURCE_FAMILY_LIST(X)
#undef X
}

static void put_outcome(FILE *out, const struct stats_source *source, enum outcome outcome)
{
    const struct outcome_info *info = outcome_info(outcome);
    if (source->ledger.outcomes[outcome] == STATS_UNKNOWN_COUNT)
        return;
    (void)fprintf(out, "weir_ingest_%s_total", info->bucket);
    put_label(out, "source", source->name, true);
    if (*info->reason != '\0')
        put_label(out, "reason", info->reason, false);
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

static void put_brokers(FILE *out, const struct stats_snapshot *s, bool is_fresh)
{
    put_head(out, "weir_source_connected", "gauge", "1 while the broker's connection stands.");
    for (size_t i = 0; i < s->mqtt_count; i++) {
        (void)fputs("weir_source_connected", out);
        put_label(out, "source", s->mqtt[i].name, true);
        (void)fputc('}', out);
        put_value(out, is_fresh && s->mqtt[i].connected);
    }
    put_head(out, "weir_source_connects_total", "counter", "Connections made to the broker.");
    for (size_t i = 0; i < s->mqtt_count; i++) {
        if (s->mqtt[i].connect_count == STATS_UNKNOWN)
            continue;
        (void)fputs("weir_source_connects_total", out);
        put_label(out, "source", s->mqtt[i].name, true);
        (void)fputc('}', out);
        put_value(out, s->mqtt[i].connect_count);
    }
}

/* --- families with the worker label set {worker,source} ------------------------------------------------ */

static void put_worker(FILE *out, const char *name, const struct stats_worker *worker,
                       int64_t value)
{
    if (value == STATS_UNKNOWN)
        return;
    (void)fputs(name, out);
    put_label(out, "worker", worker->name, true);
    put_label(out, "source", worker->source, false);
    (void)fputc('}', out);
    put_value(out, value);
}

/* A process that was up in a sample that is now stale is not known to be up. */
static void put_workers(FILE *out, const struct stats_snapshot *s, bool is_fresh)
{
    put_head(out, "weir_worker_up", "gauge", "1 while the worker's process runs.");
    for (size_t i = 0; i < s->worker_count; i++)
        put_worker(out, "weir_worker_up", &s->workers[i], is_fresh && s->workers[i].pid > 0);
    put_head(out, "weir_worker_restarts_total", "counter", "Times the worker was started again.");
    for (size_t i = 0; i < s->worker_count; i++)
        put_worker(out, "weir_worker_restarts_total", &s->workers[i], s->workers[i].restarts);
    put_head(out, "weir_worker_backpressure", "gauge", "1 while the worker's buffer pushes back.");
    for (size_t i = 0; i < s->worker_count; i++)
        put_worker(out, "weir_worker_backpressure", &s->workers[i],
                   s->workers[i].backpressure_since_unix > 0);
    put_head(out, "weir_worker_unhealthy_total", "counter", "Deaths and hangs of workers.");
    for (size_t i = 0; i < s->unhealthy_count; i++) {
        const struct stats_unhealthy *u = &s->unhealthy[i];
        if (u->count == STATS_UNKNOWN)
            continue;
        (void)fputs("weir_worker_unhealthy_total", out);
        put_label(out, "worker", u->worker, true);
        put_label(out, "source", u->source, false);
        put_label(out, "cause", u->cause, false);
        (void)fputc('}', out);
        put_value(out, u->count);
    }
}

char *stats_prometheus(const struct stats_snapshot *snapshot, wall_us now)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    const double age = stats_age_seconds(snapshot, now);
    const bool is_fresh = age >= 0 && age <= STATS_FRESH_SECONDS;
    put_counters(out, snapshot);
    put_process(out, snapshot, now);
    put_commits(out, snapshot);
    put_source_families(out, snapshot);
    put_ledger(out, snapshot);
    put_brokers(out, snapshot, is_fresh);
    put_workers(out, snapshot, is_fresh);
    const bool is_complete = ferror(out) == 0;
    if (fclose(out) != 0 || !is_complete) {
        free(text);
        return NULL;
    }
    return text;
}
