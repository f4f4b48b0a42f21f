/* SPDX-License-Identifier: MIT */
#include "common/base/file_id.h"

#include <sys/stat.h>

static bool take(int failed, const struct stat *st, struct file_id *out)
{
    *out = failed != 0 ? (struct file_id){0} : (struct file_id){st->st_dev, st->st_ino};
    return failed == 0;
}

bool file_id_of_path(const char *path, struct file_id *out)
{
    struct stat st;
    return take(stat(path, &st), &st, out);
}

bool file_id_of_fd(int fd, struct file_id *out)
{
    struct stat st;
    return take(fstat(fd, &st), &st, out);
}

bool file_id_is_same(struct file_id a, struct file_id b)
{
    return a.device == b.device && a.inode == b.inode;
}

bool file_id_is_same_path(const char *a, const char *b)
{
    struct file_id first;
    struct file_id second;
    return file_id_of_path(a, &first) && file_id_of_path(b, &second) &&
           file_id_is_same(first, second);
}
