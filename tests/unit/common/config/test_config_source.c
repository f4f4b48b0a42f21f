/* SPDX-License-Identifier: MIT
 *
 * config: the sources, and that no secret is ever shown. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- sources ---------------------------------------------------------------------------------- */

static void test_zero_sources(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"mqttSources\": []}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.source_count, 0);
}

static void test_source_names(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(
        config_bench_load(
            b, "{\"mqttSources\": [{\"broker\": \"mqtt://h\"}, {\"broker\": \"mqtt://h\"},"
               "{\"broker\": \"mqtt://h\", \"name\": \"h:1883-2\"}]}"),
        STATUS_OK);
    assert_string_equal(b->config.sources[0].name, "h:1883");
    assert_string_equal(b->config.sources[1].name, "h:1883-3");
    assert_string_equal(b->config.sources[2].name, "h:1883-2");
    assert_string_not_equal(b->config.sources[0].client_id, b->config.sources[1].client_id);

    static const char *const cases[][2] = {
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"name\": \"a\"}, {\"broker\": \"ws://h\", "
         "\"name\": \"a\"}]}",
         "mqttSources[1].name: mqttSources[0] has the same name"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"name\": \"http\"}]}", "'http' is reserved"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"name\": \"replay\"}]}",
         "'replay' is reserved"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"name\": \"a\\tb\"}]}", "control character"},
        {"{\"mqttSources\": [{\"name\": \"a\"}]}", "mqttSources[0].broker: required"},
        {"{\"mqttSources\": [5]}", "mqttSources[0]: must be an object"},
        {"{\"mqttSources\": [{\"broker\": \"wss://h\", \"keyFile\": \"k\"}]}",
         "keyFile: needs certFile"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"proxy\": \"socks5://p\"}]}",
         "proxy: must begin with http://"},
        {"{\"mqttSources\": [{\"broker\": \"mqtts://h\", \"proxy\": \"http://p\"}]}",
         "proxy: only a ws or wss broker"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"topics\": [\"a/b+\"]}]}",
         "topics[0]: in a topic filter +"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"topics\": [\"#/b\"]}]}",
         "topics[0]: in a topic filter #"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"topics\": [\"\"]}]}",
         "topics[0]: must not be empty"},
        {"{\"mqttSources\": [{\"broker\": \"ws://h\", \"mqttVersion\": 3}]}",
         "must be 4 or 5, not 3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        config_bench_expect_error(b, cases[i][0], cases[i][1]);
    config_bench_expect_warning(b, "{\"mqttSources\": [{\"broker\": \"ws://h\", \"topics\": []}]}",
                                "topics is empty");
    assert_string_equal(b->config.sources[0].topics.items[0], "meshcore/#");
}

static void test_long_default_name_is_cut(void **state)
{
    struct config_bench *b = *state;
    char text[512], host[200];
    memset(host, 'h', sizeof host);
    host[sizeof host - 1] = '\0';
    (void)snprintf(text, sizeof text, "{\"mqttSources\": [{\"broker\": \"mqtt://%s\"}]}", host);
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    assert_int_equal(strlen(b->config.sources[0].name), CONFIG_SOURCE_NAME_MAX);
}

static void test_source_limit(void **state)
{
    struct config_bench *b = *state;
    for (int n = CONFIG_SOURCES_MAX; n <= CONFIG_SOURCES_MAX + 1; n++) {
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        assert_non_null(f);
        /* The buffers of 64 sources are to fit a 32-bit machine. */
        (void)fputs("{\"ingestBufferBytes\": 1048576, \"mqttSources\": [", f);
        for (int i = 0; i < n; i++)
            (void)fprintf(f, "%s{\"broker\": \"mqtt://h\"}", i > 0 ? "," : "");
        (void)fputs("]}", f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(config_bench_load(b, text),
                         n <= CONFIG_SOURCES_MAX ? STATUS_OK : STATUS_CONFIG);
        free(text);
    }
    config_bench_expect(b, true, "mqttSources: 65 sources, at most 64 are possible");
}

static void test_shared_client_id(void **state)
{
    struct config_bench *b = *state;
    config_bench_expect_warning(
        b,
        "{\"mqttSources\": [{\"name\": \"a\", \"broker\": \"mqtt://h\", \"clientId\": \"x\"},"
        "{\"name\": \"b\", \"broker\": \"tcp://H:1883\", \"clientId\": \"x\"}]}",
        "mqttSources[1].clientId: mqttSources[0] has the same one at the same broker");
    assert_int_equal(
        config_bench_load(
            b,
            "{\"mqttSources\": [{\"name\": \"a\", \"broker\": \"mqtt://h\", \"clientId\": \"x\"},"
            "{\"name\": \"b\", \"broker\": \"mqtt://g\", \"clientId\": \"x\"}]}"),
        STATUS_OK);
    config_bench_expect_clean(b);
}

static void test_shared_subscription(void **state)
{
    struct config_bench *b = *state;
    static const char *const bad[] = {"$share",      "$share/",    "$share/g",    "$share/g/",
                                      "$share//a/#", "$share/+/a", "$share/g#/a", "$share/g/a#"};
    char text[256];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof text,
                       "{\"mqttSources\": [{\"broker\": \"mqtt://h\", \"mqttVersion\": 5, "
                       "\"topics\": [\"%s\"]}]}",
                       bad[i]);
        config_bench_expect_error(b, text, "topics");
    }
    config_bench_expect_warning(b,
                                "{\"mqttSources\": [{\"broker\": \"mqtt://h\", "
                                "\"topics\": [\"$share/g/meshcore/#\"]}]}",
                                "mqttSources[0].topics: shared subscriptions are MQTT 5");
    assert_int_equal(config_bench_load(b, "{\"mqttSources\": [{\"broker\": \"mqtt://h\", "
                                          "\"mqttVersion\": 5, "
                                          "\"topics\": [\"$share/g/meshcore/#\"]}]}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
}

/* --- secrets ---------------------------------------------------------------------------------- */

static void test_password_file(void **state)
{
    struct config_bench *b = *state;
    char path[128];
    static const char text[] = "{\"mqttSources\": [{\"name\": \"my src\", \"broker\": "
                               "\"mqtt://u@h\", \"passwordFile\": \"secret\"}]}";
    (void)snprintf(path, sizeof path, "%s/secret", b->folder);
    config_bench_write_file(path, "hunter 2\n", 9, 0600);
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(b->config.sources[0].password, "hunter 2");
    config_bench_write_file(path, "hunter3\r\n", 9, 0600);
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    assert_string_equal(b->config.sources[0].password, "hunter3");

    assert_int_equal(setenv("WEIR_SOURCE_MY_SRC_PASSWORD", "hunter4", 1), 0);
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(b->config.sources[0].password, "hunter4");
    assert_int_equal(
        config_bench_load(b, "{\"mqttSources\": [{\"name\": \"my src\", \"broker\": \"mqtt://h\"},"
                             "{\"name\": \"MY-SRC\", \"broker\": \"mqtt://g\"}]}"),
        STATUS_CONFIG);
    config_bench_expect(b, true, "WEIR_SOURCE_MY_SRC_PASSWORD: means both");
    assert_int_equal(
        config_bench_load(b, "{\"mqttSources\": [{\"name\": \"mine\", \"broker\": \"mqtt://h\"}]}"),
        STATUS_OK);
    config_bench_expect(b, false, "WEIR_SOURCE_MY_SRC_PASSWORD: no source has this name");
    assert_int_equal(setenv("WEIR_SOURCE_MY_SRC_PASSWORD", "", 1), 0); /* as good as unset */
    assert_int_equal(
        config_bench_load(b, "{\"mqttSources\": [{\"name\": \"mine\", \"broker\": \"mqtt://h\"}]}"),
        STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(unsetenv("WEIR_SOURCE_MY_SRC_PASSWORD"), 0);

    config_bench_write_file(path, "\n", 1, 0600);
    config_bench_expect_error(b, text, "is empty or holds a NUL byte");
    assert_int_equal(unlink(path), 0);
    config_bench_expect_error(b, text, "mqttSources[0].passwordFile: can't read");
    assert_int_equal(mkfifo(path, 0600), 0);
    config_bench_expect_error(b, text, "not a regular file");
    config_bench_expect_error(
        b,
        "{\"mqttSources\": [{\"broker\": \"mqtt://u@h\", \"password\": \"x\", "
        "\"passwordFile\": \"y\"}]}",
        "passwordFile: password is given, too");
}

static void test_keys_win_over_the_address(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(
        config_bench_load(b,
                          "{\"mqttSources\": [{\"broker\": \"mqtt://u:p@h\", \"username\": \"v\", "
                          "\"password\": \"q\"}]}"),
        STATUS_OK);
    assert_string_equal(b->config.sources[0].username, "v");
    assert_string_equal(b->config.sources[0].password, "q");
}

static void test_no_secret_in_argv(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load_with(b, NULL, "apiKey=hunter2hunter2hunter2"),
                     STATUS_CONFIG);
    config_bench_expect(b, true,
                        "--set apiKey: every user of this machine can read a command line");
    assert_int_equal(config_bench_load_with(b, NULL, "mqtt.broker=mqtt://u:hunter2@h"),
                     STATUS_CONFIG);
    config_bench_expect(b, true, "--set mqtt.broker: every user");
    assert_int_equal(config_bench_count(b, true, "hunter2"), 0);
}

static void test_readable_password(void **state)
{
    struct config_bench *b = *state;
    static const char *const secret[] = {
        "{\"mqttSources\": [{\"broker\": \"mqtt://u@h\", \"password\": \"hunter2\"}]}",
        "{\"mqttSources\": [{\"broker\": \"mqtt://u:hunter2@h\"}, {\"broker\": \"mqtt://u:x@i\"}]}",
        "{\"mqtt\": {\"broker\": \"mqtt://u:hunter2@h\"}}",
        "{\"apiKey\": \"f3Rw9-kq2Zt-71bxu\"}",
    };
    const struct config_args args = {.file = b->file};
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        assert_int_equal(config_bench_load(b, secret[i]), STATUS_OK); /* 0600 */
        config_bench_expect_clean(b);
        assert_int_equal(chmod(b->file, 0644), 0);
        assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
        assert_int_equal(b->report.count, 1);
        config_bench_expect(b, false, "every user of this machine can read it");
    }
    config_bench_write_file(b->file, "{}", 2, 0644);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    config_bench_expect_clean(b);
    /* A weak apiKey opens nothing: nothing to hide. */
    static const char weak[] = "{\"apiKey\": \"changeme\"}";
    config_bench_write_file(b->file, weak, sizeof weak - 1, 0644);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    assert_int_equal(config_bench_count(b, false, "can read it"), 0);
}

/* I3, over messages and --print-config, with the secret in every place that can hold one. */
static void test_secrets_are_never_shown(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[] = {
        "{\"apiKey\": \"hunter2\", \"mqttSources\": [{\"broker\": \"mqtt://u:hunter2@h\"}]}",
        "{\"mqttSources\": [{\"broker\": \"mqtt://u:hun@ter2@h\", \"password\": \"hunter2\"}]}",
        "{\"mqttSources\": [{\"broker\": \"mqtt://u:/hunter2@h\"}]}",
        "{\"mqttSources\": [{\"broker\": \"http://u:hunter2@h\"}]}",
        "{\"mqttSources\": [{\"broker\": \"mqtt://u:hunter2\"}]}",
        "{\"mqttSources\": [{\"broker\": [\"hunter2\"], \"password\": [\"hunter2\"]}]}",
        "{\"apiKey\": {\"hunter\": \"hunter2\"}}",
        "{\"mqtt\": {\"broker\": \"mqtt://u:hunter2@h:x\"}}",
        "{\"apiKey\": \"hunter2\\u0001\"}",
        "{\"apiKey\": \"hunter2\" x}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        IGNORE(config_bench_load(b, cases[i]), "some load, some do not");
        assert_int_equal(config_bench_count(b, true, "hunter2"), 0);
        assert_int_equal(config_bench_count(b, false, "hunter2"), 0);
        if (b->status != STATUS_OK)
            continue;
        const struct config_args args = {.file = b->file};
        char *text = config_bench_printed(&args, &b->config);
        assert_null(strstr(text, "hunter2"));
        assert_null(strstr(text, "ter2"));
        assert_non_null(strstr(text, "****"));
        free(text);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_zero_sources),
        TEST(test_source_names),
        TEST(test_long_default_name_is_cut),
        TEST(test_source_limit),
        TEST(test_shared_client_id),
        TEST(test_shared_subscription),
        TEST(test_password_file),
        TEST(test_keys_win_over_the_address),
        TEST(test_no_secret_in_argv),
        TEST(test_readable_password),
        TEST(test_secrets_are_never_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
