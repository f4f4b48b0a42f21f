/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/http_head.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Nothing this server sends needs a script, style or connection from anywhere else. */
#define HTTP_HEAD_END 32 /* what comes behind all other lines */
#define DATA_CSP      "default-src 'none'; frame-ancestors 'none'"

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return status >= 500 ? "Error" : status >= 400 ? "Refused" : "OK";
}

static void put(char *out, size_t *used, const char *key, const char *value)
{
    const int n = snprintf(out + *used, HTTP_HEAD_MAX - *used, "%s: %s\r\n", key, value);
    if (n > 0 && (size_t)n < HTTP_HEAD_MAX - *used)
        *used += (size_t)n;
}

/* This thread's: an answer from memory costs little more than what formatting a date does. */
static _Thread_local struct {
    time_t second;
    char text[64];
} date = {.text = "Thu, 01 Jan 1970 00:00:00 GMT"};

void http_head_date(char out[static HTTP_DATE_LEN])
{
    const time_t now = (time_t)(clock_wall() / US_PER_S);
    struct tm tm;
    char text[sizeof date.text];
    if (now != date.second && gmtime_r(&now, &tm) != NULL &&
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == HTTP_DATE_LEN) {
        memcpy(date.text, text, sizeof text);
        date.second = now;
    }
    memcpy(out, date.text, HTTP_DATE_LEN);
}

#define DATE_KEY "Date: " /* in the line behind the status */

size_t http_head_date_at(const char *head)
{
    return strcspn(head, "\n") + 1 + strlen(DATE_KEY);
}

static const char *cache_control(enum http_cache cache)
{
    switch (cache) {
    case HTTP_NO_STORE:
        return "no-store";
    case HTTP_FOREVER:
        return "public, max-age=31536000, immutable";
    default:
        return "no-cache";
    }
}

/* The answer brings its own. */
static bool has_line(const struct http_head *head, const char *key)
{
    return head->lines != NULL && strstr(head->lines, key) != NULL;
}

static void put_security(const struct http_head *head, char *out, size_t *used)
{
    const bool is_page = head->cache == HTTP_PAGE || head->cache == HTTP_FOREVER;
    put(out, used, "X-Content-Type-Options", "nosniff");
    if (head->cache == HTTP_FOREIGN)
        return;
    if (!has_line(head, "Content-Security-Policy: "))
        put(out, used, "Content-Security-Policy", is_page ? HTTP_PAGE_POLICY : DATA_CSP);
    if (!is_page)
        return;
    put(out, used, "X-Frame-Options", "DENY"); /* browsers that do not know frame-ancestors */
    put(out, used, "Referrer-Policy", "same-origin");
    put(out, used, "Cross-Origin-Opener-Policy", "same-origin");
    put(out, used, "Cross-Origin-Resource-Policy", "same-origin");
}

static void put_lines(const char *lines, char *out, size_t *used)
{
    const size_t len = strlen(lines);
    if (len < HTTP_HEAD_MAX - *used - HTTP_HEAD_END) {
        memcpy(out + *used, lines, len);
        *used += len;
    }
}

size_t http_head_format(const struct http_head *head, char out[static HTTP_HEAD_MAX])
{
    char number[32];
    char now[HTTP_DATE_LEN];
    http_head_date(now);
    int n = snprintf(out, HTTP_HEAD_MAX, "HTTP/1.1 %d %s\r\n" DATE_KEY "%.*s\r\n", head->status,
                     status_text(head->status), HTTP_DATE_LEN, now);
    size_t used = n > 0 ? (size_t)n : 0;
    if (head->content_type != NULL)
        put(out, &used, "Content-Type", head->content_type);
    if (head->is_stream) {
        put(out, &used, "X-Accel-Buffering", "no"); /* nginx would hold it back */
    } else if (head->is_chunked) {
        put(out, &used, "Transfer-Encoding", "chunked");
    } else if (head->status != 204 && head->status != 304) {
        (void)snprintf(number, sizeof number, "%" PRIu64, head->content_length);
        put(out, &used, "Content-Length", number);
    }
    put(out, &used, "Cache-Control", cache_control(head->cache));
    if (head->encoding != NULL)
        put(out, &used, "Content-Encoding", head->encoding);
    /* What nobody may store needs no key to be found by. */
    if (head->cache != HTTP_NO_STORE)
        put(out, &used, "Vary", "Accept-Encoding");
    if (head->etag != NULL)
        put(out, &used, "ETag", head->etag);
    if ((head->status == 503 || head->status == 429) && !has_line(head, "Retry-After: "))
        put(out, &used, "Retry-After", "1");
    if (head->status == 401)
        put(out, &used, "WWW-Authenticate", "Bearer");
    if (head->allow != NULL)
        put(out, &used, "Allow", head->allow);
    if (head->content_type != NULL)
        put_security(head, out, &used);
    if (head->lines != NULL)
        put_lines(head->lines, out, &used);
    put(out, &used, "Connection", head->keep_alive ? "keep-alive" : "close");
    out[used++] = '\r';
    out[used++] = '\n';
    return used;
}
