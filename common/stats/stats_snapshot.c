/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_snapshot.h"

#include <string.h>

bool stats_source_is_broker(const struct stats_source *source)
{
    return strcmp(source->name, CONFIG_HTTP_SOURCE) != 0 &&
           strcmp(source->name, CONFIG_REPLAY_SOURCE) != 0;
}

const struct stats_subscription *stats_refused_topic(const struct stats_link *link)
{
    for (size_t i = 0; i < link->subscription_count && i < CONFIG_TOPICS_MAX; i++) {
        if (link->subscriptions[i].suback >= 0x80)
            return &link->subscriptions[i];
    }
    return NULL;
}

uint64_t stats_lost(const struct ledger *ledger)
{
    uint64_t lost = STATS_UNKNOWN_COUNT;
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (outcome_is_loss(o) && ledger->outcomes[o] != STATS_UNKNOWN_COUNT)
            lost = (lost == STATS_UNKNOWN_COUNT ? 0 : lost) + ledger->outcomes[o];
    }
    return lost;
}

int64_t stats_known(enum metric_kind kind, bool is_true, int64_t value)
{
    const bool is_moment = kind == METRIC_KIND_TIME || kind == METRIC_KIND_STATE_TIME;
    const bool is_of_now = kind == METRIC_KIND_GAUGE || kind == METRIC_KIND_STATE_TIME;
    return (is_moment && value <= 0) || (is_of_now && !is_true) ? STATS_UNKNOWN : value;
}

wall_us stats_now(const struct stats_snapshot *snapshot, wall_us wall, mono_us mono)
{
    if (snapshot->sampled_mono == STATS_UNKNOWN || snapshot->sampled_at == STATS_UNKNOWN ||
        snapshot->sampled_mono < 0 || mono < snapshot->sampled_mono)
        return wall;
    return snapshot->sampled_at + (mono - snapshot->sampled_mono);
}

double stats_stamp_age(wall_us stamp, wall_us now)
{
    /* A stamp far outside the clock's range would overflow the difference. */
    if (stamp == STATS_UNKNOWN || stamp < 0 || now < 0)
        return -1;
    const double age = (double)(now - stamp) / US_PER_S;
    if (age < -STATS_FRESH_SECONDS)
        return -1;
    return age > 0 ? age : 0;
}

double stats_age_seconds(const struct stats_snapshot *snapshot, wall_us now)
{
    return stats_stamp_age(snapshot->sampled_at != STATS_UNKNOWN ? snapshot->sampled_at
                                                                 : snapshot->procio_sampled_at,
                           now);
}

bool stats_age_is_fresh(double age)
{
    return age >= 0 && age <= STATS_FRESH_SECONDS;
}

bool stats_procio_rates(const struct procio *from, const struct procio *to, double seconds,
                        struct procio_rates *out)
{
    if (!(seconds > 0.001)) /* less is a stamp's rounding, not a time */
        return false;
#define PROCIO(id, rate, json, prometheus, unit, help)                                             \
    out->id = to->id > from->id ? (double)(to->id - from->id) / seconds : 0;
#include "common/stats/metrics.def"
    return true;
}

bool stats_is_true(const struct stats_snapshot *snapshot, wall_us now)
{
    return snapshot->stopped_at > 0 || stats_age_is_fresh(stats_age_seconds(snapshot, now));
}
