/* SPDX-License-Identifier: MIT */
#include "common/config/config_validate.h"

#include "common/config/broker_url.h"
#include "common/config/config_origin.h"
#include "common/config/config_pairs.h"
#include "common/config/config_table.h"
#include "common/config/config_text.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define API_KEY_MIN            16
#define INJECT_SOCKET          "/inject.sock" /* in spoolDir */
#define RING_ADDRESSES_32_BITS (INT64_C(1) << 30)
#define RING_GRAIN             4096

/* 0 asks for the default, as it does in CoreScope; what is out of range is clamped. */
static void clamp(struct config_loader *loader)
{
    const struct config_option *option = config_find(&config_options, "ingestBufferSize");
    struct config *config = &loader->draft.config;
    const long long asked = config->ingest_buffer_size;
    if (asked == 0) {
        config->ingest_buffer_size = strtoll(option->default_text, NULL, 10);
        return;
    }
    if ((double)asked < option->min)
        config->ingest_buffer_size = (int64_t)option->min;
    else if ((double)asked > option->max)
        config->ingest_buffer_size = (int64_t)option->max;
    if (asked != config->ingest_buffer_size)
        config_warn(loader, "%s %lld clamped to %lld (default %s)", option->key, asked,
                    (long long)config->ingest_buffer_size, option->default_text);
}

static void place_beside_db(struct config_loader *loader)
{
    struct config *config = &loader->draft.config;
    char *folder = config->db_path != NULL ? config_folder_of(config->db_path) : NULL;
    char **const fields[] = {&config->stats_file, &config->spool_dir};
    static const char *const keys[] = {"statsFile", "spoolDir"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *name = config_find(&config_options, keys[i])->default_text;
        const char *slash = folder != NULL && strcmp(folder, "/") == 0 ? "" : "/";
        if (*fields[i] == NULL &&
            (folder == NULL || asprintf(fields[i], "%s%s%s", folder, slash, name) < 0)) {
            *fields[i] = NULL;
            loader->no_memory = true;
        }
    }
    free(folder);
}

static bool is_given(const struct config_loader *loader, const char *key)
{
    return config_given_in(loader->args, config_find(&config_options, key), loader->root) != NULL;
}

/* Two listeners on one address and port, or one socket; a port that a socket does not have. */
static void check_ports(struct config_loader *loader)
{
    const struct config *config = &loader->draft.config;
    if (loader->no_memory || config->host == NULL)
        return;
    const char *health_host = config_health_host(config->host, config->health_host);
    const bool is_one_host = strcmp(config->host, health_host) == 0;
    if (config_is_unix(config->host) && is_given(loader, "port"))
        config_warn(loader, "port is ignored: host is a Unix socket");
    if (config_is_unix(health_host) && config->health_port != 0)
        config_warn(loader, "healthPort is ignored: healthHost is a Unix socket");
    if (config->health_host != NULL && config->health_port == 0 && !config_is_unix(health_host))
        config_warn(loader, "healthHost is ignored: healthPort is 0");
    if (config_is_unix(health_host) && is_one_host)
        config_error(loader, "healthHost: must be another socket than host's (%s)", config->host);
    if (!config_is_unix(config->host) && !config_is_unix(health_host) && config->health_port != 0 &&
        config->health_port == config->port)
        config_error(loader, "healthPort: must differ from port (%d); 0 = off", config->port);
}

static void check_together(struct config_loader *loader)
{
    const struct config *config = &loader->draft.config;
    check_ports(loader);
    if (loader->no_memory)
        return;
    if (strcmp(config->db_path, config->stats_file) == 0)
        config_error(loader, "statsFile: is the same file as dbPath");
    const size_t len = strlen(config->spool_dir) + sizeof INJECT_SOCKET - 1;
    if (len > CONFIG_SOCKET_MAX)
        config_error(
            loader,
            "spoolDir: too long: the Unix socket in it, inject.sock, would have a name of %zu "
            "bytes, and %d is the most a Unix socket's name can have; choose a shorter folder",
            len, CONFIG_SOCKET_MAX);
}

/* Keys of examples and tutorials, CoreScope's first. */
static bool is_weak_key(const char *key)
{
    static const char *const known[] = {
        "your-secret-api-key-here",  "your-secret-api-key",
        "replace-with-your-api-key", "change-me-to-something-secret",
        "changeme-changeme",         "0123456789abcdef",
        "1234567890123456",
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcasecmp(key, known[i]) == 0)
            return true;
    }
    const char one[] = {key[0], '\0'};
    return strlen(key) < API_KEY_MIN || strspn(key, one) == strlen(key);
}

static void validate_api_keys(struct config_loader *loader)
{
    struct config *config = &loader->draft.config;
    config->api_key_is_weak = config->api_key != NULL && is_weak_key(config->api_key);
    config->read_api_key_is_weak =
        config->read_api_key != NULL && is_weak_key(config->read_api_key);
    const bool are_weak[] = {config->api_key_is_weak, config->read_api_key_is_weak};
    static const char *const keys[] = {"apiKey", "readApiKey"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (are_weak[i])
            config_warn(loader,
                        "%s is well known or shorter than %d bytes: every call that needs it is "
                        "refused with 403",
                        keys[i], API_KEY_MIN);
    }
}

static bool is_filled(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void validate_webhook(struct config_loader *loader)
{
    const struct config *config = &loader->draft.config;
    const char *url = config->webhook_url;
    if (is_filled(url) && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        config_error(loader, "webhookUrl must begin with http:// or https://");
    if (is_filled(config->webhook_secret) && is_filled(config->webhook_secret_file))
        config_error(loader, "webhookSecretFile: webhookSecret is given, too; keep one of them");
}

/* Nothing else would bring a row to the second replica. */
static void validate_store(struct config_loader *loader)
{
    const struct config_store *store = &loader->draft.config.store;
    for (size_t i = 0; i < store->shards.count; i++) {
        if (!store->is_replicated && strchr(store->shards.items[i], ',') != NULL)
            config_error(loader,
                         "storeUrl[%zu]: has several replicas, but storeReplicated is false: then "
                         "nobody copies from one to the other",
                         i);
    }
    if (loader->draft.config.source_count + store->shards.count > CONFIG_SOURCES_MAX)
        config_error(loader,
                     "storeUrl: with mqttSources more than %d entries, each of which is a process",
                     CONFIG_SOURCES_MAX);
    if (store->shards.count == 0 && is_filled(store->password_file))
        config_warn(loader, "storePasswordFile is ignored: storeUrl is empty");
    if (store->shards.count == 0 && is_filled(store->reader_user))
        config_error(loader, "storeReaderUser: storeUrl is empty: there is no store to read");
    if (!is_filled(store->reader_user) && is_filled(store->reader_password_file))
        config_warn(loader, "storeReaderPasswordFile is ignored: there is no storeReaderUser");
    if (!is_filled(store->reader_user) && store->expected_ingestors.count > 0)
        config_warn(loader, "expectedIngestors is ignored: there is no storeReaderUser");
}

/* CoreScope's word counts where ours is not given. */
static void validate_signatures(struct config_loader *loader)
{
    struct config *config = &loader->draft.config;
    const struct config_option *ours = config_find(&config_options, "signatureMode");
    const struct config_option *theirs = config_find(&config_options, "validateSignatures");
    const enum signature_mode meant =
        loader->draft.validates_signatures ? SIGNATURE_DROP : SIGNATURE_OFF;
    if (config_given_in(loader->args, theirs, loader->root) == NULL)
        return;
    if (config_given_in(loader->args, ours, loader->root) == NULL)
        config->signature_mode = meant;
    else if (config->signature_mode != meant)
        config_warn(loader, "validateSignatures is ignored: it means signatureMode %s, which is %s",
                    ours->words[meant], ours->words[config->signature_mode]);
}

/* Sums without their packets are history; packets without their sums would be a hole in it. The
 * default yields, so that CoreScope's files with a long packetDays stay usable as they are. */
static void validate_retention(struct config_loader *loader)
{
    struct config_retention *retention = &loader->draft.config.retention;
    int *const ages[] = {&retention->node_days, &retention->observer_days, &retention->packet_days,
                         &retention->metrics_days, &retention->rollup_days};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++)
        *ages[i] = *ages[i] < 0 ? 0 : *ages[i];
    const struct config_option *option = config_find(&config_options, "retention.rollupDays");
    const int least = retention->packet_days, given = retention->rollup_days;
    if (given == 0 || (least != 0 && given >= least))
        return;
    if (config_given_in(loader->args, option, loader->root) == NULL)
        retention->rollup_days = least;
    else if (least == 0)
        config_error(loader,
                     "%s: must be 0 (for ever) because retention.packetDays is, not %d: the hourly "
                     "sums may not go before the packets",
                     option->key, given);
    else
        config_error(loader,
                     "%s: must be at least retention.packetDays (%d) or 0 (for ever), not %d: the "
                     "hourly sums may not go before the packets",
                     option->key, least, given);
}

static void warn_private_regions(struct config_loader *loader)
{
    const struct config_list *regions = &loader->draft.config.hash_regions;
    const char *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < regions->count; i++) {
        if (regions->items[i][0] != '$')
            continue;
        first = first != NULL ? first : regions->items[i];
        count++;
    }
    if (count > 0)
        config_warn(loader,
                    "hashRegions: '%.64s'%s can't be matched: the key of a private region ($) does "
                    "not follow from its name",
                    first, count > 1 ? " and others" : "");
}

static void warn_long_regions(struct config_loader *loader)
{
    const struct config_list *regions = &loader->draft.config.hash_regions;
    for (size_t i = 0; i < regions->count; i++) {
        if (strlen(regions->items[i]) <= CONFIG_REGION_NODE_BYTES)
            continue;
        config_warn(loader,
                    "hashRegions: '%.64s' is longer than the %d bytes that a node keeps of a "
                    "region's name: also matched by those",
                    regions->items[i], CONFIG_REGION_NODE_BYTES);
        return; /* the first stands for all */
    }
}

int64_t config_ring_bytes_most(size_t address_bytes, size_t rings)
{
    if (address_bytes > 4 || rings == 0)
        return INT64_MAX;
    return RING_ADDRESSES_32_BITS / (int64_t)rings / RING_GRAIN * RING_GRAIN;
}

void config_validate_rings(struct config_loader *loader)
{
    const struct config *config = &loader->draft.config;
    const size_t rings = config->source_count + (config->api_key != NULL ? 1 : 0);
    const int64_t most = config_ring_bytes_most(sizeof(void *), rings);
    if (config->ingest_buffer_bytes > most)
        config_error(loader,
                     "ingestBufferBytes: %lld is too much for this 32-bit machine, which has "
                     "addresses for %lld bytes of buffers: with %zu of them at most %lld each",
                     (long long)config->ingest_buffer_bytes, (long long)RING_ADDRESSES_32_BITS,
                     rings, (long long)most);
}

void config_validate(struct config_loader *loader)
{
    clamp(loader);
    place_beside_db(loader);
    config_channels_load(loader);
    validate_signatures(loader);
    validate_retention(loader);
    check_together(loader);
    warn_private_regions(loader);
    warn_long_regions(loader);
    validate_api_keys(loader);
    validate_webhook(loader);
    validate_store(loader);
}

/* --- secrets that others may read ------------------------------------------------------------- */

bool config_broker_has_password(const char *broker)
{
    struct broker_url url;
    const char *why = NULL;
    return broker_url_parse(broker, &url, &why) && url.has_password;
}

static bool entry_holds_password(const cJSON *entry)
{
    const char *password = json_string(entry, "password");
    const char *broker = json_string(entry, "broker");
    return is_filled(password) || (broker != NULL && config_broker_has_password(broker));
}

/* A weak apiKey opens nothing and so is no secret. */
void config_warn_readable_secret(struct config_loader *loader)
{
    const char *api_key = json_string(loader->root, "apiKey");
    const char *read_key = json_string(loader->root, "readApiKey");
    bool holds = entry_holds_password(cJSON_GetObjectItemCaseSensitive(loader->root, "mqtt")) ||
                 (api_key != NULL && !is_weak_key(api_key)) ||
                 (read_key != NULL && !is_weak_key(read_key)) ||
                 is_filled(json_string(loader->root, "webhookUrl")) ||
                 is_filled(json_string(loader->root, "webhookSecret"));
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(loader->root, "mqttSources")) holds =
        holds || entry_holds_password(entry);
    if (holds && (loader->mode & S_IROTH) != 0)
        config_warn(
            loader,
            "the configuration file holds a password and every user of this machine can read "
            "it: chmod o-r, or use passwordFile or the environment");
}
