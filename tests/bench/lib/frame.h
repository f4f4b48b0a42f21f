/* SPDX-License-Identifier: MIT
 *
 * frame - the few fields of a mesh frame that the bench needs, read without the code under test. */
#pragma once

#include "common/base/base.h"

#define FRAME_MAX         255
#define FRAME_TYPE_ADVERT 4
#define FRAME_TYPE_TRACE  9
#define FRAME_ADVERT_MIN  100

struct frame_view {
    unsigned type, route;
    size_t path_at, hop_size, hop_count, payload_at;
};

/* False when it is no frame. */
static inline bool frame_view_parse(const uint8_t *raw, size_t len, struct frame_view *out)
{
    *out = (struct frame_view){0};
    if (len < 2 || len > FRAME_MAX)
        return false;
    out->route = raw[0] & 3;
    out->type = raw[0] >> 2 & 15;
    size_t at = out->route == 0 || out->route == 3 ? 5 : 1;
    if (at >= len || raw[0] >> 6 != 0)
        return false;
    out->path_at = at + 1;
    out->hop_size = out->type == FRAME_TYPE_TRACE ? 1 : (size_t)(raw[at] >> 6) + 1;
    out->hop_count = raw[at] & 63;
    out->payload_at = out->path_at + out->hop_size * out->hop_count;
    return out->hop_size < 4 && out->hop_size * out->hop_count <= 64 && out->payload_at <= len;
}
