/* SPDX-License-Identifier: MIT
 *
 * json - the few helpers over cJSON that keep its traps away: bounded parsing (cJSON accepts 1000
 * levels and case-insensitive look-ups by default). Look keys up with
 * cJSON_GetObjectItemCaseSensitive, read numbers from valuedouble (valueint saturates).
 * Ownership: the caller owns the tree (cJSON_Delete). */
#pragma once

#include "common/base/base.h"

#include <cjson/cJSON.h>

/* NULL when the text is not exactly one JSON value (a byte order mark before it, white space around
 * it and NULs behind it are allowed), holds a NUL in a string (bare or as \u0000: it would cut the
 * string silently), is nested deeper than max_depth, or memory is short. */
NODISCARD cJSON *json_parse(const char *text, size_t len, int max_depth);

/* Borrowed string of an object's member; NULL when it is absent or no string. */
const char *json_string(const cJSON *object, const char *key);
/* False when it is absent or no number. */
NODISCARD bool json_number(const cJSON *object, const char *key, double *out);
/* A number that fits int64 (cut towards zero); false otherwise. */
NODISCARD bool json_int(const cJSON *object, const char *key, int64_t *out);
