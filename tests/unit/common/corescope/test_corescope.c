/* SPDX-License-Identifier: MIT
 *
 * corescope: the tables themselves, and that the project's README says what they say. What the
 * configuration makes of them is in test_config_corescope. */
#include "tests/support/cmocka_all.h"

#include "common/corescope/corescope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION    "\n## CoreScope's keys\n"
#define README_MAX (1024 * 1024)

/* --- the README's table ----------------------------------------------------------------------- */

static char *read_section(void)
{
    char *text = calloc(1, README_MAX + 1);
    FILE *f = fopen(SOURCE_DIR "/README.md", "r");
    assert_non_null(text);
    assert_non_null(f);
    assert_true(fread(text, 1, README_MAX, f) > 0);
    assert_int_equal(fclose(f), 0);
    const char *start = strstr(text, SECTION);
    if (start == NULL)
        fail_msg("the README has no section%s", SECTION);
    start += sizeof SECTION - 1;
    const char *end = strstr(start, "\n## ");
    char *section = strndup(start, end != NULL ? (size_t)(end - start) : strlen(start));
    free(text);
    assert_non_null(section);
    return section;
}

/* The row whose first cell names the key in backticks; NULL = none. */
static const char *find_row(const char *section, const char *key)
{
    char quoted[80];
    (void)snprintf(quoted, sizeof quoted, "`%s`", key);
    for (const char *line = section; *line != '\0';
         line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t cell = line[0] == '|' ? strcspn(line + 1, "|\n") : 0;
        const char *at = strstr(line, quoted);
        if (at != NULL && at < line + 1 + cell)
            return line;
    }
    return NULL;
}

static void expect_row(const char *section, const struct corescope_key *key)
{
    const char *row = find_row(section, key->key);
    const char *want = key->fate == CORESCOPE_IGNORED ? "ignored, one warning"
                       : key->differs != NULL         ? key->differs
                                                      : "as in CoreScope";
    if (row == NULL)
        fail_msg("the README does not name %s", key->key);
    const char *second = row + 1 + strcspn(row + 1, "|") + 1;
    const char *const end = second + strcspn(second, "\n");
    second += strspn(second, " ");
    if (strncmp(second, want, strlen(want)) != 0 || strncmp(second + strlen(want), " |", 2) != 0)
        fail_msg("%s: the README says\n%.*s\nand not\n%s |", key->key, (int)(end - second), second,
                 want);
}

static size_t count_keys(const char *section)
{
    size_t ticks = 0;
    for (const char *line = section; *line != '\0';
         line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t cell = line[0] == '|' ? strcspn(line + 1, "|\n") : 0;
        for (size_t i = 0; i < cell; i++)
            ticks += line[1 + i] == '`' ? 1 : 0;
    }
    return ticks / 2;
}

static void the_readme_has_the_same_table(void **state)
{
    char *section = read_section();
    (void)state;
    for (size_t i = 0; i < corescope_key_count; i++)
        expect_row(section, &corescope_keys[i]);
    assert_int_equal(count_keys(section), corescope_key_count);
    for (size_t i = 0; i < corescope_variable_count; i++) {
        if (strstr(section, corescope_variables[i].name) == NULL)
            fail_msg("the README does not name %s", corescope_variables[i].name);
    }
    assert_non_null(strstr(section, CORESCOPE_CHANNEL_FILE));
    free(section);
}

/* --- looking up ------------------------------------------------------------------------------- */

static void keys_are_found_by_their_fate(void **state)
{
    (void)state;
    const int runtime = corescope_ignored("runtime");
    assert_true(runtime >= 0);
    assert_string_equal(corescope_keys[runtime].key, "runtime");
    assert_true(corescope_ignored("retention.clientRxDays") >= 0);
    assert_int_equal(corescope_ignored("clientRxDays"), -1);
    assert_int_equal(corescope_ignored("port"), -1); /* read */
    assert_int_equal(corescope_ignored(""), -1);
}

static void no_key_stands_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < corescope_key_count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(corescope_keys[i].key, corescope_keys[j].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_readme_has_the_same_table),
        cmocka_unit_test(keys_are_found_by_their_fate),
        cmocka_unit_test(no_key_stands_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
