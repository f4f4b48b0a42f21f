/* SPDX-License-Identifier: MIT
 *
 * inject - one message to the ingestor's receiver `http` over spoolDir/inject.sock
 * (SOCK_SEQPACKET).
 *
 * One packet holds `topic NUL payload`; the answer is one byte: A accepted, S soft limit or the
 * observer's rate, F full, T too large. Waiting is bounded by INJECT_TIMEOUT_MS. Threads: any; a
 * connection per call. */
#pragma once

#include "common/base/base.h"

#define INJECT_TIMEOUT_MS 1000

enum inject_result {
    INJECT_ACCEPTED,
    INJECT_SOFT,
    INJECT_FULL,
    INJECT_TOO_LARGE,
    INJECT_UNREACHABLE, /* no socket, no answer in time, or an unknown answer */
};

NODISCARD enum inject_result inject_send(const char *socket_path, const char *topic,
                                         const char *payload);
