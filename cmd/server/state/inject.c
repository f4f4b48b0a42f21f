/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/inject.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct timeval timeout = {.tv_sec = INJECT_TIMEOUT_MS / 1000,
                                    .tv_usec = INJECT_TIMEOUT_MS % 1000 * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    IGNORE(close(fd), "nothing was sent");
    return -1;
}

static enum inject_result result_of(char answer)
{
    switch (answer) {
    case 'A':
        return INJECT_ACCEPTED;
    case 'S':
        return INJECT_SOFT;
    case 'F':
        return INJECT_FULL;
    case 'T':
        return INJECT_TOO_LARGE;
    default:
        return INJECT_UNREACHABLE;
    }
}

enum inject_result inject_send(const char *socket_path, const char *topic, const char *payload)
{
    const int fd = connect_to(socket_path);
    if (fd < 0)
        return INJECT_UNREACHABLE;
    /* sendmsg takes char *; it does not write there. */
    struct iovec parts[] = {{(void *)(uintptr_t)topic, strlen(topic) + 1},
                            {(void *)(uintptr_t)payload, strlen(payload)}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    char answer = '\0';
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 || recv(fd, &answer, 1, 0) != 1)
        answer = '\0';
    IGNORE(close(fd), "the answer was read or will never come");
    return result_of(answer);
}
