/* SPDX-License-Identifier: MIT
 *
 * fault_preload - a disk that fails at the n-th write, and a wall clock that jumps, for a program
 * that is not changed: LD_PRELOAD. What is due stands in a file ($TORTURE_FAULTS, faults.py) that
 * the test and all processes of the program have mapped.
 *
 * disk: pwrite64, ftruncate64 and fdatasync of the database's files but its lock. ring: msync. Of a
 * failing write a half is done, as a failing disk may. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* Operations nth to nth + length - 1 fail, counted from 1; nth 0 = none. kills: the process ends
 * there by SIGKILL instead. */
struct plan {
    _Atomic uint64_t nth, length, operations, fired, kills;
};

struct faults {
    struct plan disk, ring;
    _Atomic int64_t wall_ms; /* added to the wall clock */
};

static struct faults *faults;

/* What is called in the end. Found at the first call: constructors of others may be before ours. */
static struct {
    ssize_t (*pwrite64)(int, const void *, size_t, off64_t);
    int (*ftruncate64)(int, off64_t);
    int (*fdatasync)(int);
    int (*msync)(void *, size_t, int);
    int (*clock_gettime)(clockid_t, struct timespec *);
} real;

/* out: a member of `real`; two threads write the same. */
static void find(void *out, const char *name)
{
    void *const at = dlsym(RTLD_NEXT, name);
    memcpy(out, &at, sizeof at);
}

__attribute__((constructor)) static void attach(void)
{
    const char *const path = getenv("TORTURE_FAULTS");
    const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *const at = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        faults = at;
    (void)close(fd);
}

/* <anything>.db, its log and the log's index. */
static bool is_database(int fd)
{
    static const char *const ends[] = {".db", ".db-wal", ".db-shm"};
    char link[32];
    char path[512];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, sizeof path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t tail = strlen(ends[i]);
        if (len >= (ssize_t)tail && memcmp(path + len - tail, ends[i], tail) == 0)
            return true;
    }
    return false;
}

static bool is_due(struct plan *plan)
{
    const uint64_t nth = atomic_load(&plan->nth);
    if (nth == 0)
        return false;
    const uint64_t operation = atomic_fetch_add(&plan->operations, 1) + 1;
    if (operation < nth || operation >= nth + atomic_load(&plan->length))
        return false;
    (void)atomic_fetch_add(&plan->fired, 1);
    if (atomic_load(&plan->kills) != 0)
        (void)raise(SIGKILL);
    errno = EIO;
    return true;
}

static bool is_disk_due(int fd)
{
    return faults != NULL && atomic_load(&faults->disk.nth) != 0 && is_database(fd) &&
           is_due(&faults->disk);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
    if (real.pwrite64 == NULL)
        find(&real.pwrite64, "pwrite64");
    if (!is_disk_due(fd))
        return real.pwrite64(fd, bytes, count, at);
    (void)real.pwrite64(fd, bytes, count / 2, at);
    errno = EIO;
    return -1;
}

int ftruncate64(int fd, off64_t size)
{
    if (real.ftruncate64 == NULL)
        find(&real.ftruncate64, "ftruncate64");
    return is_disk_due(fd) ? -1 : real.ftruncate64(fd, size);
}

int fdatasync(int fd)
{
    if (real.fdatasync == NULL)
        find(&real.fdatasync, "fdatasync");
    return is_disk_due(fd) ? -1 : real.fdatasync(fd);
}

int msync(void *at, size_t bytes, int flags)
{
    if (real.msync == NULL)
        find(&real.msync, "msync");
    return faults != NULL && is_due(&faults->ring) ? -1 : real.msync(at, bytes, flags);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (real.clock_gettime == NULL)
        find(&real.clock_gettime, "clock_gettime");
    const int result = real.clock_gettime(id, now);
    if (faults != NULL && result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        const int64_t offset = atomic_load(&faults->wall_ms);
        const int64_t ms = now->tv_sec * 1000 + now->tv_nsec / 1000000 + offset;
        now->tv_sec = ms / 1000;
        now->tv_nsec = ms % 1000 * 1000000 + now->tv_nsec % 1000000;
    }
    return result;
}
