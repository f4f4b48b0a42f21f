/* SPDX-License-Identifier: MIT */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- which one -------------------------------------------------------------------------------- */

static bool take(int failed, const struct stat *st, struct file_id *out)
{
    *out = (struct file_id){0};
    if (failed != 0)
        return false;
    *out = (struct file_id){st->st_dev, st->st_ino};
    return true;
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

/* --- whole ------------------------------------------------------------------------------------ */

static enum status write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errno == ENOSPC || errno == EDQUOT ? STATUS_NO_SPACE : STATUS_IO;
        bytes += n;
        len -= (size_t)n;
    }
    return STATUS_OK;
}

/* STATUS_OK, or the step that failed with errno. */
static enum status fill(int fd, const char *bytes, size_t len, bool is_durable)
{
    const enum status status = write_all(fd, bytes, len);
    if (status != STATUS_OK)
        return status;
    return is_durable && fsync(fd) != 0 ? STATUS_IO : STATUS_OK;
}

enum status file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
                         bool is_durable, struct err *err)
{
    char tmp[4096];
    const int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof tmp)
        return err_set(err, STATUS_INVALID, 0, path, "the file's name is too long");
    if (unlink(tmp) != 0 && errno != ENOENT)
        return err_set(err, STATUS_IO, errno, tmp, "cannot remove the old file: %s",
                       strerror(errno));
    const int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set(err, errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO, errno, tmp,
                       "cannot create: %s", strerror(errno));
    enum status status = fill(fd, bytes, len, is_durable);
    int code = errno;
    if (close(fd) != 0 && status == STATUS_OK) {
        code = errno;
        status = STATUS_IO;
    }
    if (status == STATUS_OK && rename(tmp, path) != 0) {
        code = errno;
        status = STATUS_IO;
    }
    if (status == STATUS_OK)
        return STATUS_OK;
    IGNORE(unlink(tmp), "the next write removes it too");
    return err_set(err, status, code, path, "cannot write the file: %s", strerror(code));
}
