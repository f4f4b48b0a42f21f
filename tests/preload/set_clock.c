/* SPDX-License-Identifier: MIT
 *
 * set_clock - a wall clock that a test can set, as a hand or NTP would, under programs as they are:
 * preloaded (LD_PRELOAD), it adds the seconds that stand in a file ($WEIR_TEST_CLOCK, one int64_t)
 * to CLOCK_REALTIME. All other clocks go on. Threads: any; what is written there holds at once. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *ahead_s; /* NULL = nobody sets it */

__attribute__((constructor)) static void map_it(void)
{
    const char *path = getenv("WEIR_TEST_CLOCK");
    const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        ahead_s = at;
    (void)close(fd);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    const int result = (int)syscall(SYS_clock_gettime, id, out);
    if (result == 0 && id == CLOCK_REALTIME && ahead_s != NULL)
        out->tv_sec += atomic_load(ahead_s);
    return result;
}
