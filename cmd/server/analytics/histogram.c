/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/histogram.h"

#include <math.h>

uint64_t histogram_total(const struct histogram *h)
{
    uint64_t total = 0;
    for (size_t i = 0; i < h->bins; i++)
        total += h->counts[i];
    return total;
}

/* The first and the last bin that something fell into. False = nothing did. */
static bool ends(const struct histogram *h, size_t *out_first, size_t *out_last)
{
    bool is_any = false;
    for (size_t i = 0; i < h->bins; i++) {
        if (h->counts[i] == 0)
            continue;
        if (!is_any)
            *out_first = i;
        *out_last = i;
        is_any = true;
    }
    return is_any;
}

static double value_of(const struct histogram *h, size_t bin)
{
    return h->low + (double)bin * h->width + h->middle;
}

double histogram_min(const struct histogram *h)
{
    size_t first = 0;
    size_t last = 0;
    return ends(h, &first, &last) ? h->low + (double)first * h->width : 0;
}

double histogram_max(const struct histogram *h)
{
    size_t first = 0;
    size_t last = 0;
    return ends(h, &first, &last) ? value_of(h, last) + h->middle : 0;
}

double histogram_mean(const struct histogram *h)
{
    const uint64_t total = histogram_total(h);
    double sum = 0;
    for (size_t i = 0; i < h->bins; i++)
        sum += (double)h->counts[i] * value_of(h, i);
    return total > 0 ? sum / (double)total : 0;
}

/* The value of that rank, from 0. */
static double at_rank(const struct histogram *h, uint64_t rank)
{
    uint64_t below = 0;
    for (size_t i = 0; i < h->bins; i++) {
        below += h->counts[i];
        if (below > rank)
            return value_of(h, i);
    }
    return 0;
}

double histogram_median(const struct histogram *h)
{
    const uint64_t total = histogram_total(h);
    return total > 0 ? (at_rank(h, (total - 1) / 2) + at_rank(h, total / 2)) / 2 : 0;
}

double histogram_deviation(const struct histogram *h)
{
    const uint64_t total = histogram_total(h);
    const double mean = histogram_mean(h);
    double squares = 0;
    for (size_t i = 0; i < h->bins; i++) {
        const double d = value_of(h, i) - mean;
        squares += (double)h->counts[i] * d * d;
    }
    return total > 0 ? sqrt(squares / (double)total) : 0;
}

void histogram_write(struct json_write *w, const char *key, const struct histogram *h,
                     size_t at_most, double min, double max)
{
    size_t first = 0;
    size_t last = 0;
    const bool is_any = ends(h, &first, &last);
    const size_t together = is_any ? (last - first) / at_most + 1 : 1;
    jw_object(w, key);
    jw_array(w, "bins");
    for (size_t i = first; is_any && i <= last; i += together) {
        uint64_t count = 0;
        for (size_t j = i; j < i + together && j < h->bins; j++)
            count += h->counts[j];
        jw_object(w, NULL);
        jw_real(w, "x", h->low + (double)i * h->width);
        jw_real(w, "w", (double)together * h->width);
        jw_uint(w, "count", count);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_rounded(w, "min", min, 2);
    jw_rounded(w, "max", max, 2);
    jw_object_end(w);
}

void hour_write(struct json_write *w, const char *key, int64_t hour)
{
    char text[32];
    (void)clock_rfc3339(hour * MS_PER_HOUR * US_PER_MS, text);
    jw_text(w, key, text, sizeof "2026-03-29T15" - 1);
}
