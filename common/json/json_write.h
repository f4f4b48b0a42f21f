/* SPDX-License-Identifier: MIT
 *
 * json_write - JSON straight into a buffer, in the order of the calls: no tree.
 *
 * Why no tree: a list of 10,000 decoded packets is 200,000 members, and cJSON allocates two or
 * three times for each. Every call appends one value; key NULL = an element of an array, or the
 * root, or what jw_key has named. Commas come by themselves. Any bytes may be given as text: bad
 * UTF-8 becomes U+FFFD, so what comes out is always valid. Unknown numbers can be left out: absent
 * means unknown, never 0.
 *
 * The buffer is the caller's and of one size (jw_init, jw_finish), or the writer's own and grows to
 * a limit (jw_grow, jw_take).
 *
 * I1: never a byte behind out[cap - 1], which is kept for the NUL. I2: what does not fit sets
 * is_full and nothing is written from then on; jw_finish then says 0 and jw_take NULL, so a cut
 * text can't pass for a whole one. Threads: a writer belongs to one. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define JW_UNKNOWN       INT64_MIN
#define JW_UNKNOWN_COUNT ((uint64_t)JW_UNKNOWN)

struct json_write {
    char *out;
    size_t cap, len;
    size_t max; /* of a buffer that grows; 0 = it is the caller's */
    bool is_full;
};

/* cap >= 1 */
void jw_init(struct json_write *w, char *out, size_t cap);
/* Ends the text with a NUL. Its length without it, or 0 (and an empty text) when it did not fit. */
NODISCARD size_t jw_finish(struct json_write *w);
/* Begins a text of at most max - 1 bytes in a buffer of the writer's own. */
void jw_grow(struct json_write *w, size_t max);
/* Ends it. The text and its length (free() it), or NULL when it did not fit or memory was short. */
NODISCARD char *jw_take(struct json_write *w, size_t *out_len);

/* Keys are literals of ours and need no escapes; this is for those that are data. The next call,
 * with key NULL, gives its value. */
void jw_key(struct json_write *w, const char *key);
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
/* value / 10^places exactly, without trailing zeros: (-525, 2) is -5.25, (1200, 2) is 12.
 * places <= 18 */
void jw_decimal(struct json_write *w, const char *key, int64_t value, unsigned places);
/* Rounded to so many digits behind the point, half away from zero; null when it is not finite. */
void jw_rounded(struct json_write *w, const char *key, double value, unsigned places);
/* The shortest text that reads back as this double; null when it is not finite. */
void jw_real(struct json_write *w, const char *key, double value);
/* The same, but JW_UNKNOWN, JW_UNKNOWN_COUNT, a number that is not finite: nothing is written. */
void jw_known_int(struct json_write *w, const char *key, int64_t value);
void jw_known_uint(struct json_write *w, const char *key, uint64_t value);
void jw_known_real(struct json_write *w, const char *key, double value);
/* "" = null */
void jw_string_or_null(struct json_write *w, const char *key, const char *text);
/* RFC 3339; the fraction only when there is one; "" for JW_UNKNOWN. */
void jw_time(struct json_write *w, const char *key, wall_us value);
/* One value that is valid JSON already. */
void jw_raw(struct json_write *w, const char *key, const char *json, size_t len);
void jw_hex_lower(struct json_write *w, const char *key, const uint8_t *bytes, size_t len);
void jw_hex_upper(struct json_write *w, const char *key, const uint8_t *bytes, size_t len);
