/* SPDX-License-Identifier: MIT
 *
 * database_advice - what to type when dbPath is CoreScope's database: who switches has a
 * configuration that names it, and Weir needs a file of its own.
 *
 * Threads: any. Ownership: borrows. Cost: three log lines. */
#pragma once

#include "common/config/config.h"

/* Says that nothing of it was changed, then the line for the configuration and the one for the
 * shell. */
void database_advice_corescope(const struct config *config, const char *component);
