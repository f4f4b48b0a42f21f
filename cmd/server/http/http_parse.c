/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/http_parse.h"

#include <string.h>
#include <strings.h>

/* The line that is read, and what it was read into. */
struct reading {
    const char *bytes;
    size_t at, end; /* of the line, without its CR LF */
    struct http_incoming *out;
    size_t hosts, lengths, encodings;
    const char *why;
};

static int refuse(struct reading *r, int status, const char *why)
{
    r->why = why;
    return status;
}

static bool is_token_char(char c)
{
    static const uint64_t set[2] = {UINT64_C(0x3ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe)};
    const unsigned char u = (unsigned char)c;
    return u < 128 && (set[u / 64] >> u % 64 & 1) != 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Tabs and what is above 0x7f may stand in a value. */
static bool is_control(char c)
{
    const unsigned char u = (unsigned char)c;
    return u < 0x20 || u == 0x7f;
}

static struct http_slice slice(size_t from, size_t end)
{
    return (struct http_slice){(uint16_t)from, (uint16_t)(end - from)};
}

static bool is(const char *bytes, struct http_slice s, const char *text)
{
    return strlen(text) == s.len && strncasecmp(bytes + s.at, text, s.len) == 0;
}

const struct http_slice *http_parse_next(const struct http_incoming *head, const char *bytes,
                                         const char *name, const struct http_slice *after)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        if ((after == NULL || header->value.at > after->at) && is(bytes, header->name, name))
            return &header->value;
    }
    return NULL;
}

bool http_parse_lists(const char *bytes, struct http_slice value, const char *word)
{
    const size_t end = (size_t)value.at + value.len;
    const size_t len = strlen(word);
    for (size_t i = value.at; i < end; i++) {
        while (i < end && (is_space(bytes[i]) || bytes[i] == ','))
            i++;
        const size_t from = i;
        while (i < end && bytes[i] != ',')
            i++;
        size_t to = i;
        while (to > from && is_space(bytes[to - 1]))
            to--;
        if (to - from == len && strncasecmp(bytes + from, word, len) == 0)
            return true;
    }
    return false;
}

size_t http_parse_end(const char *bytes, size_t len, size_t from)
{
    const char *const end = bytes + len;
    const char *p = bytes + (from > 2 ? from - 2 : 0); /* a line feed and its CR, seen before */
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        p++;
        if (end - p >= 1 && p[0] == '\n')
            return (size_t)(p + 1 - bytes);
        if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
            return (size_t)(p + 2 - bytes);
    }
    return 0;
}

/* Goes to the next line. False = it does not end in CR LF. */
static bool next_line(struct reading *r, size_t from, size_t len)
{
    const char *feed = memchr(r->bytes + from, '\n', len - from);
    if (feed == NULL || feed == r->bytes + from || feed[-1] != '\r')
        return false;
    r->at = from;
    r->end = (size_t)(feed - 1 - r->bytes);
    return true;
}

/* --- the request line ------------------------------------------------------------------------- */

static int read_version(struct reading *r, size_t at)
{
    const char *text = r->bytes + at;
    const size_t len = r->end - at;
    const bool is_http = len == 8 && memcmp(text, "HTTP/", 5) == 0 && text[6] == '.' &&
                         text[5] >= '0' && text[5] <= '9' && text[7] >= '0' && text[7] <= '9';
    if (!is_http)
        return refuse(r, 400, "the request line can't be read");
    if (text[5] != '1')
        return refuse(r, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    r->out->is_1_0 = text[7] == '0';
    r->out->keeps_alive = !r->out->is_1_0;
    return 0;
}

/* Behind `http://` and the authority; 0 = this is no such target. */
static size_t skip_authority(const struct reading *r, size_t at, size_t end)
{
    const char *text = r->bytes + at;
    const size_t len = end - at;
    const size_t scheme = len > 7 && strncasecmp(text, "http://", 7) == 0    ? 7
                          : len > 8 && strncasecmp(text, "https://", 8) == 0 ? 8
                                                                             : 0;
    size_t i = scheme;
    while (scheme > 0 && i < len && text[i] != '/' && text[i] != '?') {
        if (text[i++] == '@') /* a user's name is never sent (RFC 9110, 4.2.4) */
            return 0;
    }
    return i > scheme ? at + i : 0;
}

static int read_target(struct reading *r, size_t at, size_t end)
{
    struct http_incoming *out = r->out;
    const bool is_options = is(r->bytes, out->method, "OPTIONS");
    if (is_options && end - at == 1 && r->bytes[at] == '*') {
        out->is_asterisk = true;
        out->path = slice(at, at);
        return 0;
    }
    if (at == end || r->bytes[at] != '/') {
        const size_t behind = skip_authority(r, at, end);
        if (behind == 0)
            return refuse(r, 400, "the request's target can't be read");
        out->is_asterisk = is_options && behind == end;
        at = behind;
    }
    const char *question = memchr(r->bytes + at, '?', end - at);
    const size_t path_end = question != NULL ? (size_t)(question - r->bytes) : end;
    out->path = slice(at, path_end);
    out->has_query = question != NULL;
    if (question != NULL)
        out->query = slice(path_end + 1, end);
    return 0;
}

static int read_request_line(struct reading *r)
{
    size_t i = r->at;
    while (i < r->end && is_token_char(r->bytes[i]))
        i++;
    if (i == r->at || i == r->end || r->bytes[i] != ' ')
        return refuse(r, 400, "the request line can't be read");
    r->out->method = slice(r->at, i);
    const size_t target = ++i;
    while (i < r->end && r->bytes[i] != ' ' && !is_control(r->bytes[i]))
        i++;
    if (i == r->end || r->bytes[i] != ' ')
        return refuse(r, 400, "the request line can't be read");
    const int refused = read_version(r, i + 1);
    return refused != 0 ? refused : read_target(r, target, i);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* Digits only: "+5", "5 5" and "5, 5" are lengths to some and not to others. */
static int note_length(struct reading *r, struct http_slice value)
{
    int64_t length = 0;
    for (size_t i = value.at; i < (size_t)value.at + value.len; i++) {
        if (r->bytes[i] < '0' || r->bytes[i] > '9')
            return refuse(r, 400, "Content-Length is not a number");
        if (length < INT64_MAX / 16) /* above this any length is just too large */
            length = length * 10 + (r->bytes[i] - '0');
    }
    if (value.len == 0)
        return refuse(r, 400, "Content-Length is not a number");
    if (++r->lengths > 1)
        return refuse(r, 400, "Content-Length more than once");
    r->out->content_length = length;
    return 0;
}

static int note_encoding(struct reading *r, struct http_slice value)
{
    if (++r->encodings > 1)
        return refuse(r, 400, "Transfer-Encoding more than once");
    if (!is(r->bytes, value, "chunked"))
        return refuse(r, 501, "the only Transfer-Encoding is chunked");
    if (r->out->is_1_0)
        return refuse(r, 400, "Transfer-Encoding in HTTP/1.0");
    r->out->is_chunked = true;
    return 0;
}

static int note_host(struct reading *r, struct http_slice value)
{
    if (++r->hosts > 1)
        return refuse(r, 400, "Host more than once");
    for (size_t i = value.at; i < (size_t)value.at + value.len; i++) {
        if (memchr(" \t/?#@\\,<>\"", r->bytes[i], 11) != NULL)
            return refuse(r, 400, "Host can't be read");
    }
    return 0;
}

/* What the framing depends on; everything else is the caller's to look up. */
static int note(struct reading *r, struct http_slice name, struct http_slice value)
{
    struct http_incoming *out = r->out;
    switch (name.len) {
    case 4:
        return is(r->bytes, name, "Host") ? note_host(r, value) : 0;
    case 6:
        if (is(r->bytes, name, "Expect")) {
            const bool is_known = is(r->bytes, value, "100-continue");
            out->expects_continue |= is_known && !out->is_1_0;
            out->expects_other |= !is_known;
        }
        return 0;
    case 10:
        if (is(r->bytes, name, "Connection")) {
            if (http_parse_lists(r->bytes, value, "close"))
                out->keeps_alive = false;
            else if (out->is_1_0 && http_parse_lists(r->bytes, value, "keep-alive"))
                out->keeps_alive = true;
        }
        return 0;
    case 14:
        return is(r->bytes, name, "Content-Length") ? note_length(r, value) : 0;
    case 17:
        return is(r->bytes, name, "Transfer-Encoding") ? note_encoding(r, value) : 0;
    default:
        return 0;
    }
}

static int read_header(struct reading *r)
{
    const char *bytes = r->bytes;
    size_t i = r->at;
    while (i < r->end && is_token_char(bytes[i]))
        i++;
    if (i == r->at || i == r->end || bytes[i] != ':')
        return refuse(r, 400, "a header's name can't be read");
    const struct http_slice name = slice(r->at, i++);
    size_t end = r->end;
    while (i < end && is_space(bytes[i]))
        i++;
    while (end > i && is_space(bytes[end - 1]))
        end--;
    const struct http_slice value = slice(i, end);
    for (; i < end; i++) {
        if (is_control(bytes[i]) && bytes[i] != '\t')
            return refuse(r, 400, "a header's value holds a control character");
    }
    if (r->out->header_count == HTTP_PARSE_HEADERS_MAX)
        return refuse(r, 431, "too many headers");
    const size_t n = r->out->header_count++;
    r->out->headers[n].name = name;
    r->out->headers[n].value = value;
    return note(r, name, value);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int read_lines(struct reading *r, size_t len)
{
    if (!next_line(r, 0, len))
        return refuse(r, 400, "a line must end in CR LF");
    int refused = read_request_line(r);
    if (refused != 0)
        return refused;
    for (;;) {
        if (!next_line(r, r->end + 2, len))
            return refuse(r, 400, "a line must end in CR LF");
        if (r->at == r->end)
            break;
        refused = read_header(r);
        if (refused != 0)
            return refused;
    }
    if (r->lengths > 0 && r->encodings > 0)
        return refuse(r, 400, "Content-Length beside Transfer-Encoding");
    if (r->hosts == 0 && !r->out->is_1_0)
        return refuse(r, 400, "Host is missing");
    return 0;
}

int http_parse(const char *bytes, size_t len, struct http_incoming *out, const char **out_why)
{
    struct reading r = {.bytes = bytes, .out = out};
    /* Not all of it: the table of headers is large and valid by its count. */
    out->method = out->path = out->query = (struct http_slice){0};
    out->has_query = out->is_asterisk = out->is_1_0 = out->keeps_alive = false;
    out->expects_continue = out->expects_other = out->is_chunked = false;
    out->content_length = -1;
    out->header_count = 0;
    const int refused = read_lines(&r, len);
    if (refused != 0)
        *out_why = r.why;
    return refused;
}
