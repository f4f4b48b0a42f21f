/* SPDX-License-Identifier: MIT
 *
 * log - one event per line on stderr: `ts level component msg key=value ...`, or one JSON
 * object per line.
 *
 * Levels have owners: error = an operator must act; warn = data was lost or degraded;
 * info = lifecycle; debug = per message (off by default). Severity is a parameter, never a
 * word in the text. Every byte from outside (topics, names, payloads) is escaped here, once:
 * control characters and invalid UTF-8 become \xNN, so a hostile name can't move a terminal's
 * cursor or forge a line. No timestamp when stderr is journald's (JOURNAL_STREAM is set): the
 * journal has its own.
 *
 * I1. A line is one write(2) of at most LOG_LINE_MAX bytes, less than PIPE_BUF: never mixed with
 *     another's, never cut. One that can't be written whole at once is lost and counted; where the
 *     destination could make it wait, log_relay stands in between.
 *
 * Threads: log_event may be called from any thread. log_init before any other thread. Never call
 * under a lock, in a signal handler, or in the receive callback. */
#pragma once

#include "common/base/base.h"

#include <stdatomic.h>

#define LOG_LINE_MAX 2048

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/* A list of pairs ends with a NULL key; values are borrowed for the call. A NULL string
 * prints as "". */
struct log_kv {
    const char *key;
    enum { LOG_KV_STR, LOG_KV_INT, LOG_KV_REAL } kind;
    const char *str;
    int64_t num;
    double real;
};

/* clang-format off */ /* it would spread each initialiser over four lines */
#define KV_STR(k, v)  {.key = (k), .kind = LOG_KV_STR, .str = (v)}
#define KV_INT(k, v)  {.key = (k), .kind = LOG_KV_INT, .num = (int64_t)(v)}
#define KV_REAL(k, v) {.key = (k), .kind = LOG_KV_REAL, .real = (v)}
/* clang-format on */
#define KV(...) ((const struct log_kv[]){__VA_ARGS__, {.key = NULL}})

/* What one log_switch changes for all processes that share it. Relaxed: a line is written by the
 * old or by the new one. */
struct log_switches {
    _Atomic(enum log_level) level;
    _Atomic(enum log_format) format;
};

void log_init(enum log_level level, enum log_format format);
void log_switch(enum log_level level, enum log_format format); /* from any thread */
/* From now on they stand there, as they are: in memory that processes share. NULL = in our own.
 * Before any other thread, and before the forks that are to share them. */
void log_share_switches(struct log_switches *shared);
void log_set_fd(int fd); /* for tests; default 2 */
/* debug, info, warn, error; text, json */
NODISCARD bool log_level_parse(const char *text, enum log_level *out_level);
NODISCARD bool log_format_parse(const char *text, enum log_format *out_format);

/* kvs may be NULL. */
void log_event(enum log_level level, const char *component, const char *msg,
               const struct log_kv *kvs);
/* The line that log_event would write, without its level's gate; its length. */
size_t log_line(char out[static LOG_LINE_MAX], enum log_level level, const char *component,
                const char *msg, const struct log_kv *kvs);

/* Lines that were not written, of all processes that share the counter. */
int64_t log_lines_lost(void);
/* From now on losses are counted there: in memory that processes share. NULL = in our own. */
void log_count_losses_in(_Atomic int64_t *counter);
