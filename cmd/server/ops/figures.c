/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/figures.h"

#include <math.h>
#include <string.h>

#define EARLY_US (1500 * (mono_us)US_PER_MS)

const char *const figure_names[FIGURE_COUNT] = {
#define X(name, unit, what) #name,
    FIGURE_LIST(X)
#undef X
};
const char *const figure_units[FIGURE_COUNT] = {
#define X(name, unit, what) unit,
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

/* The same sample again keeps the rates that it had. */
static void take_rates(struct figures *f, const struct stats_snapshot *s, const double *before)
{
    double now[FIGURE_lost + 1];
    const bool is_same_run = s->pid == f->pid && s->started_at == f->started_at;
    const bool has_time = s->sampled_mono != STATS_UNKNOWN && f->sampled_mono != STATS_UNKNOWN;
    if (is_same_run && s->seq == f->seq) {
        memcpy(f->values, before, (FIGURE_lost + 1) * sizeof *before);
        return;
    }
    count_messages(&s->ledger_total, now);
    const double seconds =
        has_time ? (double)(s->sampled_mono - f->sampled_mono) / (double)US_PER_S : 0;
    for (size_t i = 0; is_same_run && seconds > 0.1 && i <= FIGURE_lost; i++) {
        const double delta = now[i] - f->counters[i];
        f->values[i] = delta >= 0 ? delta / seconds : (double)NAN;
    }
    memcpy(f->counters, now, sizeof now);
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

static double known(int64_t value)
{
    return value == STATS_UNKNOWN ? (double)NAN : (double)value;
}

static void take_ingestor(struct figures *f, const struct moment *moment, const double *before)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s == NULL || !moment_is_sample_fresh(moment))
        return;
    double connected = 0;
    if (s->has_ledger)
        take_rates(f, s, before);
    take_queues(f, s);
    for (size_t i = 0; i < s->mqtt_count; i++)
        connected += s->mqtt[i].link.connected == 1;
    f->values[FIGURE_sourcesConnected] = connected;
    f->values[FIGURE_commitP50] = s->commit.ms_p50;
    f->values[FIGURE_commitP99] = s->commit.ms_p99;
    f->values[FIGURE_batchRows] = known(s->commit.rows_p50);
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

static void take_http(struct figures *f, const struct moment *moment)
{
    const struct http_counts *counts = moment->from->http;
    const double requests = (double)http_counted(&counts->requests);
    const double seconds = (double)(moment->mono - f->at) / (double)US_PER_S;
    if (f->at > 0 && seconds > 0.1)
        f->values[FIGURE_requests] = (requests - f->requests) / seconds;
    f->requests = requests;
    f->at = moment->mono;
    f->values[FIGURE_connections] = (double)http_counted(&counts->connections);
    f->values[FIGURE_liveClients] = (double)http_counted(&counts->live_clients);
}

_Static_assert(STATS_UNKNOWN == DB_UNKNOWN, "known() reads both");

static bool is_early(const struct figures *f, const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    return s != NULL && s->pid == f->pid && s->started_at == f->started_at && s->seq == f->seq &&
           moment->mono - f->at < EARLY_US;
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
    f->values[FIGURE_serverRead] = moment->io.read_bytes;
    f->values[FIGURE_serverWritten] = moment->io.write_bytes;
    return true;
}
