/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_metrics.h"

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

char *api_metrics_render(const struct answer_input *in, const struct api_metrics_own *own)
{
    char *ingestor = NULL;
    if (in->stats->status == STATUS_OK) {
        ingestor = stats_prometheus(&in->stats->snapshot, in->wall);
        if (ingestor == NULL)
            return NULL;
    }
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        free(ingestor);
        return NULL;
    }
    (void)fprintf(out,
                  "# HELP weir_build_info What this server is.\n# TYPE weir_build_info gauge\n"
                  "weir_build_info{version=\"%s\",commit=\"%s\"} 1\n",
                  version_number(), version_commit());
    put(out, "weir_server_ready", "gauge", "1 while readyz answers 200.", own->is_ready);
    put(out, "weir_server_requests_total", "counter", "Requests answered from rendered bytes.",
        (int64_t)own->requests);
    put(out, "weir_server_renders_total", "counter", "Answers rendered.", (int64_t)own->renders);
    put(out, "weir_server_stats_parses_total", "counter", "Times the statistics file was parsed.",
        (int64_t)own->parses);
    put(out, "weir_ingestor_stats_usable", "gauge", "1 while the statistics file can be read.",
        in->stats->status == STATUS_OK);
    put_database(out, &in->db);
    (void)fputs(ingestor != NULL ? ingestor : "", out);
    free(ingestor);
    const bool is_whole = ferror(out) == 0;
    if (fclose(out) != 0 || !is_whole) {
        free(text);
        return NULL;
    }
    return text;
}
