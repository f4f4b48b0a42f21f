/* SPDX-License-Identifier: MIT
 *
 * tool - what --import and --redecode share: the database alone, under the flusher's lock, with the
 * configuration's keys, scopes and signature rule; what --why and --export-corescope share: reading
 * it beside whatever runs; and a line of progress.
 *
 * The lock is the flusher's (`<dbPath>.lock`): while an ingestor runs, a tool stops and names it.
 * An ingestor that is started meanwhile receives into its rings, and its flusher waits until the
 * tool has ended. Limits (maxNodes and the like) do not apply: they are against floods, and this is
 * what somebody asked for. Threads: the process's only one. */
#pragma once

#include "cmd/ingestor/store/store.h"
#include "common/base/clock.h"
#include "common/db/statement.h"

struct tool {
    struct store *store;
    struct channel_keys *channels;
    struct region_scopes *scopes;
    int lock_fd;
};

/* Makes folders and database as a run would; what an older program derived stays as it is
 * (store_needs_rebuild). EXIT_CLEAN, or the exit code after one line of log: 75 an ingestor or
 * another tool runs, 78 the database is newer or not ours
 * (then nothing of it was changed), 74, 71, 70 no cryptography. The configuration is
 * borrowed until tool_close, which must follow in any case. `name` is what ps shows, and the
 * healthz of an ingestor that waits for us. */
NODISCARD enum exit_code tool_open(struct tool *tool, const struct config *config,
                                   const char *name);
void tool_close(struct tool *tool);
/* The exit code for an error of the store, after a line of log. */
enum exit_code tool_store_failed(const struct tool *tool, const char *what, enum status status);
/* Without a line of log. */
enum exit_code tool_exit_code(enum status status);

/* The database as it is at this moment, to read. EXIT_CLEAN, or the exit code after one line of log
 * in the component's name: 78 it is newer or not ours, 74 (there is none, or an older one), 71.
 * *out is the caller's to close in any case. */
NODISCARD enum exit_code tool_open_reader(const struct config *config, const char *component,
                                          struct connection *out);
/* The same line and exit code for what goes wrong later. */
enum exit_code tool_cant_read(const struct config *config, const char *component,
                              enum status status, const char *why);

/* On a terminal one line that is written over; else a line of log every ten seconds. */
struct tool_progress {
    const char *what; /* "import" */
    uint64_t total;
    mono_us began, reported;
    bool is_terminal;
};
void tool_progress_begin(struct tool_progress *progress, const char *what, uint64_t total);
void tool_progress_show(struct tool_progress *progress, uint64_t done);
/* Ends the terminal's line; returns the seconds since the beginning. */
double tool_progress_end(struct tool_progress *progress);
