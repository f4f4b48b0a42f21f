/* SPDX-License-Identifier: MIT
 *
 * ring_files - names, places and mappings of ring files; what is in them is ring_format's business.
 *
 * A ring gets its name by rename(2) when it is complete and on disk, so nobody ever opens half a ring.
 * Names carry the uuid of the header: a copy of a ring under another name is recognised as foreign (two
 * files with one uuid would share one cursor in the database).
 * Threads: pure apart from the file system. Errors: struct err. */
#pragma once

#include "common/ring/ring_format.h"

#include <limits.h>

#define RING_ESCAPED_MAX 193 /* RING_SOURCE_MAX * 3 and NUL */
/* An escaped source, '-', 32 digits, suffix and the suffix of a temporary: below NAME_MAX. */
#define RING_NAME_BYTES (RING_ESCAPED_MAX + 1 + 2 * RING_UUID_BYTES + 16)

/* "<source-escaped>-<uuid>.ring" */
void ring_file_name(const char *source, const uint8_t uuid[static RING_UUID_BYTES],
                    char out[static RING_NAME_BYTES]);
/* False when it does not fit. */
NODISCARD bool ring_path(const char *dir, const char *name, char *out, size_t cap);
/* Is this the name of some ring of the source; of a temporary that a killed writer left? */
bool ring_name_is_of(const char *name, const char *escaped_source);
bool ring_name_is_temporary_of(const char *name, const char *escaped_source);

/* Map an existing file and check its static header, its name, and its size: a short one is extended with
 * zeros. STATUS_CORRUPT: not a usable ring. STATUS_NEWER, _NOT_FOUND, _NO_SPACE, _IO as they say. */
NODISCARD enum status ring_map_open(const char *path, struct ring_map *out, struct err *err);
/* Make the ring that `fixed` (signed) and the rest describe, durable and under its name. */
NODISCARD enum status ring_map_create(const char *dir, const struct ring_static *fixed,
                                      const struct ring_head *head, struct ring_map *out,
                                      struct err *err);
/* NULL and closed maps are fine. */
void ring_map_close(struct ring_map *map);

/* This boot's id, "" when the kernel does not say. */
void ring_read_boot_id(char out[static 40]);
