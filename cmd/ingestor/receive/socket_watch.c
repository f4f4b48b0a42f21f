/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/socket_watch.h"

#include "common/base/own_fds.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static bool has_peer_port(int fd, const void *context)
{
    const int port = *(const int *)context;
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return false;
    if (peer.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&peer)->sin_port) == port;
    return peer.ss_family == AF_INET6 &&
           ntohs(((const struct sockaddr_in6 *)&peer)->sin6_port) == port;
}

/* False: the kernel does not say. What comes between the two calls makes the number too small for
 * this look, never too large. */
static bool count_read(int fd, uint64_t *out)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int waiting = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received ||
        ioctl(fd, FIONREAD, &waiting) != 0 || waiting < 0)
        return false;
    *out = info.tcpi_bytes_received - min_u64((uint64_t)waiting, info.tcpi_bytes_received);
    return true;
}

void socket_watch_begin(struct socket_watch *watch, int peer_port, mono_us now)
{
    *watch = (struct socket_watch){.fd = -1, .last_look = now};
    if (own_fds_find(has_peer_port, &peer_port, &watch->fd) == STATUS_OK &&
        !count_read(watch->fd, &watch->read_bytes))
        watch->fd = -1;
}

void socket_watch_end(struct socket_watch *watch)
{
    *watch = (struct socket_watch){.fd = -1};
}

mono_us socket_watch_look(struct socket_watch *watch, mono_us now)
{
    uint64_t bytes = 0;
    const mono_us passed = now - watch->last_look;
    watch->last_look = now;
    if (watch->fd < 0 || !count_read(watch->fd, &bytes))
        return 0;
    watch->silent = bytes > watch->read_bytes
                        ? 0
                        : watch->silent + (passed < LOOK_MAX_US ? passed : LOOK_MAX_US);
    if (bytes > watch->read_bytes)
        watch->read_bytes = bytes;
    return watch->silent;
}
