/* SPDX-License-Identifier: MIT
 *
 * /metrics: the ingestor's metrics (stats_prometheus) and the server's own few. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/routes.h"
#include "common/base/version.h"
#include "common/stats/stats_prometheus.h"

#include <stdio.h>
#include <stdlib.h>

static void put(FILE *out, const char *name, const char *kind, const char *help, int64_t value)
{
    if (value != DB_UNKNOWN)
        (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", name, help, name, kind, name,
                      (long long)value);
}

static void put_database(FILE *out, const struct db_state *db)
{
    put(out, "weir_database_transmissions", "gauge", "Transmissions in the database.",
        db->transmissions);
    put(out, "weir_database_observations", "gauge", "Observations in the database.",
        db->observations);
    put(out, "weir_database_observers", "gauge", "Observers in the database.", db->observers);
    put(out, "weir_database_nodes", "gauge", "Nodes in the database.", db->nodes);
    put(out, "weir_database_bytes", "gauge", "Size of the database.",
        db->page_count * db->page_size);
    put(out, "weir_database_free_pages", "gauge", "Pages the database could reuse.",
        db->freelist_count);
    put(out, "weir_database_wal_bytes", "gauge", "Size of the write-ahead log.", db->wal_bytes);
    put(out, "weir_database_polled_timestamp_seconds", "gauge", "Time of the last reading.",
        db->polled_unix);
}

static void put_own(FILE *out, struct api *api, const struct moment *moment)
{
    struct cache_counts cache;
    cache_count(api->cache, &cache);
    (void)fprintf(out,
                  "# HELP weir_build_info What this server is.\n# TYPE weir_build_info gauge\n"
                  "weir_build_info{version=\"%s\",commit=\"%s\"} 1\n",
                  version_number(), version_commit());
    put(out, "weir_server_ready", "gauge", "1 while readyz answers 200.",
        health_not_ready(&moment->db, moment->mono, moment->is_draining) == NULL);
    put(out, "weir_server_requests_total", "counter", "Requests answered from rendered bytes.",
        (int64_t)cache.requests);
    put(out, "weir_server_renders_total", "counter", "Answers rendered.", (int64_t)cache.renders);
    put(out, "weir_server_cache_evictions_total", "counter",
        "Rendered answers that made room for others (httpCacheMB).", (int64_t)cache.evictions);
    put(out, "weir_server_cache_bytes", "gauge", "Memory of rendered answers.",
        (int64_t)cache.bytes);
    put(out, "weir_server_stats_parses_total", "counter", "Times the statistics file was parsed.",
        (int64_t)stats_cache_parses(api->moments.stats));
    put(out, "weir_ingestor_stats_usable", "gauge", "1 while the statistics file can be read.",
        moment_snapshot(moment) != NULL);
}

/* free() it; NULL = no memory. */
static char *format(struct api *api, const struct moment *moment, size_t *out_len)
{
    char *ingestor = NULL;
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s != NULL && (ingestor = stats_prometheus(s, moment->wall)) == NULL)
        return NULL;
    char *text = NULL;
    FILE *out = open_memstream(&text, out_len);
    if (out == NULL) {
        free(ingestor);
        return NULL;
    }
    put_own(out, api, moment);
    put_database(out, &moment->db);
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
     .listeners = ROUTE_ON_BOTH,
     .worst_cost = "1 ms: formats one snapshot"},
};
const struct route_family api_metrics_routes = {rows, ARRAY_LEN(rows)};
