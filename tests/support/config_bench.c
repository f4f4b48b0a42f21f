/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int config_bench_setup(void **state)
{
    struct config_bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    (void)snprintf(b->folder, sizeof b->folder, "/tmp/weir-config-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    (void)snprintf(b->file, sizeof b->file, "%s/config.json", b->folder);
    *state = b;
    return 0;
}

int config_bench_teardown(void **state)
{
    struct config_bench *b = *state;
    char command[128];
    config_done(&b->config);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", b->folder);
    const int rc = system(command);
    free(b);
    return rc;
}

void config_bench_write_file(const char *path, const void *bytes, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

void config_bench_write_beside(const struct config_bench *b, const char *name, const char *text)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", b->folder, name);
    config_bench_write_file(path, text, strlen(text), 0600);
}

enum status config_bench_load_args(struct config_bench *b, const struct config_args *args)
{
    config_done(&b->config);
    b->status = config_load(args, &b->config, &b->report);
    return b->status;
}

enum status config_bench_load_with(struct config_bench *b, const char *text, const char *set)
{
    struct config_args args = {
        .file = text != NULL ? b->file : NULL, .sets = &set, .set_count = set != NULL};
    if (text != NULL)
        config_bench_write_file(b->file, text, strlen(text), 0600);
    return config_bench_load_args(b, &args);
}

enum status config_bench_load(struct config_bench *b, const char *text)
{
    return config_bench_load_with(b, text, NULL);
}

static void show(const struct config_bench *b)
{
    for (size_t i = 0; i < b->report.count; i++)
        print_message("%s: %s\n", b->report.messages[i].is_error ? "error" : "warn",
                      b->report.messages[i].text);
}

size_t config_bench_count(const struct config_bench *b, bool is_error, const char *part)
{
    size_t found = 0;
    for (size_t i = 0; i < b->report.count; i++)
        found += b->report.messages[i].is_error == is_error &&
                 strstr(b->report.messages[i].text, part) != NULL;
    return found;
}

void config_bench_expect(const struct config_bench *b, bool is_error, const char *part)
{
    if (config_bench_count(b, is_error, part) == 1)
        return;
    show(b);
    fail_msg("expected one %s with: %s", is_error ? "error" : "warning", part);
}

void config_bench_expect_clean(const struct config_bench *b)
{
    if (b->status != STATUS_OK || b->report.count != 0) {
        show(b);
        fail_msg("expected no message, got %zu (%s)", b->report.count, status_text(b->status));
    }
}

void config_bench_expect_error(struct config_bench *b, const char *text, const char *part)
{
    assert_int_equal(config_bench_load(b, text), STATUS_CONFIG);
    config_bench_expect(b, true, part);
    assert_null(b->config.db_path); /* zeroed */
    if (b->report.count != 1) {
        show(b);
        fail_msg("expected one message for %s", text);
    }
}

void config_bench_expect_warning(struct config_bench *b, const char *text, const char *part)
{
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    config_bench_expect(b, false, part);
    if (b->report.count != 1) {
        show(b);
        fail_msg("expected one message for %s", text);
    }
}

char *config_bench_printed(const struct config_args *args, const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    config_print(args, config, f);
    assert_int_equal(fclose(f), 0);
    return text;
}
