/* SPDX-License-Identifier: MIT
 *
 * config_bench - a folder of its own, a configuration loaded from a text, and what its report must
 * say. Failures fail the running cmocka test and show the whole report. */
#pragma once

#include "common/config/config.h"

#include <sys/types.h>

/* One a test, through config_bench_setup and config_bench_teardown; *state points to it. */
struct config_bench {
    char folder[64], file[96];
    struct config config;
    struct config_report report;
    enum status status;
};

int config_bench_setup(void **state);
int config_bench_teardown(void **state);
void config_bench_write_file(const char *path, const void *bytes, size_t len, mode_t mode);
/* A text, as a file beside the configuration. */
void config_bench_write_beside(const struct config_bench *b, const char *name, const char *text);

/* Each frees what was loaded before. text is written to `file` with mode 0600, NULL = no --config;
 * set is the argument of one --set, NULL = none. */
enum status config_bench_load_args(struct config_bench *b, const struct config_args *args);
enum status config_bench_load_with(struct config_bench *b, const char *text, const char *set);
enum status config_bench_load(struct config_bench *b, const char *text);

/* How many errors (or warnings) of the report hold this part. */
size_t config_bench_count(const struct config_bench *b, bool is_error, const char *part);
/* Exactly one does. */
void config_bench_expect(const struct config_bench *b, bool is_error, const char *part);
void config_bench_expect_clean(const struct config_bench *b);
/* The text is refused (or loads) with this one message and no other. */
void config_bench_expect_error(struct config_bench *b, const char *text, const char *part);
void config_bench_expect_warning(struct config_bench *b, const char *text, const char *part);
/* What --print-config prints; the caller frees it. */
char *config_bench_printed(const struct config_args *args, const struct config *config);
