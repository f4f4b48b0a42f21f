/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/asking.h"

#include "cmd/server/model/engine.h"

#include <stdlib.h>
#include <string.h>

#define LATE_US ((mono_us)60 * US_PER_MS)

static struct shared_slot *new_slot(void)
{
    struct shared_slot *slot = malloc(sizeof *slot);
    if (slot != NULL)
        shared_slot_init(slot);
    return slot;
}

static void free_slot(struct shared_slot *slot)
{
    if (slot != NULL)
        shared_slot_done(slot);
    free(slot);
}

static bool start_sqlite(struct model *model, const struct config *config, size_t readers)
{
    model->readers = readers_new(config->db_path, readers);
    if (model->readers == NULL)
        return false;
    model->watch = commit_watch_start(config->db_path);
    model->summary = summary_job_start(config->db_path);
    return model->watch != NULL && model->summary != NULL;
}

bool model_init(struct model *model, const struct config *config, size_t readers,
                const struct engine *engine, struct shards *shards)
{
    memset(model, 0, sizeof *model);
    model->started_with = config;
    model->engine = engine;
    model->shards = shards;
    model->directories = directories_new();
    model->links = new_slot();
    model->in_force = new_slot();
    struct in_force *in_force = in_force_of(config);
    if (model->in_force != NULL && in_force != NULL)
        shared_put(model->in_force, &in_force->shared);
    else
        in_force_release(in_force);
    if (model->directories == NULL || model->links == NULL || model->in_force == NULL ||
        in_force == NULL)
        return false;
    if (engine != NULL)
        model->summary = summary_job_start_other(engine->summary, model);
    return engine != NULL ? model->summary != NULL : start_sqlite(model, config, readers);
}

void model_free(struct model *model)
{
    summary_job_stop(model->summary);
    commit_watch_free(model->watch);
    directories_free(model->directories);
    readers_free(model->readers);
    free_slot(model->links);
    free_slot(model->in_force);
    memset(model, 0, sizeof *model);
}

const struct in_force *model_in_force(const struct model *model)
{
    return (const struct in_force *)(void *)shared_take(model->in_force);
}

static void begin(struct asking *asking, const struct model *model)
{
    *asking =
        (struct asking){.model = model, .now = clock_wall(), .in_force = model_in_force(model)};
    asking->config = asking->in_force->config;
}

const char *asking_refusal(const struct model *model, enum status status)
{
    switch (status) {
    case STATUS_NOT_FOUND:
        return "there is no database yet: is the ingestor running with the same dbPath?";
    case STATUS_OLDER:
        return "the database is of an older version: ask again when the ingestor, which must be of "
               "this server's version, has brought it up to date";
    case STATUS_NEWER:
        return "the database is of a newer version than this server: upgrade it";
    case STATUS_BUSY:
        return "too many questions at once: ask again in a second";
    default:
        return model->engine != NULL
                   ? "the shards of storeUrl did not answer this: ask again in some seconds; "
                     "/api/perf/clickhouse has each one's last error"
                   : "the database can't be read: see the server's log";
    }
}

void asking_begin_none(struct asking *asking, const struct model *model)
{
    begin(asking, model);
    asking->is_over = true;
}

/* Without a reader; the engine's own limits hold. */
static enum status begin_engine(struct asking *asking, const struct model *model, mono_us budget,
                                struct err *err)
{
    begin(asking, model);
    asking->late_at = INT64_MAX;
    const enum status status = model->engine->begin(asking, budget, err);
    if (status != STATUS_OK)
        in_force_release(asking->in_force);
    return status;
}

enum status asking_begin(struct asking *asking, const struct model *model, struct err *err)
{
    if (model->engine != NULL)
        return begin_engine(asking, model, 0, err);
    struct reader *reader = readers_take(model->readers, clock_mono() + READER_REQUEST_US);
    if (reader == NULL)
        return err_set(err, STATUS_BUSY, 0, NULL, "too many questions at once");
    const enum status status = reader_begin(reader, READER_REQUEST_US, err);
    if (status != STATUS_OK) {
        readers_give(model->readers, reader);
        return status;
    }
    begin(asking, model);
    asking->reader = reader;
    asking->late_at = clock_mono() + LATE_US;
    return STATUS_OK;
}

bool asking_is_late(const struct asking *asking)
{
    return clock_mono() > asking->late_at;
}

enum status asking_begin_own(struct asking *asking, const struct model *model,
                             struct reader *reader, mono_us budget, struct err *err)
{
    if (model->engine != NULL) {
        const enum status begun = begin_engine(asking, model, budget, err);
        asking->is_own = true;
        asking->late_at = clock_mono() + budget / 2;
        return begun;
    }
    const enum status status = reader_begin(reader, budget, err);
    if (status != STATUS_OK)
        return status;
    begin(asking, model);
    asking->reader = reader;
    asking->is_own = true;
    asking->late_at = clock_mono() + budget / 2;
    return STATUS_OK;
}

enum reader_result asking_let_go(struct asking *asking)
{
    if (!asking->is_over && asking->shards != NULL)
        asking->result = asking->model->engine->end(asking);
    else if (!asking->is_over)
        asking->result = reader_end(asking->reader);
    asking->is_over = true;
    return asking->result;
}

bool asking_again(struct asking *asking, mono_us budget)
{
    struct err err = {0};
    if (asking_let_go(asking) != READER_ANSWERED)
        return false;
    const struct model *model = asking->model;
    if (model->engine != NULL) {
        asking->is_over = model->engine->begin(asking, budget, &err) != STATUS_OK;
        asking->result = asking->is_over ? READER_FAILED : asking->result;
        asking->late_at = clock_mono() + budget / 2;
        return !asking->is_over;
    }
    if (reader_begin(asking->reader, budget, &err) != STATUS_OK) {
        asking->result = READER_FAILED;
        return false;
    }
    asking->is_over = false;
    asking->late_at = clock_mono() + budget / 2;
    return true;
}

enum reader_result asking_end(struct asking *asking)
{
    const enum reader_result result = asking_let_go(asking);
    if (!asking->is_own && asking->reader != NULL)
        readers_give(asking->model->readers, asking->reader);
    for (size_t i = 0; i < ARRAY_LEN(asking->directories); i++) {
        if (asking->directories[i] != NULL)
            asking->missing |= asking->directories[i]->missing;
        if (asking->directories[i] != NULL)
            directories_release(asking->model->directories, asking->directories[i]);
    }
    in_force_release(asking->in_force);
    return result;
}

/* All who ask share what the first one reads. So it may take longer than an answer, whose own time
 * begins after it: else nobody would ever have one where that takes too long. */
static const struct directory *take_directory(struct asking *asking, int64_t must_be)
{
    struct directories *all = asking->model->directories;
    const struct engine *engine = asking->model->engine;
    const struct directory_origin origin = {.reader = asking->reader,
                                            .read = engine != NULL ? engine->directory : NULL,
                                            .context = asking};
    if (asking->is_own || asking->reader == NULL)
        return directories_take(all, &origin, asking->in_force, must_be);
    reader_allow(asking->reader, READER_SLICE_US);
    const struct directory *taken = directories_take(all, &origin, asking->in_force, must_be);
    reader_allow(asking->reader, READER_REQUEST_US);
    asking->late_at = clock_mono() + LATE_US;
    return taken;
}

const struct directory *asking_directory(struct asking *asking)
{
    if (asking->directories[1] != NULL)
        return asking->directories[1];
    if (asking->directories[0] == NULL)
        asking->directories[0] = take_directory(asking, 0);
    return asking->directories[0];
}

/* One as new as the question, if that is not what there is. */
static const struct directory *newer(struct asking *asking)
{
    if (asking->is_over || asking->reader == NULL)
        return asking->directories[1];
    const int64_t commits = reader_commits(asking->reader);
    if (asking->directories[1] == NULL && asking->directories[0] != NULL &&
        asking->directories[0]->commits < commits)
        asking->directories[1] = take_directory(asking, commits);
    return asking->directories[1];
}

const struct node *asking_node(struct asking *asking, int64_t id)
{
    const struct directory *d = asking_directory(asking);
    const struct node *node = d != NULL ? directory_node(d, id) : NULL;
    if (node == NULL && id > 0 && (d = newer(asking)) != NULL)
        node = directory_node(d, id);
    return node;
}

const struct observer *asking_observer(struct asking *asking, int64_t id)
{
    const struct directory *d = asking_directory(asking);
    const struct observer *observer = d != NULL ? directory_observer(d, id) : NULL;
    if (observer == NULL && id > 0 && (d = newer(asking)) != NULL)
        observer = directory_observer(d, id);
    return observer;
}
