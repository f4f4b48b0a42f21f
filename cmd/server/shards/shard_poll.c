/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_poll.h"

#include "cmd/server/shards/shard_counts.h"
#include "cmd/server/shards/shard_ingestors.h"
#include "cmd/server/shards/shard_question.h"
#include "cmd/server/shards/sql.h"
#include "cmd/server/state/ticker.h"
#include "common/base/seqlock.h"
#include "common/db/schema.h"

#include <inttypes.h>
#include <stdlib.h>

#define LOOK_BUDGET_US ((mono_us)15 * US_PER_S)
#define LOOK_TRY_MS    10000
#define LOOK_SHARE     50 /* of the time: a fiftieth */
#define LOOK_MOST_US   ((mono_us)60 * US_PER_S)
#define STORE_SCHEMA   1
#define SIZE_LOOK_US   ((mono_us)10 * US_PER_S)
#define SIZE_BUDGET_US ((mono_us)2 * US_PER_S)
#define SIZE_TRY_MS    1000

static const char SQL_NODES[] =
    "SELECT toInt64(count()), toInt64(countIf(h >= %" PRId64 ")), toInt64(countIf(r = 1)),"
    " toInt64(countIf(r = 2)), toInt64(countIf(r = 3)), toInt64(countIf(r = 4)) FROM"
    " (SELECT coalesce(argMax(role, (role_time, coalesce(role, 0))), 0) AS r,"
    "   greatest(coalesce(max(last_ms), 0), coalesce(max(last_relayed_ms), 0)) AS h"
    "  FROM nodes GROUP BY pubkey) FORMAT RowBinary";
static const char SQL_OBSERVERS[] =
    "SELECT toInt64(countIf(i != '" DB_UNKNOWN_OBSERVER "' OR s > 0)) FROM"
    " (SELECT any(identity) AS i, max(status_ms) AS s FROM observers GROUP BY id)"
    " FORMAT RowBinary";

static const char SQL_SIZES[] =
    "SELECT toInt64(sum(r)), toInt64(sum(b)), toInt64(sum(n)), toInt64(max(n)) FROM"
    " (SELECT count() AS n, sum(rows) AS r, sum(bytes_on_disk) AS b FROM system.parts"
    "  WHERE database = currentDatabase() AND active GROUP BY table, partition)"
    " FORMAT RowBinary";

struct shard_poll {
    /* constant after init */
    struct shards *shards;
    struct shared_slot *ingestors;
    struct ticker *counter;
    /* the poller's thread only */
    mono_us next_ingestors;
    mono_us away_since; /* 0 = all are there */
    /* the counter's thread only */
    struct shard_counting *counting;
    struct db_look look;
    mono_us next_sizes, next_look;
    /* atomic: by the counter */
    SEQLOCKED(struct db_look) published;
};

/* The sums over all shards of `count` columns. False = not of all. */
static bool sum(struct shard_question *q, const struct sql *sql, int64_t *out, size_t count)
{
    size_t told = 0;
    for (size_t i = 0; i < count; i++)
        out[i] = 0;
    if (sql->is_cut || !shard_ask(q, sql->text) || shards_missing(q) > 0)
        return false;
    struct shard_rows rows = shard_rows(q);
    for (; shard_rows_next(&rows); told++) {
        for (size_t j = 0; j < count; j++)
            out[j] += rowbinary_read_i64(&rows.row);
    }
    return shard_rows_end(&rows) && told == shard_question_shards(q);
}

/* In the order of the statement's columns; all or none. */
static void put(bool is_known, const int64_t *from, int64_t *const *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *to[i] = is_known ? from[i] : DB_UNKNOWN;
}

static void look_at_nodes(struct shard_question *q, struct sql *sql, int64_t now_ms,
                          struct db_look *look)
{
    int64_t got[6];
    int64_t *const nodes[] = {&look->nodes,     &look->nodes_week, &look->companions,
                              &look->repeaters, &look->rooms,      &look->sensors};
    int64_t *const observers[] = {&look->observers};
    sql_clear(sql);
    sql_add(sql, SQL_NODES, now_ms - 7 * MS_PER_DAY);
    put(sum(q, sql, got, ARRAY_LEN(nodes)), got, nodes, ARRAY_LEN(nodes));
    sql_clear(sql);
    sql_add(sql, "%s", SQL_OBSERVERS);
    put(sum(q, sql, got, 1), got, observers, 1);
}

static void look_at_day(struct shard_question *q, struct sql *sql, int64_t now_ms,
                        struct db_look *look)
{
    int64_t got[2];
    int64_t *const recent[] = {&look->observations_hour, &look->observations_day};
    sql_clear(sql);
    sql_add(sql,
            "SELECT toInt64(countIf(f > %" PRId64 ")), toInt64(countIf(f > %" PRId64 ")) FROM"
            " (SELECT min(receipt_ms) AS f FROM obs WHERE ",
            now_ms - MS_PER_HOUR, now_ms - MS_PER_DAY);
    sql_hours(sql, now_ms / MS_PER_HOUR - 25, now_ms / MS_PER_HOUR + 24);
    sql_add(sql, " GROUP BY hash, observer, direction, path_size, path) FORMAT RowBinary");
    put(sum(q, sql, got, 2), got, recent, 2);
}

/* Of the replica that is asked; a shard that is away keeps what it had, which is not said. */
static void look_at_sizes(struct shards *shards)
{
    struct shard_question *q = shard_question_begin(shards, SIZE_BUDGET_US, SIZE_TRY_MS);
    const mono_us now = clock_mono();
    if (q != NULL && shard_ask(q, SQL_SIZES)) {
        struct shard_rows rows = shard_rows(q);
        while (shard_rows_next(&rows)) {
            struct shard_size size = {.asked_at = now};
            size.rows = rowbinary_read_i64(&rows.row);
            size.bytes = rowbinary_read_i64(&rows.row);
            size.parts = rowbinary_read_i64(&rows.row);
            size.most = rowbinary_read_i64(&rows.row);
            if (!rows.row.is_failed)
                shards_set_size(shards, rows.shard, &size);
        }
    }
    shard_question_end(q);
}

/* counts: NULL = none yet. */
static int64_t total_of(const struct shard_counts *counts, enum counted what)
{
    return counts != NULL && counts->is_known[what] ? counts->total[what] : DB_UNKNOWN;
}

/* I3. */
static void look(struct shard_poll *p)
{
    const mono_us began = clock_mono();
    const int64_t now_ms = clock_wall() / US_PER_MS;
    if (began < p->next_look)
        return;
    const bool is_counted = shard_count_some(p->counting);
    struct shard_question *q = shard_question_begin(p->shards, LOOK_BUDGET_US, LOOK_TRY_MS);
    const struct shard_counts *counts = shards_counts(p->shards);
    struct sql sql;
    if (q == NULL)
        return;
    sql_begin(&sql);
    look_at_nodes(q, &sql, now_ms, &p->look);
    look_at_day(q, &sql, now_ms, &p->look);
    p->look.transmissions = total_of(counts, COUNTED_PACKETS);
    p->look.observations = total_of(counts, COUNTED_OBSERVATIONS);
    sql_done(&sql);
    shard_counts_unref(counts);
    shard_question_end(q);
    seqlock_write(&p->published, &p->look);
    const mono_us pause = (clock_mono() - began) * LOOK_SHARE;
    p->next_look = clock_mono() + (!is_counted ? 0 : pause < LOOK_MOST_US ? pause : LOOK_MOST_US);
}

static void count_on_tick(void *arg)
{
    struct shard_poll *p = arg;
    bool is_any_up = false;
    for (size_t i = 0; i < shards_count(p->shards); i++)
        is_any_up |= shards_is_up(p->shards, i);
    if (!is_any_up)
        return;
    if (clock_mono() >= p->next_sizes) {
        p->next_sizes = clock_mono() + SIZE_LOOK_US;
        look_at_sizes(p->shards);
    }
    look(p);
}

/* --- the poller's turn ------------------------------------------------------------------------ */

static void take_look(struct shard_poll *p, struct db_state *state)
{
    seqlock_take(&p->published, &state->look);
    state->transmissions = state->look.transmissions;
    state->observations = state->look.observations;
    state->observers = state->look.observers;
    state->nodes = state->look.nodes;
}

enum status shard_poll(void *context, struct db_state *state, struct err *err)
{
    struct shard_poll *p = context;
    uint64_t away = 0;
    size_t up = 0;
    shards_probe(p->shards);
    for (size_t i = 0; i < shards_count(p->shards); i++) {
        const bool is_up = shards_is_up(p->shards, i);
        away |= (uint64_t)!is_up << i;
        up += is_up;
    }
    if (away == 0)
        p->away_since = 0;
    else if (p->away_since == 0)
        p->away_since = clock_mono();
    state->schema_version = STORE_SCHEMA;
    state->shards_away = (int64_t)away;
    state->shards_away_since = p->away_since;
    if (up == 0)
        return err_set(err, STATUS_IO, 0, NULL, "no shard of storeUrl answers");
    if (clock_mono() >= p->next_ingestors) {
        p->next_ingestors = clock_mono() + INGESTORS_LOOK_US;
        shard_ingestors_look(p->shards, p->ingestors);
    }
    take_look(p, state);
    return STATUS_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

struct shard_poll *shard_poll_new(struct shards *shards, struct shared_slot *ingestors)
{
    struct shard_poll *p = calloc(1, sizeof *p);
    struct db_state nothing = {0};
    if (p == NULL)
        return NULL;
    db_state_forget(&nothing);
    p->look = nothing.look;
    seqlock_write(&p->published, &p->look);
    p->shards = shards;
    p->ingestors = ingestors;
    p->counting = shard_counting_new(shards);
    if (p->counting != NULL)
        p->counter = ticker_new("weir-count", DB_POLLER_PERIOD_US, count_on_tick, p);
    if (p->counter != NULL && ticker_start(p->counter))
        return p;
    shard_poll_free(p);
    return NULL;
}

void shard_poll_free(struct shard_poll *p)
{
    if (p == NULL)
        return;
    ticker_free(p->counter);
    shard_counting_free(p->counting);
    free(p);
}
