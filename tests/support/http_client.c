/* SPDX-License-Identifier: MIT */
#include "tests/support/http_client.h"

#include "tests/support/cmocka_all.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

int http_client_bind(int *out_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

int http_client_connect(int port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* HEAD, 204 and 304 end with their head. */
static int is_whole(const char *request, const char *text, size_t used)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    if (end == NULL)
        return 0;
    if (strncmp(request, "HEAD", 4) == 0 || length == NULL || length > end)
        return 1;
    return used >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10);
}

int http_client_exchange(int fd, const char *request, char *out, size_t cap)
{
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    size_t used = 0;
    out[0] = '\0';
    while (!is_whole(request, out, used)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        const ssize_t n = recv(fd, out + used, cap - 1 - used, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
        out[used] = '\0';
    }
    return strncmp(out, "HTTP/1.1 ", 9) == 0 ? atoi(out + 9) : 0;
}

int http_client_ask(int port, const char *request, char *out, size_t cap)
{
    const int fd = http_client_connect(port);
    const int status = http_client_exchange(fd, request, out, cap);
    assert_int_equal(close(fd), 0);
    return status;
}
