/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PARTS_A_MESSAGE 5
#define PARTS_MAX       (1 + LIVE_SEND_EVENTS * PARTS_A_MESSAGE)
#define PREFIX          "{\"type\":\"packet\",\"data\":"
#define MIDDLE          ",\"packet\":"
#define SUFFIX          "}}}"

/* --- what is its own -------------------------------------------------------------------------- */

static bool add_own(struct live_client *c, const void *bytes, size_t len)
{
    if (c->own_len - c->own_sent + len > LIVE_OWN_MAX)
        return false;
    if (c->own_sent > 0) {
        memmove(c->own, c->own + c->own_sent, c->own_len - c->own_sent);
        c->own_len -= c->own_sent;
        c->own_sent = 0;
    }
    char *own = realloc(c->own, c->own_len + len + 1);
    if (own == NULL)
        return false;
    memcpy(own + c->own_len, bytes, len);
    c->own = own;
    c->own_len += len;
    return true;
}

static void drop_own(struct live_client *c)
{
    free(c->own);
    c->own = NULL;
    c->own_len = c->own_sent = 0;
}

static bool add_frame(struct live_client *c, enum live_ws_opcode opcode, const void *payload,
                      size_t len)
{
    uint8_t head[LIVE_WS_HEAD_MAX];
    return add_own(c, head, live_ws_frame_head(opcode, len, head)) && add_own(c, payload, len);
}

static bool add_close(struct live_client *c, unsigned code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    c->state = LIVE_ENDING;
    return add_frame(c, LIVE_WS_CLOSE, payload, sizeof payload);
}

static bool add_gap(struct live_client *c, int64_t after, int64_t until)
{
    char text[LIVE_SSE_TEXT_MAX];
    if (c->transport == LIVE_EVENT_STREAM)
        return add_own(c, text, live_sse_gap(after, until, text));
    char known[40] = "";
    if (after != LIVE_NO_ID)
        (void)snprintf(known, sizeof known, "\"after\":%lld,", (long long)after);
    const int n = snprintf(text, sizeof text, "{\"type\":\"gap\",\"data\":{%s\"until\":%lld}}",
                           known, (long long)until);
    return add_frame(c, LIVE_WS_TEXT, text, n > 0 ? (size_t)n : 0);
}

/* Where it stands, so that who is cut off before the first event comes back to there. */
static bool add_place(struct live_client *c)
{
    char text[LIVE_SSE_TEXT_MAX];
    if (c->transport != LIVE_EVENT_STREAM)
        return true;
    return add_own(c, text, live_sse_comment(c->after, text));
}

/* --- life ------------------------------------------------------------------------------------- */

struct live_client *live_client_new(const struct live_client_setup *setup, mono_us now)
{
    char hello[LIVE_SSE_TEXT_MAX];
    struct live_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->transport = setup->transport;
    c->filter = setup->filter;
    c->after = setup->is_resuming ? setup->after : LIVE_NO_ID;
    c->has_gap = setup->is_resuming && setup->after == LIVE_NO_ID;
    c->took_at = c->heard_at = now;
    if (add_own(c, setup->head, setup->head_len) &&
        (c->transport != LIVE_EVENT_STREAM || add_own(c, hello, live_sse_hello(hello))))
        return c;
    live_client_free(c);
    return NULL;
}

void live_client_free(struct live_client *c)
{
    if (c == NULL)
        return;
    free(c->own);
    free(c);
}

/* --- its place in the log --------------------------------------------------------------------- */

static void begin_at_end(struct live_client *c, const struct live_log *log)
{
    c->next = live_log_end(log);
    c->after = live_log_last(log);
}

/* False = no memory. */
static bool tell_gap(struct live_client *c, struct live *live)
{
    const struct live_log *log = live_log_of(live);
    const int64_t after = c->after;
    begin_at_end(c, log);
    c->has_gap = false;
    http_count(&live_counts_of(live)->live_gaps);
    return add_gap(c, after, c->after);
}

/* What is missing between `after` and the log is told, the rest of the log is sent. */
static bool resume(struct live_client *c, struct live *live)
{
    const struct live_log *log = live_log_of(live);
    const int64_t base = live_log_base(log);
    if (c->after > live_log_last(log)) /* of another database: nothing here is behind it */
        return tell_gap(c, live);
    if (c->after < base) {
        http_count(&live_counts_of(live)->live_gaps);
        if (!add_gap(c, c->after, base))
            return false;
        c->after = base;
    }
    c->next = live_log_behind(log, c->after);
    return true;
}

/* False = no memory. */
static bool begin(struct live_client *c, struct live *live)
{
    const struct live_log *log = live_log_of(live);
    const bool is_resuming = c->after != LIVE_NO_ID;
    if (!live_log_is_open(log) || (is_resuming && !live_can_resume(live, c->after)))
        return true;
    c->state = LIVE_FLOWING;
    if (is_resuming)
        return resume(c, live);
    if (c->has_gap)
        return tell_gap(c, live);
    begin_at_end(c, log);
    return add_place(c);
}

/* True = it stays. */
static bool look_behind(struct live_client *c, struct live *live, mono_us now)
{
    if (c->next >= live_log_begin(live_log_of(live)))
        return true;
    c->has_gap = true;
    if (!c->is_blocked || now - c->took_at < LIVE_STALL_US)
        return true;
    http_count(&live_counts_of(live)->live_cut_off);
    return false;
}

/* --- one sendmsg ------------------------------------------------------------------------------ */

struct sending {
    struct iovec parts[PARTS_MAX];
    size_t part_count, bytes;
    size_t event_count;
    uint64_t numbers[LIVE_SEND_EVENTS]; /* of the events, */
    size_t ends[LIVE_SEND_EVENTS];      /* and where they end */
    uint8_t heads[LIVE_SEND_EVENTS][LIVE_WS_HEAD_MAX + sizeof PREFIX];
    uint64_t looked_at; /* the number behind the last event that was looked at */
};

/* sendmsg takes a char *; it does not write there. */
static void add_part(struct sending *s, const void *bytes, size_t len)
{
    struct iovec *last = s->part_count > 0 ? &s->parts[s->part_count - 1] : NULL;
    s->bytes += len;
    if (last != NULL && (const char *)last->iov_base + last->iov_len == bytes)
        last->iov_len += len;
    else
        s->parts[s->part_count++] = (struct iovec){(void *)(uintptr_t)bytes, len};
}

/* The object without its brace, then the packet's members again: the text stands there once. */
static void add_message(struct sending *s, const struct live_event *event)
{
    uint8_t *head = s->heads[s->event_count];
    const char *json = event->text + event->json_at;
    const size_t json_len = event->text_len - event->json_at - 2;
    const size_t len = sizeof PREFIX - 1 + json_len - 1 + sizeof MIDDLE - 1 + event->fields_len +
                       sizeof SUFFIX - 1;
    const size_t head_len = live_ws_frame_head(LIVE_WS_TEXT, len, head);
    memcpy(head + head_len, PREFIX, sizeof PREFIX - 1);
    add_part(s, head, head_len + sizeof PREFIX - 1);
    add_part(s, json, json_len - 1);
    add_part(s, MIDDLE, sizeof MIDDLE - 1);
    add_part(s, json, event->fields_len);
    add_part(s, SUFFIX, sizeof SUFFIX - 1);
}

static void collect(const struct live_client *c, const struct live_log *log, struct sending *s)
{
    const uint64_t end = live_log_end(log);
    s->part_count = s->bytes = s->event_count = 0;
    s->looked_at = c->next;
    if (c->own_len > 0)
        add_part(s, c->own + c->own_sent, c->own_len - c->own_sent);
    if (c->state != LIVE_FLOWING || c->has_gap)
        return;
    while (s->looked_at < end && s->event_count < LIVE_SEND_EVENTS && s->bytes < LIVE_SEND_BYTES) {
        const uint64_t number = s->looked_at++;
        const struct live_event *event = live_log_at(log, number);
        if (!live_filter_passes(&c->filter, &event->tags, event->path))
            continue;
        if (c->transport == LIVE_WEBSOCKET)
            add_message(s, event);
        else
            add_part(s, event->text, event->text_len);
        s->numbers[s->event_count] = number;
        s->ends[s->event_count++] = s->bytes;
    }
}

/* Bytes from..to of all parts. */
static bool keep_rest(struct live_client *c, const struct sending *s, size_t from, size_t to)
{
    size_t at = 0;
    for (size_t i = 0; i < s->part_count && at < to; at += s->parts[i++].iov_len) {
        const size_t len = s->parts[i].iov_len;
        const size_t begin = from > at ? from - at : 0;
        const size_t end = min_size(len, to - at);
        if (begin < end && !add_own(c, (const char *)s->parts[i].iov_base + begin, end - begin))
            return false;
    }
    return true;
}

/* The socket took so many bytes. False = no memory. */
static bool note_sent(struct live_client *c, const struct live_log *log, const struct sending *s,
                      size_t sent)
{
    const size_t of_own = c->own_len - c->own_sent;
    if (sent < of_own) {
        c->own_sent += sent;
        return true;
    }
    drop_own(c);
    if (c->state != LIVE_FLOWING || c->has_gap) /* there was nothing else */
        return true;
    size_t i = 0;
    while (i < s->event_count && s->ends[i] <= sent)
        i++;
    const size_t begin_of_next = i > 0 ? s->ends[i - 1] : of_own;
    const bool is_cut = i < s->event_count && sent > begin_of_next;
    if (i + is_cut == s->event_count)
        c->next = s->looked_at;
    else
        c->next = s->numbers[i + is_cut];
    if (c->next > live_log_begin(log))
        c->after = live_log_at(log, c->next - 1)->id;
    if (c->next == live_log_end(log))
        c->after = live_log_last(log);
    return !is_cut || keep_rest(c, s, sent, s->ends[i]);
}

static enum live_turn send_once(struct live_client *c, struct live *live, int fd, mono_us now)
{
    struct sending s;
    collect(c, live_log_of(live), &s);
    ssize_t sent = 0;
    if (s.bytes > 0) {
        struct msghdr message = {.msg_iov = s.parts, .msg_iovlen = s.part_count};
        do {
            sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        } while (sent < 0 && errno == EINTR);
        if (sent < 0 && errno != EAGAIN)
            return LIVE_END;
    }
    c->is_blocked = s.bytes > 0 && (sent < 0 || (size_t)sent < s.bytes);
    if (!c->is_blocked || sent > 0)
        c->took_at = now;
    if (sent >= 0 && !note_sent(c, live_log_of(live), &s, (size_t)sent))
        return LIVE_END;
    if (c->is_blocked)
        return LIVE_OVER;
    if (c->state == LIVE_ENDING)
        return LIVE_END;
    if (c->state == LIVE_JOINING)
        return LIVE_OVER;
    return c->has_gap || c->next < live_log_end(live_log_of(live)) ? LIVE_MORE : LIVE_OVER;
}

enum live_turn live_client_step(struct live_client *c, struct live *live, int fd, mono_us now,
                                bool can_write)
{
    if (c->state == LIVE_JOINING && !begin(c, live))
        return LIVE_END;
    if (c->state == LIVE_FLOWING && !look_behind(c, live, now))
        return LIVE_END;
    if (c->is_blocked && !can_write)
        return LIVE_OVER;
    if (c->state == LIVE_FLOWING && c->has_gap && c->own_len == 0 && !tell_gap(c, live))
        return LIVE_END;
    return send_once(c, live, fd, now);
}

/* --- what it says ----------------------------------------------------------------------------- */

/* False = close it. */
static bool obey(struct live_client *c)
{
    const struct live_ws_reader *r = &c->reader;
    switch (r->opcode) {
    case LIVE_WS_PING: /* of many the last one alone would do (RFC 6455, 5.5.3) */
        return c->own_len - c->own_sent > LIVE_PONGS_MAX ||
               add_frame(c, LIVE_WS_PONG, r->control, r->control_len);
    case LIVE_WS_CLOSE: /* echoed with its code, and nothing else */
        c->state = LIVE_ENDING;
        return add_frame(c, LIVE_WS_CLOSE, r->control, min_size(r->control_len, 2));
    default:
        return true;
    }
}

bool live_client_read(struct live_client *c, const char *bytes, size_t len, mono_us now)
{
    if (c->transport == LIVE_EVENT_STREAM)
        return true;
    for (size_t at = 0; c->state != LIVE_ENDING;) {
        size_t used;
        const enum live_ws_step step =
            live_ws_read(&c->reader, (const uint8_t *)bytes + at, len - at, &used);
        at += used;
        if (step == LIVE_WS_BROKEN)
            return add_close(c, c->reader.code);
        if (step == LIVE_WS_MORE)
            break;
        c->heard_at = now;
        if (!obey(c))
            return false;
    }
    return true;
}

bool live_client_tick(struct live_client *c, mono_us now)
{
    if (c->transport == LIVE_WEBSOCKET && now - c->heard_at > LIVE_PONG_US)
        return false;
    if (c->is_blocked || c->state == LIVE_ENDING)
        return true;
    if (c->transport == LIVE_WEBSOCKET)
        return add_frame(c, LIVE_WS_PING, "", 0);
    return add_place(c);
}

void live_client_end(struct live_client *c)
{
    if (c->state == LIVE_ENDING)
        return;
    if (c->transport == LIVE_EVENT_STREAM || !add_close(c, LIVE_WS_GOING_AWAY))
        c->state = LIVE_ENDING;
}
