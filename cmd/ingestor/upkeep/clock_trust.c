/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/upkeep/clock_trust.h"

#define MINUTE_US      (60 * (mono_us)US_PER_S)
#define TRUST_DRIFT_US (2 * (mono_us)US_PER_S) /* a minute */
#define TRUST_AFTER_US (10 * MINUTE_US)
#define OUTLIER_US     (86400 * (wall_us)US_PER_S)

void clock_trust_note(struct clock_trust *trust, wall_us wall, mono_us mono)
{
    const mono_us passed = mono - trust->mono;
    const int64_t drift = (wall - trust->wall) - passed;
    const int64_t allowed = TRUST_DRIFT_US * (1 + passed / MINUTE_US);
    if (!trust->has_anchor || drift > allowed || drift < -allowed)
        trust->agreed_since = mono;
    else if (passed < MINUTE_US)
        return; /* a drift in many small steps adds up to a large one within the minute */
    trust->has_anchor = true;
    trust->wall = wall;
    trust->mono = mono;
}

enum clock_verdict clock_trust_judge(const struct clock_trust *trust, wall_us wall, mono_us mono,
                                     wall_us newest)
{
    if (!trust->has_anchor || mono - trust->agreed_since < TRUST_AFTER_US)
        return CLOCK_TOO_NEW;
    const bool is_behind = wall < newest && newest - wall <= OUTLIER_US;
    return is_behind ? CLOCK_BEHIND : CLOCK_TRUSTED;
}
