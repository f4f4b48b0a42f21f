/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/watcher.h"

#include "cmd/server/state/ticker.h"

#include <stdlib.h>

/* A file written once a second is seen at most so long after it was written, whatever the phase
 * between the writer's second and ours. */
#define PERIOD_US (500 * US_PER_MS)
#define A_SECOND  2 /* turns */

struct watcher {
    /* constant after init */
    struct stats_cache *stats;
    struct io_rates *io;
    void (*on_second)(void *);
    void *arg;
    struct ticker *ticker;
    /* this thread only */
    unsigned turns;
};

static void on_tick(void *arg)
{
    struct watcher *w = arg;
    stats_cache_refresh(w->stats);
    const bool is_second = w->turns % A_SECOND == 0;
    struct procio sample;
    /* And once in between: rates are known half a second after the start. */
    if ((is_second || w->turns == 1) && procio_read(0, &sample))
        io_rates_add(w->io, &sample, clock_mono());
    w->turns++;
    if (is_second)
        w->on_second(w->arg);
}

struct watcher *watcher_start(struct stats_cache *stats, struct io_rates *io,
                              void (*on_second)(void *arg), void *arg)
{
    struct watcher *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->stats = stats;
    w->io = io;
    w->on_second = on_second;
    w->arg = arg;
    w->ticker = ticker_new("weir-watch", PERIOD_US, on_tick, w);
    if (w->ticker == NULL || !ticker_start(w->ticker)) {
        watcher_stop(w);
        return NULL;
    }
    return w;
}

void watcher_stop(struct watcher *w)
{
    if (w == NULL)
        return;
    ticker_free(w->ticker);
    free(w);
}
