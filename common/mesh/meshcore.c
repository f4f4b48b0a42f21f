/* SPDX-License-Identifier: MIT
 *
 * The checks stand in the firmware's order (version before lengths), so that a corrupt frame gets
 * the same name here as on a node. */
#include "common/mesh/meshcore.h"

#include "common/base/crypto.h"
#include "common/base/little_endian.h"
#include "common/base/utf8.h"

#include <stdio.h>
#include <assert.h>
#include <string.h>

enum {
    ADVERT_HAS_POSITION = 0x10,
    ADVERT_HAS_FEAT1 = 0x20,
    ADVERT_HAS_FEAT2 = 0x40,
    ADVERT_HAS_NAME = 0x80,
};

#define TIMESTAMP_BYTES    4
#define LAT_E6_MAX         90000000
#define LON_E6_MAX         180000000
#define HASH_SIZE_RESERVED 4

#define TELEMETRY_BYTES      4 /* battery u16, temperature i16 */
#define BATTERY_MV_MAX       10000
#define TEMPERATURE_C100_MIN (-5000)
#define TEMPERATURE_C100_MAX 10000

const char *meshcore_type_name(unsigned type)
{
    static const char *const names[16] = {
#define X(number, name) [number] = #name,
        MESHCORE_TYPE_LIST(X)
#undef X
    };
    return type < ARRAY_LEN(names) && names[type] != NULL ? names[type] : "UNKNOWN";
}

const char *meshcore_route_name(unsigned route)
{
    static const char *const names[] = {
        [MESHCORE_TRANSPORT_FLOOD] = "TRANSPORT_FLOOD",
        [MESHCORE_FLOOD] = "FLOOD",
        [MESHCORE_DIRECT] = "DIRECT",
        [MESHCORE_TRANSPORT_DIRECT] = "TRANSPORT_DIRECT",
    };
    return route < ARRAY_LEN(names) ? names[route] : "UNKNOWN";
}

const char *meshcore_frame_error_text(enum meshcore_frame_error error)
{
    static const char *const texts[] = {
#define X(id, text) [MESHCORE_FRAME_##id] = text,
        MESHCORE_FRAME_ERROR_LIST(X)
#undef X
    };
    return (size_t)error < ARRAY_LEN(texts) ? texts[error] : "unknown";
}

const char *meshcore_role_name(unsigned role, char out[static 16])
{
    static const char *const names[] = {
#define X(number, id, name) [number] = (name),
        MESHCORE_ROLE_LIST(X)
#undef X
    };
    if (role < ARRAY_LEN(names))
        (void)snprintf(out, 16, "%s", names[role]);
    else
        (void)snprintf(out, 16, "type-%u", role);
    return out;
}

static enum meshcore_frame_error parse_path(const uint8_t *at, size_t left,
                                            struct meshcore_frame *out)
{
    if (left == 0)
        return MESHCORE_FRAME_TOO_SHORT;
    out->path_len_byte = at[0];
    const unsigned count = meshcore_path_count(at[0]);
    const unsigned size = meshcore_path_hash_size(at[0]);
    const size_t bytes = (size_t)count * size;
    if (size == HASH_SIZE_RESERVED)
        return MESHCORE_FRAME_HASH_SIZE;
    if (bytes > MESHCORE_PATH_MAX)
        return MESHCORE_FRAME_PATH_TOO_LONG;
    if (bytes > left - 1)
        return MESHCORE_FRAME_PATH_EXCEEDS;
    const bool is_trace = out->type == MESHCORE_TRACE;
    out->hash_size = (uint8_t)(is_trace ? 1 : size);
    out->hop_count = (uint8_t)(is_trace ? bytes : count);
    out->path = at + 1;
    out->path_bytes = bytes;
    out->payload = at + 1 + bytes;
    out->payload_len = left - 1 - bytes;
    return out->payload_len > MESHCORE_PAYLOAD_MAX ? MESHCORE_FRAME_PAYLOAD_TOO_LONG
                                                   : MESHCORE_FRAME_OK;
}

enum meshcore_frame_error meshcore_parse(const uint8_t *bytes, size_t len,
                                         struct meshcore_frame *out)
{
    if (len < 2)
        return MESHCORE_FRAME_TOO_SHORT;
    if (len > MESHCORE_FRAME_MAX)
        return MESHCORE_FRAME_TOO_LONG;
    memset(out, 0, sizeof *out);
    out->header = bytes[0];
    out->route = (uint8_t)meshcore_header_route(bytes[0]);
    out->type = (uint8_t)meshcore_header_type(bytes[0]);
    out->version = (uint8_t)meshcore_header_version(bytes[0]);
    if (out->version != 0)
        return MESHCORE_FRAME_VERSION;
    size_t at = 1;
    if (meshcore_has_transport(out->route)) {
        if (len < at + MESHCORE_TRANSPORT_BYTES)
            return MESHCORE_FRAME_TOO_SHORT;
        out->has_transport = true;
        out->transport[0] = read_u16(bytes + at);
        out->transport[1] = read_u16(bytes + at + 2);
        at += MESHCORE_TRANSPORT_BYTES;
    }
    return parse_path(bytes + at, len - at, out);
}

void meshcore_content_hash(const struct meshcore_frame *frame,
                           uint8_t out[static MESHCORE_HASH_BYTES])
{
    /* A trace visits nodes more than once, so its path length (as u16) makes each hop
     * another packet. */
    const uint8_t prefix[3] = {frame->type, frame->path_len_byte, 0};
    const size_t prefix_len = frame->type == MESHCORE_TRACE ? 3 : 1;
    const struct crypto_part parts[] = {{prefix, prefix_len}, {frame->payload, frame->payload_len}};
    uint8_t digest[32];
    crypto_sha256(parts, ARRAY_LEN(parts), digest);
    memcpy(out, digest, MESHCORE_HASH_BYTES);
}

/* Old sensor firmware: both values or none behind the name's NUL. Each is judged alone, because a
 * sensor without a battery sends 0 for it and still a temperature. */
static void parse_telemetry(struct meshcore_advert *advert, const uint8_t *end)
{
    const uint8_t *nul = advert->name + advert->name_len;
    if (advert->role != MESHCORE_ROLE_SENSOR || end - nul < 1 + TELEMETRY_BYTES)
        return;
    const uint16_t battery = read_u16(nul + 1);
    if (battery >= 1 && battery <= BATTERY_MV_MAX) {
        advert->has_battery = true;
        advert->battery_mv = battery;
    }
    const int16_t temperature = read_i16(nul + 3);
    if (temperature >= TEMPERATURE_C100_MIN && temperature <= TEMPERATURE_C100_MAX) {
        advert->has_temperature = true;
        advert->temperature_c100 = temperature;
    }
}

/* The fields that the flags announce, in wire order. False when they do not fit: the firmware then
 * takes nothing of the app data, and a name read from a wrong offset would be worse than none. */
static bool parse_app_data(struct meshcore_advert *advert)
{
    const uint8_t *at = advert->app_data;
    size_t left = advert->app_data_len;
    if (left == 0)
        return true;
    const uint8_t flags = at[0];
    const size_t fixed = 1U + (flags & ADVERT_HAS_POSITION ? 8U : 0U) +
                         (flags & ADVERT_HAS_FEAT1 ? 2U : 0U) +
                         (flags & ADVERT_HAS_FEAT2 ? 2U : 0U);
    if (left < fixed)
        return false;
    left -= fixed;
    advert->has_flags = true;
    advert->flags = flags;
    advert->role = flags & 0x0f;
    at++;
    if (flags & ADVERT_HAS_POSITION) {
        advert->has_position = true;
        advert->lat_e6 = read_i32(at);
        advert->lon_e6 = read_i32(at + 4);
        at += 8;
    }
    if (flags & ADVERT_HAS_FEAT1) {
        advert->has_feat1 = true;
        advert->feat1 = read_u16(at);
        at += 2;
    }
    if (flags & ADVERT_HAS_FEAT2) {
        advert->has_feat2 = true;
        advert->feat2 = read_u16(at);
        at += 2;
    }
    if (flags & ADVERT_HAS_NAME) {
        advert->has_name = true;
        advert->name = at;
        advert->name_len = strnlen((const char *)at, left);
        parse_telemetry(advert, at + left);
        advert->name_len = utf8_whole_len(advert->name, advert->name_len);
    }
    return true;
}

bool meshcore_parse_advert(const struct meshcore_frame *frame, struct meshcore_advert *out)
{
    if (frame->payload_len < MESHCORE_ADVERT_MIN)
        return false;
    memset(out, 0, sizeof *out);
    const uint8_t *at = frame->payload;
    out->public_key = at;
    out->timestamp = read_u32(at + MESHCORE_KEY_BYTES);
    out->signature = at + MESHCORE_KEY_BYTES + TIMESTAMP_BYTES;
    out->app_data = at + MESHCORE_ADVERT_MIN;
    out->app_data_len =
        (size_t)min_u64(frame->payload_len - MESHCORE_ADVERT_MIN, MESHCORE_APP_DATA_MAX);
    out->app_data_valid = parse_app_data(out);
    return true;
}

size_t meshcore_advert_signed(const struct meshcore_advert *advert,
                              uint8_t out[static MESHCORE_SIGNED_MAX])
{
    static_assert(MESHCORE_SIGNED_MAX ==
                      MESHCORE_KEY_BYTES + TIMESTAMP_BYTES + MESHCORE_APP_DATA_MAX,
                  "all that is signed");
    /* On the wire the signature stands between. */
    memcpy(out, advert->public_key, MESHCORE_KEY_BYTES + TIMESTAMP_BYTES);
    memcpy(out + MESHCORE_KEY_BYTES + TIMESTAMP_BYTES, advert->app_data, advert->app_data_len);
    return MESHCORE_KEY_BYTES + TIMESTAMP_BYTES + advert->app_data_len;
}

bool meshcore_advert_verify(const struct meshcore_advert *advert)
{
    uint8_t message[MESHCORE_SIGNED_MAX];
    return crypto_ed25519_verify(advert->signature, message,
                                 meshcore_advert_signed(advert, message), advert->public_key);
}

bool meshcore_advert_is_in_range(const struct meshcore_advert *advert)
{
    return advert->lat_e6 >= -LAT_E6_MAX && advert->lat_e6 <= LAT_E6_MAX &&
           advert->lon_e6 >= -LON_E6_MAX && advert->lon_e6 <= LON_E6_MAX;
}

bool meshcore_advert_position(const struct meshcore_advert *advert, double *out_lat,
                              double *out_lon)
{
    if (!advert->has_position || (advert->lat_e6 == 0 && advert->lon_e6 == 0))
        return false;
    if (!meshcore_advert_is_in_range(advert))
        return false;
    *out_lat = advert->lat_e6 / 1e6;
    *out_lon = advert->lon_e6 / 1e6;
    return true;
}
