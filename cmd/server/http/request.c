/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/request.h"

#include "common/json/json_write.h"

void http_reply_init(struct http_reply *reply, enum http_cache cache)
{
    *reply = (struct http_reply){.status = 200, .content_type = "application/json", .cache = cache};
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
