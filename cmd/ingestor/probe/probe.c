/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/probe/probe.h"

#include "cmd/ingestor/probe/probe_steps.h"
#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 16384 /* less than a pipe holds: who writes never waits */
#define GRACE_S    5

struct child {
    pid_t pid; /* 0 = could not be made */
    int fd;
    char answer[ANSWER_MAX + 1];
    size_t len;
    int limit_s;
};

/* --- in a child ------------------------------------------------------------------------------- */

NORETURN static void run_child(const struct config *config, const struct config_source *source,
                               int fd)
{
    char *text = NULL;
    size_t len = 0;
    IGNORE(prctl(PR_SET_PDEATHSIG, SIGKILL), "it ends by its limits, too");
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        _exit(EXIT_NO_MEMORY);
    const bool is_well = probe_steps_run(config, source, out);
    if (fclose(out) != 0 || write(fd, text, min_size(len, ANSWER_MAX)) < 0)
        _exit(EXIT_IO);
    /* Without any destructor: the libraries' threads still run. */
    _exit(is_well ? EXIT_CLEAN : EXIT_BAD_DATA);
}

/* --- here ------------------------------------------------------------------------------------- */

static void start_child(struct child *child, const struct config *config,
                        const struct config_source *source)
{
    int fds[2];
    child->fd = -1;
    child->limit_s = probe_steps_limit_s(source) + GRACE_S;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return;
    child->pid = fork();
    if (child->pid == 0)
        run_child(config, source, fds[1]);
    IGNORE(close(fds[1]), "the child's end");
    if (child->pid > 0) {
        child->fd = fds[0];
        return;
    }
    child->pid = 0;
    IGNORE(close(fds[0]), "nobody writes to it");
}

/* Until it has said all, or its time is over. */
static void read_child(struct child *child, mono_us began)
{
    const mono_us deadline = began + child->limit_s * (mono_us)US_PER_S;
    while (child->fd >= 0) {
        struct pollfd polled = {.fd = child->fd, .events = POLLIN};
        const mono_us left = (deadline - clock_mono()) / US_PER_MS;
        const int ready = left > 0 ? poll(&polled, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        const ssize_t n =
            ready > 0 ? read(child->fd, child->answer + child->len, ANSWER_MAX - child->len) : 0;
        if (n <= 0)
            return;
        child->len += (size_t)n;
    }
}

static bool end_child(struct child *child, const struct config_source *source, mono_us began)
{
    int status = 0;
    read_child(child, began);
    if (child->pid > 0) {
        if (child->len == 0) /* its limits did not end it, or it died */
            IGNORE(kill(child->pid, SIGKILL), "it may be gone");
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (child->fd >= 0)
        IGNORE(close(child->fd), "read to its end");
    child->answer[child->len] = '\0';
    if (child->len > 0)
        (void)fputs(child->answer, stdout);
    else
        (void)printf("source %s (%s)\n  FAILED: its process %s\n", source->name,
                     source->broker_masked,
                     child->pid == 0 ? "could not be started" : "gave no answer");
    return child->len > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CLEAN;
}

int probe_run(const struct config *config)
{
    const size_t count = config->source_count;
    const mono_us began = clock_mono();
    size_t well = 0;
    struct child *children = calloc(count > 0 ? count : 1, sizeof *children);
    if (children == NULL)
        return EXIT_NO_MEMORY;
    IGNORE(fflush(stdout), "seen at the end; else each child has a copy of what waits");
    for (size_t i = 0; i < count; i++)
        start_child(&children[i], config, &config->sources[i]);
    for (size_t i = 0; i < count; i++) {
        well += end_child(&children[i], &config->sources[i], began);
        IGNORE(fflush(stdout), "seen at the end");
    }
    free(children);
    (void)printf("%zu of %zu sources can be reached\n", well, count);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return EXIT_IO;
    return well == count ? EXIT_CLEAN : EXIT_IO;
}
