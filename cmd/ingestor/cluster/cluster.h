/* SPDX-License-Identifier: MIT
 *
 * cluster - the shards and replicas that the configuration names, and a way to each.
 *
 * I1. A block goes to one replica of its shard; the others copy it from there. When one fails the
 *     next is asked, with the same bytes: rows may come twice (fact_table).
 * I2. Only what a server has acknowledged counts as there. What is refused for good is never
 *     dropped: the call fails with the server's words, which name shard and replica.
 * I3. The password is read when the cluster is opened, and stands in no text.
 *
 * Limits: CLUSTER_TRIES rounds over a shard's replicas, with pauses of 1 s doubling to 30 s, about
 * two minutes. Threads: one. Ownership: the caller closes it; the configuration is borrowed.
 * Errors: struct err; STATUS_IO: can't be reached, AGAIN later; CONFIG: refused for good. */
#pragma once

#include "common/base/err.h"
#include "common/clickhouse/clickhouse_call.h"
#include "common/config/config.h"

#define CLUSTER_PING_MS  5000
#define CLUSTER_TRIES    8
#define CLUSTER_NAME_MAX 320
/* Below the half minute that is waited for an answer: the server gives up first, and says why. */
#define CLUSTER_WORK_S     "25"
#define CLUSTER_WORK_BYTES "268435456"
/* Year and month: knows what fact_dialect.is_modern says, and tokens. */
#define CLUSTER_MODERN   2208
#define CLUSTER_ID_BYTES 16

struct cluster_replica {
    char *url;
    int version; /* year * 100 + month; 0 = not asked yet */
};

struct cluster_shard {
    struct cluster_replica *replicas;
    size_t count;
    size_t preferred; /* the one that answered last */
};

struct cluster {
    const struct config_store *config;
    struct clickhouse_client *client;
    char *password; /* NULL = none */
    struct cluster_shard *shards;
    size_t count;
    /* cluster_watch */
    struct clickhouse_client *beside; /* NULL = not needed yet */
    bool (*goes_on)(void *context);
    void *context;
    bool has_given_up; /* the last call, by goes_on */
};

/* From here on libcurl runs in this process. */
NODISCARD enum status cluster_open(struct cluster *cluster, const struct config_store *config,
                                   struct err *err);
/* A line of log about a failure of cluster_open or cluster_check, and its exit code. */
enum exit_code cluster_cant_open(const struct err *err);
void cluster_close(struct cluster *cluster); /* also a half-open one */

/* "shard 1, http://b1:8123" */
const char *cluster_name(const struct cluster *cluster, size_t shard, size_t replica,
                         char out[static CLUSTER_NAME_MAX]);

/* Its version, as RowBinary: the first question to a server, within CLUSTER_PING_MS. Who accepts
 * and never answers (a process that was stopped) is not waited for as long as for an insert. */
bool cluster_ask_version(struct cluster *cluster, size_t shard, size_t replica,
                         struct clickhouse_answer *out);
/* Asks for a replica's version where that was not done yet. */
NODISCARD bool cluster_know_version(struct cluster *cluster, size_t shard, size_t replica);
/* From now on, while an answer to cluster_ask or cluster_work_at is waited for, goes_on is asked
 * about once a second: false = it is given up. NULL = no more. */
void cluster_watch(struct cluster *cluster, bool (*goes_on)(void *context), void *context);
/* For goes_on: does the replica answer anything within CLUSTER_PING_MS? By a connection of its own.
 * *out is the caller's to clear. */
bool cluster_is_there(struct cluster *cluster, size_t shard, size_t replica,
                      struct clickhouse_answer *out);
/* One statement to one replica, without a second try. rows: asked for, as RowBinary, at most
 * answer_max bytes; 0 = none. *out is the caller's to clear, in any case. */
bool cluster_ask(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                 size_t answer_max, struct clickhouse_answer *out);
/* A statement by which the server makes rows out of others: CLUSTER_WORK_S, and as much memory for
 * groups as CLUSTER_WORK_BYTES, then it goes on by way of its disk. */
bool cluster_work_at(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                     struct clickhouse_answer *out);
/* The same to any replica of the shard, with every second try. */
NODISCARD enum status cluster_query(struct cluster *cluster, size_t shard, const char *sql,
                                    size_t answer_max, struct clickhouse_answer *out,
                                    struct err *err);
/* len bytes of rows for an INSERT: whole or not at all, and acknowledged with STATUS_OK. */
NODISCARD enum status cluster_insert(struct cluster *cluster, size_t shard, const char *sql,
                                     const uint8_t *rows, size_t len, struct err *err);
/* The same to one replica, without a second try; and of rows that are gzip already. */
bool cluster_insert_at(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                       const uint8_t *rows, size_t len, struct clickhouse_answer *out);
bool cluster_post_at(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                     const uint8_t *packed, size_t len, struct clickhouse_answer *out);
