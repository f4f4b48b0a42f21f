/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file.h"

#include "common/base/file.h"

#include <string.h>

enum status stats_file_write(const char *path, const char *text, struct err *err)
{
    return file_replace(path, text, strlen(text), false, err);
}
