/* SPDX-License-Identifier: MIT
 *
 * Each test forks a program whose stderr somebody does not read; the test is that somebody. */
#include "tests/support/cmocka_all.h"

#include "common/base/log.h"
#include "common/service/log_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES   3000 /* more than the pipes of both sides hold */
#define PADDING "................................................................"

static char all[1 << 20];

struct reading {
    pid_t child;
    int out;     /* the reader's end of its stderr */
    int control; /* it says that it is done */
};

static void log_lines(int first, int count)
{
    for (int i = first; i < first + count; i++)
        log_event(LOG_INFO, "test", "line", KV(KV_INT("n", i), KV_STR("padding", PADDING)));
}

static void start(struct reading *r, int out, int err, void (*program)(int control))
{
    int control[2];
    assert_int_equal(pipe(control), 0);
    (void)fflush(stdout);
    (void)fflush(stderr);
    r->child = fork();
    assert_true(r->child >= 0);
    if (r->child == 0) {
        (void)dup2(err, STDERR_FILENO);
        (void)close(err);
        (void)close(out);
        (void)alarm(60);
        program(control[1]);
        exit(0); /* with its handlers */
    }
    (void)close(err);
    (void)close(control[1]);
    r->out = out;
    r->control = control[0];
}

static void say(int control)
{
    if (write(control, "x", 1) != 1)
        _exit(1);
}

static void wait_for_word(const struct reading *r)
{
    char word;
    assert_int_equal(read(r->control, &word, 1), 1);
}

/* Everything until all writers are gone. A terminal says EIO then. */
static void read_all(const struct reading *r)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(r->out, all + len, sizeof all - 1 - len)) > 0)
        len += (size_t)n;
    assert_true(n == 0 || errno == EIO);
    all[len] = '\0';
    (void)close(r->out);
}

static void expect_clean_end(const struct reading *r)
{
    int how = -1;
    assert_int_equal(waitpid(r->child, &how, 0), r->child);
    assert_int_equal(how, 0);
    (void)close(r->control);
}

/* Every line of ours is whole and in order; as many are missing as are said to be. */
static void expect_all_accounted_for(int count)
{
    long long seen = 0;
    long long lost = 0;
    long long last = -1;
    char *rest = NULL;
    for (char *line = strtok_r(all, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        long long n = 0;
        const char *at = strstr(line, " warn log ");
        if (at != NULL && sscanf(at, " warn log %lld log lines lost", &n) == 1) {
            lost += n;
            continue;
        }
        at = strstr(line, " info test line n=");
        assert_non_null(at);
        assert_int_equal(sscanf(at, " info test line n=%lld", &n), 1);
        assert_true(n > last);
        last = n;
        assert_string_equal(line + strlen(line) - strlen(PADDING), PADDING);
        seen++;
    }
    assert_true(lost > 0);
    assert_int_equal(seen + lost, count);
}

static void logs_into_the_void(int control)
{
    if (!log_relay_start())
        _exit(1);
    log_lines(0, LINES);
    if (log_lines_lost() == 0)
        _exit(2);
    say(control);
}

static void a_pipe_that_nobody_reads_holds_nobody_up(void **state)
{
    (void)state;
    struct reading r;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    start(&r, ends[0], ends[1], logs_into_the_void);
    wait_for_word(&r);
    read_all(&r);
    expect_clean_end(&r);
    expect_all_accounted_for(LINES);
}

static void a_socket_that_nobody_reads_holds_nobody_up(void **state)
{
    (void)state;
    struct reading r;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    start(&r, ends[0], ends[1], logs_into_the_void);
    wait_for_word(&r);
    read_all(&r);
    expect_clean_end(&r);
    expect_all_accounted_for(LINES);
}

/* Whoever shares the terminal or pipe may have made it non-blocking. */
static void a_pipe_that_is_made_non_blocking_loses_no_more(void **state)
{
    (void)state;
    struct reading r;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    start(&r, ends[0], ends[1], logs_into_the_void);
    wait_for_word(&r);
    read_all(&r);
    expect_clean_end(&r);
    expect_all_accounted_for(LINES);
}

static void a_terminal_that_is_stopped_holds_nobody_up(void **state)
{
    (void)state;
    struct reading r;
    int master = -1;
    int slave = -1;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(write(master, "\x13", 1), 1); /* Ctrl-S */
    start(&r, master, slave, logs_into_the_void);
    wait_for_word(&r);
    assert_int_equal(write(master, "\x11", 1), 1); /* Ctrl-Q */
    read_all(&r);
    expect_clean_end(&r);
    expect_all_accounted_for(LINES);
}

static void nobody_ever_reads_and_it_ends_all_the_same(void **state)
{
    (void)state;
    struct reading r;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    start(&r, ends[0], ends[1], logs_into_the_void);
    expect_clean_end(&r);
    read_all(&r); /* ends: no relay is left behind */
}

static void ends_at_once(int control)
{
    (void)control;
    if (!log_relay_start())
        _exit(1);
    log_lines(0, 100);
    (void)kill(getpid(), SIGKILL);
}

static void what_was_said_before_a_kill_comes_out(void **state)
{
    (void)state;
    struct reading r;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    start(&r, ends[0], ends[1], ends_at_once);
    read_all(&r);
    assert_int_equal(waitpid(r.child, NULL, 0), r.child);
    (void)close(r.control);
    assert_non_null(strstr(all, "n=99"));
}

/* The only child it has. */
static pid_t relay_pid(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int pid = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%d", &pid) != 1)
        _exit(3);
    (void)fclose(file);
    return pid;
}

static void kills_its_relay(int control)
{
    (void)control;
    if (!log_relay_start())
        _exit(1);
    const pid_t first = relay_pid();
    (void)kill(first, SIGKILL);
    siginfo_t info;
    if (waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT) != 0)
        _exit(4);
    log_lines(7, 1); /* waits in the pipe */
    do {
        log_relay_look();
        (void)poll(NULL, 0, 10);
    } while (waitpid(-1, NULL, WNOHANG) != 0); /* no child, or one that is dead */
}

static void a_relay_that_was_killed_is_started_again(void **state)
{
    (void)state;
    struct reading r;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    start(&r, ends[0], ends[1], kills_its_relay);
    read_all(&r);
    expect_clean_end(&r);
    assert_non_null(strstr(all, "n=7"));
}

static void logs_into_a_file(int control)
{
    struct stat before, after;
    if (fstat(STDERR_FILENO, &before) != 0 || !log_relay_start() ||
        fstat(STDERR_FILENO, &after) != 0 || before.st_ino != after.st_ino ||
        waitpid(-1, NULL, WNOHANG) != -1)
        _exit(1);
    say(control);
}

static void a_file_needs_none(void **state)
{
    (void)state;
    struct reading r;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    start(&r, dup(null), null, logs_into_a_file);
    wait_for_word(&r);
    expect_clean_end(&r);
    (void)close(r.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_nobody_reads_holds_nobody_up),
        cmocka_unit_test(a_socket_that_nobody_reads_holds_nobody_up),
        cmocka_unit_test(a_pipe_that_is_made_non_blocking_loses_no_more),
        cmocka_unit_test(a_terminal_that_is_stopped_holds_nobody_up),
        cmocka_unit_test(nobody_ever_reads_and_it_ends_all_the_same),
        cmocka_unit_test(what_was_said_before_a_kill_comes_out),
        cmocka_unit_test(a_relay_that_was_killed_is_started_again),
        cmocka_unit_test(a_file_needs_none),
    };
    log_init(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
