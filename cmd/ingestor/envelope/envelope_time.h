/* SPDX-License-Identifier: MIT
 *
 * envelope_time - a publisher's timestamp text to milliseconds (protocol.md section 8, steps
 * 1 and 2).
 *
 * Pure: own calendar arithmetic, because timegm and strptime depend on the locale and differ in
 * what they accept. What the clock is worth (ahead, stale, skewed) is decided elsewhere; here it is
 * only data. */
#pragma once

#include "common/base/base.h"

/* RFC 3339 with a zone ("2026-03-29T15:27:30.103Z", "...+02:00"), or the same without one, then
 * taken as UTC with *out_is_naive true. Any number of fraction digits is read, cut to milliseconds.
 * False for anything else: a blank for the T, an offset without colon, an impossible date, second
 * 60. Results untouched then. */
NODISCARD bool envelope_time_parse(const char *text, size_t len, int64_t *out_ms,
                                   bool *out_is_naive);
