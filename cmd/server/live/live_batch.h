/* SPDX-License-Identifier: MIT
 *
 * live_batch - some rendered events on their way from the feed's thread to the log, and what they
 * say about what the log then holds.
 *
 * Threads: one at a time. Ownership: whoever holds the batch; its events point into it. Limits:
 * LIVE_BATCH_EVENTS, LIVE_BATCH_BYTES. */
#pragma once

#include "cmd/server/live/live_log.h"

#define LIVE_BATCH_EVENTS 256
#define LIVE_BATCH_BYTES  ((size_t)256 << 10)

enum live_batch_kind {
    LIVE_BATCH_OPEN,  /* the log begins anew behind `to` */
    LIVE_BATCH_NEWER, /* ids rise: from < id <= to */
    LIVE_BATCH_OLDER, /* ids fall: to < id <= from */
};

struct live_batch {
    struct live_batch *next;
    enum live_batch_kind kind;
    int64_t from, to;
    /* OLDER: who waits for what is behind this id need not wait for more; else INT64_MAX */
    int64_t answered;
    size_t count, text_len;
    struct live_event events[LIVE_BATCH_EVENTS];
    char text[LIVE_BATCH_BYTES];
};

/* Without events: from = to. NULL = no memory. */
NODISCARD struct live_batch *live_batch_new(enum live_batch_kind kind, int64_t from);
/* about: id, tags, path and fields_len; json: one object in one line, which begins with the
 * fields_len bytes of its brace and the packet's members. False = it does not fit: post the batch,
 * begin another. */
NODISCARD bool live_batch_add(struct live_batch *batch, const struct live_event *about,
                              const char *json, size_t len);
