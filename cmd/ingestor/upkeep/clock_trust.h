/* SPDX-License-Identifier: MIT
 *
 * clock_trust - may rows be deleted by what the wall clock says? Pure.
 *
 * A small board without a battery starts in the past, and a wrong setting can send any machine into
 * the future. The clock is trusted once it has agreed with the monotonic one (within 2 s a minute)
 * for ten minutes and is not behind what is stored. What is stored more than a day ahead of a clock
 * that has agreed so long is an outlier, of one wrong moment: it must not end retention until that
 * day. A clock that is itself in the past lets fewer rows go, never more. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

struct clock_trust {
    bool has_anchor;
    wall_us wall; /* the anchor: both clocks, the last time they were compared */
    mono_us mono;
    mono_us agreed_since;
};
enum clock_verdict { CLOCK_TRUSTED, CLOCK_TOO_NEW, CLOCK_BEHIND };

/* Compare the clocks; call it at least once a minute. */
void clock_trust_note(struct clock_trust *trust, wall_us wall, mono_us mono);
/* newest: the newest receipt that is stored. */
enum clock_verdict clock_trust_judge(const struct clock_trust *trust, wall_us wall, mono_us mono,
                                     wall_us newest);
