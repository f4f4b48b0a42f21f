/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct guarded {
    _Atomic uintptr_t at; /* 0 = free; release behind the rest, acquire before it */
    size_t bytes;
    int fd;
    bool is_reader;
    _Atomic bool was_cut; /* relaxed: news for the next look */
};

static struct guarded table[RING_GUARD_MAX];
static struct sigaction before;

static struct guarded *find(uintptr_t address)
{
    for (size_t i = 0; i < RING_GUARD_MAX; i++) {
        /* Acquire: as its field says. */
        const uintptr_t at = atomic_load_explicit(&table[i].at, memory_order_acquire);
        if (at != 0 && address >= at && address - at < table[i].bytes)
            return &table[i];
    }
    return NULL;
}

static bool make_whole(struct guarded *guarded)
{
    struct stat st;
    if (fstat(guarded->fd, &st) != 0 || (uint64_t)st.st_size >= guarded->bytes)
        return false;
    /* Where the file system can't allocate, holes must do: with no space behind one the next
     * access ends here again, and then the file is not short. */
    if (fallocate(guarded->fd, 0, 0, (off_t)guarded->bytes) != 0 &&
        (errno == ENOSPC || ftruncate(guarded->fd, (off_t)guarded->bytes) != 0))
        return false;
    atomic_store_explicit(&guarded->was_cut, true, memory_order_relaxed); /* as it says */
    return true;
}

static bool put_zeros(struct guarded *guarded, uintptr_t address)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (!guarded->is_reader)
        return false;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives the address, the page is of it
    void *const at = (void *)(address / page * page);
    if (mmap(at, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        return false;
    atomic_store_explicit(&guarded->was_cut, true, memory_order_relaxed); /* as in make_whole */
    return true;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    const int error = errno;
    const uintptr_t address = (uintptr_t)info->si_addr;
    struct guarded *const guarded = find(address);
    /* Back there the access fails again, and is the former handler's. */
    if (guarded == NULL || (!make_whole(guarded) && !put_zeros(guarded, address)))
        IGNORE(sigaction(number, &before, NULL), "a valid signal and action");
    errno = error;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    struct sigaction now;
    /* Ours may have given way to another one since. */
    if (sigaction(SIGBUS, NULL, &now) != 0 || now.sa_sigaction == on_bus_error)
        return;
    before = now;
    IGNORE(sigemptyset(&action.sa_mask), "can't fail");
    IGNORE(sigaction(SIGBUS, &action, NULL), "a valid signal and action");
}

void ring_guard_add(const void *at, size_t bytes, int fd)
{
    install();
    for (size_t i = 0; i < RING_GUARD_MAX; i++) {
        if (atomic_load_explicit(&table[i].at, memory_order_relaxed) != 0) /* our own word */
            continue;
        table[i].bytes = bytes;
        table[i].fd = fd;
        table[i].is_reader = false;
        atomic_store_explicit(&table[i].was_cut, false, memory_order_relaxed);
        atomic_store_explicit(&table[i].at, (uintptr_t)at, memory_order_release); /* as above */
        return;
    }
}

void ring_guard_set_reader(const void *at)
{
    struct guarded *const guarded = find((uintptr_t)at);
    if (guarded != NULL)
        guarded->is_reader = true;
}

void ring_guard_remove(const void *at)
{
    struct guarded *const guarded = find((uintptr_t)at);
    if (guarded != NULL)
        atomic_store_explicit(&guarded->at, 0, memory_order_release); /* nobody reads it now */
}

bool ring_guard_take_cut(const void *at)
{
    struct guarded *const guarded = find((uintptr_t)at);
    return guarded != NULL &&
           atomic_exchange_explicit(&guarded->was_cut, false, memory_order_relaxed);
}
