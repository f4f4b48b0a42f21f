/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/listen.h"

#include <string.h>
#include <sys/socket.h>

/* The header is what the browser knows best; the parameter is for who can't send it. */
static void read_place(const struct http_input *input, const struct live *live,
                       struct live_client_setup *setup)
{
    const struct http_slice *header =
        http_parse_next(&input->head, input->bytes, "Last-Event-ID", NULL);
    const char *after = http_query_text(input->request.query, "lastEventId");
    setup->after = LIVE_NO_ID;
    setup->is_resuming = (header != NULL && header->len > 0) || after != NULL;
    if (header != NULL && header->len > 0)
        IGNORE(live_sse_read_id(input->bytes + header->at, header->len, &setup->after),
               "then it has missed nobody knows what");
    else if (after != NULL)
        IGNORE(live_sse_read_id(after, strlen(after), &setup->after), "the same");
    if (setup->after != LIVE_NO_ID && setup->after > live_steps_back(live))
        setup->after -= live_steps_back(live);
}

static struct live_client *refuse(struct listen_answer *out, int status, const char *why)
{
    out->refusal = (struct http_refusal){.status = status, .why = why};
    return NULL;
}

static struct live_client *join(struct live *live, const struct live_client_setup *setup,
                                mono_us now, struct listen_answer *out)
{
    struct live_client *client = live_client_new(setup, now);
    if (client != NULL)
        return client;
    live_leave(live);
    return refuse(out, 503, "out of memory");
}

static struct live_client *begin_websocket(const struct exchange *exchange, struct live *live,
                                           const struct http_input *input,
                                           struct live_client_setup *setup, mono_us now,
                                           struct listen_answer *out)
{
    const char *why;
    if (!exchange_may_open_websocket(exchange, input))
        return refuse(out, 403, "a page of another origin may not listen here");
    const int status = live_ws_shake_hands(&input->head, input->bytes, out->text, &why);
    if (status != 0)
        return refuse(out, status, why);
    setup->transport = LIVE_WEBSOCKET;
    setup->head = out->text;
    setup->head_len = strlen(out->text);
    if (!live_join(live))
        return refuse(out, 503, "too many listen (maxLiveClients), or the server stops");
    return join(live, setup, now, out);
}

static struct live_client *begin_stream(const struct exchange *exchange, struct live *live,
                                        const struct http_input *input,
                                        struct live_client_setup *setup, mono_us now,
                                        struct listen_answer *out)
{
    char lines[CORS_LINES_MAX];
    exchange_write_lines(exchange, input, lines);
    out->len = live_sse_head(lines, out->text);
    if (exchange_is_head(input))
        return NULL;
    setup->transport = LIVE_EVENT_STREAM;
    setup->head = out->text;
    setup->head_len = out->len;
    if (live_join(live))
        return join(live, setup, now, out);
    out->len += live_sse_refusal(out->text + out->len);
    return NULL;
}

struct live_client *listen_begin(const struct exchange *exchange, struct live *live,
                                 const struct http_input *input, mono_us now,
                                 struct listen_answer *out)
{
    struct live_client_setup setup = {.after = LIVE_NO_ID};
    if (live == NULL)
        return refuse(out, 404, "not found");
    const char *field;
    const char *why = live_filter_read(input->request.query, &setup.filter, &field);
    if (why != NULL) {
        out->refusal = (struct http_refusal){.status = 400, .why = why, .field = field};
        return NULL;
    }
    read_place(input, live, &setup);
    return exchange_is_websocket(exchange, input)
               ? begin_websocket(exchange, live, input, &setup, now, out)
               : begin_stream(exchange, live, input, &setup, now, out);
}

bool listen_read_rest(struct live_client *client, const struct http_input *input, mono_us now)
{
    return live_client_read(client, input->bytes + input->head_len, input->used - input->head_len,
                            now);
}

void listen_set_socket(int fd)
{
    const int bytes = LIVE_SOCKET_BYTES;
    IGNORE(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes),
           "then it costs as much as another connection");
}
