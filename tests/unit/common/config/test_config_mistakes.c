/* SPDX-License-Identifier: MIT
 *
 * config: what people get wrong at their first try, and the sentence that each of them reads. A
 * sentence names the place (file, line and column, or key), what is wrong, and what to do. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include <string.h>
#include <unistd.h>

#define SOURCE(members) "{\"mqttSources\": [{" members "}]}"
#define BROKER          "\"broker\": \"mqtt://h\", "
#define AT              "mqttSources[0]."

struct mistake {
    const char *text, *sentence;
};

static void expect_all(struct config_bench *b, const struct mistake *mistakes, size_t count,
                       bool are_errors)
{
    for (size_t i = 0; i < count; i++) {
        if (are_errors)
            config_bench_expect_error(b, mistakes[i].text, mistakes[i].sentence);
        else
            config_bench_expect_warning(b, mistakes[i].text, mistakes[i].sentence);
    }
}

static void the_syntax_is_told(void **state)
{
    static const struct mistake mistakes[] = {
        {"{\n  \"port\": 3000\n  \"host\": \"x\"\n}",
         "config.json: line 2, column 15: a comma is missing here, between two keys"},
        {"{\r\n  \"port\": 3000,\r\n}\r\n",
         "config.json: line 2, column 15: a comma before }: the last key has none behind it"},
        {"{'port': 3000}", "line 1, column 2: this quote is none of JSON's: write straight double"},
        {"{\xe2\x80\x9cport\xe2\x80\x9d: 3000}", "line 1, column 2: this quote is none of JSON's"},
        {"{port: 3000}", "line 1, column 2: a key must stand in double quotes"},
        {"{\n  // the server\n  \"port\": 3000\n}", "line 2, column 3: a comment: JSON has none"},
        {"{\"ingestAsync\": yes}", "line 1, column 17: no word of JSON's: write true"},
        {"{\"ingestBufferBytes\": 64MB}", "line 1, column 23: no number of JSON's: digits alone"},
        {"{\"port\": 3000", "line 1, column 14: the text ends here, but the { of line 1 is not"},
        {"{\"port\": 3000}}", "line 1, column 15: one } too many"},
        {"", "line 1, column 1: it is empty; the least is {}"},
        {"port: 3000\n", "line 1, column 1: this is no JSON, which begins with {"},
        {"[]", "config.json: it must hold one object, { key: value, ... }, not a list"},
        {"{\"dbPath\": \"C:\\weir\\weir.db\"}", "a lone backslash: write it twice, or / where"},
    };
    expect_all(*state, mistakes, ARRAY_LEN(mistakes), true);
}

static void the_form_of_a_value_is_told(void **state)
{
    static const struct mistake mistakes[] = {
        {"{\"port\": \"3000\"}",
         "port: must be a whole number from 1 to 65535, not a string: write "
         "digits alone, without quotes and unit"},
        {"{\"groupCommitMs\": \"200ms\"}", "not a string: write digits alone, without quotes"},
        {"{\"groupCommitMs\": 0.2}", "groupCommitMs: must be a whole number from 0 to 10000, not"},
        {"{\"softThreshold\": 90}", "not 90: a part of the whole: 0.9 is 90 %"},
        {"{\"ingestAsync\": \"true\"}",
         "ingestAsync: must be true or false, not a string: write it "
         "without quotes"},
        {"{\"retention\": {\"packetDays\": \"30\"}}", "not a string: write digits alone"},
        {"{\"retention\": 30}", "retention: must be an object with nodeDays, observerDays"},
        {"{\"mqtt\": \"mqtt://h\"}", "mqtt: must be an object with broker, topic, not a string"},
        {"{\"mqttSources\": {\"broker\": \"mqtt://h\"}}",
         "mqttSources: must be a list of objects, not an object: put it between [ and ]"},
        {"{\"mqttSources\": [\"mqtt://h\"]}",
         "mqttSources[0]: must be an object with broker, name, topics ..., not a string"},
        {SOURCE(BROKER "\"topics\": \"meshcore/#\""),
         AT "topics: must be a list of strings, not a string: put it between [ and ]"},
        {SOURCE(BROKER "\"username\": 12345"),
         AT "username: must be a string, not a number: put it between double quotes"},
        {SOURCE(BROKER "\"mqttVersion\": \"3.1.1\""), "4 is MQTT 3.1.1, 5 is MQTT 5"},
        {"{\"hashChannels\": \"#test\"}", "hashChannels: must be a list of strings, not a string: "
                                          "put it between [ and ]"},
        {"{\"channelKeys\": {\"Ops\": \"8b33\"}}",
         "channelKeys.Ops: must be a key of 32 or 64 hex"},
        {SOURCE(BROKER "\"name\": \"K\xf6ln\""), AT "name: holds a control character, or is not "
                                                    "saved as UTF-8"},
    };
    expect_all(*state, mistakes, ARRAY_LEN(mistakes), true);
}

static void places_and_names_are_told(void **state)
{
    static const struct mistake mistakes[] = {
        {"{\"prot\": 3000}", "prot: unknown key; did you mean 'port'?"},
        {"{\"port\": 1, \"port\": 2}", "port: given twice; keep one"},
        {"{\"topics\": [\"meshcore/#\"]}", "topics: unknown key here; it belongs into an entry of "
                                           "mqttSources"},
        {"{\"packetDays\": 30}", "packetDays: unknown key here; it belongs into the object "
                                 "retention"},
        {SOURCE("\"topics\": [\"a\"]"), AT "broker: required, for example mqtt://127.0.0.1:1883"},
        {SOURCE("\"broker\": \"192.168.1.5:1883\""), AT "broker: must begin with mqtt://"},
        {SOURCE("\"broker\": \"mqtt://h:99999\""),
         AT "broker: the port must be a number from 1 to"},
        {SOURCE("\"broker\": \"mqtt://h \""), AT "broker: the host holds a character that does"},
        {SOURCE(BROKER "\"topics\": [\"meshcore#\"]"), AT "topics[0]: in a topic filter # must"},
        {"{\"host\": \"*\"}",
         "host: must be an IP address (an IPv6 one without brackets), localhost, or"},
        {"{\"dbPath\": \"/var/lib/weir/\"}", "dbPath: must name a file; this, with / at its end"},
        {SOURCE(BROKER "\"passwordFile\": \"pw\""), "pw: No such file or directory"},
    };
    expect_all(*state, mistakes, ARRAY_LEN(mistakes), true);
}

/* What can be meant so, but is seldom. */
static void what_is_doubtful_warns(void **state)
{
    static const struct mistake mistakes[] = {
        {SOURCE(BROKER "\"port\": 1883"), AT "port: unknown key, ignored; did you mean 'broker'?"},
        {SOURCE(BROKER "\"user\": \"u\""),
         AT "user: unknown key, ignored; did you mean 'username'?"},
        {SOURCE(BROKER "\"caFile\": \"ca.pem\""),
         AT "caFile: not used, because this broker is reached without TLS; with it the address "
            "begins with mqtts:// or wss://"},
        {SOURCE(BROKER "\"password\": \"pw\""),
         AT "username: missing; MQTT 3.1.1 has no password without one"},
        {"{\"dbPath\": \"${HOME}/weir.db\"}",
         "dbPath: $ is taken as it stands: nothing here fills in variables"},
        {"{\"retention\": {\"packetdays\": 5}}",
         "retention.packetdays: unknown key, ignored; did you mean 'retention.packetDays'?"},
    };
    expect_all(*state, mistakes, ARRAY_LEN(mistakes), false);
}

static void files_are_told(void **state)
{
    struct config_bench *b = *state;
    struct config_args args = {.file = "/nonexistent/config.json"};
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true,
                        "can't read /nonexistent/config.json: No such file or directory; a "
                        "copy of config.example.json is a beginning");
    args.file = b->file;
    config_bench_write_file(b->file, "\xef\xbb\xbf{\r\n\"port\": 3001\r\n}\r\n", 22, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK); /* Windows' BOM and line ends */
    config_bench_expect_clean(b);
    config_bench_write_file(b->file, "{}", 2, 0);
    if (geteuid() == 0)
        return; /* root may read everything */
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "may not read it");
}

/* What the README gives to begin with is six lines, and none of them is a mistake. */
static void the_readme_begins_well(void **state)
{
    struct config_bench *b = *state;
    static char readme[256 * 1024];
    static const char open[] = "\n```json\n";
    FILE *f = fopen(SOURCE_DIR "/README.md", "r");
    assert_non_null(f);
    const size_t len = fread(readme, 1, sizeof readme - 1, f);
    assert_true(len > 0 && len < sizeof readme - 1);
    assert_int_equal(fclose(f), 0);
    char *text = strstr(readme, open);
    assert_non_null(text);
    text += sizeof open - 1;
    char *end = strstr(text, "```");
    assert_non_null(end);
    *end = '\0';
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n' ? 1 : 0;
    assert_int_equal(lines, 6);
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.source_count, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_syntax_is_told),
        TEST(the_form_of_a_value_is_told),
        TEST(places_and_names_are_told),
        TEST(what_is_doubtful_warns),
        TEST(files_are_told),
        TEST(the_readme_begins_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
