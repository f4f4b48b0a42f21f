/* SPDX-License-Identifier: MIT */
#include "common/config_internal.h"

#include "common/broker_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)

/* Field of struct config, of the draft around it, of a source, of the draft around that. */
#define IN(type, member)    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define GLOBAL(member)      IN(struct config_draft, config.member)
#define DRAFT(member)       IN(struct config_draft, member)
#define SOURCE(member)      IN(struct config_source_draft, source.member)
#define SOURCE_TEMP(member) IN(struct config_source_draft, member)

static const char *const spool_sync_words[] = {"none", "interval", NULL};
static const char *const log_level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_format_words[] = {"text", "json", NULL};
/* WEIR_INGESTOR_STATS is the short name; CoreScope's own name keeps its operators' units working. */
static const char *const stats_file_env[] = {"WEIR_INGESTOR_STATS", "CORESCOPE_INGESTOR_STATS",
                                             NULL};

/* --- what a string must look like --------------------------------------------------------------------- */

static const char *check_host(const char *text)
{
    if (strchr(text, ':') != NULL)
        return "the port has a key of its own, and IPv6 is not supported: put a reverse proxy in "
               "front";
    struct in_addr ignored;
    return strcmp(text, "localhost") == 0 || inet_pton(AF_INET, text, &ignored) == 1
               ? NULL
               : "must be an IPv4 address or localhost";
}

static const char *check_broker(const char *text)
{
    struct broker_url url;
    const char *why = NULL;
    return broker_url_parse(text, &url, &why) ? NULL : why;
}

/* MQTT 3.1.1, section 4.7: a wildcard fills its whole level, and # is the last one. */
static const char *check_topic(const char *text)
{
    for (const char *level = text;;) {
        const size_t len = strcspn(level, "/");
        if (len > 1 && memchr(level, '+', len) != NULL)
            return "in a topic filter + must stand alone between slashes";
        if (memchr(level, '#', len) != NULL && (len != 1 || level[1] != '\0'))
            return "in a topic filter # must stand alone at the end";
        if (level[len] == '\0')
            return NULL;
        level += len + 1;
    }
}

static const char *check_source_name(const char *text)
{
    return strcmp(text, CONFIG_HTTP_SOURCE) == 0
               ? "'http' is reserved for packets that come over HTTP; choose another name"
               : NULL;
}

/* --- the rows ----------------------------------------------------------------------------------------- */

static const struct config_option global_rows[] = {
    {"host", KIND_STRING, 0, RELOAD_RESTART, GLOBAL(host), 1, 253, "127.0.0.1", .check = check_host,
     .help = "Address the server listens on; 0.0.0.0 = every interface"},
    {"port", KIND_INT, 0, RELOAD_RESTART, GLOBAL(port), 1, 65535, "3000",
     .help = "Port of the HTTP server"},
    {"healthPort", KIND_INT, 0, RELOAD_RESTART, GLOBAL(health_port), 0, 65535, "0",
     .help = "Second port for health and metrics only; 0 = off"},
    {"dbPath", KIND_PATH, 0, RELOAD_RESTART, GLOBAL(db_path), 1, 4000, "data/weir.db",
     .help = "SQLite database"},
    {"statsFile", KIND_PATH, OPTION_BESIDE_DB, RELOAD_RESTART, GLOBAL(stats_file), 1, 4000,
     "ingestor-stats.json", .env_aliases = stats_file_env,
     .help = "What the ingestor tells the server, once a second; default: beside dbPath"},
    {"spoolDir", KIND_PATH, OPTION_BESIDE_DB, RELOAD_RESTART, GLOBAL(spool_dir), 1, 4000, "spool",
     .help = "Folder of the ring files; default: beside dbPath"},
    {"ingestBufferSize", KIND_INT, OPTION_CLAMPED, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(ingest_buffer_size), 1, CONFIG_RING_RECORDS_MAX, "50000",
     .help = "Messages each source can buffer; out of range is clamped"},
    {"ingestBufferBytes", KIND_INT, 0, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(ingest_buffer_bytes), MIB, 4 * GIB, "67108864",
     .help = "Bytes each source can buffer, allocated on disk at start"},
    {"maxMessageBytes", KIND_INT, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, GLOBAL(max_message_bytes),
     1024, 262144, "16384", .help = "Longer messages are rejected; neighbour reports reach 10240"},
    {"softThreshold", KIND_REAL, 0, RELOAD_RECEIVER, GLOBAL(soft_threshold), 0.1, 1, "0.9",
     .help = "Part of the buffer above which only the priority lane enters"},
    {"ingestAsync", KIND_BOOL, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, GLOBAL(ingest_async), 0, 1,
     "true", .help = "false = acknowledge a message only when it is durable"},
    {"groupCommitMs", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(group_commit_ms), 0, 10000, "200",
     .help = "How long messages gather before a commit; 0 = commit when idle, at least 2 ms apart"},
    {"groupCommitMaxRows", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(group_commit_max_rows), 1, 100000,
     "5000", .help = "Commit at once when so many messages wait"},
    {"syncIntervalMs", KIND_INT, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, GLOBAL(sync_interval_ms), 1,
     60000, "100", .help = "What a power failure may cost at most"},
    {"spoolSync", KIND_WORD, 0, RELOAD_RECEIVER, GLOBAL(spool_sync), 0, 1, "interval",
     .words = spool_sync_words,
     .help = "none = leave the ring files to the kernel; a power failure may then cost more"},
    {"sqliteCacheMB", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(sqlite_cache_mb), 2, 1024, "32",
     .help = "SQLite's page cache"},
    {"flusherProcesses", KIND_INT, 0, RELOAD_RESTART, GLOBAL(flusher_processes), 1, 1, "1",
     .reason =
         "SQLite has one writer, so there is one flusher; more come with another storage engine",
     .help = "Processes that write to the database; also --flusher-processes"},
    {"maxUnhealthySeconds", KIND_INT, 0, RELOAD_LIVE, GLOBAL(max_unhealthy_s), 2, 3600, "60",
     .help = "A worker without a sign of life for so long is replaced"},
    {"maxProcessRestarts", KIND_INT, 0, RELOAD_LIVE, GLOBAL(max_process_restarts), 0, 1000000, "10",
     .help = "Restarts a worker has in hand; it regains one per healthy minute"},
    {"drainTimeoutSeconds", KIND_INT, 0, RELOAD_LIVE, GLOBAL(drain_timeout_s), 0, 3600, "10",
     .help = "How long SIGTERM empties the buffers; 0 = do not wait"},
    {"shutdownDelaySeconds", KIND_INT, 0, RELOAD_RESTART, GLOBAL(shutdown_delay_s), 0, 3600, "0",
     .help = "How long the server answers readyz with 503 before it ends; 0 = do not wait"},
    {"observerMaxPerSecond", KIND_INT, 0, RELOAD_RECEIVER, GLOBAL(observer_max_per_second), 0,
     100000, "50",
     .help = "Messages an observer may send (burst: ten seconds' worth), the rest is filtered; 0 = "
             "off"},
    {"apiKey", KIND_STRING, OPTION_SECRET, RELOAD_LIVE, GLOBAL(api_key), 0, CONFIG_SECRET_MAX,
     .help = "Opens POST /api/packets; at least 16 bytes"},
    {"observerBlacklist", KIND_LIST, 0, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(observer_blacklist), 0, 10000, .help = "Observers whose messages are filtered"},
    {"observerIATAWhitelist", KIND_LIST, 0, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(observer_iata_whitelist), 0, 10000,
     .help = "Regions whose observers are let in; empty = all"},
    {"logLevel", KIND_WORD, OPTION_LENIENT, RELOAD_RESTART, GLOBAL(log_level), 0, 3, "info",
     .words = log_level_words, .help = "Also --log-level"},
    {"logFormat", KIND_WORD, 0, RELOAD_RESTART, GLOBAL(log_format), 0, 1, "text",
     .words = log_format_words, .help = "Also --log-format"},
    {"mqtt.broker", KIND_STRING, OPTION_TRANSIENT, 0, DRAFT(mqtt_broker), 1, BROKER_URL_MAX,
     "mqtt://127.0.0.1:1883", .check = check_broker,
     .help = "The broker when there is no mqttSources (the source is then named 'default')"},
    {"mqtt.topic", KIND_STRING, OPTION_TRANSIENT, 0, DRAFT(mqtt_topic), 1, 1024, "meshcore/#",
     .check = check_topic, .help = "Its topic filter"},
    /* Compared source by source, see config_compare_source. */
    {"mqttSources", KIND_SOURCES, OPTION_TRANSIENT, 0, 0, 0, 0, CONFIG_SOURCES_MAX,
     .help = "The brokers, see the keys below; [] = no MQTT at all"},
};

/* A change of a row marked RECEIVER | FLUSHER reaches both; see config_compare_source. */
static const struct config_option source_rows[] = {
    {"name", KIND_STRING, 0, RELOAD_RECEIVER, SOURCE(name), 0, CONFIG_SOURCE_NAME_MAX,
     .check = check_source_name,
     .help = "Unique, the source's identity; default: host:port of the broker"},
    {"broker", KIND_STRING, OPTION_REQUIRED, RELOAD_RECEIVER, SOURCE(broker), 1, BROKER_URL_MAX,
     "mqtt://127.0.0.1:1883", .check = check_broker,
     .help = "mqtt://, mqtts://, ws:// or wss:// [user:password@]host[:port]; required"},
    {"topics", KIND_LIST, 0, RELOAD_RECEIVER, SOURCE(topics), 1, CONFIG_TOPICS_MAX, "meshcore/#",
     .check = check_topic, .help = "Topic filters"},
    {"username", KIND_STRING, 0, RELOAD_RECEIVER, SOURCE(username), 0, BROKER_USER_MAX,
     .help = "Stronger than one in the broker's address"},
    {"password", KIND_STRING, OPTION_SECRET, RELOAD_RECEIVER, SOURCE(password), 0,
     CONFIG_SECRET_MAX,
     .help = "Better: passwordFile, or WEIR_SOURCE_<NAME>_PASSWORD in the environment"},
    {"passwordFile", KIND_PATH, OPTION_TRANSIENT, 0, SOURCE_TEMP(password_file), 0, 4000,
     .help = "File that holds the password"},
    {"iataFilter", KIND_LIST, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, SOURCE(iata_filter), 0, 1000,
     .help = "Regions to take; empty = all"},
    {"region", KIND_STRING, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, SOURCE(region), 0, 15,
     .help = "Region of observers whose topic names none"},
    {"rejectUnauthorized", KIND_BOOL, 0, RELOAD_RECEIVER, SOURCE(reject_unauthorized), 0, 1, "true",
     .help = "false = do not verify the broker's certificate"},
    {"caFile", KIND_PATH, 0, RELOAD_RECEIVER, SOURCE(ca_file), 0, 4000,
     .help = "Certificates to trust; default: the system's"},
    {"certFile", KIND_PATH, 0, RELOAD_RECEIVER, SOURCE(cert_file), 0, 4000,
     .help = "Our certificate"},
    {"keyFile", KIND_PATH, 0, RELOAD_RECEIVER, SOURCE(key_file), 0, 4000, .help = "Its key"},
    {"qos", KIND_INT, 0, RELOAD_RECEIVER, SOURCE(qos), 0, 1, "0",
     .reason = "QoS 2 acknowledges a message before it is safe", .help = "Of the subscriptions"},
    {"mqttVersion", KIND_INT, 0, RELOAD_RECEIVER, SOURCE(mqtt_version), 4, 5, "4",
     .help = "4 = MQTT 3.1.1"},
    {"clientId", KIND_STRING, 0, RELOAD_RECEIVER, SOURCE(client_id), 0, 256,
     .help = "Default: weir- and 12 hex digits made of the host's and the source's name"},
    {"persistentSession", KIND_BOOL, 0, RELOAD_RECEIVER, SOURCE(persistent_session), 0, 1, "false",
     .help = "The broker keeps QoS 1 messages while we are away"},
    {"keepAliveSeconds", KIND_INT, 0, RELOAD_RECEIVER, SOURCE(keep_alive_s), 5, 3600, "30",
     .help = "A dead connection is noticed after one and a half of it"},
    {"connectTimeoutSec", KIND_INT, 0, RELOAD_RECEIVER, SOURCE(connect_timeout_s), 1, 300, "30",
     .help = "Of one attempt"},
    {"silenceSeconds", KIND_INT, 0, RELOAD_RECEIVER, SOURCE(silence_s), 0, 86400, "0",
     .help = "Connect again after so long without a message; 0 = learnt from the traffic"},
};

const struct config_table config_options = {global_rows, ARRAY_LEN(global_rows)};
const struct config_table config_source_options = {source_rows, ARRAY_LEN(source_rows)};

/* CoreScope's keys that nothing here reads yet. */
static const char *const ignored_keys[] = {
    "channelKeys",
    "hashChannels",
    "hashRegions",
    "retention",
    "nodeBlacklist",
    "https",
    "branding",
    "theme",
    "themeDark",
    "nodeColors",
    "typeColors",
    "markerStroke",
    "map",
    "mapDefaults",
    "home",
    "roles",
    "tiles",
    "snrThresholds",
    "distThresholds",
    "maxHopDist",
    "limits",
    "listLimits",
    "perfSlowMs",
    "wsReconnectMs",
    "cacheInvalidateMs",
    "externalUrls",
    "propagationBufferMs",
    "liveMap",
    "timestamps",
    "packetStore",
    "runtime",
    "resolvedPath",
    "neighborGraph",
    "neighborEdgesMaxAgeDays",
    "observersCache",
    "cacheTTL",
    "knownChannelsUrl",
    "knownChannelsRefreshMs",
    "batteryThresholds",
    "healthThresholds",
    "compression",
    "analytics",
    "customizer",
    "debugAffinity",
    "mapDarkTileProvider",
    "defaultRegion",
    "regions",
    "areas",
    "corsAllowedOrigins",
    "metrics",
    "db",
    "channelKeysPath",
    "clientRxCoverage",
    "geo_filter",
    "foreignAdverts",
    "validateSignatures",
    "hiddenNamePrefixes",
    "cornscope_healthCheck",
};
_Static_assert(ARRAY_LEN(ignored_keys) <= CONFIG_IGNORED_MAX, "a bitmap has this length");
_Static_assert(ARRAY_LEN(global_rows) <= CONFIG_OPTIONS_MAX &&
                   ARRAY_LEN(source_rows) <= CONFIG_OPTIONS_MAX,
               "a bitmap has this length");

const struct config_option *config_find(const struct config_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].key, key) == 0)
            return &table->rows[i];
    }
    return NULL;
}

int config_ignored_index(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(ignored_keys); i++) {
        if (strcmp(ignored_keys[i], key) == 0)
            return (int)i;
    }
    return -1;
}

bool config_is_comment(const char *key)
{
    return strncmp(key, "_comment", 8) == 0;
}

bool config_is_scalar(const struct config_option *option)
{
    return option->kind != KIND_LIST && option->kind != KIND_SOURCES;
}

/* A word begins at a capital behind a small letter or digit, and at the last capital of a run. */
static bool begins_word(const char *key, size_t i)
{
    if (i == 0 || !isupper((unsigned char)key[i]))
        return false;
    return !isupper((unsigned char)key[i - 1]) || islower((unsigned char)key[i + 1]);
}

void config_env_name(char out[static CONFIG_ENV_NAME_MAX], const char *key)
{
    size_t len = sizeof CONFIG_ENV_PREFIX - 1;
    memcpy(out, CONFIG_ENV_PREFIX, len);
    for (size_t i = 0; key[i] != '\0' && len + 3 < CONFIG_ENV_NAME_MAX; i++) {
        if (begins_word(key, i))
            out[len++] = '_';
        out[len++] = isalnum((unsigned char)key[i]) ? (char)toupper((unsigned char)key[i]) : '_';
    }
    out[len] = '\0';
}

/* --- did you mean ------------------------------------------------------------------------------------- */

#define GUESS_LEN_MAX 48 /* longer keys are nobody's typing mistake; bounds the cost, too */

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters to insert, remove, replace or swap with their neighbour; capitals ignored. */
static size_t distance(const char *a, const char *b)
{
    const size_t a_len = strlen(a), b_len = strlen(b);
    size_t rows[3][GUESS_LEN_MAX + 1] = {{0}};
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                row[j] = least(row[j], two_above[j - 2] + 1, row[j]);
        }
    }
    return rows[a_len % 3][b_len];
}

void config_guess_offer(struct config_guess *guess, const char *key, const char *candidate)
{
    const size_t len = strnlen(key, GUESS_LEN_MAX + 1);
    if (len > GUESS_LEN_MAX || strlen(candidate) > GUESS_LEN_MAX)
        return;
    /* One mistake in three letters, at most four: beyond that a guess confuses more than it helps. */
    const size_t allowed = len / 3 < 4 ? len / 3 : 4;
    const size_t d = distance(key, candidate);
    if (d <= allowed && (guess->best == NULL || d < guess->distance)) {
        guess->best = candidate;
        guess->distance = d;
    }
}

void config_guess_table(struct config_guess *guess, const char *key,
                        const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        config_guess_offer(guess, key, table->rows[i].key);
}

void config_guess_ignored(struct config_guess *guess, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(ignored_keys); i++)
        config_guess_offer(guess, key, ignored_keys[i]);
}
