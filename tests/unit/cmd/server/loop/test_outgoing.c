/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/loop/outgoing.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY "what it says"

/* An answer that was made long ago. */
static struct http_ready *made_long_ago(void)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_REVALIDATE);
    reply.body = strdup(BODY);
    reply.body_len = strlen(BODY);
    assert_non_null(reply.body);
    struct http_ready *ready = http_ready_new(&reply, NULL);
    assert_non_null(ready);
    for (int i = 0; i < 2; i++) {
        char *date = (char *)(uintptr_t)strstr(ready->heads[i], "Date: ");
        assert_non_null(date);
        memcpy(date + 6, "Thu, 01 Jan 1970", 16);
    }
    return ready;
}

/* What comes of an answer of which so much is gone. */
static size_t received(const struct outgoing_form *form, size_t sent, char out[static 4096])
{
    int fds[2];
    struct outgoing outgoing;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_true(outgoing_ready(&outgoing, made_long_ago(), form));
    outgoing.sent = sent;
    assert_int_equal(outgoing_send(&outgoing, fds[0]), OUTGOING_DONE);
    assert_true(outgoing_is_empty(&outgoing));
    assert_int_equal(close(fds[0]), 0);
    size_t len = 0;
    for (ssize_t n = 1; n > 0; len += (size_t)n) {
        n = read(fds[1], out + len, 4095 - len);
        assert_true(n >= 0);
    }
    out[len] = '\0';
    assert_int_equal(close(fds[1]), 0);
    return len;
}

static time_t date_of(const char *text)
{
    struct tm tm = {0};
    const char *date = strstr(text, "\r\nDate: ");
    assert_non_null(date);
    const char *end = strptime(date + 8, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_non_null(end);
    assert_memory_equal(end, "\r\n", 2);
    return timegm(&tm);
}

static void test_the_date_is_that_of_now(void **state)
{
    (void)state;
    static const struct outgoing_form forms[] = {{.lines = ""},
                                                 {.keep_alive = true, .lines = "X-More: 1\r\n"},
                                                 {.is_head = true, .lines = ""}};
    char text[4096];
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const time_t before = (time_t)(clock_wall() / US_PER_S);
        const size_t len = received(&forms[i], 0, text);
        assert_in_range(date_of(text), before, before + 10);
        const char *body = strstr(text, "\r\n\r\n");
        assert_non_null(body);
        assert_string_equal(body + 4, forms[i].is_head ? "" : BODY);
        assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
        assert_true((strstr(text, "\r\nX-More: 1\r\n") != NULL) == (*forms[i].lines != '\0'));
        assert_int_equal(strlen(text), len);
    }
}

/* Wherever the socket took no more, the rest is what follows. */
static void test_it_goes_on_where_it_stopped(void **state)
{
    (void)state;
    const struct outgoing_form form = {.lines = ""};
    char whole[4096];
    char rest[4096];
    const size_t len = received(&form, 0, whole);
    for (size_t sent = 0; sent <= len; sent++) {
        if (received(&form, sent, rest) != len - sent)
            fail_msg("%zu of %zu bytes were gone, %zu came", sent, len, strlen(rest));
        /* But for the seconds: they go on. */
        const size_t at = (size_t)(strstr(whole, " GMT\r\n") - whole);
        if (sent < at)
            memcpy(rest + (at - sent < 6 ? 0 : at - sent - 6),
                   whole + (at - sent < 6 ? sent : at - 6), at - sent < 6 ? at - sent : 6);
        assert_string_equal(rest, whole + sent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_date_is_that_of_now),
        cmocka_unit_test(test_it_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
