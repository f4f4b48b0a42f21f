/* SPDX-License-Identifier: MIT
 *
 * Who listens on a loop's real sockets: how one begins, who is refused, who ends. */
#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"
#include "tests/support/live_words.h"
#include "tests/support/loop_rig.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WEBSOCKET(path, more)                                                                      \
    "GET " path " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" more "\r\n"

static void post(struct loop_rig *r, struct live_batch *batch)
{
    assert_true(live_post(r->live, batch));
}

/* Reads until this has come. */
static void wait_for(int fd, char *text, size_t cap, size_t *used, const char *what)
{
    while (memmem(text, *used, what, strlen(what)) == NULL) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        const ssize_t n = recv(fd, text + *used, cap - 1 - *used, 0);
        assert_true(n > 0);
        *used += (size_t)n;
        text[*used] = '\0';
    }
}

static int start_stream(struct loop_rig *r, const char *request)
{
    char text[4096] = "";
    size_t used = 0;
    const int fd = http_client_connect(r->port);
    loop_rig_say(fd, request);
    wait_for(fd, text, sizeof text, &used, "event: hello");
    return fd;
}

static void test_a_stream(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[65536] = "";
    size_t used = 0;
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/live?type=3,4"));
    post(&r, live_words_batch(LIVE_BATCH_OPEN, 1, 0, 0));
    wait_for(fd, text, sizeof text, &used, "id: 0\n\n");
    static const char *const head[] = {
        "HTTP/1.1 200 OK\r\n",         "Content-Type: text/event-stream\r\n",
        "Cache-Control: no-store\r\n", "X-Accel-Buffering: no\r\n",
        "Connection: close\r\n",       "\r\n\r\nretry: 3000\n"};
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        assert_non_null(strstr(text, head[i]));
    assert_null(strstr(text, "Content-Length"));
    assert_null(strstr(text, "Transfer-Encoding"));
    post(&r, live_words_batch(LIVE_BATCH_NEWER, 1, 4, 9));
    wait_for(fd, text, sizeof text, &used, "id: 4\n");
    assert_non_null(
        strstr(text, "\n\nid: 3\ndata: {\"id\":3,\"x\":\"ppppppppp\",\"decoded\":{}}\n\n"));
    assert_null(strstr(text, "id: 2\n"));
    assert_int_equal(http_counted(&r.counts.live_clients), 1);
    assert_int_equal(http_counted(&r.counts.live_events), 4);
    assert_int_equal(close(fd), 0);
    while (http_counted(&r.counts.live_clients) > 0)
        assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    loop_rig_stop(&r);
}

static void test_head_and_bad_queries(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    int fd = http_client_connect(r.port);
    loop_rig_say(fd, "HEAD /live HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)loop_rig_read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "200 OK\r\n"));
    assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
    assert_int_equal(close(fd), 0);
    assert_int_equal(http_client_ask(r.port, GET("/live?type=99"), text, sizeof text), 400);
    assert_non_null(strstr(text, "\"field\":\"type\"}"));
    assert_int_equal(http_client_ask(r.port,
                                     WEBSOCKET("/?region=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", ""),
                                     text, sizeof text),
                     400);
    assert_non_null(strstr(text, "\"field\":\"region\"}"));
    assert_int_equal(
        http_client_ask(r.port, WEBSOCKET("/", "Origin: http://evil\r\n"), text, sizeof text), 403);
    loop_rig_stop(&r);
}

static void test_a_websocket_anywhere(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[65536] = "";
    size_t used = 0;
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    /* with a ping right behind the request */
    static const char first[] =
        WEBSOCKET("/no/such/page", "Origin: http://x\r\n") "\x89\x81\1\1\1\1h";
    assert_int_equal(send(fd, first, sizeof first - 1, 0), (ssize_t)sizeof first - 1);
    wait_for(fd, text, sizeof text, &used, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x8a\x01i");
    post(&r, live_words_batch(LIVE_BATCH_OPEN, 1, 0, 0));
    used = 0;
    /* Whether it stands in the log is known by a stream that begins after it. */
    const int other = start_stream(&r, GET("/live"));
    post(&r, live_words_batch(LIVE_BATCH_NEWER, 1, 1, 0));
    wait_for(fd, text, sizeof text, &used, "\"packet\":{\"id\":1,\"x\":\"\"}}}");
    assert_int_equal((uint8_t)text[0], 0x81);
    loop_rig_say(fd, "\x81\x02no"); /* not masked */
    used = 0;
    wait_for(fd, text, sizeof text, &used, "\x88\x02\3\xea");
    assert_true(loop_rig_is_closed(fd, 20000));
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(other), 0);
    loop_rig_stop(&r);
}

static void test_who_finds_no_place(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    int fds[LOOP_RIG_LISTENERS];
    loop_rig_start(&r, &loop_rig_patient);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = start_stream(&r, GET("/live"));
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/live"));
    (void)loop_rig_read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "200 OK\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nretry: 30000\n"));
    assert_int_equal(close(fd), 0);
    assert_int_equal(http_client_ask(r.port, WEBSOCKET("/", ""), text, sizeof text), 503);
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        assert_int_equal(close(fds[i]), 0);
    loop_rig_stop(&r);
}

/* They keep their slots when others come, and nobody's answer is lost for it. */
static void test_listeners_give_way_to_nobody(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    int others[16];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = start_stream(&r, GET("/live"));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) /* there are 8 slots */
        others[i] = http_client_connect(r.port);
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    assert_false(loop_rig_is_closed(fd, 0));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(close(others[i]), 0);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_all_end_when_the_loop_stops(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096] = "";
    size_t used = 0;
    loop_rig_start(&r, &loop_rig_patient);
    const int stream = start_stream(&r, GET("/live"));
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, WEBSOCKET("/", ""));
    wait_for(fd, text, sizeof text, &used, "\r\n\r\n");
    live_drain(r.live);
    const int late = http_client_connect(r.port);
    loop_rig_say(late, GET("/live"));
    (void)loop_rig_read_all(late, text, sizeof text);
    assert_non_null(strstr(text, "\r\n\r\nretry: 30000\n"));
    assert_false(loop_rig_is_closed(stream, 0));
    live_stop(r.live);
    loop_rig_stop(&r);
    (void)loop_rig_read_all(stream, text, sizeof text);
    used = loop_rig_read_all(fd, text, sizeof text);
    assert_int_equal(used, 4);
    assert_memory_equal(text, "\x88\x02\3\xe9", 4);
    assert_int_equal(close(late), 0);
    assert_int_equal(close(stream), 0);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream),
        cmocka_unit_test(test_head_and_bad_queries),
        cmocka_unit_test(test_a_websocket_anywhere),
        cmocka_unit_test(test_who_finds_no_place),
        cmocka_unit_test(test_listeners_give_way_to_nobody),
        cmocka_unit_test(test_all_end_when_the_loop_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
