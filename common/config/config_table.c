/* SPDX-License-Identifier: MIT */
#include "common/config/config_table.h"

#include "common/config/broker_url.h"
#include "common/config/config_geo.h"
#include "common/config/config_json.h"
#include "common/config/config_pairs.h"
#include "common/config/config_report.h"
#include "common/config/config_type.h"

#include "common/spelling/spelling.h"
#include "common/spelling/store_url.h"

#include <arpa/inet.h>
#include <string.h>

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)

/* CoreScope writes "for ever" as -1. */
#define DAYS_MIN         (-1)
#define DAYS_MAX         36500
#define FOR_EVER         "0 keeps for ever"
#define OBJECT_BYTES_MAX 65536
#define AREAS_MAX        1000
#define HEADER_VALUE_MAX 1000 /* with its name it fits HTTP_REPLY_LINES_MAX */
#define PROHIBITED_SIGN                                                                            \
    "\xf0\x9f\x9a\xab" /* U+1F6AB: CoreScope's mark of those who want to be left out */

/* Field of struct config, of the draft around it, of a source, of the draft around that. */
#define IN(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define GLOBAL(member)   IN(struct config_draft, config.member)
#define DRAFT(member)    IN(struct config_draft, member)
#define SOURCE(member)   IN(struct config_source_draft, source.member)
/* The server's alone, or both programs', and the server takes a change over while it runs. */
#define SERVER_LIVE OPTION_SERVER_ONLY | OPTION_SERVER_LIVE
#define BOTH_LIVE   OPTION_SERVER_TOO | OPTION_SERVER_LIVE
/* Only passed on, to a page. */
#define FOR_PAGE SERVER_LIVE, RELOAD_RESTART

static const char *const spool_sync_words[] = {"none", "interval", NULL};
static const char *const log_level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const signature_words[] = {"drop", "flag", "off",
                                              NULL}; /* enum signature_mode */
static const char *const foreign_words[] = {"flag", "drop", NULL};
static const char *const log_format_words[] = {"text", "json", NULL};
/* WEIR_INGESTOR_STATS is the short name; CoreScope's own name keeps its operators'
 * units working. */
static const char *const stats_file_env[] = {"WEIR_INGESTOR_STATS", "CORESCOPE_INGESTOR_STATS",
                                             NULL};

/* --- what a string must look like ------------------------------------------------------------- */

static const char *check_socket(const char *path)
{
    const size_t len = strlen(path);
    if (*path != '/')
        return "must have an absolute path behind unix:";
    if (path[len - 1] == '/')
        return "must name a file behind unix:; this, with / at its end, is a folder";
    return len > CONFIG_SOCKET_MAX
               ? "has too long a path: that of a Unix socket has at most 107 bytes"
               : NULL;
}

static const char *check_host(const char *text)
{
    struct in6_addr ignored;
    if (config_is_unix(text))
        return check_socket(text + strlen(CONFIG_UNIX));
    return strcmp(text, "localhost") == 0 || inet_pton(AF_INET, text, &ignored) == 1 ||
                   inet_pton(AF_INET6, text, &ignored) == 1
               ? NULL
               : "must be an IP address (an IPv6 one without brackets), localhost, or unix: and an "
                 "absolute path; the port has a key of its own; 0.0.0.0 = every interface";
}

static const char *check_ingestor(const char *text)
{
    return strlen(text) <= CONFIG_INGESTOR_NAME_MAX ? NULL : "is longer than 128 bytes";
}

static const char *check_broker(const char *text)
{
    struct broker_url url;
    const char *why = NULL;
    return broker_url_parse(text, &url, &why) ? NULL : why;
}

static const char *check_proxy(const char *text)
{
    struct broker_url url;
    const char *why = NULL;
    return broker_url_parse_proxy(text, &url, &why) ? NULL : why;
}

static const char *check_source_name(const char *text)
{
    if (strcmp(text, CONFIG_HTTP_SOURCE) == 0)
        return "'http' is reserved for packets that come over HTTP; choose another name";
    return strcmp(text, CONFIG_REPLAY_SOURCE) == 0
               ? "'replay' is reserved for --replay; choose another name"
               : NULL;
}

static const char *check_tiles(const char *text)
{
    char ignored[CONFIG_TILE_HOST_MAX + 1];
    return config_tile_host(text, ignored)
               ? NULL
               : "must be the address of tiles: https://tile.example.org/{z}/{x}/{y}.png, or a path "
                 "on this server; {s} may be the first part of the host";
}

/* --- the rows --------------------------------------------------------------------------------- */

/* CoreScope's form of foreignAdverts. */
static const struct config_option foreign_rows[] = {
    {"mode", &config_type_word, 0, 0, GLOBAL(drops_foreign_adverts), 0, 1, .words = foreign_words},
};
static const struct config_table foreign_options = {foreign_rows, ARRAY_LEN(foreign_rows), NULL};

static const struct config_option global_rows[] = {
    {"host", &config_type_string, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(host), 1, 253,
     "127.0.0.1", .check = check_host,
     .help = "Address the server listens on; 0.0.0.0 = every interface, :: = IPv6 too; unix:/path "
             "= a Unix socket"},
    {"port", &config_type_int, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(port), 1, 65535, "3000",
     .help = "Port of the HTTP server"},
    {"healthPort", &config_type_int, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(health_port), 0,
     65535, "0", .help = "Second port for health and metrics only; 0 = off"},
    {"healthHost", &config_type_string, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(health_host), 1,
     253, .check = check_host,
     .help = "Where healthPort listens, or unix:/path; default: host, 127.0.0.1 beside a socket"},
    {"httpCacheMB", &config_type_int, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(http_cache_mb), 0,
     1024, "8", .help = "Rendered answers the server keeps, sent again without a query; 0 = none"},
    {"accessLog", &config_type_bool, SERVER_LIVE, RELOAD_RESTART, GLOBAL(access_log), 0, 1, "false",
     .help = "The server logs every request; slow ones it always does"},
    {"maxLiveClients", &config_type_int, OPTION_SERVER_ONLY, RELOAD_RESTART,
     GLOBAL(max_live_clients), 0, 3000, "1000",
     .help = "Listeners of the live feed (event streams and WebSockets); 0 = no live feed"},
    {"historyFile", &config_type_path, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(history_file), 0,
     4000,
     .help = "Where the server keeps what its gauges and rates were; default:"
             " server-history.bin in stateDir, else in memory"},
    {"dbPath", &config_type_path, OPTION_SERVER_TOO, RELOAD_RESTART, GLOBAL(db_path), 1, 4000,
     "data/weir.db", .check = spelling_check_file, .help = "SQLite database"},
    {"statsFile", &config_type_path, OPTION_BESIDE_DB | OPTION_SERVER_TOO, RELOAD_RESTART,
     GLOBAL(stats_file), 1, 4000, "ingestor-stats.json", .check = spelling_check_file,
     .env_aliases = stats_file_env,
     .help = "What the ingestor tells the server, once a second; default: beside dbPath"},
    {"spoolDir", &config_type_path, OPTION_BESIDE_DB | OPTION_SERVER_TOO, RELOAD_RESTART,
     GLOBAL(spool_dir), 1, 4000, "spool",
     .help = "Folder of the ring files; default: beside dbPath"},
    {"stateDir", &config_type_path, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(state_dir), 0, 4000,
     .help = "Folder of the server's own: history, copies that GET /api/backup sends (none = no"
             " backups), what webhookUrl was told"},
    {"backupBytesPerSecond", &config_type_int, SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(backup_bytes_per_second), 0, 1000000000, "0",
     .help = "How fast a client is sent such a copy; 0 = as fast as it reads"},
    {"webRoot", &config_type_path, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(web_root), 0, 4000,
     .help = "Folder whose files are served in place of the page"},
    {"webRootCsp", &config_type_string, OPTION_SERVER_ONLY, RELOAD_RESTART, GLOBAL(web_root_csp), 0,
     HEADER_VALUE_MAX, .check = spelling_check_header_value,
     .help = "Content-Security-Policy of these files; none = they have none"},
    {"ingestBufferSize", &config_type_int, OPTION_CLAMPED, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(ingest_buffer_size), 1, CONFIG_RING_RECORDS_MAX, "50000",
     .help = "Messages each source can buffer; 0 = the default, out of range is clamped"},
    {"ingestBufferBytes", &config_type_int, 0, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(ingest_buffer_bytes), MIB, 4 * GIB, "67108864",
     .help = "Bytes each source can buffer, allocated on disk at start"},
    {"maxMessageBytes", &config_type_int, 0, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(max_message_bytes), 1024, 262144, "65536",
     .help = "Longer messages are rejected; neighbour reports reach 64 KiB"},
    {"softThreshold", &config_type_real, 0, RELOAD_RECEIVER, GLOBAL(soft_threshold), 0.1, 1, "0.9",
     .reason = "a part of the whole: 0.9 is 90 %",
     .help = "Part of the buffer above which only messages of the priority class enter"},
    {"ingestAsync", &config_type_bool, 0, RELOAD_RECEIVER | RELOAD_FLUSHER, GLOBAL(ingest_async), 0,
     1, "true", .help = "false = acknowledge a message only when it is durable"},
    {"groupCommitMs", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(group_commit_ms), 0, 10000, "200",
     .help = "How long messages gather before a commit; 0 = commit when idle, at least 2 ms apart"},
    {"groupCommitMaxRows", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(group_commit_max_rows), 1,
     100000, "5000", .help = "Commit at once when so many messages wait"},
    {"syncIntervalMs", &config_type_int, 0, RELOAD_RECEIVER | RELOAD_FLUSHER,
     GLOBAL(sync_interval_ms), 1, 60000, "100",
     .help = "What a power failure may cost at most, beside the time of a sync"},
    {"spoolSync", &config_type_word, 0, RELOAD_RECEIVER, GLOBAL(spool_sync), 0, 1, "interval",
     .words = spool_sync_words,
     .help = "none = leave the ring files to the kernel; a power failure may then cost more"},
    {"sqliteCacheMB", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(sqlite_cache_mb), 2, 1024, "32",
     .help = "SQLite's page cache"},
    {"verifyWorkers", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(verify_workers), -1,
     CONFIG_VERIFIERS_MAX, "-1",
     .help = "Threads that verify signatures ahead of the writer; 0 = it does so itself; -1 = two "
             "less than there are cores"},
    {"flusherProcesses", &config_type_int, 0, RELOAD_RESTART, GLOBAL(flusher_processes), 1, 1, "1",
     .reason =
         "SQLite has one writer, so there is one flusher; more come with another storage engine",
     .help = "Processes that write to the database; also --flusher-processes"},
    {"maxUnhealthySeconds", &config_type_int, 0, RELOAD_LIVE, GLOBAL(max_unhealthy_s), 2, 3600,
     "60", .help = "A worker without a sign of life for so long is replaced"},
    {"maxProcessRestarts", &config_type_int, 0, RELOAD_LIVE, GLOBAL(max_process_restarts), 0,
     1000000, "10", .help = "Restarts a worker has in hand; it regains one per healthy minute"},
    {"drainTimeoutSeconds", &config_type_int, 0, RELOAD_LIVE, GLOBAL(drain_timeout_s), 0, 3600,
     "10", .help = "How long SIGTERM empties the buffers; 0 = do not wait"},
    {"shutdownDelaySeconds", &config_type_int, SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(shutdown_delay_s), 0, 3600, "0",
     .help = "How long the server answers readyz with 503 before it ends; 0 = do not wait"},
    {"observerMaxPerSecond", &config_type_int, 0, RELOAD_RECEIVER, GLOBAL(observer_max_per_second),
     0, 100000, "50",
     .help = "Messages an observer may send (burst: ten seconds' worth), the rest is filtered; 0 = "
             "off"},
    {"corsAllowedOrigins", &config_type_list, SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(cors_allowed_origins), 0, 100, .check = spelling_check_origin,
     .tidy = spelling_tidy_origin,
     .help = "Origins whose pages may read answers, as browsers send them; * = all; empty = none"},
    {"rateLimitPerSecond", &config_type_int, SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(rate_limit_per_second), 0, 100000, "0",
     .help = "Requests of a client, probes not counted (burst: ten seconds' worth); 0 = no limit"},
    {"trustedProxies", &config_type_list, SERVER_LIVE, RELOAD_RESTART, GLOBAL(trusted_proxies), 0,
     CONFIG_PROXIES_MAX, .check = spelling_check_network, .tidy = spelling_trim,
     .help = "Addresses and networks whose X-Forwarded-For and Forwarded are believed"},
    {"apiKey", &config_type_string, OPTION_SECRET | BOTH_LIVE, RELOAD_LIVE, GLOBAL(api_key), 0,
     CONFIG_SECRET_MAX,
     .help =
         "Opens what writes, copies the database or shows refused packets (README, \"Keys\"); at least 16 bytes"},
    {"readApiKey", &config_type_string, OPTION_SECRET | SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(read_api_key), 0, CONFIG_SECRET_MAX,
     .help =
         "Asked of everybody who reads, but for probes; at least 16 bytes; none = all may read"},
    {"webhookUrl", &config_type_string, OPTION_SECRET | SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(webhook_url), 0, CONFIG_SECRET_MAX,
     .help = "Told of changes of the health by POST (http or https); none = nobody"},
    {"webhookSecret", &config_type_string, OPTION_SECRET | SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(webhook_secret), 0, CONFIG_SECRET_MAX,
     .help = "Signs what webhookUrl is told (X-Weir-Signature). Better: webhookSecretFile"},
    {"webhookSecretFile", &config_type_path, SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(webhook_secret_file), 0, 4000,
     .help = "A file with the secret in its first line; read again at each reload"},
    {"storeUrl", &config_type_list, OPTION_SERVER_TOO, RELOAD_RESTART, GLOBAL(store.shards), 0,
     CONFIG_SHARDS_MAX, .check = store_url_check, .tidy = spelling_trim,
     .help = "ClickHouse, where packets go instead of the SQLite file: an entry per shard, its "
             "replicas' http://host:8123 separated by commas; [] = none"},
    {"storeDatabase", &config_type_string, OPTION_SERVER_TOO, RELOAD_RESTART,
     GLOBAL(store.database), 1, 64, "weir", .check = spelling_check_identifier,
     .help = "The database there"},
    {"storeUser", &config_type_string, 0, RELOAD_RESTART, GLOBAL(store.user), 1, 128, "default",
     .check = spelling_check_store_user, .help = "Who writes there"},
    {"storePasswordFile", &config_type_path, 0, RELOAD_RESTART, GLOBAL(store.password_file), 0,
     4000, .check = spelling_check_file, .help = "A file with the password in its first line"},
    {"storeReplicated", &config_type_bool, 0, RELOAD_RESTART, GLOBAL(store.is_replicated), 0, 1,
     "false", .help = "Replicated tables: the replicas of a shard copy from each other"},
    {"storeReaderUser", &config_type_string, OPTION_SERVER_TOO, RELOAD_RESTART,
     GLOBAL(store.reader_user), 0, 128, .check = spelling_check_store_user,
     .help = "As whom the server reads there, in the place of dbPath; none = it reads dbPath"},
    {"storeReaderPasswordFile", &config_type_path, OPTION_SERVER_TOO, RELOAD_RESTART,
     GLOBAL(store.reader_password_file), 0, 4000, .check = spelling_check_file,
     .help = "A file with that user's password in its first line"},
    {"expectedIngestors", &config_type_list, OPTION_SERVER_ONLY, RELOAD_RESTART,
     GLOBAL(store.expected_ingestors), 0, CONFIG_INGESTORS_MAX, .check = check_ingestor,
     .tidy = spelling_trim,
     .help = "With storeReaderUser, the ingestorName of each whose absence healthz warns of"},
    {"storeBatchMs", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(store.batch_ms), 500, 60000,
     "2000",
     .help = "With storeUrl, how long messages gather for a block; then groupCommitMs"
             " counts for nothing"},
    {"outboxBytes", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(store.outbox_bytes), MIB, 64 * GIB,
     "1073741824",
     .help = "Blocks that wait in the SQLite file for a server; beyond, messages wait in the "
             "buffers"},
    {"ingestorName", &config_type_string, 0, RELOAD_RESTART, GLOBAL(store.ingestor_name), 0,
     CONFIG_INGESTOR_NAME_MAX,
     .help = "With storeUrl, what this ingestor is called there; default: the host's name"},
    {"storeMaintenance", &config_type_bool, 0, RELOAD_RESTART, GLOBAL(store.does_maintenance), 0, 1,
     "true", .help = "With storeUrl, whether this ingestor takes old rows out of the store"},
    {"observerBlacklist", &config_type_list, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(observer_blacklist),
     0, 10000, .tidy = spelling_trim, .help = "Observers whose messages are filtered"},
    {"observerIATAWhitelist", &config_type_list, 0, RELOAD_FLUSHER, GLOBAL(observer_iata_whitelist),
     0, 10000, .check = spelling_check_iata, .tidy = spelling_tidy_iata,
     .help = "Regions whose observers are let in; empty = all"},
    {"observerWhitelist", &config_type_list, 0, RELOAD_FLUSHER, GLOBAL(observer_whitelist), 0,
     10000, .tidy = spelling_trim, .help = "The only observers that are let in; empty = all"},
    {"nodeBlacklist", &config_type_list, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(node_blacklist), 0,
     10000, .check = spelling_check_public_key, .tidy = spelling_tidy_public_key,
     .help = "Public keys (64 hex digits) of nodes that are neither stored nor shown"},
    {"hiddenNamePrefixes", &config_type_list, SERVER_LIVE, RELOAD_RESTART,
     GLOBAL(hidden_name_prefixes), 0, 1000, PROHIBITED_SIGN,
     .help = "Nodes whose names begin so are stored, but not shown; [] = none"},
    {"channelKeys", &config_type_pairs, OPTION_SECRET | BOTH_LIVE, RELOAD_FLUSHER,
     GLOBAL(channel_keys), 0, CONFIG_CHANNELS_MAX, .fallback_key = "channelKeysPath",
     .help = "Channels whose messages we can read: name and key, 32 or 64 hex digits; Public is "
             "built in"},
    {"channelKeysPath", &config_type_path, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(channel_keys_path), 0,
     4000, .check = spelling_check_file,
     .help =
         "File that holds more of them, as an object of the same form; channelKeys is stronger; "
         "default: channel-rainbow.json beside the configuration, where there is one"},
    {"hashChannels", &config_type_list, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(hash_channels), 0,
     CONFIG_CHANNELS_MAX, .check = spelling_check_hashtag, .tidy = spelling_tidy_channel,
     .help = "Hashtag channels, whose keys follow from their names; a missing # is put in front"},
    {"hashRegions", &config_type_list, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(hash_regions), 0,
     CONFIG_REGIONS_MAX, .check = spelling_check_hashtag, .tidy = spelling_tidy_region,
     .help = "Regions whose scopes are told apart; a missing # is put in front"},
    {"geo_filter", &config_type_geo, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(geo_filter), 0,
     GEO_POINTS_MAX,
     .help =
         "The area of the mesh: {\"polygon\": [[lat, lon], ...], \"bufferKm\": n} or {\"latMin\", "
         "\"latMax\", \"lonMin\", \"lonMax\"}"},
    {"foreignAdverts", &config_type_word, 0, RELOAD_FLUSHER, GLOBAL(drops_foreign_adverts), 0, 1,
     "flag", .words = foreign_words, .members = &foreign_options,
     .help = "What becomes of adverts from outside geo_filter"},
    {"signatureMode", &config_type_word, BOTH_LIVE, RELOAD_FLUSHER, GLOBAL(signature_mode), 0, 2,
     "drop", .words = signature_words, .fallback_key = "validateSignatures",
     .help = "What becomes of adverts with a wrong signature; off = nothing is verified"},
    {"validateSignatures", &config_type_bool, OPTION_TRANSIENT | BOTH_LIVE, RELOAD_FLUSHER,
     DRAFT(validates_signatures), 0, 1,
     .help = "CoreScope's word for it: false = signatureMode off, true = drop"},
    {"maxNameBytes", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(max_name_bytes), 1, 127, "64",
     .help = "Longer names of nodes and observers are cut"},
    {"maxNodes", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(max_nodes), 1, 1000000, "100000",
     .help = "Adverts of further nodes are filtered"},
    {"maxObservers", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(max_observers), 1, 1000000,
     "50000", .help = "Messages of further observers are filtered"},
    {"newObserversPerMinute", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(new_observers_per_minute),
     0, 100000, "600", .help = "Messages of more new ones are filtered; 0 = no limit"},
    {"clientRxCoverage.enabled", &config_type_bool, BOTH_LIVE, RELOAD_FLUSHER,
     GLOBAL(client_rx_coverage), 0, 1, "false",
     .help = "Take what client apps report of their reception, and what repeaters told them"},
    {"clientRxObservations.enabled", &config_type_bool, 0, RELOAD_FLUSHER,
     GLOBAL(client_rx_observations), 0, 1, "false",
     .help = "Take every frame that client apps heard, from their topics rf, as well"},
    {"retention.nodeDays", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(retention.node_days),
     DAYS_MIN, DAYS_MAX, "7", .reason = FOR_EVER,
     .help = "Nodes not heard for so long become inactive; 0 and -1 = never"},
    {"retention.observerDays", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(retention.observer_days),
     DAYS_MIN, DAYS_MAX, "14", .reason = FOR_EVER,
     .help = "Observers not heard for so long become inactive; 0 and -1 = never"},
    {"retention.packetDays", &config_type_int, BOTH_LIVE, RELOAD_FLUSHER,
     GLOBAL(retention.packet_days), DAYS_MIN, DAYS_MAX, "30", .reason = FOR_EVER,
     .help = "How long packets are kept; 0 and -1 = for ever"},
    {"retention.metricsDays", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(retention.metrics_days),
     DAYS_MIN, DAYS_MAX, "30", .reason = FOR_EVER,
     .help = "How long the observers' metrics are kept; 0 and -1 = for ever"},
    {"retention.rollupDays", &config_type_int, 0, RELOAD_FLUSHER, GLOBAL(retention.rollup_days),
     DAYS_MIN, DAYS_MAX, "400", .reason = FOR_EVER,
     .help =
         "How long the hourly sums are kept, not less than the packets; 0 and -1 = for ever; where "
         "it is not given, at least as long as the packets"},
    {"retention.maxDatabaseMB", &config_type_int, OPTION_ZERO_TOO, RELOAD_FLUSHER,
     GLOBAL(retention.max_database_mb), 16, MIB, "0",
     .help = "Above this size the oldest packets go before their time; 0 = no limit"},
    /* What a page reads and nothing here does. */
    {"branding", &config_type_object, FOR_PAGE, GLOBAL(page.branding), 0, OBJECT_BYTES_MAX,
     .help = "The page's name, tagline, logo, icon and home address"},
    {"theme", &config_type_object, FOR_PAGE, GLOBAL(page.theme), 0, OBJECT_BYTES_MAX,
     .help = "The page's colours"},
    {"themeDark", &config_type_object, FOR_PAGE, GLOBAL(page.theme_dark), 0, OBJECT_BYTES_MAX,
     .help = "The page's colours in the dark"},
    {"nodeColors", &config_type_object, FOR_PAGE, GLOBAL(page.node_colors), 0, OBJECT_BYTES_MAX,
     .help = "The colours of nodes, by role"},
    {"typeColors", &config_type_object, FOR_PAGE, GLOBAL(page.type_colors), 0, OBJECT_BYTES_MAX,
     .help = "The colours of packets, by type"},
    {"markerStroke", &config_type_object, FOR_PAGE, GLOBAL(page.marker_stroke), 0, OBJECT_BYTES_MAX,
     .help = "The outline of the page's markers"},
    {"home", &config_type_object, FOR_PAGE, GLOBAL(page.home), 0, OBJECT_BYTES_MAX,
     .help = "The texts of the page's front page"},
    {"map", &config_type_object, FOR_PAGE, GLOBAL(page.map), 0, OBJECT_BYTES_MAX,
     .help = "The map's tiles: {\"tiles\": {...}}"},
    {"mapDefaults", &config_type_object, FOR_PAGE, GLOBAL(page.map_defaults), 0, OBJECT_BYTES_MAX,
     .help = "Where the map begins: {\"center\": [lat, lon], \"zoom\": n}"},
    {"tiles", &config_type_object, FOR_PAGE, GLOBAL(page.tiles), 0, OBJECT_BYTES_MAX,
     .help = "The map's tiles, the older form"},
    {"mapTileUrl", &config_type_string, FOR_PAGE, GLOBAL(page.map_tile_url), 0, CONFIG_TILE_URL_MAX,
     .check = check_tiles,
     .help =
         "Where the page's maps have their tiles from, https://tile.example.org/{z}/{x}/{y}.png: "
         "the one host beside this one that it asks; none = a grid of degrees"},
    {"mapDarkTileProvider", &config_type_string, FOR_PAGE, GLOBAL(page.map_dark_tile_provider), 0,
     256, .help = "The map's tiles in the dark, the older form"},
    {"roles", &config_type_object, FOR_PAGE, GLOBAL(page.roles), 0, OBJECT_BYTES_MAX,
     .help = "Names, colours and order of the nodes' roles"},
    {"healthThresholds", &config_type_object, FOR_PAGE, GLOBAL(page.health_thresholds), 0,
     OBJECT_BYTES_MAX,
     .help =
         "After how long nodes and observers count as degraded and silent: {\"infraSilentHours\": "
         "n, \"observerStaleMinutes\": n, ...}"},
    {"snrThresholds", &config_type_object, FOR_PAGE, GLOBAL(page.snr_thresholds), 0,
     OBJECT_BYTES_MAX, .help = "What is called a good SNR"},
    {"distThresholds", &config_type_object, FOR_PAGE, GLOBAL(page.dist_thresholds), 0,
     OBJECT_BYTES_MAX, .help = "What is called a short distance"},
    {"limits", &config_type_object, FOR_PAGE, GLOBAL(page.limits), 0, OBJECT_BYTES_MAX,
     .help = "How much the page asks for at once"},
    {"externalUrls", &config_type_object, FOR_PAGE, GLOBAL(page.external_urls), 0, OBJECT_BYTES_MAX,
     .help = "Addresses that the page links to"},
    {"timestamps", &config_type_object, FOR_PAGE, GLOBAL(page.timestamps), 0, OBJECT_BYTES_MAX,
     .help = "How the page writes times"},
    {"cacheTTL", &config_type_object, FOR_PAGE, GLOBAL(page.cache_ttl), 0, OBJECT_BYTES_MAX,
     .help = "How many seconds the page keeps each kind of answer"},
    {"regions", &config_type_names, FOR_PAGE, GLOBAL(page.regions), 0, OBJECT_BYTES_MAX,
     .help = "Names of the regions: {\"SJC\": \"San Jose\", ...}"},
    {"areas", &config_type_areas, FOR_PAGE, GLOBAL(areas), 0, AREAS_MAX,
     .help = "Parts of the map that lists can be asked for: {\"north\": {\"label\": \"North\", "
             "\"polygon\": [[lat, lon], ...]}, ...}, or with a box as in geo_filter"},
    {"maxHopDist", &config_type_real, FOR_PAGE, GLOBAL(page.max_hop_dist), 0, 20000, "0",
     .help = "Longer hops (km) the page calls unlikely; 0 = what it thinks itself"},
    {"perfSlowMs", &config_type_int, FOR_PAGE, GLOBAL(page.perf_slow_ms), 0, 3600000, "0",
     .help = "What the page calls slow; 0 = what it thinks itself"},
    {"wsReconnectMs", &config_type_int, FOR_PAGE, GLOBAL(page.ws_reconnect_ms), 0, 3600000, "0",
     .help = "When the page connects again; 0 = what it thinks itself"},
    {"cacheInvalidateMs", &config_type_int, FOR_PAGE, GLOBAL(page.cache_invalidate_ms), 0, 3600000,
     "0", .help = "How long the page gathers news before it asks; 0 = what it thinks itself"},
    {"liveMap.propagationBufferMs", &config_type_int, FOR_PAGE, GLOBAL(page.propagation_buffer_ms),
     1, 3600000, "5000", .help = "How long the live map gathers a packet's receptions"},
    {"liveMap.maxNodes", &config_type_int, FOR_PAGE, GLOBAL(page.live_map_max_nodes), 100, 20000,
     "2000", .help = "Nodes on the live map"},
    {"customizer.disabledTabs", &config_type_list, FOR_PAGE, GLOBAL(page.disabled_tabs), 0, 100,
     .help = "What the page's visitors may not change"},
    {"debugAffinity", &config_type_bool, FOR_PAGE, GLOBAL(page.debug_affinity), 0, 1, "false",
     .help = "Whether the page offers its tool for neighbours"},
    {"logLevel", &config_type_word, BOTH_LIVE, RELOAD_LIVE, GLOBAL(log_level), 0, 3, "info",
     .words = log_level_words, .help = "Also --log-level"},
    {"logFormat", &config_type_word, BOTH_LIVE, RELOAD_LIVE, GLOBAL(log_format), 0, 1, "text",
     .words = log_format_words, .help = "Also --log-format"},
    {"mqtt.broker", &config_type_string, OPTION_TRANSIENT, RELOAD_RECEIVER, DRAFT(mqtt_broker), 1,
     BROKER_URL_MAX, "mqtt://127.0.0.1:1883", .check = check_broker,
     .help = "The broker when there is no mqttSources (the source is then named 'default')"},
    {"mqtt.topic", &config_type_string, OPTION_TRANSIENT, RELOAD_RECEIVER, DRAFT(mqtt_topic), 1,
     1024, "meshcore/#", .check = spelling_check_topic, .help = "The topic filter of that broker"},
    /* Compared source by source, see config_compare_source. */
    {"mqttSources", &config_type_sources, OPTION_TRANSIENT | OPTION_NOT_NULL, RELOAD_RECEIVER, 0, 0,
     0, CONFIG_SOURCES_MAX, .help = "The brokers, see the keys below; [] = no MQTT at all"},
};

static const struct config_option source_rows[] = {
    {"name", &config_type_string, 0, RELOAD_RECEIVER, SOURCE(name), 0, CONFIG_SOURCE_NAME_MAX,
     .check = check_source_name,
     .help = "Unique, the source's identity; default: host:port of the broker"},
    {"broker", &config_type_string, OPTION_REQUIRED, RELOAD_RECEIVER, SOURCE(broker), 1,
     BROKER_URL_MAX, "mqtt://127.0.0.1:1883", .check = check_broker,
     .help = "mqtt://, mqtts://, ws:// or wss:// [user:password@]host[:port][/path]; required"},
    {"topics", &config_type_list, 0, RELOAD_RECEIVER, SOURCE(topics), 1, CONFIG_TOPICS_MAX,
     "meshcore/#", .check = spelling_check_topic, .help = "Topic filters"},
    {"username", &config_type_string, 0, RELOAD_RECEIVER, SOURCE(username), 0, BROKER_USER_MAX,
     .help = "Stronger than one in the broker's address"},
    {"password", &config_type_string, OPTION_SECRET, RELOAD_RECEIVER, SOURCE(password), 0,
     CONFIG_SECRET_MAX,
     .help = "Better: passwordFile, or WEIR_SOURCE_<NAME>_PASSWORD in the environment"},
    {"passwordFile", &config_type_path, 0, RELOAD_RECEIVER, SOURCE(password_file), 0, 4000,
     .check = spelling_check_file,
     .help = "File that holds the password; read again before each connect"},
    {"iataFilter", &config_type_list, 0, RELOAD_FLUSHER, SOURCE(iata_filter), 0, 1000,
     .check = spelling_check_iata, .tidy = spelling_tidy_iata,
     .help = "Regions to take; empty = all"},
    {"region", &config_type_string, 0, RELOAD_FLUSHER, SOURCE(region), 0, SPELLING_IATA_MAX,
     .tidy = spelling_tidy_iata, .help = "Region of observers whose topic names none"},
    {"rejectUnauthorized", &config_type_bool, 0, RELOAD_RECEIVER, SOURCE(reject_unauthorized), 0, 1,
     "true", .help = "false = do not verify the broker's certificate"},
    {"caFile", &config_type_path, 0, RELOAD_RECEIVER, SOURCE(ca_file), 0, 4000,
     .check = spelling_check_file,
     .help = "Certificates to trust (mqtts, wss); default: the system's"},
    {"certFile", &config_type_path, 0, RELOAD_RECEIVER, SOURCE(cert_file), 0, 4000,
     .check = spelling_check_file, .help = "Our certificate"},
    {"keyFile", &config_type_path, 0, RELOAD_RECEIVER, SOURCE(key_file), 0, 4000,
     .check = spelling_check_file, .help = "The key of certFile"},
    {"proxy", &config_type_string, OPTION_SECRET, RELOAD_RECEIVER, SOURCE(proxy), 0, BROKER_URL_MAX,
     .check = check_proxy,
     .help = "http://[user:password@]host[:3128] for a ws or wss broker; default: none, whatever "
             "the environment says"},
    {"qos", &config_type_int, 0, RELOAD_RECEIVER, SOURCE(qos), 0, 1, "0",
     .reason = "QoS 2 acknowledges a message before it is safe", .help = "Of the subscriptions"},
    {"mqttVersion", &config_type_int, 0, RELOAD_RECEIVER, SOURCE(mqtt_version), 4, 5, "4",
     .reason = "4 is MQTT 3.1.1, 5 is MQTT 5", .help = "4 = MQTT 3.1.1"},
    {"clientId", &config_type_string, 0, RELOAD_RECEIVER, SOURCE(client_id), 0, 256,
     .help = "Default: weir- and 12 hex digits made of the host's and the source's name"},
    {"persistentSession", &config_type_bool, 0, RELOAD_RECEIVER, SOURCE(persistent_session), 0, 1,
     "false", .help = "The broker keeps QoS 1 messages while we are away"},
    {"keepAliveSeconds", &config_type_int, 0, RELOAD_RECEIVER, SOURCE(keep_alive_s), 5, 3600, "30",
     .help = "The broker is asked this often; a dead connection is noticed after 1.5 of it"},
    {"connectTimeoutSec", &config_type_int, OPTION_ZERO_TOO, RELOAD_RECEIVER,
     SOURCE(connect_timeout_s), 1, 300, "30", .help = "Of one attempt; 0 = the default"},
    {"silenceSeconds", &config_type_int, 0, RELOAD_RECEIVER, SOURCE(silence_s), 0, 86400, "0",
     .help = "Connect again after so long without a message; 0 = learnt from the traffic"},
};

_Static_assert(ARRAY_LEN(global_rows) <= CONFIG_OPTIONS_MAX &&
                   ARRAY_LEN(source_rows) <= CONFIG_OPTIONS_MAX,
               "a bitmap has this length");

static const struct config_meant source_meant[] = {
    {"host", "broker"},    {"port", "broker"},
    {"url", "broker"},     {"server", "broker"},
    {"address", "broker"}, {"protocol", "broker"},
    {"tls", "broker"},     {"ssl", "broker"},
    {"user", "username"},  {"pass", "password"},
    {"ca", "caFile"},      {"cert", "certFile"},
    {"key", "keyFile"},    {"keepalive", "keepAliveSeconds"},
    {NULL, NULL},
};

const struct config_table config_options = {global_rows, ARRAY_LEN(global_rows), NULL};
const struct config_table config_source_options = {source_rows, ARRAY_LEN(source_rows),
                                                   source_meant};
