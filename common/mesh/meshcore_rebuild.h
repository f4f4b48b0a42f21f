/* SPDX-License-Identifier: MIT
 *
 * meshcore_rebuild - the frame of one reception, put together from the frame of another reception
 * of the same packet and the way that this one came: the way is all in which two receptions differ.
 *
 * The second transport code is not stored. It is 0 where there is none, and known where the way is
 * the first reception's; else it is guessed, which is said. Pure. */
#pragma once

#include "common/mesh/meshcore.h"

#define MESHCORE_NO_SCOPE_CODE (-1)

struct meshcore_way {
    uint8_t route;
    int32_t scope_code;          /* the first transport code; MESHCORE_NO_SCOPE_CODE = both are 0 */
    uint8_t hash_size, path_len; /* bytes a hop (0 = 1), bytes in all */
    const uint8_t *path;         /* of a TRACE its SNR values */
};

/* The frame's length; 0 = `raw` is no frame, or none comes of it. */
NODISCARD size_t meshcore_rebuild(const uint8_t *raw, size_t raw_len,
                                  const struct meshcore_way *way,
                                  uint8_t out[static MESHCORE_FRAME_MAX], bool *out_is_guessed);
