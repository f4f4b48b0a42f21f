/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_refusals.h"

#include "cmd/server/engine/shard_list.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS     5 /* rule, option, source, topic, observer; then hash and key */
#define PARTS     (TEXTS + 2)
#define RULES_MAX 100

/* --- rows ------------------------------------------------------------------------------------- */

struct refusal_row {
    struct engine_refusal is;
    uint64_t ingestor;
    int64_t id;  /* with the ingestor: of several of one moment the later one */
    char *bytes; /* owned: texts and bytes one behind the other */
};

static int newest_first(const void *a, const void *b)
{
    const struct refusal_row *x = a;
    const struct refusal_row *y = b;
    if (x->is.receipt_ms != y->is.receipt_ms)
        return x->is.receipt_ms < y->is.receipt_ms ? 1 : -1;
    if (x->ingestor != y->ingestor)
        return x->ingestor < y->ingestor ? 1 : -1;
    return (x->id < y->id) - (x->id > y->id);
}

/* What was asked for, of the columns or of what was made of them. */
static void add_question(struct sql *sql, const struct engine_refusals *wanted, const char *hash,
                         const char *observer, const char *node)
{
    if (wanted->hash != NULL) {
        sql_add(sql, " AND %s = ", hash);
        sql_bytes(sql, wanted->hash, 8);
    }
    if (wanted->observer != NULL) {
        sql_add(sql, " AND lower(%s) = lower(", observer);
        sql_text(sql, wanted->observer);
        sql_add(sql, ")");
    }
    if (wanted->node != NULL) {
        sql_add(sql, " AND substring(%s, 1, %zu) = ", node, wanted->node_len);
        sql_bytes(sql, wanted->node, wanted->node_len);
    }
}

/* I1. */
static void write_refusals(struct sql *sql, const struct engine_refusals *wanted)
{
    sql_add(sql,
            "SELECT ingestor, argMax(id, ver) AS nr, max(receipt_ms) AS at, argMax(bytes, ver),"
            " argMax(records, ver), argMax(rule, ver), argMax(config_key, ver),"
            " argMax(source, ver), argMax(topic, ver), argMax(observer, ver) AS who,"
            " argMax(hash, ver) AS what, argMax(node, ver) AS whose FROM refusals"
            " WHERE (ingestor, place) IN (SELECT ingestor, place FROM refusals WHERE 1");
    add_question(sql, wanted, "hash", "observer", "node");
    sql_add(sql, ") GROUP BY ingestor, place HAVING 1");
    add_question(sql, wanted, "what", "who", "whose");
    sql_add(sql, " ORDER BY at DESC, ingestor DESC, nr DESC LIMIT %zu FORMAT RowBinary",
            wanted->max);
}

static bool read_refusal(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct refusal_row *out = entry;
    struct rowbinary_text parts[PARTS];
    size_t len = 0;
    (void)ids;
    *out = (struct refusal_row){.ingestor = rowbinary_read_u64(row)};
    out->id = rowbinary_read_i64(row);
    out->is.receipt_ms = rowbinary_read_i64(row);
    const int64_t bytes = rowbinary_read_i64(row);
    out->is.bytes = bytes >= 0 ? bytes : DIRECTORY_UNKNOWN;
    out->is.messages = rowbinary_read_i64(row);
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = rowbinary_read_string(row);
        len += parts[i].len + 1;
    }
    out->bytes = malloc(len);
    if (out->bytes == NULL)
        return false;
    char *at = out->bytes;
    const char **const texts[TEXTS] = {&out->is.rule, &out->is.option, &out->is.source,
                                       &out->is.topic, &out->is.observer};
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = shard_list_keep(&at, parts[i]);
    out->is.hash_len = parts[TEXTS].len;
    out->is.hash = (const uint8_t *)shard_list_keep(&at, parts[TEXTS]);
    out->is.node_len = parts[TEXTS + 1].len;
    out->is.node = (const uint8_t *)shard_list_keep(&at, parts[TEXTS + 1]);
    return true;
}

bool shard_refusals(struct asking *asking, const struct engine_refusals *wanted,
                    void (*each)(void *context, const struct engine_refusal *refusal),
                    void *context)
{
    static const struct shard_list_kind refusals = {sizeof(struct refusal_row), read_refusal,
                                                    newest_first};
    struct shard_list list = {.all = NULL};
    struct sql sql;
    sql_begin(&sql);
    write_refusals(&sql, wanted);
    const bool is_read = shard_list_ask(&list, &refusals, asking, &sql);
    const struct refusal_row *all = list.all;
    for (size_t i = 0; i < list.count; i++) {
        if (is_read && i < wanted->max)
            each(context, &all[i].is);
        free(all[i].bytes);
    }
    free(list.all);
    return is_read;
}

/* --- counts ----------------------------------------------------------------------------------- */

struct refused_row {
    char rule[64]; /* longer than any that there is */
    int64_t messages, rows;
};

static int by_rule(const void *a, const void *b)
{
    return strcmp(((const struct refused_row *)a)->rule, ((const struct refused_row *)b)->rule);
}

static bool read_refused(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct refused_row *out = entry;
    (void)ids;
    *out = (struct refused_row){.rule = ""};
    const struct rowbinary_text rule = rowbinary_read_string(row);
    memcpy(out->rule, rule.len > 0 ? rule.bytes : "", min_size(rule.len, sizeof out->rule - 1));
    out->messages = rowbinary_read_i64(row);
    out->rows = rowbinary_read_i64(row);
    return true;
}

bool shard_refused(struct asking *asking, int64_t from_hour,
                   void (*each)(void *context, const struct engine_refused *refused), void *context,
                   bool *out_whole)
{
    static const struct shard_list_kind counts = {sizeof(struct refused_row), read_refused,
                                                  by_rule};
    struct shard_list list = {.all = NULL};
    struct sql sql;
    const int64_t from = from_hour > 0 ? from_hour : 0;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT rule, toInt64(sum(m)), toInt64(sum(n)) FROM (SELECT rule, argMax(records, ver)"
            " AS m, argMax(noted, ver) AS n FROM refusal_hours WHERE day >= %" PRId64
            " AND hour >= %" PRId64 " GROUP BY ingestor, hour, rule) GROUP BY rule ORDER BY rule"
            " LIMIT %d FORMAT RowBinary",
            from / 24, from, RULES_MAX);
    const bool is_read = shard_list_ask(&list, &counts, asking, &sql);
    const struct refused_row *all = list.all;
    *out_whole = is_read && shards_missing(asking->shards->question) == 0;
    for (size_t i = 0; is_read && i < list.count;) {
        struct engine_refused sum = {.rule = all[i].rule};
        for (size_t first = i; i < list.count && by_rule(&all[i], &all[first]) == 0; i++) {
            sum.messages += all[i].messages;
            sum.rows += all[i].rows;
        }
        each(context, &sum);
    }
    free(list.all);
    return is_read;
}

bool shard_refused_from(struct asking *asking, int64_t *out_ms)
{
    struct shard_question *question = asking->shards->question;
    *out_ms = INT64_MIN;
    if (!shard_ask(question, "SELECT toInt64(max(f)), toInt64(count()) FROM (SELECT argMax(from_ms,"
                             " ver) AS f FROM refusal_windows GROUP BY ingestor) FORMAT RowBinary"))
        return false;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        const int64_t from_ms = rowbinary_read_i64(&rows.row);
        if (rowbinary_read_i64(&rows.row) > 0 && from_ms > *out_ms)
            *out_ms = from_ms;
    }
    return shard_rows_end(&rows);
}
