/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/upkeep/prune_packets.h"

#include "common/base/log.h"

/* Rows lie in the order of their commit: after so many in a row that stay, hardly an older one
 * follows. Every FULL_PASS-th walk looks at all of them, because an import appends old rows. */
#define STAYS_MAX    5000
#define FULL_PASS    24
#define PACE_DIVISOR 20 /* 5 % */
#define VACUUM_LEAST 1000
/* Nothing is left that could make the file smaller. */
#define REST_US (3600 * (mono_us)US_PER_S)

struct prune_packets prune_packets_of(const struct config_retention *retention)
{
    return (struct prune_packets){.days = retention->packet_days,
                                  .max_mb = retention->max_database_mb,
                                  .oldest_ms = INT64_MAX};
}

void prune_packets_forget(struct prune_packets *p)
{
    p->stays = 0;
    p->oldest_ms = INT64_MAX;
    p->is_measuring = false;
}

int64_t prune_pace(int64_t there, int64_t gone)
{
    const int64_t all = there + gone;
    const int64_t most = (all + PACE_DIVISOR - 1) / PACE_DIVISOR;
    return most > gone ? most - gone : 0;
}

static int64_t hour_floor(int64_t ms)
{
    return ms - ms % MS_PER_HOUR;
}

/* --- packets by age --------------------------------------------------------------------------- */

static int64_t gone_this_hour(const struct prune_situation *s)
{
    return hour_floor(s->job.updated_ms) == hour_floor(s->now_ms) ? s->job.done : 0;
}

static int64_t age_cutoff(const struct prune_packets *p, const struct prune_situation *s)
{
    return hour_floor(s->now_ms - p->days * MS_PER_DAY);
}

bool prune_by_age_is_due(const struct prune_packets *p, const struct prune_situation *s)
{
    if (p->days == 0)
        return false;
    const bool has_work = s->job.position != 0 || age_cutoff(p, s) > s->job.value;
    return has_work && prune_pace(s->extent.transmissions, gone_this_hour(s)) > 0;
}

/* Every FULL_PASS-th walk, and the first ever. */
static int64_t stays_max(const struct store_job *by_size)
{
    return by_size->done % FULL_PASS == 0 ? INT64_MAX : STAYS_MAX;
}

enum status prune_by_age(struct prune_packets *p, struct store *store, struct prune_situation *s,
                         struct store_slice *slice, bool *out_more)
{
    struct store_job by_size;
    enum status status = store_job_load(store, PRUNE_BY_SIZE_JOB, &by_size);
    if (status != STATUS_OK)
        return status;
    if (s->job.position == 0) {
        s->job.position = 1;
        s->job.value = age_cutoff(p, s);
        p->stays = 0;
    }
    const int64_t gone = gone_this_hour(s);
    const int64_t budget = prune_pace(s->extent.transmissions, gone);
    struct store_walk walk = {.cutoff_ms = s->job.value,
                              .position = s->job.position,
                              .budget = budget,
                              .stays = p->stays,
                              .stays_max = stays_max(&by_size),
                              .oldest_ms = INT64_MAX};
    status = store_walk_packets(store, &walk, slice);
    if (status != STATUS_OK)
        return status;
    p->stays = walk.stays;
    s->job.position = walk.is_at_end ? 0 : walk.position;
    s->job.done = gone + (budget - walk.budget);
    s->job.updated_ms = s->now_ms;
    *out_more = !walk.is_at_end && walk.budget > 0;
    by_size.done++;
    if (walk.is_at_end)
        status = store_job_save(store, PRUNE_BY_SIZE_JOB, &by_size);
    return status == STATUS_OK ? store_job_save(store, PRUNE_PACKETS_JOB, &s->job) : status;
}

/* --- packets by size -------------------------------------------------------------------------- */

static int64_t used_bytes(const struct store_extent *extent)
{
    return (extent->pages - extent->free_pages) * extent->page_bytes;
}

int64_t prune_pages_kept(int64_t pages)
{
    const int64_t tenth = pages / 10;
    return tenth > VACUUM_LEAST ? tenth : VACUUM_LEAST;
}

/* What may be used in a file that, with the free pages that the vacuum leaves, is
 * within the limit. */
static int64_t usable_bytes(const struct prune_packets *p, const struct store_extent *extent)
{
    const int64_t limit = p->max_mb << 20;
    const int64_t kept = prune_pages_kept(limit / extent->page_bytes) * extent->page_bytes;
    return limit - (kept < limit / 2 ? kept : limit / 2);
}

/* Once over the limit, down to 1 % below it: else every message of the next second began
 * a new walk. */
bool prune_by_size_is_due(const struct prune_packets *p, const struct prune_situation *s)
{
    if (p->max_mb == 0 || clock_mono() < p->size_rests_until)
        return false;
    const int64_t limit = usable_bytes(p, &s->extent);
    return used_bytes(&s->extent) > (s->job.position != 0 ? limit - limit / 100 : limit);
}

/* The walk saw every transmission and none may leave. */
static void note_too_large(struct prune_packets *p, const struct prune_situation *s)
{
    p->size_rests_until = clock_mono() + REST_US;
    if (!p->logged_too_large)
        log_event(LOG_WARN, "maintenance",
                  "the database is larger than retention.maxDatabaseMB, but no packet is left that"
                  " could leave",
                  KV(KV_INT("bytes", used_bytes(&s->extent)), KV_INT("limit_mb", p->max_mb)));
    p->logged_too_large = true;
}

/* The first walk lets go what an earlier cutoff had promised and finds the oldest receipt; each
 * further one takes an hour more, beginning at the oldest that is there. */
static void end_size_walk(struct prune_packets *p, struct prune_situation *s,
                          const struct store_walk *walk)
{
    s->job.done++;
    if (walk->oldest_ms == INT64_MAX) {
        s->job.position = 0;
        note_too_large(p, s);
        return;
    }
    s->job.position = 1;
    s->job.value = hour_floor(walk->oldest_ms) + MS_PER_HOUR;
    p->stays = 0;
    p->oldest_ms = INT64_MAX;
}

enum status prune_by_size(struct prune_packets *p, struct store *store, struct prune_situation *s,
                          struct store_slice *slice, bool *out_more)
{
    if (s->job.position == 0 || !p->is_measuring) {
        s->job.position = 1;
        if (s->job.value < s->extent.retained_from_ms)
            s->job.value = s->extent.retained_from_ms;
        p->stays = 0;
        p->oldest_ms = INT64_MAX;
        p->is_measuring = true;
    }
    struct store_walk walk = {.cutoff_ms = s->job.value,
                              .position = s->job.position,
                              .budget = INT64_MAX,
                              .stays = p->stays,
                              .stays_max = stays_max(&s->job),
                              .oldest_ms = p->oldest_ms};
    enum status status = store_walk_packets(store, &walk, slice);
    if (status == STATUS_OK)
        status = store_extent(store, &s->extent);
    if (status != STATUS_OK)
        return status;
    p->stays = walk.stays;
    p->oldest_ms = walk.oldest_ms;
    s->job.position = walk.position;
    s->job.updated_ms = s->now_ms;
    if (!prune_by_size_is_due(p, s))
        s->job.position = 0;
    else if (walk.is_at_end)
        end_size_walk(p, s, &walk);
    *out_more = s->job.position != 0;
    return store_job_save(store, PRUNE_BY_SIZE_JOB, &s->job);
}
