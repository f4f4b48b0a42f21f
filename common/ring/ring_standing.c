/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_standing.h"

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/ring/ring_format.h"
#include "common/ring/ring_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The scan of a large ring's end can take as long; nobody waits longer for another source. */
#define FOLDER_LOCK_TRIES    50
#define FOLDER_LOCK_PAUSE_US (20 * US_PER_MS)

/* STATUS_CORRUPT: no regular file with a whole header; STATUS_IO: not to be had now. */
static enum status read_header(const char *path, struct ring_header *out)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? STATUS_CORRUPT : STATUS_IO;
    enum status status = STATUS_IO;
    if (fstat(fd, &st) == 0) {
        const ssize_t n = S_ISREG(st.st_mode) ? pread(fd, out, sizeof *out, 0) : 0;
        if (n >= 0)
            status = n == (ssize_t)sizeof *out && st.st_size >= RING_HEADER_BYTES ? STATUS_OK
                                                                                  : STATUS_CORRUPT;
    }
    IGNORE(close(fd), "read-only");
    return status;
}

static void count(struct ring_header *header, struct ring_place_of *out)
{
    /* Of any first number: the static part may be what is damaged. */
    const struct ring_map map = {.fd = -1, .header = header};
    struct ring_head head;
    struct ring_cursor tail;
    out->is_counted =
        ring_head_read(&map, &head) && ring_tail_read(&map, &tail) && tail.number <= head.next_no;
    if (!out->is_counted)
        return;
    out->waiting = head.next_no - tail.number;
    ring_head_to_tuple(&head, &out->tuple);
}

/* The ring of the same uuid in its own place. */
static bool is_there(const struct ring_static *fixed, const char *path)
{
    struct ring_header other;
    struct err err;
    return read_header(path, &other) == STATUS_OK &&
           ring_static_check(&other.fixed, path, &err) == STATUS_OK &&
           memcmp(other.fixed.uuid, fixed->uuid, sizeof fixed->uuid) == 0;
}

enum ring_standing ring_standing_look(const char *path, struct ring_place_of *out)
{
    struct ring_header header;
    struct err err;
    char name[RING_NAME_BYTES];
    *out = (struct ring_place_of){.is_counted = false};
    const char *const slash = strrchr(path, '/');
    const enum status status = slash != NULL ? read_header(path, &header) : STATUS_IO;
    if (status != STATUS_OK)
        return status == STATUS_CORRUPT ? RING_STANDS_FOREIGN : RING_STANDS_UNKNOWN;
    count(&header, out);
    if (ring_static_check(&header.fixed, path, &err) != STATUS_OK)
        return RING_STANDS_FOREIGN;
    memcpy(out->source, header.fixed.source, RING_SOURCE_MAX);
    ring_file_name(header.fixed.source, header.fixed.uuid, name);
    const int n = snprintf(out->path, sizeof out->path, "%.*s/%s", (int)(slash - path), path, name);
    if (n < 0 || (size_t)n >= sizeof out->path)
        return RING_STANDS_FOREIGN;
    if (strcmp(slash + 1, name) == 0)
        return RING_STANDS_RIGHT;
    return is_there(&header.fixed, out->path) ? RING_STANDS_COPY : RING_STANDS_WRONG;
}

enum status ring_put_right(const char *path, const struct ring_place_of *place, bool *out_exchanged,
                           struct err *err)
{
    *out_exchanged = false;
    if (renameat2(AT_FDCWD, path, AT_FDCWD, place->path, RENAME_NOREPLACE) == 0)
        return STATUS_OK;
    if (errno == EEXIST && renameat2(AT_FDCWD, path, AT_FDCWD, place->path, RENAME_EXCHANGE) == 0) {
        *out_exchanged = true;
        return STATUS_OK;
    }
    return err_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, errno, path,
                   "a ring under a wrong name can't be renamed to its own, do it by hand (%s): %s",
                   strrchr(place->path, '/') + 1, strerror(errno));
}

int ring_folder_lock(const char *dir, bool patient)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int tries = patient ? FOLDER_LOCK_TRIES : 1; fd >= 0 && tries > 0; tries--) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        const struct timespec pause = clock_timespec(FOLDER_LOCK_PAUSE_US);
        if (tries > 1)
            IGNORE(nanosleep(&pause, NULL), "woken early, tried early");
    }
    if (fd >= 0)
        IGNORE(close(fd), "holds nothing");
    return -1;
}
