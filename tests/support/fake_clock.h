/* SPDX-License-Identifier: MIT
 *
 * fake_clock - both clocks under the test's control, so that nothing has to sleep. Process-wide,
 * like the clocks themselves. Threads: advance from any thread; install and remove while the
 * test has one. */
#pragma once

#include "common/base/clock.h"

/* From now on the clocks stand still at these values. */
void fake_clock_install(wall_us wall, mono_us mono);
/* Time passes on both clocks. */
void fake_clock_advance(int64_t us);
/* The wall clock alone is set, as by NTP. */
void fake_clock_set_wall(wall_us wall);
/* The real clocks again. */
void fake_clock_remove(void);
