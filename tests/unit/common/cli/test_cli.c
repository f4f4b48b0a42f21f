/* SPDX-License-Identifier: MIT
 *
 * cli: flags, exit codes, what goes to stdout and what to stderr. */
#include "tests/support/cmocka_all.h"

#include "common/cli/cli.h"

#include "common/base/version.h"
#include "common/config/config_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 12

struct run {
    int code;
    char *out, *err; /* what the call wrote */
    struct cli cli;
    struct config config;
    const char *decode, *redecode;
    enum config_reader reader;
};

static int capture_begin(int fd, FILE **out_file)
{
    *out_file = tmpfile();
    assert_non_null(*out_file);
    assert_int_equal(fflush(NULL), 0);
    const int kept = dup(fd);
    assert_true(kept >= 0);
    assert_int_equal(dup2(fileno(*out_file), fd), fd);
    return kept;
}

static char *capture_end(int fd, int kept, FILE *file)
{
    assert_int_equal(fflush(NULL), 0);
    assert_int_equal(dup2(kept, fd), fd);
    assert_int_equal(close(kept), 0);
    const long len = (fseek(file, 0, SEEK_END), ftell(file));
    assert_true(len >= 0);
    char *text = calloc(1, (size_t)len + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)len, file), (size_t)len);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* The program's own part of --check-config refuses one port. */
static size_t check(const struct config *config)
{
    return config->port == 4999 ? 1 : 0;
}

static void print_libraries(FILE *out)
{
    (void)fprintf(out, ", another 1.2");
}

/* Arguments end with NULL. r->reader is an argument, too. */
static void run(struct run *r, const char *const *arguments)
{
    char copies[ARGS_MAX][128] = {"ingestor"};
    char *argv[ARGS_MAX + 1] = {copies[0]};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        assert_true(argc < ARGS_MAX);
        (void)snprintf(copies[argc], sizeof copies[argc], "%s", arguments[argc - 1]);
        argv[argc] = copies[argc];
    }
    *r = (struct run){.reader = r->reader};
    FILE *out, *err;
    const int out_fd = capture_begin(STDOUT_FILENO, &out);
    const int err_fd = capture_begin(STDERR_FILENO, &err);
    const struct cli_extra extras[] = {
        {"decode", "HEX", "decode one frame", &r->decode, true},
        {"redecode", NULL, "derive again", &r->redecode, false},
    };
    const struct cli_program program = {.name = "ingestor",
                                        .usage = "Examples:\n  $0 --config config.json\n",
                                        .extras = extras,
                                        .extra_count = ARRAY_LEN(extras),
                                        .check = check,
                                        .sqlite_version = "3.40.1",
                                        .print_libraries = print_libraries,
                                        .reader = r->reader};
    r->code = cli_main_config(argc, argv, &program, &r->cli, &r->config);
    r->err = capture_end(STDERR_FILENO, err_fd, err);
    r->out = capture_end(STDOUT_FILENO, out_fd, out);
}

static void run_done(struct run *r)
{
    config_done(&r->config);
    cli_done(&r->cli);
    free(r->out);
    free(r->err);
}

#define RUN(r, ...) run((r), (const char *const[]){__VA_ARGS__, NULL})

static void write_config(char path[static 64], const char *text)
{
    (void)snprintf(path, 64, "/tmp/weir-cli-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void test_help(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    RUN(&r, "--help");
    assert_int_equal(r.code, EXIT_CLEAN);
    assert_memory_equal(r.out, "Examples:\n", 10);
    static const char *const parts[] = {"--config FILE",     "--check-config",
                                        "--print-config",    "--set KEY=VALUE",
                                        "--log-level LEVEL", "--log-format FORMAT",
                                        "--version",         "--flusher-processes N",
                                        "  groupCommitMs ",  "  ingestor --config config.json\n"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_non_null(strstr(r.out, parts[i]));
    assert_string_equal(r.err, "");
    assert_null(r.cli.sets);
    assert_null(strstr(r.out, "  healthPort "));
    run_done(&r);
}

/* Both programs print every key: a manual page tells of all. */
static void test_options_are_data(void **state)
{
    (void)state;
    static const enum config_reader readers[] = {CONFIG_INGESTOR, CONFIG_SERVER};
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        struct run r = {.reader = readers[i]};
        RUN(&r, "--print-options");
        assert_int_equal(r.code, EXIT_CLEAN);
        cJSON *root = cJSON_Parse(r.out);
        assert_non_null(root);
        assert_string_equal(cJSON_GetObjectItem(root, "program")->valuestring,
                            i == 0 ? "ingestor" : "server");
        const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "flags"), 0);
        assert_string_equal(cJSON_GetObjectItem(first, "name")->valuestring, "decode");
        assert_string_equal(cJSON_GetObjectItem(first, "argument")->valuestring, "HEX");
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "keys")),
                         config_options.count);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "sourceKeys")),
                         config_source_options.count);
        cJSON_Delete(root);
        run_done(&r);
    }
}

static void test_help_shows_the_programs_own_keys(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_SERVER};
    RUN(&r, "-h");
    assert_int_equal(r.code, EXIT_CLEAN);
    static const char *const own[] = {"  healthPort ", "  dbPath ", "  logLevel "};
    static const char *const others[] = {"  groupCommitMs ", "  qos ", "--flusher-processes"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        assert_non_null(strstr(r.out, own[i]));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_null(strstr(r.out, others[i]));
    run_done(&r);
}

static void test_letters(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    RUN(&r, "-V");
    assert_int_equal(r.code, EXIT_CLEAN);
    assert_non_null(strstr(r.out, ", another 1.2\n"));
    run_done(&r);
    char path[64];
    write_config(path, "{\"port\": 4321}");
    RUN(&r, "-c", path);
    assert_int_equal(r.code, -1);
    assert_int_equal(r.config.port, 4321);
    /* The first line says which file. */
    char first[128];
    (void)snprintf(first, sizeof first, "info config reading the configuration file=%s\n", path);
    assert_non_null(strstr(r.err, first));
    assert_ptr_equal(strchr(r.err, '\n') + 1, strstr(r.err, first) + strlen(first));
    run_done(&r);
    RUN(&r, "-c");
    assert_int_equal(r.code, EXIT_USAGE);
    assert_non_null(strstr(r.err, "a value is missing behind -c"));
    run_done(&r);
    assert_int_equal(unlink(path), 0);
}

static void test_version(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    RUN(&r, "--version");
    assert_int_equal(r.code, EXIT_CLEAN);
    const char *const parts[] = {"weir ingestor ", version_number(), version_commit(), "sqlite 3.",
                                 "cJSON 1.",       "OpenSSL 3.",     "libsodium 1."};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_non_null(strstr(r.out, parts[i]));
    run_done(&r);
}

static void test_check_of_the_program(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    RUN(&r, "--set", "port=4999", "--check-config");
    assert_int_equal(r.code, EXIT_CONFIG);
    assert_non_null(strstr(r.err, "configuration refused"));
    assert_null(strstr(r.out, "configuration ok"));
    run_done(&r);
    RUN(&r, "--set", "port=4998", "--check-config");
    assert_int_equal(r.code, EXIT_CLEAN);
    run_done(&r);
    RUN(&r, "--set", "port=4999"); /* a run is not refused */
    assert_int_equal(r.code, -1);
    run_done(&r);
}

static void test_usage_errors(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"--nonsense", NULL, "--nonsense"},
        {"--config", NULL, "--config"},
        {"-x", NULL, "flag -x (try"},
        {"-xy", NULL, "flag -x (try"},
        {"-\xc3\xa9", NULL, "flag (try"},
        {"stray", NULL, "stray"},
        {"--log-level", "loud", "debug, info"},
        {"--log-format", "xml", "text or json"},
        {"--check-config=1", NULL, "--check-config=1"},
        {"--config", "--check-config", "missing between --config and --check-config"},
        {"--decode", "--config", "missing between --decode and --config"},
        {"-c", "-V", "missing between -c and -V"},
        {"--set", "-h", "missing between --set and -h"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r = {.reader = CONFIG_INGESTOR};
        RUN(&r, cases[i][0], cases[i][1]);
        assert_int_equal(r.code, EXIT_USAGE);
        assert_non_null(strstr(r.err, cases[i][2]));
        assert_non_null(strstr(r.err, "try --help"));
        assert_string_equal(r.out, "");
        run_done(&r);
    }
}

static void test_going_on(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    RUN(&r, "--set", "port=3100", "--flusher-processes", "1", "--set", "groupCommitMs=5",
        "--log-level", "warn");
    assert_int_equal(r.code, -1);
    assert_int_equal(r.config.port, 3100);
    assert_int_equal(r.config.group_commit_ms, 5);
    assert_int_equal(r.config.log_level, LOG_WARN);
    assert_int_equal(r.cli.args.set_count, 3);
    assert_string_equal(r.out, "");
    assert_string_equal(r.err, "");
    run_done(&r);
}

static void test_flusher_processes_is_refused(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    RUN(&r, "--flusher-processes", "2");
    assert_int_equal(r.code, EXIT_CONFIG);
    assert_non_null(strstr(r.err, "must be 1, not 2: SQLite has one writer"));
    assert_null(r.config.db_path);
    run_done(&r);
}

static void test_check_config(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    char path[64];
    write_config(path, "{\"ingestBufferSize\": -5, \"logLevel\": \"error\"}");
    RUN(&r, "--config", path, "--check-config");
    assert_int_equal(r.code, EXIT_CLEAN);
    assert_non_null(
        strstr(r.err, "warn config ingestBufferSize -5 clamped to 1 (default 50000)\n"));
    assert_non_null(strstr(r.out, "configuration ok (sources: 1, warnings: 1"));
    run_done(&r);
    assert_int_equal(unlink(path), 0);

    write_config(path, "{\"prot\": 1, \"qos\": 2}");
    RUN(&r, "--config", path, "--check-config");
    assert_int_equal(r.code, EXIT_CONFIG);
    assert_non_null(strstr(r.err, "error config prot: unknown key; did you mean 'port'?\n"));
    assert_non_null(strstr(r.err, "error config qos: unknown key"));
    assert_non_null(strstr(r.err, "errors=2"));
    assert_string_equal(r.out, "");
    run_done(&r);
    assert_int_equal(unlink(path), 0);

    RUN(&r, "--config", path, "--log-format", "json");
    assert_int_equal(r.code, EXIT_CONFIG);
    assert_non_null(strstr(r.err, "\"msg\":\"can't read /tmp/weir-cli-"));
    run_done(&r);
}

/* 65 is one line, also with the configuration of a CoreScope, which is full of what
 * we don't use. */
static void test_an_answer_without_warnings(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    char path[64];
    write_config(path, "{\"ingestBufferSize\": -5, \"runtime\": {}}");
    RUN(&r, "--config", path, "--decode", "0E00");
    assert_int_equal(r.code, -1);
    assert_string_equal(r.err, "");
    run_done(&r);
    RUN(&r, "--config", path, "--redecode");
    assert_int_equal(r.code, -1);
    assert_non_null(strstr(r.err, "warn config runtime: "));
    run_done(&r);
    RUN(&r, "--config", path, "--decode", "0E00", "--check-config");
    assert_int_equal(r.code, EXIT_CLEAN);
    assert_non_null(strstr(r.err, "warn config runtime: "));
    run_done(&r);
    assert_int_equal(unlink(path), 0);

    write_config(path, "{\"runtime\": {}, \"prot\": 1}");
    RUN(&r, "--config", path, "--decode", "0E00");
    assert_int_equal(r.code, EXIT_CONFIG);
    assert_non_null(strstr(r.err, "error config prot: unknown key"));
    run_done(&r);
    assert_int_equal(unlink(path), 0);
}

static void test_print_config(void **state)
{
    (void)state;
    struct run r = {.reader = CONFIG_INGESTOR};
    char path[64];
    write_config(path, "{\"mqttSources\": [{\"broker\": \"mqtt://u:hunter2@h\"}]}");
    RUN(&r, "--config", path, "--print-config", "--set", "port=3100");
    assert_int_equal(r.code, EXIT_CLEAN);
    assert_non_null(strstr(r.out, "port = 3100  (origin: flag)\n"));
    assert_non_null(strstr(r.out, "mqttSources[0].broker = mqtt://u:****@h  (origin: file)\n"));
    assert_null(strstr(r.out, "hunter2"));
    assert_null(strstr(r.err, "hunter2"));
    run_done(&r);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_options_are_data),
        cmocka_unit_test(test_help_shows_the_programs_own_keys),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_check_of_the_program),
        cmocka_unit_test(test_usage_errors),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_flusher_processes_is_refused),
        cmocka_unit_test(test_check_config),
        cmocka_unit_test(test_an_answer_without_warnings),
        cmocka_unit_test(test_print_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
