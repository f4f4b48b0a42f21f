/* SPDX-License-Identifier: MIT
 *
 * A loop of few slots and short patience: who gives way, and who is ended. */
#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"
#include "tests/support/loop_rig.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- who gives way ---------------------------------------------------------------------------- */

static void test_the_oldest_silent_connection_gives_way(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    int fds[8];
    loop_rig_start(&r, &loop_rig_patient);
    for (int i = 0; i < 8; i++)
        fds[i] = http_client_connect(r.port);
    assert_int_equal(http_client_exchange(fds[0], GET("/a/b"), text, sizeof text), 200);
    loop_rig_say(fds[2], "GET /a"); /* as good as silent */
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    assert_true(loop_rig_is_closed(fds[1], 10000));
    assert_false(loop_rig_is_closed(fds[2], 0));
    assert_int_equal(http_client_exchange(fds[0], GET("/a/b"), text, sizeof text), 200);
    for (int i = 0; i < 8; i++)
        assert_int_equal(close(fds[i]), 0);
    loop_rig_stop(&r);
}

static void test_an_address_has_its_share(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    int fds[3];
    struct http_limits limits = loop_rig_patient;
    limits.per_address = 3;
    loop_rig_start(&r, &limits);
    for (int i = 0; i < 3; i++)
        fds[i] = http_client_connect(r.port);
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    assert_true(loop_rig_is_closed(fds[0], 10000));
    assert_int_equal(http_client_exchange(fds[1], GET("/a/b"), text, sizeof text), 200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(close(fds[i]), 0);
    loop_rig_stop(&r);
}

static void test_unfinished_requests_are_few(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    int fds[6];
    loop_rig_start(&r, &loop_rig_patient);
    for (int i = 0; i < 6; i++) {
        fds[i] = http_client_connect(r.port);
        loop_rig_say(fds[i], "GET /a/b HTTP/1.1\r\n");
    }
    assert_true(loop_rig_is_closed(fds[0], 10000));
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200);
    assert_int_equal(http_client_exchange(fds[5], "Host: x\r\n\r\n", text, sizeof text), 200);
    for (int i = 0; i < 6; i++)
        assert_int_equal(close(fds[i]), 0);
    loop_rig_stop(&r);
}

static mono_us cpu_time(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (mono_us)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* No descriptor beyond those that are open; returns the limit that was. */
static struct rlimit forbid_descriptors(int last)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {(rlim_t)last + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(dup(2), -1);
    return before;
}

static int unconnected(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    return fd;
}

static void connect_to(int fd, int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
}

static void test_without_descriptors_the_silent_give_way(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    assert_int_equal(http_client_exchange(fd, GET("/a/b"), text, sizeof text), 200);
    const int other = unconnected();
    const struct rlimit limit = forbid_descriptors(other);
    connect_to(other, r.port);
    assert_int_equal(http_client_exchange(other, GET("/a/b"), text, sizeof text), 200);
    assert_true(loop_rig_is_closed(fd, 10000));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(other), 0);
    loop_rig_stop(&r);
}

/* A connection stands in the backlog, and nobody can give way to it. */
static void test_without_descriptors_nothing_spins(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = unconnected();
    const struct rlimit limit = forbid_descriptors(fd);
    connect_to(fd, r.port);
    const mono_us before = cpu_time();
    (void)poll(NULL, 0, 600);
    const mono_us spent = cpu_time() - before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(spent < (mono_us)200 * US_PER_MS);
    assert_int_equal(http_client_exchange(fd, GET("/a/b"), text, sizeof text), 200);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

/* --- who is ended ----------------------------------------------------------------------------- */

static void test_slow_heads_and_bodies_are_ended(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    struct http_limits limits = loop_rig_patient;
    limits.head = LOOP_RIG_SHORT_US;
    limits.body = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    static const char *const begun[] = {
        "", "GET /a", "GET /a/b HTTP/1.1\r\nHost: x\r\n",
        "POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"};
    for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
        const int fd = http_client_connect(r.port);
        loop_rig_say(fd, begun[i]);
        (void)loop_rig_read_all(fd, text, sizeof text);
        assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13) == 0, i > 0);
        assert_true(i == 0 || strstr(text, "did not arrive in time\"}") != NULL);
        assert_int_equal(close(fd), 0);
    }
    /* Bytes that come one by one do not help. */
    const int fd = http_client_connect(r.port);
    const mono_us start_at = clock_mono();
    loop_rig_say(fd, "GET /a/b HTTP/1.1\r\n");
    while (!loop_rig_is_closed(fd, 20) && clock_mono() < start_at + 10 * US_PER_S) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
            break;
    }
    assert_true(clock_mono() < start_at + 10 * US_PER_S);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_idle_connections_end(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    struct http_limits limits = loop_rig_patient;
    limits.idle = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    const int fd = http_client_connect(r.port);
    assert_int_equal(http_client_exchange(fd, GET("/a/b"), text, sizeof text), 200);
    assert_non_null(strstr(text, "Connection: keep-alive\r\n"));
    assert_true(loop_rig_is_closed(fd, 10000));
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_who_does_not_read_is_ended(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    struct http_limits limits = loop_rig_patient;
    limits.stall = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, GET("/large"));
    assert_int_equal(loop_rig_ask(&r, text, sizeof text), 200); /* nobody else waits for it */
    const mono_us until = clock_mono() + 20 * US_PER_S;
    short events = 0;
    while ((events & (POLLERR | POLLHUP | POLLRDHUP)) == 0 && clock_mono() < until) {
        struct pollfd p = {.fd = fd, .events = POLLRDHUP};
        (void)poll(&p, 1, 1000);
        events = p.revents;
    }
    char *all = malloc(LOOP_RIG_LARGE + 4096);
    assert_non_null(all);
    assert_true(loop_rig_read_all(fd, all, LOOP_RIG_LARGE + 4096) < LOOP_RIG_LARGE);
    free(all);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_who_reads_late_has_it_all(void **state)
{
    (void)state;
    struct loop_rig r;
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    (void)poll(NULL, 0, 200);
    char *all = malloc(LOOP_RIG_LARGE + 4096);
    assert_non_null(all);
    const size_t len = loop_rig_read_all(fd, all, LOOP_RIG_LARGE + 4096);
    const char *body = strstr(all, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(len, (size_t)(body + 4 - all) + LOOP_RIG_LARGE);
    free(all);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

/* The client writes all of a body that is too large before it reads, as most do. */
static void test_a_refusal_is_read_behind_a_large_upload(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    loop_rig_start(&r, &loop_rig_patient);
    const int fd = http_client_connect(r.port);
    loop_rig_say(fd, "POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n");
    char block[65536];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 64; i++) {
        size_t sent = 0;
        while (sent < sizeof block) {
            const ssize_t n = send(fd, block + sent, sizeof block - sent, MSG_NOSIGNAL);
            assert_true(n > 0);
            sent += (size_t)n;
        }
    }
    (void)loop_rig_read_all(fd, text, sizeof text);
    assert_int_equal(strncmp(text, "HTTP/1.1 413 ", 13), 0);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

static void test_lingering_ends(void **state)
{
    (void)state;
    struct loop_rig r;
    char text[4096];
    struct http_limits limits = loop_rig_patient;
    limits.linger = LOOP_RIG_SHORT_US;
    loop_rig_start(&r, &limits);
    const int fd = http_client_connect(r.port);
    assert_int_equal(http_client_exchange(fd, GET("/none"), text, sizeof text), 404);
    assert_true(loop_rig_is_closed(fd, 10000)); /* told so at once; the socket itself ends later */
    const mono_us until = clock_mono() + 10 * US_PER_S;
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1 && clock_mono() < until)
        (void)poll(NULL, 0, 20);
    assert_true(clock_mono() < until);
    assert_int_equal(close(fd), 0);
    loop_rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_silent_connection_gives_way),
        cmocka_unit_test(test_an_address_has_its_share),
        cmocka_unit_test(test_unfinished_requests_are_few),
        cmocka_unit_test(test_without_descriptors_the_silent_give_way),
        cmocka_unit_test(test_without_descriptors_nothing_spins),
        cmocka_unit_test(test_slow_heads_and_bodies_are_ended),
        cmocka_unit_test(test_idle_connections_end),
        cmocka_unit_test(test_who_does_not_read_is_ended),
        cmocka_unit_test(test_who_reads_late_has_it_all),
        cmocka_unit_test(test_a_refusal_is_read_behind_a_large_upload),
        cmocka_unit_test(test_lingering_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
