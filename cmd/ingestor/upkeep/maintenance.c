/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/upkeep/maintenance.h"

#include "common/base/log.h"

#include <stdlib.h>

/* How often a job looks whether there is work; a look is a few seeks. */
#define LOOK_US (10 * (mono_us)US_PER_S)
/* What is counted late: the longer, the more receptions change the same row. */
#define LATE_LOOK_US (30 * (mono_us)US_PER_S)
#define REST_US      (3600 * (mono_us)US_PER_S)
/* Of a slice; the rest is for the commit. */
#define WORK_US      (10 * (mono_us)US_PER_MS)
#define PAUSE_MIN_US ((mono_us)US_PER_MS)

#define ROWS_FIRST 256
#define ROWS_LEAST 16
#define ROWS_MOST  16384

#define SKEW_HOURS         48
#define NODES_KEPT_PERCENT 90
/* Statistics of a small table mislead more than none. */
#define ANALYZE_LEAST 10000

static const char *const job_names[] = {
#define X(id, name) name,
    MAINTENANCE_JOBS(X)
#undef X
};

const char *maintenance_job_name(enum maintenance_job job)
{
    return job_names[job];
}

int64_t maintenance_waits_s(const struct maintenance *m)
{
    return m->waits_since != 0 ? (clock_mono() - m->waits_since) / US_PER_S : 0;
}

/* --- deciding --------------------------------------------------------------------------------- */

static void say_verdict(struct maintenance *m, enum clock_verdict verdict)
{
    if (verdict == m->logged_verdict)
        return;
    m->logged_verdict = verdict;
    static const char *const texts[] = {
        [CLOCK_TRUSTED] = "retention by age runs",
        [CLOCK_TOO_NEW] = "retention by age waits until the clocks have agreed for ten minutes",
        [CLOCK_BEHIND] = "retention by age waits: the clock is behind the newest stored message",
    };
    log_event(verdict == CLOCK_BEHIND ? LOG_WARN : LOG_INFO, "maintenance", texts[verdict], NULL);
}

static int64_t now_ms(void)
{
    return clock_wall() / US_PER_MS;
}

/* --- the other tables ------------------------------------------------------------------------- */

/* Days of each expiry; 0 = its rows stay. */
static int64_t expiry_cutoff(const struct maintenance *m, enum store_expiry which, int64_t now)
{
    const struct config_retention *r = &m->retention;
    int days = r->packet_days;
    if (which == EXPIRE_HOURS) /* what is gone needs no hour, whatever took it */
        return now;
    if (which == EXPIRE_SKEW)
        return now - SKEW_HOURS * MS_PER_HOUR;
    if (which == EXPIRE_NODES)
        days = r->node_days;
    else if (which == EXPIRE_OBSERVERS)
        days = r->observer_days;
    else if (which == EXPIRE_METRICS)
        days = r->metrics_days;
    return days > 0 ? now - days * MS_PER_DAY : 0;
}

struct expiry_range {
    enum store_expiry first, last;
};

static struct expiry_range expiries_of(enum maintenance_job job)
{
    if (job == JOB_PRUNE_NODES)
        return (struct expiry_range){EXPIRE_NODES, EXPIRE_NODES};
    if (job == JOB_PRUNE_OBSERVERS)
        return (struct expiry_range){EXPIRE_OBSERVERS, EXPIRE_OBSERVERS};
    return (struct expiry_range){EXPIRE_METRICS, EXPIRE_HOURS};
}

/* The pass goes on, or an hour has gone by since the last one (in whichever direction
 * the clock went). */
static bool pass_is_due(const struct store_job *job, int64_t now, int64_t every_ms)
{
    return job->value != 0 || llabs(now - job->updated_ms) >= every_ms;
}

/* job: value = 1 + the expiry in hand, 0 = no pass is in hand; position as the expiry's.
 * True: all are done. */
static enum status expire_all(const struct maintenance *m, struct store *store,
                              struct expiry_range range, struct prune_situation *s,
                              struct store_slice *slice, bool *out_done)
{
    if (s->job.value == 0) {
        s->job.value = 1 + (int64_t)range.first;
        s->job.position = 0;
    }
    while (s->job.value <= 1 + (int64_t)range.last) {
        const enum store_expiry which = (enum store_expiry)(s->job.value - 1);
        const int64_t cutoff = expiry_cutoff(m, which, s->now_ms);
        bool at_end = cutoff <= 0;
        if (!at_end) {
            const enum status status =
                store_expire(store, which, cutoff, &s->job.position, slice, &at_end);
            if (status != STATUS_OK)
                return status;
        }
        if (!at_end)
            break;
        s->job.value++;
        s->job.position = 0;
    }
    *out_done = s->job.value > 1 + (int64_t)range.last;
    return STATUS_OK;
}

static enum status end_pass(struct store *store, enum maintenance_job which,
                            struct prune_situation *s, bool is_done, bool *out_more)
{
    if (is_done) {
        s->job.value = 0;
        s->job.position = 0;
        s->job.updated_ms = s->now_ms;
    }
    *out_more = !is_done;
    return store_job_save(store, job_names[which], &s->job);
}

static enum status expire_slice(struct maintenance *m, struct store *store,
                                enum maintenance_job which, struct prune_situation *s,
                                struct store_slice *slice, bool *out_more)
{
    bool done = false;
    enum status status = expire_all(m, store, expiries_of(which), s, slice, &done);
    /* done of this job: the node whose rows are being let go. */
    if (status == STATUS_OK && done && which == JOB_PRUNE_NODES && m->max_nodes > 0)
        status = store_purge_nodes(store, (int64_t)m->max_nodes * NODES_KEPT_PERCENT / 100,
                                   &s->job.done, slice, &done);
    return status == STATUS_OK ? end_pass(store, which, s, done, out_more) : status;
}

/* Never of hours whose packets are still promised: those rows must equal a recount. */
static int64_t rollup_cutoff(const struct maintenance *m, const struct prune_situation *s)
{
    const int64_t cutoff = s->now_ms - m->retention.rollup_days * MS_PER_DAY;
    return cutoff < s->extent.retained_from_ms ? cutoff : s->extent.retained_from_ms;
}

/* job: value = 2 + kind, position = key of the last series. */
static enum status rollup_slice(struct maintenance *m, struct store *store,
                                struct prune_situation *s, struct store_slice *slice,
                                bool *out_more)
{
    bool at_end = false;
    int64_t kind = s->job.value == 0 ? -1 : s->job.value - 2;
    const enum status status =
        store_expire_rollups(store, rollup_cutoff(m, s), &kind, &s->job.position, slice, &at_end);
    s->job.value = kind + 2;
    return status == STATUS_OK ? end_pass(store, JOB_PRUNE_ROLLUPS, s, at_end, out_more) : status;
}

/* --- the file --------------------------------------------------------------------------------- */

static enum status vacuum_slice(struct maintenance *m, struct store *store,
                                const struct prune_situation *s, struct store_slice *slice,
                                bool *out_more)
{
    bool at_end = false;
    const enum status status =
        store_vacuum(store, prune_pages_kept(s->extent.pages), slice, &at_end);
    *out_more = !at_end && slice->rows > 0;
    /* A file that was made without auto_vacuum keeps its free pages. */
    if (slice->rows == 0)
        m->next_at[JOB_VACUUM] = clock_mono() + REST_US;
    return status;
}

/* job: value 1 = a pass is in hand, position = the last table. */
static enum status analyze_slice(struct store *store, struct prune_situation *s,
                                 struct store_slice *slice, bool *out_more)
{
    bool at_end = false;
    s->job.value = 1;
    const enum status status = store_analyze(store, &s->job.position, slice, &at_end);
    return status == STATUS_OK ? end_pass(store, JOB_ANALYZE, s, at_end, out_more) : status;
}

/* What is to be done now; WORK_BY_SIZE belongs to the job prune_packets. */
enum work { WORK_NONE, WORK_JOB, WORK_BY_SIZE };

/* --- what is counted behind the messages ------------------------------------------------------ */

/* Up to what was the end at the last look: by now the copies of those observations are there. What
 * the program before left is not waited for: transmissions alone would be counted until their end.
 * Reads only. */
static enum status find_late(struct maintenance *m, struct store *store, enum work *out)
{
    struct store_late_state state;
    const enum status status = store_late_state(store, &state);
    if (status != STATUS_OK)
        return status;
    if (m->late_until == 0)
        m->late_until = state.newest;
    *out = state.counted < m->late_until || m->is_late_unfinished ? WORK_JOB : WORK_NONE;
    if (*out == WORK_NONE)
        m->late_until = state.newest;
    return STATUS_OK;
}

/* Transmissions follow when all observations are counted: that may take further slices. */
static enum status late_slice(struct maintenance *m, struct store *store, struct store_slice *slice,
                              bool *out_more)
{
    bool at_end = false;
    const enum status status = store_late_count(store, m->late_until, slice, &at_end);
    *out_more = m->is_late_unfinished = !at_end;
    return status;
}

/* --- one slice -------------------------------------------------------------------------------- */

static enum work work_by_clock(struct maintenance *m, enum maintenance_job which,
                               const struct prune_situation *s)
{
    const struct config_retention *r = &m->retention;
    bool is_due = false;
    if (which == JOB_PRUNE_PACKETS)
        is_due = prune_by_age_is_due(&m->packets, s);
    else if ((which == JOB_PRUNE_NODES && r->node_days > 0) ||
             (which == JOB_PRUNE_OBSERVERS && r->observer_days > 0) || which == JOB_PRUNE_METRICS ||
             (which == JOB_PRUNE_ROLLUPS && r->rollup_days > 0))
        is_due = pass_is_due(&s->job, s->now_ms, MS_PER_HOUR);
    if (!is_due)
        return WORK_NONE;
    const enum clock_verdict verdict =
        clock_trust_judge(&m->trust, clock_wall(), clock_mono(), s->extent.newest_ms * US_PER_MS);
    say_verdict(m, verdict);
    if (verdict == CLOCK_TRUSTED)
        m->waits_since = 0;
    else if (m->waits_since == 0)
        m->waits_since = clock_mono();
    return verdict == CLOCK_TRUSTED ? WORK_JOB : WORK_NONE;
}

/* Reads only. */
static enum status find_work(struct maintenance *m, struct store *store, enum maintenance_job which,
                             struct prune_situation *s, enum work *out)
{
    *out = WORK_NONE;
    if (which == JOB_COUNT_LATE)
        return find_late(m, store, out);
    s->now_ms = now_ms();
    enum status status = store_extent(store, &s->extent);
    if (status == STATUS_OK && which == JOB_PRUNE_PACKETS) {
        status = store_job_load(store, PRUNE_BY_SIZE_JOB, &s->job);
        if (status != STATUS_OK)
            return status;
        if (prune_by_size_is_due(&m->packets, s)) {
            *out = WORK_BY_SIZE;
            return STATUS_OK;
        }
    }
    if (status == STATUS_OK)
        status = store_job_load(store, job_names[which], &s->job);
    if (status != STATUS_OK)
        return status;
    if (which == JOB_VACUUM)
        *out = s->extent.free_pages > prune_pages_kept(s->extent.pages) ? WORK_JOB : WORK_NONE;
    else if (which == JOB_ANALYZE)
        *out =
            s->extent.transmissions >= ANALYZE_LEAST && pass_is_due(&s->job, s->now_ms, MS_PER_DAY)
                ? WORK_JOB
                : WORK_NONE;
    else
        *out = work_by_clock(m, which, s);
    return STATUS_OK;
}

static enum status do_work(struct maintenance *m, struct store *store, enum maintenance_job which,
                           enum work work, struct prune_situation *s, struct store_slice *slice,
                           bool *out_more)
{
    if (work == WORK_BY_SIZE)
        return prune_by_size(&m->packets, store, s, slice, out_more);
    switch (which) {
    case JOB_PRUNE_PACKETS:
        return prune_by_age(&m->packets, store, s, slice, out_more);
    case JOB_PRUNE_ROLLUPS:
        return rollup_slice(m, store, s, slice, out_more);
    case JOB_VACUUM:
        return vacuum_slice(m, store, s, slice, out_more);
    case JOB_ANALYZE:
        return analyze_slice(store, s, slice, out_more);
    case JOB_COUNT_LATE:
        return late_slice(m, store, slice, out_more);
    default:
        return expire_slice(m, store, which, s, slice, out_more);
    }
}

/* One transaction. After an error it is rolled back, and what was known of the
 * walk is forgotten. */
static enum status run_slice(struct maintenance *m, struct store *store, enum maintenance_job which,
                             enum work work, struct prune_situation *s, struct store_slice *slice,
                             bool *out_more)
{
    enum status status = store_begin(store, false);
    if (status == STATUS_OK)
        status = do_work(m, store, which, work, s, slice, out_more);
    /* What is counted late is gathered over several slices. */
    if (status == STATUS_OK && which == JOB_COUNT_LATE && !store_has_written(store))
        status = store_defer(store);
    else if (status == STATUS_OK)
        status = store_commit(store);
    if (status != STATUS_OK) {
        store_rollback(store);
        maintenance_forget(m);
    } else if (slice->must_forget) {
        store_forget(store);
    }
    return status;
}

/* Rows are counted and the clock is asked between them, so this only matters where a
 * row is dear. */
static void adapt(struct maintenance *m, enum maintenance_job which, mono_us held)
{
    int64_t *rows = &m->rows_max[which];
    if (held > MAINTENANCE_SLICE_US && *rows > ROWS_LEAST)
        *rows /= 2;
    else if (held < MAINTENANCE_SLICE_US / 2 && *rows < ROWS_MOST)
        *rows *= 2;
}

enum maintenance_job maintenance_next_job(const struct maintenance *m)
{
    enum maintenance_job found = JOB_PRUNE_PACKETS;
    for (enum maintenance_job job = JOB_PRUNE_PACKETS; job < JOB_COUNT; job++)
        if (m->next_at[job] < m->next_at[found])
            found = job;
    return found;
}

mono_us maintenance_next(const struct maintenance *m)
{
    return m->next_at[maintenance_next_job(m)];
}

/* A job's own failure must not hold up the messages. */
static enum status rest_after(struct maintenance *m, struct store *store,
                              enum maintenance_job which, enum status status)
{
    const bool is_ours =
        status != STATUS_NO_SPACE && status != STATUS_IO && status != STATUS_NO_MEMORY;
    m->next_at[which] = clock_mono() + (status == STATUS_NO_SPACE ? LOOK_US : REST_US);
    if (is_ours)
        log_event(LOG_ERROR, "maintenance", "job failed; it rests for an hour",
                  KV(KV_STR("job", job_names[which]), KV_STR("error", store_error(store))));
    return is_ours ? STATUS_OK : status;
}

enum status maintenance_turn(struct maintenance *m, struct store *store,
                             struct maintenance_slice *out)
{
    const mono_us began = clock_mono();
    *out = (struct maintenance_slice){.job = JOB_COUNT};
    clock_trust_note(&m->trust, clock_wall(), began);
    const enum maintenance_job which = maintenance_next_job(m);
    if (m->next_at[which] > began)
        return STATUS_OK;
    const mono_us waited = began - m->next_at[which];
    struct prune_situation s;
    enum work work = WORK_NONE;
    enum status status = find_work(m, store, which, &s, &work);
    m->next_at[which] = began + (which == JOB_COUNT_LATE ? LATE_LOOK_US : LOOK_US);
    if (status != STATUS_OK)
        return rest_after(m, store, which, status);
    if (work == WORK_NONE)
        return STATUS_OK;
    struct store_slice slice = {.until = began + WORK_US, .rows_max = m->rows_max[which]};
    bool more = false;
    status = run_slice(m, store, which, work, &s, &slice, &more);
    if (status != STATUS_OK)
        return rest_after(m, store, which, status);
    const mono_us held = clock_mono() - began;
    adapt(m, which, held);
    if (more)
        m->next_at[which] = began + held + (held > PAUSE_MIN_US ? held : PAUSE_MIN_US);
    *out = (struct maintenance_slice){
        .job = which, .rows = slice.rows, .waited = waited, .held = held};
    return STATUS_OK;
}

enum status maintenance_make_room(struct maintenance *m, struct store *store, mono_us until)
{
    struct store_checkpoint done;
    enum status status = store_checkpoint(store, false, &done);
    while (status == STATUS_OK && clock_mono() < until) {
        struct prune_situation s;
        enum work work = WORK_NONE;
        bool more = false;
        status = find_work(m, store, JOB_PRUNE_PACKETS, &s, &work);
        if (status != STATUS_OK || work != WORK_BY_SIZE)
            break;
        struct store_slice slice = {.until = clock_mono() + WORK_US, .rows_max = ROWS_LEAST};
        status = run_slice(m, store, JOB_PRUNE_PACKETS, work, &s, &slice, &more);
        if (status == STATUS_OK)
            status = store_checkpoint(store, false, &done);
    }
    return status;
}

void maintenance_init(struct maintenance *m, const struct config *config)
{
    *m = (struct maintenance){.retention = config->retention,
                              .max_nodes = config->max_nodes,
                              .packets = prune_packets_of(&config->retention),
                              .is_late_unfinished = true};
    const mono_us first = clock_mono() + LOOK_US;
    for (size_t i = 0; i < JOB_COUNT; i++) {
        m->next_at[i] = first;
        m->rows_max[i] = ROWS_FIRST;
    }
}

void maintenance_forget(struct maintenance *m)
{
    m->late_until = 0;
    m->is_late_unfinished = true;
    prune_packets_forget(&m->packets);
}
