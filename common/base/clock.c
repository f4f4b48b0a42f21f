/* SPDX-License-Identifier: MIT */
#include "common/base/clock.h"

#include "common/base/base.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts); /* can't fail for these two clocks */
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

static wall_us real_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

static mono_us real_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static wall_us (*wall_source)(void) = real_wall;
static mono_us (*mono_source)(void) = real_mono;

wall_us clock_wall(void)
{
    return wall_source();
}

mono_us clock_mono(void)
{
    return mono_source();
}

void clock_boot_id(char out[static CLOCK_BOOT_ID_BYTES])
{
    memset(out, 0, CLOCK_BOOT_ID_BYTES);
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t n = read(fd, out, 36);
    out[n == 36 ? 36 : 0] = '\0';
    IGNORE(close(fd), "read-only descriptor");
}

bool clock_is_same_boot(const char *a, const char *b)
{
    return a[0] != '\0' && strcmp(a, b) == 0;
}

struct timespec clock_timespec(int64_t us)
{
    return (struct timespec){.tv_sec = (time_t)(us / US_PER_S),
                             .tv_nsec = (long)(us % US_PER_S) * 1000};
}

void clock_set_source(wall_us (*wall)(void), mono_us (*mono)(void))
{
    wall_source = wall != NULL ? wall : real_wall;
    mono_source = mono != NULL ? mono : real_mono;
}

char *clock_rfc3339(wall_us t, char out[static 32])
{
    int64_t seconds = t / US_PER_S;
    int64_t micros = t % US_PER_S;
    if (micros < 0) {
        micros += US_PER_S;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&when, &tm) == NULL || tm.tm_year + 1900 > 9999 || tm.tm_year + 1900 < 0) {
        (void)snprintf(out, 32, "1970-01-01T00:00:00.000Z");
        return out;
    }
    (void)snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
                   (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100,
                   tm.tm_sec % 100, (int)(micros / 1000) % 1000);
    return out;
}
