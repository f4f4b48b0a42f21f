/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/export_progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status export_state_text(const char *path, char out[static EXPORT_STATE_MAX],
                              int64_t *out_unix_s)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    const ssize_t len = fstat(fd, &st) == 0 ? read(fd, out, EXPORT_STATE_MAX - 1) : -1;
    IGNORE(close(fd), "read-only");
    if (len < 0)
        return STATUS_IO;
    out[len] = '\0';
    *out_unix_s = st.st_mtim.tv_sec;
    return STATUS_OK;
}

bool export_progress_read(const char *path, struct export_progress *out)
{
    char name[PATH_MAX + 32];
    char text[EXPORT_STATE_MAX];
    int64_t unix_s = 0;
    uint64_t rows = 0;
    uint64_t total = 0;
    (void)snprintf(name, sizeof name, "%s" EXPORT_STATE_SUFFIX, path);
    if (export_state_text(name, text, &unix_s) != STATUS_OK)
        return false;
    const char *line = strstr(text, "\nsent ");
    if (line == NULL || sscanf(line + 1, EXPORT_PROGRESS_PATTERN, &rows, &total) != 2 ||
        rows > INT64_MAX || total > INT64_MAX)
        return false;
    *out = (struct export_progress){(int64_t)rows, (int64_t)total, unix_s};
    return true;
}
