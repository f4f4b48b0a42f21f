/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/send/store_upkeep.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/clickhouse/rowbinary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S_MS       INT64_C(1000)
#define SQL_MAX    1024
#define ANSWER_MAX 65536
#define NUMBER_MAX 24

struct upkeep {
    struct cluster *cluster;
    size_t shard, replica;
    const struct config *config;
    bool (*go_on)(void *context);
    void *context;
    int64_t now_ms; /* I2 */
    int64_t dropped;
};

static void say_failed(const struct upkeep *u, const char *table, const char *text)
{
    char name[CLUSTER_NAME_MAX];
    log_event(LOG_WARN, "sender", "old rows can't leave the store, tried again in an hour",
              KV(KV_STR("server", cluster_name(u->cluster, u->shard, u->replica, name)),
                 KV_STR("table", table), KV_STR("error", text)));
}

static bool ask(struct upkeep *u, const char *table, const char *sql, size_t answer_max,
                struct clickhouse_answer *out)
{
    if (cluster_ask(u->cluster, u->shard, u->replica, sql, answer_max, out))
        return true;
    say_failed(u, table, out->is.text);
    clickhouse_answer_done(out);
    return false;
}

/* I2. */
static bool know_time(struct upkeep *u)
{
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    const int64_t ours = clock_wall() / US_PER_MS;
    if (!ask(u, "", "SELECT toInt64(toUInt32(now())) FORMAT RowBinary", NUMBER_MAX, &answer))
        return false;
    rowbinary_read(&r, answer.body, answer.len);
    const int64_t theirs = rowbinary_read_i64(&r) * S_MS;
    const bool is_read = rowbinary_is_end(&r);
    clickhouse_answer_done(&answer);
    u->now_ms = theirs < ours ? theirs : ours;
    if (is_read && theirs - ours < MS_PER_DAY && ours - theirs < MS_PER_DAY)
        return true;
    say_failed(u, "", "its clock and ours are more than a day apart");
    return false;
}

/* 0 = for ever. */
static int days_of(const struct upkeep *u, enum fact fact)
{
    const struct config_retention *retention = &u->config->retention;
    return fact == FACT_SAMPLES   ? retention->metrics_days
           : fact == FACT_ROLLUPS ? retention->rollup_days
                                  : retention->packet_days;
}

static bool drop(struct upkeep *u, const struct fact_table *table, int64_t partition)
{
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    (void)snprintf(sql, sizeof sql, "ALTER TABLE %s.%s DROP PARTITION %" PRId64,
                   u->config->store.database, table->name, partition);
    if (!ask(u, table->name, sql, 0, &answer))
        return false;
    clickhouse_answer_done(&answer);
    u->dropped++;
    return true;
}

/* A partition as system.parts names it. */
static bool read_partition(struct rowbinary_reader *r, int64_t *out)
{
    char text[NUMBER_MAX] = "";
    char *end = NULL;
    const struct rowbinary_text name = rowbinary_read_string(r);
    if (r->is_failed || name.len == 0 || name.len >= sizeof text)
        return false;
    memcpy(text, name.bytes, name.len);
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static void clean_table(struct upkeep *u, enum fact fact)
{
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    const struct fact_table *table = &fact_tables[fact];
    const int64_t before_ms = u->now_ms - days_of(u, fact) * MS_PER_DAY;
    int64_t partition = 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT DISTINCT partition FROM system.parts WHERE database = '%s' AND table ="
                   " '%s' AND active FORMAT RowBinary",
                   u->config->store.database, table->name);
    if (!ask(u, table->name, sql, ANSWER_MAX, &answer))
        return;
    rowbinary_read(&r, answer.body, answer.len);
    for (int i = 0; i < UPKEEP_DROPS && rowbinary_has_more(&r) && u->go_on(u->context);) {
        if (!read_partition(&r, &partition))
            break;
        if (fact_partition_end_ms(table, partition) > before_ms)
            continue;
        i++;
        if (!drop(u, table, partition))
            break;
    }
    clickhouse_answer_done(&answer);
}

void store_upkeep_run(struct cluster *cluster, size_t shard, size_t replica,
                      const struct config *config, bool (*go_on)(void *context), void *context)
{
    struct upkeep u = {.cluster = cluster,
                       .shard = shard,
                       .replica = replica,
                       .config = config,
                       .go_on = go_on,
                       .context = context};
    if (!know_time(&u))
        return;
    for (enum fact fact = 0; fact < FACT_TABLES && go_on(context); fact++) {
        if (fact_tables[fact].partition_by != NULL && days_of(&u, fact) > 0)
            clean_table(&u, fact);
    }
    if (u.dropped > 0)
        log_event(LOG_INFO, "sender", "old partitions left the store",
                  KV(KV_INT("shard", shard), KV_INT("partitions", u.dropped)));
}
