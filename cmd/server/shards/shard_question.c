/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_question.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_SHARD SIZE_MAX

struct shard_question {
    struct shards *shards;
    struct clickhouse_many *many;
    mono_us deadline;
    int try_ms;
    bool has_failed, is_older;
    struct asked {
        struct clickhouse_server server;
        struct clickhouse_errand errand;
        char seconds[12];    /* the server's own limit */
        size_t first, tried; /* of its replicas: where it began, how many it is past */
        size_t replica;
        bool is_last;    /* that is up */
        bool is_open;    /* to be asked yet */
        bool is_missing; /* once, for all of the question */
    } * asked;           /* a shard each */
};

/* --- life ------------------------------------------------------------------------------------- */

struct shard_question *shard_question_begin(struct shards *s, mono_us budget, int try_ms)
{
    struct shard_question *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->shards = s;
    q->try_ms = try_ms;
    q->deadline = clock_mono() + budget;
    q->asked = calloc(shards_count(s), sizeof *q->asked);
    q->many = shards_take_many(s);
    if (q->asked != NULL && q->many != NULL)
        return q;
    shard_question_end(q);
    return NULL;
}

static void forget(struct shard_question *q)
{
    for (size_t i = 0; q->asked != NULL && i < shard_question_shards(q); i++)
        clickhouse_answer_done(&q->asked[i].errand.answer);
}

void shard_question_end(struct shard_question *q)
{
    if (q == NULL)
        return;
    forget(q);
    shards_give_many(q->shards, q->many);
    free(q->asked);
    free(q);
}

size_t shard_question_shards(const struct shard_question *q)
{
    return shards_count(q->shards);
}

/* False = none is left. */
static bool choose(const struct shards *s, size_t shard, struct asked *asked)
{
    const size_t count = shards_replicas(s, shard);
    const size_t at = shards_next_up(s, shard, asked->first, asked->tried);
    asked->replica = at < count ? (asked->first + at) % count : NO_SHARD;
    asked->tried = at + 1;
    asked->is_last = shards_next_up(s, shard, asked->first, at + 1) >= count;
    return asked->replica != NO_SHARD;
}

/* The last that can be asked has half of the time that is left: it may only be slow. */
static int time_for(const struct shard_question *q, const struct asked *asked)
{
    const int64_t left = (q->deadline - clock_mono()) / US_PER_MS;
    const int64_t most = asked->is_last && left / 2 > q->try_ms ? left / 2 : q->try_ms;
    return (int)(left < most ? left : most);
}

/* Of all whose answer is open. How many are asked. */
static size_t ask_once(struct shard_question *q, const char *const *sqls)
{
    struct shards *s = q->shards;
    struct clickhouse_errand errands[CONFIG_SHARDS_MAX] = {{.call = NULL}};
    struct clickhouse_call calls[CONFIG_SHARDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < shards_count(s); i++) {
        struct asked *asked = &q->asked[i];
        asked->replica = NO_SHARD;
        if (!asked->is_open || !choose(s, i, asked))
            continue;
        const int ms = time_for(q, asked);
        if (ms <= 0) {
            asked->replica = NO_SHARD;
            continue;
        }
        asked->server = shards_server(s, i, asked->replica);
        (void)snprintf(asked->seconds, sizeof asked->seconds, "%d", ms / 1000 + 1);
        calls[i] = (struct clickhouse_call){.statement = sqls[i],
                                            .settings = {{"max_execution_time", asked->seconds}},
                                            .asks_rows = true,
                                            .answer_max = SHARDS_ANSWER_MAX,
                                            .connect_ms = ms < q->try_ms ? ms : q->try_ms,
                                            .total_ms = ms,
                                            .stop = shards_stopping(s)};
        errands[i] = (struct clickhouse_errand){.server = &asked->server, .call = &calls[i]};
        count++;
    }
    if (count > 0)
        clickhouse_many_ask(q->many, errands, shards_count(s));
    for (size_t i = 0; i < shards_count(s); i++) {
        if (errands[i].call != NULL)
            q->asked[i].errand = errands[i];
    }
    return count;
}

/* What a server refuses says nothing against its other answers; nor does what takes it too long,
 * where no other can be asked in its place: all would be without an answer then for the sake of a
 * large one. Whether it hangs the next probe tells. */
static bool is_away(const struct asked *asked)
{
    const struct clickhouse_judgement *is = &asked->errand.answer.is;
    return is->code == 0 && (is->verdict == CLICKHOUSE_TEMPORARY ||
                             (is->verdict == CLICKHOUSE_UNKNOWN && !asked->is_last));
}

static void judge(struct shard_question *q, size_t shard)
{
    struct asked *asked = &q->asked[shard];
    const struct clickhouse_judgement *is = &asked->errand.answer.is;
    struct shards *s = q->shards;
    if (is->verdict == CLICKHOUSE_DONE) {
        asked->is_open = false;
        shards_prefer(s, shard, asked->replica);
        return;
    }
    if (!atomic_load(shards_stopping(s)) && is_away(asked))
        shards_note(s, shard, asked->replica, is->text);
    else if (!atomic_load(shards_stopping(s)))
        shards_note_fault(s, shard, asked->replica, is->text);
    q->is_older |= is->code == CLICKHOUSE_UNKNOWN_TABLE;
    clickhouse_answer_done(&asked->errand.answer);
}

bool shard_ask_each(struct shard_question *q, const char *const *sqls)
{
    struct shards *s = q->shards;
    size_t wanted = 0;
    size_t missing = 0;
    forget(q);
    for (size_t i = 0; i < shards_count(s); i++) {
        struct asked *asked = &q->asked[i];
        wanted += sqls[i] != NULL;
        asked->is_open = sqls[i] != NULL && !asked->is_missing && !q->has_failed;
        asked->first = shards_preferred(s, i);
        asked->tried = 0;
        asked->replica = NO_SHARD;
    }
    while (ask_once(q, sqls) > 0) {
        for (size_t i = 0; i < shards_count(s); i++) {
            if (q->asked[i].is_open && q->asked[i].replica != NO_SHARD)
                judge(q, i);
        }
    }
    for (size_t i = 0; i < shards_count(s); i++) {
        q->asked[i].is_missing |= q->asked[i].is_open;
        missing += sqls[i] != NULL && q->asked[i].is_missing;
    }
    q->has_failed |= wanted > 0 && missing == wanted && shards_missing(q) == shards_count(s);
    return !q->has_failed;
}

bool shard_ask(struct shard_question *q, const char *sql)
{
    const char *sqls[CONFIG_SHARDS_MAX] = {NULL};
    for (size_t i = 0; i < shard_question_shards(q); i++)
        sqls[i] = sql;
    return shard_ask_each(q, sqls);
}

static void read_shard(struct shard_rows *rows)
{
    const struct clickhouse_answer *answer = &rows->question->asked[rows->shard].errand.answer;
    rowbinary_read(&rows->row, answer->body != NULL ? answer->body : "", answer->len);
}

struct shard_rows shard_rows(struct shard_question *q)
{
    struct shard_rows rows = {.question = q};
    read_shard(&rows);
    return rows;
}

bool shard_rows_next(struct shard_rows *rows)
{
    const size_t last = shard_question_shards(rows->question) - 1;
    for (; rowbinary_is_end(&rows->row) && rows->shard < last; read_shard(rows))
        rows->shard++;
    return !rows->question->has_failed && rowbinary_has_more(&rows->row);
}

bool shard_rows_end(struct shard_rows *rows)
{
    if (shard_rows_next(rows) || !rowbinary_is_end(&rows->row))
        shard_question_fail(rows->question);
    return !rows->question->has_failed;
}

void shard_question_fail(struct shard_question *q)
{
    q->has_failed = true;
}

bool shard_question_has_failed(const struct shard_question *q)
{
    return q->has_failed;
}

bool shard_question_is_older(const struct shard_question *q)
{
    return q->is_older;
}

bool shard_is_missing(const struct shard_question *q, size_t shard)
{
    return q->asked[shard].is_missing;
}

size_t shards_missing(const struct shard_question *q)
{
    size_t count = 0;
    for (size_t i = 0; i < shard_question_shards(q); i++)
        count += q->asked[i].is_missing;
    return count;
}

uint64_t shards_missing_bits(const struct shard_question *q)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < shard_question_shards(q); i++)
        bits |= (uint64_t)q->asked[i].is_missing << i;
    return bits;
}

mono_us shard_question_deadline(const struct shard_question *q)
{
    return q->deadline;
}
