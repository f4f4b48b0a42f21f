/* SPDX-License-Identifier: MIT
 *
 * utf8 - validity of UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). Pure. */
#pragma once

#include "common/base/base.h"

/* Bytes of the valid sequence that starts at p (1 to 4), 0 when there is none within len. */
size_t utf8_sequence_len(const uint8_t *p, size_t len);

/* Where no valid sequence starts: how many bytes (>= 1) one U+FFFD stands for. As Unicode
 * recommends and other decoders do, that is the longest beginning of a character ("maximal
 * subpart"), else one byte. len >= 1 */
size_t utf8_bad_len(const uint8_t *p, size_t len);

/* len without the beginning of a character at its end: what was cut inside a character, without
 * the piece. */
size_t utf8_whole_len(const uint8_t *p, size_t len);

/* Copy src to dst as valid UTF-8: what is bad becomes U+FFFD, by utf8_bad_len. Never splits a
 * character. dst always ends in NUL. Returns the bytes written without the NUL; what does not fit
 * in cap - 1 is cut. */
size_t utf8_sanitize(char *dst, size_t cap, const uint8_t *src, size_t len);

/* The same, then without control characters: C0, DEL, and C1, which terminals obey, too.
 * cap >= 1 */
size_t utf8_clean(char *dst, size_t cap, const uint8_t *src, size_t len);
