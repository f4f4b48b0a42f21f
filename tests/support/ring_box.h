/* SPDX-License-Identifier: MIT
 *
 * ring_box - a spool folder of a test's own, and short words for what ring tests do all the time.
 * Everything asserts: a box that can't be made is a failed test. */
#pragma once

#include "common/ring/ingest_buffer.h"
#include "common/ring/ring_names.h"
#include "common/ring/ring_reader.h"

#include <limits.h>

struct ring_box {
    char dir[64];
    struct ring_params params; /* source "box", 100 records, 8 KiB; change before opening */
};

void ring_box_init(struct ring_box *box);
void ring_box_done(struct ring_box *box); /* removes the folder and the files in it */

struct ingest_buffer *ring_box_open(struct ring_box *box);
/* Paths of the files whose names contain `part`, oldest `created` first where they are rings. */
size_t ring_box_list(const struct ring_box *box, const char *part, char (*out)[PATH_MAX],
                     size_t cap);
struct ring_reader *ring_box_read(const char *path);

/* Message n has topic "t/<n>" and `bytes` (at least 8) of payload that start with n. */
enum outcome ring_box_push(struct ingest_buffer *ring, uint64_t n, uint32_t bytes, uint32_t flags);
/* Asserts that this is message n, whole; returns its payload length. */
void ring_box_check(const struct ring_message *message, uint64_t n);

/* Edit a closed ring: pretend it is of another boot, of another version; overwrite bytes. */
void ring_box_age(const char *path);
void ring_box_version(const char *path, uint32_t version);
void ring_box_poke(const char *path, uint64_t at, const void *bytes, size_t len);
void ring_box_peek(const char *path, void *out, size_t len); /* from its beginning */
/* received == appended + outcomes. */
void ring_box_check_tuple(const struct receiver_tuple *tuple);
