/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/peers.h"

#include "common/base/network.h"

#include <stdlib.h>

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

/* Whoever can choose its address gains nothing by a long walk: the table has a bucket a socket. */
static uint32_t *bucket_of(struct peers *peers, uint64_t address)
{
    const uint64_t mixed = (address ^ address >> 29) * UINT64_C(0x9e3779b97f4a7c15);
    return &peers->buckets[(mixed >> 32) % peers->size];
}

uint32_t peers_add(struct peers *peers, const struct sockaddr_storage *from)
{
    uint8_t bytes[NETWORK_ADDRESS_BYTES];
    if (!network_of_socket(from, bytes))
        return PEER_NONE;
    const uint64_t address = network_client(bytes);
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
