/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/cluster_look.h"

#include "cmd/ingestor/facts/fact_table.h"
#include "common/base/log.h"
#include "common/clickhouse/rowbinary.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX (1 << 20)
#define SQL_MAX    512
#define META       "meta"
#define DO_INIT    "run ingestor --store-init"

PRINTF(3, 4)
static void find(struct cluster_sight *sight, enum cluster_state state, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sight->text, sizeof sight->text, fmt, args);
    va_end(args);
    sight->state = state;
}

struct look {
    struct cluster *cluster;
    size_t shard, replica;
    struct cluster_sight *sight;
};

static bool fail(const struct look *look, const struct clickhouse_answer *answer)
{
    look->sight->is_refused = answer->is.verdict == CLICKHOUSE_PERMANENT;
    find(look->sight, CLUSTER_UNREACHED, "%s", answer->is.text);
    return false;
}

/* False: it is said. *out is to be cleared in any case. */
static bool query(const struct look *look, const char *sql, struct clickhouse_answer *out)
{
    return cluster_ask(look->cluster, look->shard, look->replica, sql, ANSWER_MAX, out) ||
           fail(look, out);
}

static bool look_at_version(const struct look *look)
{
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    struct cluster_sight *sight = look->sight;
    bool is_read = cluster_ask_version(look->cluster, look->shard, look->replica, &answer) ||
                   fail(look, &answer);
    if (is_read) {
        rowbinary_read(&r, answer.body, answer.len);
        const struct rowbinary_text text = rowbinary_read_string(&r);
        is_read = rowbinary_is_end(&r) && text.len > 0 && text.len < sizeof sight->version;
        if (is_read)
            memcpy(sight->version, text.bytes, text.len);
        else
            find(sight, CLUSTER_UNREACHED, "something answers there that is no ClickHouse");
    }
    clickhouse_answer_done(&answer);
    return is_read;
}

/* How many tables there are, and whether one of them is meta. */
static bool look_at_tables(const struct look *look, size_t *out_count, bool *out_has_meta)
{
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    (void)snprintf(
        sql, sizeof sql,
        "SELECT name FROM system.tables WHERE database = '%s' LIMIT 1000 FORMAT RowBinary",
        look->cluster->config->database);
    bool is_read = query(look, sql, &answer);
    *out_count = 0;
    *out_has_meta = false;
    rowbinary_read(&r, answer.body, is_read ? answer.len : 0);
    while (rowbinary_has_more(&r)) {
        const struct rowbinary_text name = rowbinary_read_string(&r);
        if (name.len == sizeof META - 1 && memcmp(name.bytes, META, name.len) == 0)
            *out_has_meta = true;
        (*out_count)++;
    }
    if (is_read && !rowbinary_is_end(&r)) {
        is_read = false;
        find(look->sight, CLUSTER_UNREACHED, "its list of tables came in pieces");
    }
    clickhouse_answer_done(&answer);
    return is_read;
}

static void judge_meta(const struct look *look, unsigned shard, unsigned shards, unsigned schema)
{
    if (schema > FACT_SCHEMA)
        find(look->sight, CLUSTER_NEWER,
             "its tables are of version %u, this program knows %d: upgrade it", schema,
             FACT_SCHEMA);
    else if (shards != look->cluster->count)
        find(look->sight, CLUSTER_OTHER,
             "this store was made with %u shards, storeUrl names %zu: their number never changes",
             shards, look->cluster->count);
    else if (shard != look->shard)
        find(look->sight, CLUSTER_OTHER,
             "this is shard %u of its store, storeUrl has it as shard %zu: put its entries into the"
             " order in which --store-init had them",
             shard, look->shard);
}

static void look_at_meta(const struct look *look, size_t tables)
{
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    struct cluster_sight *sight = look->sight;
    (void)snprintf(sql, sizeof sql,
                   "SELECT shard, shards, schema, cluster FROM %s.meta LIMIT 2 FORMAT RowBinary",
                   look->cluster->config->database);
    if (query(look, sql, &answer)) {
        rowbinary_read(&r, answer.body, answer.len);
        sight->has_meta_row = rowbinary_has_more(&r);
        const unsigned shard = rowbinary_read_u16(&r);
        const unsigned shards = rowbinary_read_u16(&r);
        const unsigned schema = rowbinary_read_u16(&r);
        const struct rowbinary_text id = rowbinary_read_bytes(&r, sizeof sight->id);
        if (sight->has_meta_row && !rowbinary_is_end(&r))
            find(sight, CLUSTER_FOREIGN,
                 "its table meta has not one row as --store-init writes it; give storeDatabase"
                 " another name");
        else if (sight->has_meta_row)
            memcpy(sight->id, id.bytes, id.len);
        if (sight->has_meta_row && sight->state == CLUSTER_READY)
            judge_meta(look, shard, shards, schema);
        else if (!sight->has_meta_row && tables > 1)
            find(
                sight, CLUSTER_FOREIGN,
                "the database %s has tables, and its meta is empty; give storeDatabase another name",
                look->cluster->config->database);
        else if (!sight->has_meta_row)
            find(sight, CLUSTER_EMPTY, "--store-init was cut short here: run it again");
    }
    clickhouse_answer_done(&answer);
}

void cluster_look(struct cluster *cluster, size_t shard, size_t replica, struct cluster_sight *out)
{
    const struct look look = {cluster, shard, replica, out};
    size_t tables = 0;
    bool has_meta = false;
    *out = (struct cluster_sight){.state = CLUSTER_READY};
    if (!look_at_version(&look) || !look_at_tables(&look, &tables, &has_meta))
        return;
    if (has_meta)
        look_at_meta(&look, tables);
    else if (tables > 0)
        find(out, CLUSTER_FOREIGN,
             "the database %s has tables that --store-init did not make; give storeDatabase another"
             " name",
             cluster->config->database);
    else
        find(out, CLUSTER_EMPTY, "there is no store in the database %s yet: " DO_INIT,
             cluster->config->database);
}

/* --- columns ---------------------------------------------------------------------------------- */

#define COLUMNS_MAX 48

static bool is_text(struct rowbinary_text text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.bytes, other, text.len) == 0;
}

/* Which of a table's columns were seen, ver being the last. */
struct seen {
    bool columns[COLUMNS_MAX + 1];
};

static bool note_column(const struct fact_table *table, struct seen *seen,
                        struct rowbinary_text name, struct rowbinary_text type)
{
    char expected[32] = "UInt64";
    size_t at = 0;
    while (at < table->count && !is_text(name, table->columns[at].name))
        at++;
    if (at < table->count)
        fact_type_name(table->columns[at].type, expected);
    else if (!is_text(name, "ver"))
        return true; /* one that came later, or somebody's own */
    seen->columns[at] = true;
    return is_text(type, expected);
}

static bool read_columns(const struct look *look, struct rowbinary_reader *r, struct seen *seen)
{
    while (rowbinary_has_more(r)) {
        const struct rowbinary_text table = rowbinary_read_string(r);
        const struct rowbinary_text name = rowbinary_read_string(r);
        const struct rowbinary_text type = rowbinary_read_string(r);
        size_t at = 0;
        while (at < FACT_TABLES && !is_text(table, fact_tables[at].name))
            at++;
        if (at == FACT_TABLES || note_column(&fact_tables[at], &seen[at], name, type))
            continue;
        find(look->sight, CLUSTER_DAMAGED, "column %.*s of table %s has another type: %.*s",
             (int)name.len, name.bytes, fact_tables[at].name, (int)type.len, type.bytes);
        return false;
    }
    return rowbinary_is_end(r);
}

static void judge_columns(const struct look *look, const struct seen *seen)
{
    for (size_t i = 0; i < FACT_TABLES; i++) {
        for (size_t j = 0; j <= fact_tables[i].count; j++) {
            if (seen[i].columns[j])
                continue;
            if (j < fact_tables[i].count) {
                look->sight->lacking = &fact_tables[i];
                look->sight->lacks = &fact_tables[i].columns[j];
            }
            find(look->sight, CLUSTER_DAMAGED, "table %s has no column %s: " DO_INIT,
                 fact_tables[i].name,
                 j < fact_tables[i].count ? fact_tables[i].columns[j].name : "ver");
            return;
        }
    }
}

void cluster_look_at_columns(struct cluster *cluster, size_t shard, size_t replica,
                             struct cluster_sight *sight)
{
    const struct look look = {cluster, shard, replica, sight};
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    struct seen seen[FACT_TABLES] = {{.columns = {false}}};
    (void)snprintf(sql, sizeof sql,
                   "SELECT table, name, type FROM system.columns WHERE database = '%s' FORMAT"
                   " RowBinary",
                   cluster->config->database);
    if (query(&look, sql, &answer)) {
        rowbinary_read(&r, answer.body, answer.len);
        if (read_columns(&look, &r, seen))
            judge_columns(&look, seen);
        else if (sight->state == CLUSTER_READY)
            find(sight, CLUSTER_UNREACHED, "its list of columns came in pieces");
    }
    clickhouse_answer_done(&answer);
}

/* --- all of them ------------------------------------------------------------------------------ */

struct check {
    struct cluster *cluster;
    uint8_t id[CLUSTER_ID_BYTES];
    bool has_id;
};

static void check_replica(struct check *check, size_t shard, size_t replica,
                          struct cluster_sight *sight)
{
    cluster_look(check->cluster, shard, replica, sight);
    if (sight->state == CLUSTER_READY)
        cluster_look_at_columns(check->cluster, shard, replica, sight);
    if (sight->state != CLUSTER_READY)
        return;
    if (check->has_id && memcmp(check->id, sight->id, sizeof check->id) != 0)
        find(sight, CLUSTER_OTHER, "this belongs to another store than the servers before it");
    memcpy(check->id, sight->id, sizeof check->id);
    check->has_id = true;
}

/* One that is away is done without, as long as a sister is there. */
static enum status check_shard(struct check *check, size_t shard, struct err *err)
{
    char name[CLUSTER_NAME_MAX];
    struct cluster_shard *replicas = &check->cluster->shards[shard];
    size_t ready = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < replicas->count; i++) {
        struct cluster_sight sight = {.text = ""};
        check_replica(check, shard, i, &sight);
        (void)cluster_name(check->cluster, shard, i, name);
        if (sight.state == CLUSTER_READY) {
            replicas->preferred = ready == 0 ? i : replicas->preferred;
            ready++;
            continue;
        }
        const bool is_away = sight.state == CLUSTER_UNREACHED && !sight.is_refused;
        status = err_set(err, is_away ? STATUS_IO : STATUS_CONFIG, 0, name, "%.500s", sight.text);
        if (!is_away)
            return status;
        log_event(LOG_WARN, "store", "a server can't be reached",
                  KV(KV_STR("server", name), KV_STR("error", sight.text)));
    }
    return ready > 0 ? STATUS_OK : status;
}

enum status cluster_check(struct cluster *cluster, uint8_t out_id[static CLUSTER_ID_BYTES],
                          struct err *err)
{
    struct check check = {.cluster = cluster};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < cluster->count; i++)
        status = check_shard(&check, i, err);
    memcpy(out_id, check.id, sizeof check.id);
    return status;
}
