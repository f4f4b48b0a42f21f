/* SPDX-License-Identifier: MIT
 *
 * listener - a socket that accepts connections, watched by an epoll, and what they inherit of it.
 *
 * Each connection sends at once (TCP_NODELAY), holds at most LISTENER_UNSENT bytes in the system
 * that were not sent yet (else a client that reads nothing costs 4 MB), and ends when what it was
 * sent is not confirmed within LISTENER_UNREAD_MS.
 * I1. Without a descriptor for a connection that waits the listener is not watched until somebody
 *     says so: it would report that connection again and again.
 * A connection of a Unix socket (unix_listener.h) has none of these three from us: the system
 * bounds what it holds, and nothing is confirmed.
 * Threads: its loop's. Errors: STATUS_CONFIG for a host that is no address, STATUS_IO with the
 * system's reason. */
#pragma once

#include "common/base/err.h"
#include "common/base/network.h"

#include <sys/socket.h>

#define LISTENER_UNSENT    131072
#define LISTENER_UNREAD_MS 30000

struct listener {
    int fd; /* -1 = closed */
    int epoll;
    bool is_watched;
};

enum listener_result {
    LISTENER_TAKEN,
    LISTENER_NOBODY,        /* waits */
    LISTENER_GONE,          /* one ended before it was taken: ask again */
    LISTENER_NO_DESCRIPTOR, /* somebody waits, but can't be taken now */
};

#define LISTENER_UNIX "unix:"

/* host: an IPv4 or IPv6 address, `localhost` (127.0.0.1), or a Unix socket's path behind
 * LISTENER_UNIX, which has no port. */
NODISCARD enum status listener_open(const char *host, int port, int *out_fd, struct err *err);
/* Watches fd, which is moved; its events carry `listener`. False = the system has no room. */
NODISCARD bool listener_init(struct listener *listener, int fd, int epoll);
void listener_watch(struct listener *listener, bool is_on);
/* TAKEN: *out_fd, which does not block, and where it comes from. */
enum listener_result listener_accept(struct listener *listener, int *out_fd,
                                     struct sockaddr_storage *out_address);
/* Where a connection comes from: an address, "unix", or "" when that can't be said any more. */
void listener_peer_name(int fd, char out[static NETWORK_TEXT_MAX]);
void listener_close(struct listener *listener);
