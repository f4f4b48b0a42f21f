/* SPDX-License-Identifier: MIT
 *
 * A node over some days. Its packets are its adverts: of nothing else is the sender known.
 *
 * activityTimeline, uptimeHeatmap, availabilityPct and the longest silence are of the hours of the
 * range in which an advert first came (rollups, which outlive the packets): by the hour up to three
 * days, else by the day; a silence is told to the hour, and an hour that is not over yet counts.
 * SNR, hops, coverage and relayPct (receptions that came over a hop) are of the newest adverts,
 * which `basis` names. snrTrend: the newest TREND_MAX of them. signalGrade, by the mean and the
 * standard deviation of the SNR: A above 15 with less than 2, A- above 15, B+ above 12 with less
 * than 3, B above 8, C above 3, else D; null without SNR. peerInteractions is empty: who talks to
 * whom is encrypted. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/nodes/node_find.h"
#include "cmd/server/nodes/node_receptions.h"
#include "common/db/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAYS_DEFAULT 7
#define DAYS_MAX     365
#define HOURLY_DAYS  3
#define TREND_MAX    500
#define HOP_COUNTS   (MESHCORE_PATH_MAX + 1)

static const char SQL_HOURS[] =
    "SELECT hour, transmissions FROM rollups WHERE kind = ?1 AND key = ?2"
    " AND hour >= ?3 AND hour <= ?4 AND transmissions > 0"
    " ORDER BY hour";

/* --- hours ------------------------------------------------------------------------------------ */

struct hours {
    int64_t from, to; /* hours since 1970, both in the range */
    bool is_whole;    /* nothing of them is lacking */
    int64_t total, active;
    int64_t silence, silence_from; /* of the longest, in hours */
    uint32_t counts[DAYS_MAX * 24 + 1];
};

static void note_hour(void *context, const struct engine_sum *sum)
{
    struct hours *out = context;
    if (sum->hour < out->from || sum->hour > out->to || sum->transmissions == 0)
        return;
    uint32_t *count = &out->counts[sum->hour - out->from];
    out->active += *count == 0;
    *count += (uint32_t)sum->transmissions;
    out->total += (int64_t)sum->transmissions;
}

static void read_hours(const struct facts *facts, const struct node *node, struct hours *out)
{
    const struct engine *engine = facts->asking->model->engine;
    if (engine != NULL) {
        const struct engine_sums wanted = {
            .kinds = 1U << ROLLUP_NODE, .node_id = node->id, .from_hour = out->from};
        (void)engine->sums(facts->asking, &wanted, note_hour, out, &out->is_whole);
        return;
    }
    out->is_whole = true;
    struct statement *row = reader_statement(facts->asking->reader, SQL_HOURS);
    if (row == NULL)
        return;
    bind_int(row, 1, ROLLUP_NODE);
    bind_int(row, 2, node->id);
    bind_int(row, 3, out->from);
    bind_int(row, 4, out->to);
    while (statement_row(row) == STATUS_OK) {
        const int64_t count = column_int(row, 1);
        out->counts[column_int(row, 0) - out->from] = (uint32_t)count;
        out->total += count;
        out->active++;
    }
}

static void find_silence(struct hours *hours)
{
    int64_t run = 0;
    for (int64_t hour = hours->from; hour <= hours->to; hour++) {
        run = hours->counts[hour - hours->from] == 0 ? run + 1 : 0;
        if (run > hours->silence) {
            hours->silence = run;
            hours->silence_from = hour - run + 1;
        }
    }
}

static void write_timeline(struct json_write *w, const struct hours *hours, size_t days)
{
    const int64_t step = days <= HOURLY_DAYS ? 1 : 24;
    jw_array(w, "activityTimeline");
    for (int64_t at = hours->from - hours->from % step; at <= hours->to; at += step) {
        uint64_t count = 0;
        for (int64_t hour = at; hour < at + step; hour++)
            if (hour >= hours->from && hour <= hours->to)
                count += hours->counts[hour - hours->from];
        jw_object(w, NULL);
        node_time(w, "bucket", at * MS_PER_HOUR);
        jw_uint(w, "count", count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Monday is 1, Sunday 0; UTC. 1970 began on a Thursday. */
static void write_heatmap(struct json_write *w, const struct hours *hours)
{
    uint64_t cells[7][24] = {0};
    for (int64_t hour = hours->from; hour <= hours->to; hour++)
        cells[(hour / 24 + 4) % 7][hour % 24] += hours->counts[hour - hours->from];
    jw_array(w, "uptimeHeatmap");
    for (unsigned day = 0; day < 7; day++) {
        for (unsigned hour = 0; hour < 24; hour++) {
            if (cells[day][hour] == 0)
                continue;
            jw_object(w, NULL);
            jw_uint(w, "dayOfWeek", day);
            jw_uint(w, "hour", hour);
            jw_uint(w, "count", cells[day][hour]);
            jw_object_end(w);
        }
    }
    jw_array_end(w);
}

/* --- receptions ------------------------------------------------------------------------------- */

struct signals {
    struct table observers;
    struct node_heard all;
    double snr_squares;
    uint32_t relayed;
    uint32_t hops[HOP_COUNTS];
    size_t trend_count;
    struct node_reception trend[TREND_MAX];
};

static void note(void *context, const struct node_reception *r)
{
    struct signals *s = context;
    node_heard_note(&s->observers, r);
    node_heard_add(&s->all, r);
    if (r->hops >= 0 && r->hops < HOP_COUNTS) {
        s->hops[r->hops]++;
        s->relayed += r->hops > 0;
    }
    if (isnan(r->snr))
        return;
    s->snr_squares += r->snr * r->snr;
    if (s->trend_count < TREND_MAX)
        s->trend[s->trend_count++] = *r;
}

static int by_receipt(const void *a, const void *b)
{
    const struct node_reception *x = a;
    const struct node_reception *y = b;
    return (x->receipt_ms > y->receipt_ms) - (x->receipt_ms < y->receipt_ms);
}

static void write_trend(struct json_write *w, struct asking *asking, struct signals *s)
{
    qsort(s->trend, s->trend_count, sizeof s->trend[0], by_receipt);
    jw_array(w, "snrTrend");
    for (size_t i = 0; i < s->trend_count; i++) {
        const struct observer *observer = asking_observer(asking, s->trend[i].observer_id);
        if (observer == NULL || observer->is_hidden)
            continue;
        jw_object(w, NULL);
        node_time(w, "timestamp", s->trend[i].receipt_ms);
        jw_real(w, "snr", s->trend[i].snr);
        jw_real(w, "rssi", s->trend[i].rssi);
        jw_string(w, "observer_id", observer->identity);
        jw_string_or_null(w, "observer_name", observer->name);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_hops(struct json_write *w, const struct signals *s)
{
    jw_array(w, "hopDistribution");
    for (unsigned hops = 0; hops < HOP_COUNTS; hops++) {
        char text[16];
        if (s->hops[hops] == 0)
            continue;
        (void)snprintf(text, sizeof text, "%u", hops);
        jw_object(w, NULL);
        jw_string(w, "hops", text);
        jw_uint(w, "count", s->hops[hops]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* --- what follows from both ------------------------------------------------------------------- */

static const char *grade(double mean, double deviation)
{
    return mean > 15 && deviation < 2   ? "A"
           : mean > 15                  ? "A-"
           : mean > 12 && deviation < 3 ? "B+"
           : mean > 8                   ? "B"
           : mean > 3                   ? "C"
                                        : "D";
}

static void write_signal(struct json_write *w, const struct signals *s)
{
    const uint32_t count = s->all.snr_count;
    if (count == 0) {
        jw_null(w, "signalGrade");
        jw_null(w, "snrMean");
        jw_null(w, "snrStdDev");
        return;
    }
    const double mean = s->all.snr_sum / count;
    const double deviation = sqrt(fmax(0, s->snr_squares / count - mean * mean));
    jw_string(w, "signalGrade", grade(mean, deviation));
    jw_decimal(w, "snrMean", llround(mean * 100), 2);
    jw_decimal(w, "snrStdDev", llround(deviation * 100), 2);
}

static void write_computed(struct json_write *w, const struct hours *hours, const struct signals *s,
                           size_t days)
{
    const double range = (double)(hours->to - hours->from + 1);
    jw_object(w, "computedStats");
    jw_decimal(w, "availabilityPct", llround(1000 * (double)hours->active / range), 1);
    jw_int(w, "longestSilenceMs", hours->silence * MS_PER_HOUR);
    node_time(w, "longestSilenceStart",
              hours->silence > 0 ? hours->silence_from * MS_PER_HOUR : DIRECTORY_NEVER);
    write_signal(w, s);
    if (s->all.hops_count > 0)
        jw_decimal(w, "relayPct", llround(1000.0 * s->relayed / s->all.hops_count), 1);
    else
        jw_null(w, "relayPct");
    jw_int(w, "totalPackets", hours->total);
    jw_int(w, "totalTransmissions", hours->total);
    jw_uint(w, "uniqueObservers", s->observers.count);
    jw_uint(w, "uniquePeers", 0);
    jw_decimal(w, "avgPacketsPerDay", llround(100 * (double)hours->total / (double)days), 2);
    jw_object_end(w);
}

static void write_types(struct json_write *w, int64_t adverts)
{
    jw_array(w, "packetTypeBreakdown");
    if (adverts > 0) {
        jw_object(w, NULL);
        jw_int(w, "payload_type", MESHCORE_ADVERT);
        jw_int(w, "count", adverts);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* What is too large for a stack. */
struct work {
    struct hours hours;
    struct signals signals;
};

static void write_answer(struct json_write *w, const struct facts *facts, const struct node *node,
                         struct work *work, size_t days)
{
    const int64_t from_ms = facts->now_ms - (int64_t)days * MS_PER_DAY;
    struct node_span span =
        node_receptions_each(facts->asking, node->id, from_ms, note, &work->signals);
    work->hours.from = from_ms / MS_PER_HOUR + 1;
    work->hours.to = facts->now_ms / MS_PER_HOUR;
    read_hours(facts, node, &work->hours);
    span.is_complete &= work->hours.is_whole;
    find_silence(&work->hours);
    node_write(w, "node", facts, node);
    jw_object(w, "timeRange");
    node_time(w, "from", work->hours.from * MS_PER_HOUR);
    node_time(w, "to", facts->now_ms);
    jw_uint(w, "days", days);
    jw_object_end(w);
    write_timeline(w, &work->hours, days);
    write_trend(w, facts->asking, &work->signals);
    write_types(w, work->hours.total);
    node_heard_write(w, "observerCoverage", facts->asking, &work->signals.observers);
    write_hops(w, &work->signals);
    jw_array(w, "peerInteractions");
    jw_array_end(w);
    write_heatmap(w, &work->hours);
    write_computed(w, &work->hours, &work->signals, days);
    node_span_write(w, &span);
}

static void answer_analytics(const struct facts *facts, const struct node *node,
                             const struct http_request *request, struct http_reply *reply)
{
    const size_t days = http_query_limit(request->query, "days", DAYS_DEFAULT, DAYS_MAX);
    struct work *work = calloc(1, sizeof *work);
    struct json_write w;
    if (work == NULL)
        return;
    node_heard_init(&work->signals.observers);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    write_answer(&w, facts, node, work, days);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    table_done(&work->signals.observers);
    free(work);
}

void nodes_ask_analytics(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply)
{
    node_ask(asking, request, reply, false, answer_analytics);
}
