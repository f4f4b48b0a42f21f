/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/figures.h"

#include "cmd/server/traffic/traffic.h"

#include <math.h>
#include <string.h>

#define EARLY_US (1500 * (mono_us)US_PER_MS)

const char *const figure_names[FIGURE_COUNT] = {
#define X(name, unit, floor, what) #name,
    FIGURE_LIST(X)
#undef X
};
const char *const figure_units[FIGURE_COUNT] = {
#define X(name, unit, floor, what) unit,
    FIGURE_LIST(X)
#undef X
};

const double figure_floors[FIGURE_COUNT] = {
#define X(name, unit, floor, what) floor,
    FIGURE_LIST(X)
#undef X
};
const char *const figure_words[FIGURE_COUNT] = {
#define X(name, unit, floor, what) what,
    FIGURE_LIST(X)
#undef X
};

enum figure figure_find(const char *name, size_t len)
{
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        if (strlen(figure_names[i]) == len && memcmp(figure_names[i], name, len) == 0)
            return (enum figure)i;
    }
    return FIGURE_COUNT;
}

static void forget(struct figures *f)
{
    for (size_t i = 0; i < FIGURE_COUNT; i++)
        f->values[i] = (double)NAN;
}

void figures_init(struct figures *f)
{
    memset(f, 0, sizeof *f);
    forget(f);
}

/* --- the ingestor's --------------------------------------------------------------------------- */

static void count_bucket(const struct ledger *ledger, const char *bucket, double *sum)
{
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (strcmp(outcome_info(o)->bucket, bucket) == 0)
            *sum += (double)ledger->outcomes[o];
    }
}

static void count_messages(const struct ledger *ledger, double out[static FIGURE_lost + 1])
{
    memset(out, 0, (FIGURE_lost + 1) * sizeof *out);
    out[FIGURE_received] = (double)ledger->received;
    out[FIGURE_stored] = (double)ledger->outcomes[OUTCOME_COMMITTED];
    out[FIGURE_duplicate] = (double)ledger->outcomes[OUTCOME_DUPLICATE];
    count_bucket(ledger, "filtered", &out[FIGURE_filtered]);
    count_bucket(ledger, "rejected", &out[FIGURE_rejected]);
    count_bucket(ledger, "dropped", &out[FIGURE_lost]);
    out[FIGURE_lost] += (double)ledger->outcomes[OUTCOME_DEAD];
}

static double known(int64_t value)
{
    return value == STATS_UNKNOWN ? (double)NAN : (double)value;
}

/* What a counter grew in a second; NaN when it fell or one of the three is not known. */
static double rate(double before, double now, double seconds)
{
    return now >= before ? (now - before) / seconds : (double)NAN;
}

static bool is_same_run(const struct figures *f, const struct stats_snapshot *s)
{
    return s->pid == f->pid && s->started_at == f->started_at;
}

/* The same sample again keeps the rates that it had. */
static void take_rates(struct figures *f, const struct stats_snapshot *s, const double *before)
{
    double now[FIGURE_lost + 1];
    const bool is_same = is_same_run(f, s);
    const bool has_time = s->sampled_mono != STATS_UNKNOWN && f->sampled_mono != STATS_UNKNOWN;
    const double checkpoints = known(s->metrics[METRIC_CHECKPOINTS]);
    if (is_same && s->seq == f->seq) {
        memcpy(f->values, before, (FIGURE_lost + 1) * sizeof *before);
        f->values[FIGURE_ingestorCpu] = before[FIGURE_ingestorCpu];
        f->values[FIGURE_checkpoints] = before[FIGURE_checkpoints];
        return;
    }
    for (size_t i = 0; i <= FIGURE_lost; i++)
        now[i] = (double)NAN;
    if (s->has_ledger)
        count_messages(&s->ledger_total, now);
    const double seconds =
        has_time ? (double)(s->sampled_mono - f->sampled_mono) / (double)US_PER_S : 0;
    if (is_same && seconds > 0.1) {
        for (size_t i = 0; i <= FIGURE_lost; i++)
            f->values[i] = rate(f->counters[i], now[i], seconds);
        f->values[FIGURE_ingestorCpu] = rate(f->cpu_s, s->usage.cpu_s, seconds);
        f->values[FIGURE_checkpoints] = rate(f->checkpoints, checkpoints, seconds);
    }
    memcpy(f->counters, now, sizeof now);
    f->cpu_s = s->usage.cpu_s;
    f->checkpoints = checkpoints;
    f->seq = s->seq;
    f->pid = s->pid;
    f->started_at = s->started_at;
    f->sampled_mono = s->sampled_mono;
}

static void take_queues(struct figures *f, const struct stats_snapshot *s)
{
    double queued = 0;
    double fill = 0;
    for (size_t i = 0; i < s->source_count; i++) {
        const struct stats_source *source = &s->sources[i];
        if (!source->is_live || source->records == STATS_UNKNOWN)
            continue;
        queued += (double)source->records;
        if (source->capacity > 0)
            fill = fmax(fill, (double)source->records / (double)source->capacity);
    }
    f->values[FIGURE_queued] = queued;
    f->values[FIGURE_queueFill] = fill;
}

static void take_waits(struct figures *f, const struct stats_snapshot *s)
{
    for (size_t i = 0; i < s->writer_count; i++) {
        const struct stats_writer *writer = &s->writers[i];
        if (strcmp(writer->component, "mqtt_handler") != 0)
            continue;
        f->values[FIGURE_waitP50] = writer->wait_ms[0];
        f->values[FIGURE_waitP99] = writer->wait_ms[2];
    }
}

static void take_ingestor(struct figures *f, const struct moment *moment, const double *before)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s == NULL || !moment_is_sample_fresh(moment))
        return;
    double connected = 0;
    take_rates(f, s, before);
    take_queues(f, s);
    take_waits(f, s);
    for (size_t i = 0; i < s->mqtt_count; i++)
        connected += s->mqtt[i].link.connected == 1;
    f->values[FIGURE_sourcesConnected] = connected;
    f->values[FIGURE_commitP50] = s->commit.ms_p50;
    f->values[FIGURE_commitP99] = s->commit.ms_p99;
    f->values[FIGURE_batchRows] = known(s->commit.rows_p50);
    f->values[FIGURE_diskFree] = known(s->storage.disk_free_bytes);
    f->values[FIGURE_ingestorMemory] = s->usage.rss_bytes;
    if (moment->stats->has_rates) {
        f->values[FIGURE_ingestorRead] = moment->stats->rates.read_bytes;
        f->values[FIGURE_ingestorWritten] = moment->stats->rates.write_bytes;
    }
}

/* --- the server's own ------------------------------------------------------------------------- */

static void take_database(struct figures *f, const struct db_state *db)
{
    f->values[FIGURE_walBytes] = known(db->wal_bytes);
    f->values[FIGURE_databaseBytes] = known(db_state_bytes(db));
    f->values[FIGURE_cacheHit] = db_state_hit_rate(db);
}

/* Since the last time; NaN = there was none, or it was just now. */
static double seconds_since(const struct figures *f, const struct moment *moment)
{
    const double seconds = (double)(moment->mono - f->at) / (double)US_PER_S;
    return f->at > 0 && seconds > 0.1 ? seconds : (double)NAN;
}

/* 2xx with 3xx, which says that the client has it already; 4xx; 5xx. */
static void count_classes(const struct traffic *traffic, double out[static 3])
{
    uint64_t classes[TRAFFIC_CLASSES];
    traffic_classes(traffic, classes);
    out[0] = (double)(classes[1] + classes[2]);
    out[1] = (double)classes[3];
    out[2] = (double)classes[4];
}

static void take_http(struct figures *f, const struct moment *moment)
{
    const struct http_counts *counts = moment->from->http;
    const double requests = (double)http_counted(&counts->requests);
    const double seconds = seconds_since(f, moment);
    double classes[3];
    struct traffic_recent recent;
    count_classes(moment->from->traffic, classes);
    traffic_recent(moment->from->traffic, &recent);
    f->values[FIGURE_requests] = rate(f->requests, requests, seconds);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        f->values[FIGURE_http2xx + i] = rate(f->classes[i], classes[i], seconds);
    f->requests = requests;
    memcpy(f->classes, classes, sizeof classes);
    f->values[FIGURE_httpP50] = recent.p50;
    f->values[FIGURE_httpP95] = recent.p95;
    f->values[FIGURE_httpP99] = recent.p99;
    f->values[FIGURE_connections] = (double)http_counted(&counts->connections);
    f->values[FIGURE_liveClients] = (double)http_counted(&counts->live_clients);
}

static void take_process(struct figures *f, const struct moment *moment)
{
    struct own_process_figures process;
    own_process_get(moment->from->process, &process);
    f->values[FIGURE_serverCpu] = rate(f->own_cpu_s, process.cpu_s, seconds_since(f, moment));
    f->own_cpu_s = process.cpu_s;
    f->values[FIGURE_serverMemory] = process.resident_bytes;
    f->values[FIGURE_serverRead] = moment->io.read_bytes;
    f->values[FIGURE_serverWritten] = moment->io.write_bytes;
}

_Static_assert(FIGURE_http5xx == FIGURE_http2xx + 2, "take_http counts on it");
_Static_assert(STATS_UNKNOWN == DB_UNKNOWN, "known() reads both");

static bool is_early(const struct figures *f, const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    return s != NULL && is_same_run(f, s) && s->seq == f->seq && moment->mono - f->at < EARLY_US;
}

bool figures_take(struct figures *f, const struct moment *moment)
{
    double before[FIGURE_COUNT];
    if (is_early(f, moment))
        return false;
    memcpy(before, f->values, sizeof before);
    forget(f);
    take_ingestor(f, moment, before);
    take_database(f, &moment->db);
    take_http(f, moment);
    take_process(f, moment);
    f->at = moment->mono;
    return true;
}
