/* SPDX-License-Identifier: MIT
 *
 * What a client may send, and the handshake; and the ids that a stream is resumed from. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/live/live_sse.h"
#include "cmd/server/live/live_ws.h"
#include "common/base/crypto.h"

#include <string.h>

/* --- the handshake ---------------------------------------------------------------------------- */

#define HEAD(more) "GET / HTTP/1.1\r\nHost: mesh.example:3000\r\n" more "\r\n"
#define KEY        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION    "Sec-WebSocket-Version: 13\r\n"

static struct http_incoming parse(const char *head)
{
    struct http_incoming out;
    const char *why;
    assert_int_equal(http_parse(head, strlen(head), &out, &why), 0);
    return out;
}

static int shake(const char *head, char *out)
{
    const struct http_incoming incoming = parse(head);
    const char *why = NULL;
    const int status = live_ws_shake_hands(&incoming, head, out, &why);
    assert_true((status != 0) == (why != NULL));
    return status;
}

static void test_the_handshake(void **state)
{
    (void)state;
    char out[LIVE_WS_ANSWER_MAX];
    assert_true(crypto_init());
    assert_int_equal(shake(HEAD(KEY VERSION), out), 0);
    assert_string_equal(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    static const char *const refused[] = {
        HEAD(KEY),
        HEAD(VERSION),
        HEAD(KEY "Sec-WebSocket-Version: 8\r\n"),
        HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"),
        HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n"),
        HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n"),
        HEAD(VERSION "Sec-WebSocket-Key: \r\n")};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(shake(refused[i], out), 400);
}

/* --- frames ----------------------------------------------------------------------------------- */

struct outcome {
    enum live_ws_step step; /* the last one */
    char controls[64];      /* opcode digit and payload of each */
    unsigned code;
};

static struct outcome feed(const uint8_t *bytes, size_t len, size_t piece)
{
    struct live_ws_reader reader = {0};
    struct outcome out = {.step = LIVE_WS_MORE};
    size_t written = 0;
    for (size_t at = 0; at < len && out.step != LIVE_WS_BROKEN;) {
        const size_t n = min_size(piece, len - at);
        size_t used;
        out.step = live_ws_read(&reader, bytes + at, n, &used);
        assert_true(used <= n);
        at += used;
        if (out.step != LIVE_WS_CONTROL)
            continue;
        out.controls[written++] = (char)('0' + reader.opcode);
        memcpy(out.controls + written, reader.control, reader.control_len);
        written += reader.control_len;
    }
    out.code = reader.code;
    return out;
}

#define MASK "\1\2\3\4"

static void check(const char *bytes, size_t len, const char *controls, unsigned code)
{
    for (size_t piece = 1; piece <= len; piece++) {
        const struct outcome out = feed((const uint8_t *)bytes, len, piece);
        assert_string_equal(out.controls, controls);
        assert_int_equal(out.code, code);
        assert_int_equal(out.step == LIVE_WS_BROKEN, code != 0);
    }
}

#define CHECK(bytes, controls, code) check(bytes, sizeof(bytes) - 1, controls, code)

static void test_frames(void **state)
{
    (void)state;
    CHECK("\x81\x82" MASK "ab", "", 0);
    CHECK("\x89\x82" MASK "\x69\x6b", "9hi", 0);     /* a ping: "hi", masked */
    CHECK("\x8a\x80" MASK, ":", 0);                  /* a pong without payload */
    CHECK("\x88\x82" MASK "\x02\xea", "8\3\xe8", 0); /* a close with code 1000 */
    CHECK("\x01\x81" MASK "a"
          "\x89\x80" MASK "\x80\x81" MASK "b",
          "9", 0);                                      /* a ping in between */
    CHECK("\x81\x02hi", "", LIVE_WS_PROTOCOL_ERROR);    /* not masked */
    CHECK("\xc1\x80" MASK, "", LIVE_WS_PROTOCOL_ERROR); /* a reserved bit */
    CHECK("\x83\x80" MASK, "", LIVE_WS_PROTOCOL_ERROR); /* an opcode that means nothing */
    CHECK("\x8b\x80" MASK, "", LIVE_WS_PROTOCOL_ERROR);
    CHECK("\x80\x80" MASK, "", LIVE_WS_PROTOCOL_ERROR); /* goes on with nothing */
    CHECK("\x01\x80" MASK "\x01\x80" MASK, "", LIVE_WS_PROTOCOL_ERROR);
    CHECK("\x09\x80" MASK, "", LIVE_WS_PROTOCOL_ERROR);         /* a control frame in pieces */
    CHECK("\x89\xfe\x00\x7e" MASK, "", LIVE_WS_PROTOCOL_ERROR); /* a long one */
    CHECK("\x81\xfe\x02\x01" MASK, "", LIVE_WS_TOO_BIG);        /* 513 bytes */
    CHECK("\x82\xff\0\0\0\0\0\1\0\0" MASK, "", LIVE_WS_TOO_BIG);
    CHECK("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK, "", LIVE_WS_TOO_BIG);
}

static void test_a_message_of_512_bytes_in_pieces(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    size_t len = 0;
    for (int i = 0; i < 4; i++) {
        bytes[len++] = (uint8_t)((i == 3 ? 0x80 : 0) | (i == 0 ? LIVE_WS_TEXT : 0));
        bytes[len++] = 0xfe;
        bytes[len++] = 0;
        bytes[len++] = 128;
        memset(bytes + len, 0, 4 + 128);
        len += 4 + 128;
    }
    assert_int_equal(feed(bytes, len, 100).code, 0);
    bytes[3 * (8 + 128)] = 0; /* the message goes on, with a byte too many */
    memcpy(bytes + len, "\x80\x81" MASK "x", 7);
    assert_int_equal(feed(bytes, len + 7, 100).code, LIVE_WS_TOO_BIG);
}

static void test_heads_of_ours(void **state)
{
    (void)state;
    uint8_t head[LIVE_WS_HEAD_MAX];
    assert_int_equal(live_ws_frame_head(LIVE_WS_TEXT, 125, head), 2);
    assert_memory_equal(head, "\x81\x7d", 2);
    assert_int_equal(live_ws_frame_head(LIVE_WS_TEXT, 126, head), 4);
    assert_memory_equal(head, "\x81\x7e\0\x7e", 4);
    assert_int_equal(live_ws_frame_head(LIVE_WS_PING, 65536, head), 10);
    assert_memory_equal(head, "\x89\x7f\0\0\0\0\0\1\0\0", 10);
}

/* --- ids -------------------------------------------------------------------------------------- */

static void test_last_event_ids(void **state)
{
    (void)state;
    int64_t id = 7;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "abc", "1\t", "9999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(live_sse_read_id(bad[i], strlen(bad[i]), &id));
    assert_int_equal(id, 7);
    assert_true(live_sse_read_id("0", 1, &id) && id == 0);
    assert_true(live_sse_read_id("00042", 5, &id) && id == 42);
    assert_true(live_sse_read_id("999999999999999999", 18, &id));
    assert_true(id == INT64_C(999999999999999999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_handshake),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_a_message_of_512_bytes_in_pieces),
        cmocka_unit_test(test_heads_of_ours),
        cmocka_unit_test(test_last_event_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
