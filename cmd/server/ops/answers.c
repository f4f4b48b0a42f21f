/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/answers.h"

#include "common/stats/stats_json.h"

#include <math.h>
#include <stdio.h>

#define BYTES_PER_MB 1048576.0

/* --- perf/io ---------------------------------------------------------------------------------- */

/* Left out rather than shown as zeros: a dead ingestor is not an idle one. */
static void write_ingestor(struct json_write *w, const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s == NULL || !moment->stats->has_rates)
        return;
    const wall_us at = s->procio_sampled_at != STATS_UNKNOWN ? s->procio_sampled_at : s->sampled_at;
    if (!moment_is_fresh(moment, at))
        return;
    jw_object(w, "ingestor");
    stats_json_rates(w, &moment->stats->rates);
    jw_time(w, "sampledAt", at);
    jw_object_end(w);
}

void answers_io(struct json_write *w, const char *key, const struct moment *moment)
{
    jw_object(w, key);
    stats_json_rates(w, &moment->io);
    write_ingestor(w, moment);
    jw_object_end(w);
}

/* --- perf/sqlite ------------------------------------------------------------------------------ */

static double megabytes(int64_t bytes)
{
    return bytes == DB_UNKNOWN ? (double)NAN : (double)bytes / BYTES_PER_MB;
}

void answers_sqlite(struct json_write *w, const char *key, const struct moment *moment)
{
    const struct db_state *db = &moment->db;
    jw_object(w, key);
    jw_known_real(w, "walSizeMB", megabytes(db->wal_bytes));
    jw_known_int(w, "walSize", db->wal_bytes);
    jw_known_int(w, "pageCount", db->page_count);
    jw_known_int(w, "pageSize", db->page_size);
    jw_known_int(w, "cacheSize", db->cache_size);
    jw_known_real(w, "cacheHitRate", db_state_hit_rate(db));
    jw_known_int(w, "dbSizeBytes", db_state_bytes(db));
    jw_known_int(w, "freelistCount", db->freelist_count);
    jw_object_end(w);
}

/* --- perf/write-sources ----------------------------------------------------------------------- */

static void write_counters(struct json_write *w, const struct stats_snapshot *s)
{
    stats_json_write_sources(w, s);
    for (size_t i = 0; i < s->backfill_count; i++) {
        if (s->backfills[i].count == STATS_UNKNOWN)
            continue;
        char key[sizeof s->backfills[i].name + 16];
        (void)snprintf(key, sizeof key, "backfill_%s", s->backfills[i].name);
        jw_key(w, key);
        jw_int(w, NULL, s->backfills[i].count);
    }
}

static void write_sample(struct json_write *w, const struct moment *moment,
                         const struct stats_snapshot *s)
{
    const bool is_true = moment_is_sample_true(moment);
    jw_time(w, "sampleAt", s->sampled_at);
    stats_json_writers(w, s, is_true);
    stats_json_other_metrics(w, s);
    jw_bool(w, "stale", !moment_is_sample_fresh(moment));
    jw_string(w, "status", s->status);
    jw_time(w, "startedAt", s->started_at);
    stats_json_stopped(w, s);
    stats_json_sources(w, s);
    stats_json_workers(w, s, is_true);
    stats_json_outbox(w, s, is_true);
    stats_json_commit(w, s);
    stats_json_usage(w, s, is_true);
    stats_json_storage(w, s, is_true);
}

void answers_writes(struct json_write *w, const char *key, const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    jw_object(w, key);
    jw_object(w, "sources");
    if (s != NULL)
        write_counters(w, s);
    jw_object_end(w);
    if (s != NULL)
        write_sample(w, moment, s);
    else
        jw_string(w, "sampleAt", "");
    jw_object_end(w);
}

/* --- mqtt/status ------------------------------------------------------------------------------ */

void answers_mqtt(struct json_write *w, const char *key, const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    jw_object(w, key);
    jw_array(w, "sources");
    for (size_t i = 0; s != NULL && i < s->mqtt_count; i++)
        stats_json_mqtt(w, &s->mqtt[i], moment_is_sample_true(moment));
    jw_array_end(w);
    jw_time(w, "sampleAt", s != NULL ? s->sampled_at : STATS_UNKNOWN);
    jw_bool(w, "stale", !moment_is_sample_fresh(moment));
    if (s != NULL) {
        stats_json_stopped(w, s);
        jw_known_int(w, metric_info(METRIC_WATCHDOG_TICK)->json, s->metrics[METRIC_WATCHDOG_TICK]);
        jw_known_int(w, metric_info(METRIC_HANG_KILLS)->json, s->metrics[METRIC_HANG_KILLS]);
    }
    jw_object_end(w);
}

/* --- healthz ---------------------------------------------------------------------------------- */

static void write_checks(struct json_write *w, const struct health_report *report)
{
    jw_object(w, "checks");
    for (size_t i = 0; i < report->count; i++) {
        const struct health_check *check = &report->checks[i];
        jw_key(w, check->name);
        jw_object(w, NULL);
        jw_string(w, "status", health_level_word(check->level));
        jw_string(w, "output", check->output);
        jw_int(w, "sinceUnix", check->since_unix);
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* Nothing is filled in behind the clients' backs here; CoreScope's clients look for it. */
static void write_backfill(struct json_write *w)
{
    jw_object(w, "from_pubkey_backfill");
    jw_int(w, "total", 0);
    jw_int(w, "processed", 0);
    jw_bool(w, "done", true);
    jw_object_end(w);
}

/* Of a store in shards. */
static void write_ingestors(struct json_write *w, const struct moment *moment)
{
    struct ingestor_shown shown[INGESTORS_SHOWN_MAX];
    if (!ingestors_are_known(moment->ingestors, moment->mono))
        return;
    const size_t count = ingestors_show(moment->ingestors, moment->from->expected_ingestors,
                                        moment->wall, moment->mono, shown);
    jw_array(w, "ingestors");
    for (size_t i = 0; i < count; i++) {
        const struct ingestor_row *row = shown[i].row;
        jw_object(w, NULL);
        jw_string(w, "name", shown[i].name);
        jw_string(w, "state", ingestor_state_word(shown[i].state));
        if (row != NULL) {
            jw_int(w, "ageSeconds", shown[i].age_s);
            jw_string(w, "status", health_level_word(row->level));
            jw_known_int(w, "unaccounted", row->unaccounted);
            jw_known_int(w, "queued", row->queued);
            jw_int(w, "outboxRows", row->outbox_rows);
        }
        jw_object_end(w);
    }
    jw_array_end(w);
}

void answers_health(struct json_write *w, const char *key, const struct moment *moment,
                    const struct health_report *report, const char *reason)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    jw_object(w, key);
    jw_bool(w, "ready", report->level != HEALTH_FAIL);
    if (reason[0] != '\0')
        jw_string(w, "reason", reason);
    jw_string(w, "status", health_level_word(report->level));
    jw_known_int(w, "loadedTx", moment->db.transmissions);
    jw_known_int(w, "loadedObs", moment->db.observations);
    write_backfill(w);
    if (s != NULL)
        stats_json_liveness(w, "ingest_liveness", s);
    write_ingestors(w, moment);
    write_checks(w, report);
    jw_object_end(w);
}
