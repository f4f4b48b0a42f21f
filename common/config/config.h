/* SPDX-License-Identifier: MIT
 *
 * config - one JSON file, one table of options.
 *
 * The table in config_table.c has one row per option: key, type, range, default, reload class,
 * help, offset into the struct below. The row is the only place where an option is declared;
 * parsing, defaults, `--help`, `--print-config`, the environment names, `--set`, the error messages
 * and the test of config.example.json all come from it.
 *
 * Precedence: flags (--set, --log-level ...) > environment (WEIR_ + key in UPPER_SNAKE) >
 * file > default.
 * I1. After config_load returned OK every field holds a value in its range; callers never re-check.
 * I2. All errors of a file are reported, each with its JSON path, before anything is refused.
 * I3. A secret (password, apiKey, a channel's key) is never printed: config_print masks it,
 *     messages never quote it.
 * Ownership: struct config owns all it points to; config_done frees it and accepts a zeroed struct.
 * Threads: none; a loaded config is read-only. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/config/config_parts.h"

#include <stdio.h>

struct json_write;

#define CONFIG_SOURCES_MAX       64       /* MQTT sources */
#define CONFIG_TOPICS_MAX        32       /* topic filters per source */
#define CONFIG_SOURCE_NAME_MAX   64       /* bytes */
#define CONFIG_HTTP_SOURCE       "http"   /* reserved: POST /api/packets */
#define CONFIG_REPLAY_SOURCE     "replay" /* reserved: ingestor --replay */
#define CONFIG_PROXIES_MAX       64       /* trustedProxies */
#define CONFIG_RING_RECORDS_MAX  1000000
#define CONFIG_VERIFIERS_MAX     64    /* verifyWorkers */
#define CONFIG_CHANNELS_MAX      10000 /* channel keys and hashtag channels together */
#define CONFIG_REGIONS_MAX       1000  /* hashRegions */
#define CONFIG_REGION_NODE_BYTES 30    /* of a region's name that a node keeps (protocol.md 5) */

struct config {
    char *file;            /* absolute path of the configuration file, NULL when there is none */
    char *host;            /* an address, or unix: and a path */
    char *health_host;     /* the same; NULL = config_health_host says */
    int port, health_port; /* health_port 0 = off */
    char *history_file;    /* absolute; NULL = in memory */
    int http_cache_mb;     /* 0..1024 */
    bool access_log, ingest_async;
    int max_live_clients;                   /* 0 = no live feed */
    char *db_path, *stats_file, *spool_dir; /* absolute */
    char *state_dir;                        /* absolute; NULL or "" = none */
    char *web_root;                         /* the same; instead of our page */
    char *web_root_csp;                     /* of its files; NULL or "" = none */
    int backup_bytes_per_second;            /* 0 = not throttled */
    int64_t ingest_buffer_size;             /* records per source; 0 replaced, clamped */
    int64_t ingest_buffer_bytes, max_message_bytes;
    double soft_threshold;
    int group_commit_ms, group_commit_max_rows, verify_workers; /* the last: -1 = by the cores */
    int sync_interval_ms; /* spoolSync "interval" = true, "none" = false: */
    bool spool_sync;
    int sqlite_cache_mb;
    int max_unhealthy_s, max_process_restarts;
    int drain_timeout_s, shutdown_delay_s;
    int observer_max_per_second;             /* 0 = off */
    int flusher_processes;                   /* 1 */
    struct config_list cors_allowed_origins; /* as browsers write them, or "*" */
    char *api_key;                           /* NULL = none */
    bool api_key_is_weak; /* known or short: every call that needs it is refused with 403 */
    char *read_api_key;   /* NULL = everybody reads */
    bool read_api_key_is_weak;
    /* NULL or "" = nobody is told. Of the secret one of the two is given, or none. */
    char *webhook_url, *webhook_secret, *webhook_secret_file;
    int rate_limit_per_second;          /* 0 = off */
    struct config_list trusted_proxies; /* network_read takes each */
    struct config_source *sources;
    size_t source_count; /* 0 = the stated zero-source condition */
    struct config_list observer_blacklist;
    struct config_list observer_whitelist; /* empty = all */
    struct config_list observer_iata_whitelist;
    struct config_list node_blacklist;       /* 64 lower-case hex digits each */
    struct config_list hidden_name_prefixes; /* hidden on read */
    /* Keys of channels: name -> 32 or 64 hex digits, from channelKeys and the file channelKeysPath
     * (the key in the configuration wins). The names of hashtag channels, from which the key
     * follows, each with its leading #. */
    struct config_pairs channel_keys;
    char *channel_keys_path; /* absolute; NULL = no such file */
    struct config_list hash_channels;
    /* scopes, each with its leading # (or $, see region_scopes.h) */
    struct config_list hash_regions;
    struct geo_area geo_filter;
    bool drops_foreign_adverts; /* foreignAdverts "drop"; else they are flagged */
    enum signature_mode signature_mode;
    int max_name_bytes, max_nodes, max_observers, new_observers_per_minute;
    bool client_rx_coverage, client_rx_observations;
    struct config_retention retention;
    struct config_page page;
    struct config_areas areas;
    struct config_store store;
    enum log_level log_level;
    enum log_format log_format;
    /* The file's text, which tells config_print what came from it; NULL when there is no file. */
    char *raw_json;
};

/* What the command line gave; all borrowed for the call. */
struct config_args {
    const char *file;        /* --config, NULL = none */
    const char *const *sets; /* "key=value" of each --set */
    size_t set_count;
    const char *log_level, *log_format; /* NULL = not given */
    /* The server, which speaks to no broker, does not read passwordFile. */
    enum config_reader reader;
};

/* One message per line, in order of appearance. is_error false = a warning (clamped, ignored
 * CoreScope key, weak apiKey, world-readable password, ...). */
struct config_report {
    struct config_message {
        bool is_error;
        char text[400];
    } messages[64];
    size_t count;
    size_t suppressed; /* messages beyond the array */
};

/* Load, merge, validate. STATUS_OK; STATUS_CONFIG when the report holds an error (then *out is
 * zeroed); STATUS_NO_MEMORY. Touches nothing on disk but the configuration and password files. */
NODISCARD enum status config_load(const struct config_args *args, struct config *out,
                                  struct config_report *report);
void config_done(struct config *config);
/* NULL: there is none of that name. */
const struct config_source *config_find_source(const struct config *config, const char *name);
const struct config_area *config_find_area(const struct config *config, const char *key);

/* A configuration file in memory; text NULL = there is none. */
struct config_input {
    const char *folder; /* absolute; relative paths count from here */
    const char *file;   /* what messages call it; NULL = "the file" */
    const char *text;   /* text[len] is NUL */
    size_t len;
    unsigned mode; /* permission bits of the file */
};
/* config_load without a look at the file; *report must be zeroed. */
NODISCARD enum status config_load_input(const struct config_args *args,
                                        const struct config_input *input, struct config *out,
                                        struct config_report *report);
/* The password in a passwordFile; *out is the caller's to free. Would one of this key be read? */
NODISCARD bool config_read_password(const char *path, char **out, struct err *err);
NODISCARD bool config_can_read_secret(const char *key, const char *path, struct err *err);

#define CONFIG_UNIX       "unix:" /* a host that is a Unix socket's path */
#define CONFIG_SOCKET_MAX 107     /* bytes in sockaddr_un.sun_path without its NUL */
bool config_is_unix(const char *host);

#define CONFIG_TILE_URL_MAX  512
#define CONFIG_TILE_HOST_MAX 120
/* Where a map's tiles come from, on a light or a dark ground: mapTileUrl, or what CoreScope's
 * map.tiles or tiles say; "" = from nowhere. config_tile_host takes it. */
void config_tile_url(const struct config_page *page, bool is_dark,
                     char out[static CONFIG_TILE_URL_MAX + 1]);
/* Its host as a Content-Security-Policy names it, with a star in place of the part that holds {s};
 * "" = of this server. False = this is no address of tiles. */
NODISCARD bool config_tile_host(const char *url, char out[static CONFIG_TILE_HOST_MAX + 1]);
/* Where the probes' port listens; a socket needs no healthPort. */
const char *config_health_host(const char *host, const char *health_host);

/* Make the folders of dbPath, statsFile and spoolDir (0750). */
NODISCARD enum status config_make_folders(const struct config *config, struct err *err);

/* The merged result, one `key = value (origin: default|file|environment|flag)` per line,
 * secrets masked. */
void config_print(const struct config_args *args, const struct config *config, FILE *out);
/* The keys that this program reads. */
void config_print_help(enum config_reader reader, FILE *out);
/* The rows as data, for manual pages and completions: the members "keys" and "sourceKeys". */
void config_write_options(struct json_write *w);

/* How far a change of the configuration reaches. Receivers are matched by source name. */
enum config_reach {
    CONFIG_SAME,
    CONFIG_RELOAD_RECEIVER, /* a receiver must be started again */
    CONFIG_RELOAD_FLUSHER,  /* the flusher must drain and be forked again */
    CONFIG_NEEDS_RESTART,   /* not reloadable: kept as it was, said in one warning */
};
/* FLUSHER here means the flusher alone, RECEIVER both: the flusher has a copy of every source. */
enum config_reach config_compare_source(const struct config_source *a,
                                        const struct config_source *b);
/* FLUSHER, else RECEIVER, else NEEDS_RESTART, else SAME, over the ingestor's global options;
 * out_receivers_too is set when some option concerns receivers (also beside FLUSHER). Whatever the
 * answer, the names of changed keys that need a restart are written to `keys` (comma separated,
 * "" = none): warn about those, then config_keep_fixed. */
enum config_reach config_compare_global(const struct config *old, const struct config *new,
                                        bool *out_receivers_too, char *keys, size_t keys_cap);
/* Give `new` the values of `old` for every key that only a restart can change (and `old` those of
 * `new`: nothing is allocated, both stay whole). */
void config_keep_fixed(struct config *old, struct config *new);
/* The server's part: the names of changed keys that it reads, those that it takes over while it
 * runs (is_live) or those that need a restart; "" = none. */
void config_compare_server(const struct config *old, const struct config *new, bool is_live,
                           char *keys, size_t keys_cap);
