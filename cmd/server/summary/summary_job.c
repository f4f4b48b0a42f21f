/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/summary_job.h"

#include "cmd/server/state/ticker.h"
#include "cmd/server/summary/summary_run.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>

#define TURN_US ((mono_us)US_PER_S)

struct summary_job {
    /* constant after init */
    struct ticker *ticker;
    struct summary_from from; /* its reader is owned */
    /* this thread only */
    struct adverts *adverts;
    void *adverts_place; /* the source's */
    bool has_stepped_back;
    mono_us next_run, next_observers;
    uint64_t runs;
    /* locks of their own */
    struct shared_slot summary, advert_set, scopes, observers;
    /* guarded by lock, a leaf */
    pthread_mutex_t lock;
    struct run_figures figures;
};

static bool is_stopping(void *context)
{
    const struct summary_job *job = context;
    return ticker_is_stopping(job->ticker);
}

/* A window that is cut says so in each answer; who runs the server reads why, once. */
static void tell(enum run_news news, const struct run_cost *cost, const char *bounds)
{
    if (news == RUN_UNFIT)
        log_event(LOG_WARN, "summary",
                  "the last 24 hours are never counted whole: what is made of the count says "
                  "complete: false, and since when it is",
                  KV(KV_STR("bounds", bounds), KV_INT("rows", (int64_t)cost->rows),
                     KV_INT("max_rows", SUMMARY_ROWS_MAX),
                     KV_INT("took_ms", cost->took_us / US_PER_MS)));
    else if (news == RUN_FITS_AGAIN)
        log_event(LOG_INFO, "summary", "the last 24 hours are counted whole again",
                  KV(KV_INT("rows", (int64_t)cost->rows)));
}

static void note(struct summary_job *job, const struct run_cost *cost, const char *bounds)
{
    (void)pthread_mutex_lock(&job->lock);
    const enum run_news news = run_figures_note(&job->figures, cost);
    (void)pthread_mutex_unlock(&job->lock);
    tell(news, cost, bounds);
}

/* Another store says its own. */
static uint64_t rows_read(const struct summary_job *job)
{
    return job->from.reader != NULL ? reader_rows(job->from.reader) : 0;
}

/* False: nothing was counted. (That a new installation has nothing is told once, then its first
 * figures at once.) */
static bool run_summary(struct summary_job *job)
{
    const bool is_first = job->runs == 0;
    const mono_us began = clock_mono();
    const mono_us used_before = clock_thread_used();
    const uint64_t rows_before = rows_read(job);
    const struct summary_run run = {
        .from = job->from, .is_stopping = is_stopping, .context = job, .may_be_empty = is_first};
    struct summary *summary = summary_count(&run, job->runs + 1);
    if (summary == NULL)
        return false;
    job->runs++;
    char bounds[SUMMARY_BOUNDS_MAX];
    const struct run_cost cost = {.took_us = clock_mono() - began,
                                  .cpu_us = clock_thread_used() - used_before,
                                  .rows = rows_read(job) - rows_before,
                                  .bytes = summary_bytes(summary),
                                  .end = summary_cut_by(summary, bounds) ? RUN_CUT : RUN_WHOLE};
    note(job, &cost, bounds);
    const bool is_any = summary_window(summary, 0).observations > 0;
    shared_put(&job->summary, summary_shared(summary));
    return is_any || !is_first;
}

static void run_scopes(struct summary_job *job)
{
    struct reported_scopes *scopes = reported_scopes_from(&job->from);
    if (scopes != NULL)
        shared_put(&job->scopes, reported_scopes_shared(scopes));
}

static void run_observers(struct summary_job *job)
{
    if (job->from.source == NULL || clock_mono() < job->next_observers)
        return;
    struct observer_days *days = observer_days_from(&job->from);
    const bool is_known = days != NULL && days->has_heard && days->has_skews;
    if (days != NULL)
        shared_put(&job->observers, &days->shared);
    job->next_observers = clock_mono() + (is_known ? SUMMARY_PERIOD_US : SUMMARY_AGAIN_US);
}

static enum status slice_of_adverts(struct summary_job *job, bool *out_at_end)
{
    const struct summary_from *from = &job->from;
    return from->source != NULL
               ? from->source->adverts(from->context, &job->adverts_place, job->adverts, out_at_end)
               : adverts_slice(job->adverts, from->reader, out_at_end);
}

static void run_adverts(struct summary_job *job)
{
    bool at_end = false;
    while (!at_end && !ticker_is_stopping(job->ticker)) {
        const mono_us began = clock_mono();
        if (slice_of_adverts(job, &at_end) != STATUS_OK)
            break;
        if (!at_end)
            summary_rest(clock_mono() - began);
    }
    struct advert_set *set = adverts_publish(job->adverts);
    if (set != NULL)
        shared_put(&job->advert_set, &set->shared);
}

static void on_turn(void *context)
{
    struct summary_job *job = context;
    if (!job->has_stepped_back)
        summary_step_back();
    job->has_stepped_back = true;
    run_adverts(job);
    run_observers(job);
    const mono_us began = clock_mono();
    if (began < job->next_run)
        return;
    const mono_us used_before = clock_thread_used();
    run_scopes(job);
    if (!run_summary(job))
        return;
    const mono_us took = clock_thread_used() - used_before;
    job->next_run = began + (took * SUMMARY_SHARE > SUMMARY_PERIOD_US ? took * SUMMARY_SHARE
                                                                      : SUMMARY_PERIOD_US);
}

static struct summary_job *start(const char *path, const struct summary_source *source,
                                 const void *context)
{
    struct summary_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    shared_slot_init(&job->summary);
    shared_slot_init(&job->advert_set);
    shared_slot_init(&job->scopes);
    shared_slot_init(&job->observers);
    (void)pthread_mutex_init(&job->lock, NULL); /* can't fail on Linux without attributes */
    job->from = (struct summary_from){path != NULL ? reader_new(path) : NULL, source, context};
    job->adverts = adverts_new();
    job->ticker = ticker_new("weir-summary", TURN_US, on_turn, job);
    if ((path != NULL && job->from.reader == NULL) || job->adverts == NULL || job->ticker == NULL ||
        !ticker_start(job->ticker)) {
        summary_job_stop(job);
        return NULL;
    }
    return job;
}

struct summary_job *summary_job_start(const char *path)
{
    return start(path, NULL, NULL);
}

struct summary_job *summary_job_start_other(const struct summary_source *source,
                                            const void *context)
{
    return start(NULL, source, context);
}

void summary_job_stop(struct summary_job *job)
{
    if (job == NULL)
        return;
    if (job->from.reader != NULL)
        reader_interrupt(job->from.reader);
    ticker_free(job->ticker);
    adverts_free(job->adverts);
    if (job->from.source != NULL)
        job->from.source->place_free(job->adverts_place);
    reader_free(job->from.reader);
    shared_slot_done(&job->summary);
    shared_slot_done(&job->advert_set);
    shared_slot_done(&job->scopes);
    shared_slot_done(&job->observers);
    (void)pthread_mutex_destroy(&job->lock);
    free(job);
}

const struct summary *summary_job_take(struct summary_job *job)
{
    return summary_take(&job->summary);
}

const struct advert_set *summary_job_adverts(struct summary_job *job)
{
    return (const struct advert_set *)(void *)shared_take(&job->advert_set);
}

const struct reported_scopes *summary_job_scopes(struct summary_job *job)
{
    return (const struct reported_scopes *)(void *)shared_take(&job->scopes);
}

const struct observer_days *summary_job_observers(struct summary_job *job)
{
    return (const struct observer_days *)(void *)shared_take(&job->observers);
}

void summary_job_figures(struct summary_job *job, struct run_figures *out)
{
    (void)pthread_mutex_lock(&job->lock);
    *out = job->figures;
    (void)pthread_mutex_unlock(&job->lock);
}
