/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_names.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

static const uint8_t uuid[RING_UUID_BYTES] = {0xab, 0x01, 0xff};
#define UUID_TEXT "ab01ff00000000000000000000000000"

static void escapes_what_no_file_name_should_hold(void **state)
{
    (void)state;
    char out[RING_ESCAPED_MAX];
    ring_escape_source("a-b/c d.\xc3\xa9_Z9", out, sizeof out);
    assert_string_equal(out, "a%2Db%2Fc%20d.%C3%A9_Z9");
    char small[5];
    ring_escape_source("ab//", small, sizeof small);
    assert_string_equal(small, "ab"); /* never half an escape */
}

static void the_lock_belongs_to_the_source(void **state)
{
    (void)state;
    char out[RING_ESCAPED_MAX];
    assert_true(ring_lock_path("/spool", "a/b", out, sizeof out));
    assert_string_equal(out, "/spool/a%2Fb.w");
    assert_false(ring_lock_path("/spool", "a/b", out, 10));
}

static void a_name_is_known_again(void **state)
{
    (void)state;
    char name[RING_NAME_BYTES];
    ring_file_name("a/b", uuid, name);
    assert_string_equal(name, "a%2Fb-" UUID_TEXT ".ring");
    assert_true(ring_name_is_of(name, "a%2Fb"));
    assert_false(ring_name_is_of(name, "a"));
    assert_false(ring_name_is_of("a%2Fb-" UUID_TEXT ".ring.damaged-1", "a%2Fb"));
    assert_false(ring_name_is_of("a%2Fb-short.ring", "a%2Fb"));
    assert_false(ring_name_is_temporary_of(name, "a%2Fb"));
    assert_true(ring_name_is_temporary_of("a%2Fb-" UUID_TEXT ".ring.tmp", "a%2Fb"));
}

static void the_longest_source_fits(void **state)
{
    (void)state;
    char source[RING_SOURCE_MAX + 1];
    char escaped[RING_ESCAPED_MAX];
    char name[RING_NAME_BYTES];
    memset(source, '/', RING_SOURCE_MAX);
    source[RING_SOURCE_MAX] = '\0';
    ring_escape_source(source, escaped, sizeof escaped);
    assert_int_equal(strlen(escaped), 3 * RING_SOURCE_MAX);
    ring_file_name(source, uuid, name);
    assert_true(ring_name_is_of(name, escaped));
}

static void make_file(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void nothing_moved_aside_is_overwritten(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct err err;
    temp_dir_make(dir);
    temp_dir_path(dir, "x.ring", path);
    for (int i = 0; i < 3; i++) {
        make_file(path);
        assert_int_equal(ring_move_aside(path, &err), STATUS_OK);
    }
    assert_int_equal(ring_move_aside(path, &err), STATUS_NOT_FOUND);
    char pattern[TEMP_PATH_MAX];
    glob_t found;
    assert_int_equal(glob(temp_dir_path(dir, "x.ring.damaged-*", pattern), 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 3);
    globfree(&found);
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_no_file_name_should_hold),
        cmocka_unit_test(the_lock_belongs_to_the_source),
        cmocka_unit_test(a_name_is_known_again),
        cmocka_unit_test(the_longest_source_fits),
        cmocka_unit_test(nothing_moved_aside_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
