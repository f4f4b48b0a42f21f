/* SPDX-License-Identifier: MIT
 *
 * network - addresses and networks, IPv4 and IPv6 alike: 16 bytes, an IPv4 address in the form
 * ::ffff:a.b.c.d. Threads: pure. */
#pragma once

#include "common/base/base.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NETWORK_ADDRESS_BYTES 16
#define NETWORK_TEXT_MAX      64
#define NETWORK_V4_BEFORE     12 /* bytes in front of an IPv4 address */

struct network {
    uint8_t address[NETWORK_ADDRESS_BYTES];
    unsigned bits;
};

static inline bool network_is_v4(const uint8_t address[static NETWORK_ADDRESS_BYTES])
{
    static const uint8_t mapped[NETWORK_V4_BEFORE] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address, mapped, sizeof mapped) == 0;
}

/* An address alone, no port and no brackets. */
static inline bool network_read_address(const char *text, size_t len,
                                        uint8_t out[static NETWORK_ADDRESS_BYTES])
{
    char copy[NETWORK_TEXT_MAX];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    memset(out, 0, NETWORK_ADDRESS_BYTES);
    out[10] = out[11] = 0xff;
    return inet_pton(AF_INET, copy, out + NETWORK_V4_BEFORE) == 1 ||
           inet_pton(AF_INET6, copy, out) == 1;
}

static inline void network_write_address(const uint8_t address[static NETWORK_ADDRESS_BYTES],
                                         char out[static NETWORK_TEXT_MAX])
{
    const bool is_v4 = network_is_v4(address);
    IGNORE(inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? address + NETWORK_V4_BEFORE : address, out,
                     NETWORK_TEXT_MAX),
           "there is room");
}

/* False = it has none, as a Unix socket's client. */
static inline bool network_of_socket(const struct sockaddr_storage *from,
                                     uint8_t out[static NETWORK_ADDRESS_BYTES])
{
    memset(out, 0, NETWORK_ADDRESS_BYTES);
    if (from->ss_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + NETWORK_V4_BEFORE, &((const struct sockaddr_in *)(const void *)from)->sin_addr,
               4);
    } else if (from->ss_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
               NETWORK_ADDRESS_BYTES);
    }
    return from->ss_family == AF_INET || from->ss_family == AF_INET6;
}

/* Whose address it is, as a number: an IPv6 client has a whole network to itself, so its first 64
 * bits are its own. IPv4 addresses stand where no IPv6 network begins: below 2^32. */
static inline uint64_t network_client(const uint8_t address[static NETWORK_ADDRESS_BYTES])
{
    const bool is_v4 = network_is_v4(address);
    uint64_t client = 0;
    for (size_t i = 0; i < (is_v4 ? 4 : 8); i++)
        client = client << 8 | address[(is_v4 ? NETWORK_V4_BEFORE : 0) + i];
    return client;
}

/* "10.0.0.5", "10.0.0.0/8", "fd00::/8". */
static inline bool network_read(const char *text, struct network *out)
{
    const char *slash = strchr(text, '/');
    const size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (!network_read_address(text, len, out->address))
        return false;
    const unsigned before = network_is_v4(out->address) ? 8 * NETWORK_V4_BEFORE : 0;
    out->bits = 8 * NETWORK_ADDRESS_BYTES;
    if (slash == NULL)
        return true;
    const size_t digits = strspn(slash + 1, "0123456789");
    if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
        return false;
    out->bits = before + (unsigned)strtoul(slash + 1, NULL, 10);
    return out->bits <= 8 * NETWORK_ADDRESS_BYTES;
}

static inline bool network_holds(const struct network *network,
                                 const uint8_t address[static NETWORK_ADDRESS_BYTES])
{
    const size_t whole = network->bits / 8;
    const unsigned rest = network->bits % 8;
    if (memcmp(network->address, address, whole) != 0)
        return false;
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}
