/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/history/history.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {"received", "queue"};
#define START INT64_C(1795960800) /* a multiple of 300 */

static struct history *open_history(const char *path, struct err *err)
{
    struct history *h = history_new(names, 2, path, err);
    assert_non_null(h);
    return h;
}

/* A spike of one second is still there in the buckets of five minutes. */
static void test_a_spike_outlives_its_hour(void **state)
{
    (void)state;
    struct err err;
    struct history_value v[2];
    struct history *h = open_history(NULL, &err);
    for (int64_t s = 0; s < 601; s++)
        history_add(h, START + s, (double[]){s == 17 ? 900 : 10, (double)NAN});
    assert_true(history_read(h, 0, START + 17, v));
    assert_true(v[0].mean == 900 && isnan(v[1].mean));
    assert_true(history_read(h, 1, START + 10, v));
    assert_true(v[0].min == 10 && v[0].max == 900 && v[0].mean == 99);
    assert_true(history_read(h, 2, START, v));
    assert_true(v[0].min == 10 && v[0].max == 900);
    assert_true(fabs((double)v[0].mean - (299 * 10 + 900) / 300.0) < 1e-3);
    assert_true(isnan(v[1].min) && isnan(v[1].mean));
    assert_false(history_read(h, 2, START + 600, v)); /* not over yet */
    history_free(h);
}

static void test_time_without_samples_is_a_gap(void **state)
{
    (void)state;
    struct err err;
    struct history_value v[2];
    struct history *h = open_history(NULL, &err);
    history_add(h, START, (double[]){1, 2});
    history_add(h, START + 3600, (double[]){3, 4}); /* the same row, an hour later */
    assert_false(history_read(h, 0, START, v));
    assert_true(history_read(h, 0, START + 3600, v));
    assert_false(history_read(h, 0, START + 3599, v));
    history_add(h, START + 100, (double[]){5, 6}); /* a clock that was set back */
    assert_false(history_read(h, 0, START + 100, v));
    history_free(h);
}

static void test_it_outlives_the_server(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct err err;
    struct history_value v[2];
    temp_dir_make(dir);
    temp_dir_path(dir, "history.bin", path);
    struct history *h = open_history(path, &err);
    assert_int_equal(err.status, STATUS_OK);
    for (int64_t s = 0; s < 305; s++)
        history_add(h, START + s, (double[]){7, (double)s});
    history_free(h);
    h = open_history(path, &err);
    assert_int_equal(err.status, STATUS_OK);
    assert_true(history_read(h, 2, START, v));
    assert_true(v[0].mean == 7 && v[1].max == 299);
    assert_true(history_read(h, 1, START + 300, v)); /* not over when the server ended */
    assert_true(v[1].max == 304);
    assert_false(history_read(h, 0, START + 1, v)); /* seconds are in memory */
    struct history *other = open_history(path, &err);
    assert_int_equal(err.status, STATUS_BUSY);
    history_free(other);
    history_free(h);
    temp_dir_remove(dir);
}

/* Cut anywhere in a row: that row is a gap, its neighbours stay. */
static void test_a_torn_row_is_a_gap(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct err err;
    struct history_value v[2];
    temp_dir_make(dir);
    temp_dir_path(dir, "history.bin", path);
    struct history *h = open_history(path, &err);
    for (int64_t s = 0; s < 40; s++)
        history_add(h, START + s, (double[]){7, 8});
    history_free(h);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    const off_t row = 4096 + (START / 10 + 1) % 8640 * (8 + 24);
    assert_int_equal(pwrite(fd, "\xff", 1, row + 15), 1);
    assert_int_equal(close(fd), 0);
    h = open_history(path, &err);
    assert_true(history_read(h, 1, START, v));
    assert_false(history_read(h, 1, START + 10, v));
    assert_true(history_read(h, 1, START + 20, v));
    history_free(h);
    temp_dir_remove(dir);
}

static void test_files_of_others(void **state)
{
    (void)state;
    static const char *const more[] = {"received", "queue", "wal"};
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct err err;
    struct stat st;
    temp_dir_make(dir);
    temp_dir_path(dir, "history.bin", path);
    history_free(open_history(path, &err));
    struct history *h = history_new(more, 3, path, &err);
    assert_int_equal(err.status, STATUS_FOREIGN); /* begun anew, and said */
    history_free(h);
    temp_dir_path(dir, "letter.txt", path);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "Dear Anna, here is", 18), 18);
    assert_int_equal(close(fd), 0);
    h = open_history(path, &err);
    assert_int_equal(err.status, STATUS_FOREIGN);
    history_add(h, START, (double[]){1, 2});
    history_free(h);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 18); /* untouched */
    temp_dir_remove(dir);
}

static void test_levels(void **state)
{
    (void)state;
    const int64_t now = START;
    assert_int_equal(history_choose(now - 900, now, now, 1000), 0);
    assert_int_equal(history_choose(now - 3600, now, now, 1000), 1);
    assert_int_equal(history_choose(now - 3599, now, now, 4000), 0);
    assert_int_equal(history_choose(now - 7 * 86400, now, now, 4000), 2);
    assert_int_equal(history_choose(now - 7200, now - 7100, now, 4000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_spike_outlives_its_hour),
        cmocka_unit_test(test_time_without_samples_is_a_gap),
        cmocka_unit_test(test_it_outlives_the_server),
        cmocka_unit_test(test_a_torn_row_is_a_gap),
        cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
