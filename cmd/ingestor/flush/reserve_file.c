/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/reserve_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool path_of(const char *db_path, char out[static PATH_MAX])
{
    const int n = snprintf(out, PATH_MAX, "%s.reserve", db_path);
    return n > 0 && n < PATH_MAX;
}

static bool is_whole(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == RESERVE_FILE_BYTES;
}

static bool has_room(int fd)
{
    struct statvfs fs;
    return fstatvfs(fd, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize >= RESERVE_FILE_BYTES + RESERVE_FILE_ROOM;
}

bool reserve_file_make(const char *db_path)
{
    char path[PATH_MAX];
    if (!path_of(db_path, path))
        return false;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (fd < 0)
        return false;
    const bool is_there =
        is_whole(fd) || (has_room(fd) && posix_fallocate(fd, 0, RESERVE_FILE_BYTES) == 0);
    IGNORE(close(fd), "holds no data");
    if (!is_there)
        IGNORE(unlink(path), "a part of it helps nobody");
    return is_there;
}

bool reserve_file_release(const char *db_path)
{
    char path[PATH_MAX];
    return path_of(db_path, path) && unlink(path) == 0;
}
