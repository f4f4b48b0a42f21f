/* SPDX-License-Identifier: MIT
 *
 * server - serves the mesh's state over HTTP, and never writes to the database.
 *
 * Start: configuration, signals blocked, stats cache, database poller, the cache of answers,
 * watcher, HTTP (its port open means that every answer has what it reads), the live feed. Neither
 * database nor ingestor need to exist. Stop, by TERM or INT: readyz says 503 for
 * shutdownDelaySeconds, so that a load balancer can look away; then everything in reverse order, or
 * at once at a second signal (life.h). */
#include "cmd/server/analytics/analytics.h"
#include "cmd/server/api/api.h"
#include "cmd/server/api/routes.h"
#include "cmd/server/backup/backup_tool.h"
#include "cmd/server/backup/backups.h"
#include "cmd/server/feed/feed.h"
#include "cmd/server/page/folder.h"
#include "cmd/server/http/rules.h"
#include "cmd/server/life/life.h"
#include "cmd/server/loop/http.h"
#include "cmd/server/engine/shard_engine.h"
#include "cmd/server/shards/shard_poll.h"
#include "cmd/server/state/integrity.h"
#include "cmd/server/state/watcher.h"
#include "cmd/server/traffic/traffic.h"
#include "cmd/server/webhook/webhook.h"
#include "cmd/server/webhook/webhook_told.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/base/own_fds.h"
#include "common/base/version.h"
#include "common/cli/cli.h"
#include "common/db/db.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "$0 - MeshCore state over HTTP, read from weir's database\n"
    "\n"
    "  $0 --config weir.json              serve\n"
    "  $0 --set port=8080                 another port for this run\n"
    "  $0 --config weir.json --backup weir-copy.db\n"
    "                                         a copy of the database, and end\n"
    "  $0 --config weir.json --check-config\n"
    "\n"
    "Signals: TERM, INT drain and end; a second one ends at once; HUP reloads the configuration.\n";

struct parts {
    struct api api;
    struct io_rates io;
    struct stats_cache *stats;
    struct db_poller *db;
    struct integrity *integrity; /* NULL = the store is in shards */
    struct health_watch *health;
    struct cache *cache;
    struct history *history;
    struct ops *ops;
    struct shards *shards; /* NULL = the store is SQLite */
    struct shard_poll *shard_poll;
    struct shared_slot ingestors; /* of the shards */
    struct model model;
    struct backups *backups;
    struct watcher *watcher;
    struct http_counts counts;
    struct held_rules *first_rules; /* which the ports borrow */
    struct traffic *traffic;
    struct own_process process;
    struct live *live;
    struct http *http;
    struct feed *feed;
    struct route_family families[API_FAMILY_COUNT];
    struct reload reload;
    struct life life;
    char told_name[PATH_MAX];
    const char *told_path; /* where it is kept what webhookUrl was told; NULL = nowhere */
    /* guarded by webhook_lock: a reload exchanges it */
    pthread_mutex_t webhook_lock;
    struct webhook *webhook; /* NULL = nobody is told */
};

/* Rules with all that they point to. */
struct held_rules {
    struct http_rules rules; /* first */
    struct http_keys keys;
    struct network proxies[CONFIG_PROXIES_MAX];
    const struct in_force *in_force;
};

static void free_rules(struct shared *shared)
{
    struct held_rules *held = (struct held_rules *)shared;
    in_force_release(held->in_force);
    free(held);
}

/* Moves the reference. NULL = no memory. */
static struct held_rules *rules_of(const struct in_force *in_force)
{
    struct held_rules *held = calloc(1, sizeof *held);
    if (held == NULL) {
        in_force_release(in_force);
        return NULL;
    }
    const struct config *config = in_force->config;
    shared_init(&held->rules.shared, free_rules);
    held->in_force = in_force;
    http_keys_init(&held->keys, config->read_api_key, config->read_api_key_is_weak, config->api_key,
                   config->api_key_is_weak);
    held->rules.keys = &held->keys;
    held->rules.cors =
        (struct cors){config->cors_allowed_origins.items, config->cors_allowed_origins.count};
    held->rules.requests_per_second = config->rate_limit_per_second;
    for (size_t i = 0; i < config->trusted_proxies.count; i++)
        IGNORE(network_read(config->trusted_proxies.items[i], &held->proxies[i]),
               "config has looked at each");
    held->rules.proxies = held->proxies;
    held->rules.proxy_count = config->trusted_proxies.count;
    return held;
}

static void stop(struct parts *p)
{
    if (p->shards != NULL)
        shards_interrupt(p->shards);
    feed_stop(p->feed);
    http_stop(p->http);
    if (p->first_rules != NULL)
        shared_unref(&p->first_rules->rules.shared);
    live_free(p->live);
    backups_free(p->backups);
    watcher_stop(p->watcher);
    integrity_stop(p->integrity);
    webhook_stop(p->webhook);
    cache_free(p->cache);
    ops_free(p->ops);
    history_free(p->history);
    analytics_stop(p->model.analytics);
    model_free(&p->model);
    health_watch_free(p->health);
    db_poller_stop(p->db);
    shard_poll_free(p->shard_poll);
    shards_close(p->shards);
    shared_slot_done(&p->ingestors);
    stats_cache_free(p->stats);
    traffic_free(p->traffic);
}

static struct http_place health_place_of(const struct config *config)
{
    return (struct http_place){config_health_host(config->host, config->health_host),
                               config->health_port};
}

static bool listen_and_serve(struct parts *p, const struct config *config, struct err *err)
{
    p->first_rules = rules_of(model_in_force(&p->model));
    if (p->first_rules == NULL)
        return false;
    const struct http_service service = {.families = p->families,
                                         .family_count = API_FAMILY_COUNT,
                                         .answer = api_answer,
                                         .context = &p->api,
                                         .counts = &p->counts,
                                         .rules = &p->first_rules->rules,
                                         .traffic = p->traffic,
                                         .logs_requests = &p->reload.live.access_log,
                                         .live = p->live,
                                         .websocket = &api_live_websocket};
    const struct http_place main_place = {config->host, config->port};
    const struct http_place health_place = health_place_of(config);
    const bool has_health = health_place.port != 0 || config_is_unix(health_place.host);
    p->http = http_start(&service, &main_place, has_health ? &health_place : NULL, err);
    return p->http != NULL;
}

static bool is_given(const char *path)
{
    return path != NULL && path[0] != '\0';
}

static bool open_backups(struct parts *p, const struct config *config)
{
    p->backups =
        backups_new(config->db_path,
                    is_given(config->state_dir) && p->shards == NULL ? config->state_dir : NULL);
    p->api.backups = p->backups;
    p->api.moments.backups = p->backups;
    return p->backups != NULL;
}

/* A file in stateDir, which open_backups has made; NULL = there is none. */
static const char *state_path(const struct config *config, const char *name,
                              char out[static PATH_MAX])
{
    if (!is_given(config->state_dir))
        return NULL;
    const int n = snprintf(out, PATH_MAX, "%s/%s", config->state_dir, name);
    return n > 0 && n < PATH_MAX ? out : NULL;
}

/* NULL = in memory. */
static const char *history_path(const struct config *config, char out[static PATH_MAX])
{
    return is_given(config->history_file) ? config->history_file
                                          : state_path(config, "server-history.bin", out);
}

/* Without its file the history is in memory: no reason not to serve. */
static bool open_history(struct parts *p, const struct config *config)
{
    struct err err;
    char path[PATH_MAX];
    p->history = history_new(figure_names, FIGURE_COUNT, history_path(config, path), &err);
    if (err.status != STATUS_OK)
        log_event(LOG_WARN, "history", "not the one there was",
                  KV(KV_STR("file", err.what), KV_STR("cause", err.text)));
    p->api.history = p->history;
    if (p->history == NULL)
        return false;
    p->ops = ops_new(p->history);
    p->api.moments.ops = p->ops;
    return p->ops != NULL;
}

/* False = a page can't be served from there: said so. */
static bool check_folder(const struct config *config, enum log_level level)
{
    struct err err;
    if (!is_given(config->web_root) || folder_check(config->web_root, &err) == STATUS_OK)
        return true;
    log_event(level, "config", err.text, KV(KV_STR("folder", err.what)));
    return false;
}

/* What webhookSecretFile holds at this moment, else webhookSecret; NULL = nothing is signed. The
 * caller forgets it. False = *err says why. */
static bool read_secret(const struct config *config, char **out, struct err *err)
{
    *out = NULL;
    if (!is_given(config->webhook_url))
        return true;
    if (is_given(config->webhook_secret_file))
        return config_read_password(config->webhook_secret_file, out, err);
    if (!is_given(config->webhook_secret))
        return true;
    *out = strdup(config->webhook_secret);
    return *out != NULL || err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory") == STATUS_OK;
}

static void forget_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* False = it can't be read: said so. */
static bool check_secret(const char *key, const char *file)
{
    struct err err = {0};
    if (config_can_read_secret(key, file, &err))
        return true;
    log_event(LOG_ERROR, "config", err.text, KV(KV_STR("key", err.what)));
    return false;
}

static size_t check_config(const struct config *config)
{
    size_t errors = check_folder(config, LOG_ERROR) ? 0 : 1;
    if (is_given(config->webhook_url) &&
        !check_secret("webhookSecretFile", config->webhook_secret_file))
        errors++;
    if (is_given(config->store.reader_user) &&
        !check_secret("storeReaderPasswordFile", config->store.reader_password_file))
        errors++;
    return errors;
}

/* False = *err says why; no webhookUrl is well: then *out is NULL. */
static bool start_webhook(const struct parts *p, const struct config *config, const char *secret,
                          struct webhook **out, struct err *err)
{
    *out = NULL;
    if (!is_given(config->webhook_url))
        return true;
    *out = webhook_start(config->webhook_url, secret, p->told_path);
    return *out != NULL || err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory") == STATUS_OK;
}

static bool start_first_webhook(struct parts *p, const struct config *config, struct err *err)
{
    char *secret = NULL;
    p->told_path = state_path(config, WEBHOOK_TOLD_NAME, p->told_name);
    const bool is_started =
        read_secret(config, &secret, err) && start_webhook(p, config, secret, &p->webhook, err);
    forget_secret(secret);
    return is_started;
}

static void every_second(void *context)
{
    struct parts *p = context;
    struct integrity_state integrity;
    api_every_second(&p->api);
    integrity_look(p->integrity, clock_mono());
    integrity_get(p->integrity, &integrity);
    health_watch_tell_damage(p->health,
                             integrity.verdict == INTEGRITY_DAMAGED ? integrity.text : "");
    const struct health_report *report = health_watch_peek(p->health);
    (void)pthread_mutex_lock(&p->webhook_lock);
    webhook_look(p->webhook, report);
    (void)pthread_mutex_unlock(&p->webhook_lock);
    health_watch_release(p->health, report);
}

/* --- a reload --------------------------------------------------------------------------------- */

/* What waited to be told to the one before is not told any more, which it says. */
static void exchange_webhook(struct parts *p, struct webhook *webhook)
{
    (void)pthread_mutex_lock(&p->webhook_lock);
    struct webhook *former = p->webhook;
    p->webhook = webhook;
    (void)pthread_mutex_unlock(&p->webhook_lock);
    webhook_stop(former);
}

/* What a reload has made of a file, until all that can fail is done. */
struct prepared {
    char *secret;
    bool is_same_address;    /* then only the secret may be another one */
    struct webhook *webhook; /* else */
    struct in_force *in_force;
    struct held_rules *rules;
};

static bool prepare(const struct parts *p, struct config *fresh, struct prepared *out)
{
    struct err err = {0};
    out->is_same_address = webhook_is_to(p->webhook, fresh->webhook_url);
    if (!read_secret(fresh, &out->secret, &err) ||
        (!out->is_same_address && !start_webhook(p, fresh, out->secret, &out->webhook, &err))) {
        log_event(LOG_ERROR, "server", err.text, KV(KV_STR("what", err.what)));
        return false;
    }
    out->in_force = in_force_take_over(fresh);
    if (out->in_force != NULL) {
        shared_ref(&out->in_force->shared);
        out->rules = rules_of(out->in_force);
    }
    if (out->rules == NULL)
        log_event(LOG_ERROR, "server", "out of memory", NULL);
    return out->rules != NULL;
}

/* reload.h. First what can fail. */
static const struct config *apply(void *context, struct config *fresh)
{
    struct parts *p = context;
    struct prepared new = {.secret = NULL};
    const bool is_ready = prepare(p, fresh, &new);
    if (!is_ready) {
        in_force_release(new.in_force);
        webhook_stop(new.webhook);
    } else {
        if (new.is_same_address)
            webhook_sign_with(p->webhook, new.secret);
        else
            exchange_webhook(p, new.webhook);
        shared_put(p->model.in_force, &new.in_force->shared);
        cache_forget(p->cache);
        api_use_keys(&p->api, new.in_force->config);
        http_use_rules(p->http, &new.rules->rules);
        shared_unref(&new.rules->rules.shared);
    }
    forget_secret(new.secret);
    return is_ready ? new.in_force->config : NULL;
}

/* ---------------------------------------------------------------------------------------------- */

/* storeReaderUser: the store of storeUrl is read, and dbPath is not touched. */
static bool open_shards(struct parts *p, const struct config *config, struct err *err)
{
    if (shards_open(&config->store, &p->shards, err) != STATUS_OK)
        return false;
    IGNORE(err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory at start"), "if that is so");
    return model_init(&p->model, config, 0, &shard_engine, p->shards) &&
           (p->model.analytics = analytics_start(&p->model)) != NULL &&
           (p->shard_poll = shard_poll_new(p->shards, &p->ingestors)) != NULL &&
           (p->db = db_poller_start_other("storeUrl", shard_poll, p->shard_poll)) != NULL;
}

static bool open_store(struct parts *p, const struct config *config, struct err *err)
{
    if (is_given(config->store.reader_user))
        return open_shards(p, config, err);
    return model_init(&p->model, config, http_workers() + 1, NULL, NULL) &&
           (p->model.analytics = analytics_start(&p->model)) != NULL &&
           (p->db = db_poller_start(config->db_path)) != NULL &&
           (p->integrity = integrity_start(config->db_path, INTEGRITY_FIRST_US)) != NULL;
}

static bool start(struct parts *p, const struct config *config, struct err *err)
{
    IGNORE(err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory at start"),
           "replaced by a better reason");
    const size_t rows = routes_join(p->families, is_given(config->web_root));
    p->stats = stats_cache_new(config->stats_file);
    p->traffic = traffic_new(p->families, API_FAMILY_COUNT);
    if (!open_store(p, config, err))
        return false;
    if (p->stats == NULL || p->traffic == NULL || (p->health = health_watch_new()) == NULL ||
        (p->cache = cache_new((size_t)config->http_cache_mb << 20, rows)) == NULL ||
        (p->live = live_new((size_t)config->max_live_clients, &p->counts)) == NULL)
        return false;
    const struct moments moments = {.stats = p->stats,
                                    .db = p->db,
                                    .integrity = p->integrity,
                                    .io = &p->io,
                                    .health = p->health,
                                    .http = &p->counts,
                                    .traffic = p->traffic,
                                    .process = &p->process,
                                    .families = p->families,
                                    .family_count = API_FAMILY_COUNT};
    api_init(&p->api, config, p->cache, &moments, &p->model);
    if (p->shards != NULL) {
        const struct config_store *store = &config->store;
        p->api.moments.ingestors = &p->ingestors;
        p->api.moments.expected_ingestors = &store->expected_ingestors;
    }
    p->api.backup_bytes_per_second = &p->reload.live.backup_bytes_per_second;
    if (!open_backups(p, config) || !open_history(p, config))
        return false;
    (void)check_folder(config, LOG_WARN); /* the mesh is served without its page, too */
    if (!start_first_webhook(p, config, err))
        return false;
    p->watcher = watcher_start(p->stats, &p->io, every_second, p);
    if (p->watcher == NULL)
        return false;
    if (!listen_and_serve(p, config, err))
        return false;
    p->feed = feed_start(p->live, &p->model);
    return p->feed != NULL;
}

/* Else glibc, once it was given back a large block, keeps blocks of that size in the heaps of
 * threads: after some answers of 1 MB each the server held 53 MB, with this 35. One heap for all:
 * what one thread gives back another takes (after every route on 10 million observations 80 MB,
 * with this 63). */
#define MALLOC_MAPS_FROM (256 << 10)
#define MALLOC_HEAPS     1

static bool has_turned(void *http)
{
    return http_turned(http);
}

static int run(const struct config_args *args, const struct config *config)
{
    static struct parts parts; /* too large for a stack, one per process */
    struct err err;
    IGNORE(mallopt(M_MMAP_THRESHOLD, MALLOC_MAPS_FROM), "then it is larger, no more");
    IGNORE(mallopt(M_ARENA_MAX, MALLOC_HEAPS), "then it is larger, no more");
    (void)pthread_mutex_init(&parts.webhook_lock, NULL); /* can't fail on Linux */
    shared_slot_init(&parts.ingestors);
    reload_init(&parts.reload, args, config);
    parts.reload.apply = apply;
    parts.reload.context = &parts;
    parts.life.reload = &parts.reload;
    life_begin(&parts.life);
    if (!crypto_init()) {
        log_event(LOG_ERROR, "server", "the crypto libraries can't be used", NULL);
        return EXIT_NO_MEMORY;
    }
    if (!start(&parts, config, &err)) {
        log_event(LOG_ERROR, "server", "cannot start",
                  KV(KV_STR("what", err.what), KV_STR("cause", err.text)));
        stop(&parts);
        return err.status == STATUS_NO_MEMORY ? EXIT_NO_MEMORY
               : err.status == STATUS_CONFIG  ? EXIT_CONFIG
                                              : EXIT_IO;
    }
    log_event(LOG_INFO, "server", "listening",
              KV(KV_STR("host", config->host),
                 KV_INT("port", config_is_unix(config->host) ? 0 : config->port),
                 KV_STR("healthHost", health_place_of(config).host),
                 KV_INT("healthPort", config->health_port), KV_STR("version", version_number())));
    parts.life.has_turned = has_turned;
    parts.life.turning = parts.http;
    parts.life.describe = api_describe;
    parts.life.described = &parts.api;
    life_wait_for_stop(&parts.life);
    live_drain(parts.live); /* who sees readyz fail finds no new stream */
    api_drain(&parts.api);
    const bool is_hurried = life_wait_for_drain(&parts.life);
    life_arm_exit(&parts.life);
    if (is_hurried)
        _exit(EXIT_CLEAN);
    stop(&parts);
    log_event(LOG_INFO, "server", "stopped", NULL);
    return EXIT_CLEAN;
}

int main(int argc, char **argv)
{
    if (!own_fds_fill_standard())
        return EXIT_IO;
    struct cli cli = {0};
    struct config config = {0};
    const char *backup_file = NULL;
    const struct cli_extra extras[] = {
        {"backup", "FILE", "copy the database as it is at one moment, check the copy, and end",
         &backup_file, false},
    };
    const struct cli_program program = {.name = program_invocation_short_name,
                                        .usage = usage,
                                        .extras = extras,
                                        .extra_count = ARRAY_LEN(extras),
                                        .check = check_config,
                                        .sqlite_version = db_library_version(),
                                        .reader = CONFIG_SERVER};
    int code = cli_main_config(argc, argv, &program, &cli, &config);
    if (code < 0)
        code = backup_file != NULL
                   ? backup_tool_run(config.db_path, backup_file,
                                     is_given(config.state_dir) ? config.state_dir : NULL)
                   : run(&cli.args, &config);
    cli_done(&cli);
    config_done(&config);
    return code;
}
