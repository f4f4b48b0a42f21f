/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_signals.h"

#include "cmd/server/tally/pairs.h"
#include "common/base/clock.h"

#include <math.h>
#include <stdlib.h>

/* In pairs. */
enum { ANY_PACKET, PACKET_WITH_HOPS };

static void destroy(void *tally)
{
    struct tally_signals *t = tally;
    if (t == NULL)
        return;
    pairs_free(t->pairs);
    free(t);
}

static void *make(const struct tally_window *window)
{
    struct tally_signals *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->first_hour = window->from_ms / MS_PER_HOUR;
    t->pairs = pairs_new();
    if (t->pairs == NULL) {
        destroy(t);
        return NULL;
    }
    return t;
}

static void add_value(struct signal_range *range, double value)
{
    const float v = (float)value;
    range->low = range->count == 0 || v < range->low ? v : range->low;
    range->high = range->count == 0 || v > range->high ? v : range->high;
    range->sum += value;
    range->count++;
}

static size_t bin_of(double value, int low, int width, size_t bins)
{
    const double bin = floor((value - low) / width);
    return bin < 0 ? 0 : bin >= (double)bins ? bins - 1 : (size_t)bin;
}

static void add_signal(struct tally_signals *t, const struct reception *r, struct signal_hour *hour)
{
    if (!isnan(r->snr)) {
        add_value(&t->snr, r->snr);
        add_value(&t->snr_by_type[r->type % SIGNAL_TYPES], r->snr);
        t->snr_bins[bin_of(r->snr, SIGNAL_SNR_LOW, 1, SIGNAL_SNR_BINS)]++;
        hour->snr_count++;
        hour->snr_sum += r->snr;
    }
    if (!isnan(r->rssi)) {
        add_value(&t->rssi, r->rssi);
        t->rssi_bins[bin_of(r->rssi, SIGNAL_RSSI_LOW, SIGNAL_RSSI_WIDTH, SIGNAL_RSSI_BINS)]++;
    }
}

static void add(void *tally, const struct reception *r)
{
    struct tally_signals *t = tally;
    const int64_t at = r->receipt_ms / MS_PER_HOUR - t->first_hour;
    struct signal_hour *hour = &t->hours[at < 0 ? 0 : min_size((size_t)at, SIGNAL_HOURS - 1)];
    t->receptions++;
    hour->receptions++;
    add_signal(t, r, hour);
    if (pairs_add(t->pairs, ANY_PACKET, r->transmission_id)) {
        t->packets++;
        t->packets_by_type[r->type % SIGNAL_TYPES]++;
        t->packets_by_size[min_size(r->frame_bytes, SIGNAL_SIZES - 1)]++;
        hour->packets++;
    }
    if (r->has_hops && r->hop_count > 0 &&
        pairs_add(t->pairs, PACKET_WITH_HOPS, r->transmission_id))
        hour->packets_by_hop_bytes[r->hop_bytes - 1]++;
}

static void finish(void *tally)
{
    struct tally_signals *t = tally;
    pairs_free(t->pairs);
    t->pairs = NULL;
}

static bool is_cut(const void *tally)
{
    (void)tally;
    return false;
}

static size_t bytes(const void *tally)
{
    (void)tally;
    return sizeof(struct tally_signals);
}

const struct tally_kind tally_signals = {make, add, finish, is_cut, bytes, destroy};
