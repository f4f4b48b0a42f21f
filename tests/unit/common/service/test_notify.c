/* SPDX-License-Identifier: MIT
 *
 * notify: what arrives at the socket that systemd names. */
#include "tests/support/cmocka_all.h"

#include "common/base/utf8.h"
#include "common/service/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listener = -1;

/* Of the abstract name space: it needs no folder. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(listener >= 0);
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    return bind(listener, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
}

static const char *heard(void)
{
    static char text[1024];
    const ssize_t n = recv(listener, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void test_nobody_listens(void **state)
{
    (void)state;
    notify_init();
    notify_send("READY=1");
    notify_status("fine");
    assert_int_equal(notify_watchdog_interval_us(), 0);
}

static void test_what_is_told(void **state)
{
    (void)state;
    char name[64], pid[24], sentence[2 * NOTIFY_STATUS_MAX];
    (void)snprintf(name, sizeof name, "@weir-test-notify-%d", (int)getpid());
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_int_equal(listen_at(name), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "3000000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
    notify_init();
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    assert_int_equal(notify_watchdog_interval_us(), 1500000);

    notify_send("READY=1");
    assert_string_equal(heard(), "READY=1");
    notify_reloading();
    assert_non_null(strstr(heard(), "RELOADING=1\nMONOTONIC_USEC="));
    notify_stopping("Draining", 7 * US_PER_S);
    assert_string_equal(heard(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=7000000");
    assert_string_equal(heard(), "STATUS=Draining");

    /* I1: no assignment of its own, and no half of a character at the cut. */
    notify_status("one\nREADY=1\x1b[31m");
    assert_string_equal(heard(), "STATUS=oneREADY=1[31m");
    memset(sentence, 'a', sizeof sentence);
    memcpy(sentence + NOTIFY_STATUS_MAX - 1, "\xc3\xa9", 2);
    sentence[sizeof sentence - 1] = '\0';
    notify_status(sentence);
    const char *cut = heard();
    assert_in_range(strlen(cut), NOTIFY_STATUS_MAX, NOTIFY_STATUS_MAX + strlen("STATUS="));
    assert_int_equal(utf8_whole_len((const uint8_t *)cut, strlen(cut)), strlen(cut));
    assert_int_equal(close(listener), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_what_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
