/* SPDX-License-Identifier: MIT
 *
 * envelope - MQTT topic + JSON -> struct; the publishers' many dialects end here (protocol.md
 * 6 to 8).
 *
 * Pure: no I/O, no log, no state; the clock is a parameter. Bounded: payloads over the limits are
 * refused before they are parsed (depth 8; see envelope_parse). Numbers follow CoreScope's rules
 * (section 7.1), and NaN, infinities and hex floats are refused.
 * Ownership: struct envelope holds its own bytes; only the lists of neighbours and of regions
 * borrow from the payload. Nothing is allocated: a message is never refused for lack of memory.
 * Threads: pure. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/mesh/meshcore.h"
#include "common/ring/ledger.h"

#include <math.h>

#define ENVELOPE_TEXT_MAX    128 /* bytes of any kept string, NUL included, cut at a character */
#define ENVELOPE_SCOPES_MAX  512 /* of a list of regions, cut between two of them */
#define ENVELOPE_DEPTH_MAX   8
#define ENVELOPE_PAYLOAD_MAX 262144 /* maxMessageBytes cannot be set higher */

enum envelope_kind {
    ENVELOPE_PACKET, /* also the frame of a `raw` topic, without measurements */
    ENVELOPE_STATUS,
    ENVELOPE_MESSAGE,   /* a text of a companion bridge, section 7.5 */
    ENVELOPE_CLIENT,    /* what a phone heard on the road, section 7.6 */
    ENVELOPE_NEIGHBORS, /* section 7.4 */
    ENVELOPE_REGIONS,   /* a repeater's answer to a phone, section 6 */
};

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

/* Section 7.5. envelope.observer is "companion" where neither topic nor payload names one. */
struct envelope_message {
    bool is_direct;
    char peer[ENVELOPE_TEXT_MAX]; /* direct: the topic's last segment */
    int channel_idx;              /* channel: 0..255 */
    char text[512];               /* whole, with "sender: "; never "" */
    bool has_sender_time;
    uint32_t sender_time;
    double snr, rssi, score;
    enum envelope_direction direction;
};

/* Section 7.6. Which node was heard is in the frame. */
struct envelope_client {
    struct envelope_packet packet;
    bool says_rx;                            /* packet.direction rx may be silence */
    bool is_rf;                              /* of `rf`, where phones send every frame they hear */
    char client[MESHCORE_KEY_BYTES * 2 + 1]; /* the topic's key, 2..64 lower-case hex digits */
    double lat, lon, accuracy_m;             /* accuracy NaN = unknown; lat, lon are in range */
};

/* Section 7.4. The list borrows from the payload: envelope_neighbor_next reads it. */
struct envelope_neighbors {
    int64_t total, queried; /* -1 = absent */
    bool is_truncated;
    char scopes[ENVELOPE_SCOPES_MAX], default_scope[64];
    const char *list; /* what is between the brackets */
    size_t list_len;
};
struct envelope_neighbor {
    char key[MESHCORE_KEY_BYTES * 2 + 1]; /* 2..64 lower-case hex digits */
    double snr, rssi, heard_secs_ago;     /* NaN = absent */
    char status[32];
    bool has_scopes; /* it answered, maybe with none: any other status says nothing of them */
    char scopes[ENVELOPE_SCOPES_MAX];
};
#define ENVELOPE_NEIGHBORS_MAX 512 /* lines of a report that are read */

/* What a repeater answered when a phone asked which regions it serves; no name at all is an answer,
 * too. The list borrows from the payload: envelope_regions_join reads it. */
struct envelope_regions {
    uint8_t target[MESHCORE_KEY_BYTES]; /* the repeater */
    char client[MESHCORE_KEY_BYTES * 2 + 1];
    bool is_truncated; /* says the phone, or names had to be left out */
    const char *list;  /* what is between the brackets */
    size_t list_len;
};
#define ENVELOPE_REGIONS_MAX     64 /* names of an answer that are read */
#define ENVELOPE_REGION_NAME_MAX 64 /* characters; a longer name is left out */
#define ENVELOPE_REGIONS_BYTES   ((ENVELOPE_REGION_NAME_MAX * 4 + 1) * ENVELOPE_REGIONS_MAX)

struct envelope {
    enum envelope_kind kind;
    char region[16]; /* the payload's `region`, else the topic's, in upper case; "" = none */
    char observer[ENVELOPE_TEXT_MAX]; /* the topic's, else origin_id; never "" for a stored kind */
    char origin[ENVELOPE_TEXT_MAX];   /* the observer's name */
    bool has_time;
    int64_t envelope_ms; /* the publisher's clock as data, where it parses (section 8.1, 8.2) */
    bool time_is_naive;
    union {
        struct envelope_packet packet;
        struct envelope_status status;
        struct envelope_message message;
        struct envelope_client client;
        struct envelope_neighbors neighbors;
        struct envelope_regions regions;
    };
};

/* Returns OUTCOME_NONE and a filled *out, or the outcome that ends this message (FILTERED_TOPIC,
 * FILTERED_KEEPALIVE, FILTERED_NO_FRAME, FILTERED_EMPTY, FILTERED_TX, REJECTED_JSON,
 * REJECTED_ENVELOPE, REJECTED_HEX, REJECTED_FRAME). Of *out only what belongs to its kind is set,
 * of a packet's raw only raw_len bytes; on any other outcome it holds nothing. Of what a phone
 * sends the client is the observer too. */
NODISCARD enum outcome envelope_parse(const char *topic, size_t topic_len, const uint8_t *payload,
                                      size_t payload_len, struct envelope *out);

/* The next usable line of a report; *at starts at 0 and is advanced. Lines without a usable key are
 * passed over. False: no more. */
NODISCARD bool envelope_neighbor_next(const struct envelope_neighbors *neighbors, size_t *at,
                                      struct envelope_neighbor *out);

/* The names with commas in between; "" = it serves none. Names with a comma, too long or too many
 * are left out. */
void envelope_regions_join(const struct envelope_regions *regions,
                           char out[static ENVELOPE_REGIONS_BYTES]);

/* Section 8, resolveRxTime: what the publisher's time is worth beside ours, both in ms.
 * *out_skew_s: how far a naive time is off (+ = ahead), or ENVELOPE_NO_SKEW. The result is used for
 * client receptions only. */
#define ENVELOPE_NO_SKEW INT64_MIN
int64_t envelope_resolve_time(const struct envelope *envelope, int64_t receipt_ms,
                              int64_t *out_skew_s);
