/* SPDX-License-Identifier: MIT
 *
 * webhook_told: what was told is known after a restart, to the same address. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/webhook/webhook_told.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL "https://hooks.example.org/weir?token=hidden-token"

static char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    (void)temp_dir_path(dir, WEBHOOK_TOLD_NAME, path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void recall(struct webhook_changes *known, const char *url)
{
    *known = (struct webhook_changes){.count = 0};
    webhook_told_recall(path, url, 1000, known);
}

static void test_it_comes_back(void **state)
{
    (void)state;
    struct webhook_changes *known = calloc(2, sizeof *known);
    assert_non_null(known);
    struct webhook_changes *again = known + 1;
    char longest[sizeof known->levels[0].name];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    webhook_changes_recall(known, "source:a b=c", HEALTH_WARN, 5);
    webhook_changes_recall(known, "database", HEALTH_FAIL, 5);
    webhook_changes_recall(known, longest, HEALTH_WARN, 5);
    webhook_changes_recall(known, "wal", HEALTH_PASS, 5);
    char *text = webhook_told_text(known, URL);
    assert_non_null(text);
    assert_null(strstr(text, "token"));
    write_file(text);
    recall(again, URL);
    assert_int_equal(again->count, 3);
    assert_int_equal(again->told, HEALTH_FAIL);
    for (size_t i = 0; i < again->count; i++) {
        assert_string_equal(again->levels[i].name, known->levels[i].name);
        assert_int_equal(again->levels[i].told, known->levels[i].told);
        assert_int_equal(again->levels[i].seen, known->levels[i].told);
    }
    recall(again, "https://other.example.org/");
    assert_int_equal(again->count, 0);
    free(text);
    free(known);
}

static void test_a_damaged_file_is_passed_over(void **state)
{
    (void)state;
    char text[4096];
    struct webhook_changes *known = calloc(1, sizeof *known);
    assert_non_null(known);
    recall(known, URL); /* none */
    assert_int_equal(known->count, 0);
    char *head = webhook_told_text(known, URL);
    assert_non_null(head);
    static const char *const rests[] = {
        "",          "warn", "\n", "warn\n", "warn \n", " \n", "loud source:a\n", "pass source:a\n",
        "\xff\xfe\n"};
    for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
        (void)snprintf(text, sizeof text, "%s%s", head, rests[i]);
        write_file(text);
        recall(known, URL);
        assert_int_equal(known->count, 0);
    }
    (void)snprintf(text, sizeof text, "%swarn source:a", head); /* cut in its last line */
    write_file(text);
    recall(known, URL);
    assert_string_equal(known->levels[0].name, "source:a");
    write_file(head + 1);
    recall(known, URL);
    assert_int_equal(known->count, 0);
    free(head);
    free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_passed_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
