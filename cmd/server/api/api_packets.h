/* SPDX-License-Identifier: MIT
 *
 * api_packets - POST /api/packets: a packet by HTTP takes the same way as one by MQTT.
 *
 * The server checks the frame (http the key, access.h), builds the ordinary envelope and hands
 * it to the ingestor's receiver `http` (inject.h); it writes nothing itself. 202 {"hash"} says that
 * the packet is in the ring, which survives kill -9 - not that it is in the database yet.
 * Answers: 400 body or frame, 413 too large, 429 buffer over its soft limit or full or observer
 * over its rate, 503 the ingestor does not run. */
#pragma once

#include "common/base/base.h"

/* What to send for a body: topic and payload (envelope JSON), and the packet's content hash. */
struct api_packet {
    char topic[256];
    char payload[2048];
    char hash[17];
};
/* 0, or 400 and *out_why. */
NODISCARD int api_packet_build(const char *body, size_t len, struct api_packet *out,
                               const char **out_why);
