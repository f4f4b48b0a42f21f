/* SPDX-License-Identifier: MIT
 *
 * live - what the feed, which reads and renders, and the loop, which sends, share: the log's way
 * in, and who wants what.
 *
 * The log belongs to the loop; the feed posts batches, which the loop takes into it. So nothing is
 * locked while a thousand clients are sent to.
 * I1. Without a client nothing is wanted: the feed sleeps, nothing is rendered.
 * I2. A batch that does not continue the log where it ends (or, of older ones, begins) is thrown
 *     away: the log has no hole. The feed sees what became of it by live_standing.
 * I3. At most LIVE_POSTS_MAX batches wait; the feed waits with its next.
 * Threads: as the banners say. Lock: one, a leaf. Limits: clients as given, LIVE_LOG_BYTES,
 * LIVE_LOG_EVENTS. Ownership: a posted batch moves. */
#pragma once

#include "cmd/server/http/http_counts.h"
#include "cmd/server/live/live_batch.h"
#include "common/base/clock.h"

#define LIVE_LOG_BYTES  ((size_t)8 << 20)
#define LIVE_LOG_EVENTS ((size_t)16384)
#define LIVE_POSTS_MAX  4

struct live;

/* Where the log stands, for the feed. */
struct live_standing {
    bool is_wanted; /* somebody listens */
    bool is_open;
    int64_t base, last;
    int64_t wanted; /* somebody waits for the events behind this id; INT64_MAX = nobody */
    bool is_full;   /* nothing older has room */
};

/* NULL = no memory. counts: borrowed. */
NODISCARD struct live *live_new(size_t clients_max, struct http_counts *counts);
void live_free(struct live *live); /* accepts NULL */
/* So many clients at most, where there is room for less than was wished. Before any comes. */
void live_bound(struct live *live, size_t clients_max);
/* Who comes back is sent again what stands so many ids before its place, too: of a log whose ids
 * are moments, which are not the same ones at another server. Before any comes. */
void live_step_back(struct live *live, int64_t ids);
/* No client is let in any more. Any thread. */
void live_drain(struct live *live);

/* --- the feed's thread --- */

/* Waits until somebody listens, or `until`. False = live_stop was called. */
bool live_wait(struct live *live, mono_us until);
/* Waits until the loop has taken all that was posted. False = live_stop was called. */
bool live_settle(struct live *live, struct live_standing *out);
/* Waits until then, or until somebody waits for something else than `then` says, or live_stop is
 * called. */
void live_rest(struct live *live, const struct live_standing *then, mono_us until);
/* Moves the batch in any case. False = live_stop was called. */
bool live_post(struct live *live, struct live_batch *batch);
/* From any: ends the waits above. */
void live_stop(struct live *live);

/* --- the loop's thread --- */

/* wake is called from the feed's thread when something was posted. */
void live_attach(struct live *live, void (*wake)(void *context), void *context);
/* Nobody takes what is posted any more: it is thrown away. Any thread. */
void live_detach(struct live *live);
/* Takes what was posted into the log. False = there was nothing. */
bool live_take(struct live *live);
/* False = there is no place (or it drains). */
NODISCARD bool live_join(struct live *live);
int64_t live_steps_back(const struct live *live);
void live_leave(struct live *live);
/* Can who has seen all up to this id begin? Else the feed was asked for what is missing. */
bool live_can_resume(struct live *live, int64_t after);
const struct live_log *live_log_of(const struct live *live);
struct http_counts *live_counts_of(const struct live *live);
