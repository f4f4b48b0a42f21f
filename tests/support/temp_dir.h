/* SPDX-License-Identifier: MIT
 *
 * temp_dir - a folder of the test's own, and its removal. Fails the running cmocka test
 * on any error.
 *
 *   char dir[TEMP_DIR_MAX];
 *   temp_dir_make(dir);
 *   ... temp_dir_path(dir, "weir.db", path) ...
 *   temp_dir_remove(dir);
 *
 * Ownership: plain buffers of the caller's. Threads: none. */
#pragma once

#include <stddef.h>

#define TEMP_DIR_MAX  64
#define TEMP_PATH_MAX 512

/* Below $TMPDIR, else /tmp; mode 0700. */
void temp_dir_make(char out_dir[static TEMP_DIR_MAX]);
/* With everything in it; links are removed, not followed. */
void temp_dir_remove(const char *dir);
/* dir/name. Returns out. */
char *temp_dir_path(const char *dir, const char *name, char out[static TEMP_PATH_MAX]);
