/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file_render.h"

#include "common/json/json_write.h"
#include "common/stats/stats_file.h"
#include "common/stats/stats_json.h"

static void time_if_known(struct json_write *w, const char *key, wall_us value)
{
    if (value != STATS_UNKNOWN)
        jw_time(w, key, value);
}

static void put_head(struct json_write *w, const struct stats_snapshot *s)
{
    jw_known_int(w, "schema", s->schema);
    jw_string(w, "bootId", s->boot_id);
    jw_string(w, "version", s->version);
    jw_known_int(w, "pid", s->pid);
    jw_known_int(w, "seq", s->seq);
    time_if_known(w, "startedAt", s->started_at);
    time_if_known(w, "sampledAt", s->sampled_at);
    jw_known_int(w, "sampledMonotonicUs", s->sampled_mono);
    stats_json_stopped(w, s);
    jw_string(w, "status", s->status);
    jw_bool(w, "zeroSources", s->zero_sources);
    stats_json_write_sources(w, s);
    stats_json_other_metrics(w, s);
    jw_object(w, "backfillUpdates");
    for (size_t i = 0; i < s->backfill_count; i++) {
        if (s->backfills[i].count == STATS_UNKNOWN)
            continue;
        jw_key(w, s->backfills[i].name);
        jw_int(w, NULL, s->backfills[i].count);
    }
    jw_object_end(w);
}

static void put_procio(struct json_write *w, const struct stats_snapshot *s)
{
    if (!s->has_procio && !s->has_procio_rates)
        return;
    jw_object(w, "procIO");
    if (s->has_procio_rates)
        stats_json_rates(w, &s->procio_rates);
    if (s->has_procio) {
#define PROCIO(id, rate, json, prometheus, unit, help) jw_known_uint(w, json, s->procio.id);
#include "common/stats/metrics.def"
    }
    time_if_known(w, "sampledAt", s->procio_sampled_at);
    jw_object_end(w);
}

char *stats_file_render(const struct stats_snapshot *snapshot)
{
    struct json_write w;
    size_t len;
    jw_grow(&w, STATS_FILE_MAX + 1);
    jw_object(&w, NULL);
    put_head(&w, snapshot);
    put_procio(&w, snapshot);
    stats_json_usage(&w, snapshot, true);
    stats_json_storage(&w, snapshot, true);
    stats_json_sources(&w, snapshot);
    jw_array(&w, "source_statuses");
    for (size_t i = 0; i < snapshot->mqtt_count; i++)
        stats_json_mqtt(&w, &snapshot->mqtt[i], true);
    jw_array_end(&w);
    stats_json_workers(&w, snapshot, true);
    stats_json_outbox(&w, snapshot, true);
    stats_json_commit(&w, snapshot);
    stats_json_writers(&w, snapshot, true);
    jw_array(&w, "events");
    for (size_t i = 0; i < snapshot->event_count; i++)
        stats_json_event(&w, &snapshot->events[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    return jw_take(&w, &len);
}
