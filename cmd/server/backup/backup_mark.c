/* SPDX-License-Identifier: MIT */
#include "cmd/server/backup/backup_mark.h"

#include "common/base/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define NAME           "backup-last"
#define LINE_MAX_BYTES 64

static bool name_it(const char *state_dir, char out[static PATH_MAX])
{
    const int n = snprintf(out, PATH_MAX, "%s/" NAME, state_dir);
    return n > 0 && n < PATH_MAX;
}

/* For all to read: the tool may be run by somebody else than the server. */
enum status backup_mark_write(const char *state_dir, const struct backup_mark *mark,
                              struct err *err)
{
    char path[PATH_MAX];
    char line[LINE_MAX_BYTES];
    const int n =
        snprintf(line, sizeof line, "%" PRId64 " %" PRId64 "\n", mark->at_unix, mark->bytes);
    return name_it(state_dir, path)
               ? file_replace(path, line, (size_t)n, 0644, true, err)
               : err_set(err, STATUS_INVALID, 0, state_dir, "the folder's name is too long");
}

void backup_mark_read(const char *state_dir, struct backup_mark *out)
{
    char path[PATH_MAX];
    char line[LINE_MAX_BYTES] = "";
    *out = (struct backup_mark){0};
    if (!name_it(state_dir, path))
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
