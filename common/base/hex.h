/* SPDX-License-Identifier: MIT
 *
 * hex - text to bytes and back. Pure. */
#pragma once

#include "common/base/base.h"

/* The value of one digit of either case; -1 = it is none. */
int hex_digit(char c);
/* Exactly len hex digits (either case, even count) to len / 2 bytes; false on any other character,
 * an odd count, or when they do not fit. */
NODISCARD bool hex_decode(const char *text, size_t len, uint8_t *out, size_t cap, size_t *out_len);
/* 2 * len digits and NUL. */
void hex_encode_lower(const uint8_t *bytes, size_t len, char *out);
void hex_encode_upper(const uint8_t *bytes, size_t len, char *out);
