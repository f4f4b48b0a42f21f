/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/rf.h"

#include "cmd/server/analytics/places.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/radio/rf_counts.h"
#include "common/db/schema.h"

#include <stdlib.h>

#define SIGNAL_BINS_SHOWN 20
#define SIZE_BINS_SHOWN   25
#define SCATTER_SHOWN     500
#define SCATTER_ROWS      20000
#define SCATTER_TOLD      5000 /* of an engine */

static const char SQL_NEWEST[] =
    "SELECT observer_id, snr, rssi FROM observations WHERE direction = 0 AND snr NOT NULL"
    " AND rssi NOT NULL AND id > (SELECT max(id) FROM observations) - ?1 ORDER BY id DESC";

/* --- values ----------------------------------------------------------------------------------- */

static void write_range(struct json_write *w, const char *key, const struct rf_range *range,
                        const struct histogram *bins)
{
    const bool is_any = range->count > 0;
    jw_object(w, key);
    jw_rounded(w, "min", is_any ? range->min : 0, 2);
    jw_rounded(w, "max", is_any ? range->max : 0, 2);
    jw_rounded(w, "avg", is_any ? range->sum / (double)range->count : 0, 2);
    jw_rounded(w, "median", histogram_median(bins), 2);
    jw_rounded(w, "stddev", histogram_deviation(bins), 2);
    jw_object_end(w);
}

static void write_signals(struct json_write *w, const struct rf_counts *c)
{
    const struct histogram snr = {c->snr_bins, SIGNAL_SNR_BINS, SIGNAL_SNR_LOW, 1, RF_SNR_MIDDLE};
    const struct histogram rssi = {c->rssi_bins, SIGNAL_RSSI_BINS, SIGNAL_RSSI_LOW,
                                   SIGNAL_RSSI_WIDTH, RF_RSSI_MIDDLE};
    write_range(w, "snr", &c->snr, &snr);
    write_range(w, "rssi", &c->rssi, &rssi);
    histogram_write(w, "snrValues", &snr, SIGNAL_BINS_SHOWN, c->snr.min, c->snr.max);
    histogram_write(w, "rssiValues", &rssi, SIGNAL_BINS_SHOWN, c->rssi.min, c->rssi.max);
}

static void write_sizes(struct json_write *w, const struct rf_counts *c)
{
    const struct histogram sizes = {c->sizes, RF_SIZE_BINS, 0, c->size_width,
                                    (c->size_width - 1) / 2.0};
    const double min = histogram_min(&sizes);
    const double max = histogram_max(&sizes);
    histogram_write(w, "packetSizes", &sizes, SIZE_BINS_SHOWN, min, max);
    jw_int(w, "minPacketSize", (int64_t)min);
    jw_int(w, "maxPacketSize", (int64_t)max);
    jw_rounded(w, "avgPacketSize", histogram_mean(&sizes), 2);
}

/* --- types ------------------------------------------------------------------------------------ */

static void write_types(struct json_write *w, const struct rf_counts *c)
{
    jw_string(w, "typesCount", c->is_by_packet ? "packets" : "receptions");
    jw_array(w, "payloadTypes");
    for (unsigned i = 0; i < SIGNAL_TYPES; i++) {
        if (c->types[i] == 0)
            continue;
        jw_object(w, NULL);
        jw_uint(w, "type", i);
        jw_string(w, "name", meshcore_type_name(i));
        jw_uint(w, "count", c->types[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_snr_by_type(struct json_write *w, const struct rf_counts *c)
{
    jw_array(w, "snrByType");
    for (unsigned i = 0; i < SIGNAL_TYPES; i++) {
        const struct rf_range *range = &c->snr_by_type[i];
        if (range->count == 0)
            continue;
        jw_object(w, NULL);
        jw_string(w, "name", meshcore_type_name(i));
        jw_uint(w, "count", range->count);
        jw_rounded(w, "avg", range->sum / (double)range->count, 2);
        jw_rounded(w, "min", range->min, 2);
        jw_rounded(w, "max", range->max, 2);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* --- over time -------------------------------------------------------------------------------- */

static void write_hours(struct json_write *w, const struct rf_counts *c)
{
    jw_array(w, "packetsPerHour");
    for (size_t i = 0; i < c->hour_count; i++) {
        if (c->hours[i].receptions == 0)
            continue;
        jw_object(w, NULL);
        hour_write(w, "hour", c->first_hour + (int64_t)i);
        jw_uint(w, "count", c->hours[i].receptions);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_array(w, "signalOverTime");
    for (size_t i = 0; i < c->hour_count; i++) {
        const struct rf_hour *hour = &c->hours[i];
        if (hour->snr_count == 0)
            continue;
        jw_object(w, NULL);
        hour_write(w, "hour", c->first_hour + (int64_t)i);
        jw_uint(w, "count", hour->snr_count);
        jw_rounded(w, "avgSnr", hour->snr_sum / (double)hour->snr_count, 2);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_int(w, "signalBucketHours", c->is_by_day ? ROLLUP_DAY_HOURS : 1);
}

static double span_hours(const struct analytics_turn *turn, const struct rf_counts *c)
{
    for (size_t i = 0; i < c->hour_count; i++) {
        const int64_t from_ms = (c->first_hour + (int64_t)i) * MS_PER_HOUR;
        if (c->hours[i].receptions > 0)
            return (double)(turn->to_ms - (from_ms > turn->from_ms ? from_ms : turn->from_ms)) /
                   (double)MS_PER_HOUR;
    }
    return 0;
}

struct scatter {
    struct json_write *w;
    struct places places;
    size_t shown;
};

static void write_spot(void *context, const struct engine_reception *heard)
{
    struct scatter *s = context;
    if (s->shown == SCATTER_SHOWN || schema_is_invented_rf(heard->snr, heard->rssi) ||
        !places_have(&s->places, heard->observer_id))
        return;
    s->shown++;
    jw_object(s->w, NULL);
    jw_real(s->w, "snr", heard->snr);
    jw_real(s->w, "rssi", heard->rssi);
    jw_object_end(s->w);
}

/* False = the question failed. */
static bool read_newest(struct analytics_turn *turn, struct scatter *s)
{
    struct asking *asking = turn->asking;
    if (asking->model->engine != NULL) {
        const struct engine_receptions wanted = {.from_ms = turn->to_ms - MS_PER_DAY,
                                                 .to_ms = turn->to_ms,
                                                 .max = SCATTER_TOLD,
                                                 .is_measured = true};
        return asking->model->engine->receptions(asking, &wanted, write_spot, s);
    }
    struct statement *sql = reader_statement(asking->reader, SQL_NEWEST);
    if (sql == NULL)
        return false;
    bind_int(sql, 1, SCATTER_ROWS);
    while (s->shown < SCATTER_SHOWN && statement_row(sql) == STATUS_OK)
        write_spot(s, &(struct engine_reception){.observer_id = column_int(sql, 0),
                                                 .snr = column_real(sql, 1),
                                                 .rssi = column_real(sql, 2)});
    statement_done(sql);
    return true;
}

static bool write_scatter(struct json_write *w, struct analytics_turn *turn)
{
    struct scatter s = {.w = w};
    bool is_good = places_read(&s.places, turn);
    jw_array(w, "scatterData");
    is_good = is_good && read_newest(turn, &s);
    jw_array_end(w);
    places_done(&s.places);
    return is_good;
}

static void write_resolution(struct json_write *w, const struct rf_counts *c)
{
    jw_object(w, "resolution");
    jw_int(w, "snr", 1);
    jw_int(w, "rssi", SIGNAL_RSSI_WIDTH);
    jw_int(w, "size", c->size_width);
    jw_object_end(w);
}

static bool write_all(struct json_write *w, struct analytics_turn *turn, const struct rf_counts *c)
{
    jw_uint(w, "totalPackets", c->snr.count);
    jw_uint(w, "totalAllPackets", c->receptions);
    write_signals(w, c);
    if (c->is_by_packet) {
        jw_uint(w, "totalTransmissions", c->packets);
        write_sizes(w, c);
        write_snr_by_type(w, c);
    }
    write_types(w, c);
    write_hours(w, c);
    jw_rounded(w, "timeSpanHours", span_hours(turn, c), 2);
    write_resolution(w, c);
    return write_scatter(w, turn);
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    struct rf_counts *counts = calloc(1, sizeof *counts);
    const bool is_good = counts != NULL && rf_count(turn, counts) && write_all(w, turn, counts);
    free(counts);
    return is_good;
}

const struct http_parameter rf_parameters[] = {
    ANALYTICS_AREA, ANALYTICS_REGION, ANALYTICS_WINDOW, {0}};
const struct analysis analysis_rf = {.name = "rf",
                                     .compute = compute,
                                     .parameters = rf_parameters,
                                     .needs_summary = true,
                                     .takes_window = true};
