/* SPDX-License-Identifier: MIT
 *
 * store_messages - the kinds of message that store_fixture does not make, and their way into a
 * store: a companion's text, a phone's reception, a neighbour report. As there: a message points
 * into itself. */
#pragma once

#include "tests/support/store_fixture.h"

struct fixture_message {
    struct envelope envelope;
    struct ring_message message;
    char topic[64], payload[512];
    struct store_message in;
    struct store_client client; /* of a phone's only */
};
/* In channel `channel`, or (-1) direct from "peer". No time of its own. */
void fixture_companion(struct fixture_message *out, const char *source, int channel,
                       const char *text, int64_t receipt_ms);
/* `heard` is a key or a prefix of it, as text. */
void fixture_client(struct fixture_message *out, const char *source, const char *heard,
                    int64_t rx_ms, double snr, int64_t receipt_ms);
/* lines: what stands between the brackets of `neighbors`; envelope_ms 0 = none. */
void fixture_neighbors(struct fixture_message *out, const char *observer, const char *lines,
                       int64_t envelope_ms, int64_t receipt_ms);
/* An answer of the repeater whose key is 32 times `repeater`; names: the JSON list without its
 * brackets; envelope_ms 0 = none. */
void fixture_regions(struct fixture_message *out, uint8_t repeater, const char *client,
                     const char *names, int64_t envelope_ms, int64_t receipt_ms);
struct store_result fixture_apply_message(struct store *store,
                                          const struct fixture_message *message);
/* A signed advert of a node named "s", timestamp 100, with `tail` behind the name. */
void fixture_sensor(struct fixture_packet *out, const char *observer, uint8_t key_seed,
                    uint8_t role, const uint8_t *tail, size_t tail_len, int64_t receipt_ms);
