/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/export_progress.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool export_progress_read(const char *path, struct export_progress *out)
{
    char name[PATH_MAX + 32];
    char text[EXPORT_STATE_MAX];
    struct stat st;
    uint64_t rows = 0;
    uint64_t total = 0;
    (void)snprintf(name, sizeof name, "%s" EXPORT_STATE_SUFFIX, path);
    const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t len = fstat(fd, &st) == 0 ? read(fd, text, sizeof text - 1) : -1;
    IGNORE(close(fd), "read-only");
    if (len < 0)
        return false;
    text[len] = '\0';
    const char *line = strstr(text, "\nsent ");
    if (line == NULL || sscanf(line + 1, EXPORT_PROGRESS_PATTERN, &rows, &total) != 2 ||
        rows > INT64_MAX || total > INT64_MAX)
        return false;
    *out = (struct export_progress){(int64_t)rows, (int64_t)total, st.st_mtim.tv_sec};
    return true;
}
