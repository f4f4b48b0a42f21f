/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/loopback.h"

#include "common/base/own_fds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 16 /* strangers may come first */

int loopback_listen(int *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        *out_port = ntohs(address.sin_port);
        return fd;
    }
    const int error = errno;
    IGNORE(close(fd), "an unused socket");
    errno = error;
    return -1;
}

static bool is_same(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_family == AF_INET && b->sin_family == AF_INET && a->sin_port == b->sin_port &&
           a->sin_addr.s_addr == b->sin_addr.s_addr;
}

typedef int name_call(int fd, struct sockaddr *address, socklen_t *len);

static bool has_name(int fd, name_call *call, const struct sockaddr_in *wanted)
{
    struct sockaddr_in name = {.sin_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    return call(fd, (struct sockaddr *)&name, &len) == 0 && is_same(&name, wanted);
}

struct ends {
    struct sockaddr_in here, there;
};

static bool is_other_end(int fd, const void *context)
{
    const struct ends *ends = context;
    return has_name(fd, getsockname, &ends->there) && has_name(fd, getpeername, &ends->here);
}

/* Is there a descriptor of ours whose connection is the other end of this one? */
static bool is_own(int fd)
{
    struct ends ends = {.here = {.sin_port = 0}};
    socklen_t here_len = sizeof ends.here, there_len = sizeof ends.there;
    int other;
    return getsockname(fd, (struct sockaddr *)&ends.here, &here_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&ends.there, &there_len) == 0 &&
           own_fds_find(is_other_end, &ends, &other) == STATUS_OK;
}

int loopback_accept(int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    const int on = 1; /* without it a small packet waits for the one before */
    if (is_own(fd) && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0)
        return fd;
    IGNORE(close(fd), "a stranger");
    errno = EAGAIN;
    return -1;
}
