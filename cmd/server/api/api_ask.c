/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_ask.h"

#include <stdlib.h>

static bool refuse(struct http_reply *reply, const char *why)
{
    free(reply->body);
    reply->body = NULL;
    http_reply_error(reply, 503, why);
    return false;
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
        return true;
    case READER_LATE:
        return refuse(reply, "this question takes too long now: narrow it, or ask again later");
    case READER_FAILED:
        break;
    }
    return refuse(reply, asking_refusal(STATUS_IO));
}
