/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/lock_file.h"

#include "common/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lock_file_open(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

bool lock_file_is_named(int fd, const char *path)
{
    struct file_id opened;
    struct file_id named;
    return file_id_of_fd(fd, &opened) && file_id_of_path(path, &named) &&
           file_id_is_same(opened, named);
}

void lock_file_read_pid(int fd, char out[static LOCK_FILE_PID])
{
    const ssize_t n = pread(fd, out, LOCK_FILE_PID - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

bool lock_file_write_pid(int fd)
{
    char text[LOCK_FILE_PID];
    const int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len;
}
