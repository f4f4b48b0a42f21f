/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/lock_file.h"

#include "common/base/file.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

bool lock_file_is_named(int fd, const char *path)
{
    struct file_id opened;
    struct file_id named;
    return file_id_of_fd(fd, &opened) && file_id_of_path(path, &named) &&
           file_id_is_same(opened, named);
}

/* Keeps errno. */
static void give_up(int *fd)
{
    const int error = errno;
    IGNORE(close(*fd), "holds nothing that anybody finds");
    *fd = -1;
    errno = error;
}

enum status lock_file_try(const char *path, int *fd)
{
    if (*fd < 0)
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (*fd < 0)
        return STATUS_IO;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        if (lock_file_is_named(*fd, path))
            return STATUS_OK;
        give_up(fd);
        return STATUS_BUSY;
    }
    if (errno == EWOULDBLOCK || errno == EINTR)
        return STATUS_BUSY;
    give_up(fd);
    return STATUS_IO;
}

enum status lock_file_take(const char *path, int *fd)
{
    const mono_us deadline = clock_mono() + LOCK_FILE_DYING_US;
    for (;;) {
        const enum status status = lock_file_try(path, fd);
        if (status != STATUS_BUSY || clock_mono() >= deadline)
            return status;
        IGNORE(poll(NULL, 0, LOCK_FILE_RETRY_MS), "only a pause");
    }
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

enum exit_code lock_file_hold(const char *path, const char *component, const char *held, int *fd)
{
    const enum status status = lock_file_take(path, fd);
    if (status == STATUS_IO)
        return EXIT_IO;
    if (status == STATUS_BUSY) {
        char holder[LOCK_FILE_PID];
        lock_file_read_pid(*fd, holder);
        log_event(LOG_ERROR, component, held, KV(KV_STR("lock", path), KV_STR("pid", holder)));
        return EXIT_LOCKED;
    }
    if (!lock_file_write_pid(*fd))
        log_event(LOG_WARN, component, "pid can't be written to the lock file",
                  KV(KV_STR("lock", path), KV_STR("error", strerror(errno))));
    return EXIT_CLEAN;
}
