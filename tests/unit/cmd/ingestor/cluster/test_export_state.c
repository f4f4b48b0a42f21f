/* SPDX-License-Identifier: MIT
 *
 * export_state: what is written is read; a file that was cut or belongs to another list of sources
 * is none. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/cluster/export_state.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct export_state sample(void)
{
    struct export_state state = {.store = "0123456789abcdef",
                                 .created_ms = 1700000000000,
                                 .commits = 42,
                                 .mark = "00FF00FF00FF00FF",
                                 .is_finished = true,
                                 .is_exact = true};
    for (size_t i = 0; i < FACT_SOURCES; i++) {
        state.sources[i].position = INT64_MAX - (int64_t)i;
        state.sources[i].rows = UINT64_MAX - i;
    }
    return state;
}

static void test_what_is_written_is_read(void **state)
{
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
    struct export_state out, in = sample();
    struct err err = {0};
    (void)state;
    temp_dir_make(dir);
    (void)temp_dir_path(dir, "state", path);
    assert_int_equal(export_state_read(path, &out), STATUS_NOT_FOUND);
    assert_int_equal(export_state_write(path, &in, &err), STATUS_OK);
    assert_int_equal(export_state_read(path, &out), STATUS_OK);
    assert_memory_equal(out.store, in.store, sizeof in.store);
    assert_int_equal(out.created_ms, in.created_ms);
    assert_int_equal(out.commits, in.commits);
    assert_string_equal(out.mark, in.mark);
    assert_true(out.is_finished);
    assert_true(out.is_exact);
    assert_memory_equal(out.sources, in.sources, sizeof in.sources);
    temp_dir_remove(dir);
}

/* Who knew fewer tables has sent none of the others. */
static void test_one_of_an_older_program_is_read(void **state)
{
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX], text[4096];
    struct export_state out, in = sample();
    struct err err = {0};
    (void)state;
    temp_dir_make(dir);
    (void)temp_dir_path(dir, "state", path);
    assert_int_equal(export_state_write(path, &in, &err), STATUS_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    char *last = strstr(text, "\nrefusals ");
    assert_non_null(last);
    (void)strcpy(last, "\nend\n");
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
    assert_int_equal(export_state_read(path, &out), STATUS_OK);
    assert_memory_equal(out.sources, in.sources, 13 * sizeof in.sources[0]);
    for (size_t i = 13; i < FACT_SOURCES; i++)
        assert_true(out.sources[i].position == 0 && out.sources[i].rows == 0);
    temp_dir_remove(dir);
}

static void test_a_cut_one_is_none(void **state)
{
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX], text[4096];
    struct export_state out, in = sample();
    struct err err = {0};
    (void)state;
    temp_dir_make(dir);
    (void)temp_dir_path(dir, "state", path);
    assert_int_equal(export_state_write(path, &in, &err), STATUS_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t len = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    for (size_t cut = 0; cut < len; cut += 7) {
        assert_int_equal(truncate(path, 0), 0);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, cut, file), cut);
        (void)fclose(file);
        assert_int_equal(export_state_read(path, &out), STATUS_NOT_FOUND);
    }
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_one_of_an_older_program_is_read),
        cmocka_unit_test(test_a_cut_one_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
