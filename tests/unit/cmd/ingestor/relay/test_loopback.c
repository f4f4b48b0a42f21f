/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/loopback.h"
#include "common/base/clock.h"
#include "tests/support/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_to(int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return fd;
}

static bool is_readable(int fd, int limit_ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, limit_ms) == 1;
}

static void test_own_connection_is_taken(void **state)
{
    (void)state;
    int port = 0;
    const int listener = loopback_listen(&port);
    assert_true(listener >= 0 && port > 0);
    assert_int_equal(loopback_accept(listener), -1);
    assert_int_equal(errno, EAGAIN);
    const int client = connect_to(port);
    assert_true(client >= 0 && is_readable(listener, 10000));
    const int accepted = loopback_accept(listener);
    assert_true(accepted >= 0);
    char byte = 0;
    assert_int_equal(write(client, "x", 1), 1);
    assert_true(is_readable(accepted, 10000));
    assert_int_equal(read(accepted, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(accepted);
    close(client);
    close(listener);
}

/* Another process knows the port and connects: it is closed without a byte, and who belongs there
 * still gets in. */
static void test_another_process_is_not(void **state)
{
    (void)state;
    int port = 0;
    const int listener = loopback_listen(&port);
    assert_true(listener >= 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(listener);
        char byte;
        const int fd = connect_to(port);
        _exit(fd >= 0 && is_readable(fd, 10000) && read(fd, &byte, 1) <= 0 ? 0 : 1);
    }
    assert_true(is_readable(listener, 10000));
    assert_int_equal(loopback_accept(listener), -1);
    assert_int_equal(errno, EAGAIN);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    const int client = connect_to(port);
    assert_true(client >= 0 && is_readable(listener, 10000));
    const int accepted = loopback_accept(listener);
    assert_true(accepted >= 0);
    close(accepted);
    close(client);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_connection_is_taken),
        cmocka_unit_test(test_another_process_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
