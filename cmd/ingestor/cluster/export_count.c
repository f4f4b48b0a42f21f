/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/export_count.h"

#include "common/clickhouse/rowbinary.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#define PARTITIONS_MAX 65536
#define PAUSE_MS       500
#define PAUSES         60 /* of a copy between replicas */

static enum status came_in_pieces(struct err *err, const struct fact_table *table)
{
    return err_set(err, STATUS_IO, 0, table->name, "an answer came in pieces");
}

static enum status count_where(struct cluster *cluster, size_t shard,
                               const struct fact_table *table, const char *where, uint64_t *out,
                               struct err *err)
{
    char sql[FACT_SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    (void)snprintf(sql, sizeof sql, "SELECT uniqExact(%s) FROM %s.%s%s FORMAT RowBinary",
                   table->order_by, cluster->config->database, table->name, where);
    enum status status = cluster_query(cluster, shard, sql, 64, &answer, err);
    if (status == STATUS_OK) {
        rowbinary_read(&r, answer.body, answer.len);
        *out += rowbinary_read_u64(&r);
        status = rowbinary_is_end(&r) ? STATUS_OK : came_in_pieces(err, table);
    }
    clickhouse_answer_done(&answer);
    return status;
}

static enum status count_partitions(struct cluster *cluster, size_t shard,
                                    const struct fact_table *table, uint64_t *out, struct err *err)
{
    char sql[FACT_SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    (void)snprintf(sql, sizeof sql,
                   "SELECT toInt64(%s) AS p, toUInt32(min(%s)), toUInt32(max(%s)) FROM %s.%s GROUP"
                   " BY p ORDER BY p LIMIT %d FORMAT RowBinary",
                   table->partition_by, table->columns[0].name, table->columns[0].name,
                   cluster->config->database, table->name, PARTITIONS_MAX);
    enum status status = cluster_query(cluster, shard, sql, PARTITIONS_MAX * 16, &answer, err);
    rowbinary_read(&r, answer.body, status == STATUS_OK ? answer.len : 0);
    while (status == STATUS_OK && rowbinary_has_more(&r)) {
        char where[128];
        (void)rowbinary_read_i64(&r);
        const uint32_t from = rowbinary_read_u32(&r);
        const uint32_t to = rowbinary_read_u32(&r);
        (void)snprintf(where, sizeof where, " WHERE %s >= %" PRIu32 " AND %s <= %" PRIu32,
                       table->columns[0].name, from, table->columns[0].name, to);
        if (!r.is_failed)
            status = count_where(cluster, shard, table, where, out, err);
    }
    if (status == STATUS_OK && !rowbinary_is_end(&r))
        status = came_in_pieces(err, table);
    clickhouse_answer_done(&answer);
    return status;
}

static enum status count_all(struct cluster *cluster, const struct fact_table *table, uint64_t *out,
                             struct err *err)
{
    enum status status = STATUS_OK;
    *out = 0;
    for (size_t i = 0; status == STATUS_OK && i < cluster->count; i++)
        status = table->partition_by != NULL ? count_partitions(cluster, i, table, out, err)
                                             : count_where(cluster, i, table, "", out, err);
    return status;
}

enum status export_count(struct cluster *cluster, const struct fact_table *table, uint64_t at_least,
                         uint64_t *out, struct err *err)
{
    enum status status = count_all(cluster, table, out, err);
    for (int i = 0;
         status == STATUS_OK && *out < at_least && cluster->config->is_replicated && i < PAUSES;
         i++) {
        IGNORE(poll(NULL, 0, PAUSE_MS), "only a pause");
        status = count_all(cluster, table, out, err);
    }
    return status;
}
