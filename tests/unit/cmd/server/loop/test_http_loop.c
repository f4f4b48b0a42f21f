/* SPDX-License-Identifier: MIT
 *
 * A loop on a real socket: order, bodies, workers, and how it stops. */
#include "cmd/server/loop/listener.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"
#include "tests/support/loop_rig.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- order ------------------------------------------------------------------------------------ */

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[65536];
    char requests[8192] = "";
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    for (int i = 0; i < 100; i++) {
        const size_t used = strlen(requests);
        (void)snprintf(requests + used, sizeof requests - used, GET("/a/%d-"), i);
    }
    loop_rig_say(fd, requests);
    loop_rig_say(
        fd,
        "POST /a/post- HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody" GET(
            "/slow") "GET /a/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET("/a/never"));
    (void)loop_rig_read_all(fd, text, sizeof text);
    const char *at = text;
    for (int i = 0; i < 100; i++) {
        char body[16];
        (void)snprintf(body, sizeof body, "\r\n\r\n%d-", i);
        assert_non_null(at = strstr(at, body));
    }
    assert_non_null(at = strstr(at, "\r\n\r\npost-body"));
    assert_non_null(at = strstr(at, "\r\n\r\n-"));
    assert_non_null(at = strstr(at, "\r\n\r\nlast"));
    assert_null(strstr(at, "never"));
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_who_half_closes_is_answered(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/a/1") GET("/slow"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    (void)loop_rig_read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "\r\n\r\n1HTTP/1.1 200 OK\r\n"));
    assert_string_equal(text + strlen(text) - 5, "\r\n\r\n-");
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_a_body_is_asked_for(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "POST /a/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(http_client_exchange(fd, "", text, sizeof text), 100);
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(http_client_exchange(fd, "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", text, sizeof text),
                     200);
    assert_non_null(strstr(text, "\r\n\r\nxabc"));
    /* Nobody is asked for what would be refused. */
    assert_int_equal(http_client_exchange(fd,
                                          "POST /a/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue"
                                          "\r\nContent-Length: 8193\r\n\r\n",
                                          text, sizeof text),
                     413);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

/* --- workers ---------------------------------------------------------------------------------- */

static void test_a_slow_route_delays_no_other(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    loop_rig_hold(&r, true, 0);
    const int first = http_client_connect(r.port);
    loop_rig_say(first, GET("/slow"));
    loop_rig_hold(&r, true, 1);
    const int second = http_client_connect(r.port);
    loop_rig_say(second, GET("/slow")); /* the one that may wait */
    const int third = http_client_connect(r.port);
    loop_rig_say(third, GET("/slow"));
    /* One of the two has the one place, the other is refused. */
    struct pollfd p[2] = {{.fd = second, .events = POLLIN}, {.fd = third, .events = POLLIN}};
    assert_true(poll(p, 2, 10000) >= 1);
    const int refused = p[0].revents != 0 ? second : third;
    assert_int_equal(http_client_exchange(refused, "", text, sizeof text), 503);
    assert_non_null(strstr(text, "Retry-After: "));
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    loop_rig_hold(&r, false, 0);
    assert_int_equal(http_client_exchange(first, "", text, sizeof text), 200);
    assert_int_equal(
        http_client_exchange(refused == second ? third : second, "", text, sizeof text), 200);
    assert_int_equal(close(first), 0);
    assert_int_equal(close(second), 0);
    assert_int_equal(close(third), 0);
    loop_rig_stop(&r);
}

static void test_who_goes_away_while_a_worker_works(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    loop_rig_hold(&r, true, 0);
    const int fd = http_client_connect(r.port);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    loop_rig_say(fd, GET("/slow"));
    loop_rig_hold(&r, true, 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    loop_rig_hold(&r, false, 0);
    assert_int_equal(http_client_ask(r.port, GET("/slow"), text, sizeof text), 200);
    loop_rig_stop(&r);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void *stop_loop(void *arg)
{
    struct loop_rig *r = arg;
    http_loop_stop(r->loop);
    return NULL;
}

static void test_open_requests_finish(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    pthread_t thread;
    loop_rig_start(&r, &loop_rig_patient);
    loop_rig_hold(&r, true, 0);
    const int slow = http_client_connect(r.port);
    loop_rig_say(slow, GET("/slow"));
    loop_rig_hold(&r, true, 1);
    const int half = http_client_connect(r.port);
    loop_rig_say(half, "GET /a/half HTTP/1.1\r\n");
    const int idle = http_client_connect(r.port);
    assert_int_equal(http_client_exchange(idle, GET("/a/b"), text, sizeof text), 200);
    const int silent = http_client_connect(r.port);
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200); /* all were seen */
    assert_int_equal(pthread_create(&thread, NULL, stop_loop, &r), 0);
    assert_true(loop_rig_is_closed(idle, 10000));
    assert_true(loop_rig_is_closed(silent, 10000));
    assert_int_equal(http_client_exchange(half, "Host: x\r\n\r\n", text, sizeof text), 200);
    assert_non_null(strstr(text, "Connection: close\r\n"));
    loop_rig_hold(&r, false, 0);
    assert_int_equal(http_client_exchange(slow, "", text, sizeof text), 200);
    assert_int_equal(pthread_join(thread, NULL), 0);
    r.loop = (http_loop_free(r.loop), NULL);
    loop_rig_stop(&r);
    assert_int_equal(close(slow), 0);
    assert_int_equal(close(half), 0);
    assert_int_equal(close(idle), 0);
    assert_int_equal(close(silent), 0);
}

/* An answer that was begun before the stop said that the connection is kept: nobody waits for its
 * next request. */
static void test_who_reads_on_while_it_stops_is_let_go(void **state)
{
    (void)state;
    struct loop_rig r;
    static char text[65536];
    pthread_t thread;
    loop_rig_start(&r, &loop_rig_patient);
    const int idle = http_client_connect(r.port);
    assert_int_equal(http_client_exchange(idle, GET("/a/b"), text, sizeof text), 200);
    const int reader = http_client_connect(r.port);
    loop_rig_say(reader, GET("/large"));
    size_t left = (size_t)recv(reader, text, sizeof text, 0);
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    left = LOOP_RIG_LARGE + (size_t)(body + 4 - text) - left;
    assert_int_equal(pthread_create(&thread, NULL, stop_loop, &r), 0);
    assert_true(loop_rig_is_closed(idle, 10000)); /* it has begun to stop */
    while (left > 0) {
        const ssize_t n = recv(reader, text, min_size(left, sizeof text), 0);
        assert_true(n > 0);
        left -= (size_t)n;
    }
    assert_true(loop_rig_is_closed(reader, 10000));
    assert_int_equal(pthread_join(thread, NULL), 0);
    r.loop = (http_loop_free(r.loop), NULL);
    loop_rig_stop(&r);
    assert_int_equal(close(reader), 0);
    assert_int_equal(close(idle), 0);
}

static void test_stopping_ends(void **state)
{
    (void)state;
    struct loop_rig r;
    struct http_limits limits = loop_rig_patient;
    limits.drain = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "GET /a/half HTTP/1.1\r\n");
    const mono_us before = clock_mono();
    loop_rig_stop(&r);
    assert_true(clock_mono() - before < 10 * US_PER_S);
    assert_true(loop_rig_is_closed(fd, 1000));
    assert_int_equal(close(fd), 0);
}

static void test_a_port_that_is_taken_says_what_to_do(void **state)
{
    (void)state;
    struct loop_rig r;
    struct err err = {0};
    int fd = -1;
    loop_rig_start(&r, &loop_rig_patient);
    assert_int_equal(listener_open("127.0.0.1", r.port, &fd, &err), STATUS_IO);
    assert_string_equal(err.text, "cannot listen: Address already in use: another program listens "
                                  "there; stop it, or choose another port");
    loop_rig_stop(&r);
}

/* --- for a watchdog --------------------------------------------------------------------------- */

static struct http_ready *answer_when_let(void *context, const struct http_request *request)
{
    struct loop_rig *r = context;
    (void)request;
    assert_int_equal(pthread_mutex_lock(&r->lock), 0);
    assert_int_equal(pthread_mutex_unlock(&r->lock), 0);
    return NULL;
}

static bool turns_soon(struct loop_rig *r)
{
    for (int i = 0; i < 2000; i++) {
        if (http_loop_turned(r->loop))
            return true;
        (void)poll(NULL, 0, 5);
    }
    return false;
}

static void test_a_quiet_loop_turns_and_a_stuck_one_does_not(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    assert_true(turns_soon(&r));
    assert_true(turns_soon(&r));
    r.service.answer = answer_when_let;
    assert_int_equal(pthread_mutex_lock(&r.lock), 0);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "GET /a/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bool has_turned = true;
    for (int i = 0; i < 2000 && has_turned; i++) {
        (void)poll(NULL, 0, 20);
        has_turned = http_loop_turned(r.loop);
    }
    assert_false(has_turned);
    assert_int_equal(pthread_mutex_unlock(&r.lock), 0);
    assert_true(turns_soon(&r));
    (void)loop_rig_read_all(fd, text, sizeof text);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_who_half_closes_is_answered),
        cmocka_unit_test(test_a_body_is_asked_for),
        cmocka_unit_test(test_a_slow_route_delays_no_other),
        cmocka_unit_test(test_who_goes_away_while_a_worker_works),
        cmocka_unit_test(test_open_requests_finish),
        cmocka_unit_test(test_who_reads_on_while_it_stops_is_let_go),
        cmocka_unit_test(test_stopping_ends),
        cmocka_unit_test(test_a_port_that_is_taken_says_what_to_do),
        cmocka_unit_test(test_a_quiet_loop_turns_and_a_stuck_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
