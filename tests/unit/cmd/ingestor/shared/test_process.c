/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/shared/process.h"
#include "tests/support/emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct control_block *cb;
    char dir[64], lock[96];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->cb = control_block_new();
    assert_non_null(f->cb);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/weir-process-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->lock, sizeof f->lock, "%s/A.w", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->lock);
    assert_int_equal(rmdir(f->dir), 0);
    control_block_free(f->cb);
    free(f);
    return 0;
}

static int exit_code(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void a_worker_survives_the_groups_signals_and_inherits_nothing(void **state)
{
    struct fixture *f = *state;
    sigset_t blocked;
    sigset_t before;
    assert_int_equal(sigfillset(&blocked), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        worker_process_init(f->cb, "weir-test");
        static const int sent[] = {SIGINT, SIGHUP, SIGTERM, SIGPIPE};
        for (size_t i = 0; i < ARRAY_LEN(sent); i++)
            IGNORE(raise(sent[i]), "the death would be the failure");
        _exit(fcntl(fds[0], F_GETFD) == -1 && errno == EBADF ? 0 : 1);
    }
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(exit_code(pid), 0);
    assert_int_equal(close(fds[0]) + close(fds[1]), 0);
}

static void a_worker_of_a_dead_supervisor_ends(void **state)
{
    struct fixture *f = *state;
    const pid_t pid = fork();
    if (pid == 0) {
        f->cb->supervisor_pid = getppid() + 1; /* as if another process had adopted us */
        worker_process_init(f->cb, "weir-test");
        _exit(0);
    }
    assert_int_equal(exit_code(pid), EXIT_GAVE_UP);
}

static void a_worker_dies_with_its_supervisor(void **state)
{
    struct fixture *f = *state;
    int life[2]; /* end of file = every holder is dead */
    assert_int_equal(pipe(life), 0);
    const pid_t supervisor = fork();
    if (supervisor == 0) {
        f->cb->supervisor_pid = getpid();
        const pid_t worker = fork();
        if (worker == 0) {
            IGNORE(dup2(life[1], STDERR_FILENO), "a failure shows as a missing byte");
            worker_process_init(f->cb, "weir-test");
            IGNORE(write(STDERR_FILENO, "x", 1), "a failure shows as a missing byte");
            for (;;)
                IGNORE(pause(), "until we are killed");
        }
        for (;;)
            IGNORE(pause(), "until we are killed");
    }
    assert_int_equal(close(life[1]), 0);
    char byte;
    assert_int_equal(read(life[0], &byte, 1), 1);
    assert_int_equal(kill(supervisor, SIGKILL), 0);
    assert_int_equal(exit_code(supervisor), 1000 + SIGKILL);
    assert_int_equal(read(life[0], &byte, 1), 0);
    assert_int_equal(close(life[0]), 0);
}

/* A worker that holds the lock until it is killed; returns when it has it. */
static pid_t holder(struct fixture *f)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        IGNORE(worker_lock(f->lock, &f->cb->workers[1]), "held until we die");
        IGNORE(write(ready[1], "x", 1), "a failure shows as a missing byte");
        for (;;)
            IGNORE(pause(), "until we are killed");
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(close(ready[0]) + close(ready[1]), 0);
    return pid;
}

static void the_lock_names_its_holder_and_falls_with_it(void **state)
{
    struct fixture *f = *state;
    const pid_t first = holder(f);
    char text[16] = "";
    char expected[16];
    FILE *file = fopen(f->lock, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    (void)snprintf(expected, sizeof expected, "%d\n", (int)first);
    assert_string_equal(text, expected);

    const pid_t second = fork();
    if (second == 0) {
        IGNORE(worker_lock(f->lock, &f->cb->workers[2]), "that it returns is the test");
        _exit(42);
    }
    while (atomic_load(&f->cb->workers[2].beat_mono_us) == 0)
        IGNORE(usleep(1000), "until it waits and beats");
    assert_int_equal(waitpid(second, NULL, WNOHANG), 0);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(exit_code(first), 1000 + SIGKILL);
    assert_int_equal(exit_code(second), 42);
}

static void a_worker_told_to_stop_does_not_wait_for_its_lock(void **state)
{
    struct fixture *f = *state;
    const pid_t first = holder(f);
    atomic_store(&f->cb->workers[2].stop, 1);
    const pid_t second = fork();
    if (second == 0) {
        IGNORE(worker_lock(f->lock, &f->cb->workers[2]), "must not return");
        _exit(42);
    }
    assert_int_equal(exit_code(second), EXIT_CLEAN);
    assert_int_equal(atomic_load(&f->cb->workers[2].phase), PHASE_DONE);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(exit_code(first), 1000 + SIGKILL);
}

static void a_lock_that_is_deleted_is_made_again(void **state)
{
    struct fixture *f = *state;
    const pid_t first = holder(f);
    assert_int_equal(unlink(f->lock), 0);
    const pid_t second = holder(f);
    assert_int_equal(access(f->lock, F_OK), 0);
    assert_int_equal(kill(first, SIGKILL) + kill(second, SIGKILL), 0);
    assert_int_equal(exit_code(first), 1000 + SIGKILL);
    assert_int_equal(exit_code(second), 1000 + SIGKILL);
}

static void a_lock_in_no_folder_is_an_io_error(void **state)
{
    struct fixture *f = *state;
    const pid_t pid = fork();
    if (pid == 0) {
        IGNORE(close(STDERR_FILENO), "its log line is expected");
        IGNORE(worker_lock("/nonexistent/A.w", &f->cb->workers[1]), "must not return");
        _exit(42);
    }
    assert_int_equal(exit_code(pid), EXIT_IO);
}

static void memory_is_limited_from_here(void **state)
{
    (void)state;
    if (is_emulated())
        skip(); /* qemu-user sets no such limit, and says that it did (findings/) */
    const pid_t pid = fork();
    if (pid == 0) {
        worker_limit_memory((uint64_t)64 << 20);
        void *small = mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        void *large = mmap(NULL, 256 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        _exit(small != MAP_FAILED && large == MAP_FAILED ? 0 : 1);
    }
    assert_int_equal(exit_code(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_worker_survives_the_groups_signals_and_inherits_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_of_a_dead_supervisor_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_dies_with_its_supervisor, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lock_names_its_holder_and_falls_with_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_worker_told_to_stop_does_not_wait_for_its_lock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lock_that_is_deleted_is_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_in_no_folder_is_an_io_error, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_limited_from_here, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
