/* SPDX-License-Identifier: MIT
 *
 * file - what names of files do not promise: which file one leads to (device and inode, POSIX's
 * st_dev and st_ino), and a small file that is whole at every moment.
 *
 * I1. file_replace writes `<path>.tmp`, unlinked first and made with O_CREAT|O_EXCL|O_NOFOLLOW:
 *     what somebody left there is never followed. Only a kill leaves it behind. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"

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

#define FILE_PRIVATE 0640 /* a mode: its owner's and the group's */

/* Replaced by rename. mode: the new file's, without the umask's bits. is_durable: synced before it
 * gets its name. STATUS_INVALID: the path is too long; NO_SPACE; IO, err->code is errno. */
NODISCARD enum status file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
                                   bool is_durable, struct err *err);
