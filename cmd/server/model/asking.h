/* SPDX-License-Identifier: MIT
 *
 * asking - what the code behind a route that reads the database may use: the question that its
 * request is (reader.h), and the mesh's names.
 *
 * A function of the third kind (route.h) is called in a worker, inside one transaction with a
 * deadline, and gives a reply. It need not look after errors of the database: after one, or after
 * the deadline, its reply is thrown away and the client gets a 503 (reader.h, I1).
 * Threads: an asking belongs to one. Ownership: all borrowed until the function returns. */
#pragma once

#include "cmd/server/model/directories.h"
#include "cmd/server/model/in_force.h"
#include "cmd/server/state/commit_watch.h"
#include "cmd/server/readers/readers.h"
#include "cmd/server/summary/summary_job.h"

struct analytics;
struct engine;
struct shards;
struct shard_asking;

/* Constant once the server has started; what a slot holds is replaced. */
struct model {
    const struct config *started_with;
    struct shared_slot *in_force; /* struct in_force */
    struct readers *readers;
    struct commit_watch *watch; /* NULL with an engine */
    struct directories *directories;
    /* Of another store than SQLite's (engine.h); NULL = there is none. */
    const struct engine *engine;
    struct shards *shards; /* borrowed: what the engine asks */
    struct summary_job *summary;
    struct analytics *analytics; /* set by main, before anybody asks */
    /* What an analysis leaves for the answers about one node or path (paths/links.h). */
    struct shared_slot *links;
};

struct asking {
    const struct model *model;
    struct reader *reader;           /* NULL = asking_begin_none, or an engine's */
    struct shard_asking *shards;     /* the engine's own */
    uint64_t missing;                /* at the end: a bit for each shard that did not answer */
    const struct in_force *in_force; /* when the question began, as config and now */
    const struct config *config;
    wall_us now;
    mono_us late_at; /* what looks at many rows stops then */
    /* asking.c only */
    bool is_own, is_over;
    enum reader_result result;              /* when it is over */
    const struct directory *directories[2]; /* the newest last */
};

/* readers: how many requests are answered at once. With an engine (which is borrowed, with what it
 * asks; NULL = none) SQLite is not touched. False = no memory; model_free still. */
NODISCARD bool model_init(struct model *model, const struct config *config, size_t readers,
                          const struct engine *engine, struct shards *shards);
/* No question is under way. Accepts a zeroed one. */
void model_free(struct model *model);

/* What is in force now, with a reference. Never NULL. */
NODISCARD const struct in_force *model_in_force(const struct model *model);

/* Why there is no question, or no answer to it, for a client: what asking_begin said, or IO. */
const char *asking_refusal(const struct model *model, enum status status);
/* As reader_begin; waits for a reader for READER_REQUEST_US at most (STATUS_BUSY). */
NODISCARD enum status asking_begin(struct asking *asking, const struct model *model,
                                   struct err *err);
NODISCARD enum reader_result asking_end(struct asking *asking);

/* For who looks at what is in memory (route.h, asks_nothing): there is no question and no reader,
 * and it waits for nobody. Only model, configuration and now are there; asking_end, too. */
void asking_begin_none(struct asking *asking, const struct model *model);

/* For the background: the same with a reader of the caller's own (NULL with an engine), and another
 * budget. */
NODISCARD enum status asking_begin_own(struct asking *asking, const struct model *model,
                                       struct reader *reader, mono_us budget, struct err *err);
/* Ends the question early: nothing more is read, but what was read of names stays until
 * asking_end. */
NODISCARD enum reader_result asking_let_go(struct asking *asking);
/* Another question in the place of the one that was let go, or is now: of a later moment, with the
 * names of before. False = the one before failed, or there is none: return. */
NODISCARD bool asking_again(struct asking *asking, mono_us budget);

/* Who looks at many rows stops here, and says that it is not complete: with what is left to do the
 * answer takes less than 100 ms (in the background: half of the budget is gone). Rows are a fair
 * budget on one machine only. */
bool asking_is_late(const struct asking *asking);
/* At most a second old; NULL = the question failed: return. */
const struct directory *asking_directory(struct asking *asking);
/* Of a row of this question. A row may be newer than the directory: then a new one is read, once.
 * NULL = there is no such row (any more). */
const struct node *asking_node(struct asking *asking, int64_t id);
const struct observer *asking_observer(struct asking *asking, int64_t id);
