/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live_sse.h"

#include "common/base/version.h"
#include "common/json/json_write.h"

#include <stdio.h>
#include <string.h>

#define ID_DIGITS_MAX 18 /* below INT64_MAX whatever they are */

/* What snprintf has written into LIVE_SSE_TEXT_MAX: our texts are shorter. */
static size_t written(int n)
{
    return n > 0 && n < LIVE_SSE_TEXT_MAX ? (size_t)n : 0;
}

size_t live_sse_head(const char *lines, char out[static HTTP_HEAD_MAX])
{
    const struct http_head head = {.status = 200,
                                   .content_type = "text/event-stream",
                                   .cache = HTTP_NO_STORE,
                                   .is_stream = true,
                                   .lines = lines};
    return http_head_format(&head, out);
}

size_t live_sse_refusal(char out[static LIVE_SSE_TEXT_MAX])
{
    return written(snprintf(out, LIVE_SSE_TEXT_MAX, "retry: 30000\n: no room, or stopping\n\n"));
}

size_t live_sse_hello(char out[static LIVE_SSE_TEXT_MAX])
{
    return written(snprintf(out, LIVE_SSE_TEXT_MAX,
                            "retry: 3000\nevent: hello\n"
                            "data: {\"version\":\"%s\",\"commit\":\"%s\"}\n\n",
                            version_number(), version_commit()));
}

size_t live_sse_gap(int64_t after, int64_t until, char out[static LIVE_SSE_TEXT_MAX])
{
    char text[40] = "";
    if (after != LIVE_NO_ID)
        (void)snprintf(text, sizeof text, "\"after\":%lld,", (long long)after);
    return written(snprintf(out, LIVE_SSE_TEXT_MAX,
                            "event: gap\ndata: {%s\"until\":%lld}\nid: %lld\n\n", text,
                            (long long)until, (long long)until));
}

size_t live_sse_comment(int64_t id, char out[static LIVE_SSE_TEXT_MAX])
{
    if (id == LIVE_NO_ID)
        return written(snprintf(out, LIVE_SSE_TEXT_MAX, ":\n\n"));
    return written(snprintf(out, LIVE_SSE_TEXT_MAX, ":\nid: %lld\n\n", (long long)id));
}

bool live_sse_read_id(const char *text, size_t len, int64_t *out)
{
    int64_t id = 0;
    if (len == 0 || len > ID_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        id = id * 10 + (text[i] - '0');
    }
    *out = id;
    return true;
}
