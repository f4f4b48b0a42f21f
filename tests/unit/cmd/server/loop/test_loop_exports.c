/* SPDX-License-Identifier: MIT
 *
 * Answers that are made piece by piece, on real sockets. */
#include "tests/support/cmocka_all.h"

#include "tests/support/http_client.h"
#include "tests/support/loop_rig.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM ((size_t)4 << 20)

static void wait_for_freed(struct loop_rig *r, int sent)
{
    for (int i = 0; i < 2000 && atomic_load(&r->flows) > 0; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(atomic_load(&r->flows), 0);
    assert_int_equal(atomic_load(&r->flows_sent), sent);
}

/* The body in text; asserts that it is so many bytes of a flow, and returns what stands behind. */
static const char *check_body(const char *text, int64_t length)
{
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    for (int64_t i = 0; i < length; i++) {
        if (body[i] != loop_rig_flow_byte(i))
            fail_msg("byte %lld", (long long)i);
    }
    return body + length;
}

static void of_known_length(void **state)
{
    (void)state;
    struct loop_rig r;
    char *text = malloc(ROOM);
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/flow/1000001") GET("/flow/1") "GET /a/last HTTP/1.0\r\n\r\n");
    (void)loop_rig_read_all(fd, text, ROOM);
    assert_non_null(strstr(text, "Content-Length: 1000001\r\n"));
    const char *rest = check_body(text, 1000001);
    assert_memory_equal(rest, "HTTP/1.1 200 OK", 15);
    assert_non_null(strstr(rest, "Content-Length: 1\r\n"));
    assert_non_null(strstr(rest, "\r\n\r\nlast"));
    assert_int_equal(close(fd), 0);
    wait_for_freed(&r, 2);
    loop_rig_stop(&r);
    free(text);
}

static void of_unknown_length_it_ends_with_the_connection(void **state)
{
    (void)state;
    struct loop_rig r;
    char *text = malloc(ROOM);
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "GET /flow/0 HTTP/1.0\r\n\r\n");
    (void)loop_rig_read_all(fd, text, ROOM);
    assert_null(strstr(text, "Content-Length"));
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_string_equal(check_body(text, LOOP_RIG_ENDLESS), "");
    assert_int_equal(close(fd), 0);
    wait_for_freed(&r, 1);
    loop_rig_stop(&r);
    free(text);
}

/* Nobody takes a part for the whole. */
static void one_that_breaks_off_ends_the_connection(void **state)
{
    (void)state;
    struct loop_rig r;
    char *text = malloc(ROOM);
    loop_rig_start(&r, &loop_rig_patient);
    r.flow_breaks_at = 300000;
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/flow/1000000") GET("/a/never"));
    const size_t len = loop_rig_read_all(fd, text, ROOM);
    assert_in_range(len, 1, 400000); /* a reset takes with it what was not read yet */
    assert_null(strstr(text, "never"));
    assert_int_equal(close(fd), 0);
    wait_for_freed(&r, 0);
    loop_rig_stop(&r);
    free(text);
}

static void a_head_has_no_body(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "HEAD /flow/1000000 HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /a/last HTTP/1.0\r\n\r\n");
    (void)loop_rig_read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "Content-Length: 1000000\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nHTTP/1.1 200 OK"));
    assert_int_equal(close(fd), 0);
    wait_for_freed(&r, 0);
    loop_rig_stop(&r);
}

/* Who reads nothing holds a chunk, and nobody else up; when he goes, it goes. */
static void a_client_that_does_not_read(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[512];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/flow/1000000000"));
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    assert_int_equal(close(fd), 0);
    wait_for_freed(&r, 0);
    loop_rig_stop(&r);
}

static void a_client_that_stands_still_is_ended(void **state)
{
    (void)state;
    struct loop_rig r;
    struct http_limits limits = loop_rig_patient;
    limits.stall = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/flow/1000000000"));
    while (atomic_load(&r.flows) == 0)
        (void)poll(NULL, 0, 1);
    wait_for_freed(&r, 0);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

/* While no worker is free it waits; it is not cut. */
static void wait_for_a_worker(const char *request, int64_t length)
{
    struct loop_rig r;
    char *text = malloc(ROOM);
    loop_rig_start(&r, &loop_rig_patient);
    loop_rig_hold(&r, true, 0);
    const int first = http_client_connect(r.port);
    loop_rig_say(first, GET("/slow"));
    loop_rig_hold(&r, true, 1);
    const int second = http_client_connect(r.port);
    loop_rig_say(second, GET("/slow"));
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, request);
    assert_int_equal(loop_rig_ask(&r, text, 512), 200);
    loop_rig_hold(&r, false, 0);
    (void)loop_rig_read_all(fd, text, ROOM);
    assert_string_equal(check_body(text, length), "");
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(first), 0);
    assert_int_equal(close(second), 0);
    wait_for_freed(&r, 1);
    loop_rig_stop(&r);
    free(text);
}

static void it_waits_for_a_worker(void **state)
{
    (void)state;
    wait_for_a_worker("GET /flow/500000 HTTP/1.0\r\n\r\n", 500000);
    wait_for_a_worker("GET /flow/0 HTTP/1.0\r\n\r\n", LOOP_RIG_ENDLESS);
}

static void it_is_throttled(void **state)
{
    (void)state;
    struct loop_rig r;
    char *text = malloc(ROOM);
    loop_rig_start(&r, &loop_rig_patient);
    r.flow_rate = 65536;
    const mono_us began = clock_mono();
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "GET /flow/49152 HTTP/1.0\r\n\r\n");
    (void)loop_rig_read_all(fd, text, ROOM);
    assert_string_equal(check_body(text, 49152), "");
    /* Three quarters of a second's worth, of which the first chunk comes at once. */
    assert_true(clock_mono() - began >= (mono_us)600 * US_PER_MS);
    assert_int_equal(close(fd), 0);
    wait_for_freed(&r, 1);
    loop_rig_stop(&r);
    free(text);
}

static void the_end_of_the_server_ends_it(void **state)
{
    (void)state;
    struct loop_rig r;
    struct http_limits limits = loop_rig_patient;
    limits.drain = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/flow/1000000000"));
    while (atomic_load(&r.flows) == 0)
        (void)poll(NULL, 0, 1);
    loop_rig_stop(&r);
    assert_int_equal(atomic_load(&r.flows), 0);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_known_length),
        cmocka_unit_test(of_unknown_length_it_ends_with_the_connection),
        cmocka_unit_test(one_that_breaks_off_ends_the_connection),
        cmocka_unit_test(a_head_has_no_body),
        cmocka_unit_test(a_client_that_does_not_read),
        cmocka_unit_test(a_client_that_stands_still_is_ended),
        cmocka_unit_test(it_waits_for_a_worker),
        cmocka_unit_test(it_is_throttled),
        cmocka_unit_test(the_end_of_the_server_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
