/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/frames.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

#define CAP 65536

/* The peer: bytes to be read in steps of `step`, and what went both ways. */
struct peer {
    const uint8_t *in;
    size_t in_len, at, step;
    bool has_room, is_over;
    uint8_t out[CAP], got[CAP];
    size_t out_len, got_len;
    struct frames *frames;
};

static ssize_t on_recv(void *context, uint8_t *bytes, size_t len)
{
    struct peer *peer = context;
    size_t count = min_size(peer->in_len - peer->at, min_size(len, peer->step));
    if (count == 0)
        return peer->is_over ? -1 : 0;
    memcpy(bytes, peer->in + peer->at, count);
    peer->at += count;
    return (ssize_t)count;
}

static bool on_send(void *context, const uint8_t *bytes, size_t len)
{
    struct peer *peer = context;
    assert_true(len <= CAP - peer->out_len);
    memcpy(peer->out + peer->out_len, bytes, len);
    peer->out_len += len;
    return true;
}

static void on_deliver(void *context, const uint8_t *bytes, size_t len)
{
    struct peer *peer = context;
    assert_true(len <= FRAMES_PIECE_MAX && len <= CAP - peer->got_len);
    memcpy(peer->got + peer->got_len, bytes, len);
    peer->got_len += len;
}

static bool has_room(void *context)
{
    const struct peer *peer = context;
    return peer->has_room;
}

static void start(struct peer *peer, const void *in, size_t len, size_t step)
{
    *peer = (struct peer){.in = in, .in_len = len, .step = step, .has_room = true};
    const struct frames_io io = {on_recv, on_send, on_deliver, has_room, peer};
    peer->frames = frames_new(&io);
    assert_non_null(peer->frames);
}

static enum status read_all(struct peer *peer)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && peer->at < peer->in_len)
        status = frames_read(peer->frames);
    return status;
}

#define FRAGMENTS                                                                                  \
    "\x02\x02"                                                                                     \
    "ab"                                                                                           \
    "\x89\x01p"                                                                                    \
    "\x00\x00"                                                                                     \
    "\x8a\x00"                                                                                     \
    "\x80\x01"                                                                                     \
    "c"                                                                                            \
    "\x82\x01"                                                                                     \
    "d"

static void test_fragments_with_control_frames_between(void **state)
{
    (void)state;
    for (size_t step = 1; step < sizeof FRAGMENTS; step++) {
        static struct peer peer;
        start(&peer, FRAGMENTS, sizeof FRAGMENTS - 1, step);
        assert_int_equal(read_all(&peer), STATUS_OK);
        assert_int_equal(peer.got_len, 4);
        assert_memory_equal(peer.got, "abcd", 4);
        assert_true(frames_is_pending(peer.frames)); /* the pong */
        assert_int_equal(frames_write(peer.frames), STATUS_OK);
        assert_int_equal(peer.out_len, 2 + 4 + 1);
        assert_int_equal(peer.out[0], 0x8a);
        assert_int_equal(peer.out[6] ^ peer.out[2], 'p');
        frames_free(peer.frames);
    }
}

static void test_nothing_is_read_without_room(void **state)
{
    (void)state;
    static struct peer peer;
    start(&peer, FRAGMENTS, sizeof FRAGMENTS - 1, CAP);
    peer.has_room = false;
    assert_int_equal(frames_read(peer.frames), STATUS_OK);
    assert_int_equal(peer.at, 0);
    peer.has_room = true;
    assert_int_equal(frames_read(peer.frames), STATUS_OK);
    assert_int_equal(peer.got_len, 4);
    frames_free(peer.frames);
}

static void assert_ends(const char *in, size_t len, enum status status, const char *text)
{
    static struct peer peer;
    char said[FRAMES_TEXT_MAX];
    start(&peer, in, len, CAP);
    assert_int_equal(frames_read(peer.frames), status);
    frames_describe(peer.frames, said);
    if (strstr(said, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", said, text);
    frames_free(peer.frames);
}

#define ENDS(in, status, text) assert_ends(in, sizeof(in) - 1, status, text)

static void test_ends_are_named(void **state)
{
    (void)state;
    ENDS("\x88\x00", STATUS_NOT_FOUND, "without a code");
    ENDS("\x88\x06\x03\xe9"
         "bye\x1b",
         STATUS_NOT_FOUND, "code 1001 (going away), bye?");
    ENDS("\x88\x04\x03\xf4"
         "up",
         STATUS_NOT_FOUND, "code 1012 (restart), up");
    ENDS("\x88\x02\x03\xf6", STATUS_NOT_FOUND, "code 1014 (bad gateway)");
    ENDS("\x81\x02hi", STATUS_INVALID, "text message");
    ENDS("\x83\x01x", STATUS_INVALID, "frame that is none");
    ENDS("\xc2\x01x", STATUS_INVALID, "frame that is none");
    ENDS("\x82\x81kkkkx", STATUS_INVALID, "frame that is none");
    ENDS("\x80\x01x", STATUS_INVALID, "frame that is none");
    ENDS("\x89\x7e\x00\x7e", STATUS_INVALID, "frame that is none");
}

static void test_end_of_the_connection(void **state)
{
    (void)state;
    static struct peer peer;
    start(&peer,
          "\x82\x05"
          "ab",
          4, CAP);
    peer.is_over = true;
    assert_int_equal(frames_read(peer.frames), STATUS_IO);
    assert_int_equal(peer.got_len, 2); /* what came is not held back */
    frames_free(peer.frames);
}

static void test_a_message_is_masked_and_whole(void **state)
{
    (void)state;
    static struct peer peer;
    static uint8_t big[20000];
    memset(big, 'x', sizeof big);
    start(&peer, "", 0, CAP);
    assert_int_equal(frames_send(peer.frames, big, sizeof big), STATUS_OK);
    assert_int_equal(frames_write(peer.frames), STATUS_OK);
    assert_false(frames_is_pending(peer.frames));
    assert_int_equal(frames_close(peer.frames), STATUS_OK);
    assert_int_equal(frames_write(peer.frames), STATUS_OK);
    assert_false(frames_is_pending(peer.frames));
    assert_int_equal(peer.out_len, 4 + 4 + sizeof big + 2 + 4 + 2);
    assert_int_equal(peer.out[0], 0x82);
    assert_int_equal(peer.out[1], 0x80 | 126);
    for (size_t i = 0; i < sizeof big; i++)
        assert_int_equal(peer.out[8 + i] ^ peer.out[4 + i % 4], 'x');
    assert_int_equal(peer.out[8 + sizeof big], 0x88);
    frames_free(peer.frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fragments_with_control_frames_between),
        cmocka_unit_test(test_nothing_is_read_without_room),
        cmocka_unit_test(test_ends_are_named),
        cmocka_unit_test(test_end_of_the_connection),
        cmocka_unit_test(test_a_message_is_masked_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
