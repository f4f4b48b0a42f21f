/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/store_init.h"

#include "cmd/ingestor/cluster/cluster_look.h"
#include "cmd/ingestor/facts/fact_table.h"
#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/clickhouse/rowbinary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define COLUMNS_ADDED_MAX 64 /* more than ever came later */

struct init {
    struct cluster cluster;
    uint8_t id[CLUSTER_ID_BYTES];
    bool has_id;
    size_t made; /* replicas that were not ready before */
};

static enum exit_code refuse(const struct init *init, size_t shard, size_t replica,
                             enum exit_code code, const char *why)
{
    char name[CLUSTER_NAME_MAX];
    log_event(LOG_ERROR, "store", "the store can't be made",
              KV(KV_STR("server", cluster_name(&init->cluster, shard, replica, name)),
                 KV_STR("error", why)));
    return code;
}

/* --- looking ---------------------------------------------------------------------------------- */

static enum exit_code judge(struct init *init, size_t shard, size_t replica,
                            const struct cluster_sight *sight)
{
    if (sight->state == CLUSTER_UNREACHED)
        return refuse(init, shard, replica, sight->is_refused ? EXIT_CONFIG : EXIT_IO, sight->text);
    if (sight->state != CLUSTER_READY && sight->state != CLUSTER_EMPTY)
        return refuse(init, shard, replica, EXIT_CONFIG, sight->text);
    if (!sight->has_meta_row)
        return EXIT_CLEAN;
    if (init->has_id && memcmp(init->id, sight->id, sizeof init->id) != 0)
        return refuse(init, shard, replica, EXIT_CONFIG,
                      "this belongs to another store than the servers before it in storeUrl");
    memcpy(init->id, sight->id, sizeof init->id);
    init->has_id = true;
    return EXIT_CLEAN;
}

/* I2 */
static enum exit_code look_at_all(struct init *init)
{
    enum exit_code code = EXIT_CLEAN;
    for (size_t i = 0; code == EXIT_CLEAN && i < init->cluster.count; i++) {
        for (size_t j = 0; code == EXIT_CLEAN && j < init->cluster.shards[i].count; j++) {
            struct cluster_sight sight = {.text = ""};
            cluster_look(&init->cluster, i, j, &sight);
            code = judge(init, i, j, &sight);
        }
    }
    if (code != EXIT_CLEAN || init->has_id)
        return code;
    if (getrandom(init->id, sizeof init->id, 0) != (ssize_t)sizeof init->id)
        return EXIT_IO;
    init->has_id = true;
    return EXIT_CLEAN;
}

/* --- making ----------------------------------------------------------------------------------- */

static enum exit_code do_sql(struct init *init, size_t shard, size_t replica, const char *sql)
{
    struct clickhouse_answer answer;
    enum exit_code code = EXIT_CLEAN;
    if (!cluster_ask(&init->cluster, shard, replica, sql, 0, &answer))
        code = refuse(init, shard, replica,
                      answer.is.verdict == CLICKHOUSE_PERMANENT ? EXIT_CONFIG : EXIT_IO,
                      answer.is.text);
    clickhouse_answer_done(&answer);
    return code;
}

static enum exit_code write_meta(struct init *init, size_t shard, size_t replica)
{
    char sql[256];
    struct rowbinary_writer w;
    struct clickhouse_answer answer;
    enum exit_code code = EXIT_CLEAN;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO %s.meta (shard, shards, schema, cluster, made_ms) FORMAT RowBinary",
                   init->cluster.config->database);
    rowbinary_init(&w, 256);
    rowbinary_u16(&w, (uint16_t)shard);
    rowbinary_u16(&w, (uint16_t)init->cluster.count);
    rowbinary_u16(&w, FACT_SCHEMA);
    rowbinary_bytes(&w, init->id, sizeof init->id);
    rowbinary_i64(&w, clock_wall() / US_PER_MS);
    if (w.is_failed)
        code = EXIT_NO_MEMORY;
    else if (!cluster_insert_at(&init->cluster, shard, replica, sql, w.bytes, w.len, &answer))
        code = refuse(init, shard, replica,
                      answer.is.verdict == CLICKHOUSE_PERMANENT ? EXIT_CONFIG : EXIT_IO,
                      answer.is.text);
    if (!w.is_failed)
        clickhouse_answer_done(&answer);
    rowbinary_done(&w);
    return code;
}

/* The database, and whose it is. */
static enum exit_code make_meta(struct init *init, size_t shard, size_t replica)
{
    char sql[FACT_SQL_MAX];
    struct cluster_sight sight = {.text = ""};
    const char *database = init->cluster.config->database;
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE IF NOT EXISTS %s", database);
    enum exit_code code = do_sql(init, shard, replica, sql);
    if (code != EXIT_CLEAN)
        return code;
    cluster_look(&init->cluster, shard, replica, &sight);
    code = judge(init, shard, replica, &sight);
    if (code != EXIT_CLEAN || sight.has_meta_row)
        return code;
    fact_meta_create(database, sql);
    code = do_sql(init, shard, replica, sql);
    return code == EXIT_CLEAN ? write_meta(init, shard, replica) : code;
}

static enum exit_code make_tables(struct init *init, size_t shard, size_t replica)
{
    char sql[FACT_SQL_MAX];
    enum exit_code code = EXIT_CLEAN;
    const struct fact_dialect dialect = {
        .database = init->cluster.config->database,
        .is_replicated = init->cluster.config->is_replicated,
        .is_modern = init->cluster.shards[shard].replicas[replica].version >= CLUSTER_MODERN,
    };
    for (size_t i = 0; code == EXIT_CLEAN && i < FACT_TABLES; i++) {
        fact_table_create(&fact_tables[i], &dialect, sql);
        code = do_sql(init, shard, replica, sql);
    }
    return code;
}

/* Those that a store of an older program has not, one after the other. */
static enum exit_code add_columns(struct init *init, size_t shard, size_t replica)
{
    char sql[FACT_SQL_MAX];
    enum exit_code code = EXIT_CLEAN;
    for (int i = 0; code == EXIT_CLEAN && i < COLUMNS_ADDED_MAX; i++) {
        struct cluster_sight sight = {.state = CLUSTER_READY};
        cluster_look_at_columns(&init->cluster, shard, replica, &sight);
        if (sight.lacks == NULL)
            break;
        fact_column_add(sight.lacking, sight.lacks, init->cluster.config->database, sql);
        code = do_sql(init, shard, replica, sql);
    }
    return code;
}

static enum exit_code make_replica(struct init *init, size_t shard, size_t replica)
{
    char name[CLUSTER_NAME_MAX];
    struct cluster_sight before = {.text = ""};
    struct cluster_sight after = {.text = ""};
    cluster_look(&init->cluster, shard, replica, &before);
    if (before.state == CLUSTER_READY)
        cluster_look_at_columns(&init->cluster, shard, replica, &before);
    enum exit_code code = make_meta(init, shard, replica);
    if (code == EXIT_CLEAN)
        code = cluster_know_version(&init->cluster, shard, replica) ? EXIT_CLEAN : EXIT_IO;
    if (code == EXIT_CLEAN)
        code = make_tables(init, shard, replica);
    if (code == EXIT_CLEAN)
        code = add_columns(init, shard, replica);
    if (code != EXIT_CLEAN)
        return code;
    cluster_look(&init->cluster, shard, replica, &after);
    if (after.state == CLUSTER_READY)
        cluster_look_at_columns(&init->cluster, shard, replica, &after);
    if (after.state != CLUSTER_READY)
        return refuse(init, shard, replica, EXIT_CONFIG, after.text);
    const bool was_ready = before.state == CLUSTER_READY;
    init->made += !was_ready;
    (void)printf("store-init: %s: ClickHouse %s, %s\n",
                 cluster_name(&init->cluster, shard, replica, name), after.version,
                 was_ready ? "was there already" : "made");
    return EXIT_CLEAN;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum exit_code make_all(struct init *init)
{
    char id[2 * CLUSTER_ID_BYTES + 1];
    size_t replicas = 0;
    enum exit_code code = look_at_all(init);
    for (size_t i = 0; code == EXIT_CLEAN && i < init->cluster.count; i++) {
        for (size_t j = 0; code == EXIT_CLEAN && j < init->cluster.shards[i].count; j++) {
            code = make_replica(init, i, j);
            replicas++;
        }
    }
    if (code != EXIT_CLEAN)
        return code;
    hex_encode_lower(init->id, sizeof init->id, id);
    (void)printf("store-init: store %s: %zu shards on %zu servers, %zu of them made now\n", id,
                 init->cluster.count, replicas, init->made);
    return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}

int store_init_run(struct config *config)
{
    struct init init = {.has_id = false};
    struct err err = {0};
    enum exit_code code = EXIT_GAVE_UP;
    if (config->store.shards.count == 0) {
        (void)fprintf(stderr, "%s: --store-init needs storeUrl in the configuration\n",
                      program_invocation_short_name);
        config_done(config);
        return EXIT_USAGE;
    }
    const enum status status = cluster_open(&init.cluster, &config->store, &err);
    if (!crypto_init())
        log_event(LOG_ERROR, "store", "cryptographic libraries do not start", NULL);
    else if (status == STATUS_OK)
        code = make_all(&init);
    else
        code = cluster_cant_open(&err);
    cluster_close(&init.cluster);
    config_done(config);
    return (int)code;
}
