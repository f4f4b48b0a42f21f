/* SPDX-License-Identifier: MIT
 *
 * backup_tool - `server --backup FILE`: one copy of the database (backup_copy.h), beside an
 * ingestor and a server that go on; progress on a terminal. Threads: main only. */
#pragma once

#include "common/base/base.h"

/* The exit code: EXIT_CLEAN after one line that says what stands there; after one line of log
 * EXIT_USAGE (the file exists), EXIT_IO, EXIT_BAD_DATA (the database is damaged). TERM and INT end
 * it without a trace. state_dir: of the server that is to know of it; NULL = none. */
int backup_tool_run(const char *db_path, const char *to, const char *state_dir);
