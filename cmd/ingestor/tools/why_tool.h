/* SPDX-License-Identifier: MIT
 *
 * why_tool - `ingestor --why HASH|OBSERVER|NODE`: the answer of GET /api/why (why.h) as one JSON
 * object on one line, from the database alone: beside an ingestor that runs, too. What the text can
 * mean is looked for as all of that: 16 hex digits are a packet, up to 64 the beginning of a node's
 * key, anything an observer. Nobody is hidden: whoever can read the file may see all of it.
 * Threads: main only. */
#pragma once

#include "common/config/config.h"

/* Prints the answer to stdout. Takes ownership of *config. The exit code: EXIT_CLEAN whatever the
 * answer is, EXIT_USAGE for a text that can mean nothing, EXIT_IO and EXIT_CONFIG (no database that
 * this program can read) after one line of log, EXIT_NO_MEMORY. */
NODISCARD int why_tool_run(struct config *config, const char *what);
