/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

enum status stats_file_write(const char *path, const char *text, struct err *err)
{
    char tmp[4096];
    const int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof tmp)
        return err_set(err, STATUS_INVALID, 0, path, "the stats file's name is too long");
    if (unlink(tmp) != 0 && errno != ENOENT)
        return err_set(err, STATUS_IO, errno, tmp, "cannot remove the old file: %s",
                       strerror(errno));
    const int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_set(err, errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO, errno, tmp,
                       "cannot create: %s", strerror(errno));
    enum status status = write_all(fd, text, strlen(text));
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
    return err_set(err, status, code, path, "cannot write the stats file: %s", strerror(code));
}
