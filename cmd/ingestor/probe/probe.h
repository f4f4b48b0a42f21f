/* SPDX-License-Identifier: MIT
 *
 * probe - `--check-config --connect`: every source is tried, all at once, each in a process of its
 * own (one hung broker holds no other up, as in a run), and what came of it is printed in the order
 * of the configuration.
 *
 * Limits: the steps' own; a process that is still there behind them is killed, and said.
 * Threads: the process's only one, before any other was made. */
#pragma once

#include "common/config/config.h"

/* EXIT_CLEAN when every source can be reached and every topic is granted, else EXIT_IO. */
NODISCARD int probe_run(const struct config *config);
