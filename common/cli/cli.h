/* SPDX-License-Identifier: MIT
 *
 * cli - the command line both programs share: -c or --config FILE, --check-config, --print-config,
 * --print-options, -h or --help, -V or --version, --log-level L, --log-format F, --set KEY=VALUE
 * (repeatable), --flusher-processes N.
 *
 * cli_main_config does all of it: it prints help or version and returns the exit code to use, or
 * loads the configuration, starts the log at the level and format it names (behind log_relay, but
 * for a mere answer), prints each warning and
 * error of the report to the log, and returns -1 = go on. Usage errors go to stderr in plain words
 * (64); answers to --help, --version, --check-config and --print-... go to stdout. Threads: main
 * only (getopt). */
#pragma once

#include "common/config/config.h"

#include <stdio.h>

/* A flag of one program only; at most CLI_EXTRA_MAX. */
#define CLI_EXTRA_MAX 16
struct cli_extra {
    const char *name, *argument; /* argument NULL = none */
    const char *help;
    /* Where its argument goes (borrowed from argv), or its name when it takes none;
     * NULL = not given. */
    const char **value;
    /* Its answer stands alone: warnings about the configuration, which it may share with a daemon
     * that uses more of it, are left to --check-config. Errors are not. */
    bool is_quiet;
};

/* In a usage text: the name that the program was called by. */
#define CLI_NAME "$0"

struct cli_program {
    const char *name; /* as it was called: messages begin with it */
    /* Examples first, printed by --help before the options' table. */
    const char *usage;
    const struct cli_extra *extras;
    size_t extra_count;
    /* For --check-config: what the program looks at beyond the values. Logs each finding and
     * returns their number. NULL = nothing. */
    size_t (*check)(const struct config *config);
    /* For --check-config, when nothing was found wrong: what was asked for beside it, and the exit
     * code. NULL = nothing. */
    int (*after_check)(const struct config *config, void *context);
    void *context;
    const char *sqlite_version; /* for --version; this room does not link SQLite */
    /* For --version: ", name version" of each further library. NULL = none. */
    void (*print_libraries)(FILE *out);
    enum config_reader reader; /* whose keys --help shows */
};

struct cli {
    struct config_args args;
    bool check_only, print_only, is_quiet;
    const char **sets; /* owned; args.sets points here */
    char *flusher_set; /* owned; --flusher-processes N as a --set */
};

/* On -1 *out is loaded and *out_cli keeps the arguments for a later reload; they borrow from argv,
 * and cli_done frees the rest. Else both are zeroed. */
NODISCARD int cli_main_config(int argc, char **argv, const struct cli_program *program,
                              struct cli *out_cli, struct config *out);
void cli_done(struct cli *cli);
/* Write each message of the report as one log line (component "config"). */
void cli_log_report(const struct config_report *report);
