/* SPDX-License-Identifier: MIT
 *
 * config_parts - what a configuration (config.h) is made of besides numbers and words.
 *
 * Ownership: as struct config says: it owns everything. Threads: none. */
#pragma once

#include "common/base/base.h"
#include "common/base/geo.h"

enum config_reader { CONFIG_INGESTOR, CONFIG_SERVER };

struct config_list {
    char **items;
    size_t count;
};

/* A JSON object of strings, in the order of the file. */
struct config_pairs {
    struct config_pair {
        char *name, *value;
    } * items;
    size_t count;
};

enum signature_mode { SIGNATURE_DROP, SIGNATURE_FLAG, SIGNATURE_OFF };

/* Ages in days; 0 = keep for ever. */
struct config_retention {
    int node_days, observer_days, packet_days, metrics_days, rollup_days;
    int64_t max_database_mb; /* 0 = no limit */
};

#define CONFIG_SHARDS_MAX        64  /* storeUrl */
#define CONFIG_INGESTORS_MAX     32  /* expectedIngestors */
#define CONFIG_INGESTOR_NAME_MAX 128 /* bytes */

/* ClickHouse: where an ingestor with shards sends its packets. */
struct config_store {
    struct config_list shards; /* store_url_check takes each; none = there is no such store */
    char *database, *user;
    char *password_file; /* absolute; NULL = no password */
    bool is_replicated;
    int batch_ms;         /* how long messages gather for a block */
    int64_t outbox_bytes; /* of blocks that wait; then the rings hold */
    char *ingestor_name;  /* NULL = the host's */
    bool does_maintenance;
    /* Of the server: as whom it reads there; NULL or "" = it reads db_path. */
    char *reader_user, *reader_password_file;
    struct config_list expected_ingestors; /* names that it misses in the table `ingestors` */
};

struct config_source {
    char *name; /* unique, 1..CONFIG_SOURCE_NAME_MAX bytes, valid UTF-8, no control characters */
    /* As configured: mqtt, mqtts, ws, wss (tcp, ssl accepted); may hold user:password@. */
    char *broker;
    /* The same with the password as ****: the only form for logs, files and answers. */
    char *broker_masked;
    char *username, *password; /* NULL = none; from the keys, passwordFile or the broker URL */
    char *password_file;       /* absolute; NULL = none, or the environment's password counts */
    char *client_id;           /* never NULL: stable over restarts */
    struct config_list topics; /* >= 1 */
    struct config_list iata_filter;
    char *region;                         /* NULL = from the topic */
    char *ca_file, *cert_file, *key_file; /* absolute or NULL */
    char *proxy;                          /* broker_url_parse_proxy takes it; NULL = none */
    bool reject_unauthorized;
    int qos;          /* 0 or 1 */
    int mqtt_version; /* 4 or 5 */
    bool persistent_session;
    int keep_alive_s, connect_timeout_s;
    int silence_s; /* 0 = adaptive */
};

/* CoreScope's keys that only a page reads: Weir keeps them and passes them on (/api/config). Each
 * pointer is JSON text, as the file has it but for its _comments; NULL = not given. */
struct config_page {
    char *branding, *theme, *theme_dark, *node_colors, *type_colors, *marker_stroke, *home;
    char *map, *map_defaults, *tiles;
    char *roles, *health_thresholds, *snr_thresholds, *dist_thresholds, *limits, *external_urls;
    char *timestamps, *cache_ttl, *regions;
    char *map_dark_tile_provider; /* a name, no JSON */
    char *map_tile_url;           /* an address; config_tile_url knows what counts */
    double max_hop_dist;          /* km; 0 = the page's own, as below */
    int perf_slow_ms, ws_reconnect_ms, cache_invalidate_ms;
    int propagation_buffer_ms, live_map_max_nodes;
    bool debug_affinity;
    struct config_list disabled_tabs;
};

/* A named part of the map, which lists can be asked for. */
struct config_area {
    struct geo_area shape; /* never GEO_NONE */
    char *key, *label;     /* never NULL */
};

struct config_areas {
    struct config_area *items; /* in the order of the file */
    size_t count;
};
