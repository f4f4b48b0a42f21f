/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file.h"

#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status stats_file_write(const char *path, const char *text, struct err *err)
{
    return file_replace(path, text, strlen(text), FILE_PRIVATE, false, err);
}

/* Reads no more than fstat said: a file that grows meanwhile is another file next time. */
static enum status read_all(int fd, int64_t size, char **out_text, size_t *out_len)
{
    if (size > STATS_FILE_MAX)
        return STATUS_TOO_LARGE;
    char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return STATUS_NO_MEMORY;
    size_t used = 0;
    while (used < (size_t)size) {
        const ssize_t n = read(fd, text + used, (size_t)size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(text);
            return STATUS_IO;
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    *out_text = text;
    *out_len = used;
    return STATUS_OK;
}

static bool is_same(const struct stats_file_stamp *a, const struct stats_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->mtime_ns == b->mtime_ns &&
           a->size == b->size;
}

static enum status read_open(int fd, struct stats_file_stamp *stamp, char **out_text,
                             size_t *out_len)
{
    struct stat st;
    const struct stats_file_stamp before = *stamp;
    *stamp = (struct stats_file_stamp){0};
    if (fstat(fd, &st) != 0)
        return STATUS_IO;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return STATUS_IO;
    }
    const struct stats_file_stamp found = {
        st.st_dev, st.st_ino, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        st.st_size};
    *stamp = found;
    if (is_same(&found, &before))
        return STATUS_AGAIN;
    const enum status status = read_all(fd, found.size, out_text, out_len);
    if (status == STATUS_NO_MEMORY)
        *stamp = before;
    return status;
}

enum status stats_file_read(const char *path, struct stats_file_stamp *stamp, char **out_text,
                            size_t *out_len)
{
    /* O_NONBLOCK: a FIFO in the file's place must not hang us. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        *stamp = (struct stats_file_stamp){0};
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    const enum status status = read_open(fd, stamp, out_text, out_len);
    const int error = errno;
    IGNORE(close(fd), "read-only descriptor");
    errno = error;
    return status;
}
