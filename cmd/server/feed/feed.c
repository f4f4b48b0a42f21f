/* SPDX-License-Identifier: MIT */
#include "cmd/server/feed/feed.h"

#include "cmd/server/feed/feed_engine.h"
#include "cmd/server/feed/feed_rows.h"

#include <pthread.h>
#include <stdlib.h>

#define SLEEP_US ((mono_us)60 * US_PER_S) /* nobody listens; whoever does wakes it */

struct feed {
    /* constant after init */
    struct live *live;
    const struct model *model;
    pthread_t thread;
    /* the thread only */
    struct feed_engine *engine; /* NULL = the store is SQLite */
    int64_t created_ms;         /* of the database that the log is of */
    bool was_paused;
    uint64_t seen; /* the generation (commit_watch.h) that was looked at to its end; 0 = none */
};

/* What one question has made. */
struct looked {
    struct live_batch *batches[2];
    size_t count;
};

static struct live_batch *add_batch(struct looked *looked, enum live_batch_kind kind, int64_t from)
{
    struct live_batch *batch = live_batch_new(kind, from);
    if (batch != NULL)
        looked->batches[looked->count++] = batch;
    return batch;
}

/* --- a question ------------------------------------------------------------------------------- */

static bool must_begin_anew(const struct feed *feed, const struct live_standing *log,
                            const struct feed_bounds *bounds)
{
    const int64_t most = feed->was_paused ? FEED_PAUSED : FEED_BEHIND;
    return !log->is_open || bounds->created_ms != feed->created_ms || bounds->newest < log->last ||
           bounds->newest - log->last > most;
}

/* What has no room in the log need not be read. */
static int64_t floor_of(const struct live_standing *log)
{
    const int64_t lowest = log->last - (int64_t)LIVE_LOG_EVENTS;
    return log->wanted > lowest ? log->wanted : lowest;
}

static void look_back(struct asking *asking, const struct live_standing *log,
                      const struct feed_bounds *bounds, struct looked *looked)
{
    const int64_t floor = floor_of(log);
    struct live_batch *batch = add_batch(looked, LIVE_BATCH_OLDER, log->base);
    if (batch == NULL)
        return;
    if (log->is_full || log->base <= floor || feed_rows_older(asking, floor, batch))
        batch->answered = log->wanted;
    /* All that is left of them: nothing is missing down to there, but what was pruned. */
    if (batch->answered != INT64_MAX && !log->is_full) {
        const int64_t pruned = bounds->oldest - 1;
        const int64_t lowest = floor > pruned ? floor : pruned;
        batch->to = lowest < batch->to ? lowest : batch->to;
    }
}

static void look(struct feed *feed, struct asking *asking, const struct live_standing *log,
                 struct looked *looked)
{
    const struct feed_bounds bounds = feed_rows_bounds(asking->reader);
    if (must_begin_anew(feed, log, &bounds)) {
        feed->created_ms = bounds.created_ms;
        IGNORE(add_batch(looked, LIVE_BATCH_OPEN, bounds.newest), "then the next look does it");
        return;
    }
    if (bounds.newest > log->last) {
        struct live_batch *batch = add_batch(looked, LIVE_BATCH_NEWER, log->last);
        if (batch != NULL)
            feed_rows_newer(asking, batch);
    }
    if (log->wanted != INT64_MAX)
        look_back(asking, log, &bounds, looked);
}

/* --- the thread ------------------------------------------------------------------------------- */

static void drop(struct looked *looked)
{
    for (size_t i = 0; i < looked->count; i++)
        free(looked->batches[i]);
    looked->count = 0;
}

/* False = live_stop was called. */
static bool post(struct feed *feed, struct looked *looked)
{
    bool goes_on = true;
    for (size_t i = 0; i < looked->count; i++)
        goes_on = live_post(feed->live, looked->batches[i]);
    return goes_on;
}

/* generation: what the database is at least. True = there was something, so look again at once. */
static bool turn(struct feed *feed, const struct live_standing *log, uint64_t generation)
{
    struct asking asking;
    struct looked looked = {0};
    struct err err = {0};
    if (asking_begin(&asking, feed->model, &err) != STATUS_OK)
        return false; /* the others who ask say why */
    /* A batch that came late would come late again: better slowly than never. */
    reader_allow(asking.reader, READER_SLICE_US);
    look(feed, &asking, log, &looked);
    const bool is_answered = asking_end(&asking) == READER_ANSWERED;
    if (!is_answered)
        drop(&looked);
    else if (looked.count == 0)
        feed->seen = generation;
    feed->was_paused = feed->was_paused && looked.count == 0;
    return looked.count > 0 && post(feed, &looked);
}

/* Nobody waits for anything, and nothing was committed since the last look. */
static bool is_idle(const struct feed *feed, const struct live_standing *log, uint64_t generation)
{
    return log->is_open && log->wanted == INT64_MAX && feed->seen == generation;
}

static void *run(void *arg)
{
    struct feed *feed = arg;
    struct live_standing log;
    struct commit_seen seen;
    (void)pthread_setname_np(pthread_self(), "weir-feed"); /* for `top -H` only */
    while (live_wait(feed->live, clock_mono() + SLEEP_US) && live_settle(feed->live, &log)) {
        if (!log.is_wanted) {
            feed->was_paused = true;
            continue;
        }
        if (feed->engine != NULL) {
            if (!feed_engine_turn(feed->engine, &log, feed->was_paused))
                live_rest(feed->live, &log, clock_mono() + FEED_ENGINE_US);
            feed->was_paused = false;
            continue;
        }
        const uint64_t known = commit_watch_generation(feed->model->watch);
        if (!is_idle(feed, &log, known) && turn(feed, &log, known))
            continue;
        (void)commit_watch_wait(feed->model->watch, known, clock_mono() + FEED_WAIT_US, &seen);
    }
    return NULL;
}

struct feed *feed_start(struct live *live, const struct model *model)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return NULL;
    feed->live = live;
    feed->model = model;
    feed->was_paused = true;
    if (model->engine != NULL && (feed->engine = feed_engine_new(live, model)) == NULL) {
        free(feed);
        return NULL;
    }
    if (pthread_create(&feed->thread, NULL, run, feed) == 0)
        return feed;
    feed_engine_free(feed->engine);
    free(feed);
    return NULL;
}

void feed_stop(struct feed *feed)
{
    if (feed == NULL)
        return;
    live_stop(feed->live);
    (void)pthread_join(feed->thread, NULL);
    feed_engine_free(feed->engine);
    free(feed);
}
