/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_perf.h"

#include "common/stats/stats_file.h"
#include "common/stats/stats_json.h"

#include <stdio.h>

#define BYTES_PER_MB 1048576.0

static bool is_fresh(wall_us stamp, wall_us now)
{
    const double age = stats_stamp_age(stamp, now);
    return age >= 0 && age <= STATS_FRESH_SECONDS;
}

/* --- perf/io ------------------------------------------------------------------------------------------ */

/* Left out rather than shown as zeros: a dead ingestor is not an idle one. */
static void put_ingestor(struct json_write *w, const struct answer_input *in)
{
    if (in->stats->status != STATUS_OK || !in->stats->has_rates)
        return;
    const struct stats_snapshot *s = &in->stats->snapshot;
    const wall_us at = s->procio_sampled_at != STATS_UNKNOWN ? s->procio_sampled_at : s->sampled_at;
    if (!is_fresh(at, in->wall))
        return;
    jw_object(w, "ingestor");
    stats_json_rates(w, &in->stats->rates);
    jw_time(w, "sampledAt", at);
    jw_object_end(w);
}

char *api_perf_io(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    struct json_write w;
    size_t len;
    jw_grow(&w, STATS_FILE_MAX);
    jw_object(&w, NULL);
    stats_json_rates(&w, &in->io);
    put_ingestor(&w, in);
    jw_object_end(&w);
    return jw_take(&w, &len);
}

/* --- perf/sqlite -------------------------------------------------------------------------------------- */

char *api_perf_sqlite(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    const struct db_state *db = &in->db;
    const double looks = (double)db->cache_hits + (double)db->cache_misses;
    struct json_write w;
    size_t len;
    jw_grow(&w, STATS_FILE_MAX);
    jw_object(&w, NULL);
    jw_known_real(&w, "walSizeMB", (double)db->wal_bytes / BYTES_PER_MB);
    jw_known_int(&w, "walSize", db->wal_bytes);
    jw_known_int(&w, "pageCount", db->page_count);
    jw_known_int(&w, "pageSize", db->page_size);
    jw_known_int(&w, "cacheSize", db->cache_size);
    jw_known_real(&w, "cacheHitRate", looks > 0 ? (double)db->cache_hits / looks : 0);
    jw_known_int(&w, "dbSizeBytes", db->page_count * db->page_size);
    jw_known_int(&w, "freelistCount", db->freelist_count);
    jw_object_end(&w);
    return jw_take(&w, &len);
}

/* --- perf/write-sources ------------------------------------------------------------------------------- */

static void put_counters(struct json_write *w, const struct stats_snapshot *s)
{
    stats_json_counters(w, s);
    for (size_t i = 0; i < s->backfill_count; i++) {
        if (s->backfills[i].count == STATS_UNKNOWN)
            continue;
        char key[sizeof s->backfills[i].name + 16];
        (void)snprintf(key, sizeof key, "backfill_%s", s->backfills[i].name);
        jw_key(w, key);
        jw_int(w, NULL, s->backfills[i].count);
    }
}

static void put_snapshot(struct json_write *w, const struct stats_snapshot *s, wall_us now)
{
    const double age = stats_age_seconds(s, now);
    jw_time(w, "sampleAt", s->sampled_at);
    stats_json_writers(w, s);
    jw_bool(w, "stale", age < 0 || age > STATS_FRESH_SECONDS);
    jw_string(w, "status", s->status);
    jw_time(w, "startedAt", s->started_at);
    stats_json_sources(w, s);
    stats_json_workers(w, s);
    stats_json_commit(w, s);
}

char *api_perf_write_sources(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    const bool is_usable = in->stats->status == STATUS_OK;
    const struct stats_snapshot *s = &in->stats->snapshot;
    struct json_write w;
    size_t len;
    jw_grow(&w, STATS_FILE_MAX);
    jw_object(&w, NULL);
    jw_object(&w, "sources");
    if (is_usable)
        put_counters(&w, s);
    jw_object_end(&w);
    if (is_usable)
        put_snapshot(&w, s, in->wall);
    else
        jw_string(&w, "sampleAt", "");
    jw_object_end(&w);
    return jw_take(&w, &len);
}
