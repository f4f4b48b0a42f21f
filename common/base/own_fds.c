/* SPDX-License-Identifier: MIT */
#include "common/base/own_fds.h"

#include <dirent.h>
#include <stdlib.h>

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
