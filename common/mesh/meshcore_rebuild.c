/* SPDX-License-Identifier: MIT */
#include "common/mesh/meshcore_rebuild.h"

#include <string.h>

static void put_code(uint8_t *out, uint16_t code)
{
    out[0] = (uint8_t)code;
    out[1] = (uint8_t)(code >> 8);
}

/* The transport codes behind the header. True = the second one is guessed: that of the first
 * reception, which the firmware leaves 0 wherever it can. */
static bool put_codes(const struct meshcore_frame *first, const struct meshcore_way *way,
                      uint8_t out[static MESHCORE_TRANSPORT_BYTES])
{
    if (way->scope_code == MESHCORE_NO_SCOPE_CODE) {
        memset(out, 0, MESHCORE_TRANSPORT_BYTES);
        return false;
    }
    const bool is_first = first->has_transport && first->route == way->route &&
                          first->transport[0] == way->scope_code &&
                          first->path_bytes == way->path_len &&
                          memcmp(first->path, way->path, way->path_len) == 0;
    uint16_t second = first->has_transport ? first->transport[1] : 0;
    if (second == 0 && way->scope_code == 0) /* then it is some other number (schema.c) */
        second = 1;
    put_code(out, (uint16_t)way->scope_code);
    put_code(out + 2, second);
    return !is_first;
}

size_t meshcore_rebuild(const uint8_t *raw, size_t raw_len, const struct meshcore_way *way,
                        uint8_t out[static MESHCORE_FRAME_MAX], bool *out_is_guessed)
{
    struct meshcore_frame first;
    const size_t size = way->hash_size > 0 ? way->hash_size : 1;
    const size_t hops = way->path_len / size;
    *out_is_guessed = false;
    if (meshcore_parse(raw, raw_len, &first) != MESHCORE_FRAME_OK || size > 3 ||
        hops > MESHCORE_PATH_MAX - 1)
        return 0;
    const bool has_codes = meshcore_has_transport(way->route);
    const size_t head = 2 + (has_codes ? (size_t)MESHCORE_TRANSPORT_BYTES : 0);
    if (head + way->path_len + first.payload_len > MESHCORE_FRAME_MAX)
        return 0;
    out[0] = (uint8_t)((first.header & 0xfcU) | way->route);
    if (has_codes)
        *out_is_guessed = put_codes(&first, way, out + 1);
    /* The path's length belongs to the content of a TRACE, so all receptions have one. */
    out[head - 1] =
        first.type == MESHCORE_TRACE ? first.path_len_byte : (uint8_t)((size - 1) << 6 | hops);
    memcpy(out + head, way->path, way->path_len);
    memcpy(out + head + way->path_len, first.payload, first.payload_len);
    return head + way->path_len + first.payload_len;
}
