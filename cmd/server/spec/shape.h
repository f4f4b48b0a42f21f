/* SPDX-License-Identifier: MIT
 *
 * shape - what an answer looks like, written as we would tell it, and as JSON Schema.
 *
 *     {nodes: [node], total: int, next?: str, lat: num?, kind: 'a'|'b', byName: {*: int}, ...}
 *
 * `int`, `num`, `str`, `bool`, `any`; `time` (RFC 3339), `unix` (whole seconds), `hex`; `[T]` a
 * list; `{name: T}` an object, of which `name?:` may be left out and `*: T` stands for any other
 * names; `...` ends one that may hold more than is told; `T?` or null; 'a'|'b' one of these texts;
 * any other word names a shape of the table.
 * An object without `...` tells all of its members: tests hold answers to that. In the schema it
 * may still hold more (a client must not break when a member is added).
 * Pure. Threads: any. Errors: a text that is none, or a word without a shape, is told by the
 * result; the texts are ours, so a test says it once. Limits: SHAPE_DEPTH_MAX levels. */
#pragma once

#include "common/json/json_write.h"

#define SHAPE_DEPTH_MAX 16
#define SHAPE_WORD_MAX  48

/* A row without a name ends the table. */
struct shape_name {
    const char *name; /* [a-z_]+ */
    const char *text;
};

/* The text's schema as a value of `w`; names become references to #/components/schemas. */
NODISCARD bool shape_write(struct json_write *w, const char *key, const char *text,
                           const struct shape_name *names);
/* Where the base of the shape at `text` ends (before a `?`). */
const char *shape_end(const char *text);
/* The length of the word there, 0 = none. */
size_t shape_word(const char *text);
const struct shape_name *shape_find(const struct shape_name *names, const char *word, size_t len);
