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
/* Is it the file that its writer wrote to, not a copy? (Also true where that is not said.) */
bool ring_map_is_in_place(const struct ring_map *map);
/* The writer's: from here on it is. */
void ring_map_set_place(struct ring_map *map);

/* The file behind the mapping, and what its name leads to. */
enum ring_file ring_map_look(const struct ring_map *map, const char *path);
/* After a cut: as long as it says again, zeros where it was shorter. */
NODISCARD enum status ring_map_lengthen(const struct ring_map *map, const char *path,
                                        struct err *err);
/* The writer's: the static part and the place, as they were. */
void ring_map_restore_static(struct ring_map *map);
/* Put what the mapping holds (header, and all that is not freed) under its name again, durable;
 * what stands there is moved aside. The mapping stays on the nameless file: open it anew. Nobody
 * may write to it from here on. */
NODISCARD enum status ring_map_put_back(const struct ring_map *map, const char *path,
                                        struct err *err);
/* NULL and closed maps are fine. */
void ring_map_close(struct ring_map *map);
