/* SPDX-License-Identifier: MIT
 *
 * tally_signals - how strong what was received was, how large and of which type, over the hours of
 * the window.
 *
 * Definitions. SNR: of receptions with a measured one, in bins of 1 dB, bin i from i - 64 dB on.
 * RSSI: likewise, bins of 5 dBm, bin i from 5 * i - 200 on. (What lies outside is in the first or
 * last bin; the bins of rollups, common/db/schema.h.) Hours: UTC hours, hour i is first_hour + i.
 * A packet is a transmission, counted once however many observers heard it (pairs.h), in the hour
 * of its newest reception: by type, by the bytes of its frame (of its first reception), and, of
 * those that came over a hop, by bytes a hop.
 * Bounds: fixed size; 2 MB more while it counts. */
#pragma once

#include "cmd/server/tally/tally.h"

#define SIGNAL_TYPES      16
#define SIGNAL_SNR_BINS   128
#define SIGNAL_SNR_LOW    (-64)
#define SIGNAL_RSSI_BINS  41
#define SIGNAL_RSSI_LOW   (-200)
#define SIGNAL_RSSI_WIDTH 5
#define SIGNAL_SIZES      256 /* a frame has at most 255 bytes */
#define SIGNAL_HOURS      25  /* those that a window of 24 hours touches */

struct signal_range {
    uint32_t count;
    float low, high;
    double sum;
};

struct signal_hour {
    uint32_t receptions, packets;
    uint32_t snr_count;
    double snr_sum;
    uint32_t packets_by_hop_bytes[HOP_BYTES_MAX]; /* [0]: of one byte */
};

struct tally_signals {
    int64_t first_hour; /* ms / MS_PER_HOUR */
    uint32_t receptions, packets;
    struct signal_range snr, rssi, snr_by_type[SIGNAL_TYPES];
    uint32_t snr_bins[SIGNAL_SNR_BINS], rssi_bins[SIGNAL_RSSI_BINS];
    uint32_t packets_by_type[SIGNAL_TYPES];
    uint32_t packets_by_size[SIGNAL_SIZES];
    struct signal_hour hours[SIGNAL_HOURS];
    struct pairs *pairs; /* while counting */
};
