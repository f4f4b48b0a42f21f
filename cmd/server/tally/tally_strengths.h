/* SPDX-License-Identifier: MIT
 *
 * tally_strengths - how strong each radio was at the observers that received it itself: receptions
 * of floods by SNR, in bins of 1 dB, for the last hop of the path, or of an advert without a hop
 * for its sender.
 * What is beyond the bins is in the first and in the last of them. Bounds: STRENGTHS_MAX pairs of
 * radio and observer, of which the newest stay. */
#pragma once

#include "cmd/server/tally/tally.h"
#include "cmd/server/tally/tally_edges.h"

#define STRENGTHS_MAX 8192
#define STRENGTH_BINS 64
#define STRENGTH_LOW  (-32) /* dB, the lower end of the first bin */

struct strength {
    edge_end from; /* EDGE_HOP or EDGE_NODE; these two are the key */
    uint32_t observer;
    uint32_t bins[STRENGTH_BINS];
};

struct tally_strengths;

size_t tally_strengths_count(const struct tally_strengths *tally);
const struct strength *tally_strengths_at(const struct tally_strengths *tally, size_t at);
/* The middle of the bin that the median lies in, so within 0.5 dB of it; NaN = nothing counted. */
double strength_median(const uint32_t bins[static STRENGTH_BINS]);
