/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 64 /* what stands around an object */

struct live_batch *live_batch_new(enum live_batch_kind kind, int64_t from)
{
    struct live_batch *batch = malloc(sizeof *batch); /* touched as it is filled */
    if (batch == NULL)
        return NULL;
    batch->next = NULL;
    batch->kind = kind;
    batch->from = batch->to = from;
    batch->answered = INT64_MAX;
    batch->count = batch->text_len = 0;
    return batch;
}

bool live_batch_add(struct live_batch *batch, const struct live_event *about, const char *json,
                    size_t len)
{
    if (batch->count == LIVE_BATCH_EVENTS || len > LIVE_BATCH_BYTES ||
        batch->text_len + len + FRAME_MAX > LIVE_BATCH_BYTES)
        return false;
    struct live_event *event = &batch->events[batch->count++];
    char *text = batch->text + batch->text_len;
    const int n = snprintf(text, FRAME_MAX, "id: %lld\ndata: ", (long long)about->id);
    *event = *about;
    event->text = text;
    event->json_at = (uint16_t)n;
    memcpy(text + n, json, len);
    memcpy(text + n + len, "\n\n", 2);
    event->text_len = (uint32_t)((size_t)n + len + 2);
    batch->text_len += event->text_len;
    batch->to = batch->kind == LIVE_BATCH_OLDER ? about->id - 1 : about->id;
    return true;
}
