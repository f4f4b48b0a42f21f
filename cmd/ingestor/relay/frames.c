/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/frames.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#define CLOSE_MAX 125 /* a control frame's payload */

struct frames {
    wslay_event_context_ptr wslay;
    struct frames_io io;
    uint8_t opcode;  /* of the frame that is being read */
    bool is_text;    /* I1 */
    bool has_failed; /* io.recv said -1 */
    uint8_t close[CLOSE_MAX];
    size_t close_len;
};

/* --- wslay's callbacks ------------------------------------------------------------------------ */

static ssize_t on_recv(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags,
                       void *user_data)
{
    struct frames *frames = user_data;
    (void)flags;
    ssize_t got = 0;
    if (frames->io.has_room(frames->io.context))
        got = frames->io.recv(frames->io.context, buf, min_size(len, FRAMES_PIECE_MAX));
    if (got > 0)
        return got;
    frames->has_failed = got < 0;
    wslay_event_set_error(wslay, got < 0 ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags,
                       void *user_data)
{
    struct frames *frames = user_data;
    (void)flags;
    if (frames->io.send(frames->io.context, data, len))
        return (ssize_t)len;
    wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static int on_genmask(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, void *user_data)
{
    (void)user_data;
    if (getrandom(buf, len, 0) == (ssize_t)len)
        return 0;
    wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_frame_start(wslay_event_context_ptr wslay,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *user_data)
{
    struct frames *frames = user_data;
    (void)wslay;
    frames->opcode = arg->opcode;
    if (arg->opcode == WSLAY_TEXT_FRAME)
        frames->is_text = true;
}

/* Control frames come here, too. */
static void on_frame_chunk(wslay_event_context_ptr wslay,
                           const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user_data)
{
    struct frames *frames = user_data;
    (void)wslay;
    if (frames->opcode == WSLAY_CONNECTION_CLOSE) {
        const size_t len = min_size(arg->data_length, CLOSE_MAX - frames->close_len);
        memcpy(frames->close + frames->close_len, arg->data, len);
        frames->close_len += len;
        return;
    }
    if (!wslay_is_ctrl_frame(frames->opcode) && !frames->is_text && arg->data_length > 0)
        frames->io.deliver(frames->io.context, arg->data, arg->data_length);
}

/* --- the interface ---------------------------------------------------------------------------- */

struct frames *frames_new(const struct frames_io *io)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_genmask,
        .on_frame_recv_start_callback = on_frame_start,
        .on_frame_recv_chunk_callback = on_frame_chunk,
    };
    struct frames *frames = calloc(1, sizeof *frames);
    if (frames == NULL)
        return NULL;
    frames->io = *io;
    if (wslay_event_context_client_init(&frames->wslay, &callbacks, frames) != 0) {
        free(frames);
        return NULL;
    }
    wslay_event_config_set_no_buffering(frames->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(frames->wslay, UINT64_MAX >> 1); /* I2 */
    return frames;
}

void frames_free(struct frames *frames)
{
    if (frames == NULL)
        return;
    wslay_event_context_free(frames->wslay);
    free(frames);
}

enum status frames_read(struct frames *frames)
{
    const int rc = wslay_event_recv(frames->wslay);
    if (frames->has_failed)
        return STATUS_IO;
    if (rc != 0)
        return rc == WSLAY_ERR_NOMEM ? STATUS_NO_MEMORY : STATUS_INVALID;
    if (frames->is_text)
        return STATUS_INVALID;
    if (wslay_event_get_read_enabled(frames->wslay))
        return STATUS_OK;
    return wslay_event_get_close_received(frames->wslay) || frames->close_len > 0 ? STATUS_NOT_FOUND
                                                                                  : STATUS_INVALID;
}

enum status frames_write(struct frames *frames)
{
    if (!wslay_event_want_write(frames->wslay))
        return STATUS_OK;
    return wslay_event_send(frames->wslay) == 0 ? STATUS_OK : STATUS_IO;
}

bool frames_is_pending(const struct frames *frames)
{
    return wslay_event_want_write(frames->wslay);
}

enum status frames_send(struct frames *frames, const uint8_t *bytes, size_t len)
{
    const struct wslay_event_msg message = {WSLAY_BINARY_FRAME, bytes, len};
    return wslay_event_queue_msg(frames->wslay, &message) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status frames_close(struct frames *frames)
{
    assert(!frames_is_pending(frames));
    const int rc = wslay_event_queue_close(frames->wslay, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
    return rc == 0 || rc == WSLAY_ERR_NO_MORE_MSG ? STATUS_OK : STATUS_NO_MEMORY;
}

static const char *code_words(unsigned code)
{
    switch (code) {
    case 1000:
        return " (normal)";
    case 1001:
        return " (going away)";
    case 1002:
        return " (protocol error)";
    case 1003:
        return " (can't take this data)";
    case 1008:
        return " (policy)";
    case 1009:
        return " (message too big)";
    case 1011:
        return " (internal error)";
    case 1012:
        return " (restart)";
    case 1013:
        return " (try again later)";
    case 1014:
        return " (bad gateway)";
    default:
        return "";
    }
}

void frames_describe(const struct frames *frames, char out[static FRAMES_TEXT_MAX])
{
    if (frames->is_text) {
        (void)snprintf(out, FRAMES_TEXT_MAX, "broker sent a WebSocket text message: no MQTT");
        return;
    }
    if (frames->close_len >= 2) {
        const unsigned code = (unsigned)frames->close[0] << 8 | frames->close[1];
        char reason[CLOSE_MAX] = "";
        size_t len = 0;
        for (size_t i = 2; i < frames->close_len; i++)
            reason[len++] =
                frames->close[i] >= 0x20 && frames->close[i] < 0x7f ? (char)frames->close[i] : '?';
        (void)snprintf(out, FRAMES_TEXT_MAX, "broker ended the WebSocket: code %u%s%s%s", code,
                       code_words(code), len > 0 ? ", " : "", reason);
        return;
    }
    const bool is_closed = wslay_event_get_close_received(frames->wslay) != 0;
    (void)snprintf(out, FRAMES_TEXT_MAX, "%s",
                   is_closed ? "broker ended the WebSocket without a code"
                             : "broker sent a WebSocket frame that is none");
}

const char *frames_library_version(void)
{
    return WSLAY_VERSION;
}
