/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/cluster_probe.h"

#include "cmd/ingestor/cluster/cluster_look.h"
#include "cmd/ingestor/facts/fact_table.h"
#include "common/base/clock.h"
#include "common/base/crypto.h"

#include <stdio.h>
#include <string.h>

struct probe {
    struct cluster cluster;
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

int cluster_probe_run(const struct config *config)
{
    struct probe probe = {.has_id = false};
    struct err err = {0};
    if (config->store.shards.count == 0)
        return EXIT_CLEAN;
    if (!crypto_init())
        return EXIT_GAVE_UP;
    const enum status status = cluster_open(&probe.cluster, &config->store, &err);
    const int code = status == STATUS_OK ? probe_all(&probe) : (int)cluster_cant_open(&err);
    cluster_close(&probe.cluster);
    return code;
}
