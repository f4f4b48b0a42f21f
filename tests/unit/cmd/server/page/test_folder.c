/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/page/folder.h"
#include "cmd/server/page/media_type.h"
#include "common/base/err.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[TEMP_DIR_MAX], root[TEMP_PATH_MAX];

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[TEMP_PATH_MAX];
    FILE *stream = fopen(temp_dir_path(folder, name, path), "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static void make_folder(const char *name)
{
    char path[TEMP_PATH_MAX];
    assert_int_equal(mkdir(temp_dir_path(root, name, path), 0700), 0);
}

static void make_link(const char *name, const char *to)
{
    char path[TEMP_PATH_MAX];
    assert_int_equal(symlink(to, temp_dir_path(root, name, path)), 0);
}

static int setup(void **state)
{
    char path[TEMP_PATH_MAX];
    (void)state;
    temp_dir_make(dir);
    write_file(dir, "secret.txt", "secret");
    assert_int_equal(mkdir(temp_dir_path(dir, "public", root), 0700), 0);
    write_file(root, "index.html", "index");
    write_file(root, "empty.js", "");
    write_file(root, ".env", "hidden");
    make_folder("js");
    write_file(root, "js/app.js", "app");
    write_file(root, "js/index.html", "of js");
    make_folder(".git");
    write_file(root, ".git/config", "hidden");
    make_link("out.txt", "../secret.txt");
    make_link("inner.txt", "index.html");
    make_link("up", "..");
    assert_int_equal(mkfifo(temp_dir_path(root, "pipe", path), 0600), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* What stands there, or which answer it is. */
static void describe(const char *path, char out[static 64])
{
    static const char *const words[] = {"", "absent", "refused", "failed"};
    struct folder_file file;
    const enum folder_found found = folder_find(root, path, &file);
    (void)snprintf(out, 64, "%s", words[found]);
    if (found != FOLDER_FILE)
        return;
    size_t len;
    char *bytes = folder_read(&file, &len);
    assert_non_null(bytes);
    (void)snprintf(out, 64, "%.*s: %s", (int)len, bytes, file.type);
    free(bytes);
    assert_int_equal(close(file.fd), 0);
}

static void test_paths_mean_files_of_the_folder_alone(void **state)
{
    (void)state;
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"", "index: text/html; charset=utf-8"},
        {"index.html", "index: text/html; charset=utf-8"},
        {"js/app.js", "app: text/javascript; charset=utf-8"},
        {"js/", "of js: text/html; charset=utf-8"},
        {"empty.js", ": text/javascript; charset=utf-8"},
        {"js", "absent"}, /* a folder */
        {"pipe", "absent"},
        {"none.js", "absent"},
        {"index.html/x", "absent"},
        {"index.html/", "absent"},
        {"out.txt", "refused"},
        {"inner.txt", "refused"}, /* also one that stays inside */
        {"up/secret.txt", "absent"},
        {"up/public/index.html", "absent"},
        {"..", "refused"},
        {"../secret.txt", "refused"},
        {"js/../index.html", "refused"},
        {"js/../../secret.txt", "refused"},
        {"./index.html", "refused"},
        {"/index.html", "refused"},
        {"/etc/passwd", "refused"},
        {"js//app.js", "refused"},
        {".env", "refused"},
        {".git/config", "refused"},
        {"js\\app.js", "refused"},
        {"..\\secret.txt", "refused"},
        {"index.html\n", "refused"},
        {"a\x7f", "refused"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[64];
        describe(cases[i].path, got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s, not %s", cases[i].path, got, cases[i].want);
    }
    char longest[600];
    char got[64];
    (void)snprintf(longest, sizeof longest, "%0500d", 7);
    describe(longest, got);
    assert_string_equal(got, "refused");
}

static void test_an_identity_is_of_one_content(void **state)
{
    struct folder_file before, after;
    (void)state;
    assert_int_equal(folder_find(root, "js/app.js", &before), FOLDER_FILE);
    assert_false(before.is_settled); /* written just now */
    assert_int_equal(close(before.fd), 0);
    write_file(root, "js/app.js", "other bytes");
    assert_int_equal(folder_find(root, "js/app.js", &after), FOLDER_FILE);
    assert_int_equal(close(after.fd), 0);
    assert_string_not_equal(before.identity, after.identity);
    write_file(root, "js/app.js", "app");
}

/* A file that is cut between the look and the reading gives what is left. */
static void test_what_was_cut_is_short(void **state)
{
    struct folder_file file;
    size_t len = 99;
    char path[TEMP_PATH_MAX];
    (void)state;
    write_file(root, "cut.txt", "0123456789");
    assert_int_equal(folder_find(root, "cut.txt", &file), FOLDER_FILE);
    assert_int_equal(truncate(temp_dir_path(root, "cut.txt", path), 4), 0);
    char *bytes = folder_read(&file, &len);
    assert_non_null(bytes);
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "0123", 4);
    free(bytes);
    assert_int_equal(close(file.fd), 0);
}

static void test_the_check_says_what_is_wrong(void **state)
{
    struct err err;
    char path[TEMP_PATH_MAX];
    (void)state;
    assert_int_equal(folder_check(root, &err), STATUS_OK);
    assert_int_equal(folder_check(temp_dir_path(dir, "nowhere", path), &err), STATUS_CONFIG);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(folder_check(temp_dir_path(dir, "secret.txt", path), &err), STATUS_CONFIG);
    assert_non_null(strstr(err.text, "Not a directory"));
    assert_int_equal(folder_check(temp_dir_path(root, ".git", path), &err), STATUS_CONFIG);
    assert_non_null(strstr(err.text, "no index.html in it"));
    make_link(".git/index.html", "../index.html");
    assert_int_equal(folder_check(path, &err), STATUS_CONFIG);
    assert_non_null(strstr(err.text, "a link"));
}

static void test_media_types(void **state)
{
    (void)state;
    assert_string_equal(media_type("a/b.SVG"), "image/svg+xml");
    assert_string_equal(media_type("a.js/b"), "application/octet-stream");
    assert_string_equal(media_type("js"), "application/octet-stream");
    assert_true(media_type_is_part("a.min.js"));
    assert_false(media_type_is_part("a.html"));
    assert_false(media_type_is_part("packets/1.5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_mean_files_of_the_folder_alone),
        cmocka_unit_test(test_an_identity_is_of_one_content),
        cmocka_unit_test(test_what_was_cut_is_short),
        cmocka_unit_test(test_the_check_says_what_is_wrong),
        cmocka_unit_test(test_media_types),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
