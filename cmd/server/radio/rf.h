/* SPDX-License-Identifier: MIT
 *
 * rf - /api/analytics/rf?window&region&area: how strong what was received was, how much of it, of
 * which type and size.
 *
 * A reception is a row of observations that an observer received (not what it sent itself). A
 * packet is a transmission, counted once.
 *   totalAllPackets    receptions                 totalPackets  those of them with a measured SNR
 *   totalTransmissions packets
 *   snr, rssi          of measured values (schema_is_invented_rf is none): min, max, avg, median,
 *                      standard deviation. snrValues, rssiValues: their histograms, at most 20 bins
 *   packetSizes        bytes of the packets' frames (of the first reception), at most 25 bins
 *   packetsPerHour     receptions by UTC hour     signalOverTime  their mean SNR
 *   payloadTypes       packets by type            snrByType       SNR of receptions by type
 *   scatterData        the newest 500 receptions with both values
 *   timeSpanHours      from the first hour in which something was received to now
 *   resolution         how wide the bins are that median and deviation are taken from: exact are,
 *                      of 24 hours, min, max, avg and sizes
 * window=24h: the last 24 hours, counted by the summary (tally_signals). 7d and 30d: this UTC day
 * and the 6 or 29 before, from the sums that the flusher keeps: SNR, RSSI, NETWORK, TYPE by hour,
 * TYPE_SIZE by hour and TYPE_SNR by day, the last two some half a minute late; with a filter
 * OBSERVER and OBSERVER_TYPE by hour, OBSERVER_SNR and OBSERVER_RSSI by day: then signalOverTime is
 * by day, payloadTypes counts receptions (`typesCount` says so), and what no sum is kept of is left
 * out: totalTransmissions, packetSizes and its figures, snrByType. */
#pragma once

#include "cmd/server/analytics/analysis.h"
#include "cmd/server/analytics/histogram.h"

extern const struct analysis analysis_rf;
extern const struct http_parameter rf_parameters[];
#define RF_RANGE_SHAPE "{min: num, max: num, avg: num, median: num, stddev: num}"
#define RF_SHAPE                                                                                   \
    "{totalPackets: int, totalAllPackets: int, totalTransmissions?: int, snr: " RF_RANGE_SHAPE     \
    ", rssi: " RF_RANGE_SHAPE ", snrValues: " HISTOGRAM_SHAPE ", rssiValues: " HISTOGRAM_SHAPE     \
    ", packetSizes?: " HISTOGRAM_SHAPE                                                             \
    ", minPacketSize?: int, maxPacketSize?: int, avgPacketSize?: num, packetsPerHour: [{hour: "    \
    "str, count: int}], typesCount: 'packets'|'receptions', payloadTypes: [{type: int, name: "     \
    "str, count: int}], snrByType?: [{name: str, count: int, avg: num, min: num, max: num}], "     \
    "signalOverTime: [{hour: str, count: int, avgSnr: num}], signalBucketHours: int, "             \
    "scatterData: [{snr: num, rssi: num}], timeSpanHours: num, resolution: {snr: num, rssi: num, " \
    "size: num}, " ANALYTICS_TAIL "}"
