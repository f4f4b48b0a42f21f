/* SPDX-License-Identifier: MIT
 *
 * peers - how many connections one address holds.
 *
 * An IPv6 client has a whole network to itself, so its first 64 bits are its address here. A Unix
 * socket's clients have none: they are not counted.
 * I1. A peer is there exactly while it holds a connection, so there are never more than sockets.
 * Threads: its loop's. Cost: a hash and a short walk for each; 20 bytes a socket. */
#pragma once

#include "common/base/base.h"

#include <sys/socket.h>

#define PEER_NONE UINT32_MAX

struct peers;

/* NULL = no memory. */
NODISCARD struct peers *peers_new(size_t sockets);
void peers_free(struct peers *peers); /* accepts NULL */
/* One connection more of this address: its peer. PEER_NONE for an address that is not counted. */
uint32_t peers_add(struct peers *peers, const struct sockaddr_storage *address);
void peers_drop(struct peers *peers, uint32_t peer);
size_t peers_count(const struct peers *peers, uint32_t peer); /* 0 for PEER_NONE */
