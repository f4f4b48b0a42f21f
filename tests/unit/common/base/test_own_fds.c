/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_dir.h"

#include "common/base/file.h"
#include "common/base/own_fds.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_file(int fd, const void *context)
{
    const struct file_id *wanted = context;
    struct file_id id;
    return file_id_of_fd(fd, &id) && file_id_is_same(id, *wanted);
}

/* By what it is, not by its name: a second name is the same file, a new one under it is not. */
static void a_file_is_found_among_our_descriptors(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char name[TEMP_PATH_MAX];
    char other[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_dir_path(dir, "a", name);
    temp_dir_path(dir, "b", other);
    const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(link(name, other), 0);
    assert_true(file_id_is_same_path(name, other));

    struct file_id id;
    int found = -1;
    assert_true(file_id_of_path(other, &id));
    assert_int_equal(own_fds_find(is_file, &id, &found), STATUS_OK);
    assert_int_equal(found, fd);

    assert_int_equal(unlink(name), 0);
    assert_false(file_id_is_same_path(name, other));
    assert_false(file_id_of_path(name, &id));
    assert_int_equal(id.inode, 0);
    assert_int_equal(close(fd), 0);
    assert_true(file_id_of_path(other, &id));
    assert_int_equal(own_fds_find(is_file, &id, &found), STATUS_NOT_FOUND);
    temp_dir_remove(dir);
}

static bool is_null(int fd)
{
    struct stat null, st;
    return stat("/dev/null", &null) == 0 && fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev;
}

/* What it says with its exit status: its stderr is the matter. */
static int started_with_closed(unsigned closed)
{
    for (int fd = 0; fd <= 2; fd++) {
        if ((closed & 1U << fd) != 0)
            (void)close(fd);
    }
    if (!own_fds_fill_standard())
        return 1;
    for (int fd = 0; fd <= 2; fd++) {
        if ((closed & 1U << fd) != 0 ? !is_null(fd) : fcntl(fd, F_GETFD) < 0)
            return 2;
    }
    /* An answer that nobody gets. */
    return (closed & 2U) != 0 && write(STDOUT_FILENO, "", 0) == 0 ? 3 : 0;
}

static void whatever_is_closed_of_the_first_three_is_filled(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        (void)fflush(stdout);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(started_with_closed(closed));
        int how = -1;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_int_equal(how, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_among_our_descriptors),
        cmocka_unit_test(whatever_is_closed_of_the_first_three_is_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
