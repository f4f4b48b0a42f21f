/* SPDX-License-Identifier: MIT
 *
 * envelope - MQTT topic + JSON -> struct; the publishers' many dialects end here (protocol.md 6 to 8).
 *
 * Pure: no I/O, no log, no state; the clock is a parameter. Bounded: payloads over the limits are refused
 * before they are parsed (depth 8; see envelope_parse). Numbers follow CoreScope's rules (section 7.1), and
 * NaN, infinities and hex floats are refused.
 * Ownership: struct envelope holds its own bytes, so nothing borrows from the message after return. Nothing is
 * allocated: a message is never refused for lack of memory. Threads: pure. */
#pragma once

#include "common/base.h"
#include "common/clock.h"
#include "common/ledger.h"
#include "common/meshcore.h"

#include <math.h>

#define ENVELOPE_TEXT_MAX    128 /* bytes of any kept string, NUL included, cut at a character */
#define ENVELOPE_DEPTH_MAX   8
#define ENVELOPE_PAYLOAD_MAX 262144 /* maxMessageBytes cannot be set higher */

enum envelope_kind { ENVELOPE_PACKET, ENVELOPE_STATUS };

enum envelope_direction { DIRECTION_RX, DIRECTION_TX }; /* a missing direction is rx */

struct envelope_packet {
    uint8_t raw[MESHCORE_FRAME_MAX];
    size_t raw_len;
    double snr, rssi, score; /* NaN = absent or unusable */
    enum envelope_direction direction;
};

/* Text "" and numbers NaN = absent. */
struct envelope_status {
    char status[32], model[ENVELOPE_TEXT_MAX], firmware[ENVELOPE_TEXT_MAX];
    char client_version[ENVELOPE_TEXT_MAX], radio[ENVELOPE_TEXT_MAX];
    int can_relay; /* -1 unknown, 0 no, 1 yes */
    double battery_mv, uptime_secs, noise_floor, tx_air_secs, rx_air_secs, recv_errors;
    double packets_sent, packets_recv, queue_len, errors;
    bool has_metrics; /* any number above is present */
};

struct envelope {
    enum envelope_kind kind;
    char region[16]; /* upper case as sent by the topic or the payload's `region`; "" = none */
    char observer[ENVELOPE_TEXT_MAX]; /* the topic's, else origin_id; never "" for a stored kind */
    char origin[ENVELOPE_TEXT_MAX];   /* the observer's name */
    bool has_time;
    int64_t envelope_ms; /* the publisher's clock as data, where it parses (section 8.1, 8.2) */
    bool time_is_naive;
    union {
        struct envelope_packet packet;
        struct envelope_status status;
    };
};

/* Returns OUTCOME_COUNT and a filled *out, or the outcome that ends this message (FILTERED_TOPIC,
 * FILTERED_KEEPALIVE, FILTERED_EMPTY, FILTERED_TX, REJECTED_JSON, REJECTED_ENVELOPE, REJECTED_HEX). */
NODISCARD enum outcome envelope_parse(const char *topic, size_t topic_len, const uint8_t *payload,
                                      size_t payload_len, struct envelope *out);
