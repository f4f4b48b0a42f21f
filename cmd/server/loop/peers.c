/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/peers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct peer {
    uint64_t address;
    uint32_t next; /* in its bucket, or of the free ones */
    uint32_t count;
};

struct peers {
    size_t size;
    uint32_t free; /* the first of them */
    struct peer *peers;
    uint32_t *buckets;
};

struct peers *peers_new(size_t sockets)
{
    struct peers *peers = calloc(1, sizeof *peers);
    if (peers == NULL)
        return NULL;
    peers->size = sockets;
    peers->peers = calloc(sockets, sizeof *peers->peers);
    peers->buckets = calloc(sockets, sizeof *peers->buckets);
    if (peers->peers == NULL || peers->buckets == NULL) {
        peers_free(peers);
        return NULL;
    }
    for (size_t i = 0; i < sockets; i++) {
        peers->buckets[i] = PEER_NONE;
        peers->peers[i].next = i + 1 < sockets ? (uint32_t)i + 1 : PEER_NONE;
    }
    return peers;
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    free(peers->peers);
    free(peers->buckets);
    free(peers);
}

/* IPv4 addresses stand where no IPv6 network has its first 64 bits: below 2^32. */
static bool read_address(const struct sockaddr_storage *from, uint64_t *out)
{
    const uint8_t *bytes = NULL;
    size_t len = 4;
    if (from->ss_family == AF_INET) {
        bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)from)->sin_addr;
    } else if (from->ss_family == AF_INET6) {
        bytes = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        if (memcmp(bytes, mapped, sizeof mapped) == 0)
            bytes += 12;
        else
            len = 8;
    }
    *out = 0;
    for (size_t i = 0; bytes != NULL && i < len; i++)
        *out = *out << 8 | bytes[i];
    return bytes != NULL;
}

/* Whoever can choose its address gains nothing by a long walk: the table has a bucket a socket. */
static uint32_t *bucket_of(struct peers *peers, uint64_t address)
{
    const uint64_t mixed = (address ^ address >> 29) * UINT64_C(0x9e3779b97f4a7c15);
    return &peers->buckets[(mixed >> 32) % peers->size];
}

uint32_t peers_add(struct peers *peers, const struct sockaddr_storage *from)
{
    uint64_t address;
    if (!read_address(from, &address))
        return PEER_NONE;
    uint32_t *bucket = bucket_of(peers, address);
    uint32_t at = *bucket;
    while (at != PEER_NONE && peers->peers[at].address != address)
        at = peers->peers[at].next;
    if (at == PEER_NONE && (at = peers->free) != PEER_NONE) {
        struct peer *peer = &peers->peers[at];
        peers->free = peer->next;
        *peer = (struct peer){.address = address, .next = *bucket};
        *bucket = at;
    }
    if (at != PEER_NONE)
        peers->peers[at].count++;
    return at;
}

void peers_drop(struct peers *peers, uint32_t at)
{
    if (at == PEER_NONE || --peers->peers[at].count > 0)
        return;
    uint32_t *link = bucket_of(peers, peers->peers[at].address);
    while (*link != at)
        link = &peers->peers[*link].next;
    *link = peers->peers[at].next;
    peers->peers[at].next = peers->free;
    peers->free = at;
}

size_t peers_count(const struct peers *peers, uint32_t peer)
{
    return peer != PEER_NONE ? peers->peers[peer].count : 0;
}
