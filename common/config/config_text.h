/* SPDX-License-Identifier: MIT
 *
 * config_text - texts of the load's own: copies, paths, secrets, and small files read whole.
 * Threads: any. Ownership: whatever is returned is the caller's to free. */
#pragma once

#include "common/config/config_report.h"

/* strdup that remembers a failure in the loader. */
char *config_dup(struct config_loader *loader, const char *text);
/* Absolute form of a path, counted from the loader's folder, ~/ from the variable HOME. NULL = no
 * memory, remembered alike. */
char *config_absolute(struct config_loader *loader, const char *path);
/* Why a path with ~ in front can't be made absolute; NULL = it can, or has none. */
const char *config_home_problem(const char *path);
/* The folder a path is in; NULL = no memory. */
char *config_folder_of(const char *path);
/* Overwrite before free; accepts NULL. */
void config_free_secret(char *text);
/* No control characters (C1 among them), and valid UTF-8. */
bool config_is_clean_text(const char *text);
/* The whole file with a NUL behind it (the caller frees it), at most max bytes. regular_only: a
 * FIFO or device is refused, not waited for. False with the reason in *err. */
NODISCARD bool config_read_file(const char *path, size_t max, bool regular_only, char **out_text,
                                size_t *out_len, unsigned *out_mode, struct err *err);
