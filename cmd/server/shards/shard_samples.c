/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_samples.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>

#define SLOTS_A_DAY (MS_PER_DAY / 300000)

struct samples {
    struct engine_sample *all; /* owned */
    size_t count, cap;
};

/* False = no memory. */
static bool read_sample(struct samples *s, struct shard_ids *ids, struct rowbinary_reader *row)
{
    struct engine_sample *longer = grow(s->all, s->count, &s->cap, sizeof *longer);
    if (longer == NULL)
        return false;
    s->all = longer;
    struct engine_sample *one = &s->all[s->count++];
    one->observer_id = shard_ids_of(ids, SHARD_OBSERVER, rowbinary_read_u64(row));
    one->receipt_ms = rowbinary_read_i64(row);
    one->noise_floor = shard_read_float(row);
    one->battery_mv = shard_read_float(row);
    one->uptime_secs = shard_read_real(row);
    one->tx_air_secs = shard_read_real(row);
    one->rx_air_secs = shard_read_real(row);
    one->recv_errors = shard_read_real(row);
    one->packets_sent = shard_read_real(row);
    one->packets_recv = shard_read_real(row);
    return true;
}

#define FIRST(column)                                                                              \
    ", if(argMin(isNull(" #column "), (receipt_ms, payload_hash)), NULL,"                          \
    " argMin(assumeNotNull(" #column "), (receipt_ms, payload_hash)))"

static void write_samples(struct sql *sql, struct asking *asking,
                          const struct engine_samples *wanted)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    const int64_t from_day = wanted->from_slot / SLOTS_A_DAY;
    const int64_t to_day = wanted->to_slot / SLOTS_A_DAY;
    sql_add(sql,
            "SELECT observer, min(receipt_ms)" FIRST(noise_floor) FIRST(battery_mv)
                FIRST(uptime_secs) FIRST(tx_air_secs) FIRST(rx_air_secs) FIRST(recv_errors)
                    FIRST(packets_sent) FIRST(packets_recv) " FROM samples WHERE observer IN (0");
    for (size_t i = 0; i < wanted->count; i++) {
        uint64_t number;
        if (shard_ids_number(ids, SHARD_OBSERVER, wanted->observers[i], &number))
            sql_add(sql, ",%" PRIu64, number);
    }
    sql_add(sql,
            ") AND day >= %" PRId64 " AND day <= %" PRId64 " AND slot >= %" PRId64
            " AND slot <= %" PRId64 " GROUP BY observer, slot ORDER BY observer, slot%s"
            " LIMIT %zu FORMAT RowBinary",
            from_day > 0 ? from_day : 0, to_day > 0 ? to_day : 0,
            wanted->from_slot > 0 ? wanted->from_slot : 0,
            wanted->to_slot > 0 ? wanted->to_slot : 0,
            wanted->is_one_each ? " DESC LIMIT 1 BY observer" : "", wanted->max);
}

static int by_observer(const void *a, const void *b)
{
    const struct engine_sample *x = a;
    const struct engine_sample *y = b;
    if (x->observer_id != y->observer_id)
        return x->observer_id < y->observer_id ? -1 : 1;
    return (x->receipt_ms > y->receipt_ms) - (x->receipt_ms < y->receipt_ms);
}

/* An observer's samples lie on one shard. */
static bool read_samples(struct asking *asking, size_t max, struct samples *s, bool *out_all)
{
    struct shard_question *question = asking->shards->question;
    struct shard_ids *ids = shards_ids(asking->model->shards);
    struct shard_rows rows = shard_rows(question);
    size_t shard = 0;
    size_t count = 0;
    *out_all = true;
    for (; shard_rows_next(&rows); shard = rows.shard) {
        if (!read_sample(s, ids, &rows.row))
            break;
        count = shard == rows.shard ? count + 1 : 1;
        *out_all &= count < max;
    }
    return shard_rows_end(&rows);
}

bool shard_samples(struct asking *asking, const struct engine_samples *wanted,
                   void (*each)(void *context, const struct engine_sample *sample), void *context,
                   bool *out_all)
{
    struct samples samples = {.all = NULL};
    struct sql sql;
    sql_begin(&sql);
    write_samples(&sql, asking, wanted);
    const bool is_read =
        shard_asking_ask(asking, &sql) && read_samples(asking, wanted->max, &samples, out_all);
    if (is_read && samples.count > 0)
        qsort(samples.all, samples.count, sizeof *samples.all, by_observer);
    for (size_t i = 0; is_read && i < samples.count; i++)
        each(context, &samples.all[i]);
    free(samples.all);
    return is_read;
}
