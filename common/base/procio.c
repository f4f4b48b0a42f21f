/* SPDX-License-Identifier: MIT */
#include "common/base/procio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel prints seven lines of at most 43 bytes. */
#define PROC_IO_MAX 512
/* 52 numbers and a name. */
#define PROC_STAT_MAX 1280

/* Digits up to the end of the line; false on anything else and on overflow. */
static bool parse_count(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        const uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* One "key: value" line; true when it held one of the five. */
static bool parse_line(const char *line, size_t len, struct procio *out)
{
    const struct {
        const char *key;
        uint64_t *field;
    } keys[] = {
        {"read_bytes: ", &out->read_bytes},
        {"write_bytes: ", &out->write_bytes},
        {"cancelled_write_bytes: ", &out->cancelled_write_bytes},
        {"syscr: ", &out->syscalls_read},
        {"syscw: ", &out->syscalls_write},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const size_t key_len = strlen(keys[i].key);
        if (len >= key_len && memcmp(line, keys[i].key, key_len) == 0)
            return parse_count(line + key_len, len - key_len, keys[i].field);
    }
    return false;
}

bool procio_parse(const char *text, size_t len, struct procio *out)
{
    struct procio sample = {0};
    bool is_sample = false;
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        const size_t line_len = newline != NULL ? (size_t)(newline - text) : len;
        is_sample |= parse_line(text, line_len, &sample);
        const size_t step = newline != NULL ? line_len + 1 : len;
        text += step;
        len -= step;
    }
    if (is_sample)
        *out = sample;
    return is_sample;
}

/* The file's length; 0 = it can't be read. */
static size_t read_file(pid_t pid, const char *name, char *out, size_t cap)
{
    char path[64];
    if (pid == 0)
        (void)snprintf(path, sizeof path, "/proc/self/%s", name);
    else
        (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = 0;
    do
        n = read(fd, out, cap);
    while (n < 0 && errno == EINTR);
    IGNORE(close(fd), "read-only descriptor");
    return n > 0 ? (size_t)n : 0;
}

bool procio_read(pid_t pid, struct procio *out)
{
    char text[PROC_IO_MAX];
    const size_t len = read_file(pid, "io", text, sizeof text);
    return len > 0 && procio_parse(text, len, out);
}

void procio_add(struct procio *total, const struct procio *part)
{
    total->read_bytes += part->read_bytes;
    total->write_bytes += part->write_bytes;
    total->cancelled_write_bytes += part->cancelled_write_bytes;
    total->syscalls_read += part->syscalls_read;
    total->syscalls_write += part->syscalls_write;
}

/* proc(5): the name in brackets may hold anything, so fields are counted from behind it. */
bool procio_usage_parse(const char *stat, struct procio_usage *out)
{
    unsigned long long user, system, start, size;
    long long children_user, children_system, resident;
    const char *fields = strrchr(stat, ')');
    if (fields == NULL ||
        sscanf(fields + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d "
               "%llu %llu %lld",
               &user, &system, &children_user, &children_system, &start, &size, &resident) != 7)
        return false;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    *out = (struct procio_usage){
        .cpu_s = (double)(user + system) / ticks,
        .children_cpu_s = (double)(children_user + children_system) / ticks,
        .virtual_bytes = (double)size,
        .resident_bytes = (double)resident * (double)sysconf(_SC_PAGESIZE),
        .started_s = (double)start / ticks,
    };
    return true;
}

bool procio_usage_read(pid_t pid, struct procio_usage *out)
{
    char text[PROC_STAT_MAX];
    const size_t len = read_file(pid, "stat", text, sizeof text - 1);
    text[len] = '\0';
    return procio_usage_parse(text, out);
}
