/* SPDX-License-Identifier: MIT
 *
 * tally_senders - which observer received which nodes' adverts in the window, on whatever way, and
 * how: receptions, and what was measured. Share-contact adverts are none of the sender's. hops: of
 * floods.
 * Bounds: SENDERS_MAX pairs of node and observer, of which the newest stay. */
#pragma once

#include "cmd/server/tally/tally.h"

#define SENDERS_MAX 100000

struct sender_heard {
    int64_t node_id, observer_id; /* the key */
    int64_t first_ms, last_ms;
    uint32_t count, snr_count, rssi_count, hops_count;
    float snr_sum, rssi_sum, hops_sum;
};

struct tally_senders;

size_t tally_senders_count(const struct tally_senders *tally);
const struct sender_heard *tally_senders_at(const struct tally_senders *tally, size_t at);
