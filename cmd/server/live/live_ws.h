/* SPDX-License-Identifier: MIT
 *
 * live_ws - a server's end of a WebSocket (RFC 6455): the handshake, the reader of a client's
 * frames and the heads of ours.
 *
 * Clients have nothing to tell: their texts are read and thrown away, and only pings, pongs and
 * closes count.
 * I1. Of a client's bytes nothing is kept but a control frame's payload, 125 bytes.
 * I2. It ends with a close code at the first frame that is not masked, has reserved bits or an
 *     opcode that means nothing, breaks the rules of fragments (1002), or makes a message of more
 *     than LIVE_WS_MESSAGE_MAX bytes (1009).
 * Threads: pure. */
#pragma once

#include "cmd/server/http/http_parse.h"

#define LIVE_WS_MESSAGE_MAX 512
#define LIVE_WS_CONTROL_MAX 125
#define LIVE_WS_HEAD_MAX    10 /* of a frame of ours */
#define LIVE_WS_ANSWER_MAX  256

enum live_ws_opcode {
    LIVE_WS_CONTINUATION = 0,
    LIVE_WS_TEXT = 1,
    LIVE_WS_BINARY = 2,
    LIVE_WS_CLOSE = 8,
    LIVE_WS_PING = 9,
    LIVE_WS_PONG = 10,
};

enum live_ws_code {
    LIVE_WS_GOING_AWAY = 1001,
    LIVE_WS_PROTOCOL_ERROR = 1002,
    LIVE_WS_TOO_BIG = 1009,
    LIVE_WS_TRY_AGAIN = 1013,
};

/* 0 and the answer, or the status to refuse with and *out_why, a static text. */
NODISCARD int live_ws_shake_hands(const struct http_incoming *head, const char *bytes,
                                  char out[static LIVE_WS_ANSWER_MAX], const char **out_why);
struct live_ws_reader {
    uint8_t head[14];
    uint8_t head_len;
    bool has_head; /* of the frame whose payload comes now */
    bool is_in_message;
    uint8_t opcode;
    uint8_t mask_at;
    uint8_t control_len;
    uint16_t message_len; /* of all frames of the message so far */
    uint16_t left;        /* of the frame's payload */
    uint16_t code;        /* why it ended */
    uint8_t control[LIVE_WS_CONTROL_MAX];
};

enum live_ws_step {
    LIVE_WS_MORE,    /* all bytes are used up */
    LIVE_WS_CONTROL, /* a ping, pong or close (opcode) with control[0..control_len): look, go on */
    LIVE_WS_BROKEN,  /* end it with `code` */
};

/* *out_used = how many of the bytes were used. */
enum live_ws_step live_ws_read(struct live_ws_reader *reader, const uint8_t *bytes, size_t len,
                               size_t *out_used);
/* The head of a whole frame of ours; its length. */
size_t live_ws_frame_head(enum live_ws_opcode opcode, size_t len,
                          uint8_t out[static LIVE_WS_HEAD_MAX]);
