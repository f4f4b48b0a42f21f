/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/process.h"

#include "cmd/ingestor/shared/lock_file.h"
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGTERM, SIGPIPE};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        IGNORE(sigaction(ignored[i], &ignore, NULL), "can only fail for a bad signal number");
    /* The supervisor blocks what it reads from its signalfd; a mask would be inherited. */
    sigset_t none;
    IGNORE(sigemptyset(&none), "can't fail");
    IGNORE(sigprocmask(SIG_SETMASK, &none, NULL), "can't fail for a valid set");
}

void worker_process_init(const struct control_block *cb, const char *name)
{
    ignore_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != cb->supervisor_pid)
        _exit(EXIT_GAVE_UP);
    IGNORE(prctl(PR_SET_NAME, name), "a name for ps; nothing depends on it");
    IGNORE(dup2(STDERR_FILENO, STDOUT_FILENO), "both are open");
    IGNORE(close_range(STDERR_FILENO + 1, ~0U, 0),
           "a kernel before 5.9 keeps them: I3 is then weaker");
}

NORETURN static void lock_io_error(const char *path, struct worker_slot *slot)
{
    log_event(LOG_ERROR, "worker", "lock file can't be made",
              KV(KV_STR("path", path), KV_STR("error", strerror(errno))));
    worker_exit(slot, EXIT_IO);
}

NORETURN static void lock_held(const char *path, int fd, struct worker_slot *slot)
{
    char holder[LOCK_FILE_PID];
    lock_file_read_pid(fd, holder);
    log_event(LOG_ERROR, "worker", "lock held by another process",
              KV(KV_STR("path", path), KV_STR("pid", holder)));
    worker_exit(slot, EXIT_LOCKED);
}

/* Who holds it is shown for as long as that lasts, also between this process and the next. */
static void show_holder(int fd, struct worker_slot *slot)
{
    char text[LOCK_FILE_PID];
    lock_file_read_pid(fd, text);
    const long pid = strtol(text, NULL, 10);
    atomic_store_explicit(&slot->lock_holder, pid > 0 ? pid : -1,
                          memory_order_relaxed); /* a figure */
}

int worker_lock_if_made(const char *path, struct worker_slot *slot)
{
    const mono_us deadline = clock_mono() + WORKER_LOCK_WAIT_US;
    enum worker_phase phase = PHASE_START;
    int fd = -1;
    for (;;) {
        worker_beat(slot, phase);
        if (worker_should_stop(slot))
            worker_exit(slot, EXIT_CLEAN);
        const enum status status = lock_file_try(path, &fd);
        if (status == STATUS_OK)
            break;
        if (status == STATUS_IO)
            return -1;
        if (fd >= 0) {
            phase = PHASE_LOCK;
            show_holder(fd, slot);
        }
        if (clock_mono() >= deadline)
            lock_held(path, fd, slot);
        IGNORE(poll(NULL, 0, LOCK_FILE_RETRY_MS), "only a pause");
    }
    worker_beat(slot, PHASE_START);
    atomic_store_explicit(&slot->lock_holder, 0, memory_order_relaxed); /* a figure */
    if (!lock_file_write_pid(fd))
        log_event(LOG_WARN, "worker", "pid not written, ignoring",
                  KV(KV_STR("path", path), KV_STR("error", strerror(errno))));
    return fd;
}

int worker_lock(const char *path, struct worker_slot *slot)
{
    const int fd = worker_lock_if_made(path, slot);
    if (fd < 0)
        lock_io_error(path, slot);
    return fd;
}

void worker_limit_memory(uint64_t more_bytes)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    uint64_t pages = 0;
    const bool is_known = statm != NULL && fscanf(statm, "%" SCNu64, &pages) == 1;
    if (statm != NULL)
        IGNORE(fclose(statm), "read-only");
    const long page_bytes = sysconf(_SC_PAGESIZE);
    if (is_known && page_bytes > 0) {
        const rlim_t bytes = pages * (uint64_t)page_bytes + more_bytes;
        const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
        if (setrlimit(RLIMIT_AS, &limit) == 0)
            return;
    }
    log_event(LOG_WARN, "worker", "memory not limited, ignoring", NULL);
}

void worker_exit(struct worker_slot *slot, enum exit_code code)
{
    if (code == EXIT_CLEAN)
        worker_beat(slot, PHASE_DONE);
    _exit((int)code);
}
