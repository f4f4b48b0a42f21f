/* SPDX-License-Identifier: MIT
 *
 * json_scan - one pass over a JSON object that checks it and hands out its members. No tree,
 * no allocation.
 *
 * Why beside cJSON: real publishers write lone surrogates ("\udc9d", a byte of a cut
 * character as Python escapes it), for which cJSON refuses the whole message; a scan can't
 * fail for lack of memory; and it costs a fifth of the time. cJSON stays for what is not on
 * the way of every message.
 *
 * Strict where a reader would otherwise have to guess (structure, escapes, numbers), lenient where
 * nothing depends on it: control characters and broken UTF-8 in strings, leading zeros. A number's
 * size is not judged. Work is linear in len, recursion bounded by max_depth. Threads: pure.
 * Ownership: values borrow from the text. */
#pragma once

#include "common/base/base.h"

enum json_kind {
    JSON_ABSENT, /* never handed out: a zeroed value */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_OBJECT,
    JSON_ARRAY,
};

struct json_value {
    enum json_kind kind;
    bool has_escapes; /* of a string: read it through json_unescape */
    const char *text; /* as it stands in the source; of a string what is between its quotes */
    size_t len;
};

/* Called for each member of the outer object, in order; a key may come twice. */
typedef void (*json_member_fn)(void *context, const struct json_value *key,
                               const struct json_value *value);

/* True when the text is exactly one JSON object (white space around it and NULs behind it allowed)
 * of at most max_depth levels, itself the first. On false on_member may have been called for what
 * came before. */
NODISCARD bool json_scan_object(const char *text, size_t len, int max_depth,
                                json_member_fn on_member, void *context);

/* The next element of an array. text, len: what is between its brackets, of an array that a scan
 * has checked (of anything else the elements up to the first place that is no JSON). *at starts
 * at 0 and is advanced behind the element and its comma. False: no more. max_depth counts from
 * the element. */
NODISCARD bool json_scan_element(const char *text, size_t len, int max_depth, size_t *at,
                                 struct json_value *out);

/* A string's meaning to out, NUL-terminated, cut to cap - 1 bytes. A lone surrogate, \u0000 and a
 * NUL byte become U+FFFD, so that no reader of C strings sees less than there is; other bytes are
 * copied as they are, valid UTF-8 or not. Returns the bytes without the NUL. */
size_t json_unescape(const struct json_value *string, char *out, size_t cap);
