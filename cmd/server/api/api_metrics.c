/* SPDX-License-Identifier: MIT
 *
 * /metrics: the ingestor's metrics (stats_prometheus) and the server's own few. */
#include "cmd/server/analytics/analytics.h"
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/traffic/traffic.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/stats/metrics.h"
#include "common/stats/stats_prometheus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of metrics.def; DB_UNKNOWN = left out. */
static void measure(struct api *api, const struct moment *moment,
                    int64_t out[static METRIC_SERVER_COUNT])
{
    struct cache_counts cache;
    cache_count(api->cache, &cache);
    const struct db_state *db = &moment->db;
    const int64_t values[METRIC_SERVER_COUNT] = {
        [METRIC_SERVER_READY] = health_not_ready(db, moment->mono, moment->is_draining) == NULL,
        [METRIC_SERVER_REQUESTS] = (int64_t)cache.requests,
        [METRIC_SERVER_RENDERS] = (int64_t)cache.renders,
        [METRIC_SERVER_EVICTIONS] = (int64_t)cache.evictions,
        [METRIC_SERVER_CACHE_BYTES] = (int64_t)cache.bytes,
        [METRIC_SERVER_HTTP_CONNECTIONS] = http_counted(&moment->from->http->connections),
        [METRIC_SERVER_HTTP_REQUESTS] = http_counted(&moment->from->http->requests),
        [METRIC_SERVER_HTTP_LIMITS] = http_counted(&moment->from->http->limits),
        [METRIC_SERVER_LIVE_CLIENTS] = http_counted(&moment->from->http->live_clients),
        [METRIC_SERVER_LIVE_EVENTS] = http_counted(&moment->from->http->live_events),
        [METRIC_SERVER_LIVE_GAPS] = http_counted(&moment->from->http->live_gaps),
        [METRIC_SERVER_LIVE_CUT_OFF] = http_counted(&moment->from->http->live_cut_off),
        [METRIC_SERVER_PARSES] = (int64_t)stats_cache_parses(api->moments.stats),
        [METRIC_SERVER_STATS_USABLE] = moment_snapshot(moment) != NULL,
        [METRIC_SERVER_TRANSMISSIONS] = db->transmissions,
        [METRIC_SERVER_OBSERVATIONS] = db->observations,
        [METRIC_SERVER_OBSERVERS] = db->observers,
        [METRIC_SERVER_NODES] = db->nodes,
        [METRIC_SERVER_DATABASE_BYTES] = db_state_bytes(db),
        [METRIC_SERVER_FREE_PAGES] = db->freelist_count,
        [METRIC_SERVER_WAL_BYTES] = db->wal_bytes,
        [METRIC_SERVER_LOG_LINES_LOST] = log_lines_lost(),
        [METRIC_SERVER_POLLED] = db->polled_unix,
    };
    memcpy(out, values, sizeof values);
}

static void put_own(FILE *out, struct api *api, const struct moment *moment)
{
    int64_t values[METRIC_SERVER_COUNT];
    measure(api, moment, values);
    (void)fprintf(out,
                  "# HELP weir_build_info What this server is.\n# TYPE weir_build_info gauge\n"
                  "weir_build_info{version=\"%s\",commit=\"%s\"} 1\n",
                  version_number(), version_commit());
    for (enum metric_server m = 0; m < METRIC_SERVER_COUNT; m++) {
        const struct metric_info *info = metric_server_info(m);
        if (stats_known(info->kind, true, values[m]) != STATS_UNKNOWN)
            (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", info->prometheus,
                          info->help, info->prometheus, metric_kind_text(info->kind),
                          info->prometheus, (long long)values[m]);
    }
}

static void put_head(FILE *out, const char *name, enum metric_kind kind, const char *help)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, metric_kind_text(kind));
}

static void put_process_value(FILE *out, const char *name, enum metric_kind kind, const char *help,
                              double value)
{
    if (!isfinite(value))
        return;
    put_head(out, name, kind, help);
    (void)fprintf(out, "%s %.15g\n", name, value);
}

static void put_process(FILE *out, const struct own_process *process)
{
    struct own_process_figures figures;
    own_process_get(process, &figures);
#define PROCESS(id, prometheus, kind, unit, help)                                                  \
    put_process_value(out, prometheus, METRIC_KIND_##kind, help, figures.id);
#include "common/stats/metrics.def"
}

/* --- requests --------------------------------------------------------------------------------- */

/* Labels are ours: a client can't make a series. */
static void put_labels(FILE *out, const char *name, const char *end, const struct route *route,
                       size_t class_)
{
    (void)fprintf(out, "%s%s{method=\"%s\",route=\"%s\",status=\"%zuxx\"", name, end,
                  route != NULL ? route->method : "", route != NULL ? route->path : "", class_);
}

static void put_histogram(FILE *out, const char *name, const struct route *route, size_t class_,
                          const struct traffic_histogram *histogram)
{
    static const double bounds[TRAFFIC_BUCKETS] = {TRAFFIC_BUCKET_LIST};
    for (size_t i = 0; i <= TRAFFIC_BUCKETS; i++) {
        put_labels(out, name, "_bucket", route, class_);
        if (i < TRAFFIC_BUCKETS)
            (void)fprintf(out, ",le=\"%g\"} ", bounds[i]);
        else
            (void)fputs(",le=\"+Inf\"} ", out);
        (void)fprintf(out, "%llu\n", (unsigned long long)histogram->buckets[i]);
    }
    put_labels(out, name, "_sum", route, class_);
    (void)fprintf(out, "} %.15g\n", histogram->sum_s);
    put_labels(out, name, "_count", route, class_);
    (void)fprintf(out, "} %llu\n", (unsigned long long)histogram->buckets[TRAFFIC_BUCKETS]);
}

/* Only what was ever asked: 5 classes of 13 lines for each row would be most of the text. */
static void put_request_family(FILE *out, const char *name, enum metric_kind kind, const char *help,
                               const struct traffic *traffic)
{
    struct traffic_histogram histogram;
    put_head(out, name, kind, help);
    for (size_t i = 0; i < traffic_places(traffic); i++) {
        for (size_t class_ = 1; class_ <= TRAFFIC_CLASSES; class_++) {
            traffic_histogram(traffic, i, class_, &histogram);
            if (histogram.buckets[TRAFFIC_BUCKETS] > 0)
                put_histogram(out, name, traffic_route(traffic, i), class_, &histogram);
        }
    }
}

static void put_requests(FILE *out, const struct traffic *traffic)
{
#define REQUEST(id, prometheus, kind, unit, help)                                                  \
    put_request_family(out, prometheus, METRIC_KIND_##kind, help, traffic);
#include "common/stats/metrics.def"
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* What is not known, or not long enough, is left out. */
static void put_verdicts(FILE *out, struct ops *ops)
{
    struct ops_view view;
    if (ops == NULL)
        return;
    ops_look(ops, &view);
#define VERDICT(id, prometheus, kind, unit, help)                                                  \
    put_head(out, prometheus, METRIC_KIND_##kind, help);                                           \
    for (size_t i = 0; i < FIGURE_COUNT; i++) {                                                    \
        const enum anomaly_verdict verdict = view.figures[i].verdict;                              \
        if (verdict >= ANOMALY_USUAL)                                                              \
            (void)fprintf(out, prometheus "{figure=\"%s\"} %d\n", figure_names[i],                 \
                          anomaly_side(verdict));                                                  \
    }
#include "common/stats/metrics.def"
}

/* --- analyses --------------------------------------------------------------------------------- */

/* As metrics.def has them. */
struct analysis_values {
    const char *name;
    double runs, cut, failed, cpu_s, took_s, rows, bytes, complete;
};

static struct analysis_values values_of(const struct analysis_figures *figures)
{
    const struct run_figures *runs = &figures->runs;
    return (struct analysis_values){.name = figures->name,
                                    .runs = (double)runs->runs,
                                    .cut = (double)runs->cut,
                                    .failed = (double)runs->failed,
                                    .cpu_s = (double)runs->cpu_us / US_PER_S,
                                    .took_s = (double)runs->last.took_us / US_PER_S,
                                    .rows = (double)runs->last.rows,
                                    .bytes = (double)figures->bytes,
                                    .complete = runs->last.end == RUN_WHOLE};
}

/* Of those that were ever computed. */
static void put_analyses(FILE *out, struct analytics *analytics)
{
    struct analysis_figures figures[ANALYSES_MAX + 1];
    struct analysis_values all[ANALYSES_MAX + 1];
    size_t count = 0;
    const size_t told = analytics_figures(analytics, figures);
    for (size_t i = 0; i < told; i++) {
        if (figures[i].runs.runs > 0)
            all[count++] = values_of(&figures[i]);
    }
#define ANALYSIS(id, prometheus, kind, unit, help)                                                 \
    put_head(out, prometheus, METRIC_KIND_##kind, help);                                           \
    for (size_t i = 0; i < count; i++)                                                             \
        (void)fprintf(out, prometheus "{analysis=\"%s\"} %.15g\n", all[i].name, all[i].id);
#include "common/stats/metrics.def"
}

/* --- ingestors -------------------------------------------------------------------------------- */

/* As metrics.def has them; STATS_UNKNOWN = left out. */
struct ingestor_values {
    int64_t is_fresh, age_s, unaccounted, queued;
};

static struct ingestor_values values_of_ingestor(const struct ingestor_shown *one)
{
    const bool is_fresh = one->row != NULL && one->state == INGESTOR_FRESH;
    return (struct ingestor_values){.is_fresh = is_fresh,
                                    .age_s = one->row != NULL ? one->age_s : STATS_UNKNOWN,
                                    .unaccounted = is_fresh ? one->row->unaccounted : STATS_UNKNOWN,
                                    .queued = is_fresh ? one->row->queued : STATS_UNKNOWN};
}

static void put_ingestor(FILE *out, const char *name, const struct ingestor_shown *one,
                         int64_t value)
{
    if (value == STATS_UNKNOWN)
        return;
    (void)fputs(name, out);
    stats_prometheus_label(out, "ingestor", one->name, true);
    (void)fprintf(out, "} %lld\n", (long long)value);
}

static void put_ingestors(FILE *out, const struct moment *moment)
{
    struct ingestor_shown shown[INGESTORS_SHOWN_MAX];
    if (!ingestors_are_known(moment->ingestors, moment->mono))
        return;
    const size_t count = ingestors_show(moment->ingestors, moment->from->expected_ingestors,
                                        moment->wall, moment->mono, shown);
#define INGESTOR(id, prometheus, kind, unit, help)                                                 \
    put_head(out, prometheus, METRIC_KIND_##kind, help);                                           \
    for (size_t i = 0; i < count; i++)                                                             \
        put_ingestor(out, prometheus, &shown[i], values_of_ingestor(&shown[i]).id);
#include "common/stats/metrics.def"
}

/* --- together --------------------------------------------------------------------------------- */

/* free() it; NULL = no memory. */
static char *format(struct api *api, const struct moment *moment, size_t *out_len)
{
    char *ingestor = NULL;
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s != NULL && (ingestor = stats_prometheus(s, moment->sample_now)) == NULL)
        return NULL;
    char *text = NULL;
    FILE *out = open_memstream(&text, out_len);
    if (out == NULL) {
        free(ingestor);
        return NULL;
    }
    put_own(out, api, moment);
    put_process(out, moment->from->process);
    put_requests(out, moment->from->traffic);
    put_verdicts(out, moment->from->ops);
    put_ingestors(out, moment);
    if (api->model->analytics != NULL)
        put_analyses(out, api->model->analytics);
    (void)fputs(ingestor != NULL ? ingestor : "", out);
    free(ingestor);
    const bool is_whole = ferror(out) == 0;
    if (fclose(out) != 0 || !is_whole) {
        free(text);
        return NULL;
    }
    return text;
}

static void get_metrics(struct api *api, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    struct moment moment;
    moment_begin(&api->moments, &moment);
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply->body = format(api, &moment, &reply->body_len);
    moment_end(&moment);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/metrics",
     .handler = get_metrics,
     .cache = HTTP_NO_STORE,
     .listeners = ROUTE_ON_BOTH,
     .worst_cost = "1 ms: formats one snapshot",
     .summary = "Metrics of server and ingestor, for Prometheus",
     .answer = "text/plain"},
};
const struct route_family api_metrics_routes = {rows, ARRAY_LEN(rows)};
