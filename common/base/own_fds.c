/* SPDX-License-Identifier: MIT */
#include "common/base/own_fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum status own_fds_find(own_fds_test *fits, const void *context, int *out_fd)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return STATUS_IO;
    enum status status = STATUS_NOT_FOUND;
    const struct dirent *entry;
    while (status == STATUS_NOT_FOUND && (entry = readdir(folder)) != NULL) {
        const int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] == '.' || !fits(fd, context))
            continue;
        *out_fd = fd;
        status = STATUS_OK;
    }
    IGNORE(closedir(folder), "was only read");
    return status;
}

bool own_fds_fill_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free number: fd. It stays open over an exec, as these three do. */
        int opened = open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
        if (opened < 0) /* a bare root folder: writing to it fails, which harms nobody */
            opened = open("/", O_RDONLY | O_DIRECTORY);
        if (opened != fd)
            return false;
    }
    return true;
}
