/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_ask.h"

#include <stdlib.h>

static const char *cannot_ask(enum status status)
{
    switch (status) {
    case STATUS_NOT_FOUND:
        return "there is no database yet: is the ingestor running with the same dbPath?";
    case STATUS_NEWER:
        return "the database is of a newer version than this server: upgrade it";
    case STATUS_BUSY:
        return "too many questions at once: ask again in a second";
    default:
        return "the database can't be read: see the server's log";
    }
}

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
        return refuse(reply, cannot_ask(status));
    question(context, &asking, reply);
    switch (asking_end(&asking)) {
    case READER_ANSWERED:
        return true;
    case READER_LATE:
        return refuse(reply, "this question takes too long now: narrow it, or ask again later");
    case READER_FAILED:
        break;
    }
    return refuse(reply, cannot_ask(STATUS_IO));
}
