/* SPDX-License-Identifier: MIT
 *
 * ticker - a named thread that does one thing at once and then every period, until it is
 * told to stop.
 *
 * Threads: start and free by the owner. free waits for the turn that runs; a turn that may take
 * long asks ticker_is_stopping. Two steps (new, start), so that the owner can store the handle
 * before the first turn reads it. All signals are blocked in the thread (inherited: the program
 * blocks them before its first). */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

struct ticker;

/* NULL = no memory. name: at most 15 bytes, static. */
NODISCARD struct ticker *ticker_new(const char *name, mono_us period, void (*turn)(void *),
                                    void *arg);
NODISCARD bool ticker_start(struct ticker *ticker);
void ticker_free(struct ticker *ticker);
bool ticker_is_stopping(struct ticker *ticker);
