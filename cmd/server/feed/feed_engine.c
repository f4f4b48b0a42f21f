/* SPDX-License-Identifier: MIT */
#include "cmd/server/feed/feed_engine.h"

#include "cmd/server/feed/feed_rows.h"
#include "cmd/server/model/packet.h"

#include <stdlib.h>

struct feed_engine {
    struct live *live;
    const struct model *model;
    struct engine_follower *follower;
};

/* What one question makes. */
struct look {
    struct asking *asking;
    struct live_batch *batches[2];
    size_t count;
    struct live_batch *to; /* where events go now */
    int64_t next_id;       /* of a newer one; of an older one the last that may be */
    bool has_more;
};

struct feed_engine *feed_engine_new(struct live *live, const struct model *model)
{
    struct feed_engine *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return NULL;
    live_step_back(live, (int64_t)FEED_BACK_MS * FEED_IDS_PER_MS);
    feed->live = live;
    feed->model = model;
    feed->follower = model->engine->follower_new();
    if (feed->follower != NULL)
        return feed;
    free(feed);
    return NULL;
}

void feed_engine_free(struct feed_engine *feed)
{
    if (feed == NULL)
        return;
    feed->model->engine->follower_free(feed->follower);
    free(feed);
}

static bool begin_batch(struct look *look, enum live_batch_kind kind, int64_t from)
{
    look->to = live_batch_new(kind, from);
    if (look->to != NULL)
        look->batches[look->count++] = look->to;
    return look->to != NULL;
}

static int64_t id_of(int64_t ms)
{
    return ms * FEED_IDS_PER_MS;
}

/* --- newer ------------------------------------------------------------------------------------ */

static bool add_newer(void *context, const struct engine_arrival *arrival)
{
    struct look *look = context;
    look->has_more = look->to->count == LIVE_BATCH_EVENTS ||
                     !feed_rows_add(look->asking, arrival, look->next_id, look->to);
    if (look->has_more)
        return false;
    look->next_id++;
    return true;
}

/* The log's end goes on though nothing came: so who comes back, from another server perhaps, has
 * its place before it. */
static enum engine_follow look_forward(struct feed_engine *feed, const struct live_standing *log,
                                       int64_t now_id, struct look *look)
{
    if (!begin_batch(look, LIVE_BATCH_NEWER, log->last))
        return ENGINE_FOLLOWS;
    look->next_id = now_id > log->last ? now_id : log->last + 1;
    const enum engine_follow result = feed->model->engine->follow(
        look->asking, feed->follower, FEED_ENGINE_MOST, add_newer, look);
    if (now_id > look->to->to)
        look->to->to = now_id;
    return result;
}

/* --- older ------------------------------------------------------------------------------------ */

static bool add_older(void *context, const struct engine_arrival *arrival)
{
    struct look *look = context;
    const int64_t arrived = id_of(arrival->seen->receipt_ms + ENGINE_LATE_MS);
    const int64_t id = arrived < look->next_id ? arrived : look->next_id;
    look->has_more =
        look->to->count == LIVE_BATCH_EVENTS || !feed_rows_add(look->asking, arrival, id, look->to);
    if (look->has_more)
        return false;
    look->next_id = id - 1;
    return true;
}

static void look_back(struct feed_engine *feed, const struct live_standing *log, int64_t now_ms,
                      struct look *look)
{
    const int64_t reach = id_of(now_ms - FEED_REACH_MS);
    const int64_t floor = log->wanted > reach ? log->wanted : reach;
    if (!begin_batch(look, LIVE_BATCH_OLDER, log->base))
        return;
    look->next_id = log->base;
    if (log->is_full || log->base <= floor) {
        look->to->answered = log->wanted;
        return;
    }
    if (!feed->model->engine->follow_back(look->asking, feed->follower,
                                          floor / FEED_IDS_PER_MS - ENGINE_LATE_MS, add_older,
                                          look)) {
        look->has_more = true;
        return;
    }
    look->to->answered = log->wanted;
    look->to->to = floor < look->to->to ? floor : look->to->to;
}

/* --- together --------------------------------------------------------------------------------- */

static void drop(struct look *look)
{
    for (size_t i = 0; i < look->count; i++)
        free(look->batches[i]);
    look->count = 0;
}

static void begin_anew(struct feed_engine *feed, int64_t now_id, struct look *look)
{
    drop(look);
    feed->model->engine->follow_anew(look->asking, feed->follower);
    IGNORE(begin_batch(look, LIVE_BATCH_OPEN, now_id), "then the next look does it");
}

static void look_at(struct feed_engine *feed, const struct live_standing *log, bool was_paused,
                    struct look *look)
{
    const int64_t now_ms = look->asking->now / US_PER_MS;
    const int64_t now_id = id_of(now_ms);
    const bool is_old = was_paused && id_of(now_ms) - log->last > id_of(ENGINE_LATE_MS);
    if (!log->is_open || is_old) {
        begin_anew(feed, now_id, look);
        return;
    }
    if (look_forward(feed, log, now_id, look) == ENGINE_LOST)
        begin_anew(feed, now_id > log->last ? now_id : log->last + 1, look);
    else if (log->wanted != INT64_MAX)
        look_back(feed, log, now_ms, look);
}

bool feed_engine_turn(struct feed_engine *feed, const struct live_standing *log, bool was_paused)
{
    struct asking asking;
    struct look look = {.asking = &asking};
    struct err err = {0};
    if (asking_begin(&asking, feed->model, &err) != STATUS_OK)
        return false; /* the others who ask say why */
    look_at(feed, log, was_paused, &look);
    const bool is_answered = asking_end(&asking) == READER_ANSWERED;
    feed->model->engine->followed(feed->follower, is_answered);
    if (!is_answered)
        drop(&look);
    bool goes_on = is_answered;
    for (size_t i = 0; i < look.count; i++)
        goes_on = live_post(feed->live, look.batches[i]);
    return goes_on && look.has_more;
}
