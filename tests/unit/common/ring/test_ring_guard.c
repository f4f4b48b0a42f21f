/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_guard.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 4
#define BYTES ((size_t)PAGES * 4096)

static char dir[TEMP_DIR_MAX];

static int make_file(const char *name, size_t bytes)
{
    char path[TEMP_PATH_MAX];
    temp_dir_path(dir, name, path);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

static uint8_t *map(int fd)
{
    void *const at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(at != MAP_FAILED);
    return at;
}

static void unmap(uint8_t *at)
{
    ring_guard_remove(at);
    assert_int_equal(munmap(at, BYTES), 0);
}

/* Through volatile: the access itself is what is tested. */
static int read_at(const uint8_t *at, size_t place)
{
    return ((const volatile uint8_t *)at)[place];
}

static void write_at(uint8_t *at, size_t place, uint8_t value)
{
    ((volatile uint8_t *)at)[place] = value;
}

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void a_file_that_was_cut_is_made_whole(void **state)
{
    (void)state;
    struct stat st;
    const int fd = make_file("ring", BYTES);
    uint8_t *const at = map(fd);
    ring_guard_add(at, BYTES, fd);
    memset(at, 7, BYTES);
    assert_false(ring_guard_take_cut(at));
    assert_int_equal(ftruncate(fd, 4096), 0);
    write_at(at, 3 * 4096, 9);
    assert_int_equal(read_at(at, 0), 7);
    assert_int_equal(read_at(at, 2 * 4096), 0);
    assert_int_equal(read_at(at, 3 * 4096), 9);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, BYTES);
    assert_true(ring_guard_take_cut(at));
    assert_false(ring_guard_take_cut(at));
    unmap(at);
    assert_int_equal(close(fd), 0);
}

/* A disk that answers with an error is made of a file that ends before its mapping, and a
 * descriptor of one that does not. */
static uint8_t *map_unreadable(int *out_fd)
{
    const int short_fd = make_file("short", 4096);
    *out_fd = make_file("long", BYTES);
    uint8_t *const at = map(short_fd);
    assert_int_equal(close(short_fd), 0);
    ring_guard_add(at, BYTES, *out_fd);
    return at;
}

static void a_reader_finds_zeros_where_nothing_can_be_read(void **state)
{
    (void)state;
    int fd;
    uint8_t *const at = map_unreadable(&fd);
    write_at(at, 0, 7);
    ring_guard_set_reader(at);
    assert_int_equal(read_at(at, 2 * 4096 + 5), 0);
    assert_int_equal(read_at(at, 0), 7);
    assert_true(ring_guard_take_cut(at));
    unmap(at);
    assert_int_equal(close(fd), 0);
}

static void a_writer_ends_there_and_so_does_a_stranger(void **state)
{
    (void)state;
    for (int is_stranger = 0; is_stranger < 2; is_stranger++) {
        int fd;
        uint8_t *const at = map_unreadable(&fd);
        if (is_stranger)
            ring_guard_remove(at);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            /* Not the test's own way to see it. */
            (void)signal(SIGBUS, SIG_DFL);
            ring_guard_remove(at);
            if (!is_stranger)
                ring_guard_add(at, BYTES, fd);
            write_at(at, 2 * 4096, 1);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGBUS);
        unmap(at);
        assert_int_equal(close(fd), 0);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_file_that_was_cut_is_made_whole),
        T(a_reader_finds_zeros_where_nothing_can_be_read),
        T(a_writer_ends_there_and_so_does_a_stranger),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
