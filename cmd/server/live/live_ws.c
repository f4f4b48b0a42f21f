/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live_ws.h"

#include "common/base/crypto.h"

#include <stdio.h>
#include <string.h>

#define KEY_LEN 24 /* 16 bytes in base64 */

/* --- the handshake ---------------------------------------------------------------------------- */

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static bool is_key(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && is_base64(text[i]))
        i++;
    return len == KEY_LEN && i == KEY_LEN - 2 && text[i] == '=' && text[i + 1] == '=';
}

int live_ws_shake_hands(const struct http_incoming *head, const char *bytes,
                        char out[static LIVE_WS_ANSWER_MAX], const char **out_why)
{
    const struct http_slice *key = http_parse_next(head, bytes, "Sec-WebSocket-Key", NULL);
    const struct http_slice *version = http_parse_next(head, bytes, "Sec-WebSocket-Version", NULL);
    char accept[CRYPTO_WEBSOCKET_ACCEPT];
    if (version == NULL || version->len != 2 || memcmp(bytes + version->at, "13", 2) != 0) {
        *out_why = "the only Sec-WebSocket-Version is 13";
        return 400;
    }
    if (key == NULL || !is_key(bytes + key->at, key->len)) {
        *out_why = "Sec-WebSocket-Key is missing, or not 16 bytes in base64";
        return 400;
    }
    crypto_websocket_accept(bytes + key->at, key->len, accept);
    (void)snprintf(out, LIVE_WS_ANSWER_MAX, /* which is longer than that */
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    return 0;
}

/* --- a client's frames ------------------------------------------------------------------------ */

static enum live_ws_step broken(struct live_ws_reader *r, enum live_ws_code code)
{
    r->code = (uint16_t)code;
    return LIVE_WS_BROKEN;
}

static bool is_control(uint8_t opcode)
{
    return opcode >= LIVE_WS_CLOSE;
}

/* Bytes of the head, once its first two are known. */
static size_t head_size(const struct live_ws_reader *r)
{
    const uint8_t len = r->head_len < 2 ? 0 : r->head[1] & 0x7f;
    return len == 127 ? 14 : len == 126 ? 8 : 6;
}

/* No reserved bits, and masked. */
static bool is_lawful(const struct live_ws_reader *r)
{
    return (r->head[0] & 0x70) == 0 && (r->head[1] & 0x80) != 0;
}

static uint64_t payload_len(const struct live_ws_reader *r)
{
    const uint8_t len = r->head[1] & 0x7f;
    const size_t bytes = len == 127 ? 8 : len == 126 ? 2 : 0;
    uint64_t value = bytes == 0 ? len : 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | r->head[2 + i];
    return value;
}

/* 0, or the code to end with. */
static int judge_opcode(const struct live_ws_reader *r, bool is_final)
{
    switch (r->opcode) {
    case LIVE_WS_CONTINUATION:
        return r->is_in_message ? 0 : LIVE_WS_PROTOCOL_ERROR;
    case LIVE_WS_TEXT:
    case LIVE_WS_BINARY:
        return r->is_in_message ? LIVE_WS_PROTOCOL_ERROR : 0;
    case LIVE_WS_CLOSE:
    case LIVE_WS_PING:
    case LIVE_WS_PONG:
        return is_final && (r->head[1] & 0x7f) <= LIVE_WS_CONTROL_MAX ? 0 : LIVE_WS_PROTOCOL_ERROR;
    default:
        return LIVE_WS_PROTOCOL_ERROR;
    }
}

static enum live_ws_step begin_payload(struct live_ws_reader *r)
{
    const bool is_final = (r->head[0] & 0x80) != 0;
    r->opcode = r->head[0] & 0x0f;
    const int code = judge_opcode(r, is_final);
    if (code != 0)
        return broken(r, (enum live_ws_code)code);
    const uint64_t len = payload_len(r);
    if (!is_control(r->opcode)) {
        if (r->opcode != LIVE_WS_CONTINUATION)
            r->message_len = 0;
        if (len > LIVE_WS_MESSAGE_MAX - (uint64_t)r->message_len)
            return broken(r, LIVE_WS_TOO_BIG);
        r->message_len = (uint16_t)(r->message_len + len);
        r->is_in_message = !is_final;
    }
    r->left = (uint16_t)len;
    r->control_len = 0;
    r->mask_at = 0;
    r->has_head = true;
    return LIVE_WS_MORE;
}

static size_t take_head(struct live_ws_reader *r, const uint8_t *bytes, size_t len)
{
    size_t used = 0;
    while (used < len && r->head_len < head_size(r))
        r->head[r->head_len++] = bytes[used++];
    return used;
}

static size_t take_payload(struct live_ws_reader *r, const uint8_t *bytes, size_t len)
{
    const uint8_t *mask = r->head + head_size(r) - 4;
    const size_t n = min_size(len, r->left);
    for (size_t i = 0; i < n && is_control(r->opcode); i++)
        r->control[r->control_len++] = bytes[i] ^ mask[r->mask_at++ % 4];
    r->left = (uint16_t)(r->left - n);
    return n;
}

enum live_ws_step live_ws_read(struct live_ws_reader *r, const uint8_t *bytes, size_t len,
                               size_t *out_used)
{
    size_t used = 0;
    *out_used = len;
    for (;;) {
        if (!r->has_head) {
            used += take_head(r, bytes + used, len - used);
            if (r->head_len < 2)
                return LIVE_WS_MORE;
            if (!is_lawful(r)) /* at once: a head without a mask is shorter than what we wait for */
                return broken(r, LIVE_WS_PROTOCOL_ERROR);
            if (r->head_len < head_size(r))
                return LIVE_WS_MORE;
            if (begin_payload(r) == LIVE_WS_BROKEN)
                return LIVE_WS_BROKEN;
        }
        used += take_payload(r, bytes + used, len - used);
        if (r->left > 0)
            return LIVE_WS_MORE;
        r->has_head = false;
        r->head_len = 0;
        if (is_control(r->opcode)) {
            *out_used = used;
            return LIVE_WS_CONTROL;
        }
    }
}

/* --- ours ------------------------------------------------------------------------------------- */

size_t live_ws_frame_head(enum live_ws_opcode opcode, size_t len,
                          uint8_t out[static LIVE_WS_HEAD_MAX])
{
    const size_t bytes = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;
    out[0] = (uint8_t)(0x80u | (unsigned)opcode);
    out[1] = bytes == 0 ? (uint8_t)len : bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        out[2 + i] = (uint8_t)((uint64_t)len >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}
