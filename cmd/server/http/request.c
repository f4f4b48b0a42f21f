/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/request.h"

#include "common/json/json_write.h"

#include <stdio.h>
#include <string.h>

void http_reply_init(struct http_reply *reply, enum http_cache cache)
{
    *reply = (struct http_reply){.status = 200, .content_type = "application/json", .cache = cache};
}

void http_reply_line(struct http_reply *reply, const char *name, const char *value)
{
    const size_t used = strlen(reply->lines);
    const int n =
        snprintf(reply->lines + used, sizeof reply->lines - used, "%s: %s\r\n", name, value);
    if (n < 0 || (size_t)n >= sizeof reply->lines - used)
        reply->lines[used] = '\0'; /* a part of a line would spoil the head */
}

void http_reply_json(struct http_reply *reply, struct json_write *w)
{
    reply->body = jw_take(w, &reply->body_len);
}

void http_reply_error(struct http_reply *reply, int status, const char *text)
{
    http_reply_field_error(reply, status, NULL, text);
}

void http_reply_field_error(struct http_reply *reply, int status, const char *field,
                            const char *text)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "error", text);
    if (field != NULL)
        jw_string(&w, "field", field);
    jw_object_end(&w);
    reply->status = status;
    http_reply_json(reply, &w);
}
