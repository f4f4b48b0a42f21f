/* SPDX-License-Identifier: MIT
 *
 * rf_counts - the figures of rf, counted: from the summary of the last 24 hours, or from the hourly
 * and daily sums of longer windows. The definitions stand in rf.h.
 * Threads: that of the turn. Cost: from the summary nothing; from sums 3,300 keys of 1 us and the
 * rows of the window; with a filter 190 keys an observer. */
#pragma once

#include "cmd/server/analytics/analysis.h"
#include "cmd/server/tally/tally_signals.h"

#define RF_HOURS_MAX   (31 * 24)
#define RF_SIZE_BINS   SIGNAL_SIZES
#define RF_SIZE_WIDTH  4 /* of sums */
#define RF_SNR_MIDDLE  0.375
#define RF_RSSI_MIDDLE 2

/* count 0: the others say nothing */
struct rf_range {
    uint64_t count;
    double min, max, sum;
};

struct rf_hour {
    uint64_t receptions, snr_count;
    double snr_sum;
};

struct rf_counts {
    bool is_by_packet; /* types, sizes and packets are of packets; else types of receptions */
    bool is_by_day;    /* of hours only the first of a day has SNR */
    int size_width;
    int64_t first_hour; /* ms / MS_PER_HOUR */
    size_t hour_count;
    uint64_t receptions, packets;
    struct rf_range snr, rssi, snr_by_type[SIGNAL_TYPES];
    uint64_t snr_bins[SIGNAL_SNR_BINS], rssi_bins[SIGNAL_RSSI_BINS];
    uint64_t types[SIGNAL_TYPES], sizes[RF_SIZE_BINS];
    struct rf_hour hours[RF_HOURS_MAX];
};

/* Sets the turn's window, too. out: zeroed. False = the question failed. */
NODISCARD bool rf_count(struct analytics_turn *turn, struct rf_counts *out);
