/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_strengths.h"

#include "cmd/server/tally/table.h"

#include <math.h>
#include <stdlib.h>

_Static_assert(offsetof(struct strength, bins) == 12, "the key has no padding");

struct tally_strengths {
    struct table pairs;
};

static void destroy(void *tally)
{
    struct tally_strengths *t = tally;
    if (t == NULL)
        return;
    table_done(&t->pairs);
    free(t);
}

static void *make(const struct tally_window *window)
{
    (void)window;
    struct tally_strengths *t = calloc(1, sizeof *t);
    if (t != NULL)
        table_init(&t->pairs, sizeof(struct strength), offsetof(struct strength, bins),
                   STRENGTHS_MAX);
    return t;
}

static size_t bin_of(double snr)
{
    const double at = floor(snr) - STRENGTH_LOW;
    return at < 0 ? 0 : at < STRENGTH_BINS ? (size_t)at : STRENGTH_BINS - 1;
}

static void add(void *tally, const struct reception *r)
{
    struct tally_strengths *t = tally;
    struct {
        edge_end from;
        uint32_t observer, unused;
    } key = {.observer = (uint32_t)r->observer_id};
    if (!r->has_hops || isnan(r->snr) || (r->hop_count == 0 && r->sender == 0))
        return;
    key.from = r->hop_count > 0 ? edge_end_of(EDGE_HOP, reception_hop(r, r->hop_count - 1U))
                                : edge_end_of(EDGE_NODE, r->sender);
    struct strength *pair = table_take(&t->pairs, &key, NULL);
    if (pair != NULL)
        pair->bins[bin_of(r->snr)]++;
}

static bool is_cut(const void *tally)
{
    return ((const struct tally_strengths *)tally)->pairs.is_cut;
}

static size_t bytes(const void *tally)
{
    const struct tally_strengths *t = tally;
    return sizeof *t + table_bytes(&t->pairs);
}

const struct tally_kind tally_strengths = {make, add, NULL, is_cut, bytes, destroy};

size_t tally_strengths_count(const struct tally_strengths *tally)
{
    return tally->pairs.count;
}

const struct strength *tally_strengths_at(const struct tally_strengths *tally, size_t at)
{
    return table_at(&tally->pairs, at);
}

/* The middle of the bin of the value with this number, in their order. */
static double value_at(const uint32_t *bins, uint64_t number)
{
    size_t bin = 0;
    while (bin < STRENGTH_BINS - 1 && number >= bins[bin])
        number -= bins[bin++];
    return STRENGTH_LOW + (double)bin + 0.5;
}

double strength_median(const uint32_t bins[static STRENGTH_BINS])
{
    uint64_t count = 0;
    for (size_t i = 0; i < STRENGTH_BINS; i++)
        count += bins[i];
    if (count == 0)
        return (double)NAN;
    return (value_at(bins, (count - 1) / 2) + value_at(bins, count / 2)) / 2;
}
