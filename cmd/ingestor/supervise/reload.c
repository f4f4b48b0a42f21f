/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/reload.h"

#include "cmd/ingestor/session/session_file.h"
#include "common/base/log.h"

#include <string.h>

static void restart(struct workers *workers, struct worker *worker, enum worker_stop how)
{
    restart_policy_init(&worker->policy, workers->config->max_process_restarts);
    if (worker->pid ==
        0) { /* it waited to be started anyway: its trouble may just have been mended */
        workers_spawn(workers, worker);
        return;
    }
    worker->start_again = true;
    worker_ask_to_stop(worker, how);
}

static void add(struct workers *workers, enum worker_kind kind, const struct config_source *source)
{
    struct worker *worker = workers_add(workers, kind, source);
    if (worker != NULL)
        workers_spawn(workers, worker);
    else
        log_event(LOG_ERROR, "supervisor",
                  "source not started: removed ones still occupy every slot",
                  KV(KV_STR("source", source != NULL ? source->name : CONFIG_HTTP_SOURCE)));
}

static void drop(struct worker *worker, enum worker_stop how)
{
    if (how == WORKER_STOP_RETIRE && worker->pid == 0)
        log_event(LOG_WARN, "supervisor",
                  "source removed while it had no process: its session may be left at the broker",
                  KV(KV_STR("source", worker->slot->source),
                     KV_STR("broker", worker->session.broker),
                     KV_STR("clientId", worker->session.client_id)));
    worker->forget = true;
    worker->start_again = false;
    worker_ask_to_stop(worker, how);
}

/* A session that no source has any more, this one or (renamed) another, is ended by the receiver
 * that still has the old configuration. */
static enum worker_stop how_to_stop(const struct config_source *before, const struct config *fresh)
{
    struct session session;
    session_identify(before, &session);
    return before->persistent_session && session_owner(fresh, &session) == NULL ? WORKER_STOP_RETIRE
                                                                                : WORKER_STOP_DRAIN;
}

static void reload_receivers(struct workers *workers, const struct config *old,
                             const struct config *fresh, bool all_changed,
                             struct reload_summary *out)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->all[i];
        if (!worker->slot->used || worker->kind != WORKER_RECEIVER || worker->forget)
            continue;
        const struct config_source *before = worker->source;
        worker->source = config_find_source(fresh, worker->slot->source);
        if (worker->source == NULL) {
            out->removed++;
            drop(worker, how_to_stop(before, fresh));
        } else {
            const enum config_reach reach = config_compare_source(before, worker->source);
            const bool is_changed = all_changed || reach == CONFIG_RELOAD_RECEIVER;
            if (is_changed)
                restart(workers, worker, how_to_stop(before, fresh));
            *(is_changed ? &out->changed : &out->untouched) += 1;
            out->flusher_restarted |= reach != CONFIG_SAME;
        }
    }
    for (size_t i = 0; i < fresh->source_count; i++) {
        if (config_find_source(old, fresh->sources[i].name) == NULL) {
            out->added++;
            add(workers, WORKER_RECEIVER, &fresh->sources[i]);
        }
    }
}

static void reload_injection(struct workers *workers, const struct config *old,
                             const struct config *fresh, bool all_changed)
{
    struct worker *http = workers_find(workers, CONFIG_HTTP_SOURCE);
    if (fresh->api_key != NULL && old->api_key == NULL)
        add(workers, WORKER_HTTP, NULL);
    else if (fresh->api_key == NULL && http != NULL)
        drop(http, WORKER_STOP_DRAIN);
    else if (http != NULL && all_changed)
        restart(workers, http, WORKER_STOP_DRAIN);
}

void reload_apply(struct workers *workers, struct config *old, struct config *fresh,
                  struct reload_summary *out)
{
    *out = (struct reload_summary){0};
    bool receivers_too = false;
    char keys[512];
    keys[0] = '\0';
    const enum config_reach reach =
        config_compare_global(old, fresh, &receivers_too, keys, sizeof keys);
    if (keys[0] != '\0')
        log_event(LOG_WARN, "supervisor",
                  "changed options need a restart of the program, kept as they were",
                  KV(KV_STR("keys", keys)));
    config_keep_fixed(old, fresh); /* files that are open and locked stay the ones in force */
    workers->config = fresh;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        restart_policy_resize(&workers->all[i].policy, fresh->max_process_restarts);
    reload_receivers(workers, old, fresh, receivers_too, out);
    reload_injection(workers, old, fresh, receivers_too);
    const bool injection_changed = (old->api_key == NULL) != (fresh->api_key == NULL);
    if (out->added + out->removed + out->changed > 0 || injection_changed ||
        reach == CONFIG_RELOAD_FLUSHER)
        out->flusher_restarted = true;
    if (out->flusher_restarted)
        restart(workers, workers_flusher(workers), WORKER_STOP_NOW);
}
