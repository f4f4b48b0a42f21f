/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/summary_job.h"

#include "cmd/server/state/ticker.h"
#include "cmd/server/summary/window_rows.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <time.h>

#define TURN_US ((mono_us)US_PER_S)

struct summary_job {
    /* constant after init */
    struct ticker *ticker;
    struct reader *reader;
    /* this thread only */
    struct adverts *adverts;
    mono_us next_run;
    uint64_t runs;
    /* locks of their own */
    struct shared_slot summary, advert_set, scopes;
};

/* Of a core, by this thread. */
static mono_us used(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time); /* can't fail for this clock */
    return (mono_us)time.tv_sec * US_PER_S + time.tv_nsec / 1000;
}

static void rest(mono_us as_long)
{
    const struct timespec pause = clock_timespec(as_long);
    (void)nanosleep(&pause, NULL); /* cut short by nothing: all signals are blocked */
}

static void add_row(void *summary, const struct reception *reception)
{
    summary_add(summary, reception);
}

/* All slices. *out_status: why it ended early. */
static bool read_window(struct summary_job *job, struct window_rows *rows, struct summary *summary)
{
    bool is_over = false;
    while (!is_over && !ticker_is_stopping(job->ticker)) {
        const mono_us began = clock_mono();
        if (window_rows_slice(job->reader, rows, add_row, summary, &is_over) != STATUS_OK)
            return false;
        if (!is_over)
            rest(clock_mono() - began);
    }
    return is_over;
}

/* False: nothing was counted. */
static bool run_summary(struct summary_job *job)
{
    const int64_t now_ms = clock_wall() / US_PER_MS;
    const struct tally_window window = {now_ms - SUMMARY_WINDOW_MS, now_ms};
    struct window_rows rows;
    if (window_rows_begin(job->reader, window.from_ms, SUMMARY_ROWS_MAX, &rows) != STATUS_OK)
        return false;
    struct summary *summary = summary_begin(&window);
    if (summary == NULL)
        return false;
    if (!read_window(job, &rows, summary)) {
        summary_unref(summary);
        return false;
    }
    summary_end(summary, ++job->runs, rows.is_cut);
    shared_put(&job->summary, summary_shared(summary));
    return true;
}

static void run_scopes(struct summary_job *job)
{
    struct reported_scopes *scopes = reported_scopes_read(job->reader);
    if (scopes != NULL)
        shared_put(&job->scopes, reported_scopes_shared(scopes));
}

static void run_adverts(struct summary_job *job)
{
    bool at_end = false;
    while (!at_end && !ticker_is_stopping(job->ticker)) {
        const mono_us began = clock_mono();
        if (adverts_slice(job->adverts, job->reader, &at_end) != STATUS_OK)
            break;
        if (!at_end)
            rest(clock_mono() - began);
    }
    struct advert_set *set = adverts_publish(job->adverts);
    if (set != NULL)
        shared_put(&job->advert_set, &set->shared);
}

static void on_turn(void *context)
{
    struct summary_job *job = context;
    run_adverts(job);
    const mono_us began = clock_mono();
    if (began < job->next_run)
        return;
    const mono_us used_before = used();
    run_scopes(job);
    if (!run_summary(job))
        return;
    const mono_us took = used() - used_before;
    job->next_run = began + (took * SUMMARY_SHARE > SUMMARY_PERIOD_US ? took * SUMMARY_SHARE
                                                                      : SUMMARY_PERIOD_US);
}

struct summary_job *summary_job_start(const char *path)
{
    struct summary_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    shared_slot_init(&job->summary);
    shared_slot_init(&job->advert_set);
    shared_slot_init(&job->scopes);
    job->reader = reader_new(path);
    job->adverts = adverts_new();
    job->ticker = ticker_new("weir-summary", TURN_US, on_turn, job);
    if (job->reader == NULL || job->adverts == NULL || job->ticker == NULL ||
        !ticker_start(job->ticker)) {
        summary_job_stop(job);
        return NULL;
    }
    return job;
}

void summary_job_stop(struct summary_job *job)
{
    if (job == NULL)
        return;
    if (job->reader != NULL)
        reader_interrupt(job->reader);
    ticker_free(job->ticker);
    adverts_free(job->adverts);
    reader_free(job->reader);
    shared_slot_done(&job->summary);
    shared_slot_done(&job->advert_set);
    shared_slot_done(&job->scopes);
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
