/* SPDX-License-Identifier: MIT
 *
 * config: --print-config, --help, what a change reaches, and that config.example.json says
 * what the table says. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include "common/config/config_pairs.h"
#include "common/config/config_report.h"
#include "common/config/config_table.h"
#include "common/config/config_type.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

/* --- printing --------------------------------------------------------------------------------- */

static void test_print_names_origins(void **state)
{
    struct config_bench *b = *state;
    static const char json[] =
        "{\"port\": 3001, \"observerBlacklist\": [\"a\", \"b\"], \"mqttSources\": "
        "[{\"name\": \"x\", \"broker\": \"mqtt://u:pw@h\", \"qos\": 1}]}";
    static const char *const lines[] = {
        "host = 127.0.0.1  (origin: default)\n",
        "port = 3001  (origin: file)\n",
        "syncIntervalMs = 50  (origin: environment)\n",
        "groupCommitMs = 7  (origin: flag)\n",
        "logLevel = warn  (origin: flag)\n",
        "spoolSync = interval  (origin: default)\n",
        "ingestAsync = true  (origin: default)\n",
        "softThreshold = 0.9  (origin: default)\n",
        "apiKey = none  (origin: default)\n",
        "observerBlacklist = [\"a\", \"b\"]  (origin: file)\n",
        "mqttSources[0].name = x  (origin: file)\n",
        "mqttSources[0].broker = mqtt://u:****@h  (origin: file)\n",
        "mqttSources[0].username = u  (origin: file)\n",
        "mqttSources[0].password = ****  (origin: environment)\n",
        "mqttSources[0].qos = 1  (origin: file)\n",
        "mqttSources[0].mqttVersion = 4  (origin: default)\n",
    };
    const char *sets[] = {"groupCommitMs=7"};
    const struct config_args args = {
        .file = b->file, .sets = sets, .set_count = 1, .log_level = "warn"};
    config_bench_write_file(b->file, json, strlen(json), 0600);
    assert_int_equal(setenv("WEIR_SYNC_INTERVAL_MS", "50", 1), 0);
    assert_int_equal(setenv("WEIR_SOURCE_X_PASSWORD", "other", 1), 0);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    char *text = config_bench_printed(&args, &b->config);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (strstr(text, lines[i]) == NULL)
            fail_msg("%s is missing in\n%s", lines[i], text);
    }
    free(text);
    assert_int_equal(unsetenv("WEIR_SYNC_INTERVAL_MS"), 0);
    assert_int_equal(unsetenv("WEIR_SOURCE_X_PASSWORD"), 0);

    const struct config_args none = {.file = NULL};
    assert_int_equal(config_bench_load_args(b, &none), STATUS_OK);
    text = config_bench_printed(&none, &b->config);
    assert_non_null(strstr(text, "mqttSources[0].name = default  (origin: default)\n"));
    free(text);
}

static void test_help_names_every_key(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    config_print_help(CONFIG_INGESTOR, f);
    config_print_help(CONFIG_SERVER, f);
    assert_int_equal(fclose(f), 0);
    const struct config_table *const tables[] = {&config_options, &config_source_options};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            char line[64];
            (void)snprintf(line, sizeof line, "\n  %s ", tables[t]->rows[i].key);
            if (strstr(text, line) == NULL)
                fail_msg("%s is missing", tables[t]->rows[i].key);
        }
    }
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    free(text);
}

/* --- config.example.json ---------------------------------------------------------------------- */

static void check_example_row(const struct config_option *option, const cJSON *object)
{
    const char *dot = strchr(option->key, '.');
    char shown[64];
    if (dot != NULL) {
        (void)snprintf(shown, sizeof shown, "%.*s", (int)(dot - option->key), option->key);
        object = cJSON_GetObjectItemCaseSensitive(object, shown);
    }
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(object, dot != NULL ? dot + 1 : option->key);
    if (item == NULL)
        fail_msg("config.example.json lacks %s", option->key);
    if (option->type == &config_type_sources)
        return;
    if (option->type == &config_type_list) {
        assert_true(cJSON_IsArray(item));
        assert_int_equal(cJSON_GetArraySize(item), option->default_text != NULL ? 1 : 0);
        if (option->default_text != NULL)
            assert_string_equal(cJSON_GetArrayItem(item, 0)->valuestring, option->default_text);
        return;
    }
    if (option->type == &config_type_pairs) {
        assert_true(cJSON_IsObject(item));
        assert_int_equal(cJSON_GetArraySize(item), 0);
        return;
    }
    if ((option->flags & OPTION_BESIDE_DB) != 0) {
        (void)snprintf(shown, sizeof shown, "data/%s", option->default_text);
        assert_string_equal(item->valuestring, shown);
    } else if (option->default_text == NULL) {
        if (!cJSON_IsNull(item) && strcmp(option->key, "name") != 0)
            fail_msg("%s has no default", option->key);
    } else if (cJSON_IsString(item)) {
        assert_string_equal(item->valuestring, option->default_text);
    } else {
        char *text = cJSON_PrintUnformatted(item);
        assert_string_equal(text, option->default_text);
        cJSON_free(text);
    }
}

static void test_example_is_the_table(void **state)
{
    struct config_bench *b = *state;
    const struct config_args args = {.file = SOURCE_DIR "/config.example.json"};
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    config_bench_expect_clean(b);

    cJSON *root = json_parse(b->config.raw_json, strlen(b->config.raw_json), CONFIG_DEPTH_MAX);
    const cJSON *entry =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "mqttSources"), 0);
    assert_non_null(entry);
    for (size_t i = 0; i < config_options.count; i++) {
        /* `mqtt` excludes mqttSources; a comment in the example names it. */
        if (strncmp(config_options.rows[i].key, "mqtt.", 5) != 0)
            check_example_row(&config_options.rows[i], root);
    }
    for (size_t i = 0; i < config_source_options.count; i++)
        check_example_row(&config_source_options.rows[i], entry);
    cJSON_Delete(root);

    /* The same in meaning as no file: but for the folder, which here are both the source's. */
    struct config plain;
    struct config_report report = {.count = 0};
    const struct config_args none = {.file = NULL};
    const struct config_input input = {.folder = SOURCE_DIR, .text = NULL};
    assert_int_equal(config_load_input(&none, &input, &plain, &report), STATUS_OK);
    bool receivers_too;
    char keys[256];
    assert_int_equal(config_compare_global(&b->config, &plain, &receivers_too, keys, sizeof keys),
                     CONFIG_SAME);
    assert_string_equal(keys, "");
    assert_int_equal(plain.source_count, b->config.source_count);
    assert_int_equal(config_compare_source(&plain.sources[0], &b->config.sources[0]), CONFIG_SAME);
    config_done(&plain);
}

/* --- reload ----------------------------------------------------------------------------------- */

static enum config_reach compare(struct config_bench *b, const char *text, bool *receivers,
                                 char keys[static 64])
{
    struct config old = {.file = NULL};
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    old = b->config;
    b->config = (struct config){.file = NULL};
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    const enum config_reach reach = config_compare_global(&old, &b->config, receivers, keys, 64);
    config_keep_fixed(&old, &b->config);
    config_done(&old);
    return reach;
}

static void test_reach_of_global_changes(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *text;
        enum config_reach reach;
        bool receivers;
        const char *keys;
    } cases[] = {
        {"{}", CONFIG_SAME, false, ""},
        {"{\"maxUnhealthySeconds\": 5}", CONFIG_SAME, false, ""},
        {"{\"observerMaxPerSecond\": 5}", CONFIG_RELOAD_RECEIVER, true, ""},
        {"{\"groupCommitMs\": 5}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"ingestAsync\": false}", CONFIG_RELOAD_FLUSHER, true, ""},
        {"{\"observerBlacklist\": [\"x\"]}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"channelKeys\": {\"a\": \"8b3387e9c5cdea6ac9e5edbaa115cd72\"}}", CONFIG_RELOAD_FLUSHER,
         false, ""},
        {"{\"hashChannels\": [\"x\"]}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"hashRegions\": [\"x\"]}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"observerWhitelist\": [\"x\"]}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"hiddenNamePrefixes\": []}", CONFIG_SAME, false, ""}, /* the server's */
        {"{\"geo_filter\": {\"polygon\": [[1, 2], [3, 4], [5, 7]]}}", CONFIG_RELOAD_FLUSHER, false,
         ""},
        {"{\"geo_filter\": {}}", CONFIG_SAME, false, ""},
        {"{\"foreignAdverts\": \"drop\"}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"validateSignatures\": false}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"validateSignatures\": true}", CONFIG_SAME, false, ""},
        {"{\"maxNodes\": 5}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"clientRxCoverage\": {\"enabled\": true}}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"retention\": {\"maxDatabaseMB\": 16}}", CONFIG_RELOAD_FLUSHER, false, ""},
        {"{\"port\": 5, \"host\": \"0.0.0.0\"}", CONFIG_SAME, false, ""},
        {"{\"logLevel\": \"warn\", \"logFormat\": \"json\"}", CONFIG_SAME, false, ""},
        {"{\"statsFile\": \"x.json\", \"groupCommitMs\": 5}", CONFIG_RELOAD_FLUSHER, false,
         "statsFile"},
        {"{\"dbPath\": \"x/y.db\"}", CONFIG_NEEDS_RESTART, false, "dbPath, statsFile, spoolDir"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool receivers = !cases[i].receivers;
        char keys[64];
        assert_int_equal(compare(b, cases[i].text, &receivers, keys), cases[i].reach);
        assert_int_equal(receivers, cases[i].receivers);
        assert_string_equal(keys, cases[i].keys);
        /* What needs a restart stays as it was. */
        assert_int_equal(b->config.port, 3000);
        assert_non_null(strstr(b->config.db_path, "data/weir.db"));
    }
}

static struct config loaded(struct config_bench *b, const char *text)
{
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    const struct config taken = b->config;
    b->config = (struct config){.file = NULL};
    return taken;
}

/* Each key that the server reads is on one of its two lists, those of the ingestor on neither. */
static void test_changes_of_the_server(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *text, *live, *fixed;
    } cases[] = {
        {"{}", "", ""},
        {"{\"groupCommitMs\": 5, \"mqttSources\": []}", "", ""},
        {"{\"accessLog\": true, \"logLevel\": \"warn\"}", "accessLog, logLevel", ""},
        {"{\"logFormat\": \"json\", \"shutdownDelaySeconds\": 5, \"backupBytesPerSecond\": 9}",
         "backupBytesPerSecond, shutdownDelaySeconds, logFormat", ""},
        {"{\"port\": 5, \"accessLog\": true, \"branding\": {\"a\": 1}}", "accessLog, branding",
         "port"},
        {"{\"apiKey\": \"0123456789abcdef\", \"hashRegions\": [\"x\"]}", "apiKey, hashRegions", ""},
        {"{\"httpCacheMB\": 5, \"hiddenNamePrefixes\": [], \"dbPath\": \"x/y.db\"}",
         "hiddenNamePrefixes", "httpCacheMB, dbPath, statsFile, spoolDir"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config old = loaded(b, "{}"), fresh = loaded(b, cases[i].text);
        char keys[128];
        config_compare_server(&old, &fresh, true, keys, sizeof keys);
        assert_string_equal(keys, cases[i].live);
        config_compare_server(&old, &fresh, false, keys, sizeof keys);
        assert_string_equal(keys, cases[i].fixed);
        config_done(&old);
        config_done(&fresh);
    }
}

/* Values that are more than a number: each part counts. */
static void test_parts_are_compared(void **state)
{
    struct config_bench *b = *state;
    static const char *const texts[] = {
        "{}",
        "{\"channelKeys\": {\"a\": \"00000000000000000000000000000000\"}}",
        "{\"channelKeys\": {\"a\": \"00000000000000000000000000000001\"}}",
        "{\"channelKeys\": {\"b\": \"00000000000000000000000000000001\"}}",
        "{\"geo_filter\": {\"latMin\": 1, \"latMax\": 2, \"lonMin\": 3, \"lonMax\": 4}}",
        "{\"geo_filter\": {\"latMin\": 1, \"latMax\": 2, \"lonMin\": 3, \"lonMax\": 5}}",
        "{\"geo_filter\": {\"polygon\": [[1, 2], [3, 4], [5, 7]]}}",
        "{\"geo_filter\": {\"polygon\": [[1, 2], [3, 4], [5, 8]]}}",
        "{\"geo_filter\": {\"polygon\": [[1, 2], [3, 4], [5, 8], [1, 3]]}}",
        "{\"geo_filter\": {\"polygon\": [[1, 2], [3, 4], [5, 8]], \"bufferKm\": 1}}",
        /* The flusher's rules: no connection to a broker is cut for them. */
        "{\"observerBlacklist\": [\"a\"]}",
        "{\"observerWhitelist\": [\"a\"]}",
        "{\"observerIATAWhitelist\": [\"a\"]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            struct config a = loaded(b, texts[i]), c = loaded(b, texts[k]);
            bool receivers;
            char keys[64];
            assert_int_equal(config_compare_global(&a, &c, &receivers, keys, sizeof keys),
                             i == k ? CONFIG_SAME : CONFIG_RELOAD_FLUSHER);
            assert_false(receivers);
            config_done(&a);
            config_done(&c);
        }
    }
}

/* A type reads and writes a field of its own size: another one's would be overrun, or cut. */
static void test_rows_have_the_size_of_their_type(void **state)
{
    (void)state;
    const struct config_table *const tables[] = {&config_options, &config_source_options};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct config_option *option = &tables[t]->rows[i];
            const size_t size = option->type->size;
            const bool is_whole =
                option->type == &config_type_int || option->type == &config_type_word;
            if (is_whole ? option->size != 1 && option->size != 4 && option->size != 8
                         : option->size != size)
                fail_msg("%s: a field of %zu bytes, not %zu", option->key, option->size, size);
            if (option->default_text != NULL && option->type->from_text == NULL)
                fail_msg("%s: a default that nothing reads", option->key);
        }
    }
}

/* config_keep_fixed swaps only what needs a restart, but the swap fits every type. */
static void test_swap_of_every_type(void **state)
{
    struct config_bench *b = *state;
    struct config a = loaded(
        b, "{\"channelKeys\": {\"a\": \"00000000000000000000000000000000\"}, \"geo_filter\": "
           "{\"polygon\": [[1, 2], [3, 4], [5, 7]]}, \"port\": 5, \"softThreshold\": 0.5}");
    struct config c = loaded(b, "{}");
    for (size_t i = 0; i < config_options.count; i++) {
        if ((config_options.rows[i].flags & OPTION_TRANSIENT) == 0)
            config_value_swap(&config_options.rows[i], &a, &c);
    }
    assert_int_equal(c.channel_keys.count, 1);
    assert_string_equal(c.channel_keys.items[0].name, "a");
    assert_int_equal(c.geo_filter.count, 3);
    assert_int_equal(c.port, 5);
    assert_int_equal(a.channel_keys.count, 0);
    assert_int_equal(a.geo_filter.shape, GEO_NONE);
    config_done(&a);
    config_done(&c);
}

static void test_reach_of_source_changes(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *extra;
        enum config_reach reach;
    } cases[] = {
        {"", CONFIG_SAME},
        {", \"qos\": 1", CONFIG_RELOAD_RECEIVER},
        {", \"topics\": [\"x\"]", CONFIG_RELOAD_RECEIVER},
        {", \"password\": \"x\"", CONFIG_RELOAD_RECEIVER},
        {", \"region\": \"SJC\"", CONFIG_RELOAD_FLUSHER},
        {", \"iataFilter\": [\"SJC\"]", CONFIG_RELOAD_FLUSHER},
        {", \"region\": \"SJC\", \"qos\": 1", CONFIG_RELOAD_RECEIVER},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        assert_int_equal(config_bench_load(b, "{\"mqttSources\": [{\"broker\": \"mqtt://h\"}]}"),
                         STATUS_OK);
        struct config old = b->config;
        b->config = (struct config){.file = NULL};
        (void)snprintf(text, sizeof text, "{\"mqttSources\": [{\"broker\": \"mqtt://h\"%s}]}",
                       cases[i].extra);
        assert_int_equal(config_bench_load(b, text), STATUS_OK);
        assert_int_equal(config_compare_source(&old.sources[0], &b->config.sources[0]),
                         cases[i].reach);
        config_done(&old);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_print_names_origins),     TEST(test_help_names_every_key),
        TEST(test_example_is_the_table),    TEST(test_changes_of_the_server),
        TEST(test_reach_of_global_changes), TEST(test_parts_are_compared),
        TEST(test_swap_of_every_type),      TEST(test_rows_have_the_size_of_their_type),
        TEST(test_reach_of_source_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
