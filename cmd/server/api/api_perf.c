/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_perf.h"

#include "common/json/json_build.h"
#include "common/stats/stats_json.h"

#include <stdio.h>

#define BYTES_PER_MB 1048576.0

static bool is_fresh(wall_us stamp, wall_us now)
{
    const double age = stats_stamp_age(stamp, now);
    return age >= 0 && age <= STATS_FRESH_SECONDS;
}

/* --- perf/io ------------------------------------------------------------------------------------------ */

static void add_rates(struct json_build *b, cJSON *parent, const struct procio_rates *rates)
{
#define X(field, rate_key, total_key) jb_real(b, parent, rate_key, rates->field);
    STATS_RATE_LIST(X)
#undef X
}

/* Left out rather than shown as zeros: a dead ingestor is not an idle one. */
static void add_ingestor(struct json_build *b, cJSON *root, const struct answer_input *in)
{
    if (in->stats->status != STATUS_OK || !in->stats->has_rates)
        return;
    const struct stats_snapshot *s = &in->stats->snapshot;
    const wall_us at = s->procio_sampled_at != STATS_UNKNOWN ? s->procio_sampled_at : s->sampled_at;
    if (!is_fresh(at, in->wall))
        return;
    cJSON *ingestor = jb_object(b, root, "ingestor");
    add_rates(b, ingestor, &in->stats->rates);
    jb_time(b, ingestor, "sampledAt", at);
}

char *api_perf_io(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    struct json_build b;
    cJSON *root = jb_init(&b);
    add_rates(&b, root, &in->io);
    add_ingestor(&b, root, in);
    return jb_print(&b, root);
}

/* --- perf/sqlite -------------------------------------------------------------------------------------- */

char *api_perf_sqlite(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    const struct db_state *db = &in->db;
    const double looks = (double)db->cache_hits + (double)db->cache_misses;
    struct json_build b;
    cJSON *root = jb_init(&b);
    jb_real(&b, root, "walSizeMB", (double)db->wal_bytes / BYTES_PER_MB);
    jb_int(&b, root, "walSize", db->wal_bytes);
    jb_int(&b, root, "pageCount", db->page_count);
    jb_int(&b, root, "pageSize", db->page_size);
    jb_int(&b, root, "cacheSize", db->cache_size);
    jb_real(&b, root, "cacheHitRate", looks > 0 ? (double)db->cache_hits / looks : 0);
    jb_int(&b, root, "dbSizeBytes", db->page_count * db->page_size);
    jb_int(&b, root, "freelistCount", db->freelist_count);
    return jb_print(&b, root);
}

/* --- perf/write-sources ------------------------------------------------------------------------------- */

static void add_counters(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    cJSON *sources = jb_object(b, root, "sources");
#define X(field, key, prom, help) jb_int(b, sources, key, s->field);
    STATS_COUNTER_LIST(X)
#undef X
    for (size_t i = 0; i < s->backfill_count; i++) {
        char key[sizeof s->backfills[i].name + 16];
        (void)snprintf(key, sizeof key, "backfill_%s", s->backfills[i].name);
        jb_int(b, sources, key, s->backfills[i].count);
    }
}

char *api_perf_write_sources(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    struct json_build b;
    cJSON *root = jb_init(&b);
    if (in->stats->status != STATUS_OK) {
        (void)jb_object(&b, root, "sources");
        jb_text(&b, root, "sampleAt", "");
        return jb_print(&b, root);
    }
    const struct stats_snapshot *s = &in->stats->snapshot;
    const double age = stats_age_seconds(s, in->wall);
    add_counters(&b, root, s);
    jb_time(&b, root, "sampleAt", s->sampled_at);
    stats_json_writers(&b, root, s);
    jb_bool(&b, root, "stale", age < 0 || age > STATS_FRESH_SECONDS);
    jb_text(&b, root, "status", s->status);
    jb_time(&b, root, "startedAt", s->started_at);
    stats_json_sources(&b, root, s);
    stats_json_workers(&b, root, s);
    stats_json_commit(&b, root, s);
    return jb_print(&b, root);
}
