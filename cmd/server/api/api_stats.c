/* SPDX-License-Identifier: MIT
 *
 * /api/stats: totals from the database poller, all by one look. Fields about Go or an in-memory
 * store are 0, and what was not (yet) counted is left out: never an invented figure. */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "common/base/version.h"
#include "common/json/json_write.h"

/* DB_UNKNOWN is left out like the writer's own. */
_Static_assert(DB_UNKNOWN == JW_UNKNOWN, "one number means unknown");

static double own_rss_mb(const struct moment *moment)
{
    struct own_process_figures process;
    own_process_get(moment->from->process, &process);
    return process.resident_bytes / 1048576.0;
}

static void write_totals(struct json_write *w, const struct db_look *look)
{
    jw_known_int(w, "totalPackets", look->transmissions);
    jw_known_int(w, "totalTransmissions", look->transmissions);
    jw_known_int(w, "totalObservations", look->observations);
    jw_known_int(w, "totalNodes", look->nodes_week);
    jw_known_int(w, "totalNodesAllTime", look->nodes);
    jw_known_int(w, "totalObservers", look->observers);
    jw_known_int(w, "packetsLastHour", look->observations_hour);
    jw_known_int(w, "packetsLast24h", look->observations_day);
}

static void write_counts(struct json_write *w, const struct db_look *look)
{
    jw_object(w, "counts");
    jw_known_int(w, "repeaters", look->repeaters);
    jw_known_int(w, "rooms", look->rooms);
    jw_known_int(w, "companions", look->companions);
    jw_known_int(w, "sensors", look->sensors);
    jw_object_end(w);
}

static void render_stats(struct moment *moment, const struct http_request *request,
                         struct http_reply *reply)
{
    (void)request;
    const struct stats_snapshot *s = moment_snapshot(moment);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    write_totals(&w, &moment->db.look);
    jw_string(&w, "engine", "weir");
    jw_string(&w, "version", version_number());
    jw_string(&w, "commit", version_commit());
    jw_string(&w, "buildTime", version_build_time());
    write_counts(&w, &moment->db.look);
    if (s != NULL && s->metrics[METRIC_SIG_DROPS] > 0)
        jw_int(&w, "signatureDrops", s->metrics[METRIC_SIG_DROPS]);
    jw_bool(&w, "hashMigrationComplete", true);
    jw_int(&w, "trackedMB", 0);
    jw_int(&w, "storeDataMB", 0);
    jw_known_real(&w, "processRSSMB", own_rss_mb(moment));
    jw_int(&w, "goHeapInuseMB", 0);
    jw_int(&w, "goSysMB", 0);
    jw_int(&w, "neighborGraphCacheRebuildFailures", 0);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/stats",
     .renderer = render_stats,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "Totals of the database, all of one look",
     .answer = "{totalPackets?: int, totalTransmissions?: int, totalObservations?: int, "
               "totalNodes?: int, totalNodesAllTime?: int, totalObservers?: int, "
               "packetsLastHour?: int, packetsLast24h?: int, engine: str, version: str, "
               "commit: str, buildTime: str, counts: {repeaters?: int, rooms?: int, "
               "companions?: int, sensors?: int}, signatureDrops?: int, "
               "hashMigrationComplete: bool, trackedMB: num, storeDataMB: num, "
               "processRSSMB?: num, goHeapInuseMB: num, goSysMB: num, "
               "neighborGraphCacheRebuildFailures: int}"},
};
const struct route_family api_stats_routes = {rows, ARRAY_LEN(rows)};
