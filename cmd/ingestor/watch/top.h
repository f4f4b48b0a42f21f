/* SPDX-License-Identifier: MIT
 *
 * top - `ingestor --top`: a live view of the ingestor in a terminal, and `--top --once`: one plain
 * frame for scripts. What it shows is top_frame's; here are the terminal, the clock and the keys.
 *
 * I1. It only reads the statistics file: it may run beside the ingestor, as another user of its
 *     group, over SSH, and as often as wanted.
 * I2. The terminal is as it was when it ends, by q as by a signal.
 * I3. Without a terminal, or with one that nobody knows (TERM), it says so and ends (64).
 * Threads: the process's only one. The only file that knows ncurses. */
#pragma once

#include "common/config/config.h"

/* Ends the configuration. The exit code. */
NODISCARD int top_run(struct config *config);
NODISCARD int top_once(struct config *config);
