/* SPDX-License-Identifier: MIT
 *
 * publisher - sends a workload to a broker over one raw socket, pipelined, no MQTT library.
 *
 * Pace, whichever holds back most: messages a second; the window of unacknowledged messages (QoS
 * 1); and the lead over a reader, asked by a callback: a broker of this machine takes 100,000
 * messages a second, and what the reader can't follow would be queued, and at last dropped, in the
 * broker. So a measured run sends at most `ahead` messages more than have been committed: the pipe
 * is full, and nothing overflows.
 * Threads: the caller's. Errors: a message on stderr and false. */
#pragma once

#include "common/base/clock.h"
#include "tests/bench/lib/workload.h"

struct publisher_params {
    const char *host; /* dotted address */
    uint16_t port;
    int qos;
    double rate;     /* messages a second; 0 = as fast as it goes */
    uint64_t window; /* QoS 1: unacknowledged messages, below 65535 */
    uint64_t ahead;  /* 0 = don't ask */
    /* How many messages of this run the reader is done with; UINT64_MAX = can't be
     * known, give up. */
    uint64_t (*done)(void *context);
    void *context;
    /* count entries, filled with the time before each message's send; NULL = not wanted */
    mono_us *sent_at;
};

struct publisher_result {
    mono_us started, sent, acknowledged;
};

NODISCARD bool publisher_run(const struct publisher_params *params, const struct workload *workload,
                             struct publisher_result *out);
