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

double stats_stamp_age(wall_us stamp, wall_us now)
{
    /* A stamp far outside the clock's range would overflow the difference. */
    if (stamp == STATS_UNKNOWN || stamp < 0 || now < 0)
        return -1;
    const double age = (double)(now - stamp) / US_PER_S;
    if (age < -STATS_FRESH_SECONDS)
        return -1;
    return age > 0 ? age : 0;
}

double stats_age_seconds(const struct stats_snapshot *snapshot, wall_us now)
{
    return stats_stamp_age(snapshot->sampled_at != STATS_UNKNOWN ? snapshot->sampled_at
                                                                 : snapshot->procio_sampled_at,
                           now);
}

bool stats_procio_rates(const struct procio *from, const struct procio *to, double seconds,
                        struct procio_rates *out)
{
    if (!(seconds > 0.001)) /* less is a stamp's rounding, not a time */
        return false;
#define X(field, rate_key, total_key)                                                              \
    out->field = to->field > from->field ? (double)(to->field - from->field) / seconds : 0;
    STATS_RATE_LIST(X)
#undef X
    return true;
}
