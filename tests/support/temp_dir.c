/* SPDX-License-Identifier: MIT */
#include "tests/support/temp_dir.h"

#include "tests/support/cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_FOLDERS_MAX 16

void temp_dir_make(char out_dir[static TEMP_DIR_MAX])
{
    const char *base = getenv("TMPDIR");
    const int n = snprintf(out_dir, TEMP_DIR_MAX, "%s/weir-test-XXXXXX",
                           base != NULL && base[0] != '\0' ? base : "/tmp");
    assert_in_range(n, 1, TEMP_DIR_MAX - 1);
    assert_non_null(mkdtemp(out_dir));
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

void temp_dir_remove(const char *dir)
{
    assert_int_equal(nftw(dir, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS), 0);
}

char *temp_dir_path(const char *dir, const char *name, char out[static TEMP_PATH_MAX])
{
    const int n = snprintf(out, TEMP_PATH_MAX, "%s/%s", dir, name);
    assert_in_range(n, 1, TEMP_PATH_MAX - 1);
    return out;
}
