/* SPDX-License-Identifier: MIT
 *
 * json_write - JSON straight into a buffer of the caller's, in the order of the calls: no tree, no malloc.
 *
 * Why not json_build: a list of 10,000 decoded packets is 200,000 members, and cJSON allocates two or three
 * times for each. Every call appends one value; key NULL = an element of an array, or the root. Commas come
 * by themselves. Any bytes may be given as text: bad UTF-8 becomes U+FFFD, so what comes out is always valid.
 *
 * I1: never a byte behind out[cap - 1], which is kept for the NUL. I2: what does not fit sets is_full and
 * nothing is written from then on; jw_finish then says 0, so a cut text can't pass for a whole one.
 * Threads: a writer belongs to one. Ownership: the caller's buffer. */
#pragma once

#include "common/base/base.h"

struct json_write {
    char *out;
    size_t cap, len;
    bool is_full;
};

/* cap >= 1 */
void jw_init(struct json_write *w, char *out, size_t cap);
/* Ends the text with a NUL. Its length without it, or 0 (and an empty text) when it did not fit. */
NODISCARD size_t jw_finish(struct json_write *w);

void jw_object(struct json_write *w, const char *key);
void jw_object_end(struct json_write *w);
void jw_array(struct json_write *w, const char *key);
void jw_array_end(struct json_write *w);

void jw_text(struct json_write *w, const char *key, const char *text, size_t len);
void jw_string(struct json_write *w, const char *key, const char *text); /* NUL-terminated */
void jw_bool(struct json_write *w, const char *key, bool value);
void jw_null(struct json_write *w, const char *key);
void jw_uint(struct json_write *w, const char *key, uint64_t value);
void jw_int(struct json_write *w, const char *key, int64_t value);
/* value / 10^places exactly, without trailing zeros: (-525, 2) is -5.25, (1200, 2) is 12. places <= 18 */
void jw_decimal(struct json_write *w, const char *key, int64_t value, unsigned places);
void jw_hex_lower(struct json_write *w, const char *key, const uint8_t *bytes, size_t len);
void jw_hex_upper(struct json_write *w, const char *key, const uint8_t *bytes, size_t len);
