/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_sums.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/sql.h"
#include "common/sums/sums_sql.h"

#include <inttypes.h>
#include <stdlib.h>

#define DAY_HOURS     24
#define SETTLED_MS    (10 * (int64_t)MS_PER_MIN)
#define FACT_ROWS_MAX 1000000
#define DAYS_MAX      400
#define SPANS_MAX     4
#define ROWS_MAX      500000
#define OBSERVERS_MAX 2000

/* Of one shard. */
struct day {
    int64_t day;
    int64_t made_ms; /* of its sums; 0 = it has none */
    int64_t rows;    /* observations, as they lie there */
};

struct span {
    int64_t from, to; /* hours */
};

struct lacking {
    struct span spans[SPANS_MAX]; /* the newest first */
    size_t count;
};

struct summing {
    struct asking *asking;
    const struct engine_sums *wanted;
    int64_t last; /* hour, or part: that of now */
    struct lacking lacking[CONFIG_SHARDS_MAX];
    bool is_whole;
    void (*each)(void *context, const struct engine_sum *sum);
    void *context;
};

/* --- which days have sums --------------------------------------------------------------------- */

static void write_days(struct sql *sql, const struct summing *s)
{
    const int64_t first = s->wanted->from_hour / DAY_HOURS;
    sql_add(sql,
            "SELECT d, max(made), max(rows) FROM (SELECT toInt64(intDiv(hour, %d)) AS d,"
            " toInt64(bitShiftRight(max(ver), %d)) AS made, toInt64(0) AS rows FROM rollups"
            " WHERE kind = %d AND key = 1 AND hour >= %" PRId64 " AND transmissions = %d GROUP BY d"
            " UNION ALL SELECT toInt64(partition) AS d, toInt64(0) AS made, toInt64(sum(rows)) AS"
            " rows FROM system.parts WHERE database = currentDatabase() AND table = 'obs' AND"
            " active AND toInt64(partition) >= %" PRId64 " GROUP BY d) GROUP BY d ORDER BY d DESC"
            " LIMIT %d FORMAT RowBinary",
            DAY_HOURS, SUMS_VER_SHIFT, SUMS_RUN, first * DAY_HOURS, SUMS_VERSION, first, DAYS_MAX);
}

/* From which hour on the day's sums lack something. */
static int64_t settled(const struct day *day)
{
    const int64_t begins = day->day * DAY_HOURS;
    const int64_t upto = (day->made_ms - SETTLED_MS) / MS_PER_HOUR;
    return upto < begins ? begins : upto > begins + DAY_HOURS ? begins + DAY_HOURS : upto;
}

/* Days come from the newest on. *budget: rows that may still be counted. */
static void note_day(struct summing *s, struct lacking *lacking, const struct day *day,
                     int64_t *budget)
{
    const int64_t to = (day->day + 1) * DAY_HOURS;
    const int64_t from_hour = s->wanted->from_hour;
    const int64_t from = settled(day) > from_hour ? settled(day) : from_hour;
    struct span *last = lacking->count > 0 ? &lacking->spans[lacking->count - 1] : NULL;
    if (from >= to || day->rows == 0)
        return;
    *budget -= day->made_ms > 0 ? day->rows * (to - from) / DAY_HOURS : day->rows;
    if (last != NULL && last->from == to && *budget >= 0)
        last->from = from;
    else if (lacking->count < SPANS_MAX && *budget >= 0)
        lacking->spans[lacking->count++] = (struct span){from, to};
    else
        s->is_whole = false;
}

static bool read_days(struct summing *s)
{
    struct sql sql;
    sql_begin(&sql);
    write_days(&sql, s);
    if (!shard_asking_ask(s->asking, &sql))
        return false;
    struct shard_rows rows = shard_rows(s->asking->shards->question);
    int64_t budgets[CONFIG_SHARDS_MAX];
    for (size_t i = 0; i < CONFIG_SHARDS_MAX; i++)
        budgets[i] = FACT_ROWS_MAX;
    while (shard_rows_next(&rows)) {
        struct day day = {.day = rowbinary_read_i64(&rows.row)};
        day.made_ms = rowbinary_read_i64(&rows.row);
        day.rows = rowbinary_read_i64(&rows.row);
        note_day(s, &s->lacking[rows.shard], &day, &budgets[rows.shard]);
    }
    return shard_rows_end(&rows);
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool is_of_observer(enum rollup_kind kind)
{
    return kind == ROLLUP_OBSERVER || kind == ROLLUP_INVENTED_RF || sums_key_bits(kind) > 0;
}

/* Whose key it is: with the lowest bits of the kind left out. */
static void write_whose(struct sql *sql, const struct summing *s, enum rollup_kind kind,
                        const char *key)
{
    struct shard_ids *ids = shards_ids(s->asking->model->shards);
    const uint64_t mask = UINT64_MAX << sums_key_bits(kind);
    uint64_t number;
    if (s->wanted->is_by_observer) {
        sql_add(sql, "1");
        return;
    }
    sql_add(sql, "bitAnd(%s, toUInt64(%" PRIu64 ")) IN (toUInt64(1)", key, mask);
    for (size_t i = 0; i < min_size(s->wanted->observer_count, OBSERVERS_MAX); i++) {
        if (shard_ids_number(ids, SHARD_OBSERVER, s->wanted->observers[i], &number))
            sql_add(sql, ",toUInt64(%" PRIu64 ")", number & mask);
    }
    sql_add(sql, ")");
}

/* (kind = 1 AND key ...) OR ... */
static void write_keys(struct sql *sql, const struct summing *s, const char *kind_column,
                       const char *key_column)
{
    struct shard_ids *ids = shards_ids(s->asking->model->shards);
    uint64_t node = 0;
    (void)shard_ids_number(ids, SHARD_NODE, s->wanted->node_id, &node); /* 0 = nobody */
    sql_add(sql, "(0");
    for (enum rollup_kind kind = 0; kind < ROLLUP_KINDS; kind++) {
        if ((s->wanted->kinds & SUMS_KIND(kind)) == 0)
            continue;
        sql_add(sql, " OR (%s = %d AND ", kind_column, kind);
        if (kind == ROLLUP_NODE)
            sql_add(sql, "%s = toUInt64(%" PRIu64 "))", key_column, node);
        else if (is_of_observer(kind)) {
            write_whose(sql, s, kind, key_column);
            sql_add(sql, ")");
        } else
            sql_add(sql, "1)");
    }
    sql_add(sql, ")");
}

/* Of an observer's key what stands beside it, unless it is asked whose it is; of others all. */
static void write_beside(struct sql *sql, const struct summing *s, const char *kind,
                         const char *key)
{
    if (s->wanted->is_by_observer) {
        sql_add(sql, "%s", key);
        return;
    }
    sql_add(sql, "multiIf(");
    for (enum rollup_kind of = 0; of < ROLLUP_KINDS; of++) {
        const unsigned bits = sums_key_bits(of);
        if (bits > 0)
            sql_add(sql, "%s = %d, bitAnd(%s, toUInt64(%u)), ", kind, of, key, (1U << bits) - 1);
    }
    sql_add(sql, "%s IN (%d, %d, %d), toUInt64(0), %s)", kind, ROLLUP_OBSERVER, ROLLUP_NODE,
            ROLLUP_INVENTED_RF, key);
}

/* --- sums ------------------------------------------------------------------------------------- */

/* The id of the region with this number; ids from 1000 on would be words of enum rollup_scope. */
static int64_t scope_of(const struct summing *s, uint64_t number)
{
    if (number >= ROLLUP_SCOPE_UNNAMED && number <= ROLLUP_SCOPE_NONE)
        return (int64_t)number;
    const int64_t id = shard_ids_of(shards_ids(s->asking->model->shards), SHARD_SCOPE, number);
    return id > 0 && id < ROLLUP_SCOPE_UNNAMED ? id : ROLLUP_SCOPE_UNNAMED;
}

static int64_t key_of(const struct summing *s, enum rollup_kind kind, uint64_t key)
{
    if (s->wanted->is_by_observer)
        return shard_ids_of(shards_ids(s->asking->model->shards), SHARD_OBSERVER, key);
    return kind == ROLLUP_SCOPE ? scope_of(s, key) : (int64_t)key;
}

static bool read_sums(struct summing *s)
{
    struct shard_rows rows = shard_rows(s->asking->shards->question);
    size_t count = 0;
    size_t shard = 0;
    for (; shard_rows_next(&rows); shard = rows.shard) {
        struct engine_sum sum = {.kind = (enum rollup_kind)rowbinary_read_u8(&rows.row)};
        sum.key = key_of(s, sum.kind, rowbinary_read_u64(&rows.row));
        sum.hour = rowbinary_read_u32(&rows.row);
        sum.observations = rowbinary_read_u64(&rows.row);
        sum.transmissions = rowbinary_read_u64(&rows.row);
        count = shard == rows.shard ? count + 1 : 1;
        s->is_whole &= count < ROWS_MAX;
        if (!rows.row.is_failed && sum.hour <= s->last)
            s->each(s->context, &sum);
    }
    return shard_rows_end(&rows);
}

/* Rows of the newest finished run and of later ones, of the hours that it had settled. */
static bool ask_sums(struct summing *s)
{
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT kind, ");
    write_beside(&sql, s, "kind", "key");
    sql_add(&sql,
            " AS beside, hour, sum(o), sum(t) FROM (SELECT kind, key, hour,"
            " toInt64(intDiv(hour, %d)) AS d, argMax(observations, ver) AS o, argMax(transmissions,"
            " ver) AS t, max(ver) AS v FROM rollups WHERE hour >= %" PRId64 " AND ",
            DAY_HOURS, s->wanted->from_hour);
    write_keys(&sql, s, "kind", "key");
    sql_add(
        &sql,
        " GROUP BY kind, key, hour) AS sums ANY LEFT JOIN (SELECT toInt64(intDiv(hour, %d)) AS"
        " d, max(ver) AS made FROM rollups WHERE kind = %d AND key = 1 AND hour >= %" PRId64
        " AND transmissions = %d GROUP BY d) AS runs USING (d) WHERE made != 0 AND v >= made AND"
        " toInt64(hour) < intDiv(toInt64(bitShiftRight(made, %d)) - %" PRId64 ", %" PRId64
        ") GROUP BY kind, beside, hour LIMIT %d FORMAT RowBinary",
        DAY_HOURS, SUMS_RUN, s->wanted->from_hour / DAY_HOURS * DAY_HOURS, SUMS_VERSION,
        SUMS_VER_SHIFT, SETTLED_MS, (int64_t)MS_PER_HOUR, ROWS_MAX);
    return shard_asking_ask(s->asking, &sql) && read_sums(s);
}

static void write_facts(struct sql *sql, const struct summing *s, const struct span *span)
{
    struct sums_text text = {.len = 0};
    const struct sums_sql sums = {.kinds = s->wanted->kinds,
                                  .from_ms = s->wanted->part_ms != 0 ? s->wanted->from_ms
                                                                     : span->from * MS_PER_HOUR,
                                  .to_ms = span->to * MS_PER_HOUR,
                                  .from_hour = span->from - 1,
                                  .to_hour = span->to + 1,
                                  .part_ms = s->wanted->part_ms};
    sums_sql_add(&text, &sums);
    sql->is_cut |= !sums_text_fits(&text);
    sql_add(sql, "SELECT what, ");
    write_beside(sql, s, "what", "whose");
    sql_add(sql, " AS beside, h, sum(o), sum(t) FROM (%s) WHERE ", text.at);
    write_keys(sql, s, "what", "whose");
    sql_add(sql, " GROUP BY what, beside, h LIMIT %d FORMAT RowBinary", ROWS_MAX);
}

/* Of each shard its span of that number. */
static bool ask_facts(struct summing *s, size_t number)
{
    struct shard_question *question = s->asking->shards->question;
    struct sql sqls[CONFIG_SHARDS_MAX];
    const char *texts[CONFIG_SHARDS_MAX] = {NULL};
    const size_t shards = shard_question_shards(question);
    bool is_any = false;
    for (size_t i = 0; i < shards; i++) {
        sql_begin(&sqls[i]);
        if (number >= s->lacking[i].count)
            continue;
        write_facts(&sqls[i], s, &s->lacking[i].spans[number]);
        if (sqls[i].is_cut)
            shard_question_fail(question);
        texts[i] = sqls[i].text;
        is_any = true;
    }
    const bool is_good = !is_any || (!shard_question_has_failed(question) &&
                                     shard_ask_each(question, texts) && read_sums(s));
    for (size_t i = 0; i < shards; i++)
        sql_done(&sqls[i]);
    return is_good;
}

/* All of it is counted from the rows. */
static bool lack_all(struct summing *s)
{
    const struct span span = {s->wanted->from_ms / MS_PER_HOUR,
                              s->asking->now / US_PER_MS / MS_PER_HOUR + 1};
    for (size_t i = 0; i < CONFIG_SHARDS_MAX; i++)
        s->lacking[i] = (struct lacking){.spans = {span}, .count = 1};
    return true;
}

bool shard_sums(struct asking *asking, const struct engine_sums *wanted,
                void (*each)(void *context, const struct engine_sum *sum), void *context,
                bool *out_whole)
{
    struct summing *s = calloc(1, sizeof *s);
    bool is_good = s != NULL;
    if (is_good) {
        s->asking = asking;
        s->wanted = wanted;
        s->last = asking->now / US_PER_MS / (wanted->part_ms != 0 ? wanted->part_ms : MS_PER_HOUR);
        s->is_whole = wanted->observer_count <= OBSERVERS_MAX;
        s->each = each;
        s->context = context;
        is_good = wanted->part_ms != 0 ? lack_all(s) : read_days(s) && ask_sums(s);
    }
    for (size_t i = 0; is_good && i < SPANS_MAX; i++)
        is_good = ask_facts(s, i);
    *out_whole = is_good && s->is_whole && shards_missing(asking->shards->question) == 0;
    free(s);
    if (!is_good)
        shard_question_fail(asking->shards->question);
    return is_good;
}
