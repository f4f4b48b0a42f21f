/* SPDX-License-Identifier: MIT
 *
 * ring_files - the mappings of ring files; what is in them is ring_format's business. Private
 * to this room.
 *
 * A ring gets its name by rename(2) when it is complete and on disk, so nobody ever opens half a
 * ring. Threads: none of its own; a map belongs to one handle. Errors: struct err. */
#pragma once

#include "common/base/err.h"
#include "common/ring/ring_format.h"

/* Map an existing file and check its static header, its name, and its size: a short one is
 * extended with zeros. STATUS_CORRUPT: not a usable ring. STATUS_NEWER, _NOT_FOUND, _NO_SPACE, _IO
 * as they say. */
NODISCARD enum status ring_map_open(const char *path, struct ring_map *out, struct err *err);
/* Make the ring that `fixed` (signed) and the rest describe, durable and under its name. */
NODISCARD enum status ring_map_create(const char *dir, const struct ring_static *fixed,
                                      const struct ring_head *head, struct ring_map *out,
                                      struct err *err);
/* NULL and closed maps are fine. */
void ring_map_close(struct ring_map *map);
