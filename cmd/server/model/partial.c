/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/partial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS_MAX 64 /* bits of `missing` */

static void say_in_head(struct http_reply *reply, uint64_t missing)
{
    char line[3 * SHARDS_MAX + 8] = "shard=";
    const char *comma = "";
    size_t len = strlen(line);
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        if ((missing >> i & 1) == 0)
            continue;
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%u", comma, i);
        comma = ",";
    }
    http_reply_line(reply, "X-Weir-Partial", line);
}

/* A list says nothing of its own. */
static void say_in_body(struct http_reply *reply)
{
    static const char member[] = "\"partial\":true}";
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

void partial_say(struct http_reply *reply, uint64_t missing)
{
    if (missing == 0)
        return;
    say_in_head(reply, missing);
    say_in_body(reply);
    reply->kept_s = 0;
}
