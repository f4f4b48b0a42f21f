/* SPDX-License-Identifier: MIT */
#include "cmd/server/backup/backup_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME           "backup-last"
#define LINE_MAX_BYTES 64

static bool name_it(const char *state_dir, const char *end, char out[static PATH_MAX])
{
    const int n = snprintf(out, PATH_MAX, "%s/" NAME "%s", state_dir, end);
    if (n > 0 && n < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* 0644: the tool may be run by somebody else than the server. */
static bool write_line(const char *path, const char *line, size_t len)
{
    const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return false;
    const bool is_whole = write(fd, line, len) == (ssize_t)len && fsync(fd) == 0;
    return close(fd) == 0 && is_whole;
}

bool backup_mark_write(const char *state_dir, const struct backup_mark *mark)
{
    char path[PATH_MAX];
    char fresh[PATH_MAX];
    char line[LINE_MAX_BYTES];
    const int n =
        snprintf(line, sizeof line, "%" PRId64 " %" PRId64 "\n", mark->at_unix, mark->bytes);
    if (!name_it(state_dir, "", path) || !name_it(state_dir, ".new", fresh))
        return false;
    if (write_line(fresh, line, (size_t)n) && rename(fresh, path) == 0)
        return true;
    const int error = errno;
    IGNORE(unlink(fresh), "the next one writes over it");
    errno = error;
    return false;
}

void backup_mark_read(const char *state_dir, struct backup_mark *out)
{
    char path[PATH_MAX];
    char line[LINE_MAX_BYTES] = "";
    *out = (struct backup_mark){0};
    if (!name_it(state_dir, "", path))
        return;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    const ssize_t n = read(fd, line, sizeof line - 1);
    IGNORE(close(fd), "read-only");
    struct backup_mark mark;
    if (n > 0 && sscanf(line, "%" SCNd64 " %" SCNd64, &mark.at_unix, &mark.bytes) == 2 &&
        mark.at_unix > 0 && mark.bytes >= 0)
        *out = mark;
}
