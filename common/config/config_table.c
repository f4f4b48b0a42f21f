/* SPDX-License-Identifier: MIT */
#include "common/config/config_internal.h"

#include "common/config/broker_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)

/* CoreScope writes "for ever" as -1. */
#define DAYS_MIN (-1)
#define DAYS_MAX 36500
#define FOR_EVER "0 keeps for ever"
#define IATA_MAX 15
#define PROHIBITED_SIGN                                                                            \
    "\xf0\x9f\x9a\xab" /* U+1F6AB: CoreScope's mark of those who want to be left out */

/* Field of struct config, of the draft around it, of a source, of the draft around that. */
#define IN(type, member)    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define GLOBAL(member)      IN(struct config_draft, config.member)
#define DRAFT(member)       IN(struct config_draft, member)
#define SOURCE(member)      IN(struct config_source_draft, source.member)
#define SOURCE_TEMP(member) IN(struct config_source_draft, member)

static const char *const spool_sync_words[] = {"none", "interval", NULL};
static const char *const log_level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const signature_words[] = {"drop", "flag", "off",
                                              NULL}; /* enum signature_mode */
static const char *const foreign_words[] = {"flag", "drop", NULL};
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
    if (strcmp(text, CONFIG_HTTP_SOURCE) == 0)
        return "'http' is reserved for packets that come over HTTP; choose another name";
    return strcmp(text, CONFIG_REPLAY_SOURCE) == 0
               ? "'replay' is reserved for --replay; choose another name"
               : NULL;
}

static const char *check_public_key(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64
               ? NULL
               : "must be a node's public key: 64 hex digits";
}

/* What envelope.region holds: a longer one would never fit a message's. */
static const char *check_iata(const char *text)
{
    return strlen(text) <= IATA_MAX ? NULL : "longer than 15 bytes";
}

static const char *check_hashtag(const char *text)
{
    return strcmp(text, "#") == 0 ? "must have a name behind the #" : NULL;
}

/* --- what a string becomes ---------------------------------------------------------------------------- */

/* CoreScope takes spaces around these names for typing mistakes, too. */
static char *trim(const char *text)
{
    text += strspn(text, " ");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return strndup(text, len);
}

static char *tidy_public_key(const char *text)
{
    char *key = trim(text);
    for (char *c = key; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return key;
}

/* As envelopes hold theirs. */
static char *tidy_iata(const char *text)
{
    char *region = trim(text);
    for (char *c = region; c != NULL && *c != '\0'; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    return region;
}

static char *put_mark_in_front(const char *text, const char *marks)
{
    char *name = trim(text), *marked = NULL;
    if (name == NULL || (name[0] != '\0' && strchr(marks, name[0]) != NULL))
        return name;
    if (asprintf(&marked, "#%s", name) < 0)
        marked = NULL;
    free(name);
    return marked;
}

static char *tidy_channel(const char *text)
{
    return put_mark_in_front(text, "#");
}

/* $ marks a private region, whose key does not follow from its name. */
static char *tidy_region(const char *text)
{
    return put_mark_in_front(text, "#$");
}

/* --- the rows ----------------------------------------------------------------------------------------- */

/* CoreScope's form of foreignAdverts. */
static const struct config_option foreign_rows[] = {
    {"mode", KIND_WORD, 0, 0, GLOBAL(drops_foreign_adverts), 0, 1, .words = foreign_words},
};
static const struct config_table foreign_options = {foreign_rows, ARRAY_LEN(foreign_rows)};

static const struct config_option global_rows[] = {
    {"host", KIND_STRING, 0, RELOAD_RESTART, GLOBAL(host), 1, 253, "127.0.0.1", .check = check_host,
     .help = "Address the server listens on; 0.0.0.0 = every interface"},
    {"port", KIND_INT, 0, RELOAD_RESTART, GLOBAL(port), 1, 65535, "3000",
     .help = "Port of the HTTP server"},
    {"healthPort", KIND_INT, 0, RELOAD_RESTART, GLOBAL(health_port), 0, 65535, "0",
     .help = "Second port for health and metrics only; 0 = off"},
    {"httpCacheMB", KIND_INT, 0, RELOAD_RESTART, GLOBAL(http_cache_mb), 1, 1024, "8",
     .help = "Rendered answers the server keeps, to send them again without a query"},
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
    {"observerBlacklist", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(observer_blacklist), 0, 10000,
     .tidy = trim, .help = "Observers whose messages are filtered"},
    {"observerIATAWhitelist", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(observer_iata_whitelist), 0,
     10000, .check = check_iata, .tidy = tidy_iata,
     .help = "Regions whose observers are let in; empty = all"},
    {"observerWhitelist", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(observer_whitelist), 0, 10000,
     .tidy = trim, .help = "The only observers that are let in; empty = all"},
    {"nodeBlacklist", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(node_blacklist), 0, 10000,
     .check = check_public_key, .tidy = tidy_public_key,
     .help = "Public keys (64 hex digits) of nodes that are neither stored nor shown"},
    {"hiddenNamePrefixes", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(hidden_name_prefixes), 0, 1000,
     PROHIBITED_SIGN, .help = "Nodes whose names begin so are stored, but not shown; [] = none"},
    {"channelKeys", KIND_PAIRS, OPTION_SECRET, RELOAD_FLUSHER, GLOBAL(channel_keys), 0,
     CONFIG_CHANNELS_MAX, .deputy = "channelKeysPath",
     .help = "Channels whose messages we can read: name and key, 32 or 64 hex digits; Public is "
             "built in"},
    {"channelKeysPath", KIND_PATH, OPTION_TRANSIENT, 0, DRAFT(channel_keys_path), 0, 4000,
     .help =
         "File that holds more of them, as an object of the same form; channelKeys is stronger"},
    {"hashChannels", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(hash_channels), 0, CONFIG_CHANNELS_MAX,
     .check = check_hashtag, .tidy = tidy_channel,
     .help = "Hashtag channels, whose keys follow from their names; a missing # is put in front"},
    {"hashRegions", KIND_LIST, 0, RELOAD_FLUSHER, GLOBAL(hash_regions), 0, CONFIG_REGIONS_MAX,
     .check = check_hashtag, .tidy = tidy_region,
     .help = "Regions whose scopes are told apart; a missing # is put in front"},
    {"geo_filter", KIND_GEO, 0, RELOAD_FLUSHER, GLOBAL(geo_filter), 0, GEO_POINTS_MAX,
     .help =
         "The area of the mesh: {\"polygon\": [[lat, lon], ...], \"bufferKm\": n} or {\"latMin\", "
         "\"latMax\", \"lonMin\", \"lonMax\"}"},
    {"foreignAdverts", KIND_WORD, 0, RELOAD_FLUSHER, GLOBAL(drops_foreign_adverts), 0, 1, "flag",
     .words = foreign_words, .members = &foreign_options,
     .help = "What becomes of adverts from outside geo_filter"},
    {"signatureMode", KIND_WORD, 0, RELOAD_FLUSHER, GLOBAL(signature_mode), 0, 2, "drop",
     .words = signature_words, .deputy = "validateSignatures",
     .help = "What becomes of adverts with a wrong signature; off = nothing is verified"},
    {"validateSignatures", KIND_BOOL, OPTION_TRANSIENT, 0, DRAFT(validates_signatures), 0, 1,
     .help = "CoreScope's word for it: false = signatureMode off, true = drop"},
    {"maxNameBytes", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(max_name_bytes), 1, 127, "64",
     .help = "Longer names of nodes and observers are cut"},
    {"maxNodes", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(max_nodes), 1, 1000000, "100000",
     .help = "Adverts of further nodes are filtered"},
    {"maxObservers", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(max_observers), 1, 1000000, "50000",
     .help = "Messages of further observers are filtered"},
    {"newObserversPerMinute", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(new_observers_per_minute), 0,
     100000, "600", .help = "Messages of more new ones are filtered; 0 = no limit"},
    {"clientRxCoverage.enabled", KIND_BOOL, 0, RELOAD_FLUSHER, GLOBAL(client_rx_coverage), 0, 1,
     "false", .help = "Take what client apps report of their reception"},
    {"retention.nodeDays", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(retention.node_days), DAYS_MIN,
     DAYS_MAX, "7", .reason = FOR_EVER,
     .help = "Nodes not heard for so long become inactive; 0 = never"},
    {"retention.observerDays", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(retention.observer_days),
     DAYS_MIN, DAYS_MAX, "14", .reason = FOR_EVER,
     .help = "Observers not heard for so long become inactive; 0 = never"},
    {"retention.packetDays", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(retention.packet_days), DAYS_MIN,
     DAYS_MAX, "30", .reason = FOR_EVER, .help = "How long packets are kept; 0 = for ever"},
    {"retention.metricsDays", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(retention.metrics_days), DAYS_MIN,
     DAYS_MAX, "30", .reason = FOR_EVER,
     .help = "How long the observers' metrics are kept; 0 = for ever"},
    {"retention.rollupDays", KIND_INT, 0, RELOAD_FLUSHER, GLOBAL(retention.rollup_days), DAYS_MIN,
     DAYS_MAX, "400", .reason = FOR_EVER,
     .help = "How long the hourly sums are kept, not less than the packets; 0 = for ever; default: "
             "at least as long as the packets"},
    {"retention.maxDatabaseMB", KIND_INT, OPTION_ZERO_TOO, RELOAD_FLUSHER,
     GLOBAL(retention.max_database_mb), 16, MIB, "0",
     .help = "Above this size the oldest packets go before their time; 0 = no limit"},
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
     .check = check_iata, .tidy = tidy_iata, .help = "Regions to take; empty = all"},
    {"region", KIND_STRING, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, SOURCE(region), 0, IATA_MAX,
     .tidy = tidy_iata, .help = "Region of observers whose topic names none"},
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
    "cornscope_healthCheck",
};
_Static_assert(ARRAY_LEN(ignored_keys) <= CONFIG_IGNORED_MAX, "a bitmap has this length");
_Static_assert(ARRAY_LEN(global_rows) <= CONFIG_OPTIONS_MAX &&
                   ARRAY_LEN(source_rows) <= CONFIG_OPTIONS_MAX,
               "a bitmap has this length");

const struct config_option *config_find_group(const struct config_table *table, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < table->count; i++) {
        const char *key = table->rows[i].key;
        if (strncmp(key, name, len) == 0 && key[len] == '.')
            return &table->rows[i];
    }
    return NULL;
}

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
    switch (option->kind) {
    case KIND_LIST:
    case KIND_SOURCES:
    case KIND_PAIRS:
    case KIND_GEO:
    case KIND_POINTS:
        return false;
    default:
        return true;
    }
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

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters to insert, remove, replace or swap with their neighbour; capitals ignored. */
static size_t distance(const char *a, const char *b)
{
    const size_t a_len = strlen(a), b_len = strlen(b);
    size_t rows[3][CONFIG_GUESS_LEN_MAX + 1] = {{0}};
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

bool config_guess_offer(struct config_guess *guess, const char *key, const char *candidate)
{
    const size_t len = strnlen(key, CONFIG_GUESS_LEN_MAX + 1);
    if (len > CONFIG_GUESS_LEN_MAX || strlen(candidate) > CONFIG_GUESS_LEN_MAX)
        return false;
    /* One mistake in three letters, at most four: beyond that a guess confuses more than it helps. */
    const size_t allowed = len / 3 < 4 ? len / 3 : 4;
    const size_t d = distance(key, candidate);
    if (d > allowed || (guess->best[0] != '\0' && d >= guess->distance))
        return false;
    (void)snprintf(guess->best, sizeof guess->best, "%s", candidate);
    guess->distance = d;
    return true;
}

void config_guess_table(struct config_guess *guess, const char *key,
                        const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        config_guess_offer(guess, key, table->rows[i].key);
}

void config_guess_groups(struct config_guess *guess, const char *key,
                         const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *dot = strchr(table->rows[i].key, '.');
        char name[CONFIG_GUESS_LEN_MAX + 1];
        if (dot == NULL)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)(dot - table->rows[i].key),
                       table->rows[i].key);
        config_guess_offer(guess, key, name);
    }
}

void config_guess_ignored(struct config_guess *guess, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(ignored_keys); i++)
        config_guess_offer(guess, key, ignored_keys[i]);
}
