/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/pump.h"

#include "cmd/ingestor/relay/frames.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_BYTES  65536
#define MESSAGE_BYTES 16384 /* read of the client at a time: one WebSocket message */
#define CONNACK_BYTE  0x20
/* Our close frame is answered, or not. */
#define GOODBYE_US ((mono_us)1 * US_PER_S)

/* Filled behind `end`, emptied at `start`; begins anew only when it is empty, so that what a TLS
 * library was given once stays where it was. */
struct buffer {
    size_t start, end;
    uint8_t bytes[BUFFER_BYTES];
};

struct pump {
    const struct pump_params *params;
    struct frames *frames; /* NULL = the bytes as they are */
    struct buffer down, up;
    size_t early_used;
    bool is_dry;       /* upstream had no more to read */
    bool is_over;      /* upstream ended; `text` is set */
    bool has_answered; /* I3 */
    bool client_ended;
    mono_us goodbye_at; /* all of the client's is sent; 0 = not yet */
    char *text;
};

static size_t filled(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

static size_t room(const struct buffer *buffer)
{
    return sizeof buffer->bytes - buffer->end;
}

static void take(struct buffer *buffer, size_t len)
{
    buffer->start += len;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}

static void put(struct buffer *buffer, const uint8_t *bytes, size_t len)
{
    assert(len <= room(buffer));
    memcpy(buffer->bytes + buffer->end, bytes, len);
    buffer->end += len;
}

/* The first reason stays. */
static void end_upstream(struct pump *pump, const char *text)
{
    pump->is_over = true;
    if (pump->text[0] == '\0')
        (void)snprintf(pump->text, PUMP_TEXT_MAX, "%s", text);
}

/* --- from the broker -------------------------------------------------------------------------- */

static void deliver(void *context, const uint8_t *bytes, size_t len)
{
    struct pump *pump = context;
    if (!pump->has_answered) {
        pump->has_answered = bytes[0] == CONNACK_BYTE;
        if (!pump->has_answered)
            end_upstream(pump, "what answers speaks no MQTT there");
    }
    if (pump->has_answered)
        put(&pump->down, bytes, len);
}

static bool is_reading(const struct pump *pump)
{
    return !pump->is_over && room(&pump->down) >= FRAMES_PIECE_MAX;
}

static bool has_room(void *context)
{
    return is_reading(context);
}

/* What came behind the answer to the upgrade, then the connection itself. */
static ssize_t receive(void *context, uint8_t *bytes, size_t len)
{
    struct pump *pump = context;
    const struct pump_params *params = pump->params;
    const size_t early = min_size(params->early_len - pump->early_used, len);
    if (early > 0) {
        memcpy(bytes, params->early + pump->early_used, early);
        pump->early_used += early;
        return (ssize_t)early;
    }
    const ssize_t got = upstream_recv(params->upstream, bytes, len);
    if (got == 0)
        pump->is_dry = true;
    return got;
}

static void read_frames(struct pump *pump)
{
    char text[FRAMES_TEXT_MAX];
    switch (frames_read(pump->frames)) {
    case STATUS_OK:
        return;
    case STATUS_IO:
        end_upstream(pump, upstream_error(pump->params->upstream));
        return;
    case STATUS_NO_MEMORY:
        end_upstream(pump, "no memory for WebSocket frames");
        return;
    default:
        frames_describe(pump->frames, text);
        end_upstream(pump, text);
        return;
    }
}

static void read_bytes(struct pump *pump)
{
    uint8_t bytes[FRAMES_PIECE_MAX];
    while (!pump->is_dry && is_reading(pump)) {
        const ssize_t got = receive(pump, bytes, sizeof bytes);
        if (got > 0)
            deliver(pump, bytes, (size_t)got);
        else if (got < 0)
            end_upstream(pump, upstream_error(pump->params->upstream));
    }
}

static void read_upstream(struct pump *pump)
{
    if (!is_reading(pump))
        return;
    pump->is_dry = false;
    if (pump->frames != NULL)
        read_frames(pump);
    else
        read_bytes(pump);
}

static void write_client(struct pump *pump)
{
    while (filled(&pump->down) > 0) {
        const ssize_t sent = send(pump->params->client, pump->down.bytes + pump->down.start,
                                  filled(&pump->down), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            take(&pump->down, (size_t)sent);
            continue;
        }
        if (errno == EAGAIN || errno == EINTR)
            return;
        /* Nobody is there to take it; read_client sees the end. */
        pump->down.start = pump->down.end = 0;
    }
}

/* --- to the broker ---------------------------------------------------------------------------- */

static bool send_up(void *context, const uint8_t *bytes, size_t len)
{
    struct pump *pump = context;
    if (len > room(&pump->up))
        return false;
    put(&pump->up, bytes, len);
    return true;
}

static bool is_up_idle(const struct pump *pump)
{
    return filled(&pump->up) == 0 && (pump->frames == NULL || !frames_is_pending(pump->frames));
}

static void forward(struct pump *pump, const uint8_t *bytes, size_t len)
{
    if (pump->frames == NULL)
        put(&pump->up, bytes, len);
    else if (frames_send(pump->frames, bytes, len) != STATUS_OK)
        end_upstream(pump, "no memory for a WebSocket frame");
}

static void end_client(struct pump *pump)
{
    pump->client_ended = true;
    if (pump->frames != NULL)
        IGNORE(frames_close(pump->frames), "the connection ends with it or without it");
}

static void read_client(struct pump *pump)
{
    uint8_t bytes[MESSAGE_BYTES];
    if (pump->client_ended || pump->is_over || !is_up_idle(pump))
        return;
    const ssize_t got = recv(pump->params->client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0)
        forward(pump, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        end_client(pump);
}

static void write_upstream(struct pump *pump)
{
    if (pump->frames != NULL && frames_write(pump->frames) != STATUS_OK)
        end_upstream(pump, "no memory for a WebSocket frame");
    while (filled(&pump->up) > 0) {
        const ssize_t sent = upstream_send(pump->params->upstream, pump->up.bytes + pump->up.start,
                                           filled(&pump->up));
        if (sent > 0)
            take(&pump->up, (size_t)sent);
        if (sent < 0)
            end_upstream(pump, upstream_error(pump->params->upstream));
        if (sent <= 0)
            return;
    }
}

/* --- turns ------------------------------------------------------------------------------------ */

/* I2 for both ends. */
static bool is_done(struct pump *pump, mono_us now)
{
    if (pump->is_over)
        return filled(&pump->down) == 0;
    if (!pump->client_ended || !is_up_idle(pump))
        return false;
    if (pump->frames == NULL)
        return true;
    if (pump->goodbye_at == 0)
        pump->goodbye_at = now + GOODBYE_US;
    return now >= pump->goodbye_at;
}

static void turn(struct pump *pump)
{
    read_upstream(pump);
    write_client(pump);
    read_client(pump);
    if (!pump->is_over)
        write_upstream(pump);
}

static int wait_ms(const struct pump *pump, mono_us now)
{
    if (!pump->is_dry && is_reading(pump))
        return 0; /* bytes that poll can't see */
    if (pump->goodbye_at == 0)
        return -1;
    const mono_us left = (pump->goodbye_at - now) / US_PER_MS + 1;
    return left < 0 ? 0 : (int)left;
}

/* False = stop was asked for. */
static bool wait_turn(const struct pump *pump)
{
    short up = 0, down = 0;
    if (!pump->is_over) {
        up = (short)((is_reading(pump) ? POLLIN : 0) | (filled(&pump->up) > 0 ? POLLOUT : 0));
        down = !pump->client_ended && is_up_idle(pump) ? POLLIN : 0;
    }
    if (filled(&pump->down) > 0)
        down = (short)(down | POLLOUT);
    struct pollfd polled[] = {
        {.fd = up != 0 ? upstream_fd(pump->params->upstream) : -1, .events = up},
        {.fd = down != 0 ? pump->params->client : -1, .events = down},
        {.fd = pump->params->stop_event, .events = POLLIN},
    };
    IGNORE(poll(polled, ARRAY_LEN(polled), wait_ms(pump, clock_mono())), "a turn early is none");
    return (polled[2].revents & POLLIN) == 0;
}

void pump_run(const struct pump_params *params, bool *out_has_answered,
              char text[static PUMP_TEXT_MAX])
{
    struct pump *pump = calloc(1, sizeof *pump);
    text[0] = '\0';
    *out_has_answered = false;
    if (pump == NULL) {
        (void)snprintf(text, PUMP_TEXT_MAX, "no memory for a connection");
        return;
    }
    *pump = (struct pump){.params = params, .text = text};
    const struct frames_io io = {receive, send_up, deliver, has_room, pump};
    if (params->is_websocket)
        pump->frames = frames_new(&io);
    if (params->is_websocket && pump->frames == NULL)
        end_upstream(pump, "no memory for WebSocket frames");
    do
        turn(pump);
    while (!is_done(pump, clock_mono()) && wait_turn(pump));
    write_upstream(pump); /* the answer to a close frame, or ours: as far as it goes at once */
    *out_has_answered = pump->has_answered;
    frames_free(pump->frames);
    free(pump);
}
