/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file.h"

#include "common/json/json_build.h"
#include "common/stats/stats_json.h"

static void time_if_known(struct json_build *b, cJSON *parent, const char *key, wall_us value)
{
    if (value != STATS_UNKNOWN)
        jb_time(b, parent, key, value);
}

static void add_head(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    jb_int(b, root, "schema", s->schema);
    jb_text(b, root, "bootId", s->boot_id);
    jb_text(b, root, "version", s->version);
    jb_int(b, root, "pid", s->pid);
    jb_int(b, root, "seq", s->seq);
    time_if_known(b, root, "startedAt", s->started_at);
    time_if_known(b, root, "sampledAt", s->sampled_at);
    jb_text(b, root, "status", s->status);
    jb_bool(b, root, "zeroSources", s->zero_sources);
    jb_int(b, root, "watchdogLastTickUnix", s->watchdog_last_tick_unix);
#define X(field, key, prom, help) jb_int(b, root, key, s->field);
    STATS_COUNTER_LIST(X)
#undef X
    cJSON *backfills = jb_object(b, root, "backfillUpdates");
    for (size_t i = 0; i < s->backfill_count; i++)
        jb_int(b, backfills, s->backfills[i].name, s->backfills[i].count);
}

static void add_procio(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    if (!s->has_procio && !s->has_procio_rates)
        return;
    cJSON *io = jb_object(b, root, "procIO");
    if (s->has_procio_rates) {
#define X(field, rate_key, total_key) jb_real(b, io, rate_key, s->procio_rates.field);
        STATS_RATE_LIST(X)
#undef X
    }
    if (s->has_procio) {
#define X(field, rate_key, total_key) jb_count(b, io, total_key, s->procio.field);
        STATS_RATE_LIST(X)
#undef X
    }
    time_if_known(b, io, "sampledAt", s->procio_sampled_at);
}

char *stats_file_render(const struct stats_snapshot *snapshot)
{
    struct json_build b;
    cJSON *root = jb_init(&b);
    add_head(&b, root, snapshot);
    add_procio(&b, root, snapshot);
    stats_json_sources(&b, root, snapshot);
    cJSON *statuses = jb_array(&b, root, "source_statuses");
    for (size_t i = 0; i < snapshot->mqtt_count; i++)
        stats_json_mqtt(&b, statuses, &snapshot->mqtt[i], false);
    stats_json_workers(&b, root, snapshot);
    stats_json_commit(&b, root, snapshot);
    stats_json_writers(&b, root, snapshot);
    return jb_print(&b, root);
}
