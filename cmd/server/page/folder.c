/* SPDX-License-Identifier: MIT */
#include "cmd/server/page/folder.h"

#include "cmd/server/page/media_type.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLED_US (2 * US_PER_S) /* file systems with times of a second or two */

/* --- names ------------------------------------------------------------------------------------ */

static bool is_name(const char *name, size_t len)
{
    if (len == 0 || *name == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\')
            return false;
    }
    return true;
}

/* The next name of the path; "" at its end means the index. False = it is none. */
static bool take_name(const char **path, char out[static NAME_MAX + 1], bool *out_is_last)
{
    const char *name = *path;
    size_t len = strcspn(name, "/");
    *out_is_last = name[len] == '\0';
    *path = name + len + (*out_is_last ? 0 : 1);
    if (*out_is_last && len == 0) {
        name = FOLDER_INDEX;
        len = sizeof FOLDER_INDEX - 1;
    }
    if (len > NAME_MAX || !is_name(name, len))
        return false;
    memcpy(out, name, len);
    out[len] = '\0';
    return true;
}

/* --- the walk --------------------------------------------------------------------------------- */

static enum folder_found found_of(int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return FOLDER_ABSENT;
    return error == ELOOP ? FOLDER_REFUSED : FOLDER_FAILED;
}

/* Takes the folder's descriptor over. */
static int open_next(int dir, const char *name, bool is_last)
{
    const int flags = is_last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
    int fd;
    do
        fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    const int error = errno;
    IGNORE(close(dir), "it was only a place");
    errno = error;
    return fd;
}

static enum folder_found open_file(const char *root, const char *path, char *out_name, int *out_fd)
{
    bool is_last = false;
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return FOLDER_FAILED;
    while (!is_last) {
        if (!take_name(&path, out_name, &is_last)) {
            IGNORE(close(fd), "it was only a place");
            return FOLDER_REFUSED;
        }
        fd = open_next(fd, out_name, is_last);
        if (fd < 0)
            return found_of(errno);
    }
    *out_fd = fd;
    return FOLDER_FILE;
}

/* --- files ------------------------------------------------------------------------------------ */

static void describe(const struct stat *st, const char *name, struct folder_file *out)
{
    const wall_us changed = st->st_ctim.tv_sec * US_PER_S + st->st_ctim.tv_nsec / 1000;
    out->size = st->st_size;
    out->type = media_type(name);
    out->is_settled = clock_wall() - changed > SETTLED_US;
    (void)snprintf(out->identity, sizeof out->identity, "%jx.%jx.%jx.%jd.%ld.%jd.%ld %s",
                   (uintmax_t)st->st_dev, (uintmax_t)st->st_ino, (uintmax_t)st->st_size,
                   (intmax_t)st->st_mtim.tv_sec, (long)st->st_mtim.tv_nsec,
                   (intmax_t)st->st_ctim.tv_sec, (long)st->st_ctim.tv_nsec, out->type);
}

enum folder_found folder_find(const char *root, const char *path, struct folder_file *out)
{
    char name[NAME_MAX + 1];
    struct stat st;
    int fd;
    const enum folder_found found = open_file(root, path, name, &fd);
    if (found != FOLDER_FILE)
        return found;
    const bool is_known = fstat(fd, &st) == 0;
    if (!is_known || !S_ISREG(st.st_mode)) {
        const int error = errno;
        IGNORE(close(fd), "nothing was read");
        errno = error;
        return is_known ? FOLDER_ABSENT : FOLDER_FAILED;
    }
    out->fd = fd;
    describe(&st, name, out);
    return FOLDER_FILE;
}

char *folder_read(const struct folder_file *file, size_t *out_len)
{
    const size_t size = (size_t)file->size;
    char *bytes = malloc(size + 1); /* never 0: that may be NULL */
    size_t len = 0;
    ssize_t n = 1;
    while (bytes != NULL && len < size && n != 0) {
        n = pread(file->fd, bytes + len, size - len, (off_t)len);
        if (n < 0 && errno != EINTR) {
            free(bytes);
            return NULL;
        }
        len += n > 0 ? (size_t)n : 0;
    }
    *out_len = len;
    return bytes;
}

enum status folder_check(const char *root, struct err *err)
{
    struct folder_file file;
    const enum folder_found found = folder_find(root, "", &file);
    if (found == FOLDER_FILE) {
        IGNORE(close(file.fd), "nothing was read");
        return STATUS_OK;
    }
    if (found == FOLDER_FAILED)
        return err_set(err, STATUS_CONFIG, errno, root,
                       "webRoot: can't be read: %s; it must name a folder that the server may read",
                       strerror(errno));
    return err_set(err, STATUS_CONFIG, 0, root,
                   "webRoot: there is no " FOLDER_INDEX " in it%s: put the page there",
                   found == FOLDER_REFUSED ? " but a link, which is not followed" : "");
}
