/* SPDX-License-Identifier: MIT */
#include "cmd/server/moment/moment.h"

#include "cmd/server/traffic/traffic.h"

#include <stdatomic.h>

#define TTL_US (1 * US_PER_S)

uint64_t moments_generation(const struct moments *moments)
{
    return stats_cache_generation(moments->stats) + db_poller_generation(moments->db) +
           atomic_load(&moments->io->generation) + traffic_resets(moments->traffic) +
           atomic_load(&moments->is_draining);
}

void moment_begin(struct moments *moments, struct moment *out)
{
    out->from = moments;
    out->stats = stats_cache_take(moments->stats);
    db_poller_state(moments->db, &out->db);
    io_rates_get(moments->io, &out->io);
    out->ingestors = moments->ingestors != NULL
                         ? (const struct ingestors *)(const void *)shared_take(moments->ingestors)
                         : NULL;
    out->is_draining = atomic_load(&moments->is_draining);
    out->wall = clock_wall();
    out->mono = clock_mono();
    out->sample_now = out->stats->status == STATUS_OK
                          ? stats_now(&out->stats->snapshot, out->wall, out->mono)
                          : out->wall;
    out->health = NULL;
    /* Stale means unknown: what was last read of a database that is gone is not said of it. */
    if (health_not_ready(&out->db, out->mono, false) != NULL)
        db_state_forget(&out->db);
}

void moment_end(struct moment *moment)
{
    health_watch_release(moment->from->health, moment->health);
    stats_cache_release(moment->from->stats, moment->stats);
    if (moment->ingestors != NULL)
        shared_unref((struct shared *)(uintptr_t)&moment->ingestors->shared);
}

/* When the ingestor's sample, or its disk rates, must be called stale. */
static mono_us stale_at(const struct moment *moment, wall_us stamp)
{
    const double age = stats_stamp_age(stamp, moment->sample_now);
    if (!stats_age_is_fresh(age))
        return INT64_MAX; /* is so already */
    return moment->mono + (mono_us)((STATS_FRESH_SECONDS - age) * US_PER_S) + 1;
}

mono_us moment_good_until(const struct moment *moment)
{
    mono_us until = moment->mono + TTL_US;
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s == NULL)
        return until;
    const mono_us stale[] = {stale_at(moment, s->sampled_at),
                             stale_at(moment, s->procio_sampled_at)};
    for (size_t i = 0; i < ARRAY_LEN(stale); i++)
        until = stale[i] < until ? stale[i] : until;
    return until;
}

const struct stats_snapshot *moment_snapshot(const struct moment *moment)
{
    return moment->stats->status == STATUS_OK ? &moment->stats->snapshot : NULL;
}

bool moment_is_sample_fresh(const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    return s != NULL && stats_age_is_fresh(stats_age_seconds(s, moment->sample_now));
}

bool moment_is_sample_true(const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    return s != NULL && stats_is_true(s, moment->sample_now);
}

bool moment_is_fresh(const struct moment *moment, wall_us stamp)
{
    return stats_age_is_fresh(stats_stamp_age(stamp, moment->sample_now));
}

const struct health_report *moment_health(struct moment *moment)
{
    if (moment->health != NULL)
        return moment->health;
    const struct health_input input = {.stats_status = moment->stats->status,
                                       .stats = &moment->stats->snapshot,
                                       .db = &moment->db,
                                       .wall = moment->wall,
                                       .mono = moment->mono,
                                       .expected = moment->from->expected_ingestors,
                                       .ingestors = moment->ingestors};
    moment->health = health_watch_judge(moment->from->health, &input);
    return moment->health;
}
