/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_ask.h"

#include "cmd/server/model/partial.h"

#include <stdlib.h>

static bool refuse(struct http_reply *reply, const char *why)
{
    free(reply->body);
    reply->body = NULL;
    http_reply_error(reply, 503, why);
    return false;
}

/* What the missing parts hold may be it. */
static bool say_missing(struct http_reply *reply, uint64_t missing, bool must_be_whole)
{
    if (missing != 0 && must_be_whole)
        return refuse(reply, "a shard of storeUrl does not answer, and a file would lack what it "
                             "holds: ask again later");
    if (missing != 0 && reply->status == 404)
        return refuse(reply, "not in the shards of storeUrl that answer: another one does not");
    partial_say(reply, missing);
    return true;
}

static bool ask(const struct model *model, api_question question, void *context,
                struct http_reply *reply, bool must_be_whole)
{
    struct asking asking;
    struct err err = {0};
    const enum status status = asking_begin(&asking, model, &err);
    if (status != STATUS_OK)
        return refuse(reply, asking_refusal(model, status));
    question(context, &asking, reply);
    switch (asking_end(&asking)) {
    case READER_ANSWERED:
        return say_missing(reply, asking.missing, must_be_whole);
    case READER_LATE:
        return refuse(reply, "this question takes too long now: narrow it, or ask again later");
    case READER_OLDER:
        return refuse(reply, "the store of storeUrl is of an older version: run ingestor "
                             "--store-init of this server's version");
    case READER_FAILED:
        break;
    }
    return refuse(reply, asking_refusal(model, STATUS_IO));
}

bool api_ask(const struct model *model, api_question question, void *context,
             struct http_reply *reply)
{
    return ask(model, question, context, reply, false);
}

bool api_ask_whole(const struct model *model, api_question question, void *context,
                   struct http_reply *reply)
{
    return ask(model, question, context, reply, true);
}
