/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/unix_listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MODE 0660

/* What stands at the path. */
enum found { FOUND_NOTHING, FOUND_LEFT_BEHIND, FOUND_LISTENER, FOUND_OTHER, FOUND_UNKNOWN };

/* UNKNOWN: errno says why it can't be told. */
static enum found look_at(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0)
        return errno == ENOENT ? FOUND_NOTHING : FOUND_UNKNOWN;
    if (!S_ISSOCK(st.st_mode))
        return FOUND_OTHER;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return FOUND_UNKNOWN;
    const bool is_connected = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    const int why = errno;
    IGNORE(close(fd), "it only tried");
    errno = why;
    /* EAGAIN: its queue is full; EPROTOTYPE: it listens for something else. */
    if (is_connected || why == EAGAIN || why == EPROTOTYPE)
        return FOUND_LISTENER;
    return why == ECONNREFUSED ? FOUND_LEFT_BEHIND : FOUND_UNKNOWN;
}

static enum status fail(struct err *err, const char *path, int why)
{
    const char *advice = "";
    if (why == ENOENT)
        advice = ": its folder is not there; make it";
    else if (why == EACCES || why == EPERM)
        advice = ": this user may not write there; choose a folder of its own";
    return err_set(err, STATUS_IO, why, path, "cannot listen: %s%s", strerror(why), advice);
}

static enum status make_room(const struct sockaddr_un *address, struct err *err)
{
    const char *path = address->sun_path;
    switch (look_at(address)) {
    case FOUND_NOTHING:
        return STATUS_OK;
    case FOUND_LEFT_BEHIND:
        return unlink(path) == 0 || errno == ENOENT ? STATUS_OK : fail(err, path, errno);
    case FOUND_LISTENER:
        return err_set(err, STATUS_IO, EADDRINUSE, path,
                       "cannot listen: another program listens there; stop it, or choose another "
                       "path");
    case FOUND_OTHER:
        return err_set(err, STATUS_IO, EEXIST, path,
                       "cannot listen: what is there is no socket; remove it, or choose another "
                       "path");
    case FOUND_UNKNOWN:
        break;
    }
    return fail(err, path, errno);
}

enum status unix_listener_open(const char *path, int backlog, int *out_fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(path);
    if (len == 0 || len >= sizeof address.sun_path)
        return err_set(err, STATUS_CONFIG, 0, "host", "a Unix socket's path has 1 to %zu bytes",
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, len + 1);
    const enum status status = make_room(&address, err);
    if (status != STATUS_OK)
        return status;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, path, errno);
    /* bind takes the mode from the descriptor, less the umask; chmod then only widens. */
    if (fchmod(fd, MODE) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        if (chmod(path, MODE) == 0 && listen(fd, backlog) == 0) {
            *out_fd = fd;
            return STATUS_OK;
        }
        const int why = errno;
        IGNORE(unlink(path), "then it is found left behind");
        errno = why;
    }
    const int why = errno;
    IGNORE(close(fd), "the reason is the one before");
    return fail(err, path, why);
}

void unix_listener_close(int fd)
{
    struct sockaddr_un address = {0};
    socklen_t len = sizeof address;
    const bool has_name = getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    IGNORE(close(fd), "no more connections");
    if (has_name && address.sun_path[0] != '\0' && look_at(&address) == FOUND_LEFT_BEHIND)
        IGNORE(unlink(address.sun_path), "then the next start finds it left behind");
}
