/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/shared/lock_file.h"
#include "tests/support/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    temp_dir_make(f->dir);
    (void)temp_dir_path(f->dir, "lock", f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

/* It has the lock when this returns, and ends after the time, or when it is killed. */
static pid_t start_holder(const struct fixture *f, int hold_ms)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = -1;
        if (lock_file_try(f->path, &fd) != STATUS_OK || !lock_file_write_pid(fd) ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        (void)poll(NULL, 0, hold_ms);
        _exit(0);
    }
    char word;
    assert_int_equal(read(ready[0], &word, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void a_lock_that_is_held_names_its_holder(void **state)
{
    const struct fixture *f = *state;
    const pid_t holder = start_holder(f, 60000);
    int fd = -1;
    assert_int_equal(lock_file_take(f->path, &fd), STATUS_BUSY);
    char pid[LOCK_FILE_PID];
    lock_file_read_pid(fd, pid);
    assert_int_equal(strtol(pid, NULL, 10), holder);
    assert_int_equal(close(fd), 0);
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
}

static void a_holder_that_dies_is_waited_for(void **state)
{
    const struct fixture *f = *state;
    const pid_t holder = start_holder(f, 100);
    int fd = -1;
    assert_int_equal(lock_file_try(f->path, &fd), STATUS_BUSY);
    assert_int_equal(lock_file_take(f->path, &fd), STATUS_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
}

static void a_lock_that_lost_its_name_is_none(void **state)
{
    const struct fixture *f = *state;
    int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(lock_file_try(f->path, &fd), STATUS_BUSY);
    assert_int_equal(fd, -1);
    assert_int_equal(lock_file_try(f->path, &fd), STATUS_OK);
    assert_true(lock_file_is_named(fd, f->path));
    assert_int_equal(close(fd), 0);
}

static void a_file_that_cannot_be_made_is_an_error(void **state)
{
    const struct fixture *f = *state;
    char path[TEMP_PATH_MAX + 8];
    (void)snprintf(path, sizeof path, "%s/no/lock", f->dir);
    int fd = -1;
    assert_int_equal(lock_file_take(path, &fd), STATUS_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fd, -1);
    assert_int_equal(symlink("elsewhere", f->path), 0);
    assert_int_equal(lock_file_take(f->path, &fd), STATUS_IO);
    assert_int_equal(errno, ELOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lock_that_is_held_names_its_holder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_holder_that_dies_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_that_lost_its_name_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_made_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
