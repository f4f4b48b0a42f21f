/* SPDX-License-Identifier: MIT
 *
 * meshcore - the MeshCore frame: pure decoder, bytes in, struct out. No I/O, no log, no malloc,
 * bounded work. Source of the format: MeshCore firmware d9296435 (protocol.md sections 1 and 4);
 * where programs disagree the firmware wins. All multi-byte integers are little-endian.
 * Threads: pure. Results borrow from the frame. Bad radio input is a counted outcome, no error. */
#pragma once

#include "common/base/base.h"

#define MESHCORE_FRAME_MAX       255
#define MESHCORE_PAYLOAD_MAX     184
#define MESHCORE_PATH_MAX        64
#define MESHCORE_HASH_BYTES      8
#define MESHCORE_KEY_BYTES       32
#define MESHCORE_SIGNATURE_BYTES 64
#define MESHCORE_ADVERT_MIN      100 /* key 32, timestamp 4, signature 64 */
#define MESHCORE_APP_DATA_MAX    32  /* the firmware cuts before it verifies and parses */
#define MESHCORE_SIGNED_MAX      68  /* key, timestamp, app data */
#define MESHCORE_TRANSPORT_BYTES 4   /* two codes of 16 bits, where the route has them */

/* What a frame's first byte and its path-length byte say (protocol.md 1.1, 1.3), for those who look
 * at no more. */
static inline unsigned meshcore_header_route(uint8_t header)
{
    return header & 0x03U;
}
static inline unsigned meshcore_header_type(uint8_t header)
{
    return header >> 2 & 0x0fU;
}
static inline unsigned meshcore_header_version(uint8_t header)
{
    return (unsigned)header >> 6;
}
static inline unsigned meshcore_path_count(uint8_t path_len)
{
    return path_len & 0x3fU;
}
static inline unsigned meshcore_path_hash_size(uint8_t path_len)
{
    return ((unsigned)path_len >> 6) + 1;
}

enum meshcore_route {
    MESHCORE_TRANSPORT_FLOOD,
    MESHCORE_FLOOD,
    MESHCORE_DIRECT,
    MESHCORE_TRANSPORT_DIRECT,
};

static inline bool meshcore_is_flood(unsigned route)
{
    return route == MESHCORE_TRANSPORT_FLOOD || route == MESHCORE_FLOOD;
}

/* Two transport codes stand in front of the path (protocol.md 5). */
static inline bool meshcore_has_transport(unsigned route)
{
    return route == MESHCORE_TRANSPORT_FLOOD || route == MESHCORE_TRANSPORT_DIRECT;
}

/* The payload types, of which four bits tell 16: the one list of them, X(number, name). */
#define MESHCORE_TYPE_LIST(X)                                                                      \
    X(0, REQ)                                                                                      \
    X(1, RESPONSE)                                                                                 \
    X(2, TXT_MSG)                                                                                  \
    X(3, ACK)                                                                                      \
    X(4, ADVERT)                                                                                   \
    X(5, GRP_TXT)                                                                                  \
    X(6, GRP_DATA)                                                                                 \
    X(7, ANON_REQ)                                                                                 \
    X(8, PATH)                                                                                     \
    X(9, TRACE)                                                                                    \
    X(10, MULTIPART)                                                                               \
    X(11, CONTROL)                                                                                 \
    X(15, RAW_CUSTOM)
enum meshcore_type {
#define X(number, name) MESHCORE_##name = (number),
    MESHCORE_TYPE_LIST(X)
#undef X
};

/* A TRACE's path holds an SNR for each hop, not the hops (protocol.md 4.10). */
static inline bool meshcore_type_has_hops(unsigned type)
{
    return type != MESHCORE_TRACE;
}

/* Does the path name the hops that the frame came along? On a direct route it is what lies ahead
 * (protocol.md 1.3). */
static inline bool meshcore_has_hops(unsigned route, unsigned type)
{
    return meshcore_is_flood(route) && meshcore_type_has_hops(type);
}

/* Somebody else's advert, handed on by a person (protocol.md 4.3): no reception of its sender.
 * is_scoped: a transport code is not 0. */
static inline bool meshcore_is_share_contact(unsigned route, bool is_scoped, size_t hops)
{
    return route == MESHCORE_TRANSPORT_DIRECT && !is_scoped && hops == 0;
}

/* Why a frame is no frame (protocol.md 1.1 to 1.3). */
#define MESHCORE_FRAME_ERROR_LIST(X)                                                               \
    X(OK, "ok")                                                                                    \
    X(TOO_SHORT, "too_short")                                                                      \
    X(TOO_LONG, "too_long")                                                                        \
    X(VERSION, "unsupported_version")                                                              \
    X(HASH_SIZE, "path_reserved_hash_size")                                                        \
    X(PATH_TOO_LONG, "path_too_long")                                                              \
    X(PATH_EXCEEDS, "path_exceeds_packet")                                                         \
    X(PAYLOAD_TOO_LONG, "payload_too_long")
enum meshcore_frame_error {
#define X(id, text) MESHCORE_FRAME_##id,
    MESHCORE_FRAME_ERROR_LIST(X)
#undef X
};

struct meshcore_frame {
    uint8_t header, route, type, version;
    bool has_transport;
    uint16_t transport[2];
    uint8_t path_len_byte, hash_size, hop_count; /* for TRACE: size 1, count of SNR bytes */
    const uint8_t *path;
    size_t path_bytes;
    const uint8_t *payload;
    size_t payload_len;
};

static inline bool meshcore_is_scoped(const struct meshcore_frame *frame)
{
    return frame->has_transport && (frame->transport[0] != 0 || frame->transport[1] != 0);
}

static inline bool meshcore_frame_is_share_contact(const struct meshcore_frame *frame)
{
    return meshcore_is_share_contact(frame->route, meshcore_is_scoped(frame), frame->hop_count);
}

/* What an advert says its sender is: the one list of them, X(number, id, name). */
#define MESHCORE_ROLE_LIST(X)                                                                      \
    X(0, NONE, "none")                                                                             \
    X(1, COMPANION, "companion")                                                                   \
    X(2, REPEATER, "repeater")                                                                     \
    X(3, ROOM, "room")                                                                             \
    X(4, SENSOR, "sensor")
enum meshcore_role {
#define X(number, id, name) MESHCORE_ROLE_##id = (number),
    MESHCORE_ROLE_LIST(X)
#undef X
};

struct meshcore_advert {
    const uint8_t *public_key; /* 32 */
    uint32_t timestamp;
    const uint8_t *signature; /* 64 */
    const uint8_t *app_data;
    size_t app_data_len; /* cut to 32 */
    bool app_data_valid; /* false: shorter than its flags say; nothing below is set */
    bool has_flags, has_position, has_feat1, has_feat2, has_name;
    uint8_t flags, role; /* role = flags & 15: enum meshcore_role, or a later one */
    int32_t lat_e6, lon_e6;
    uint16_t feat1, feat2;
    const uint8_t *name;
    /* Up to the first NUL, without the piece of a character that firmware before 1.17 left at the
     * end: a node keeps one name through its upgrade. */
    size_t name_len;
    /* Of a sensor, behind the NUL of its name: what is there and in its range (1..10000 mV,
     * -50..100 degrees). */
    bool has_battery, has_temperature;
    uint16_t battery_mv;
    int16_t temperature_c100; /* hundredths of a degree Celsius */
};

const char *meshcore_type_name(unsigned type);   /* "ADVERT", "UNKNOWN" ... static */
const char *meshcore_route_name(unsigned route); /* "FLOOD" ... static */
const char *meshcore_frame_error_text(enum meshcore_frame_error error);
/* "none", "companion", "repeater", "room", "sensor", "type-N"; out >= 16 bytes; returns out. */
const char *meshcore_role_name(unsigned role, char out[static 16]);

/* On an error *out is unspecified. */
NODISCARD enum meshcore_frame_error meshcore_parse(const uint8_t *bytes, size_t len,
                                                   struct meshcore_frame *out);
/* protocol.md 1.4: SHA256(type | [TRACE: path_len, 0] | payload)[:8] */
void meshcore_content_hash(const struct meshcore_frame *frame,
                           uint8_t out[static MESHCORE_HASH_BYTES]);
/* False when the payload is below MESHCORE_ADVERT_MIN. */
NODISCARD bool meshcore_parse_advert(const struct meshcore_frame *frame,
                                     struct meshcore_advert *out);
/* What is signed: key | timestamp | app data cut to 32. Returns its length. */
size_t meshcore_advert_signed(const struct meshcore_advert *advert,
                              uint8_t out[static MESHCORE_SIGNED_MAX]);
/* ed25519 over that: what the mesh itself checks. 47 us. */
NODISCARD bool meshcore_advert_verify(const struct meshcore_advert *advert);
/* |lat| <= 90, |lon| <= 180. */
bool meshcore_advert_is_in_range(const struct meshcore_advert *advert);
/* The position when it is one: flag set, not (0,0), in range; degrees. */
NODISCARD bool meshcore_advert_position(const struct meshcore_advert *advert, double *out_lat,
                                        double *out_lon);
