/* SPDX-License-Identifier: MIT
 *
 * json_fault - what is wrong with a text that is no JSON, in words for who wrote it by hand.
 *
 * Why beside the parsers: those say that a text is none, and where they stopped, which is often a
 * line or more behind the mistake. This one knows the mistakes that people make (a comma too few or
 * too many, a comment, a quote, a word, a bracket) and points at the place to change.
 *
 * I1. The words never quote the text: passwords stand in it. At most one punctuation mark.
 * I2. Lines and columns count from 1, as editors show them: a column is a character, not a byte.
 * I3. Work is linear in len, recursion bounded by max_depth.
 * Threads: pure. Ownership: a plain value of the caller's. */
#pragma once

#include "common/base/base.h"

struct json_fault {
    size_t line, column;
    char why[160]; /* what is wrong and what to write instead; no full stop */
};

/* True = the first fault of the text is in *out. False: none is known: strict JSON of at most
 * max_depth levels. A byte order mark and white space around the value are no fault. */
NODISCARD bool json_find_fault(const char *text, size_t len, int max_depth, struct json_fault *out);
