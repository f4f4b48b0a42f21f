/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/listener.h"

#include "cmd/server/loop/unix_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* the system's own limit is another; beyond it a SYN waits for a second */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Its length; 0 = no address. */
static socklen_t read_host(const char *host, int port, union address *out)
{
    *out = (union address){0};
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        return sizeof out->v4;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        return sizeof out->v6;
    }
    return 0;
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static const char *what_to_do(int why)
{
    switch (why) {
    case EADDRINUSE:
        return ": another program listens there; stop it, or choose another port";
    case EACCES:
        return ": ports below 1024 are for root; choose a higher one";
    case EADDRNOTAVAIL:
        return ": no address of this machine; 0.0.0.0 = every one";
    default:
        return "";
    }
}

static int open_socket(const union address *address, socklen_t len)
{
    const int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
        set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, LISTENER_UNSENT) &&
        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, LISTENER_UNREAD_MS) &&
        bind(fd, &address->any, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int why = errno;
    IGNORE(close(fd), "the reason is the one before");
    errno = why;
    return -1;
}

enum status listener_open(const char *host, int port, int *out_fd, struct err *err)
{
    union address address;
    char name[80];
    if (strncmp(host, LISTENER_UNIX, strlen(LISTENER_UNIX)) == 0)
        return unix_listener_open(host + strlen(LISTENER_UNIX), BACKLOG, out_fd, err);
    const socklen_t len = read_host(host, port, &address);
    if (len == 0)
        return err_set(err, STATUS_CONFIG, 0, "host",
                       "must be an IP address, localhost, or unix: and a path");
    const int fd = open_socket(&address, len);
    if (fd < 0) {
        const int why = errno;
        (void)snprintf(name, sizeof name, strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host,
                       port);
        return err_set(err, STATUS_IO, why, name, "cannot listen: %s%s", strerror(why),
                       what_to_do(why));
    }
    *out_fd = fd;
    return STATUS_OK;
}

bool listener_init(struct listener *listener, int fd, int epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    *listener = (struct listener){.fd = fd, .epoll = epoll, .is_watched = true};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void listener_watch(struct listener *listener, bool is_on)
{
    struct epoll_event event = {.events = is_on ? EPOLLIN : 0, .data.ptr = listener};
    if (listener->fd < 0 || listener->is_watched == is_on)
        return;
    listener->is_watched = is_on;
    /* What is there can be changed without memory. */
    (void)epoll_ctl(listener->epoll, EPOLL_CTL_MOD, listener->fd, &event);
}

/* accept takes a descriptor before it looks for a connection: its error alone does not say that
 * somebody waits. */
static bool is_somebody_waiting(const struct listener *listener)
{
    struct pollfd p = {.fd = listener->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

enum listener_result listener_accept(struct listener *listener, int *out_fd,
                                     struct sockaddr_storage *out_address)
{
    socklen_t len = sizeof *out_address;
    *out_address = (struct sockaddr_storage){0};
    const int fd =
        accept4(listener->fd, (struct sockaddr *)out_address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        *out_fd = fd;
        return LISTENER_TAKEN;
    }
    if (errno == EAGAIN)
        return LISTENER_NOBODY;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
        return LISTENER_GONE;
    return is_somebody_waiting(listener) ? LISTENER_NO_DESCRIPTOR : LISTENER_NOBODY;
}

void listener_peer_name(int fd, char out[static NETWORK_TEXT_MAX])
{
    union address address = {0};
    socklen_t len = sizeof address;
    out[0] = '\0';
    if (getpeername(fd, &address.any, &len) != 0)
        return;
    if (address.any.sa_family == AF_UNIX)
        (void)snprintf(out, NETWORK_TEXT_MAX, "unix");
    else if (address.any.sa_family == AF_INET)
        IGNORE(inet_ntop(AF_INET, &address.v4.sin_addr, out, NETWORK_TEXT_MAX), "there is room");
    else
        IGNORE(inet_ntop(AF_INET6, &address.v6.sin6_addr, out, NETWORK_TEXT_MAX), "there is room");
}

void listener_close(struct listener *listener)
{
    int family = AF_UNSPEC;
    socklen_t len = sizeof family;
    if (listener->fd < 0)
        return;
    if (getsockopt(listener->fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 && family == AF_UNIX)
        unix_listener_close(listener->fd);
    else
        IGNORE(close(listener->fd), "no more connections");
    listener->fd = -1;
}
