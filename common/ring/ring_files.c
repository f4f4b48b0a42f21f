/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY_SUFFIX RING_SUFFIX ".tmp"
#define UUID_DIGITS      (2 * (size_t)RING_UUID_BYTES)

/* --- names ------------------------------------------------------------------------------------------ */

static bool stands_for_itself(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

/* '-' is escaped as well, so that the last one in a ring's name is the one before the uuid. */
void ring_escape_source(const char *source, char *out, size_t cap)
{
    size_t used = 0;
    for (; *source != '\0'; source++) {
        const unsigned char c = (unsigned char)*source;
        const size_t need = stands_for_itself(c) ? 1 : 3;
        if (used + need >= cap)
            break;
        if (need == 1)
            out[used] = (char)c;
        else
            (void)snprintf(out + used, cap - used, "%%%02X", c);
        used += need;
    }
    if (cap > 0)
        out[used] = '\0';
}

bool ring_path(const char *dir, const char *name, char *out, size_t cap)
{
    const int n = snprintf(out, cap, "%s/%s", dir, name);
    return n > 0 && (size_t)n < cap;
}

bool ring_lock_path(const char *dir, const char *source, char *out, size_t cap)
{
    char escaped[RING_ESCAPED_MAX];
    ring_escape_source(source, escaped, sizeof escaped);
    const int n = snprintf(out, cap, "%s/%s.w", dir, escaped);
    return n > 0 && (size_t)n < cap;
}

void ring_file_name(const char *source, const uint8_t uuid[static RING_UUID_BYTES],
                    char out[static RING_NAME_BYTES])
{
    char escaped[RING_ESCAPED_MAX];
    ring_escape_source(source, escaped, sizeof escaped);
    char digits[UUID_DIGITS + 1];
    for (size_t i = 0; i < RING_UUID_BYTES; i++)
        (void)snprintf(digits + 2 * i, 3, "%02x", uuid[i]);
    (void)snprintf(out, RING_NAME_BYTES, "%s-%s%s", escaped, digits, RING_SUFFIX);
}

static bool name_has_form(const char *name, const char *escaped_source, const char *suffix)
{
    const size_t prefix = strlen(escaped_source);
    if (strncmp(name, escaped_source, prefix) != 0 || name[prefix] != '-')
        return false;
    const char *const digits = name + prefix + 1;
    return strspn(digits, "0123456789abcdef") == UUID_DIGITS &&
           strcmp(digits + UUID_DIGITS, suffix) == 0;
}

bool ring_name_is_of(const char *name, const char *escaped_source)
{
    return name_has_form(name, escaped_source, RING_SUFFIX);
}

bool ring_name_is_temporary_of(const char *name, const char *escaped_source)
{
    return name_has_form(name, escaped_source, TEMPORARY_SUFFIX);
}

static bool path_is_named_by(const char *path, const struct ring_static *fixed)
{
    char name[RING_NAME_BYTES];
    ring_file_name(fixed->source, fixed->uuid, name);
    const char *const slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

enum status ring_move_aside(const char *path, struct err *err)
{
    char to[PATH_MAX];
    const int64_t now = clock_wall() / US_PER_S;
    /* Two in one second get different names: nothing that was moved aside is ever overwritten. */
    for (int i = 0; i < 1000; i++) {
        const int n = snprintf(to, sizeof to, "%s.damaged-%" PRId64, path, now + i);
        if (n < 0 || (size_t)n >= sizeof to)
            return err_set(err, STATUS_INVALID, 0, path, "path too long");
        if (access(to, F_OK) == 0)
            continue;
        if (rename(path, to) == 0)
            return STATUS_OK;
        return err_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, errno, path,
                       "can't move aside: %s", strerror(errno));
    }
    return err_set(err, STATUS_EXISTS, 0, path, "too many damaged rings, delete some");
}

/* --- mappings --------------------------------------------------------------------------------------- */

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
    map->mapped_bytes = (size_t)(RING_HEADER_BYTES + map->fixed.capacity_bytes);
    map->seed = ring_seed(&map->fixed);
    void *const at = mmap(NULL, map->mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    if (at == MAP_FAILED)
        return err_errno(err, errno, path, "can't map the ring");
    map->header = at;
    map->data = (uint8_t *)at + RING_HEADER_BYTES;
    return STATUS_OK;
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
    /* The analyzer does not see that err_errno never answers OK, and takes the mapping for missing. */
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

void ring_read_boot_id(char out[static 40])
{
    memset(out, 0, 40);
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t n = read(fd, out, 36);
    out[n == 36 ? 36 : 0] = '\0';
    IGNORE(close(fd), "read-only descriptor");
}
