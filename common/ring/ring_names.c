/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_names.h"

#include "common/base/clock.h"
#include "common/base/hex.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEMPORARY_SUFFIX RING_SUFFIX ".tmp"
#define UUID_DIGITS      (2 * (size_t)RING_UUID_BYTES)

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
    hex_encode_lower(uuid, RING_UUID_BYTES, digits);
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

bool ring_name_is_any(const char *name)
{
    const size_t len = strlen(name);
    const size_t suffix = strlen(RING_SUFFIX);
    return len > suffix && name[0] != '.' && strcmp(name + len - suffix, RING_SUFFIX) == 0;
}

bool ring_name_read_uuid(const char *path, uint8_t out[static RING_UUID_BYTES])
{
    const char *const dash = strrchr(path, '-');
    if (dash == NULL || !name_has_form(dash, "", RING_SUFFIX))
        return false;
    size_t len;
    return hex_decode(dash + 1, UUID_DIGITS, out, RING_UUID_BYTES, &len);
}

bool ring_name_is_temporary_of(const char *name, const char *escaped_source)
{
    return name_has_form(name, escaped_source, TEMPORARY_SUFFIX);
}

static enum status set_aside(const char *path, int (*give_name)(const char *, const char *),
                             struct err *err)
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
        if (give_name(path, to) == 0)
            return STATUS_OK;
        return err_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, errno, path,
                       "can't move aside: %s", strerror(errno));
    }
    return err_set(err, STATUS_EXISTS, 0, path, "too many damaged rings, delete some");
}

enum status ring_move_aside(const char *path, struct err *err)
{
    return set_aside(path, rename, err);
}

enum status ring_keep_aside(const char *path, struct err *err)
{
    return set_aside(path, link, err);
}
