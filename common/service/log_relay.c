/* SPDX-License-Identifier: MIT */
#include "common/service/log_relay.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* As much as a pipe holds: then what was lost while it was full is lost behind all of it. */
#define CHUNK_BYTES   ((size_t)64 << 10)
#define END_POLL_MS   5
#define START_GAP_US  ((mono_us)US_PER_S)
#define PIPE_READ_FD  STDIN_FILENO
#define PIPE_WRITE_FD STDERR_FILENO
#define OUT_FD        STDOUT_FILENO /* in the relay */

/* What the processes share: a relay that is started again goes on where the last one was. */
struct losses {
    _Atomic int64_t count; /* relaxed: a count orders nothing */
    int64_t said;          /* the relay's */
};

static struct {
    pid_t owner, pid; /* owner 0 = none was started; pid 0 = it is dead */
    int in_fd, out_fd;
    struct losses *losses;
    mono_us started_at;
} relay;

/* --- the relay's process ---------------------------------------------------------------------- */

static char chunk[CHUNK_BYTES];
static bool is_in_line; /* what was last written ends within a line */
static bool is_cut;     /* and the rest of it never comes */

static int64_t count_lines(const char *bytes, size_t len)
{
    int64_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* Waits as long as it takes. False: it can't be written at all (the reader is gone, the disk is
 * full); the lines are counted. */
static bool put(const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(OUT_FD, bytes, len);
        if (n > 0) {
            is_in_line = bytes[n - 1] != '\n';
            bytes += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            /* Somebody who shares it has set O_NONBLOCK. */
            IGNORE(poll(&(struct pollfd){.fd = OUT_FD, .events = POLLOUT}, 1, -1),
                   "an early end is another try");
        } else if (n == 0 || errno != EINTR) {
            atomic_fetch_add_explicit(&relay.losses->count, count_lines(bytes, len),
                                      memory_order_relaxed);
            is_cut = is_in_line;
            return false;
        }
    }
    return true;
}

static bool put_lines(const char *bytes, size_t len)
{
    if (is_cut && put("\n", 1))
        is_cut = false;
    return put(bytes, len);
}

static void say_losses(int64_t count)
{
    const int64_t news = count - relay.losses->said;
    if (news <= 0)
        return;
    char msg[64];
    char line[LOG_LINE_MAX];
    (void)snprintf(msg, sizeof msg, "%lld log lines lost", (long long)news);
    const size_t len =
        log_line(line, LOG_WARN, "log", msg,
                 KV(KV_STR("reason", "nobody read them in time"), KV_INT("total", count)));
    if (put_lines(line, len))
        relay.losses->said = count;
}

static bool has_more(void)
{
    struct pollfd fd = {.fd = PIPE_READ_FD, .events = POLLIN};
    return poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) != 0;
}

static NORETURN void copy(void)
{
    for (;;) {
        /* What was lost until here was lost behind all that the pipe holds: so it is said there. */
        const int64_t before = log_lines_lost();
        const ssize_t n = read(PIPE_READ_FD, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(EXIT_CLEAN);
        IGNORE(put_lines(chunk, (size_t)n), "counted");
        say_losses(has_more() ? before : log_lines_lost());
    }
}

static void end_soon(int signal)
{
    (void)signal;
    (void)alarm(LOG_RELAY_LINGER_S);
}

static void set_up_signals(void)
{
    /* TTOU: else a background job's line stops all of the job where `stty tostop` is set. */
    static const int ignored[] = {SIGINT, SIGHUP, SIGTERM, SIGPIPE, SIGTTOU};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    const struct sigaction orphaned = {.sa_handler = end_soon};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        IGNORE(sigaction(ignored[i], &ignore, NULL), "can only fail for a bad signal number");
    IGNORE(sigaction(SIGALRM, &usual, NULL), "can only fail for a bad signal number");
    IGNORE(sigaction(SIGUSR1, &orphaned, NULL), "can only fail for a bad signal number");
    sigset_t none;
    IGNORE(sigemptyset(&none), "can't fail");
    IGNORE(sigprocmask(SIG_SETMASK, &none, NULL), "can't fail for a valid set");
}

static NORETURN void run(void)
{
    set_up_signals();
    /* Copies first: each of the three may stand where another one goes. All are 3 and up. */
    if (dup2(relay.in_fd, PIPE_READ_FD) < 0 || dup2(relay.out_fd, OUT_FD) < 0 ||
        dup2(relay.out_fd, STDERR_FILENO) < 0)
        _exit(EXIT_IO);
    IGNORE(close_range(STDERR_FILENO + 1, ~0U, 0), "a kernel before 5.9 ends it by its alarm");
    IGNORE(prctl(PR_SET_NAME, "weir-log"), "a name for ps; nothing depends on it");
    if (prctl(PR_SET_PDEATHSIG, SIGUSR1) != 0 || getppid() != relay.owner)
        end_soon(SIGUSR1);
    copy();
}

/* --- in the parent ---------------------------------------------------------------------------- */

static bool spawn(void)
{
    relay.started_at = clock_mono();
    const pid_t pid = fork();
    if (pid == 0)
        run();
    relay.pid = pid > 0 ? pid : 0;
    return pid > 0;
}

/* Does it have a reader that can keep us waiting? */
static bool may_block(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd) == 1);
}

static void wait_for_end(void)
{
    const mono_us until = clock_mono() + (mono_us)LOG_RELAY_LINGER_S * US_PER_S;
    while (relay.pid != 0 && waitpid(relay.pid, NULL, WNOHANG) == 0) {
        if (clock_mono() >= until) {
            IGNORE(kill(relay.pid, SIGKILL), "it may have ended in between");
            return;
        }
        IGNORE(poll(NULL, 0, END_POLL_MS), "only a pause");
    }
}

static void stop(void)
{
    if (relay.owner != getpid())
        return;
    relay.owner = 0;
    IGNORE(dup2(relay.out_fd, PIPE_WRITE_FD), "both are open");
    IGNORE(close(relay.out_fd), "stderr has it again");
    IGNORE(close(relay.in_fd), "the relay has its own");
    wait_for_end();
}

static void undo(int write_fd)
{
    const int fds[] = {relay.in_fd, relay.out_fd, write_fd};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            IGNORE(close(fds[i]), "nothing was written to it");
    }
    if (relay.losses != NULL)
        IGNORE(munmap(relay.losses, sizeof *relay.losses), "it is mapped");
    relay.losses = NULL;
}

bool log_relay_start(void)
{
    if (!may_block(STDERR_FILENO))
        return true;
    int ends[2] = {-1, -1};
    IGNORE(pipe2(ends, O_CLOEXEC), "seen by its ends");
    relay.in_fd = ends[0];
    relay.out_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    struct losses *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    relay.losses = shared != MAP_FAILED ? shared : NULL;
    relay.owner = getpid();
    if (ends[1] < 0 || relay.out_fd < 0 || relay.losses == NULL ||
        fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0 || atexit(stop) != 0) {
        relay.owner = 0;
        undo(ends[1]);
        return false;
    }
    /* What was lost before counts as well. */
    atomic_store_explicit(&relay.losses->count, log_lines_lost(), memory_order_relaxed);
    log_count_losses_in(&relay.losses->count);
    if (!spawn() || dup2(ends[1], PIPE_WRITE_FD) < 0) {
        relay.owner = 0;
        log_count_losses_in(NULL);
        undo(ends[1]);
        return false;
    }
    IGNORE(close(ends[1]), "stderr has it");
    return true;
}

void log_relay_look(void)
{
    if (relay.owner == 0)
        return;
    if (relay.pid != 0 && waitpid(relay.pid, NULL, WNOHANG) != 0)
        relay.pid = 0;
    if (relay.pid == 0 && clock_mono() - relay.started_at >= START_GAP_US)
        IGNORE(spawn(), "tried again at the next look");
}

bool log_relay_was(pid_t pid)
{
    if (relay.owner == 0 || pid == 0 || pid != relay.pid)
        return false;
    relay.pid = 0;
    return true;
}

bool log_relay_is_terminal(void)
{
    return isatty(relay.owner != 0 ? relay.out_fd : STDERR_FILENO) == 1;
}
