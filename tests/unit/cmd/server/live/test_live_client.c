/* SPDX-License-Identifier: MIT
 *
 * One who listens, on a socket that is as slow as the test wants it. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/live/live_client.h"
#include "tests/support/live_words.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND ((mono_us)US_PER_S)

struct bench {
    struct http_counts counts;
    struct live *live;
    struct live_client *client;
    int ours, theirs;
    mono_us now;
    char *got;
    size_t got_len;
};

static void wake(void *context)
{
    (void)context;
}

static void post(struct bench *b, struct live_batch *batch)
{
    assert_true(live_post(b->live, batch));
    assert_true(live_take(b->live));
}

static void open_log(struct bench *b, int64_t last)
{
    post(b, live_words_batch(LIVE_BATCH_OPEN, last + 1, last, 0));
}

static void start(struct bench *b, int64_t last)
{
    int fds[2];
    *b = (struct bench){.now = 100 * SECOND};
    assert_non_null(b->live = live_new(2, &b->counts));
    live_attach(b->live, wake, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    b->ours = fds[0];
    b->theirs = fds[1];
    const int small = 2048;
    assert_int_equal(setsockopt(b->ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    if (last >= 0)
        open_log(b, last);
}

static void listen_with(struct bench *b, const struct live_client_setup *setup)
{
    assert_true(live_join(b->live));
    assert_non_null(b->client = live_client_new(setup, b->now));
}

static void stop(struct bench *b)
{
    live_client_free(b->client);
    live_free(b->live);
    free(b->got);
    assert_int_equal(close(b->ours), 0);
    assert_int_equal(close(b->theirs), 0);
}

static enum live_turn step(struct bench *b)
{
    enum live_turn turn;
    while ((turn = live_client_step(b->client, b->live, b->ours, b->now, true)) == LIVE_MORE) {
    }
    return turn;
}

/* Up to `most` bytes of what has come. */
static void take(struct bench *b, size_t most)
{
    b->got = realloc(b->got, b->got_len + most + 1);
    assert_non_null(b->got);
    const ssize_t n = recv(b->theirs, b->got + b->got_len, most, 0);
    b->got_len += n > 0 ? (size_t)n : 0;
    b->got[b->got_len] = '\0';
}

static void drain(struct bench *b)
{
    for (size_t before = SIZE_MAX; before != b->got_len;) {
        before = b->got_len;
        assert_int_equal(step(b), LIVE_OVER);
        take(b, 65536);
    }
}

static const struct live_client_setup newcomer = {
    .transport = LIVE_EVENT_STREAM, .after = LIVE_NO_ID, .head = "HEAD|", .head_len = 5};

/* Exactly these observations, in this order, with whole texts. */
static void check_events(const char *text, int64_t first, int64_t last, size_t padding)
{
    static char event[65536];
    for (int64_t id = first; id <= last; id++) {
        const size_t len = live_words_text(id, padding, event, sizeof event);
        assert_memory_equal(text, event, len);
        text += len;
    }
    assert_string_equal(text, "");
}

static const char *behind(const struct bench *b, const char *what)
{
    const char *at = strstr(b->got, what);
    assert_non_null(at);
    return at + strlen(what);
}

/* --- the stream ------------------------------------------------------------------------------- */

static void test_a_newcomer_gets_what_comes(void **state)
{
    (void)state;
    struct bench b;
    start(&b, -1);
    listen_with(&b, &newcomer);
    drain(&b);
    assert_memory_equal(b.got, "HEAD|retry: 3000\nevent: hello\ndata: {\"version\":", 47);
    open_log(&b, 7);
    drain(&b);
    assert_string_equal(behind(&b, "}\n\n"), ":\nid: 7\n\n");
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 8, 10, 0));
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 11, 11, 0));
    drain(&b);
    check_events(behind(&b, "id: 7\n\n"), 8, 11, 0);
    assert_int_equal(b.client->after, 11);
    stop(&b);
}

/* A socket that takes a few bytes at a time, cut everywhere. */
static void test_a_slow_one_misses_nothing(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 0);
    listen_with(&b, &newcomer);
    drain(&b);
    int64_t id = 0;
    for (size_t i = 0; i < 3000; i++) {
        if (i % 10 == 0) {
            post(&b, live_words_batch(LIVE_BATCH_NEWER, id + 1, id + 3, 500));
            id += 3;
        }
        assert_int_equal(step(&b), LIVE_OVER);
        take(&b, 1 + i * 7919 % 300);
    }
    drain(&b);
    check_events(behind(&b, "id: 0\n\n"), 1, id, 500);
    assert_int_equal(b.counts.live_gaps, 0);
    stop(&b);
}

static void fill_log(struct bench *b, int64_t *id)
{
    for (int i = 0; i < 40; i++, *id += 16)
        post(b, live_words_batch(LIVE_BATCH_NEWER, *id + 1, *id + 16, 15000));
}

static void block(struct bench *b, int64_t *id)
{
    post(b, live_words_batch(LIVE_BATCH_NEWER, *id + 1, *id + 16, 15000));
    *id += 16;
    assert_int_equal(step(b), LIVE_OVER);
    assert_true(b->client->is_blocked);
}

static void test_who_is_too_slow_gets_a_gap(void **state)
{
    (void)state;
    struct bench b;
    char expected[128];
    int64_t id = 0;
    start(&b, 0);
    listen_with(&b, &newcomer);
    drain(&b);
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 1, 1, 15000));
    id = 1;
    assert_int_equal(step(&b), LIVE_OVER); /* a part of it stays with us */
    assert_true(b.client->is_blocked);
    fill_log(&b, &id);
    assert_int_equal(step(&b), LIVE_OVER);
    assert_true(b.client->has_gap);
    drain(&b);
    (void)snprintf(expected, sizeof expected,
                   "event: gap\ndata: {\"after\":1,\"until\":%lld}\nid: %lld\n\n", (long long)id,
                   (long long)id);
    const char *gap = strstr(b.got, "event: gap");
    assert_non_null(gap);
    assert_string_equal(gap, expected);
    b.got[gap - b.got] = '\0'; /* before it: the event that was begun, whole */
    check_events(behind(&b, "id: 0\n\n"), 1, 1, 15000);
    post(&b, live_words_batch(LIVE_BATCH_NEWER, id + 1, id + 1, 3));
    b.got_len = 0;
    drain(&b);
    check_events(b.got, id + 1, id + 1, 3);
    assert_int_equal(b.counts.live_gaps, 1);
    assert_int_equal(b.counts.live_cut_off, 0);
    stop(&b);
}

static void test_who_takes_nothing_is_ended(void **state)
{
    (void)state;
    struct bench b;
    int64_t id = 0;
    start(&b, 0);
    listen_with(&b, &newcomer);
    drain(&b);
    block(&b, &id);
    b.now += LIVE_STALL_US;
    assert_int_equal(step(&b), LIVE_OVER); /* it is not far behind */
    fill_log(&b, &id);
    assert_int_equal(step(&b), LIVE_END);
    assert_int_equal(b.counts.live_cut_off, 1);
    stop(&b);
}

static void test_who_takes_little_is_not(void **state)
{
    (void)state;
    struct bench b;
    int64_t id = 0;
    start(&b, 0);
    listen_with(&b, &newcomer);
    drain(&b);
    block(&b, &id);
    b.now += LIVE_STALL_US;
    take(&b, 1 << 20);
    assert_int_equal(step(&b), LIVE_OVER);
    fill_log(&b, &id);
    assert_int_equal(step(&b), LIVE_OVER);
    b.now += LIVE_STALL_US - 1;
    assert_int_equal(step(&b), LIVE_OVER);
    b.now += 1;
    assert_int_equal(step(&b), LIVE_END);
    stop(&b);
}

static void test_comments_carry_the_place(void **state)
{
    (void)state;
    struct bench b;
    struct live_client_setup setup = newcomer;
    setup.filter.types = 1 << 9;
    start(&b, 5);
    listen_with(&b, &setup);
    drain(&b);
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 6, 10, 0));
    drain(&b);
    check_events(behind(&b, "id: 5\n\n"), 9, 9, 0);
    b.got_len = 0;
    assert_true(live_client_tick(b.client, b.now));
    drain(&b);
    assert_string_equal(b.got, ":\nid: 10\n\n");
    stop(&b);
}

/* --- coming back ------------------------------------------------------------------------------ */

static struct live_client_setup comes_back(int64_t after)
{
    struct live_client_setup setup = newcomer;
    setup.is_resuming = true;
    setup.after = after;
    return setup;
}

static void test_who_comes_back_to_what_the_log_holds(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 5);
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 6, 10, 0));
    const struct live_client_setup setup = comes_back(7);
    listen_with(&b, &setup);
    drain(&b);
    check_events(behind(&b, "\"}\n\n"), 8, 10, 0);
    stop(&b);
}

static void test_who_comes_back_to_what_the_database_holds(void **state)
{
    (void)state;
    struct bench b;
    struct live_standing standing;
    start(&b, 100);
    const struct live_client_setup setup = comes_back(90);
    listen_with(&b, &setup);
    drain(&b);
    assert_true(live_settle(b.live, &standing));
    assert_true(standing.is_wanted && standing.wanted == 90 && standing.base == 100);
    post(&b, live_words_batch(LIVE_BATCH_OLDER, 95, 100, 0));
    drain(&b);
    assert_null(strstr(b.got, "id: "));
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 101, 101, 0));
    struct live_batch *last = live_words_batch(LIVE_BATCH_OLDER, 91, 94, 0);
    last->answered = 90;
    post(&b, last);
    drain(&b);
    check_events(behind(&b, "\"}\n\n"), 91, 101, 0);
    assert_true(live_settle(b.live, &standing));
    assert_true(standing.wanted == INT64_MAX);
    assert_int_equal(b.counts.live_gaps, 0);
    stop(&b);
}

static void test_who_comes_back_to_what_is_gone(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 100);
    const struct live_client_setup setup = comes_back(90);
    listen_with(&b, &setup);
    drain(&b);
    struct live_batch *all = live_words_batch(LIVE_BATCH_OLDER, 96, 100, 0);
    all->answered = 90; /* the rest was pruned */
    post(&b, all);
    drain(&b);
    check_events(behind(&b, "event: gap\ndata: {\"after\":90,\"until\":95}\nid: 95\n\n"), 96, 100,
                 0);
    assert_int_equal(b.counts.live_gaps, 1);
    stop(&b);
}

static void test_places_that_mean_nothing_here(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 100);
    struct live_client_setup setup = comes_back(500); /* of another database */
    listen_with(&b, &setup);
    drain(&b);
    assert_string_equal(behind(&b, "\"}\n\n"),
                        "event: gap\ndata: {\"after\":500,\"until\":100}\nid: 100\n\n");
    live_client_free(b.client);
    live_leave(b.live);
    b.got_len = 0;
    setup = comes_back(LIVE_NO_ID); /* could not be read */
    listen_with(&b, &setup);
    drain(&b);
    assert_string_equal(behind(&b, "\"}\n\n"), "event: gap\ndata: {\"until\":100}\nid: 100\n\n");
    open_log(&b, 20); /* a restored backup: whoever was caught up has missed something, too */
    b.got_len = 0;
    drain(&b);
    assert_string_equal(b.got, "event: gap\ndata: {\"after\":100,\"until\":20}\nid: 20\n\n");
    stop(&b);
}

/* --- WebSocket -------------------------------------------------------------------------------- */

static const struct live_client_setup websocket = {
    .transport = LIVE_WEBSOCKET, .after = LIVE_NO_ID, .head = "101|", .head_len = 4};

static void test_the_same_event_on_a_websocket(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 0);
    listen_with(&b, &websocket);
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 1, 2, 1));
    drain(&b);
    assert_string_equal(b.got, "101|");
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 3, 3, 1));
    drain(&b);
    static const char message[] =
        "{\"type\":\"packet\",\"data\":{\"id\":3,\"x\":\"p\",\"decoded\":{},"
        "\"packet\":{\"id\":3,\"x\":\"p\"}}}";
    assert_int_equal((uint8_t)b.got[4], 0x81);
    assert_int_equal((uint8_t)b.got[5], strlen(message));
    assert_string_equal(b.got + 6, message);
    stop(&b);
}

static void test_a_websockets_controls(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 0);
    listen_with(&b, &websocket);
    drain(&b);
    b.got_len = 0;
    assert_true(live_client_read(b.client, "\x89\x82\0\0\0\0hi", 8, b.now));
    drain(&b);
    assert_string_equal(b.got, "\x8a\x02hi");
    b.got_len = 0;
    b.now += LIVE_PONG_US;
    assert_true(live_client_tick(b.client, b.now));
    drain(&b);
    assert_memory_equal(b.got, "\x89\0", 2);
    assert_false(live_client_tick(b.client, b.now + 1)); /* it said nothing for too long */
    b.got_len = 0;
    assert_true(live_client_read(b.client,
                                 "\x88\x85\0\0\0\0\3\xe9"
                                 "bye",
                                 11, b.now));
    assert_int_equal(step(&b), LIVE_END);
    take(&b, 100);
    assert_int_equal(b.got_len, 4);
    assert_memory_equal(b.got, "\x88\x02\3\xe9", 4);
    stop(&b);
}

static void test_a_bad_frame_ends_it_with_its_code(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 0);
    listen_with(&b, &websocket);
    drain(&b);
    b.got_len = 0;
    assert_true(live_client_read(b.client, "\x81\x02hi", 4, b.now));
    assert_int_equal(step(&b), LIVE_END);
    take(&b, 100);
    assert_memory_equal(b.got, "\x88\x02\3\xea", 4);
    stop(&b);
}

static void test_pings_do_not_pile_up(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 0);
    listen_with(&b, &websocket);
    for (int i = 0; i < 100000; i++)
        assert_true(live_client_read(b.client, "\x89\x80\0\0\0\0", 6, b.now));
    assert_true(b.client->own_len <= LIVE_PONGS_MAX + 200);
    stop(&b);
}

/* --- the hub ---------------------------------------------------------------------------------- */

static void test_no_more_than_the_limit(void **state)
{
    (void)state;
    struct http_counts counts = {0};
    struct live *live = live_new(1, &counts);
    assert_true(live_join(live));
    assert_int_equal(counts.live_clients, 1);
    assert_false(live_join(live));
    live_leave(live);
    assert_int_equal(counts.live_clients, 0);
    live_drain(live);
    assert_false(live_join(live));
    live_free(live);
    live_free(NULL);
}

static void test_a_batch_that_leaves_a_hole_is_thrown_away(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 10);
    post(&b, live_words_batch(LIVE_BATCH_NEWER, 12, 13, 0));
    assert_int_equal(live_log_last(live_log_of(b.live)), 10);
    post(&b, live_words_batch(LIVE_BATCH_OLDER, 5, 9, 0));
    assert_int_equal(live_log_base(live_log_of(b.live)), 10);
    live_detach(b.live);
    assert_true(live_post(b.live, live_words_batch(LIVE_BATCH_NEWER, 11, 11, 0)));
    assert_false(live_take(b.live));
    live_stop(b.live);
    assert_false(live_post(b.live, live_words_batch(LIVE_BATCH_NEWER, 11, 11, 0)));
    assert_false(live_wait(b.live, INT64_MAX));
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_newcomer_gets_what_comes),
        cmocka_unit_test(test_a_slow_one_misses_nothing),
        cmocka_unit_test(test_who_is_too_slow_gets_a_gap),
        cmocka_unit_test(test_who_takes_nothing_is_ended),
        cmocka_unit_test(test_who_takes_little_is_not),
        cmocka_unit_test(test_comments_carry_the_place),
        cmocka_unit_test(test_who_comes_back_to_what_the_log_holds),
        cmocka_unit_test(test_who_comes_back_to_what_the_database_holds),
        cmocka_unit_test(test_who_comes_back_to_what_is_gone),
        cmocka_unit_test(test_places_that_mean_nothing_here),
        cmocka_unit_test(test_the_same_event_on_a_websocket),
        cmocka_unit_test(test_a_websockets_controls),
        cmocka_unit_test(test_a_bad_frame_ends_it_with_its_code),
        cmocka_unit_test(test_pings_do_not_pile_up),
        cmocka_unit_test(test_no_more_than_the_limit),
        cmocka_unit_test(test_a_batch_that_leaves_a_hole_is_thrown_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
