/* SPDX-License-Identifier: MIT
 *
 * api - between http and the families: one function that answers any request for a row of theirs.
 *
 * A row with a handler is computed at every request. A row with a renderer is answered from the
 * cache: the key is the row, its path arguments and the canonical query, and what is wanted is the
 * state of this moment (moment.h). A row with an asker is answered from there, too: what is wanted
 * is the newest commit that was noticed, and no answer is kept for more than ASKED_GOOD_US, since
 * ages and "the last hour" go on without commits. Where it asks nothing,
 * its own room keeps the answer. A row with a constant is made once.
 * I1. An error about a path argument is not kept: names that do not exist are without number, those
 *     that exist are not.
 * Threads: all functions from any. Errors: NULL = no memory. Ownership: everything given to
 * api_init is borrowed until the server has stopped. */
#pragma once

#include "cmd/server/cache/cache.h"
#include "cmd/server/fields/access.h"
#include "cmd/server/history/history.h"
#include "cmd/server/http/request.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/ops.h"
#include "common/config/config.h"

#include <pthread.h>

#define ASKED_GOOD_US US_PER_S

struct backups;

/* What a handler may use. */
struct api {
    /* constant after init */
    const struct config *started_with;
    struct cache *cache;
    char inject_socket[108]; /* "" = the path has no room there: as if there were no ingestor */
    /* see moment.h */
    struct moments moments;
    const struct model *model;
    struct backups *backups; /* set by main, before anybody asks */
    /* A reload changes it. */
    const _Atomic int *backup_bytes_per_second;
    /* guarded by keys_lock: what a login is held to */
    pthread_mutex_t keys_lock;
    struct http_keys keys;
    /* constant after init */
    struct history *history; /* NULL = none: the figures are of this second alone */
    /* atomic */
    _Atomic int exports;     /* under way (api_export.h) */
    _Atomic int large_files; /* the same (api_folder.c) */
};

/* moments: all but is_draining and the cache are set. */
void api_init(struct api *api, const struct config *config, struct cache *cache,
              const struct moments *moments, const struct model *model);
/* After a reload, which changes them; from any thread, as copy. */
void api_use_keys(struct api *api, const struct config *config);
void api_copy_keys(struct api *api, struct http_keys *out);
/* What healthz says, in a sentence for a person. The context is a struct api. */
void api_describe(void *api, char *out, size_t cap);
/* readyz says 503 from now on. */
void api_drain(struct api *api);

/* For http_service, watcher_start: the context is a struct api. */
NODISCARD struct http_ready *api_answer(void *api, const struct http_request *request);
void api_every_second(void *api);
