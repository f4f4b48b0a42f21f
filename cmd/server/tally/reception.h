/* SPDX-License-Identifier: MIT
 *
 * reception - a stored reception as a run of the summary hands it to its tallies: one row of
 * observations with what its transmission adds, and hops as numbers.
 *
 * A hop is a number of 26 bits: its bytes a hop (1 to 3) above its value. Pure. */
#pragma once

#include "common/mesh/meshcore.h"

#define HOP_BYTES_MAX 3

static inline uint32_t hop_pack(const uint8_t *bytes, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return (uint32_t)size << 24 | value;
}

static inline size_t hop_size(uint32_t hop)
{
    return hop >> 24;
}

/* hop_size bytes */
static inline void hop_unpack(uint32_t hop, uint8_t out[static HOP_BYTES_MAX])
{
    const size_t size = min_size(hop_size(hop), HOP_BYTES_MAX); /* never more, but for gcc */
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(hop >> 8 * (size - 1 - i));
}

struct reception {
    int64_t id, transmission_id, observer_id, receipt_ms;
    int64_t sender;   /* nodes.id of an advert's; 0 = none */
    int64_t scope_id; /* scopes.id; 0 = none, or none that fits */
    uint8_t type, route;
    bool is_scoped; /* a scope code above 0 */
    bool is_heard;  /* received, not sent by the observer itself */
    /* Whether the path names the hops that the packet came along (meshcore_has_hops), whole ones:
     * else hop_count is 0 and says nothing. */
    bool has_hops;
    uint8_t hop_bytes, hop_count;
    const uint8_t *path;
    size_t path_bytes;
    size_t frame_bytes; /* of the first reception */
    double snr, rssi;   /* NaN = not measured, or invented (schema_is_invented_rf) */
};

static inline uint32_t reception_hop(const struct reception *r, size_t at)
{
    return hop_pack(r->path + at * r->hop_bytes, r->hop_bytes);
}
