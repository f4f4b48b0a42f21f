/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/http_check.h"

#include <string.h>
#include <strings.h>

static int refuse(int status, const char *why, const char **out_why)
{
    *out_why = why;
    return status;
}

/* Digits only: "+5", "5 5" and "5, 5" are lengths to some and not to others. */
static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

int http_check_framing(const struct http_framing *f, const char **out_why)
{
    size_t lengths = 0;
    size_t encodings = 0;
    for (size_t i = 0; i < f->header_count; i++) {
        if (strcasecmp(f->headers[i].name, "Content-Length") == 0) {
            lengths++;
            if (!is_number(f->headers[i].value))
                return refuse(400, "Content-Length is not a number", out_why);
        }
        encodings += strcasecmp(f->headers[i].name, "Transfer-Encoding") == 0;
    }
    if (lengths > 1)
        return refuse(400, "Content-Length more than once", out_why);
    if (lengths > 0 && encodings > 0)
        return refuse(400, "Content-Length beside Transfer-Encoding", out_why);
    if (strcmp(f->method, "POST") != 0) {
        if (encodings > 0 || f->content_length > 0)
            return refuse(400, "this method takes no body", out_why);
        return 0;
    }
    if (encodings > 0 || lengths == 0)
        return refuse(411, "a Content-Length is needed", out_why);
    if (f->content_length < 0 || f->content_length > f->body_max)
        return refuse(413, "the body is too large", out_why);
    return 0;
}
