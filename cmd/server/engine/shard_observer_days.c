/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_observer_days.h"

#include "cmd/server/engine/shard_sums.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/shards/shard_question.h"
#include "cmd/server/shards/sql.h"
#include "common/sums/sums_sql.h"

#include <inttypes.h>

#define BUDGET_US ((mono_us)20 * US_PER_S)
#define TRY_MS    10000

static void note_sum(void *context, const struct engine_sum *sum)
{
    struct observer_day *day = observer_days_take(context, sum->key);
    if (day == NULL)
        return;
    if (sum->kind == ROLLUP_OBSERVER)
        day->heard += (int64_t)sum->observations;
    else
        day->invented += (int64_t)sum->observations;
}

static bool count_heard(const struct model *model, int64_t from_hour, struct observer_days *to)
{
    const struct engine_sums wanted = {.kinds = SUMS_KIND(ROLLUP_OBSERVER) |
                                                SUMS_KIND(ROLLUP_INVENTED_RF),
                                       .is_by_observer = true,
                                       .from_hour = from_hour};
    struct asking asking;
    struct err err = {0};
    bool is_whole = false;
    if (asking_begin_own(&asking, model, NULL, BUDGET_US, &err) != STATUS_OK)
        return false;
    const bool is_told = shard_sums(&asking, &wanted, note_sum, to, &is_whole);
    return asking_end(&asking) == READER_ANSWERED && is_told && is_whole;
}

static bool read_skews(const struct model *model, struct shard_question *q,
                       struct observer_days *to)
{
    struct shard_rows rows = shard_rows(q);
    while (shard_rows_next(&rows)) {
        const uint64_t number = rowbinary_read_u64(&rows.row);
        const int64_t n = rowbinary_read_i64(&rows.row);
        const int64_t id = shard_ids_of(shards_ids(model->shards), SHARD_OBSERVER, number);
        struct observer_day *day = observer_days_take(to, id);
        if (day != NULL)
            day->skews += n;
    }
    return shard_rows_end(&rows);
}

static bool count_skews(const struct model *model, int64_t from_hour, struct observer_days *to)
{
    struct shard_question *q = shard_question_begin(model->shards, BUDGET_US, TRY_MS);
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT observer, toInt64(sum(most)) FROM (SELECT observer, hour, max(c) AS most FROM"
            " (SELECT observer, hour, argMax(n, ver) AS c FROM observer_skew WHERE day >= %" PRId64
            " AND hour >= %" PRId64 " GROUP BY observer, hour, ingestor) GROUP BY observer, hour)"
            " GROUP BY observer FORMAT RowBinary",
            from_hour / 24, from_hour);
    const bool is_read = q != NULL && !sql.is_cut && shard_ask(q, sql.text) &&
                         shards_missing(q) == 0 && read_skews(model, q, to);
    sql_done(&sql);
    shard_question_end(q);
    return is_read;
}

void shard_observer_days(const void *context, struct observer_days *to)
{
    const struct model *model = context;
    const int64_t from_hour = observer_day_begins(clock_wall());
    to->has_heard = count_heard(model, from_hour, to);
    to->has_skews = count_skews(model, from_hour, to);
}
