/* SPDX-License-Identifier: MIT
 *
 * json_build - cJSON's Add functions with one place for their failure, so that an answer's code reads like the
 * answer. A member that could not be added makes jb_print return NULL: an answer is whole or refused.
 * Unknown numbers (JB_UNKNOWN, NaN) are left out: absent means unknown, never 0.
 * Threads: a builder belongs to one. Ownership: jb_print frees the tree. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#include <cjson/cJSON.h>

#define JB_UNKNOWN       INT64_MIN
#define JB_UNKNOWN_COUNT ((uint64_t)JB_UNKNOWN)

struct json_build {
    bool is_short_of_memory;
};

cJSON *jb_init(struct json_build *b); /* a new object, or NULL and every later call does nothing */
cJSON *jb_object(struct json_build *b, cJSON *parent, const char *key);
cJSON *jb_array(struct json_build *b, cJSON *parent, const char *key);
cJSON *jb_row(struct json_build *b, cJSON *array); /* a new object at its end */
void jb_int(struct json_build *b, cJSON *parent, const char *key, int64_t value);
void jb_count(struct json_build *b, cJSON *parent, const char *key, uint64_t value);
void jb_real(struct json_build *b, cJSON *parent, const char *key, double value);
void jb_bool(struct json_build *b, cJSON *parent, const char *key, bool value);
void jb_text(struct json_build *b, cJSON *parent, const char *key, const char *value);
void jb_null(struct json_build *b, cJSON *parent, const char *key);
/* RFC 3339; the fraction only when there is one; "" when unknown. */
void jb_time(struct json_build *b, cJSON *parent, const char *key, wall_us value);
/* The text (free() it) or NULL; the tree is gone. */
NODISCARD char *jb_print(struct json_build *b, cJSON *root);
