/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/cluster_probe.h"

#include "cmd/ingestor/cluster/cluster_look.h"
#include "cmd/ingestor/facts/fact_table.h"
#include "common/base/clock.h"
#include "common/base/crypto.h"

#include <stdio.h>
#include <string.h>

#define READER_ANSWER 64

struct probe {
    struct cluster cluster;
    struct config_store as_reader; /* the same servers, and who reads them */
    struct cluster reader;
    bool has_reader;
    uint8_t id[CLUSTER_ID_BYTES];
    bool has_id;
};

static void say(const char *step, bool is_well, const char *text)
{
    (void)printf("  %-10s %-7s %s\n", step, is_well ? "ok" : "FAILED", text);
}

/* The way to it, then whose it is. */
static bool probe_sight(struct probe *probe, size_t shard, size_t replica)
{
    struct cluster_sight sight = {.text = ""};
    char text[CLUSTER_VERSION_MAX + 64];
    const mono_us began = clock_mono();
    cluster_look(&probe->cluster, shard, replica, &sight);
    const int64_t ms = (clock_mono() - began) / US_PER_MS;
    if (sight.version[0] == '\0') {
        say("connect", false, sight.text);
        return false;
    }
    (void)snprintf(text, sizeof text, "ClickHouse %s, %lld ms for three questions", sight.version,
                   (long long)ms);
    say("connect", true, text);
    if (sight.state == CLUSTER_READY)
        cluster_look_at_columns(&probe->cluster, shard, replica, &sight);
    if (sight.state == CLUSTER_READY && probe->has_id &&
        memcmp(probe->id, sight.id, sizeof probe->id) != 0) {
        sight.state = CLUSTER_OTHER;
        (void)snprintf(sight.text, sizeof sight.text,
                       "this belongs to another store than the servers before it");
    }
    if (sight.state != CLUSTER_READY) {
        say("schema", false, sight.text);
        return false;
    }
    memcpy(probe->id, sight.id, sizeof probe->id);
    probe->has_id = true;
    (void)snprintf(text, sizeof text, "shard %zu of %zu, version %d", shard, probe->cluster.count,
                   FACT_SCHEMA);
    say("schema", true, text);
    return true;
}

static bool probe_right(struct probe *probe, size_t shard, size_t replica, const char *right)
{
    const struct fact_table *table = &fact_tables[FACT_INGESTORS];
    const char *database = probe->cluster.config->database;
    char sql[FACT_SQL_MAX];
    struct clickhouse_answer answer;
    bool is_well;
    if (strcmp(right, "write") == 0) {
        fact_table_insert(table, database, sql);
        is_well = cluster_insert_at(&probe->cluster, shard, replica, sql, (const uint8_t *)"", 0,
                                    &answer);
    } else if (strcmp(right, "make") == 0) {
        fact_meta_create(database, sql);
        is_well = cluster_ask(&probe->cluster, shard, replica, sql, 0, &answer);
    } else {
        (void)snprintf(sql, sizeof sql, "SELECT id FROM %s.%s LIMIT 1 FORMAT RowBinary", database,
                       table->name);
        is_well = cluster_ask(&probe->cluster, shard, replica, sql, 64, &answer);
    }
    if (!is_well)
        say(right, false, answer.is.text);
    clickhouse_answer_done(&answer);
    return is_well;
}

/* As the server of ours reads: with a time limit of its own, which readonly 1 refuses. */
static bool reader_can(struct probe *probe, size_t shard, size_t replica, const char *what,
                       const char *where)
{
    char sql[FACT_SQL_MAX];
    struct clickhouse_answer answer;
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s LIMIT 1 SETTINGS max_execution_time = 5 FORMAT RowBinary", what);
    const bool is_well = cluster_ask(&probe->reader, shard, replica, sql, READER_ANSWER, &answer);
    if (!is_well) {
        (void)snprintf(sql, sizeof sql, "%s can't read %s: %s", probe->as_reader.user, where,
                       answer.is.text);
        say("reader", false, sql);
    }
    clickhouse_answer_done(&answer);
    return is_well;
}

/* An insert without a row, which must be refused. */
static bool reader_can_not_write(struct probe *probe, size_t shard, size_t replica)
{
    char sql[FACT_SQL_MAX];
    char text[sizeof((struct clickhouse_judgement *)NULL)->text + 256];
    struct clickhouse_answer answer;
    fact_table_insert(&fact_tables[FACT_INGESTORS], probe->as_reader.database, sql);
    const bool is_done =
        cluster_insert_at(&probe->reader, shard, replica, sql, (const uint8_t *)"", 0, &answer);
    const bool is_refused = !is_done && answer.is.verdict == CLICKHOUSE_PERMANENT;
    if (is_done)
        (void)snprintf(text, sizeof text,
                       "%s may write: give it a profile with readonly 2, and no right but SELECT",
                       probe->as_reader.user);
    else
        (void)snprintf(text, sizeof text, "whether %s may write: %s", probe->as_reader.user,
                       answer.is.text);
    if (!is_refused)
        say("reader", false, text);
    clickhouse_answer_done(&answer);
    return is_refused;
}

static bool probe_reader(struct probe *probe, size_t shard, size_t replica)
{
    char facts[FACT_SQL_MAX / 2];
    char text[256];
    const char *database = probe->as_reader.database;
    if (!probe->has_reader)
        return true;
    (void)snprintf(facts, sizeof facts, "hash FROM %s.obs", database);
    if (!reader_can(probe, shard, replica, facts, "its tables") ||
        !reader_can(probe, shard, replica, "rows FROM system.parts", "system.parts") ||
        !reader_can_not_write(probe, shard, replica))
        return false;
    (void)snprintf(text, sizeof text, "%s may read, and can't write", probe->as_reader.user);
    say("reader", true, text);
    return true;
}

static bool probe_replica(struct probe *probe, size_t shard, size_t replica)
{
    static const char *const rights[] = {"read", "write", "make"};
    char name[CLUSTER_NAME_MAX];
    (void)printf("store %s\n", cluster_name(&probe->cluster, shard, replica, name));
    bool is_well = probe_sight(probe, shard, replica);
    for (size_t i = 0; is_well && i < ARRAY_LEN(rights); i++)
        is_well = probe_right(probe, shard, replica, rights[i]);
    if (is_well)
        say("rights", true, "may read, write and make tables");
    is_well = is_well && probe_reader(probe, shard, replica);
    IGNORE(fflush(stdout), "seen at the end");
    return is_well;
}

static int probe_all(struct probe *probe)
{
    size_t well = 0;
    size_t count = 0;
    for (size_t i = 0; i < probe->cluster.count; i++) {
        for (size_t j = 0; j < probe->cluster.shards[i].count; j++) {
            well += probe_replica(probe, i, j);
            count++;
        }
    }
    (void)printf("%zu of %zu servers of the store are as they should be\n", well, count);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return EXIT_IO;
    return well == count ? EXIT_CLEAN : EXIT_IO;
}

static enum status open_reader(struct probe *probe, const struct config_store *config,
                               struct err *err)
{
    probe->as_reader = *config;
    probe->as_reader.user = config->reader_user;
    probe->as_reader.password_file = config->reader_password_file;
    probe->has_reader = config->reader_user != NULL && config->reader_user[0] != '\0';
    return probe->has_reader ? cluster_open(&probe->reader, &probe->as_reader, err) : STATUS_OK;
}

int cluster_probe_run(const struct config *config)
{
    struct probe probe = {.has_id = false};
    struct err err = {0};
    if (config->store.shards.count == 0)
        return EXIT_CLEAN;
    if (!crypto_init())
        return EXIT_GAVE_UP;
    enum status status = cluster_open(&probe.cluster, &config->store, &err);
    if (status == STATUS_OK)
        status = open_reader(&probe, &config->store, &err);
    const int code = status == STATUS_OK ? probe_all(&probe) : (int)cluster_cant_open(&err);
    cluster_close(&probe.reader);
    cluster_close(&probe.cluster);
    return code;
}
