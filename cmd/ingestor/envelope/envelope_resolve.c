/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope.h"

#define AHEAD_MAX_MS (14 * MS_PER_HOUR) /* the largest offset of any zone */
#define PAST_MAX_MS  (30 * 24 * MS_PER_HOUR)
#define NAIVE_MAX_MS (15 * MS_PER_MIN)

int64_t envelope_resolve_time(const struct envelope *envelope, int64_t receipt_ms,
                              int64_t *out_skew_s)
{
    *out_skew_s = ENVELOPE_NO_SKEW;
    if (!envelope->has_time)
        return receipt_ms;
    const int64_t ahead_ms = envelope->envelope_ms - receipt_ms;
    if (ahead_ms > AHEAD_MAX_MS || ahead_ms < -PAST_MAX_MS)
        return receipt_ms; /* no clock that runs: a fallback date, or one never set */
    if (envelope->time_is_naive && (ahead_ms > NAIVE_MAX_MS || ahead_ms < -NAIVE_MAX_MS)) {
        *out_skew_s = ahead_ms / MS_PER_S; /* local time, most likely */
        return receipt_ms;
    }
    return ahead_ms > 0 ? receipt_ms : envelope->envelope_ms;
}
