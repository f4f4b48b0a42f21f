/* SPDX-License-Identifier: MIT
 *
 * /api/ops/snapshot: all that the ops page shows, in one answer. Its members health, writes, mqtt,
 * io and sqlite are the answers of the plain routes (answers.h): who can't have this one asks
 * those. */
#include "cmd/server/api/families.h"
#include "cmd/server/backup/backups.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/answers.h"
#include "cmd/server/ops/ops.h"
#include "cmd/server/traffic/traffic.h"
#include "common/base/version.h"
#include "common/config/config.h"
#include "common/stats/stats_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_USUAL 20
#define DIGITS       4
#define NUMBER_MAX   15 /* digits of an event's number */

static const struct http_parameter parameters[] = {
    {"after", HTTP_PARAMETER_INT,
     "Only events with a greater number: lastEvent of an answer before"},
    {"events", HTTP_PARAMETER_INT, "How many events at most, the newest: 20, at most 200"},
    {0},
};

/* What is no number is as if it were not there. */
static int64_t after_of(const struct http_query *query)
{
    const char *text = http_query_text(query, "after");
    if (text == NULL || strspn(text, "0123456789") != strlen(text) || strlen(text) > NUMBER_MAX)
        return 0;
    return strtoll(text, NULL, 10);
}

/* Four digits are enough to look at. */
static void put_rounded(struct json_write *w, const char *key, double value)
{
    if (!isfinite(value))
        return;
    const double scale = value != 0 ? pow(10, DIGITS - ceil(log10(fabs(value)))) : 1;
    jw_real(w, key, scale >= 1 ? round(value * scale) / scale : round(value));
}

/* --- figures ---------------------------------------------------------------------------------- */

static void write_figures(struct json_write *w, const struct ops_view *view)
{
    char text[OPS_TEXT_MAX];
    jw_object(w, "figures");
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        const struct ops_figure *f = &view->figures[i];
        jw_object(w, figure_names[i]);
        put_rounded(w, "value", f->value);
        jw_string(w, "verdict", anomaly_word(f->verdict));
        if (f->since_unix > 0)
            jw_int(w, "sinceUnix", f->since_unix);
        put_rounded(w, "usual", f->band.median);
        put_rounded(w, "low", f->band.low < 0 ? 0 : f->band.low); /* no figure is below 0 */
        put_rounded(w, "high", f->band.high);
        ops_figure_text((enum figure)i, f, text);
        if (text[0] != '\0')
            jw_string(w, "text", text);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void write_silence(struct json_write *w, const struct ops_view *view)
{
    jw_object(w, "silence");
    for (size_t i = 0; i < view->silence_count; i++) {
        const struct silence *s = &view->silences[i];
        jw_key(w, s->source);
        jw_object(w, NULL);
        jw_known_int(w, "usualSeconds", s->usual_s);
        jw_known_int(w, "limitSeconds", s->limit_s);
        jw_known_int(w, "silentSeconds", s->silent_s);
        jw_bool(w, "silent", s->is_silent);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void write_backup(struct json_write *w, const struct moment *moment)
{
    struct backups_told told;
    backups_tell(moment->from->backups, &told);
    if (told.is_off)
        return;
    jw_object(w, "backup");
    if (told.last.at_unix > 0) {
        jw_int(w, "lastUnix", told.last.at_unix);
        jw_int(w, "bytes", told.last.bytes);
    }
    if (told.failed_unix > 0) {
        jw_int(w, "failedUnix", told.failed_unix);
        jw_string(w, "error", told.failure);
    }
    jw_object_end(w);
}

static void write_integrity(struct json_write *w, const struct moment *moment)
{
    static const char *const words[] = {[INTEGRITY_UNKNOWN] = "unknown",
                                        [INTEGRITY_SOUND] = "sound",
                                        [INTEGRITY_DAMAGED] = "damaged"};
    struct integrity_state state;
    integrity_get(moment->from->integrity, &state);
    if (state.at_unix == 0)
        return;
    jw_object(w, "integrity");
    jw_string(w, "verdict", words[state.verdict]);
    jw_int(w, "atUnix", state.at_unix);
    jw_int(w, "tables", state.tables);
    jw_int(w, "late", state.late);
    if (state.text[0] != '\0')
        jw_string(w, "text", state.text);
    jw_object_end(w);
}

static void write_storage(struct json_write *w, const struct moment *moment,
                          const struct ops_view *view)
{
    const struct forecast *f = &view->forecast;
    jw_object(w, "storage");
    put_rounded(w, "growthBytesPerDay", f->growth_per_day);
    jw_int(w, "basisSeconds", f->basis_s);
    put_rounded(w, "daysToDisk", f->days_to_disk);
    put_rounded(w, "daysToLimit", f->days_to_limit);
    jw_known_int(w, "oldestUnix", moment->db.look.oldest_unix);
    write_backup(w, moment);
    write_integrity(w, moment);
    jw_object_end(w);
}

/* --- the server ------------------------------------------------------------------------------- */

static void write_http(struct json_write *w, const struct traffic *traffic)
{
    static const char *const keys[TRAFFIC_CLASSES] = {NULL, "2xx", "3xx", "4xx", "5xx"};
    struct traffic_recent recent;
    uint64_t classes[TRAFFIC_CLASSES];
    traffic_recent(traffic, &recent);
    traffic_classes(traffic, classes);
    jw_object(w, "http");
    jw_known_real(w, "p50", recent.p50);
    jw_known_real(w, "p95", recent.p95);
    jw_known_real(w, "p99", recent.p99);
    jw_uint(w, "lastMinute", recent.count);
    for (size_t i = 1; i < TRAFFIC_CLASSES; i++)
        jw_uint(w, keys[i], classes[i]);
    jw_object_end(w);
}

static void write_server(struct json_write *w, const struct moment *moment)
{
    struct own_process_figures process;
    own_process_get(moment->from->process, &process);
    jw_object(w, "server");
    jw_string(w, "version", version_number());
    jw_int(w, "uptimeSeconds", traffic_uptime(moment->from->traffic) / US_PER_S);
    jw_known_real(w, "cpuSeconds", process.cpu_s);
    jw_known_real(w, "rssBytes", process.resident_bytes);
    jw_object_end(w);
}

/* For who sets it up: where this server looks for an ingestor of which there is no trace. */
static void write_expected(struct json_write *w, const struct moment *moment)
{
    const struct config *config = moment->from->started_with;
    if (moment->stats->status != STATUS_NOT_FOUND)
        return;
    jw_object(w, "expected");
    if (config->file != NULL)
        jw_string(w, "config", config->file);
    jw_string(w, "statsFile", config->stats_file);
    jw_object_end(w);
}

static void write_events(struct json_write *w, struct ops *ops, const struct http_query *query,
                         struct stats_event *events)
{
    const size_t most = http_query_limit(query, "events", EVENTS_USUAL, STATS_EVENTS_MAX);
    int64_t last;
    const size_t count = ops_events(ops, after_of(query), most, events, &last);
    jw_int(w, "lastEvent", last);
    jw_array(w, "events");
    for (size_t i = 0; i < count; i++)
        stats_json_event(w, &events[i]);
    jw_array_end(w);
}

static void render_snapshot(struct moment *moment, const struct http_request *request,
                            struct http_reply *reply)
{
    const struct health_report *report = moment_health(moment);
    struct stats_event *events = calloc(STATS_EVENTS_MAX, sizeof *events);
    struct ops_view view;
    struct json_write w;
    if (report == NULL || events == NULL) {
        free(events);
        return; /* no body: no memory */
    }
    ops_look(moment->from->ops, &view);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_int(&w, "atUnix", moment->wall / US_PER_S);
    answers_health(&w, "health", moment, report, report->reason);
    answers_writes(&w, "writes", moment);
    answers_mqtt(&w, "mqtt", moment);
    answers_io(&w, "io", moment);
    answers_sqlite(&w, "sqlite", moment);
    write_http(&w, moment->from->traffic);
    write_server(&w, moment);
    write_figures(&w, &view);
    write_silence(&w, &view);
    write_storage(&w, moment, &view);
    write_expected(&w, moment);
    write_events(&w, moment->from->ops, request->query, events);
    jw_object_end(&w);
    free(events);
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/ops/snapshot",
     .renderer = render_snapshot,
     .parameters = parameters,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary =
         "All that the ops page shows: health, ledger, sources, figures with their verdicts, "
         "storage with its forecast, events",
     .answer =
         "{atUnix: unix, health: health, writes: writes, mqtt: mqtt_status, io: io, "
         "sqlite: sqlite, http: {p50?: num, p95?: num, p99?: num, lastMinute: int, "
         "2xx: int, 3xx: int, 4xx: int, 5xx: int}, server: {version: str, "
         "uptimeSeconds: int, cpuSeconds?: num, rssBytes?: int}, figures: {*: figure}, "
         "silence: {*: {usualSeconds?: int, limitSeconds?: int, silentSeconds?: int, silent: bool}}, "
         "storage: {growthBytesPerDay?: num, basisSeconds: int, daysToDisk?: num, "
         "daysToLimit?: num, oldestUnix?: unix, "
         "backup?: {lastUnix?: unix, bytes?: int, failedUnix?: unix, error?: str}, "
         "integrity?: {verdict: str, atUnix: unix, tables: int, late: int, text?: str}}, expected?: {config?: str, statsFile: str}, lastEvent: int, events: [event]}"},
};
const struct route_family api_ops_routes = {rows, ARRAY_LEN(rows)};
