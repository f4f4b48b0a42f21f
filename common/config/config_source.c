/* SPDX-License-Identifier: MIT */
#include "common/config/config_source.h"

#include "common/config/broker_url.h"
#include "common/config/config_object.h"
#include "common/config/config_origin.h"
#include "common/config/config_table.h"
#include "common/config/config_text.h"
#include "common/config/config_type.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PATH_TEXT_MAX    48 /* "mqttSources[63]." and a little */
#define DEFAULT_SOURCE   "default"
#define CLIENT_ID_PREFIX "weir-"
#define CLIENT_ID_BYTES  6 /* of the hash; 12 hex digits */
#define HOST_NAME_CAP    256

void config_source_done(struct config_source *source)
{
    for (size_t i = 0; i < config_source_options.count; i++) {
        if ((config_source_options.rows[i].flags & OPTION_TRANSIENT) == 0)
            config_value_done(&config_source_options.rows[i], source);
    }
    free(source->broker_masked);
    *source = (struct config_source){.name = NULL};
}

/* --- one entry -------------------------------------------------------------------------------- */

static void replace(char **field, char *text)
{
    config_free_secret(*field);
    *field = text;
}

bool config_read_password(const char *path, char **out, struct err *err)
{
    size_t len = 0;
    unsigned mode;
    struct err cause = {0};
    char *text = NULL;
    if (!config_read_file(path, CONFIG_SECRET_MAX, true, &text, &len, &mode, &cause)) {
        err_set(err, STATUS_IO, cause.code, path, "can't read %.160s: %.200s", path, cause.text);
        return false;
    }
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    if (len == 0 || strlen(text) != len) {
        err_set(err, STATUS_INVALID, 0, path, "%.160s is empty or holds a NUL byte", path);
        explicit_bzero(text, len);
        free(text);
        return false;
    }
    *out = text;
    return true;
}

bool config_can_read_secret(const char *key, const char *path, struct err *err)
{
    char *text = NULL;
    struct err cause = {0};
    if (path == NULL || path[0] == '\0')
        return true;
    if (!config_read_password(path, &text, &cause)) {
        IGNORE(err_set(err, cause.status, cause.code, key, "%s", cause.text), "it is said");
        return false;
    }
    explicit_bzero(text, strlen(text));
    free(text);
    return true;
}

static void read_password_file(struct config_loader *loader, struct config_source *source,
                               const char *path)
{
    char *text = NULL;
    struct err err = {0};
    if (config_read_password(source->password_file, &text, &err))
        replace(&source->password, text);
    else
        config_error(loader, "%spasswordFile: %s", path, err.text);
}

/* User and password: keys are stronger than the broker's address. */
static void take_credentials(struct config_loader *loader, struct config_source_draft *draft,
                             const char *path)
{
    struct config_source *source = &draft->source;
    if (source->password != NULL && source->password_file != NULL)
        config_error(loader, "%spasswordFile: password is given, too; keep one of them", path);
    else if (source->password_file != NULL && loader->args->reader != CONFIG_SERVER)
        read_password_file(loader, source, path);

    struct broker_url url;
    const char *why = NULL;
    if (source->broker == NULL || !broker_url_parse(source->broker, &url, &why))
        return; /* reported where the broker was read */
    if (source->username == NULL && url.has_user)
        source->username = config_dup(loader, url.user);
    if (source->password == NULL && url.has_password)
        source->password = config_dup(loader, url.password);
    explicit_bzero(&url, sizeof url);
    if (source->password != NULL && source->username == NULL && source->mqtt_version < 5)
        config_warn(loader, "%susername: missing; MQTT 3.1.1 has no password without one", path);

    const size_t cap = strlen(source->broker) + sizeof "****";
    source->broker_masked = malloc(cap);
    if (source->broker_masked == NULL)
        loader->no_memory = true;
    else
        broker_url_mask(source->broker_masked, cap, source->broker);
}

static void warn_unused_files(struct config_loader *loader, const struct config_source *source,
                              const char *path)
{
    const struct {
        const char *key, *file;
    } files[] = {{"caFile", source->ca_file},
                 {"certFile", source->cert_file},
                 {"keyFile", source->key_file}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i].file != NULL)
            config_warn(loader,
                        "%s%s: not used, because this broker is reached without TLS; with it the "
                        "address begins with mqtts:// or wss://",
                        path, files[i].key);
    }
}

static void check_broker(struct config_loader *loader, const struct config_source *source,
                         const char *path)
{
    struct broker_url url;
    const char *why = NULL;
    if (source->broker == NULL || !broker_url_parse(source->broker, &url, &why))
        return; /* reported where the broker was read */
    if (source->proxy != NULL && !url.is_websocket)
        config_error(loader, "%sproxy: only a ws or wss broker is reached through one", path);
    if (!url.is_tls)
        warn_unused_files(loader, source, path);
    explicit_bzero(&url, sizeof url);
}

static void check_entry(struct config_loader *loader, const struct config_source *source,
                        const cJSON *item, const char *path)
{
    if (cJSON_GetObjectItemCaseSensitive(item, "broker") == NULL)
        config_error(loader, "%sbroker: required, for example mqtt://127.0.0.1:1883", path);
    if (source->key_file != NULL && source->cert_file == NULL)
        config_error(loader, "%skeyFile: needs certFile", path);
    check_broker(loader, source, path);
    const cJSON *topics = cJSON_GetObjectItemCaseSensitive(item, "topics");
    if (cJSON_IsArray(topics) && cJSON_GetArraySize(topics) == 0)
        config_warn(loader, "%stopics is empty: subscribing to meshcore/#", path);
    for (size_t i = 0; i < source->topics.count && source->mqtt_version < 5; i++) {
        if (strncmp(source->topics.items[i], "$share/", 7) == 0)
            config_warn(
                loader,
                "%stopics: shared subscriptions are MQTT 5 (mqttVersion); many brokers take "
                "%.80s literally and deliver nothing",
                path, source->topics.items[i]);
    }
}

static void set_defaults(struct config_loader *loader, struct config_source_draft *draft)
{
    for (size_t i = 0; i < config_source_options.count; i++) {
        if ((config_source_options.rows[i].flags & OPTION_REQUIRED) == 0)
            config_set_default(loader, &config_source_options.rows[i], draft);
    }
}

static void load_entry(struct config_loader *loader, const cJSON *item, size_t index,
                       struct config_source *out)
{
    char path[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "mqttSources[%zu]", index);
    if (!cJSON_IsObject(item)) {
        config_error(loader, "%s: must be an object with broker, name, topics ..., not %s", path,
                     config_json_name(item));
        return;
    }
    (void)snprintf(path, sizeof path, "mqttSources[%zu].", index);
    struct config_source_draft draft = {.source = {.name = NULL}};
    set_defaults(loader, &draft);
    const struct config_object object = {&config_source_options, &draft, path, "", false, NULL};
    config_read_object(loader, &object, item);
    check_entry(loader, &draft.source, item, path);
    if (draft.source.topics.count == 0)
        config_set_default(loader, config_find(&config_source_options, "topics"), &draft);
    if (draft.source.connect_timeout_s == 0)
        config_set_default(loader, config_find(&config_source_options, "connectTimeoutSec"),
                           &draft);
    take_credentials(loader, &draft, path);
    *out = draft.source;
}

/* CoreScope's older form, or nothing at all: one source with a fixed name. */
static void load_default(struct config_loader *loader, struct config_source *out)
{
    struct config_source_draft draft = {.source = {.name = NULL}};
    set_defaults(loader, &draft);
    draft.source.name = config_dup(loader, DEFAULT_SOURCE);
    if (loader->draft.mqtt_broker != NULL)
        draft.source.broker = config_dup(loader, loader->draft.mqtt_broker);
    if (loader->draft.mqtt_topic != NULL) {
        const struct config_option *option = config_find(&config_options, "mqtt.topic");
        const char *origin = config_given_in(loader->args, option, loader->root);
        if (origin != NULL && strcmp(origin, "file") == 0 &&
            strcmp(loader->draft.mqtt_topic, option->default_text) != 0)
            config_warn(loader, "mqtt.topic: this filter alone is subscribed to, where CoreScope "
                                "adds meshcore/#; mqttSources takes several topics");
        config_list_done(&draft.source.topics);
        if (!config_list_add(&draft.source.topics, strdup(loader->draft.mqtt_topic)))
            loader->no_memory = true;
    }
    take_credentials(loader, &draft, "mqtt.");
    *out = draft.source;
}

/* --- all of them together --------------------------------------------------------------------- */

const struct config_source *config_find_source(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->source_count; i++) {
        const char *known = config->sources[i].name;
        if (known != NULL && strcmp(known, name) == 0) /* NULL: not named yet */
            return &config->sources[i];
    }
    return NULL;
}

/* host:port, and -2, -3 ... behind it where that is taken: stable as long as the order of the
 * nameless sources at one broker stays. */
static void give_name(struct config_loader *loader, struct config_source *source)
{
    struct broker_url url;
    const char *why = NULL;
    if (source->name != NULL || source->broker == NULL ||
        !broker_url_parse(source->broker, &url, &why))
        return;
    char name[CONFIG_SOURCE_NAME_MAX + 1];
    for (unsigned n = 1; n <= CONFIG_SOURCES_MAX; n++) {
        char tail[16] = "";
        if (n > 1)
            (void)snprintf(tail, sizeof tail, ":%d-%u", url.port, n);
        else
            (void)snprintf(tail, sizeof tail, ":%d", url.port);
        const int room = (int)(CONFIG_SOURCE_NAME_MAX - strlen(tail));
        (void)snprintf(name, sizeof name, "%.*s%s", room, url.host, tail);
        if (config_find_source(&loader->draft.config, name) == NULL)
            break;
    }
    source->name = config_dup(loader, name);
}

static void check_names(struct config_loader *loader)
{
    const struct config *config = &loader->draft.config;
    for (size_t i = 0; i < config->source_count; i++) {
        for (size_t j = 0; j < i; j++) {
            const char *a = config->sources[j].name, *b = config->sources[i].name;
            if (a != NULL && b != NULL && strcmp(a, b) == 0)
                config_error(loader, "mqttSources[%zu].name: mqttSources[%zu] has the same name", i,
                             j);
        }
    }
}

/* One variable for two sources would send one broker's password to the other. */
static bool is_env_shared(struct config_loader *loader, size_t index, const char *env)
{
    const struct config *config = &loader->draft.config;
    for (size_t i = 0; i < index; i++) {
        char other[CONFIG_ENV_NAME_MAX];
        if (config->sources[i].name == NULL)
            continue;
        config_password_env(other, config->sources[i].name);
        if (strcmp(other, env) == 0) {
            config_error(loader, "%s: means both mqttSources[%zu] and mqttSources[%zu]; rename one",
                         env, i, index);
            return true;
        }
    }
    return false;
}

static void take_password_env(struct config_loader *loader, size_t index)
{
    struct config_source *source = &loader->draft.config.sources[index];
    char env[CONFIG_ENV_NAME_MAX];
    if (source->name == NULL)
        return;
    config_password_env(env, source->name);
    const char *password = getenv(env);
    if (password == NULL || password[0] == '\0' || is_env_shared(loader, index, env))
        return;
    if (strlen(password) > CONFIG_SECRET_MAX)
        config_error(loader, "%s: longer than %d bytes", env, CONFIG_SECRET_MAX);
    else
        replace(&source->password, config_dup(loader, password));
    free(source->password_file); /* the environment is stronger, also later */
    source->password_file = NULL;
}

static bool is_password_of_a_source(const struct config *config, const char *variable, size_t len)
{
    for (size_t i = 0; i < config->source_count; i++) {
        char env[CONFIG_ENV_NAME_MAX];
        if (config->sources[i].name == NULL)
            continue;
        config_password_env(env, config->sources[i].name);
        if (strlen(env) == len && memcmp(env, variable, len) == 0)
            return true;
    }
    return false;
}

/* A typing mistake in such a name would show as a broker's refusal only. */
static void warn_unused_passwords(struct config_loader *loader)
{
    static const char prefix[] = "WEIR_SOURCE_", suffix[] = "_PASSWORD";
    for (char *const *variable = environ; *variable != NULL; variable++) {
        const size_t len = strcspn(*variable, "=");
        if (strncmp(*variable, prefix, sizeof prefix - 1) != 0 || len < sizeof suffix - 1 ||
            memcmp(*variable + len - (sizeof suffix - 1), suffix, sizeof suffix - 1) != 0 ||
            (*variable)[len] == '\0' || (*variable)[len + 1] == '\0' ||
            is_password_of_a_source(&loader->draft.config, *variable, len))
            continue;
        config_warn(loader,
                    "%.*s: no source has this name (upper case, _ for all but letters and digits): "
                    "the password is not used",
                    (int)min_size(len, CONFIG_ENV_NAME_MAX), *variable);
    }
}

/* The first 12 hex digits of SHA-256(host name, NUL, source name). */
static void give_client_id(struct config_loader *loader, struct config_source *source)
{
    char text[HOST_NAME_CAP + CONFIG_SOURCE_NAME_MAX + 1] = "";
    if (source->client_id != NULL || source->name == NULL)
        return;
    if (gethostname(text, HOST_NAME_CAP - 1) != 0)
        text[0] = '\0'; /* still unique on this host's broker through the source's name */
    const size_t host_len = strlen(text) + 1;
    const size_t name_len = strlen(source->name);
    memcpy(text + host_len, source->name, name_len);

    /* libsodium's: it needs no set-up, so the supervisor stays clear of OpenSSL before it forks. */
    unsigned char hash[crypto_hash_sha256_BYTES];
    char id[sizeof CLIENT_ID_PREFIX + (size_t)2 * CLIENT_ID_BYTES];
    IGNORE(crypto_hash_sha256(hash, (const unsigned char *)text, host_len + name_len), "always 0");
    size_t len = sizeof CLIENT_ID_PREFIX - 1;
    memcpy(id, CLIENT_ID_PREFIX, len);
    for (size_t i = 0; i < CLIENT_ID_BYTES; i++, len += 2)
        (void)snprintf(id + len, 3, "%02x", hash[i]);
    source->client_id = config_dup(loader, id);
}

static bool is_same_broker(const char *a, const char *b)
{
    struct broker_url url_a, url_b;
    const char *why = NULL;
    return a != NULL && b != NULL && broker_url_parse(a, &url_a, &why) &&
           broker_url_parse(b, &url_b, &why) && strcasecmp(url_a.host, url_b.host) == 0 &&
           url_a.port == url_b.port;
}

/* Sources of the same name have the same default id, but that is reported already. */
static bool is_client_id_shared(const struct config_source *a, const struct config_source *b)
{
    return a->client_id != NULL && b->client_id != NULL &&
           strcmp(a->client_id, b->client_id) == 0 &&
           strcmp(a->name != NULL ? a->name : "", b->name != NULL ? b->name : "") != 0 &&
           is_same_broker(a->broker, b->broker);
}

static void warn_shared_client_ids(struct config_loader *loader)
{
    const struct config *config = &loader->draft.config;
    for (size_t i = 0; i < config->source_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (is_client_id_shared(&config->sources[j], &config->sources[i]))
                config_warn(
                    loader,
                    "mqttSources[%zu].clientId: mqttSources[%zu] has the same one at the same "
                    "broker; they will disconnect each other",
                    i, j);
        }
    }
}

static bool make_room(struct config_loader *loader, size_t count)
{
    struct config *config = &loader->draft.config;
    config->sources = calloc(count > 0 ? count : 1, sizeof *config->sources);
    if (config->sources == NULL)
        loader->no_memory = true;
    else
        config->source_count = count;
    return config->sources != NULL;
}

static void load_list(struct config_loader *loader, const cJSON *list)
{
    size_t count = (size_t)cJSON_GetArraySize(list);
    if (loader->mqtt_given)
        config_warn(loader, "mqtt is ignored because mqttSources is given");
    if (count > CONFIG_SOURCES_MAX) {
        config_error(loader, "mqttSources: %zu sources, at most %d are possible", count,
                     CONFIG_SOURCES_MAX);
        count = CONFIG_SOURCES_MAX;
    }
    if (!make_room(loader, count))
        return;
    const cJSON *item = list->child;
    for (size_t i = 0; i < count && item != NULL; i++, item = item->next)
        load_entry(loader, item, i, &loader->draft.config.sources[i]);
}

void config_sources_load(struct config_loader *loader)
{
    struct config *config = &loader->draft.config;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(loader->root, "mqttSources");
    if (cJSON_IsArray(list))
        load_list(loader, list);
    else if (list == NULL && make_room(loader, 1))
        load_default(loader, &config->sources[0]);

    for (size_t i = 0; i < config->source_count; i++)
        give_name(loader, &config->sources[i]);
    check_names(loader);
    for (size_t i = 0; i < config->source_count; i++) {
        take_password_env(loader, i);
        give_client_id(loader, &config->sources[i]);
    }
    warn_shared_client_ids(loader);
    warn_unused_passwords(loader);
}
