/* SPDX-License-Identifier: MIT
 *
 * workload - a pool of MQTT PUBLISH packets made from recorded mesh packets, encoded before
 * any clock runs.
 *
 * new_percent of the messages are transmissions nobody has seen: the recorded frame with other
 * payload bytes, or, for an advert, another key, time and signature (200 keys of our own). The rest
 * repeats one of the last 256 new frames by another observer with one hop more: a new observation
 * of a known transmission, as a mesh makes them. One message in a hundred is an observer's status.
 * The mix of types is the recorded one.
 *
 * Each new frame that is not an advert ends with an 8-byte marker that holds its index, so that a
 * reader of the database can tell which message a row came from (workload_marker).
 * Threads: none. Ownership: the struct owns everything; workload_done frees. Errors: a message on
 * stderr and false. */
#pragma once

#include "common/base/base.h"

struct workload_params {
    const char *dir; /* holds packets.jsonl */
    size_t count;
    unsigned new_percent;
    int qos;       /* 1: packet ids are already in the bytes, index % 65535 + 1 */
    uint16_t run;  /* runs against one database need different numbers */
    uint64_t seed; /* same parameters, same bytes, except for the adverts' keys */
};

struct workload {
    uint8_t *bytes;  /* all packets, back to back */
    size_t *offsets; /* count + 1 */
    size_t count;
    size_t new_count; /* new transmissions among them */
    uint16_t run;
};

NODISCARD bool workload_make(const struct workload_params *params, struct workload *out);
void workload_done(struct workload *workload);
/* The index of the message that first carried this frame, or SIZE_MAX: no marker of this run. */
size_t workload_marker(const struct workload *workload, const uint8_t *raw, size_t len);
