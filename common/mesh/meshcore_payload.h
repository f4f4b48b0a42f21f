/* SPDX-License-Identifier: MIT
 *
 * meshcore_payload - what stands in a frame's payload, for every payload type (protocol.md section
 * 4). Pure: no I/O, no log, no malloc, bounded work; nothing is decrypted or verified here.
 *
 * I1: the frame stays valid whatever its body is. A body too short for its type has `error`; of the
 *     union then only what the type's comment names is set (the rest is zero).
 * I2: zero is a value. What may be absent has a has_ member or a NULL pointer beside it.
 * Threads: pure. Ownership: all pointers borrow from the frame's bytes; error and
 * warning are static. */
#pragma once

#include "common/mesh/meshcore.h"

#define MESHCORE_MAC_BYTES    2
#define MESHCORE_CIPHER_BLOCK 16
#define MESHCORE_ACK_MAX      6 /* bytes of an ACK that mean something */

/* MAC and ciphertext. Not decryptable (no block, or a part of one): parsed, flagged,
 * never decrypted. */
struct meshcore_sealed {
    const uint8_t *mac; /* MESHCORE_MAC_BYTES */
    const uint8_t *ciphertext;
    size_t ciphertext_len;
    bool is_decryptable;
};

/* REQ, RESPONSE, TXT_MSG, PATH; a PATH's path is inside the ciphertext. */
struct meshcore_direct {
    uint8_t dest_hash, src_hash;
    struct meshcore_sealed sealed;
};

/* GRP_TXT, GRP_DATA */
struct meshcore_group {
    uint8_t channel_hash;
    struct meshcore_sealed sealed;
};

struct meshcore_anon_req {
    uint8_t dest_hash;
    const uint8_t *sender_key; /* MESHCORE_KEY_BYTES; nobody has signed it */
    struct meshcore_sealed sealed;
};

struct meshcore_ack {
    uint32_t crc;
    uint8_t len; /* 4, 5 or 6: what lies behind is ignored */
    bool has_attempt, has_random;
    uint8_t attempt, random;
};

/* With an error: the first byte of a body of at least one byte is read, and inner
 * is what follows. */
struct meshcore_multipart {
    uint8_t remaining, inner_type;
    bool is_ack; /* ack is set */
    struct meshcore_ack ack;
    const uint8_t *inner; /* behind the first byte */
    size_t inner_len;
};

enum meshcore_control_kind {
    MESHCORE_CONTROL_OTHER,
    MESHCORE_CONTROL_DISCOVER_REQ,
    MESHCORE_CONTROL_DISCOVER_RESP,
};

/* With an error: kind, flags and is_zero_hop of a body of at least one byte. */
struct meshcore_control {
    enum meshcore_control_kind kind;
    uint8_t flags;    /* the whole first byte */
    bool is_zero_hop; /* the firmware acts on it only when it came direct without hops */
    uint32_t tag;     /* both kinds of discover */
    bool wants_prefix, has_since;
    uint8_t filter; /* bit mask 1 << role */
    uint32_t since;
    uint8_t node_type;
    int8_t snr_q4; /* dB * 4, as the responder heard the request */
    const uint8_t *public_key;
    size_t public_key_len; /* 32, 8, or what little is there; nobody has signed it */
};

struct meshcore_trace {
    uint32_t tag, auth;
    uint8_t flags;
    uint8_t entry_bytes; /* 1, 2, 4 or 8 */
    const uint8_t *route;
    size_t route_count,
        route_bytes; /* bytes = what lies behind flags, with a remainder that fills no entry */
    bool is_finished;
};

struct meshcore_opaque {
    const uint8_t *bytes;
    size_t len;
};

struct meshcore_payload {
    uint8_t type;        /* which member: enum meshcore_type, or 12 to 14 */
    const char *error;   /* "too_short" or NULL */
    const char *warning; /* what a node would not take, in words, or NULL */
    /* One i8 (dB * 4) per completed hop: the path of a TRACE, also of one with an
     * error; else none. */
    const uint8_t *snr_q4;
    size_t snr_count;
    union {
        struct meshcore_direct direct;
        struct meshcore_ack ack;
        struct meshcore_advert advert;
        struct meshcore_group group;
        struct meshcore_anon_req anon_req;
        struct meshcore_multipart multipart;
        struct meshcore_control control;
        struct meshcore_trace trace;
        struct meshcore_opaque opaque; /* RAW_CUSTOM, 12 to 14 */
    };
};

/* `frame` is one that meshcore_parse took. */
void meshcore_payload_parse(const struct meshcore_frame *frame, struct meshcore_payload *out);
/* "DISCOVER_REQ" ...; static */
const char *meshcore_control_name(enum meshcore_control_kind kind);
