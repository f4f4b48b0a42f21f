/* SPDX-License-Identifier: MIT
 *
 * ring_names - how ring files are named, from the source's name and the ring's uuid.
 *
 * Names carry the uuid of the header: a copy of a ring under another name is recognised as foreign
 * (two files with one uuid would share one cursor in the database).
 * Threads: pure, but for ring_move_aside. */
#pragma once

#include "common/base/err.h"
#include "common/ring/ring.h"

#define RING_SUFFIX      ".ring"
#define RING_ESCAPED_MAX 193 /* RING_SOURCE_MAX * 3 and NUL */
/* An escaped source, '-', 32 digits, suffix and the suffix of a temporary: below NAME_MAX. */
#define RING_NAME_BYTES (RING_ESCAPED_MAX + 1 + 2 * RING_UUID_BYTES + 16)

/* Escape a source name for a file name: bytes outside [A-Za-z0-9_.] become %XX, at
 * most 192 bytes. */
void ring_escape_source(const char *source, char *out, size_t cap);
/* "<source-escaped>-<uuid>.ring" */
void ring_file_name(const char *source, const uint8_t uuid[static RING_UUID_BYTES],
                    char out[static RING_NAME_BYTES]);
/* False when it does not fit. */
NODISCARD bool ring_path(const char *dir, const char *name, char *out, size_t cap);
/* The lock file of a source's writer: `<dir>/<source-escaped>.w`. Returns false when it
 * does not fit. */
bool ring_lock_path(const char *dir, const char *source, char *out, size_t cap);

/* Is this the name of some ring of the source; of a temporary that a killed writer left? */
bool ring_name_is_of(const char *name, const char *escaped_source);
bool ring_name_is_temporary_of(const char *name, const char *escaped_source);

/* `*.ring`, of whatever source: what the flusher reads. */
bool ring_name_is_any(const char *name);
/* The uuid in the name of a ring, from any path; false: it has none. */
bool ring_name_read_uuid(const char *path, uint8_t out[static RING_UUID_BYTES]);
/* Rename to `<path>.damaged-<unix time>`; what was moved aside before is never overwritten. */
NODISCARD enum status ring_move_aside(const char *path, struct err *err);
/* The same, but the file keeps this name too, until another one takes it. */
NODISCARD enum status ring_keep_aside(const char *path, struct err *err);
