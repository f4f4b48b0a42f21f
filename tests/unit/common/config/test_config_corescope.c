/* SPDX-License-Identifier: MIT
 *
 * config: what CoreScope's operators bring with them. Its keys, its variables, its file of channel
 * keys, ~ in paths. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include "common/config/config_table.h"
#include "common/corescope/corescope.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_A "8b3387e9c5cdea6ac9e5edbaa115cd72"
#define KEY_B "9cd8fcf22a47333b591d96a2b848b73f"

static const char *key_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->channel_keys.count; i++) {
        if (strcmp(config->channel_keys.items[i].name, name) == 0)
            return config->channel_keys.items[i].value;
    }
    return "none";
}

static void expect_printed(const struct config_bench *b, const char *line)
{
    const struct config_args args = {.file = b->file};
    char *text = config_bench_printed(&args, &b->config);
    if (strstr(text, line) == NULL)
        fail_msg("%s is missing in\n%s", line, text);
    free(text);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* A member of one of CoreScope's objects never refuses the file; a slip is still named. */
static void unknown_members_warn(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[][2] = {
        {"{\"retention\": {\"nodeDays\": 7, \"observerDays\": 14, \"packetDays\": 30, "
         "\"clientRxDays\": 30}}",
         "retention.clientRxDays: a key of CoreScope's that is not implemented, ignored"},
        {"{\"retention\": {\"nodDays\": 5}}",
         "retention.nodDays: unknown key, ignored; did you mean 'retention.nodeDays'?"},
        {"{\"retention\": {\"zzzzzz\": 5}}", "retention.zzzzzz: unknown key, ignored"},
        {"{\"clientRxCoverage\": {\"enable\": true}}",
         "clientRxCoverage.enable: unknown key, ignored; did you mean 'clientRxCoverage.enabled'?"},
        {"{\"mqtt\": {\"brokr\": \"x\"}}",
         "mqtt.brokr: unknown key, ignored; did you mean 'mqtt.broker'?"},
        {"{\"geo_filter\": {\"polygn\": []}}",
         "geo_filter.polygn: unknown key, ignored; did you mean 'polygon'?"},
        {"{\"foreignAdverts\": {\"mod\": \"drop\"}}",
         "foreignAdverts.mod: unknown key, ignored; did you mean 'mode'?"},
        {"{\"mqttSources\": [{\"broker\": \"mqtt://h\", \"branding\": 1}]}",
         "mqttSources[0].branding: unknown key, ignored"},
        {"{\"autoRegionKeys\": {\"enabled\": true}}",
         "autoRegionKeys: a key of CoreScope's that is not implemented, ignored"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        config_bench_expect_warning(b, cases[i][0], cases[i][1]);
}

static void zero_asks_for_the_default_timeout(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"mqttSources\": [{\"broker\": \"mqtt://h\", "
                                          "\"connectTimeoutSec\": 0}]}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.sources[0].connect_timeout_s, 30);
}

/* What only a page reads is kept as it stands, but for comments. */
static void objects_are_kept(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(
                         b,
                         "{\"branding\": {\"siteName\": \"M\u00e4sh \\\"1\\\"\", \"_comment\": 1}, "
                         "\"theme\": {}, \"home\": {\"steps\": [{\"a\": [1.5, null]}]}, "
                         "\"themeDark\": null, \"regions\": {\"SJC\": \"San Jose\"}, "
                         "\"maxHopDist\": 1.8, \"perfSlowMs\": 100, \"debugAffinity\": true, "
                         "\"liveMap\": {\"propagationBufferMs\": 3000}, "
                         "\"customizer\": {\"disabledTabs\": [\"geofilter\"]}}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    const struct config_page *page = &b->config.page;
    assert_string_equal(page->branding, "{\"siteName\":\"M\xc3\xa4sh \\\"1\\\"\"}");
    assert_string_equal(page->theme, "{}");
    assert_string_equal(page->home, "{\"steps\":[{\"a\":[1.5,null]}]}");
    assert_string_equal(page->regions, "{\"SJC\":\"San Jose\"}");
    assert_null(page->theme_dark);
    assert_null(page->map);
    assert_true(page->max_hop_dist == 1.8 && page->debug_affinity);
    assert_int_equal(page->perf_slow_ms, 100);
    assert_int_equal(page->ws_reconnect_ms, 0);
    assert_int_equal(page->propagation_buffer_ms, 3000);
    assert_int_equal(page->live_map_max_nodes, 2000);
    assert_int_equal(page->disabled_tabs.count, 1);
    expect_printed(b, "regions = {\"SJC\":\"San Jose\"}  (origin: file)\n");
    expect_printed(b, "map = none  (origin: default)\n");
    expect_printed(b, "liveMap.propagationBufferMs = 3000  (origin: file)\n");
}

static void bad_objects_are_refused(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[][2] = {
        {"{\"theme\": \"dark\"}", "theme: must be an object, not a string"},
        {"{\"map\": [1]}", "map: must be an object, not a list"},
        {"{\"regions\": {\"SJC\": 5, \"_comment\": 1}}",
         "regions.SJC: must be a string, not a number"},
        {"{\"regions\": []}", "regions: must be an object of strings, not a list"},
        {"{\"branding\": {\"siteName\": \"\xff\"}}", "branding: is not saved as UTF-8"},
        {"{\"theme\": {}, \"theme\": {}}", "theme: given twice; keep one"},
        {"{\"liveMap\": {\"maxNodes\": 5}}",
         "liveMap.maxNodes: must be a whole number from 100 to 20000, not 5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        config_bench_expect_error(b, cases[i][0], cases[i][1]);
    char *text = malloc(70000);
    assert_non_null(text);
    (void)snprintf(text, 70000, "{\"home\": {\"a\": \"%066000d\"}}", 0);
    config_bench_expect_error(b, text, "home: longer than 65536 bytes");
    free(text);
    assert_int_equal(setenv("WEIR_THEME", "{}", 1), 0);
    config_bench_expect_error(b, "{}",
                              "WEIR_THEME (environment): only a single value can be given");
    assert_int_equal(unsetenv("WEIR_THEME"), 0);
}

/* --- variables -------------------------------------------------------------------------------- */

static void variables_count_where_nothing_else_does(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(setenv("DB_PATH", "/x/meshcore.db", 1), 0);
    assert_int_equal(setenv("MQTT_BROKER", "mqtt://u:secret@h:1884", 1), 0);
    assert_int_equal(setenv("MQTT_TOPIC", "meshcore/SJC/#", 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(b->config.db_path, "/x/meshcore.db");
    assert_string_equal(b->config.spool_dir, "/x/spool");
    assert_int_equal(b->config.source_count, 1);
    assert_string_equal(b->config.sources[0].broker_masked, "mqtt://u:****@h:1884");
    assert_string_equal(b->config.sources[0].topics.items[0], "meshcore/SJC/#");
    expect_printed(b, "dbPath = /x/meshcore.db  (origin: environment)\n");
    expect_printed(b, "mqttSources[0].broker = mqtt://u:****@h:1884  (origin: environment)\n");
    expect_printed(b, "mqttSources[0].topics = [\"meshcore/SJC/#\"]  (origin: environment)\n");
    assert_int_equal(unsetenv("DB_PATH"), 0);
    assert_int_equal(unsetenv("MQTT_BROKER"), 0);
    config_bench_expect_warning(b, "{}",
                                "MQTT_TOPIC (environment): ignored, it counts only beside "
                                "MQTT_BROKER");
    assert_int_equal(unsetenv("MQTT_TOPIC"), 0);
}

/* Even a value that would be refused: the variable may be another program's. */
static void overruled_variables_warn(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *name, *value, *text, *set, *why;
    } cases[] = {
        {"DB_PATH", "/y.db", "{\"dbPath\": \"/x.db\"}", NULL, "because dbPath is given"},
        {"DB_PATH", "/y.db", "{}", "dbPath=/x.db", "because dbPath is given"},
        {"MQTT_BROKER", "localhost", "{\"mqttSources\": []}", NULL, "because mqttSources is given"},
        {"MQTT_BROKER", "localhost", "{\"mqtt\": {\"broker\": \"mqtt://h\"}}", NULL,
         "because mqtt.broker is given"},
        {"CHANNEL_KEYS_PATH", "/missing", "{\"channelKeysPath\": \"keys.json\"}", NULL,
         "because channelKeysPath is given"},
    };
    config_bench_write_beside(b, "keys.json", "{}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(setenv(cases[i].name, cases[i].value, 1), 0);
        assert_int_equal(config_bench_load_with(b, cases[i].text, cases[i].set), STATUS_OK);
        assert_int_equal(b->report.count, 1);
        config_bench_expect(b, false, cases[i].why);
        config_bench_expect(b, false, cases[i].name);
        assert_int_equal(unsetenv(cases[i].name), 0);
    }
    assert_int_equal(setenv("DB_PATH", "/y.db", 1), 0);
    assert_int_equal(setenv("WEIR_DB_PATH", "/x.db", 1), 0);
    config_bench_expect_warning(b, "{}", "DB_PATH (environment): ignored, because dbPath is given");
    assert_string_equal(b->config.db_path, "/x.db");
    assert_int_equal(unsetenv("WEIR_DB_PATH"), 0);
    assert_int_equal(setenv("DB_PATH", "", 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(unsetenv("DB_PATH"), 0);
}

/* --- channel-rainbow.json --------------------------------------------------------------------- */

static void the_file_beside_is_read(void **state)
{
    struct config_bench *b = *state;
    char line[200];
    config_bench_write_beside(b, CORESCOPE_CHANNEL_FILE,
                              "{\"#a\": \"" KEY_A "\", \"#b\": \"" KEY_A "\"}");
    assert_int_equal(config_bench_load(b, "{\"channelKeys\": {\"#b\": \"" KEY_B "\"}}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.channel_keys.count, 2);
    assert_string_equal(key_of(&b->config, "#a"), KEY_A);
    assert_string_equal(key_of(&b->config, "#b"), KEY_B);
    (void)snprintf(line, sizeof line, "channelKeysPath = %s/%s  (origin: default)\n", b->folder,
                   CORESCOPE_CHANNEL_FILE);
    expect_printed(b, line);
    /* Where another file is named, this one is not read. */
    config_bench_write_beside(b, "keys.json", "{\"#c\": \"" KEY_A "\"}");
    assert_int_equal(config_bench_load(b, "{\"channelKeysPath\": \"keys.json\"}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.channel_keys.count, 1);
    assert_string_equal(key_of(&b->config, "#c"), KEY_A);
    (void)snprintf(line, sizeof line, "%s/keys.json", b->folder);
    assert_int_equal(setenv("CHANNEL_KEYS_PATH", line, 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(key_of(&b->config, "#c"), KEY_A);
    expect_printed(b, "channelKeys = {\"#c\": \"****\"}  (origin: environment)\n");
    assert_int_equal(unsetenv("CHANNEL_KEYS_PATH"), 0);
}

/* Nobody named it: what is wrong in it refuses nothing. */
static void a_bad_file_beside_is_one_warning(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *text, *why;
        size_t keys;
    } cases[] = {
        {"", "channel-rainbow.json: line 1, column 1: it is empty; the least is {}: not used", 0},
        {"[]", "channel-rainbow.json: the file must hold one object", 0},
        {"{\"#a\": \"" KEY_A "\", \"#b\": 5}",
         "channel-rainbow.json: #b: must be a key of 32 or 64 hex digits, not a number: not used",
         1},
        {"{\"#a\": \"" KEY_A "\", \"#b\": 5, \"#c\": \"x\", \"#d\": \"y\"}",
         "not a number, and 2 more like this: not used", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        config_bench_write_beside(b, CORESCOPE_CHANNEL_FILE, cases[i].text);
        config_bench_expect_warning(b, "{}", cases[i].why);
        assert_int_equal(b->config.channel_keys.count, cases[i].keys);
    }
}

/* --- ~ ---------------------------------------------------------------------------------------- */

static void home_is_expanded(void **state)
{
    struct config_bench *b = *state;
    char *home = getenv("HOME") != NULL ? strdup(getenv("HOME")) : NULL;
    assert_int_equal(setenv("HOME", "/home/pi", 1), 0);
    assert_int_equal(config_bench_load(b, "{\"dbPath\": \"~/weir/weir.db\"}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(b->config.db_path, "/home/pi/weir/weir.db");
    assert_int_equal(config_bench_load_with(b, "{}", "spoolDir=~/spool"), STATUS_OK);
    assert_string_equal(b->config.spool_dir, "/home/pi/spool");
    config_bench_expect_error(b, "{\"dbPath\": \"~pi/weir.db\"}", "dbPath: of the names with ~");
    config_bench_expect_error(b, "{\"dbPath\": \"~\"}", "dbPath: of the names with ~");
    assert_int_equal(config_bench_load(b, "{\"dbPath\": \"./~pi/weir.db\"}"), STATUS_OK);
    assert_int_equal(unsetenv("HOME"), 0);
    config_bench_expect_error(b, "{\"dbPath\": \"~/weir.db\"}",
                              "dbPath: ~ needs the variable HOME, which is not set");
    if (home != NULL)
        assert_int_equal(setenv("HOME", home, 1), 0);
    free(home);
}

/* --- the table -------------------------------------------------------------------------------- */

static bool is_a_member_row(const struct config_option *option, const char *member)
{
    for (size_t i = 0; option->members != NULL && i < option->members->count; i++) {
        if (strcmp(option->members->rows[i].key, member) == 0)
            return true;
    }
    return false;
}

/* geo_filter reads its members by a table of its own. */
static bool has_row(const char *key)
{
    static const char sources[] = "mqttSources[].", area[] = "geo_filter.";
    char name[64];
    if (strncmp(key, sources, sizeof sources - 1) == 0)
        return config_find(&config_source_options, key + sizeof sources - 1) != NULL;
    if (config_find(&config_options, key) != NULL)
        return true;
    const char *dot = strchr(key, '.');
    if (dot == NULL)
        return config_find_group(&config_options, key) != NULL;
    (void)snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
    const struct config_option *option = config_find(&config_options, name);
    return option != NULL &&
           (is_a_member_row(option, dot + 1) || strncmp(key, area, sizeof area - 1) == 0);
}

static void what_is_said_to_be_read_has_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < corescope_key_count; i++) {
        const struct corescope_key *key = &corescope_keys[i];
        if (has_row(key->key) != (key->fate == CORESCOPE_READ))
            fail_msg("%s: corescope.c says %s, config_table.c another", key->key,
                     key->fate == CORESCOPE_READ ? "read" : "ignored");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_members_warn),
        TEST(objects_are_kept),
        TEST(bad_objects_are_refused),
        TEST(zero_asks_for_the_default_timeout),
        TEST(variables_count_where_nothing_else_does),
        TEST(overruled_variables_warn),
        TEST(the_file_beside_is_read),
        TEST(a_bad_file_beside_is_one_warning),
        TEST(home_is_expanded),
        TEST(what_is_said_to_be_read_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
