/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/observers_routes.h"

#include "cmd/server/observers/analytics.h"
#include "cmd/server/observers/clocks.h"
#include "cmd/server/observers/last_hour.h"
#include "cmd/server/observers/metrics.h"
#include "cmd/server/observers/observer_write.h"
#include "cmd/server/observers/observers_export.h"

#include <stdlib.h>

#define LATE_EVERY 250 /* observers between two looks at the clock */

/* How many were written: all, or those that fit in the time. */
static size_t write_some(struct json_write *w, struct asking *asking, const struct directory *d,
                         const struct observer *const *all, size_t count, const int64_t *counts)
{
    for (size_t i = 0; i < count; i++) {
        if (i >= OBSERVERS_LISTED_MIN && i % LATE_EVERY == 0 && asking_is_late(asking))
            return i;
        observer_write(w, asking, all[i],
                       counts != NULL ? counts[all[i] - d->observers] : DIRECTORY_UNKNOWN);
    }
    return count;
}

static void write_list(struct json_write *w, struct asking *asking, const struct directory *d,
                       const struct observer *const *all, size_t count)
{
    int64_t *counts = calloc(d->observer_count + 1, sizeof *counts);
    const bool is_counted = counts != NULL && last_hour_count(asking, d, counts);
    jw_object(w, NULL);
    jw_array(w, "observers");
    const size_t shown = write_some(w, asking, d, all, min_size(count, OBSERVERS_LISTED_MAX),
                                    is_counted ? counts : NULL);
    jw_array_end(w);
    jw_time(w, "server_time", asking->now);
    if (shown < count) {
        jw_uint(w, "total", count);
        jw_bool(w, "cut", true);
    }
    jw_object_end(w);
    free(counts);
}

static void answer_list(struct asking *asking, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    const struct directory *d = asking_directory(asking);
    size_t count = 0;
    const struct observer **all = d != NULL ? observers_listed(d, &count) : NULL;
    if (all == NULL)
        return;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    write_list(&w, asking, d, all, count);
    http_reply_json(reply, &w);
    free(all);
}

static void answer_detail(struct asking *asking, const struct http_request *request,
                          struct http_reply *reply)
{
    const struct observer *o = observer_named(asking, request, reply);
    if (o == NULL)
        return;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    observer_write(&w, asking, o, last_hour_of(asking, o->id));
    http_reply_json(reply, &w);
}

static const struct http_parameter analytics_parameters[] = {
    {"days", HTTP_PARAMETER_INT, "How many days back: 7, at most 365"}, {0}};
static const struct http_parameter metrics_parameters[] = {
    {"resolution", HTTP_PARAMETER_TEXT, "A point per sample (5m), hour (1h) or day (1d); 5m"},
    {"since", HTTP_PARAMETER_TIME, "From when on: a day before until"},
    {"until", HTTP_PARAMETER_TIME, "Until when: now"},
    {0}};
static const struct http_parameter summary_parameters[] = {
    {"window", HTTP_PARAMETER_TEXT, "How many hours or days back: 24h, 7d, a year at most"}, {0}};

#define AN_OBSERVER "The observer's id: a public key in hex, or its name; in any case"
#define OBSERVER_SHAPE                                                                             \
    "{id: str, name: str?, iata: str?, last_seen: time?, first_seen: time?, packet_count?: int, "  \
    "model: str?, firmware: str?, client_version: str?, radio: str?, battery_mv: num?, "           \
    "uptime_secs: num?, noise_floor: num?, last_packet_at: time?, packetsLastHour: int?, "         \
    "lat: num?, lon: num?, nodeRole: str?, clock_naive: bool, clock_skew_seconds: int?, "          \
    "clock_skew_count_24h?: int, clock_last_naive_at: time?, can_relay?: bool, inventedRf?: num}"

static const struct http_parameter list_parameters[] = {
    {"cursor", HTTP_PARAMETER_TEXT, "Of a file: the cursor of the last line that came"},
    {"format", HTTP_PARAMETER_TEXT, "json; ndjson, csv: as a file"},
    {"limit", HTTP_PARAMETER_INT, "Of a file: how many lines at most"},
    {0}};

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/observers",
     .is_engined = true,
     .asker = answer_list,
     .exporter = observers_export,
     .parameters = list_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "3 ms with 200 observers and 16,000 receptions in the hour; cut at 60 ms",
     .summary = "The observers that are heard, the last heard first",
     .answer = "{observers: [" OBSERVER_SHAPE "], server_time: time, total?: int, cut?: bool}"},
    {.method = "GET",
     .path = "/api/observers/clock-skew",
     .is_engined = true,
     .asker = clocks_answer,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "8 ms with 200 observers",
     .summary = "How far the observers' clocks are ahead of ours (- behind), in seconds",
     .answer = "[{observerID: str, offsetSec: num, samples: int}]"},
    {.method = "GET",
     .path = "/api/observers/metrics/summary",
     .is_engined = true,
     .asker = metrics_summary_answer,
     .parameters = summary_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "60 ms with 200 observers, once a minute",
     .summary = "Noise floor and battery of all observers that measured something",
     .answer = "{observers: [{observer_id: str, observer_name: str?, iata?: str, "
               "current_noise_floor: num?, avg_noise_floor_24h: num?, max_noise_floor_24h: num?, "
               "battery_mv: num?, sample_count: int, sparkline: [num?]}], window: str, "
               "step_seconds: int, complete: bool}"},
    {.method = "GET",
     .path = "/api/observers/:observer",
     .is_engined = true,
     .asker = answer_detail,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1 ms",
     .summary = "One observer, also one that is not heard any more",
     .argument = AN_OBSERVER,
     .answer = OBSERVER_SHAPE},
    {.method = "GET",
     .path = "/api/observers/:observer/metrics",
     .is_engined = true,
     .asker = metrics_answer,
     .parameters = metrics_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1 ms a day, 100 ms for 173 days",
     .summary = "What an observer measured, and when it started anew",
     .argument = AN_OBSERVER,
     .answer = "{observer_id: str, observer_name: str?, metrics: [{timestamp: time, noise_floor: "
               "num?, tx_air_secs?: num, rx_air_secs?: num, recv_errors?: num, battery_mv: num?, "
               "packets_sent?: num, packets_recv?: num, tx_airtime_pct: num?, rx_airtime_pct: "
               "num?, recv_error_rate: num?, is_reboot_sample?: bool}], reboots: [time], "
               "complete: bool}"},
    {.method = "GET",
     .path = "/api/observers/:observer/analytics",
     .is_engined = true,
     .asker = analytics_answer,
     .parameters = analytics_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "30 ms",
     .summary = "What an observer heard",
     .argument = AN_OBSERVER,
     .answer = "{timeline: [{label: str, count: int}], packetTypes: {*: int}, nodesTimeline: "
               "[{label: str, count: int}], snrDistribution: [{range: str, count: int}], "
               "recentPackets: [{id: int, ...}], window: {from: time, to: time, observations: int, "
               "complete: bool, snrFrom: time}, complete: bool}"},
};
const struct route_family observers_routes = {rows, ARRAY_LEN(rows)};
