/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_ask.h"

#include <stdio.h>
#include <stdlib.h>

static bool refuse(struct http_reply *reply, const char *why)
{
    free(reply->body);
    reply->body = NULL;
    http_reply_error(reply, 503, why);
    return false;
}

/* A list says nothing of its own: then the head alone tells it. */
static void say_partial(struct http_reply *reply, uint64_t missing)
{
    static const char member[] = "\"partial\":true}";
    char shards[3 * 64 + 1] = "";
    size_t len = 0;
    for (unsigned i = 0; i < 64; i++) {
        if ((missing >> i & 1) != 0)
            len +=
                (size_t)snprintf(shards + len, sizeof shards - len, "%s%u", len > 0 ? "," : "", i);
    }
    char line[sizeof shards + 8];
    (void)snprintf(line, sizeof line, "shard=%s", shards);
    http_reply_line(reply, "X-Weir-Partial", line);
    const size_t body = reply->body_len;
    if (reply->body == NULL || reply->status >= 400 || body < 2 || reply->body[body - 1] != '}')
        return;
    char *longer = realloc(reply->body, body + sizeof member + 1);
    if (longer == NULL)
        return; /* the head says it */
    const bool is_empty = longer[body - 2] == '{';
    (void)snprintf(longer + body - 1, sizeof member + 2, "%s%s", is_empty ? "" : ",", member);
    reply->body = longer;
    reply->body_len = body - 1 + !is_empty + sizeof member - 1;
}

bool api_ask(const struct model *model, api_question question, void *context,
             struct http_reply *reply)
{
    struct asking asking;
    struct err err = {0};
    const enum status status = asking_begin(&asking, model, &err);
    if (status != STATUS_OK)
        return refuse(reply, asking_refusal(status));
    question(context, &asking, reply);
    switch (asking_end(&asking)) {
    case READER_ANSWERED:
        if (asking.missing != 0)
            say_partial(reply, asking.missing);
        return true;
    case READER_LATE:
        return refuse(reply, "this question takes too long now: narrow it, or ask again later");
    case READER_FAILED:
        break;
    }
    return refuse(reply, asking_refusal(STATUS_IO));
}
