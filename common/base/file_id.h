/* SPDX-License-Identifier: MIT
 *
 * file_id - which file it is, whatever it is called: device and inode (POSIX's st_dev, st_ino). */
#pragma once

#include "common/base/base.h"

#include <sys/types.h>

struct file_id {
    dev_t device;
    ino_t inode; /* 0 = none */
};

/* False with errno: it can't be looked at; then *out is none. Links are followed. */
NODISCARD bool file_id_of_path(const char *path, struct file_id *out);
NODISCARD bool file_id_of_fd(int fd, struct file_id *out);
bool file_id_is_same(struct file_id a, struct file_id b);
/* Do both names lead to one file? False where one of them leads nowhere. */
bool file_id_is_same_path(const char *a, const char *b);
