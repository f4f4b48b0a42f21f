/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api.h"

#include "cmd/server/api/api_ask.h"
#include "cmd/server/api/api_export.h"
#include "cmd/server/http/route.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX (HTTP_PATH_MAX + HTTP_QUERY_MAX) /* arguments are parts of a path */

void api_init(struct api *api, const struct config *config, struct cache *cache,
              const struct moments *moments, const struct model *model)
{
    api->started_with = config;
    api->model = model;
    api->cache = cache;
    api->moments.stats = moments->stats;
    api->moments.db = moments->db;
    api->moments.integrity = moments->integrity;
    api->moments.io = moments->io;
    api->moments.health = moments->health;
    api->moments.http = moments->http;
    api->moments.traffic = moments->traffic;
    api->moments.process = moments->process;
    api->moments.started_with = config;
    api->moments.cache = cache;
    api->moments.families = moments->families;
    api->moments.family_count = moments->family_count;
    atomic_init(&api->moments.is_draining, false);
    (void)pthread_mutex_init(&api->keys_lock, NULL); /* can't fail on Linux without attributes */
    api_use_keys(api, config);
    atomic_init(&api->exports, 0);
    atomic_init(&api->large_files, 0);
    const int n = snprintf(api->inject_socket, sizeof api->inject_socket, "%s/inject.sock",
                           config->spool_dir);
    if (n < 0 || (size_t)n >= sizeof api->inject_socket)
        api->inject_socket[0] = '\0';
}

void api_use_keys(struct api *api, const struct config *config)
{
    struct http_keys keys;
    http_keys_init(&keys, config->read_api_key, config->read_api_key_is_weak, config->api_key,
                   config->api_key_is_weak);
    (void)pthread_mutex_lock(&api->keys_lock);
    api->keys = keys;
    (void)pthread_mutex_unlock(&api->keys_lock);
}

void api_copy_keys(struct api *api, struct http_keys *out)
{
    (void)pthread_mutex_lock(&api->keys_lock);
    *out = api->keys;
    (void)pthread_mutex_unlock(&api->keys_lock);
}

void api_drain(struct api *api)
{
    atomic_store(&api->moments.is_draining, true);
}

void api_describe(void *context, char *out, size_t cap)
{
    struct api *api = context;
    struct moment moment;
    moment_begin(&api->moments, &moment);
    const struct health_report *report = moment_health(&moment);
    const struct health_check *worst = NULL;
    for (size_t i = 0; report != NULL && worst == NULL && i < report->count; i++) {
        if (report->level != HEALTH_PASS && report->checks[i].level == report->level)
            worst = &report->checks[i];
    }
    (void)snprintf(out, cap, "Serving; healthz: %s%s%s%s%s",
                   report != NULL ? health_level_word(report->level) : "unknown",
                   worst != NULL ? ", " : "", worst != NULL ? worst->name : "",
                   worst != NULL ? ": " : "", worst != NULL ? worst->output : "");
    moment_end(&moment);
}

void api_every_second(void *context)
{
    struct api *api = context;
    struct moment moment;
    own_process_sample(api->moments.process);
    moment_begin(&api->moments, &moment);
    (void)moment_health(&moment);
    if (api->moments.ops != NULL)
        ops_every_second(api->moments.ops, &moment);
    moment_end(&moment);
}

/* --- rendered answers ------------------------------------------------------------------------- */

struct job {
    struct api *api;
    const struct http_request *request;
};

/* There is no end of names: what is wrong with one of them is not kept. */
static bool is_kept(const struct http_request *request, const struct http_reply *reply)
{
    return reply->status < 400 || (reply->status < 500 && request->argument_count == 0);
}

static struct cache_made render(void *context)
{
    const struct job *job = context;
    const struct route *route = job->request->route;
    struct moment moment;
    struct http_reply reply;
    struct cache_made made;
    http_reply_init(&reply, route_cache(route));
    /* Read before the inputs: a change in between makes this answer old at once, never
     * new for ever. */
    made.validity.generation = moments_generation(&job->api->moments);
    moment_begin(&job->api->moments, &moment);
    route->renderer(&moment, job->request, &reply);
    made.validity.good_until = is_kept(job->request, &reply) ? moment_good_until(&moment) : 0;
    moment_end(&moment);
    made.ready = http_ready_new(&reply, NULL);
    return made;
}

/* Arguments and query, each behind the other with a NUL between: neither can hold one. */
static size_t write_key(const struct http_request *request, char out[static KEY_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < request->argument_count; i++) {
        const size_t n = strlen(request->arguments[i]) + 1;
        memcpy(out + len, request->arguments[i], n);
        len += n;
    }
    memcpy(out + len, request->query->canonical, request->query->canonical_len);
    return len + request->query->canonical_len;
}

static struct http_ready *answer_rendered(struct api *api, const struct http_request *request)
{
    char text[KEY_MAX];
    const struct cache_key key = {request->route_number, text, write_key(request, text)};
    const struct cache_wanted wanted = {.generation = moments_generation(&api->moments),
                                        .now = clock_mono(),
                                        .may_be_older = request->route->may_be_older};
    return cache_take(api->cache, &key, &wanted, render, &(struct job){api, request});
}

/* --- constant answers ------------------------------------------------------------------------- */

static struct cache_made make_constant(void *context)
{
    const struct job *job = context;
    struct http_reply reply;
    struct cache_made made = {.validity = {.generation = UINT64_MAX, .good_until = INT64_MAX}};
    http_reply_init(&reply, job->request->route->cache);
    const struct in_force *in_force = model_in_force(job->api->model);
    job->request->route->constant(in_force->config, job->request, &reply);
    in_force_release(in_force);
    if (!is_kept(job->request, &reply))
        made.validity.good_until = 0;
    made.ready = http_ready_new(&reply, NULL);
    return made;
}

static struct http_ready *answer_constant(struct api *api, const struct http_request *request)
{
    char text[KEY_MAX];
    const struct cache_key key = {request->route_number, text, write_key(request, text)};
    const struct cache_wanted wanted = {.now = clock_mono()};
    return cache_take(api->cache, &key, &wanted, make_constant, &(struct job){api, request});
}

/* --- asked answers ---------------------------------------------------------------------------- */

static void ask(void *context, struct asking *asking, struct http_reply *reply)
{
    const struct job *job = context;
    job->request->route->asker(asking, job->request, reply);
}

/* An engine counts no commits: what it gave is good for its time. */
static uint64_t generation_of(const struct model *model)
{
    return model->watch != NULL ? commit_watch_generation(model->watch) : 0;
}

static struct cache_made make_asked(void *context)
{
    const struct job *job = context;
    struct http_reply reply;
    struct cache_made made;
    http_reply_init(&reply, route_cache(job->request->route));
    made.validity.generation = generation_of(job->api->model);
    made.validity.good_until = clock_mono() + ASKED_GOOD_US;
    (void)api_ask(job->api->model, ask, context, &reply);
    if (!is_kept(job->request, &reply))
        made.validity.good_until = 0;
    else if (reply.kept_s > 0 && reply.status < 400)
        made.validity =
            (struct cache_validity){UINT64_MAX, clock_mono() + (mono_us)reply.kept_s * US_PER_S};
    made.ready = http_ready_new(&reply, NULL);
    return made;
}

static struct http_ready *answer_of_memory(struct api *api, const struct http_request *request)
{
    struct asking asking;
    struct http_reply reply;
    http_reply_init(&reply, route_cache(request->route));
    asking_begin_none(&asking, api->model);
    request->route->asker(&asking, request, &reply);
    IGNORE(asking_end(&asking), "there was no question that could fail");
    return http_ready_new(&reply, NULL);
}

/* A body is no part of the key. */
static struct http_ready *answer_asked(struct api *api, const struct http_request *request)
{
    struct job job = {api, request};
    if (request->route->asks_nothing)
        return answer_of_memory(api, request);
    if (strcmp(request->method, "GET") != 0) {
        struct http_reply reply;
        http_reply_init(&reply, route_cache(request->route));
        (void)api_ask(api->model, ask, &job, &reply);
        return http_ready_new(&reply, NULL);
    }
    char text[KEY_MAX];
    const struct cache_key key = {request->route_number, text, write_key(request, text)};
    const struct cache_wanted wanted = {.generation = generation_of(api->model),
                                        .now = clock_mono(),
                                        .may_be_older = request->route->may_be_older};
    return cache_take(api->cache, &key, &wanted, make_asked, &job);
}

/* --- another engine --------------------------------------------------------------------------- */

static bool is_served(const struct api *api, const struct route *route)
{
    const bool is_any_s = !route->is_of_file && (route->asker == NULL || route->is_engined);
    return is_any_s || api->model->engine == NULL;
}

/* Better no answer than one out of a database that nobody fills. */
static struct http_ready *refuse_engine(const struct route *route)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    if (route->is_of_file)
        http_reply_error(&reply, 404,
                         "this is about the SQLite database, and storeReaderUser has this server "
                         "read the store of storeUrl: see its own tools");
    else
        http_reply_error(&reply, 501,
                         "not served from the store of storeUrl yet: a server without "
                         "storeReaderUser answers it out of dbPath");
    return http_ready_new(&reply, NULL);
}

struct http_ready *api_answer(void *context, const struct http_request *request)
{
    struct api *api = context;
    struct http_ready *file;
    if (!is_served(api, request->route))
        return refuse_engine(request->route);
    if (api_export(api->model, &api->exports, request, &file))
        return file;
    if (request->route->constant != NULL)
        return answer_constant(api, request);
    if (request->route->asker != NULL)
        return answer_asked(api, request);
    if (request->route->renderer != NULL)
        return answer_rendered(api, request);
    if (request->route->giver != NULL)
        return request->route->giver(api, request);
    struct http_reply reply;
    http_reply_init(&reply, route_cache(request->route));
    request->route->handler(api, request, &reply);
    return http_ready_new(&reply, NULL);
}
