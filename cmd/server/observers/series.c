/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/series.h"

#include <math.h>

void series_begin(struct series *series, int64_t bucket_ms, const struct series_sample *before)
{
    *series = (struct series){.bucket_ms = bucket_ms, .has_before = before != NULL};
    if (before != NULL)
        series->before = *before;
}

static bool fell(double before, double now)
{
    return now < before; /* false where one is NaN */
}

bool series_is_reboot(const struct series_sample *before, const struct series_sample *now)
{
    if (isfinite(before->uptime_secs) && isfinite(now->uptime_secs))
        return !(now->uptime_secs > before->uptime_secs &&
                 now->uptime_secs * 1000 >= (double)(now->receipt_ms - before->receipt_ms));
    return fell(before->tx_air_secs, now->tx_air_secs) ||
           fell(before->rx_air_secs, now->rx_air_secs) ||
           fell(before->packets_sent, now->packets_sent) ||
           fell(before->packets_recv, now->packets_recv) ||
           fell(before->recv_errors, now->recv_errors);
}

/* NaN where it is not known. */
static double increase(double before, double now)
{
    return now >= before ? now - before : (double)NAN;
}

static void add_share(struct series_share *share, double part, double whole)
{
    if (!isfinite(part) || !isfinite(whole))
        return;
    share->part += part;
    share->whole += whole;
}

static double percent(const struct series_share *share)
{
    return share->whole > 0 ? 100 * share->part / share->whole : (double)NAN;
}

static double mean(const struct series_share *share)
{
    return share->whole > 0 ? share->part / share->whole : (double)NAN;
}

static void add_increases(struct series *s, const struct series_sample *now)
{
    const struct series_sample *before = &s->before;
    const double seconds = (double)(now->receipt_ms - before->receipt_ms) / 1000;
    const double errors = increase(before->recv_errors, now->recv_errors);
    const double received = increase(before->packets_recv, now->packets_recv);
    add_share(&s->tx, increase(before->tx_air_secs, now->tx_air_secs), seconds);
    add_share(&s->rx, increase(before->rx_air_secs, now->rx_air_secs), seconds);
    add_share(&s->errors, errors, errors + received);
}

static void keep_newest(double *held, double now)
{
    if (isfinite(now))
        *held = now;
}

static void open_point(struct series *s, int64_t at_ms)
{
    const double none = (double)NAN;
    s->point = (struct series_point){.at_ms = at_ms,
                                     .tx_air_secs = none,
                                     .rx_air_secs = none,
                                     .recv_errors = none,
                                     .packets_sent = none,
                                     .packets_recv = none};
    s->noise = s->battery = s->tx = s->rx = s->errors = (struct series_share){0, 0};
    s->is_open = true;
}

bool series_end(struct series *s, struct series_point *out)
{
    if (!s->is_open)
        return false;
    s->is_open = false;
    s->point.noise_floor = mean(&s->noise);
    s->point.battery_mv = mean(&s->battery);
    s->point.tx_airtime_pct = percent(&s->tx);
    s->point.rx_airtime_pct = percent(&s->rx);
    s->point.recv_error_rate = percent(&s->errors);
    *out = s->point;
    return true;
}

bool series_add(struct series *s, const struct series_sample *now, struct series_point *out)
{
    const int64_t at_ms =
        s->bucket_ms > 0 ? now->receipt_ms / s->bucket_ms * s->bucket_ms : now->receipt_ms;
    const bool is_whole =
        s->is_open && (s->bucket_ms == 0 || s->point.at_ms != at_ms) && series_end(s, out);
    if (!s->is_open)
        open_point(s, at_ms);
    if (s->has_before && series_is_reboot(&s->before, now))
        s->point.is_reboot = true;
    else if (s->has_before)
        add_increases(s, now);
    add_share(&s->noise, now->noise_floor, 1);
    add_share(&s->battery, now->battery_mv, 1);
    keep_newest(&s->point.tx_air_secs, now->tx_air_secs);
    keep_newest(&s->point.rx_air_secs, now->rx_air_secs);
    keep_newest(&s->point.recv_errors, now->recv_errors);
    keep_newest(&s->point.packets_sent, now->packets_sent);
    keep_newest(&s->point.packets_recv, now->packets_recv);
    s->before = *now;
    s->has_before = true;
    return is_whole;
}
