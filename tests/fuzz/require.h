/* SPDX-License-Identifier: MIT
 *
 * require - what a fuzz target says of a promise that must hold: a broken one is a crash that
 * the fuzzer keeps. */
#pragma once

#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

/* Ends within cap, and is valid UTF-8. */
static inline void require_text(const char *text, size_t cap)
{
    const size_t len = strnlen(text, cap);
    require(len < cap);
    for (size_t i = 0; i < len;) {
        const size_t run = utf8_sequence_len((const uint8_t *)text + i, len - i);
        require(run > 0);
        i += run;
    }
}
