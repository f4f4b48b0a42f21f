/* SPDX-License-Identifier: MIT
 *
 * config: defaults, paths, precedence, every kind of refusal with its path, CoreScope's keys. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include "common/config/config_option.h"
#include "common/config/config_report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- defaults and paths ----------------------------------------------------------------------- */

static void test_defaults_without_a_file(void **state)
{
    struct config_bench *b = *state;
    char cwd[512], want[600];
    assert_int_equal(config_bench_load(b, NULL), STATUS_OK);
    config_bench_expect_clean(b);
    const struct config *c = &b->config;
    assert_non_null(getcwd(cwd, sizeof cwd));
    (void)snprintf(want, sizeof want, "%s/data/weir.db", cwd);
    assert_string_equal(c->db_path, want);
    (void)snprintf(want, sizeof want, "%s/data/ingestor-stats.json", cwd);
    assert_string_equal(c->stats_file, want);
    (void)snprintf(want, sizeof want, "%s/data/spool", cwd);
    assert_string_equal(c->spool_dir, want);
    assert_string_equal(c->host, "127.0.0.1");
    assert_int_equal(c->port, 3000);
    assert_int_equal(c->health_port, 0);
    assert_int_equal(c->http_cache_mb, 8);
    assert_int_equal(c->max_live_clients, 1000);
    assert_int_equal(c->ingest_buffer_size, 50000);
    assert_int_equal(c->ingest_buffer_bytes, 64 << 20);
    assert_int_equal(c->max_message_bytes, 65536);
    assert_true(c->soft_threshold > 0.89 && c->soft_threshold < 0.91);
    assert_true(c->ingest_async);
    assert_int_equal(c->group_commit_ms, 200);
    assert_int_equal(c->group_commit_max_rows, 5000);
    assert_int_equal(c->sync_interval_ms, 100);
    assert_true(c->spool_sync);
    assert_int_equal(c->sqlite_cache_mb, 32);
    assert_int_equal(c->flusher_processes, 1);
    assert_int_equal(c->max_unhealthy_s, 60);
    assert_int_equal(c->max_process_restarts, 10);
    assert_int_equal(c->drain_timeout_s, 10);
    assert_int_equal(c->shutdown_delay_s, 0);
    assert_int_equal(c->observer_max_per_second, 50);
    assert_null(c->api_key);
    assert_null(c->raw_json);
    assert_null(c->file);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->log_format, LOG_TEXT);
}

static void test_default_source(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.source_count, 1);
    const struct config_source *s = &b->config.sources[0];
    assert_string_equal(s->name, "default");
    assert_string_equal(s->broker, "mqtt://127.0.0.1:1883");
    assert_string_equal(s->broker_masked, s->broker);
    assert_int_equal(s->topics.count, 1);
    assert_string_equal(s->topics.items[0], "meshcore/#");
    assert_int_equal(s->iata_filter.count, 0);
    assert_null(s->username);
    assert_null(s->password);
    assert_null(s->region);
    assert_true(s->reject_unauthorized);
    assert_int_equal(s->qos, 0);
    assert_int_equal(s->mqtt_version, 4);
    assert_false(s->persistent_session);
    assert_int_equal(s->keep_alive_s, 30);
    assert_int_equal(s->connect_timeout_s, 30);
    assert_int_equal(s->silence_s, 0);
    assert_memory_equal(s->client_id, "weir-", 5);
    assert_int_equal(strlen(s->client_id), 17);
    assert_int_equal(strspn(s->client_id + 5, "0123456789abcdef"), 12);
}

static void test_paths_count_from_the_file(void **state)
{
    struct config_bench *b = *state;
    char want[200];
    assert_int_equal(config_bench_load(b, "{\"dbPath\": \"./db/x.db\", \"spoolDir\": \"/s\"}"),
                     STATUS_OK);
    (void)snprintf(want, sizeof want, "%s/db/x.db", b->folder);
    assert_string_equal(b->config.db_path, want);
    (void)snprintf(want, sizeof want, "%s/db/ingestor-stats.json", b->folder);
    assert_string_equal(b->config.stats_file, want);
    assert_string_equal(b->config.spool_dir, "/s");
    assert_string_equal(b->config.file, b->file);

    assert_int_equal(config_bench_load(b, "{\"dbPath\": \"/x.db\"}"), STATUS_OK);
    assert_string_equal(b->config.spool_dir, "/spool");
}

static void test_make_folders(void **state)
{
    struct config_bench *b = *state;
    struct err err;
    struct stat st;
    char path[200];
    assert_int_equal(
        config_bench_load(b, "{\"dbPath\": \"a/b/x.db\", \"statsFile\": \"run/s.json\"}"),
        STATUS_OK);
    const mode_t old = umask(0);
    assert_int_equal(config_make_folders(&b->config, &err), STATUS_OK);
    assert_int_equal(config_make_folders(&b->config, &err), STATUS_OK);
    (void)umask(old);
    static const char *const made[] = {"a", "a/b", "run", "a/b/spool"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", b->folder, made[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0750);
    }
    (void)snprintf(path, sizeof path, "%s/file", b->folder);
    config_bench_write_file(path, "x", 1, 0600);
    assert_int_equal(config_bench_load(b, "{\"spoolDir\": \"file\"}"), STATUS_OK);
    assert_int_equal(config_make_folders(&b->config, &err), STATUS_INVALID);
    assert_string_equal(err.what, path);
    assert_int_equal(config_bench_load(b, "{\"spoolDir\": \"file/spool\"}"), STATUS_OK);
    assert_int_equal(config_make_folders(&b->config, &err), STATUS_IO);
    assert_string_equal(err.text, "Not a directory: choose another spoolDir");
    if (geteuid() == 0)
        return; /* root may make every folder */
    assert_int_equal(config_bench_load(b, "{\"dbPath\": \"/weir-test/x.db\"}"), STATUS_OK);
    assert_int_equal(config_make_folders(&b->config, &err), STATUS_IO);
    assert_string_equal(err.what, "/weir-test");
    assert_non_null(strstr(err.text, " may not make it: "));
    assert_non_null(strstr(err.text, "choose another dbPath"));
}

/* --- precedence ------------------------------------------------------------------------------- */

static void test_precedence(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"groupCommitMs\": 1}"), STATUS_OK);
    assert_int_equal(b->config.group_commit_ms, 1);
    assert_int_equal(setenv("WEIR_GROUP_COMMIT_MS", "2", 1), 0);
    assert_int_equal(config_bench_load(b, "{\"groupCommitMs\": 1}"), STATUS_OK);
    assert_int_equal(b->config.group_commit_ms, 2);
    assert_int_equal(config_bench_load_with(b, "{\"groupCommitMs\": 1}", "groupCommitMs=3"),
                     STATUS_OK);
    assert_int_equal(b->config.group_commit_ms, 3);
    assert_int_equal(setenv("WEIR_GROUP_COMMIT_MS", "", 1), 0);
    assert_int_equal(config_bench_load(b, "{\"groupCommitMs\": 1}"), STATUS_OK);
    assert_int_equal(b->config.group_commit_ms, 1);
    assert_int_equal(unsetenv("WEIR_GROUP_COMMIT_MS"), 0);

    const char *sets[] = {"groupCommitMs=3", "groupCommitMs=4", "logLevel=warn"};
    const struct config_args args = {
        .sets = sets, .set_count = 3, .log_level = "error", .log_format = "json"};
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    assert_int_equal(b->config.group_commit_ms, 4);
    assert_int_equal(b->config.log_level, LOG_ERROR);
    assert_int_equal(b->config.log_format, LOG_JSON);
}

static void test_stats_file_variables(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(setenv("CORESCOPE_INGESTOR_STATS", "/core", 1), 0);
    assert_int_equal(config_bench_load(b, "{\"statsFile\": \"/file\"}"), STATUS_OK);
    assert_string_equal(b->config.stats_file, "/core");
    assert_int_equal(setenv("WEIR_INGESTOR_STATS", "/weir", 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    assert_string_equal(b->config.stats_file, "/weir");
    assert_int_equal(setenv("WEIR_STATS_FILE", "/key", 1), 0);
    assert_int_equal(config_bench_load(b, "{}"), STATUS_OK);
    assert_string_equal(b->config.stats_file, "/key");
    assert_int_equal(unsetenv("CORESCOPE_INGESTOR_STATS"), 0);
    assert_int_equal(unsetenv("WEIR_INGESTOR_STATS"), 0);
    assert_int_equal(unsetenv("WEIR_STATS_FILE"), 0);
}

static void test_env_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"groupCommitMs", "WEIR_GROUP_COMMIT_MS"},
        {"host", "WEIR_HOST"},
        {"sqliteCacheMB", "WEIR_SQLITE_CACHE_MB"},
        {"httpCacheMB", "WEIR_HTTP_CACHE_MB"},
        {"maxLiveClients", "WEIR_MAX_LIVE_CLIENTS"},
        {"mqtt.broker", "WEIR_MQTT_BROKER"},
        {"observerIATAWhitelist", "WEIR_OBSERVER_IATA_WHITELIST"},
    };
    char name[CONFIG_ENV_NAME_MAX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        config_env_name(name, cases[i][0]);
        assert_string_equal(name, cases[i][1]);
    }
    config_password_env(name, "my-broker 2\xc3\xa4");
    assert_string_equal(name, "WEIR_SOURCE_MY_BROKER_2___PASSWORD");
}

static void test_text_values(void **state)
{
    struct config_bench *b = *state;
    static const char *const good[] = {
        "port=1",        "softThreshold=0.5", "softThreshold=1e-1", "ingestAsync=false",
        "ingestAsync=1", "spoolSync=none",    "dbPath=/x",          "mqtt.topic=a/#",
        "host=::1",      "host=localhost"};
    static const char *const bad[] = {
        "port=",
        "port=x",
        "port=1.5",
        "port= 1",
        "port=0x10",
        "port=0",
        "port=1e3",
        "softThreshold=nan",
        "softThreshold=2",
        "softThreshold=",
        "ingestAsync=yes",
        "spoolSync=never",
        "dbPath=",
        "mqtt.topic=a#",
        "prot=1",
        "noequals",
        "=1",
        "observerBlacklist=x",
        "mqttSources=[]",
        "host=127.0.0.1:80",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (config_bench_load_with(b, NULL, good[i]) != STATUS_OK)
            fail_msg("%s: %s", good[i], b->report.messages[0].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (config_bench_load_with(b, NULL, bad[i]) != STATUS_CONFIG || b->report.count != 1)
            fail_msg("%s: %zu messages", bad[i], b->report.count);
    }
    assert_int_equal(config_bench_load_with(b, NULL, "prot=1"), STATUS_CONFIG);
    config_bench_expect(b, true, "--set prot: unknown key; did you mean 'port'?");
    assert_int_equal(setenv("WEIR_PORT", "99999", 1), 0);
    assert_int_equal(config_bench_load(b, NULL), STATUS_CONFIG);
    config_bench_expect(
        b, true, "WEIR_PORT (environment): must be a whole number from 1 to 65535, not 99999");
    assert_int_equal(unsetenv("WEIR_PORT"), 0);
}

static void test_mistyped_variable(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(setenv("WEIR_GROUP_COMIT_MS", "1", 1), 0);
    assert_int_equal(setenv("WEIR_DEMO_FOLDER", "1", 1), 0);
    config_bench_expect_warning(b, "{}",
                                "WEIR_GROUP_COMIT_MS (environment): unknown, ignored; did you mean "
                                "'WEIR_GROUP_COMMIT_MS'?");
    assert_int_equal(unsetenv("WEIR_GROUP_COMIT_MS"), 0);
    assert_int_equal(unsetenv("WEIR_DEMO_FOLDER"), 0);
}

/* --- refusals --------------------------------------------------------------------------------- */

static const char *const wrong_values[][2] = {
    {"{\"port\": \"3000\"}", "port: must be a whole number from 1 to 65535, not a string"},
    {"{\"port\": 0}", "port: must be a whole number from 1 to 65535, not 0"},
    {"{\"port\": 80.5}", "not 80.5"},
    {"{\"port\": null}", "not null"},
    {"{\"port\": 1e999}", "port: must be"},
    {"{\"ingestBufferBytes\": 1048575}", "from 1048576 to 4294967296, not 1048575"},
    {"{\"ingestBufferSize\": 1.5}", "ingestBufferSize: must be a whole number"},
    {"{\"ingestBufferSize\": \"5\"}", "ingestBufferSize: must be a whole number"},
    {"{\"softThreshold\": 0.05}", "softThreshold: must be a number from 0.1 to 1, not 0.05"},
    {"{\"ingestAsync\": 1}", "ingestAsync: must be true or false, not a number"},
    {"{\"spoolSync\": \"never\"}", "spoolSync: must be none or interval, not 'never'"},
    {"{\"logFormat\": \"xml\"}", "logFormat: must be text or json"},
    {"{\"dbPath\": \"\"}", "dbPath: must not be empty"},
    {"{\"dbPath\": \"a\\nb\"}", "dbPath: holds a control character"},
    {"{\"dbPath\": \"a\\u009bb\"}", "dbPath: holds a control character"},
    {"{\"dbPath\": [\"a\"]}", "dbPath: must be a string, not a list"},
    {"{\"host\": \"a b\"}",
     "host: must be an IP address (an IPv6 one without brackets), localhost, or unix: and an "
     "absolute path; the port has a key of its own"},
    {"{\"host\": \"mesh.example.org\"}",
     "host: must be an IP address (an IPv6 one without brackets), localhost, or unix: and an "
     "absolute path; the port has a key of its own"},
    {"{\"observerBlacklist\": \"x\"}",
     "observerBlacklist: must be a list of strings, not a string"},
    {"{\"observerBlacklist\": [\"a\", 1]}", "observerBlacklist[1]: must be a string, not a number"},
    {"{\"flusherProcesses\": 2}", "flusherProcesses: must be 1, not 2: SQLite has one writer"},
    {"{\"healthPort\": 3000}", "healthPort: must differ from port"},
    {"{\"host\": \"[::1]\"}", "host: must be an IP address (an IPv6 one without brackets)"},
    {"{\"host\": \"unix:weir.sock\"}", "host: must have an absolute path behind unix:"},
    {"{\"healthHost\": \"unix:/run/\"}", "healthHost: must name a file behind unix:"},
    {"{\"host\": \"unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789012345678901234567\"}",
     "host: has too long a path: that of a Unix socket has at most 107 bytes"},
    {"{\"host\": \"unix:/a\", \"healthHost\": \"unix:/a\"}",
     "healthHost: must be another socket than host's (unix:/a)"},
    {"{\"httpCacheMB\": -1}", "httpCacheMB: must be a whole number from 0 to 1024, not -1"},
    {"{\"maxLiveClients\": 3001}",
     "maxLiveClients: must be a whole number from 0 to 3000, not 3001"},
    {"{\"httpCacheMB\": 1025}", "httpCacheMB: must be a whole number from 0 to 1024, not 1025"},
    {"{\"statsFile\": \"x\", \"dbPath\": \"x\"}", "statsFile: is the same file as dbPath"},
    {"{\"port\": 1, \"port\": 2}", "port: given twice"},
    {"{\"prot\": 1}", "prot: unknown key; did you mean 'port'?"},
    {"{\"DBPATH\": 1}", "DBPATH: unknown key; did you mean 'dbPath'?"},
    {"{\"brandin\": 1}", "brandin: unknown key; did you mean 'branding'?"},
    {"{\"zzzzzzzz\": 1}", "zzzzzzzz: unknown key; --help lists those there are"},
    {"{\"topics\": 1}", "topics: unknown key here; it belongs into an entry of mqttSources"},
    {"{\"maxDatabaseMB\": 1}", "maxDatabaseMB: unknown key here; it belongs into the object "
                               "retention"},
    {"{\"mqtt.broker\": \"mqtt://h\"}", "mqtt.broker: unknown key"},
    {"{\"mqtt\": []}", "mqtt: must be an object"},
    {"{\"mqttSources\": {}}", "mqttSources: must be a list of objects, not an object"},
    {"{\"mqttSources\": null}", "mqttSources: must be a list of objects, not null"},
    {"[]", "config.json: it must hold one object"},
    {"", "config.json: line 1, column 1: it is empty"},
    {"{\n \"port\": 1,\n}", "config.json: line 2, column 11: a comma before }"},
    {"{} x", "config.json: line 1, column 4: text behind the end"},
    {"{\"host\": \"a\\u0000b\"}", "config.json: line 1, column 12: \\u0000"},
};

static void test_wrong_values(void **state)
{
    struct config_bench *b = *state;
    for (size_t i = 0; i < ARRAY_LEN(wrong_values); i++)
        config_bench_expect_error(b, wrong_values[i][0], wrong_values[i][1]);
}

static void test_all_errors_at_once(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(
        config_bench_load(
            b, "{\"prot\": 1, \"host\": 5, \"qos\": 1, \"softThreshold\": 7, "
               "\"mqttSources\": [{\"broker\": \"http://x\", \"qos\": 2, \"tpics\": []}]}"),
        STATUS_CONFIG);
    assert_int_equal(b->report.count, 7);
    config_bench_expect(b, true, "mqttSources[0].qos: must be 0 or 1, not 2: QoS 2");
    config_bench_expect(b, false,
                        "mqttSources[0].tpics: unknown key, ignored; did you mean 'topics'?");
    config_bench_expect(b, true, "mqttSources[0].broker: must begin with mqtt://");
}

static void test_more_messages_than_fit(void **state)
{
    struct config_bench *b = *state;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    (void)fputc('{', f);
    for (int i = 0; i < 200; i++)
        (void)fprintf(f, "\"unknown%d\": 1, ", i);
    (void)fputs("\"port\": 1}", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(config_bench_load(b, text), STATUS_CONFIG);
    assert_int_equal(b->report.count, 64);
    assert_int_equal(b->report.suppressed, 136);
    free(text);
}

/* An error behind more warnings than fit still refuses the file. */
static void test_error_behind_many_warnings(void **state)
{
    (void)state;
    struct config_report report = {.count = 0};
    struct config_loader loader = {.report = &report};
    for (int i = 0; i < 100; i++)
        config_warn(&loader, "w%d", i);
    assert_false(config_report_has_error(&report));
    config_error(&loader, "e");
    assert_true(config_report_has_error(&report));
    assert_int_equal(report.count, 64);
    assert_int_equal(report.suppressed, 37);
}

static void test_unusable_files(void **state)
{
    struct config_bench *b = *state;
    struct config_args args = {.file = "/nonexistent/config.json"};
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "can't read /nonexistent/config.json: No such file or directory");
    args.file = b->folder;
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "it is a folder: name the file in it");
    args.file = b->file;
    config_bench_write_file(b->file, "{\"a\0b\": 1}", 10, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "NUL byte");
    config_bench_write_file(b->file, "{}\n\0", 4, 0600); /* cJSON takes NULs behind the end */
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "config.json: not a text file: it holds a NUL byte");
    config_bench_write_file(b->file, "\xff\xfe{\0}\0", 6, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "config.json: it is saved as UTF-16; save it as UTF-8");
    char *big = malloc(CONFIG_FILE_MAX + 1);
    assert_non_null(big);
    memset(big, ' ', CONFIG_FILE_MAX + 1);
    memcpy(big, "{}", 2);
    config_bench_write_file(b->file, big, CONFIG_FILE_MAX + 1, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    config_bench_expect(b, true, "larger than 4194304 bytes");
    config_bench_write_file(b->file, big, CONFIG_FILE_MAX, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    memset(big, '[', 2000);
    config_bench_write_file(b->file, big, 2000, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_CONFIG);
    free(big);
    config_bench_write_file(b->file, "\xef\xbb\xbf{\"port\": 4}", 14, 0600);
    assert_int_equal(config_bench_load_args(b, &args), STATUS_OK);
    assert_int_equal(b->config.port, 4);
}

static void test_clamped_buffer_size(void **state)
{
    struct config_bench *b = *state;
    config_bench_expect_warning(b, "{\"ingestBufferSize\": -5}",
                                "ingestBufferSize -5 clamped to 1 (default 50000)");
    assert_string_equal(b->report.messages[0].text,
                        "ingestBufferSize -5 clamped to 1 (default 50000)");
    assert_int_equal(b->config.ingest_buffer_size, 1);
    config_bench_expect_warning(b, "{\"ingestBufferSize\": 1000001}",
                                "ingestBufferSize 1000001 clamped to 1000000 (default 50000)");
    assert_int_equal(b->config.ingest_buffer_size, 1000000);
    config_bench_expect_warning(b, "{\"ingestBufferSize\": -1e300}", "clamped to 1 (default");
    assert_int_equal(config_bench_load(b, "{\"ingestBufferSize\": 1000000}"), STATUS_OK);
    config_bench_expect_clean(b);
    /* Only the value that counts is judged. */
    assert_int_equal(config_bench_load_with(b, "{\"ingestBufferSize\": -5}", "ingestBufferSize=7"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(config_bench_load_with(b, "{}", "ingestBufferSize=-5"), STATUS_OK);
    config_bench_expect(b, false, "ingestBufferSize -5 clamped to 1 (default 50000)");
}

/* CoreScope's meaning of it: also where it is the strongest layer's word. */
static void test_buffer_size_zero_is_the_default(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"ingestBufferSize\": 0}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.ingest_buffer_size, 50000);
    assert_int_equal(config_bench_load_with(b, "{\"ingestBufferSize\": -5}", "ingestBufferSize=0"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.ingest_buffer_size, 50000);
    assert_int_equal(config_bench_load(b, "{\"ingestBufferSize\": -0.0}"), STATUS_OK);
    assert_int_equal(b->config.ingest_buffer_size, 50000);
}

static void test_spool_dir_must_fit_a_socket_name(void **state)
{
    struct config_bench *b = *state;
    char text[256], folder[128];
    memset(folder, 'x', sizeof folder);
    folder[0] = '/';
    folder[107 - strlen("/inject.sock")] = '\0';
    (void)snprintf(text, sizeof text, "{\"spoolDir\": \"%s\"}", folder);
    assert_int_equal(config_bench_load(b, text), STATUS_OK);
    (void)snprintf(text, sizeof text, "{\"spoolDir\": \"%sx\"}", folder);
    config_bench_expect_error(b, text, "spoolDir: too long: the Unix socket in it");
}

/* --- CoreScope -------------------------------------------------------------------------------- */

static void test_ignored_keys_warn_once(void **state)
{
    struct config_bench *b = *state;
    static const char *const keys[] = {
        "https", "runtime", "db", "metrics", "packetStore", "cornscope_healthCheck", "compression"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char text[128], part[160];
        (void)snprintf(text, sizeof text, "{\"%s\": {\"a\": [1]}}", keys[i]);
        (void)snprintf(part, sizeof part,
                       "%s: a key of CoreScope's that is not implemented, ignored", keys[i]);
        config_bench_expect_warning(b, text, part);
    }
    config_bench_expect_warning(b, "{\"https\": 1, \"https\": 2}", "https: a key");
    config_bench_expect_error(b, "{\"logLevel\": \"verbose\"}",
                              "logLevel: must be debug, info, warn or error");
    assert_int_equal(config_bench_load(b, "{\"_comment\": 1, \"_comment_x\": {}, \"_comment\": 2, "
                                          "\"mqtt\": {\"_comment\": 1}}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
}

/* Compared byte by byte: what no browser sends would allow nobody, in silence. */
static void test_origins_are_as_browsers_send_them(void **state)
{
    struct config_bench *b = *state;
    static const char *const bad[] = {"map.example.org",
                                      "https://",
                                      "://x",
                                      "https://map.example.org/",
                                      "https://map.example.org/map",
                                      "https://*.example.org",
                                      "https://u@x"};
    assert_int_equal(config_bench_load(b, "{\"corsAllowedOrigins\": [\" https://Map.Example.org\","
                                          " \"http://10.0.0.5:8080\", \"*\"]}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.cors_allowed_origins.count, 3);
    assert_string_equal(b->config.cors_allowed_origins.items[0], "https://map.example.org");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"corsAllowedOrigins\": [\"%s\"]}", bad[i]);
        config_bench_expect_error(b, text, "corsAllowedOrigins[0]: must be an origin as browsers");
    }
}

static void test_weak_api_key(void **state)
{
    struct config_bench *b = *state;
    config_bench_expect_warning(b, "{\"apiKey\": \"your-secret-api-key-here\"}",
                                "apiKey is well known or shorter");
    assert_true(b->config.api_key_is_weak);
    config_bench_expect_warning(b, "{\"apiKey\": \"short\"}", "apiKey is well known or shorter");
    config_bench_expect_warning(b, "{\"apiKey\": \"aaaaaaaaaaaaaaaaaaaaaaaa\"}",
                                "apiKey is well known");
    assert_null(strstr(b->report.messages[0].text, "aaaa"));
    assert_int_equal(config_bench_load(b, "{\"apiKey\": \"f3Rw9-kq2Zt-71bxu\"}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_false(b->config.api_key_is_weak);
    assert_string_equal(b->config.api_key, "f3Rw9-kq2Zt-71bxu");
    assert_int_equal(config_bench_load(b, "{\"apiKey\": \"\"}"), STATUS_OK);
    config_bench_expect_clean(b);
    assert_null(b->config.api_key);
}

static void test_older_mqtt_object(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(
                         b, "{\"mqtt\": {\"broker\": \"mqtt://u:p%40w@h\", \"topic\": \"a/+/b\"}}"),
                     STATUS_OK);
    assert_int_equal(b->report.count, 1);
    config_bench_expect(b, false,
                        "mqtt.topic: this filter alone is subscribed to, where CoreScope "
                        "adds meshcore/#");
    const struct config_source *s = &b->config.sources[0];
    assert_string_equal(s->name, "default");
    assert_string_equal(s->username, "u");
    assert_string_equal(s->password, "p@w");
    assert_string_equal(s->broker_masked, "mqtt://u:****@h");
    assert_string_equal(s->topics.items[0], "a/+/b");
    assert_int_equal(s->topics.count, 1);

    config_bench_expect_warning(b, "{\"mqtt\": {\"broker\": \"mqtt://h\"}, \"mqttSources\": []}",
                                "mqtt is ignored because mqttSources is given");
    assert_int_equal(b->config.source_count, 0);
    assert_int_equal(config_bench_load_with(b, NULL, "mqtt.broker=ws://h"), STATUS_OK);
    assert_string_equal(b->config.sources[0].broker, "ws://h");
    /* Of the flags and the environment, too. */
    static const char none[] = "{\"mqttSources\": []}", ignored[] = "mqtt is ignored";
    assert_int_equal(config_bench_load_with(b, none, "mqtt.broker=ws://h"), STATUS_OK);
    config_bench_expect(b, false, ignored);
    assert_int_equal(setenv("WEIR_MQTT_TOPIC", "a/#", 1), 0);
    config_bench_expect_warning(b, none, ignored);
    assert_int_equal(unsetenv("WEIR_MQTT_TOPIC"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults_without_a_file),
        TEST(test_default_source),
        TEST(test_paths_count_from_the_file),
        TEST(test_make_folders),
        TEST(test_precedence),
        TEST(test_stats_file_variables),
        TEST(test_env_names),
        TEST(test_text_values),
        TEST(test_mistyped_variable),
        TEST(test_wrong_values),
        TEST(test_all_errors_at_once),
        TEST(test_more_messages_than_fit),
        TEST(test_error_behind_many_warnings),
        TEST(test_unusable_files),
        TEST(test_clamped_buffer_size),
        TEST(test_buffer_size_zero_is_the_default),
        TEST(test_spool_dir_must_fit_a_socket_name),
        TEST(test_ignored_keys_warn_once),
        TEST(test_origins_are_as_browsers_send_them),
        TEST(test_weak_api_key),
        TEST(test_older_mqtt_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
