/* SPDX-License-Identifier: MIT
 *
 * jsonl - recorded messages and what is expected of them: X.jsonl holds {id, topic, payload |
 * payload_text}, X.expected.jsonl one line per line of it, the same ids in the same order.
 * A pair of files that is absent is NULL (the corpus may be); damaged ones fail
 * the running test. */
#pragma once

#include <cjson/cJSON.h>
#include <stddef.h>

struct jsonl_pair;

/* What one line of each file says; all owned by the pair, until the next call. */
struct jsonl_case {
    const char *id, *topic;
    /* The bytes that were published. Cut out of the line, not printed again: cJSON can't
     * read every one. */
    const char *payload;
    size_t payload_len;
    /* With U+FFFD in the place of lone surrogates, which cJSON does not take. */
    const cJSON *message, *expected;
};

struct jsonl_pair *jsonl_pair_open(const char *folder, const char *name);
/* NULL at the end. */
const struct jsonl_case *jsonl_pair_next(struct jsonl_pair *pair);
void jsonl_pair_close(struct jsonl_pair *pair);

/* check(case) for every line of FOLDER/NAME; returns how many there were. */
size_t jsonl_check(const char *folder, const char *name, void (*check)(const struct jsonl_case *c));
