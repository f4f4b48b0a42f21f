/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/drop_log.h"

#include "common/base/log.h"

#include <assert.h>

#define LINE_INTERVAL ((mono_us)US_PER_S)

static struct drop_counts counts_of(const struct receiver_tuple *tuple)
{
    return (struct drop_counts){
        .soft = tuple->outcomes[OUTCOME_DROPPED_SOFT],
        .full = tuple->outcomes[OUTCOME_DROPPED_QUEUE_FULL],
        .spool = tuple->outcomes[OUTCOME_DROPPED_SPOOL],
    };
}

static struct drop_counts minus(struct drop_counts a, struct drop_counts b)
{
    return (struct drop_counts){a.soft - b.soft, a.full - b.full, a.spool - b.spool};
}

static uint64_t sum(struct drop_counts counts)
{
    return counts.soft + counts.full + counts.spool;
}

void drop_log_init(struct drop_log *log, const char *source, uint64_t capacity_records,
                   uint64_t capacity_bytes, const struct receiver_tuple *tuple)
{
    *log = (struct drop_log){
        .source = source,
        .capacity_records = capacity_records,
        .capacity_bytes = capacity_bytes,
        .seen = counts_of(tuple),
    };
}

/* Which line is due, given whether anything was dropped since the last step. */
static enum drop_log_line decide(const struct drop_log *log, mono_us now)
{
    if (now - log->last_line < LINE_INTERVAL)
        return DROP_LOG_NONE;
    if (sum(log->seen) != sum(log->at_line))
        return DROP_LOG_SUMMARY;
    return now - log->last_drop >= LINE_INTERVAL ? DROP_LOG_RECOVERED : DROP_LOG_NONE;
}

void drop_log_step(struct drop_log *log, const struct receiver_tuple *tuple, mono_us now,
                   struct drop_report *out)
{
    assert(log->last_drop <= now && log->last_line <= now);
    assert(!log->in_stall || log->stall_since <= log->last_drop);
    const struct drop_counts before = log->seen;
    *out = (struct drop_report){.line = DROP_LOG_NONE};
    log->seen = counts_of(tuple);
    const bool dropped = sum(log->seen) != sum(before);
    if (dropped)
        log->last_drop = now;
    if (!log->in_stall && !dropped)
        return;
    if (!log->in_stall) {
        log->in_stall = true;
        log->stall_since = now;
        log->at_stall = before;
        log->at_line = before;
        out->line = DROP_LOG_FIRST;
    } else {
        out->line = decide(log, now);
    }
    if (out->line == DROP_LOG_NONE)
        return;
    out->news = minus(log->seen, log->at_line);
    out->stall = minus(log->seen, log->at_stall);
    out->total = sum(log->seen);
    out->duration = log->last_drop - log->stall_since;
    log->at_line = log->seen;
    log->last_line = now;
    log->in_stall = out->line != DROP_LOG_RECOVERED;
}

void drop_log_turn(struct drop_log *log, const struct receiver_tuple *tuple, mono_us now)
{
    static const char *const texts[] = {
        [DROP_LOG_FIRST] = "dropping messages",
        [DROP_LOG_SUMMARY] = "still dropping messages",
        [DROP_LOG_RECOVERED] = "no longer dropping messages",
    };
    struct drop_report report;
    drop_log_step(log, tuple, now, &report);
    if (report.line == DROP_LOG_NONE)
        return;
    const bool is_over = report.line == DROP_LOG_RECOVERED;
    log_event(is_over ? LOG_INFO : LOG_WARN, "ingest_buffer", texts[report.line],
              KV(KV_STR("source", log->source), KV_INT("dropped", sum(report.news)),
                 KV_INT("stall_dropped", sum(report.stall)),
                 KV_INT("soft_backpressure", report.stall.soft),
                 KV_INT("queue_full", report.stall.full), KV_INT("spool_error", report.stall.spool),
                 KV_REAL("stall_s", (double)report.duration / US_PER_S),
                 KV_INT("total_dropped", report.total),
                 KV_INT("ingestBufferSize", log->capacity_records),
                 KV_INT("ingestBufferBytes", log->capacity_bytes)));
}
