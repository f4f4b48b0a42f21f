/* SPDX-License-Identifier: MIT
 *
 * live_log - the newest observations as rendered events, which every live client is sent from: one
 * ring of bytes and one of what stands where, in the order of the observations' ids.
 *
 * Why one log: an event is rendered once, and a client is a place in it (live_client.h). Why it
 * also grows at its old end: who comes back with the last id that it saw is answered from here, and
 * what this server has not seen yet, because it was just started or had no client, is read from the
 * database once for all who come back, and put in front.
 * I1. It holds an event of every observation with base < id <= last that clients may see, and none
 *     of another: events that make room for newer ones raise the base.
 * I2. An event's number never changes; numbers are consecutive. What live_log_open throws away and
 *     what made room has a number below live_log_begin, for ever.
 * I3. An event's text stands in one piece; those of consecutive events touch each other, but for
 *     one place in the ring.
 * Threads: its loop's. Errors: NULL = no memory. Limits: as given to live_log_new. Ownership:
 * what is pushed is copied; live_log_at lends until the next push or open.
 * Cost: memory is touched as events come; a push copies the event. */
#pragma once

#include "cmd/server/live/live_filter.h"

#define LIVE_PATH_MAX 64

struct live_event {
    int64_t id; /* of the observation */
    struct live_tags tags;
    const char *text; /* as server-sent event: "id: 7\ndata: {...}\n\n" */
    uint32_t text_len;
    uint16_t json_at;    /* where the object begins in it */
    uint16_t fields_len; /* of the members that stand for the packet, right behind its brace */
    uint8_t path[LIVE_PATH_MAX];
};

struct live_log;

NODISCARD struct live_log *live_log_new(size_t bytes, size_t events);
void live_log_free(struct live_log *log); /* accepts NULL */

/* Empties it; base and last are this id. Whatever a client had still before it is below
 * live_log_begin now. */
void live_log_open(struct live_log *log, int64_t last);
bool live_log_is_open(const struct live_log *log);
/* The next event, which makes room for itself. False = it is larger than the whole ring: it was
 * left out. */
bool live_log_push(struct live_log *log, const struct live_event *event);
/* The one before all others. False = there is no room for it. */
bool live_log_push_front(struct live_log *log, const struct live_event *event);
/* Observations up to here are in it, or may not be seen. */
void live_log_set_last(struct live_log *log, int64_t last);
void live_log_set_base(struct live_log *log, int64_t base);

int64_t live_log_base(const struct live_log *log);
int64_t live_log_last(const struct live_log *log);
/* Numbers: the first that is there, and the one behind the last. */
uint64_t live_log_begin(const struct live_log *log);
uint64_t live_log_end(const struct live_log *log);
/* begin <= number < end */
const struct live_event *live_log_at(const struct live_log *log, uint64_t number);
/* The number of the first event with a larger id. */
uint64_t live_log_behind(const struct live_log *log, int64_t id);
