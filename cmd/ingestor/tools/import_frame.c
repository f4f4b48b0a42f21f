/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/import_frame.h"

#include "common/base/hex.h"
#include "common/json/json.h"

#include <string.h>

#define HOPS_MAX 63 /* six bits of the path_len byte: one fewer than bytes fit */

struct path {
    uint8_t hops[MESHCORE_PATH_MAX];
    size_t bytes, size, count; /* size: bytes per hop, 0 when there are none */
};

static bool add_hop(struct path *path, const char *hop)
{
    const size_t digits = strlen(hop);
    size_t size = 0;
    if (digits > 6 || path->count == HOPS_MAX ||
        !hex_decode(hop, digits, path->hops + path->bytes, sizeof path->hops - path->bytes, &size))
        return false;
    if (size == 0 || (path->size != 0 && path->size != size))
        return false;
    path->size = size;
    path->bytes += size;
    path->count++;
    return true;
}

static bool read_path(const char *path_json, struct path *out)
{
    *out = (struct path){.bytes = 0};
    cJSON *list = json_parse(path_json, strlen(path_json), 2);
    bool is_path = cJSON_IsArray(list);
    const cJSON *hop = NULL;
    cJSON_ArrayForEach(hop, list)
    {
        is_path = is_path && cJSON_IsString(hop) && add_hop(out, hop->valuestring);
    }
    cJSON_Delete(list);
    return is_path;
}

/* Puts the path into the frame; without hops the size of the sender's hashes stays as it is. */
static size_t replace_path(const struct meshcore_frame *frame, const struct path *path,
                           const uint8_t *old, uint8_t *raw)
{
    size_t len = frame->has_transport ? 5 : 1;
    memcpy(raw, old, len);
    raw[len++] = path->count == 0 ? frame->path_len_byte & 0xc0
                                  : (uint8_t)((path->size - 1) << 6 | path->count);
    memcpy(raw + len, path->hops, path->bytes);
    len += path->bytes;
    memcpy(raw + len, frame->payload, frame->payload_len);
    return len + frame->payload_len;
}

static enum outcome read_frame(const char *hex, uint8_t raw[static MESHCORE_FRAME_MAX],
                               size_t *out_len, struct meshcore_frame *out_frame)
{
    if (strlen(hex) > (size_t)2 * MESHCORE_FRAME_MAX)
        return OUTCOME_REJECTED_FRAME;
    if (!hex_decode(hex, strlen(hex), raw, MESHCORE_FRAME_MAX, out_len))
        return OUTCOME_REJECTED_HEX;
    return meshcore_parse(raw, *out_len, out_frame) == MESHCORE_FRAME_OK ? OUTCOME_NONE
                                                                         : OUTCOME_REJECTED_FRAME;
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0' && strcmp(text, "null") != 0;
}

enum outcome import_frame_make(const char *transmission_hex, const char *own_hex,
                               const char *path_json, uint8_t raw[static MESHCORE_FRAME_MAX],
                               size_t *out_len, struct meshcore_frame *out_frame)
{
    if (is_given(own_hex))
        return read_frame(own_hex, raw, out_len, out_frame);
    if (!is_given(transmission_hex))
        return OUTCOME_FILTERED_NO_FRAME;
    const enum outcome outcome = read_frame(transmission_hex, raw, out_len, out_frame);
    if (outcome != OUTCOME_NONE || !meshcore_type_has_hops(out_frame->type) || !is_given(path_json))
        return outcome;
    struct path path;
    if (!read_path(path_json, &path))
        return OUTCOME_REJECTED_ENVELOPE;
    uint8_t old[MESHCORE_FRAME_MAX];
    struct meshcore_frame first;
    memcpy(old, raw, *out_len);
    if (meshcore_parse(old, *out_len, &first) != MESHCORE_FRAME_OK)
        return OUTCOME_REJECTED_FRAME;
    *out_len = replace_path(&first, &path, old, raw);
    return meshcore_parse(raw, *out_len, out_frame) == MESHCORE_FRAME_OK ? OUTCOME_NONE
                                                                         : OUTCOME_REJECTED_FRAME;
}
