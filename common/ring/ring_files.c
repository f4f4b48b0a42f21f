/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_files.h"

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/ring/ring_guard.h"
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
    ring_guard_add(at, map->mapped_bytes, map->fd);
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
    ring_map_set_place(map);
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

/* --- where it is ------------------------------------------------------------------------------ */

static struct ring_place place_of(int fd)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) != 0)
        return (struct ring_place){0};
    struct ring_place place = {
        .device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
        .inode = st.stx_ino,
    };
    if ((st.stx_mask & STATX_BTIME) != 0)
        place.born_us = st.stx_btime.tv_sec * US_PER_S + st.stx_btime.tv_nsec / 1000;
    return place;
}

bool ring_map_is_in_place(const struct ring_map *map)
{
    const struct ring_place said = map->header->place;
    const struct ring_place place = place_of(map->fd);
    return said.inode == 0 || (said.inode == place.inode && said.device == place.device &&
                               said.born_us == place.born_us);
}

void ring_map_set_place(struct ring_map *map)
{
    map->header->place = place_of(map->fd);
}

enum ring_file ring_map_look(const struct ring_map *map, const char *path)
{
    struct stat st;
    struct file_id named;
    /* The error of a look is none of the ring's. */
    if (fstat(map->fd, &st) != 0)
        return RING_FILE_WHOLE;
    if (!file_id_of_path(path, &named))
        return errno == ENOENT || errno == ENOTDIR ? RING_FILE_NAMELESS : RING_FILE_WHOLE;
    if (!file_id_is_same((struct file_id){st.st_dev, st.st_ino}, named))
        return RING_FILE_REPLACED;
    if ((uint64_t)st.st_size < map->mapped_bytes || ring_guard_take_cut(map->header) ||
        memcmp(&map->header->fixed, &map->fixed, sizeof map->fixed) != 0)
        return RING_FILE_CUT;
    return RING_FILE_WHOLE;
}

/* --- what others did to it -------------------------------------------------------------------- */

enum status ring_map_lengthen(const struct ring_map *map, const char *path, struct err *err)
{
    return allocate(map->fd, map->mapped_bytes, path, err);
}

void ring_map_restore_static(struct ring_map *map)
{
    memcpy(&map->header->fixed, &map->fixed, sizeof map->fixed);
    map->header->place = place_of(map->fd);
}

/* Not by a second mapping: a receiver's addresses are limited. */
static enum status copy_bytes(const void *from, int fd, uint64_t at, size_t len)
{
    for (size_t done = 0; done < len;) {
        const ssize_t n = pwrite(fd, (const uint8_t *)from + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return STATUS_IO;
        done += (size_t)n;
    }
    return STATUS_OK;
}

/* What lies between tail and head, each part of it in its lap. */
static enum status copy_records(const struct ring_map *from, int fd)
{
    const uint64_t capacity = from->fixed.capacity_bytes;
    struct ring_head head;
    struct ring_cursor tail;
    if (!ring_head_read(from, &head)) /* not known: all of it */
        return copy_bytes(from->data, fd, RING_HEADER_BYTES, (size_t)capacity);
    if (!ring_tail_read(from, &tail) || tail.offset > head.write_off ||
        head.write_off - tail.offset > capacity)
        tail.offset = head.write_off > capacity ? head.write_off - capacity : 0;
    enum status status = STATUS_OK;
    for (uint64_t at = tail.offset; status == STATUS_OK && at < head.write_off;) {
        const uint64_t bytes = min_u64(ring_lap_rest(from, at), head.write_off - at);
        status = copy_bytes(from->data + at % capacity, fd, RING_HEADER_BYTES + at % capacity,
                            (size_t)bytes);
        at += bytes;
    }
    return status;
}

static enum status fill_copy(const struct ring_map *from, int fd, const char *path, struct err *err)
{
    const enum status status = allocate(fd, from->mapped_bytes, path, err);
    if (status != STATUS_OK)
        return status;
    const struct ring_place place = place_of(fd);
    if (copy_bytes(from->header, fd, 0, RING_HEADER_BYTES) != STATUS_OK ||
        copy_bytes(&place, fd, offsetof(struct ring_header, place), sizeof place) != STATUS_OK ||
        copy_records(from, fd) != STATUS_OK)
        return err_errno(err, errno, path, "can't write the ring");
    return fsync(fd) == 0 ? STATUS_OK : err_errno(err, errno, path, "can't sync the ring");
}

static enum status name_copy(const char *temporary, const char *path, struct err *err)
{
    char dir[PATH_MAX];
    enum status status = ring_keep_aside(path, err);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    if (status == STATUS_OK && rename(temporary, path) != 0)
        status = err_errno(err, errno, path, "can't name the ring");
    (void)snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    return status == STATUS_OK ? sync_directory(dir, err) : status;
}

enum status ring_map_put_back(const struct ring_map *map, const char *path, struct err *err)
{
    char temporary[PATH_MAX + 8];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    IGNORE(unlink(temporary), "of one that was killed; else making it says so");
    const int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_errno(err, errno, temporary, "can't make the ring");
    enum status status = fill_copy(map, fd, temporary, err);
    if (status == STATUS_OK)
        status = name_copy(temporary, path, err);
    IGNORE(close(fd), "it was synced");
    if (status != STATUS_OK)
        IGNORE(unlink(temporary), "already renamed, or removed at the next open");
    return status;
}

void ring_map_close(struct ring_map *map)
{
    if (map == NULL)
        return;
    if (map->header != NULL)
        ring_guard_remove(map->header);
    if (map->header != NULL)
        IGNORE(munmap(map->header, map->mapped_bytes), "can only fail for a bad address");
    map->header = NULL;
    if (map->fd >= 0)
        IGNORE(close(map->fd), "all data is in the mapping; msync reports its errors");
    map->fd = -1;
}
