/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/flush/reserve_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void it_takes_space_until_it_is_released(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-reserve-XXXXXX";
    char db[64];
    char file[64];
    struct stat st;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(db, sizeof db, "%s/weir.db", dir);
    (void)snprintf(file, sizeof file, "%s/weir.db.reserve", dir);
    assert_false(reserve_file_release(db));
    assert_true(reserve_file_make(db));
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, RESERVE_FILE_BYTES);
    assert_true(st.st_blocks * 512 >= RESERVE_FILE_BYTES); /* no hole */
    assert_true(reserve_file_make(db));                    /* it is there */
    assert_int_equal(truncate(file, 10), 0);
    assert_true(reserve_file_make(db)); /* a part of it is completed */
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, RESERVE_FILE_BYTES);
    assert_true(reserve_file_release(db));
    assert_int_not_equal(stat(file, &st), 0);
    assert_int_equal(symlink("/dev/null", file), 0);
    assert_false(reserve_file_make(db)); /* never through a link */
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_false(reserve_file_make("/nonexistent/weir.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_takes_space_until_it_is_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
