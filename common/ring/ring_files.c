/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_files.h"

#include "common/ring/ring_names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status err_errno(struct err *err, int code, const char *path, const char *doing)
{
    enum status status = STATUS_IO;
    if (code == ENOENT)
        status = STATUS_NOT_FOUND;
    else if (code == ENOSPC || code == EDQUOT || code == EFBIG)
        status = STATUS_NO_SPACE;
    else if (code == ENOMEM)
        status = STATUS_NO_MEMORY;
    return err_set(err, status, code, path, "%s: %s", doing, strerror(code));
}

/* Not ftruncate: a page without a block behind it is a SIGBUS when the disk is full. */
static enum status allocate(int fd, uint64_t bytes, const char *path, struct err *err)
{
    int code;
    do
        code = posix_fallocate(fd, 0, (off_t)bytes);
    while (code == EINTR);
    return code == 0 ? STATUS_OK : err_errno(err, code, path, "can't allocate the ring");
}

static enum status map_file(struct ring_map *map, const char *path, struct err *err)
{
    const uint64_t bytes = RING_HEADER_BYTES + map->fixed.capacity_bytes;
    if ((size_t)bytes != bytes) /* of 32 bits */
        return err_set(err, STATUS_NO_MEMORY, 0, path,
                       "a ring of %llu bytes is larger than the addresses of this machine; drain "
                       "it where it was made",
                       (unsigned long long)bytes);
    map->mapped_bytes = (size_t)bytes;
    map->seed = ring_seed(&map->fixed);
    void *const at = mmap(NULL, map->mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    if (at == MAP_FAILED)
        return err_errno(err, errno, path, "can't map the ring");
    map->header = at;
    map->data = (uint8_t *)at + RING_HEADER_BYTES;
    return STATUS_OK;
}

static bool path_is_named_by(const char *path, const struct ring_static *fixed)
{
    char name[RING_NAME_BYTES];
    ring_file_name(fixed->source, fixed->uuid, name);
    const char *const slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

static enum status check_file(struct ring_map *map, const char *path, struct err *err)
{
    struct stat st;
    if (fstat(map->fd, &st) != 0)
        return err_errno(err, errno, path, "can't look at the ring");
    if (!S_ISREG(st.st_mode) || st.st_size < RING_HEADER_BYTES)
        return err_set(err, STATUS_CORRUPT, 0, path, "too short for a ring");
    const ssize_t n = pread(map->fd, &map->fixed, sizeof map->fixed, 0);
    if (n != (ssize_t)sizeof map->fixed)
        return err_errno(err, n < 0 ? errno : EIO, path, "can't read the ring's header");
    const enum status status = ring_static_check(&map->fixed, path, err);
    if (status != STATUS_OK)
        return status;
    if (!path_is_named_by(path, &map->fixed))
        return err_set(err, STATUS_CORRUPT, 0, path, "a ring of another name: copied or renamed");
    const uint64_t whole = RING_HEADER_BYTES + map->fixed.capacity_bytes;
    return (uint64_t)st.st_size < whole ? allocate(map->fd, whole, path, err) : STATUS_OK;
}

enum status ring_map_open(const char *path, struct ring_map *out, struct err *err)
{
    struct ring_map map = {.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    if (map.fd < 0 && errno == ELOOP)
        return err_set(err, STATUS_CORRUPT, ELOOP, path, "a link, not a ring");
    if (map.fd < 0)
        return err_errno(err, errno, path, "can't open the ring");
    enum status status = check_file(&map, path, err);
    if (status == STATUS_OK)
        status = map_file(&map, path, err);
    if (status == STATUS_OK)
        *out = map;
    else
        ring_map_close(&map);
    return status;
}

static enum status sync_directory(const char *dir, struct err *err)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, dir, "can't open the spool folder");
    const int code = fsync(fd) == 0 ? 0 : errno;
    IGNORE(close(fd), "read-only descriptor");
    /* Some file systems have nothing to sync in a folder and say EINVAL. */
    return code == 0 || code == EINVAL ? STATUS_OK
                                       : err_errno(err, code, dir, "can't sync the spool folder");
}

static enum status fill_new(struct ring_map *map, const struct ring_head *head, const char *path,
                            struct err *err)
{
    enum status status =
        allocate(map->fd, RING_HEADER_BYTES + map->fixed.capacity_bytes, path, err);
    if (status == STATUS_OK)
        status = map_file(map, path, err);
    if (status != STATUS_OK)
        return status;
    /* The analyzer does not see that err_errno never answers OK, and takes the
     * mapping for missing. */
    memcpy(&map->header->fixed, &map->fixed, sizeof map->fixed); // NOLINT(clang-analyzer-core.*)
    ring_head_write(map->header, head);
    ring_tail_write(map->header,
                    &(struct ring_cursor){.offset = 0, .number = map->fixed.first_number});
    return fsync(map->fd) == 0 ? STATUS_OK : err_errno(err, errno, path, "can't sync the ring");
}

enum status ring_map_create(const char *dir, const struct ring_static *fixed,
                            const struct ring_head *head, struct ring_map *out, struct err *err)
{
    char name[RING_NAME_BYTES];
    char path[PATH_MAX];
    char temporary[PATH_MAX + 8];
    ring_file_name(fixed->source, fixed->uuid, name);
    if (!ring_path(dir, name, path, sizeof path))
        return err_set(err, STATUS_INVALID, 0, dir, "path too long");
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);

    struct ring_map map = {.fixed = *fixed};
    map.fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (map.fd < 0)
        return err_errno(err, errno, temporary, "can't make the ring");
    enum status status = fill_new(&map, head, temporary, err);
    if (status == STATUS_OK && rename(temporary, path) != 0)
        status = err_errno(err, errno, path, "can't name the ring");
    if (status == STATUS_OK)
        status = sync_directory(dir, err);
    if (status == STATUS_OK) {
        *out = map;
        return STATUS_OK;
    }
    ring_map_close(&map);
    IGNORE(unlink(temporary), "already renamed, or removed at the next open");
    return status;
}

void ring_map_close(struct ring_map *map)
{
    if (map == NULL)
        return;
    if (map->header != NULL)
        IGNORE(munmap(map->header, map->mapped_bytes), "can only fail for a bad address");
    map->header = NULL;
    if (map->fd >= 0)
        IGNORE(close(map->fd), "all data is in the mapping; msync reports its errors");
    map->fd = -1;
}
