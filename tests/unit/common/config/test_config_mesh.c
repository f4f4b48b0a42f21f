/* SPDX-License-Identifier: MIT
 *
 * config: the keys of the mesh's model. Channels and their keys, regions, lists of nodes,
 * signatures, limits, retention. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include "common/config/config_pairs.h"
#include "common/config/config_report.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

#include <stdlib.h>
#include <string.h>

#define KEY_16 "8b3387e9c5cdea6ac9e5edbaa115cd72"
#define KEY_32 "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

static void expect_errors(struct config_bench *b, const char *const (*cases)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        config_bench_expect_error(b, cases[i][0], cases[i][1]);
}

static const char *key_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->channel_keys.count; i++) {
        if (strcmp(config->channel_keys.items[i].name, name) == 0)
            return config->channel_keys.items[i].value;
    }
    return NULL;
}

/* --- defaults --------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    config_bench_expect_clean(b);
    const struct config *c = &b->config;
    assert_int_equal(c->channel_keys.count, 0);
    assert_int_equal(c->hash_channels.count, 0);
    assert_int_equal(c->hash_regions.count, 0);
    assert_int_equal(c->node_blacklist.count, 0);
    assert_int_equal(c->observer_whitelist.count, 0);
    assert_int_equal(c->hidden_name_prefixes.count, 1);
    assert_string_equal(c->hidden_name_prefixes.items[0], "\xf0\x9f\x9a\xab");
    assert_int_equal(c->geo_filter.shape, GEO_NONE);
    assert_false(c->drops_foreign_adverts);
    assert_int_equal(c->signature_mode, SIGNATURE_DROP);
    assert_int_equal(c->max_name_bytes, 64);
    assert_int_equal(c->max_nodes, 100000);
    assert_int_equal(c->max_observers, 50000);
    assert_int_equal(c->new_observers_per_minute, 600);
    assert_false(c->client_rx_coverage);
    assert_false(c->client_rx_observations);
    assert_int_equal(c->retention.node_days, 7);
    assert_int_equal(c->retention.observer_days, 14);
    assert_int_equal(c->retention.packet_days, 30);
    assert_int_equal(c->retention.metrics_days, 30);
    assert_int_equal(c->retention.rollup_days, 400);
    assert_int_equal(c->retention.max_database_mb, 0);
}

/* CoreScope's example, shortened to its keys of this kind. */
static void test_corescope_example(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(
        config_bench_load(
            b,
            "{\"_comment_channelKeys\": \"x\", \"channelKeys\": {\"_comment\": \"x\", \"Public\": "
            "\"" KEY_16 "\"}, \"channelKeysPath\": null,"
            "\"hashChannels\": [\"#LongFast\", \"#test\", \"sf\"], \"hashRegions\": [\"belgium\"],"
            "\"nodeBlacklist\": [], \"observerBlacklist\": [], \"observerIATAWhitelist\": [],"
            "\"hiddenNamePrefixes\": [\"\\ud83d\\udeab\"], \"validateSignatures\": true,"
            "\"foreignAdverts\": {\"mode\": \"flag\", \"_comment\": \"x\"},"
            "\"geo_filter\": {\"polygon\": [[37.8, -122.52], [37.8, -121.2], [36.5, -121.2]],"
            "\"bufferKm\": 20, \"_comment\": \"x\"}, \"clientRxCoverage\": {\"enabled\": false},"
            "\"retention\": {\"nodeDays\": 7, \"observerDays\": 14, \"packetDays\": 0,"
            "\"metricsDays\": 30, \"_comment\": \"x\"}}"),
        STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(key_of(&b->config, "Public"), KEY_16);
    assert_int_equal(b->config.geo_filter.shape, GEO_POLYGON);
}

/* --- channels --------------------------------------------------------------------------------- */

static void test_channel_keys(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"channelKeys\": {\"b \xc3\xa4\": \"" KEY_32
                                          "\", \"_comment_a\": 5,"
                                          " \"a\": \"" KEY_16 "\"}}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.channel_keys.count, 2);
    assert_string_equal(b->config.channel_keys.items[0].name, "b \xc3\xa4");
    assert_string_equal(b->config.channel_keys.items[0].value, KEY_32);
    assert_string_equal(b->config.channel_keys.items[1].name, "a");

    static const char *const cases[][2] = {
        {"{\"channelKeys\": []}", "channelKeys: must be an object of names and keys, not a list"},
        {"{\"channelKeys\": {\"Ops\": \"abc\"}}",
         "channelKeys.Ops: must be a key of 32 or 64 hex digits"},
        {"{\"channelKeys\": {\"Ops\": \"g0000000000000000000000000000000\"}}", "channelKeys.Ops: "},
        {"{\"channelKeys\": {\"Ops\": \"\"}}", "channelKeys.Ops: must be a key"},
        {"{\"channelKeys\": {\"Ops\": 5}}",
         "channelKeys.Ops: must be a key of 32 or 64 hex digits, not a number"},
        {"{\"channelKeys\": {\"\": \"" KEY_16 "\"}}", "channelKeys.: a channel's name must have"},
        {"{\"channelKeys\": {\"a\\u001b\": \"" KEY_16 "\"}}",
         "channelKeys.(entry 1): a channel's name must have 1 to 1024 bytes"},
        {"{\"channelKeys\": {\"a\": \"" KEY_16 "\", \"b\": \"" KEY_16 "\", \"a\": \"" KEY_32 "\"}}",
         "channelKeys.a: given twice"},
    };
    expect_errors(b, cases, ARRAY_LEN(cases));
}

/* I3: neither in a refusal, also of one who swapped name and key, nor in what
 * --print-config prints. */
static void test_keys_stay_secret(void **state)
{
    struct config_bench *b = *state;
    static const char *const bad[] = {
        "{\"channelKeys\": {\"Ops\": \"8b3387e9c5cdea6a!\"}}",
        "{\"channelKeys\": {\"8b3387e9c5cdea6ac9e5edbaa115cd72\": \"Ops\"}}",
        "{\"channelKeys\": {\"8b3387e9c5cdea6ac9e5\": \"Ops\"}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        config_bench_expect_error(b, bad[i], "must be a key of 32 or 64 hex digits");
        assert_null(strstr(b->report.messages[0].text, "8b33"));
    }
    config_bench_expect(b, true, "channelKeys.(entry 1): must be a key");
    const struct config_args args = {.file = b->file};
    assert_int_equal(
        config_bench_load(b, "{\"channelKeys\": {\"Ops\": \"" KEY_16 "\", \"b\": \"" KEY_32 "\"}}"),
        STATUS_OK);
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(
        strstr(text, "channelKeys = {\"Ops\": \"****\", \"b\": \"****\"}  (origin: file)\n"));
    assert_null(strstr(text, "8b33"));
    free(text);
    assert_int_equal(config_bench_load_with(b, NULL, "channelKeys=" KEY_16), STATUS_CONFIG);
    config_bench_expect(b, true, "--set channelKeys: every user of this machine");
    assert_int_equal(setenv("WEIR_CHANNEL_KEYS", KEY_16, 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_CONFIG);
    config_bench_expect(b, true, "WEIR_CHANNEL_KEYS (environment): only a single value can be");
    assert_null(strstr(b->report.messages[0].text, "8b33"));
    assert_int_equal(unsetenv("WEIR_CHANNEL_KEYS"), 0);
}

static void test_channel_keys_path(void **state)
{
    struct config_bench *b = *state;
    config_bench_write_beside(b, "keys.json",
                              "\xef\xbb\xbf{\"#x\": \"" KEY_16 "\", \"a\": \"" KEY_16
                              "\", \"_comment\": 1}");
    assert_int_equal(config_bench_load(b, "{\"channelKeysPath\": \"keys.json\", \"channelKeys\": "
                                          "{\"a\": \"" KEY_32 "\", \"b\": \"" KEY_16 "\"}}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.channel_keys.count, 3);
    assert_string_equal(b->config.channel_keys.items[0].name, "a");
    assert_string_equal(b->config.channel_keys.items[1].name, "b");
    assert_string_equal(b->config.channel_keys.items[2].name, "#x");
    assert_string_equal(key_of(&b->config, "a"), KEY_32);

    /* Alone, and from another layer. */
    assert_int_equal(setenv("WEIR_CHANNEL_KEYS_PATH", "./keys.json", 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.channel_keys.count, 2);
    const struct config_args args = {.file = b->file};
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(
        strstr(text, "channelKeys = {\"#x\": \"****\", \"a\": \"****\"}  (origin: environment)\n"));
    free(text);
    assert_int_equal(unsetenv("WEIR_CHANNEL_KEYS_PATH"), 0);
    assert_int_equal(config_bench_load(b, "{\"channelKeysPath\": \"\"}"), STATUS_OK);
    config_bench_expect_clean(b);
}

static void test_bad_channel_keys_file(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[][2] = {
        {"[]", "keys.json: the file must hold one object"},
        {"{\n\"a\": }", "keys.json: line 2, column 6: a value is missing here"},
        {"", "keys.json: line 1, column 1: it is empty"},
        {"{\"Ops\": \"8b33\"}", "keys.json: Ops: must be a key of 32 or 64 hex digits"},
        {"{\"Ops\": {\"a\": 1}}", "keys.json: Ops: must be a key of 32 or 64 hex digits, not an"},
        {"{\"a\": \"" KEY_16 "\", \"a\": \"" KEY_16 "\"}", "keys.json: a: given twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        config_bench_write_beside(b, "keys.json", cases[i][0]);
        config_bench_expect_error(b, "{\"channelKeysPath\": \"keys.json\"}", cases[i][1]);
        assert_non_null(strstr(b->report.messages[0].text, "channelKeysPath: /"));
        assert_null(strstr(b->report.messages[0].text, "8b33"));
    }
    config_bench_expect_error(b, "{\"channelKeysPath\": \"missing.json\"}",
                              "missing.json: No such file or directory");
    config_bench_expect_error(b, "{\"channelKeysPath\": \"/dev/null\"}", "not a regular file");
    config_bench_expect_error(b, "{\"channelKeysPath\": 5}", "channelKeysPath: must be a string");
}

/* P6: as many keys as are allowed load in moments; one more is refused. */
static void test_bound_of_channels(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(CHANNEL_KEYS_MAX, CONFIG_CHANNELS_MAX);
    assert_int_equal(REGION_SCOPES_MAX, CONFIG_REGIONS_MAX);
    for (int extra = 0; extra <= 1; extra++) {
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        assert_non_null(f);
        (void)fputs("{\"channelKeys\": {\n", f);
        for (int i = 0; i < CONFIG_CHANNELS_MAX - 1; i++)
            (void)fprintf(f, "    %s\"%064d\": \"" KEY_32 "\"\n", i > 0 ? ", " : "", i);
        (void)fprintf(f, "}, \"hashChannels\": [\"x\"%s]}", extra > 0 ? ", \"y\"" : "");
        assert_int_equal(fclose(f), 0);
        if (extra == 0) {
            assert_int_equal(config_bench_load(b, text), STATUS_OK);
            config_bench_expect_clean(b);
            assert_int_equal(b->config.channel_keys.count, CONFIG_CHANNELS_MAX - 1);
        } else {
            config_bench_expect_error(b, text,
                                      "10001 channels together, at most 10000 are possible");
        }
        free(text);
    }
}

static void test_bound_of_one_object(void **state)
{
    struct config_bench *b = *state;
    struct config_pairs pairs = {.items = NULL};
    struct config_loader loader = {.report = &b->report};
    cJSON *object = cJSON_Parse("{\"a\": \"" KEY_16 "\", \"b\": \"" KEY_16 "\", \"_comment\": 1}");
    struct config_option row = {.type = &config_type_pairs, .size = sizeof pairs, .max = 2};
    config_set_json(&loader, &row, &pairs, "k", object);
    assert_int_equal(b->report.count, 0);
    assert_int_equal(pairs.count, 2);
    row.max = 1;
    config_set_json(&loader, &row, &pairs, "k", object);
    config_bench_expect(b, true, "k.(entry 2): at most 1 entries are possible");
    assert_int_equal(pairs.count, 1);
    config_value_done(&row, &pairs);
    cJSON_Delete(object);
}

static void test_hashtags_and_regions(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"hashChannels\": [\"#a\", \"b\", \" c \"], "
                                          "\"hashRegions\": [\"Europe\", \"#us\"]}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.hash_channels.count, 3);
    assert_string_equal(b->config.hash_channels.items[0], "#a");
    assert_string_equal(b->config.hash_channels.items[1], "#b");
    assert_string_equal(b->config.hash_channels.items[2], "#c");
    assert_int_equal(b->config.hash_regions.count, 2);
    assert_string_equal(b->config.hash_regions.items[0], "#Europe");
    assert_string_equal(b->config.hash_regions.items[1], "#us");

    config_bench_expect_warning(b, "{\"hashRegions\": [\"a\", \"$b\", \"$c\"]}",
                                "hashRegions: '$b' and others can't be matched");
    assert_string_equal(b->config.hash_regions.items[1], "$b");
    config_bench_expect_warning(b, "{\"hashRegions\": [\" $b\"]}",
                                "hashRegions: '$b' can't be matched");

    static const char *const cases[][2] = {
        {"{\"hashChannels\": {\"a\": 1}}", "hashChannels: must be a list of strings, not an"},
        {"{\"hashChannels\": [\"\"]}", "hashChannels[0]: must not be empty"},
        {"{\"hashChannels\": [\"a\", \"#\"]}", "hashChannels[1]: must have a name behind the #"},
        {"{\"hashRegions\": [\"  \"]}", "hashRegions[0]: must have a name behind the #"},
        {"{\"hashRegions\": [\"a\\tb\"]}", "hashRegions[0]: holds a control character"},
        {"{\"hashRegions\": [1]}", "hashRegions[0]: must be a string, not a number"},
    };
    expect_errors(b, cases, ARRAY_LEN(cases));
}

static void test_bound_of_regions(void **state)
{
    struct config_bench *b = *state;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    (void)fputs("{\"hashRegions\": [\"r\"", f);
    for (int i = 0; i < CONFIG_REGIONS_MAX; i++)
        (void)fprintf(f, ", \"r%d\"", i);
    (void)fputs("]}", f);
    assert_int_equal(fclose(f), 0);
    config_bench_expect_error(b, text, "hashRegions: 1001 entries, at most 1000 are possible");
    free(text);
}

/* --- who is let in, who is shown -------------------------------------------------------------- */

static void test_lists_of_nodes(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"nodeBlacklist\": [\" " KEY_32 "\"], "
                                          "\"observerWhitelist\": [\"Obs\"], "
                                          "\"hiddenNamePrefixes\": [\"x\", \"y \"]}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.node_blacklist.count, 1);
    assert_string_equal(b->config.node_blacklist.items[0],
                        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    assert_int_equal(b->config.observer_whitelist.count, 1);
    assert_string_equal(b->config.observer_whitelist.items[0], "Obs");
    assert_int_equal(b->config.hidden_name_prefixes.count, 2);
    assert_string_equal(b->config.hidden_name_prefixes.items[1], "y ");
    assert_int_equal(config_bench_load(b, "{\"hiddenNamePrefixes\": []}"), STATUS_OK);
    assert_int_equal(b->config.hidden_name_prefixes.count, 0);

    static const char *const cases[][2] = {
        {"{\"nodeBlacklist\": [\"" KEY_16 "\"]}",
         "nodeBlacklist[0]: must be a node's public key: 64 hex digits"},
        {"{\"nodeBlacklist\": [\"x" KEY_32 "\"]}", "nodeBlacklist[0]: must be a node's public key"},
        {"{\"observerWhitelist\": \"x\"}", "observerWhitelist: must be a list of strings"},
        {"{\"observerWhitelst\": []}", "did you mean 'observerWhitelist'?"},
        {"{\"hiddenNamePrefixes\": [\"\"]}", "hiddenNamePrefixes[0]: must not be empty"},
    };
    expect_errors(b, cases, ARRAY_LEN(cases));
}

/* Spaces around a name are typing mistakes, as for CoreScope; a region is held as envelopes hold
 * theirs, and one that no envelope can hold would let nothing in without a word (protocol.md
 * 7.1: `region`). */
static void test_lists_of_observers_and_regions(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(
                         b,
                         "{\"observerBlacklist\": [\" Bad \"], \"observerWhitelist\": [\"Obs 1 \"],"
                         " \"observerIATAWhitelist\": [\" sjc\", \"GOT\"], \"mqttSources\": [{"
                         "\"name\": \"a\", \"broker\": \"mqtt://h\", \"region\": \" oak \","
                         " \"iataFilter\": [\"mry \"]}, {\"name\": \"b\","
                         " \"broker\": \"mqtt://i\", \"region\": \" \"}]}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_string_equal(b->config.observer_blacklist.items[0], "Bad");
    assert_string_equal(b->config.observer_whitelist.items[0], "Obs 1");
    assert_string_equal(b->config.observer_iata_whitelist.items[0], "SJC");
    assert_string_equal(b->config.observer_iata_whitelist.items[1], "GOT");
    assert_string_equal(b->config.sources[0].region, "OAK");
    assert_string_equal(b->config.sources[0].iata_filter.items[0], "MRY");
    assert_null(b->config.sources[1].region);

    static const char *const cases[][2] = {
        {"{\"observerBlacklist\": [\" \"]}", "observerBlacklist[0]: must not be empty"},
        {"{\"observerIATAWhitelist\": [\"SJC\", \"  \"]}",
         "observerIATAWhitelist[1]: must not be empty"},
        {"{\"nodeBlacklist\": [\" \"]}", "nodeBlacklist[0]: must not be empty"},
        {"{\"observerIATAWhitelist\": [\"0123456789ABCDEF\"]}",
         "observerIATAWhitelist[0]: longer than 15 bytes"},
        {"{\"mqttSources\": [{\"name\": \"a\", \"broker\": \"mqtt://h\","
         " \"iataFilter\": [\"0123456789ABCDEF\"]}]}",
         "mqttSources[0].iataFilter[0]: longer than 15 bytes"},
    };
    expect_errors(b, cases, ARRAY_LEN(cases));
}

/* --- signatures ------------------------------------------------------------------------------- */

static void test_signature_mode(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *text;
        enum signature_mode mode;
        const char *warning; /* NULL = none */
    } cases[] = {
        {"{\"signatureMode\": \"drop\"}", SIGNATURE_DROP, NULL},
        {"{\"signatureMode\": \"flag\"}", SIGNATURE_FLAG, NULL},
        {"{\"signatureMode\": \"off\"}", SIGNATURE_OFF, NULL},
        {"{\"validateSignatures\": false}", SIGNATURE_OFF, NULL},
        {"{\"validateSignatures\": true}", SIGNATURE_DROP, NULL},
        {"{\"validateSignatures\": null}", SIGNATURE_DROP, NULL},
        {"{\"validateSignatures\": true, \"signatureMode\": \"drop\"}", SIGNATURE_DROP, NULL},
        {"{\"validateSignatures\": false, \"signatureMode\": \"off\"}", SIGNATURE_OFF, NULL},
        {"{\"validateSignatures\": false, \"signatureMode\": \"flag\"}", SIGNATURE_FLAG,
         "validateSignatures is ignored: it means signatureMode off, which is flag"},
        {"{\"signatureMode\": \"drop\", \"validateSignatures\": false}", SIGNATURE_DROP,
         "validateSignatures is ignored: it means signatureMode off, which is drop"},
        {"{\"validateSignatures\": true, \"signatureMode\": \"off\"}", SIGNATURE_OFF,
         "validateSignatures is ignored: it means signatureMode drop, which is off"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cases[i].warning != NULL)
            config_bench_expect_warning(b, cases[i].text, cases[i].warning);
        else
            assert_int_equal(config_bench_load(b, cases[i].text), STATUS_OK);
        if (cases[i].warning == NULL)
            config_bench_expect_clean(b);
        assert_int_equal(b->config.signature_mode, cases[i].mode);
    }
    config_bench_expect_error(b, "{\"signatureMode\": \"on\"}",
                              "signatureMode: must be drop, flag or off, not 'on'");
    config_bench_expect_error(b, "{\"validateSignatures\": \"no\"}",
                              "validateSignatures: must be true or false, not a string");
}

static void test_signature_mode_of_other_layers(void **state)
{
    struct config_bench *b = *state;
    const struct config_args args = {.file = b->file};
    assert_int_equal(setenv("WEIR_VALIDATE_SIGNATURES", "false", 1), 0);
    assert_int_equal(config_bench_load(b, "{\"validateSignatures\": true}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.signature_mode, SIGNATURE_OFF);
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(strstr(text, "signatureMode = off  (origin: environment)\n"));
    assert_null(strstr(text, "validateSignatures"));
    free(text);
    assert_int_equal(config_bench_load_with(b, "{}", "signatureMode=flag"), STATUS_OK);
    config_bench_expect(b, false, "validateSignatures is ignored");
    assert_int_equal(b->config.signature_mode, SIGNATURE_FLAG);
    assert_int_equal(unsetenv("WEIR_VALIDATE_SIGNATURES"), 0);
}

/* --- limits and retention --------------------------------------------------------------------- */

/* Each scalar takes its limits from file, environment and flag, and nothing beyond them. */
static void test_ranges(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *key, *env;
        long low, high;
    } rows[] = {
        {"maxNameBytes", "WEIR_MAX_NAME_BYTES", 1, 127},
        {"maxNodes", "WEIR_MAX_NODES", 1, 1000000},
        {"maxObservers", "WEIR_MAX_OBSERVERS", 1, 1000000},
        {"newObserversPerMinute", "WEIR_NEW_OBSERVERS_PER_MINUTE", 0, 100000},
        {"retention.nodeDays", "WEIR_RETENTION_NODE_DAYS", -1, 36500},
        {"retention.observerDays", "WEIR_RETENTION_OBSERVER_DAYS", -1, 36500},
        {"retention.packetDays", "WEIR_RETENTION_PACKET_DAYS", -1, 36500},
        {"retention.metricsDays", "WEIR_RETENTION_METRICS_DAYS", -1, 36500},
        {"retention.rollupDays", "WEIR_RETENTION_ROLLUP_DAYS", -1, 36500},
        {"retention.maxDatabaseMB", "WEIR_RETENTION_MAX_DATABASE_MB", 0, 1048576},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const long tried[] = {rows[i].low, rows[i].high, rows[i].low - 1, rows[i].high + 1};
        for (size_t k = 0; k < ARRAY_LEN(tried); k++) {
            const enum status want = k < 2 ? STATUS_OK : STATUS_CONFIG;
            char file[128], set[128], number[32], label[64];
            const char *dot = strchr(rows[i].key, '.');
            (void)snprintf(number, sizeof number, "%ld", tried[k]);
            (void)snprintf(set, sizeof set, "%s=%ld", rows[i].key, tried[k]);
            if (dot != NULL)
                (void)snprintf(file, sizeof file, "{\"retention\": {\"%s\": %ld}}", dot + 1,
                               tried[k]);
            else
                (void)snprintf(file, sizeof file, "{\"%s\": %ld}", rows[i].key, tried[k]);
            assert_int_equal(config_bench_load(b, file), want);
            (void)snprintf(label, sizeof label, "%s: must be ", rows[i].key);
            if (want != STATUS_OK)
                config_bench_expect(b, true, label);
            assert_int_equal(config_bench_load_with(b, "{}", set), want);
            assert_int_equal(setenv(rows[i].env, number, 1), 0);
            assert_int_equal(config_bench_load(b, "{}"), want);
            assert_int_equal(unsetenv(rows[i].env), 0);
        }
    }
}

static void test_objects(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[][2] = {
        {"{\"retention\": 5}",
         "retention: must be an object with nodeDays, observerDays, packetDays, metricsDays, "
         "rollupDays, maxDatabaseMB, not a number"},
        {"{\"retention\": {\"nodeDays\": -2}}",
         "retention.nodeDays: must be a whole number from -1 to 36500, not -2: 0 keeps for ever"},
        {"{\"retention\": {\"nodeDays\": 1.5}}", "retention.nodeDays: must be a whole number"},
        {"{\"retention\": {\"nodeDays\": 1, \"nodeDays\": 2}}", "retention.nodeDays: given twice"},
        {"{\"retention\": {}, \"retention\": {}}", "retention: given twice"},
        {"{\"retention.nodeDays\": 5}",
         "unknown key; in the file it is \"retention\": {\"nodeDays\": ...}"},
        {"{\"retentoin\": {}}", "retentoin: unknown key; did you mean 'retention'?"},
        {"{\"retention\": {\"maxDatabaseMB\": 15}}",
         "retention.maxDatabaseMB: must be 0 or a whole number from 16 to 1048576, not 15"},
        {"{\"clientRxCoverage\": true}", "clientRxCoverage: must be an object with enabled, not"},
        {"{\"clientRxCoverage\": {\"enabled\": 1}}", "clientRxCoverage.enabled: must be true or"},
    };
    expect_errors(b, cases, ARRAY_LEN(cases));
    assert_int_equal(
        config_bench_load(b, "{\"retention\": null, \"clientRxCoverage\": {\"_comment\": 1, "
                             "\"enabled\": true}}"),
        STATUS_OK);
    config_bench_expect_clean(b);
    assert_true(b->config.client_rx_coverage);
    assert_int_equal(b->config.retention.node_days, 7);
    assert_int_equal(setenv("WEIR_CLIENT_RX_COVERAGE_ENABLED", "true", 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    assert_true(b->config.client_rx_coverage);
    assert_int_equal(unsetenv("WEIR_CLIENT_RX_COVERAGE_ENABLED"), 0);
}

static void test_rollups_outlive_packets(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *members;
        int rollup_days;
    } good[] = {
        {"\"packetDays\": 0", 0}, /* a default yields */
        {"\"packetDays\": 500", 500},
        {"\"packetDays\": 400", 400},
        {"\"packetDays\": 5", 400},
        {"\"packetDays\": 5, \"rollupDays\": 5", 5},
        {"\"packetDays\": 0, \"rollupDays\": 0", 0},
        {"\"rollupDays\": 0", 0},
    };
    char file[160];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        (void)snprintf(file, sizeof file, "{\"retention\": {%s}}", good[i].members);
        assert_int_equal(config_bench_load(b, file), STATUS_OK);
        config_bench_expect_clean(b);
        assert_int_equal(b->config.retention.rollup_days, good[i].rollup_days);
    }
    static const char *const cases[][2] = {
        {"{\"retention\": {\"rollupDays\": 29}}",
         "retention.rollupDays: must be at least retention.packetDays (30) or 0 (for ever), not 29"},
        {"{\"retention\": {\"packetDays\": 0, \"rollupDays\": 400}}",
         "retention.rollupDays: must be 0 (for ever) because retention.packetDays is, not 400"},
    };
    expect_errors(b, cases, ARRAY_LEN(cases));
    /* Only what all layers together say is judged. */
    assert_int_equal(config_bench_load_with(b, "{\"retention\": {\"rollupDays\": 29}}",
                                            "retention.packetDays=29"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    const struct config_args args = {.file = b->file};
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(strstr(text, "retention.rollupDays = 29  (origin: file)\n"));
    assert_non_null(strstr(text, "retention.nodeDays = 7  (origin: default)\n"));
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_corescope_example),
        TEST(test_channel_keys),
        TEST(test_keys_stay_secret),
        TEST(test_channel_keys_path),
        TEST(test_bad_channel_keys_file),
        TEST(test_bound_of_channels),
        TEST(test_bound_of_one_object),
        TEST(test_hashtags_and_regions),
        TEST(test_bound_of_regions),
        TEST(test_lists_of_nodes),
        TEST(test_lists_of_observers_and_regions),
        TEST(test_signature_mode),
        TEST(test_signature_mode_of_other_layers),
        TEST(test_ranges),
        TEST(test_objects),
        TEST(test_rollups_outlive_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
