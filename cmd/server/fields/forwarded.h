/* SPDX-License-Identifier: MIT
 *
 * forwarded - who asked, when a proxy asks for somebody: X-Forwarded-For and Forwarded (RFC 7239).
 *
 * Each proxy adds at the right whom it was asked by; what stands further to the left came with the
 * request and may be invented. So the hops are read from the right as long as they are proxies that
 * the operator named; the first other one is the client.
 * I1. Nothing is believed that a client could have written: the caller asks only when the request
 *     came from a named proxy, and a hop that can't be read ends the search without a result.
 * Threads: pure. Limits: the last FORWARDED_HOPS count. */
#pragma once

#include "common/base/network.h"

#define FORWARDED_HOPS 16

struct forwarded {
    size_t count;
    struct {
        uint8_t address[NETWORK_ADDRESS_BYTES];
        bool is_known;
    } hops[FORWARDED_HOPS]; /* in their order */
};

/* A line of X-Forwarded-For; lines in their order. */
void forwarded_read_list(struct forwarded *forwarded, const char *text, size_t len);
/* A line of Forwarded: the `for` of each element. */
void forwarded_read_elements(struct forwarded *forwarded, const char *text, size_t len);
/* False = nobody knows. Where all are proxies it is the leftmost. */
bool forwarded_client(const struct forwarded *forwarded, const struct network *proxies,
                      size_t count, uint8_t out[static NETWORK_ADDRESS_BYTES]);
bool forwarded_is_proxy(const uint8_t address[static NETWORK_ADDRESS_BYTES],
                        const struct network *proxies, size_t count);
