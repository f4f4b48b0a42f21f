/* SPDX-License-Identifier: MIT
 *
 * utf8 - validity of UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). Pure. */
#pragma once

#include "common/base.h"

/* Bytes of the valid sequence that starts at p (1 to 4), 0 when there is none within len. */
size_t utf8_sequence_len(const uint8_t *p, size_t len);

/* Copy src to dst as valid UTF-8: each bad byte becomes U+FFFD. Never splits a character. dst always
 * ends in NUL. Returns the bytes written without the NUL; what does not fit in cap - 1 is cut. */
size_t utf8_sanitize(char *dst, size_t cap, const uint8_t *src, size_t len);
