/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/outbox.h"

#include "cmd/ingestor/facts/fact_source.h"
#include "common/clickhouse/gzip_body.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Chains of rings with messages that wait; more, and the outbox is full. */
#define CHAINS_MAX 512
/* In one transaction: 300 rings can be attached, and each batch notes each of them. */
#define NOTED_MAX 256
/* Blocks that one transaction deletes: 64 MiB at most. */
#define DELETED_MAX    64
#define OBSERVERS_KEPT 1024
#define CONSUMED       "consumed"
#define RECOVERED      "recovered"

static const char tables[] =
    /* into: the table and its columns, as an INSERT names them. body: gzip. */
    "CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, shard INTEGER NOT NULL,"
    " batch INTEGER NOT NULL, made_ms INTEGER NOT NULL, rows INTEGER NOT NULL, into_text TEXT NOT"
    " NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS outbox_shard ON outbox (shard, id);"
    "CREATE TABLE IF NOT EXISTS outbox_batches (id INTEGER PRIMARY KEY AUTOINCREMENT, blocks_left"
    " INTEGER NOT NULL) STRICT;"
    /* By chain and outcome; its messages under 'consumed'. */
    "CREATE TABLE IF NOT EXISTS outbox_outcomes (batch INTEGER NOT NULL, chain BLOB NOT NULL,"
    " outcome TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (batch, chain, outcome)) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS outbox_epoch (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER"
    " NOT NULL) STRICT;";

struct statements {
    struct statement batch_insert, block_insert, outcome_insert, sums, acknowledged, deleted,
        count_down, batches_done, done_outcomes, outcomes_delete, batch_delete, oldest, epoch;
};

static const struct statements blank = {
    .batch_insert = SQL("INSERT INTO outbox_batches (blocks_left) VALUES (0)"),
    .block_insert = SQL("INSERT INTO outbox (shard, batch, made_ms, rows, into_text, body) VALUES"
                        " (?1, ?2, ?3, ?4, ?5, ?6)"),
    .outcome_insert =
        SQL("INSERT INTO outbox_outcomes (batch, chain, outcome, n) VALUES (?1, ?2, ?3, ?4)"),
    .sums = SQL("SELECT chain, outcome, sum(n) FROM outbox_outcomes GROUP BY chain, outcome"),
    /* The last of those that one transaction deletes. */
    .acknowledged = SQL("SELECT max(id) FROM (SELECT id FROM outbox WHERE shard = ?1 AND id <= ?2"
                        " ORDER BY id LIMIT ?3)"),
    .deleted = SQL("DELETE FROM outbox WHERE shard = ?1 AND id <= ?2 RETURNING batch, rows,"
                   " length(body)"),
    .count_down = SQL("UPDATE outbox_batches SET blocks_left = blocks_left + ?2 WHERE id = ?1"),
    .batches_done = SQL("SELECT id FROM outbox_batches WHERE blocks_left <= 0 LIMIT 1"),
    .done_outcomes = SQL("SELECT chain, outcome, n FROM outbox_outcomes WHERE batch = ?1"),
    .outcomes_delete = SQL("DELETE FROM outbox_outcomes WHERE batch = ?1"),
    .batch_delete = SQL("DELETE FROM outbox_batches WHERE id = ?1"),
    .oldest = SQL("SELECT made_ms FROM outbox WHERE shard = ?1 ORDER BY id LIMIT 1"),
    .epoch = SQL("INSERT OR REPLACE INTO outbox_epoch (id, epoch) VALUES (1, ?1)"),
};

struct chain_sum {
    uint8_t chain[RING_UUID_BYTES];
    struct flusher_tuple tuple;
};

struct chain_sums {
    struct chain_sum all[CHAINS_MAX];
    size_t count;
};

struct shard {
    struct outbox_figures waiting; /* committed */
    struct outbox_figures change;  /* by the transaction in hand */
    int64_t acknowledged;          /* up to this id all left, with the transaction in hand */
    int64_t deleted;               /* the same, committed */
};

struct observer_number {
    int64_t id;
    uint64_t number;
};

struct outbox {
    struct connection *connection;
    struct statements sql;
    struct outbox_params params;
    struct fact_batch *batch;
    struct fact_known *known;
    struct fact_touched *touched;
    struct fact_known_entry news; /* of the record under way */
    bool has_news;
    struct observer_number observers[OBSERVERS_KEPT];
    struct chain_sums pending; /* I2, committed */
    struct chain_sums noted;   /* of the transaction in hand */
    struct chain_sums done;    /* of batches that it deletes */
    bool has_written;          /* it holds blocks of this transaction's batch */
    struct shard shards[OUTBOX_SHARDS_MAX];
    uint64_t epoch;
};

/* --- sums by chain ---------------------------------------------------------------------------- */

static struct chain_sum *sum_of(struct chain_sums *sums, const uint8_t *chain)
{
    for (size_t i = 0; i < sums->count; i++) {
        if (memcmp(sums->all[i].chain, chain, RING_UUID_BYTES) == 0)
            return &sums->all[i];
    }
    if (sums->count == CHAINS_MAX)
        return NULL;
    struct chain_sum *sum = &sums->all[sums->count++];
    *sum = (struct chain_sum){.tuple.consumed = 0};
    memcpy(sum->chain, chain, RING_UUID_BYTES);
    return sum;
}

/* By name, as the rows have it. */
static uint64_t *count_named(struct flusher_tuple *tuple, const char *name)
{
    char text[40];
    if (strcmp(name, CONSUMED) == 0)
        return &tuple->consumed;
    if (strcmp(name, RECOVERED) == 0)
        return &tuple->recovered;
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (strcmp(outcome_name(o, text, sizeof text), name) == 0)
            return &tuple->outcomes[o];
    }
    return NULL; /* of a newer program */
}

/* The statement's rows: chain, outcome, n. */
static enum status read_sums(struct statement *rows, struct chain_sums *out)
{
    enum status status = STATUS_OK;
    while ((status = statement_row(rows)) == STATUS_OK) {
        char name[40];
        const void *chain = sqlite3_column_blob(rows->handle, 0);
        copy_column(name, sizeof name, rows, 1);
        struct chain_sum *sum =
            chain != NULL && sqlite3_column_bytes(rows->handle, 0) == RING_UUID_BYTES
                ? sum_of(out, chain)
                : NULL;
        uint64_t *count = sum != NULL ? count_named(&sum->tuple, name) : NULL;
        if (count != NULL)
            *count += (uint64_t)column_int(rows, 2);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void add_sums(struct chain_sums *total, const struct chain_sums *part, int sign)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct flusher_tuple *from = &part->all[i].tuple;
        struct chain_sum *to = sum_of(total, part->all[i].chain);
        if (to == NULL)
            continue; /* outbox_is_full keeps room */
        to->tuple.consumed += sign > 0 ? from->consumed : -from->consumed;
        to->tuple.recovered += sign > 0 ? from->recovered : -from->recovered;
        for (size_t o = 0; o < OUTCOME_COUNT; o++)
            to->tuple.outcomes[o] += sign > 0 ? from->outcomes[o] : -from->outcomes[o];
    }
}

static void drop_empty(struct chain_sums *sums)
{
    static const struct flusher_tuple nothing;
    for (size_t i = sums->count; i-- > 0;) {
        if (memcmp(&sums->all[i].tuple, &nothing, sizeof nothing) == 0)
            sums->all[i] = sums->all[--sums->count];
    }
}

void outbox_pending(const struct outbox *outbox, const uint8_t chain[static RING_UUID_BYTES],
                    struct flusher_tuple *out)
{
    *out = (struct flusher_tuple){.consumed = 0};
    for (size_t i = 0; outbox != NULL && i < outbox->pending.count; i++) {
        if (memcmp(outbox->pending.all[i].chain, chain, RING_UUID_BYTES) == 0)
            *out = outbox->pending.all[i].tuple;
    }
}

/* --- open and close --------------------------------------------------------------------------- */

static enum status load_shards(struct outbox *o, struct err *err)
{
    struct statement list =
        SQL("SELECT shard, count(*), sum(rows), sum(length(body)) FROM outbox GROUP BY shard");
    enum status status = statements_prepare(o->connection, &list, 1, err);
    while (status == STATUS_OK && (status = statement_row(&list)) == STATUS_OK) {
        const int64_t shard = column_int(&list, 0);
        if (shard < 0 || shard >= OUTBOX_SHARDS_MAX)
            continue;
        o->shards[shard].waiting = (struct outbox_figures){.blocks = column_int(&list, 1),
                                                           .rows = column_int(&list, 2),
                                                           .bytes = column_int(&list, 3)};
    }
    statements_finalize(&list, 1);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status begin_epoch(struct outbox *o, struct err *err)
{
    if (getrandom(&o->epoch, sizeof o->epoch, 0) != (ssize_t)sizeof o->epoch)
        return err_set(err, STATUS_IO, 0, NULL, "no random number");
    o->epoch = (o->epoch >> 1) | 1; /* positive as an INTEGER, and never 0 */
    bind_int(&o->sql.epoch, 1, (int64_t)o->epoch);
    const enum status status = statement_run(&o->sql.epoch);
    return status == STATUS_OK ? status
                               : err_set(err, status, 0, "outbox", "%s", o->connection->error);
}

static enum status open_all(struct outbox *o, struct err *err)
{
    o->batch = fact_batch_new(o->params.shards);
    o->known = fact_known_new();
    if (o->batch == NULL || o->known == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the outbox");
    enum status status = db_exec(o->connection->db, tables, err);
    if (status == STATUS_OK)
        status = statements_prepare(o->connection, &o->sql.batch_insert,
                                    sizeof o->sql / sizeof(struct statement), err);
    if (status == STATUS_OK)
        status = load_shards(o, err);
    if (status == STATUS_OK && (status = read_sums(&o->sql.sums, &o->pending)) != STATUS_OK)
        return err_set(err, status, 0, "outbox", "%s", o->connection->error);
    if (status == STATUS_OK)
        status = fact_touched_open(o->connection, &o->touched, err);
    return status == STATUS_OK ? begin_epoch(o, err) : status;
}

enum status outbox_open(struct connection *connection, const struct outbox_params *params,
                        struct outbox **out, struct err *err)
{
    struct outbox *o = calloc(1, sizeof *o);
    assert(params->shards > 0 && params->shards <= OUTBOX_SHARDS_MAX);
    if (o == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the outbox");
    o->connection = connection;
    o->params = *params;
    o->sql = blank;
    const enum status status = open_all(o, err);
    if (status != STATUS_OK) {
        outbox_close(o);
        return status;
    }
    *out = o;
    return STATUS_OK;
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    statements_finalize(&outbox->sql.batch_insert, sizeof outbox->sql / sizeof(struct statement));
    fact_touched_close(outbox->touched);
    fact_known_free(outbox->known);
    fact_batch_free(outbox->batch);
    free(outbox);
}

static enum status ask(struct connection *connection, const char *sql, int64_t *out,
                       struct err *err)
{
    struct statement statement = {.sql = sql};
    enum status status = statements_prepare(connection, &statement, 1, err);
    if (status == STATUS_OK && (status = statement_number(&statement, out)) != STATUS_OK)
        err_set(err, status, 0, "outbox", "%s", connection->error);
    statements_finalize(&statement, 1);
    return status;
}

enum status outbox_left_over(struct connection *connection, int64_t *out, struct err *err)
{
    *out = 0;
    int64_t has_table = 0;
    const enum status status = ask(
        connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'outbox'", &has_table, err);
    return status == STATUS_OK && has_table > 0
               ? ask(connection, "SELECT count(*) FROM outbox", out, err)
               : status;
}

/* --- a record --------------------------------------------------------------------------------- */

void outbox_mark(struct outbox *outbox)
{
    fact_batch_mark(outbox->batch);
    outbox->has_news = false;
}

void outbox_undo(struct outbox *outbox)
{
    fact_batch_undo(outbox->batch);
    outbox->has_news = false;
}

void outbox_keep(struct outbox *outbox)
{
    if (outbox->has_news)
        fact_known_keep(outbox->known, &outbox->news);
    outbox_mark(outbox);
}

struct fact_row *outbox_row(struct outbox *outbox, enum fact fact)
{
    return fact_batch_begin(outbox->batch, fact);
}

enum status outbox_add(struct outbox *outbox)
{
    return fact_batch_end(outbox->batch, 0) ? STATUS_OK : STATUS_NO_MEMORY;
}

uint64_t outbox_observer(struct outbox *outbox, int64_t id, const char *identity)
{
    struct observer_number *kept = &outbox->observers[(uint64_t)id % OBSERVERS_KEPT];
    if (kept->id != id || id == 0)
        *kept = (struct observer_number){id, fact_number_of_text(identity, strlen(identity))};
    return kept->number;
}

enum status outbox_reception(struct outbox *outbox, const struct fact_reception *reception)
{
    const enum fact_news news = fact_known_look(outbox->known, reception, &outbox->news);
    if (news == FACT_REPEATS)
        return STATUS_EXISTS;
    fact_put_obs(outbox_row(outbox, FACT_OBS), reception);
    const enum status status = outbox_add(outbox);
    outbox->has_news = status == STATUS_OK;
    return status == STATUS_OK && news == FACT_ADDS ? STATUS_EXISTS : status;
}

/* --- a transaction ---------------------------------------------------------------------------- */

bool outbox_has_rows(const struct outbox *outbox)
{
    return fact_batch_rows(outbox->batch) > 0;
}

void outbox_hurry(struct outbox *outbox)
{
    fact_touched_hurry(outbox->touched);
}

bool outbox_is_due(const struct outbox *outbox, mono_us now)
{
    return fact_touched_is_due(outbox->touched, now);
}

bool outbox_is_full(const struct outbox *outbox)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < OUTBOX_SHARDS_MAX; i++)
        bytes += outbox->shards[i].waiting.bytes;
    return bytes >= outbox->params.max_bytes || outbox->pending.count > CHAINS_MAX - NOTED_MAX;
}

void outbox_note(struct outbox *outbox, const uint8_t chain[static RING_UUID_BYTES],
                 const struct flusher_tuple *before, const struct flusher_tuple *after)
{
    struct chain_sum *sum = sum_of(&outbox->noted, chain);
    if (sum == NULL)
        return; /* NOTED_MAX chains are attached at most */
    sum->tuple.consumed += after->consumed - before->consumed;
    sum->tuple.recovered += after->recovered - before->recovered;
    for (size_t o = 0; o < OUTCOME_COUNT; o++)
        sum->tuple.outcomes[o] += after->outcomes[o] - before->outcomes[o];
}

/* The row of a batch that has no block left leaves, with its counts. */
static enum status delete_done(struct outbox *o)
{
    int64_t batch = 0;
    enum status status = STATUS_OK;
    while ((status = statement_number(&o->sql.batches_done, &batch)) == STATUS_OK) {
        bind_int(&o->sql.done_outcomes, 1, batch);
        status = read_sums(&o->sql.done_outcomes, &o->done);
        bind_int(&o->sql.outcomes_delete, 1, batch);
        if (status == STATUS_OK)
            status = statement_run(&o->sql.outcomes_delete);
        bind_int(&o->sql.batch_delete, 1, batch);
        if (status == STATUS_OK)
            status = statement_run(&o->sql.batch_delete);
        if (status != STATUS_OK)
            return status;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status count_batch(struct outbox *o, int64_t batch, int64_t blocks)
{
    bind_int(&o->sql.count_down, 1, batch);
    bind_int(&o->sql.count_down, 2, blocks);
    return statement_run(&o->sql.count_down);
}

/* Of each deleted block its batch, for the counts behind it: RETURNING is done with first. */
static enum status delete_blocks(struct outbox *o, size_t shard, int64_t last)
{
    int64_t batches[DELETED_MAX];
    size_t count = 0;
    struct outbox_figures *change = &o->shards[shard].change;
    bind_int(&o->sql.deleted, 1, (int64_t)shard);
    bind_int(&o->sql.deleted, 2, last);
    enum status status = STATUS_OK;
    while ((status = statement_row(&o->sql.deleted)) == STATUS_OK) {
        assert(count < DELETED_MAX);
        batches[count++] = column_int(&o->sql.deleted, 0);
        change->blocks--;
        change->rows -= column_int(&o->sql.deleted, 1);
        change->bytes -= column_int(&o->sql.deleted, 2);
    }
    if (status != STATUS_NOT_FOUND)
        return status;
    status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = count_batch(o, batches[i], -1);
    return status;
}

bool outbox_may_acknowledge(const struct outbox *outbox, size_t shard, uint64_t epoch, int64_t id)
{
    return epoch == outbox->epoch && shard < OUTBOX_SHARDS_MAX &&
           id > outbox->shards[shard].deleted;
}

enum status outbox_acknowledge(struct outbox *outbox, size_t shard, uint64_t epoch, int64_t id)
{
    int64_t last = 0;
    if (!outbox_may_acknowledge(outbox, shard, epoch, id))
        return STATUS_OK;
    bind_int(&outbox->sql.acknowledged, 1, (int64_t)shard);
    bind_int(&outbox->sql.acknowledged, 2, id);
    bind_int(&outbox->sql.acknowledged, 3, DELETED_MAX);
    enum status status = statement_number(&outbox->sql.acknowledged, &last);
    if (status == STATUS_OK && last > 0)
        status = delete_blocks(outbox, shard, last);
    if (status == STATUS_OK && last > 0)
        status = delete_done(outbox);
    outbox->shards[shard].acknowledged = last > 0 ? last : id;
    return status;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static enum status write_block(struct outbox *o, int64_t batch, int64_t now_ms,
                               const struct fact_block *block)
{
    char into[FACT_SQL_MAX];
    uint8_t *body = NULL;
    size_t len = 0;
    struct statement *sql = &o->sql.block_insert;
    if (!gzip_body(block->bytes, block->len, &body, &len))
        return STATUS_NO_MEMORY;
    fact_table_into(&fact_tables[block->fact], into);
    bind_int(sql, 1, (int64_t)block->shard);
    bind_int(sql, 2, batch);
    bind_int(sql, 3, now_ms);
    bind_int(sql, 4, (int64_t)block->rows);
    bind_text(sql, 5, into);
    bind_blob(sql, 6, body, len);
    const enum status status = statement_run(sql);
    free(body);
    struct outbox_figures *change = &o->shards[block->shard].change;
    change->blocks++;
    change->rows += (int64_t)block->rows;
    change->bytes += (int64_t)len;
    return status;
}

static enum status write_outcome(struct outbox *o, int64_t batch, const uint8_t *chain,
                                 const char *name, uint64_t n)
{
    struct statement *sql = &o->sql.outcome_insert;
    if (n == 0)
        return STATUS_OK;
    bind_int(sql, 1, batch);
    bind_blob(sql, 2, chain, RING_UUID_BYTES);
    bind_text(sql, 3, name);
    bind_int(sql, 4, (int64_t)n);
    return statement_run(sql);
}

static enum status write_noted(struct outbox *o, int64_t batch)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < o->noted.count; i++) {
        const struct chain_sum *sum = &o->noted.all[i];
        char name[40];
        status = write_outcome(o, batch, sum->chain, CONSUMED, sum->tuple.consumed);
        if (status == STATUS_OK)
            status = write_outcome(o, batch, sum->chain, RECOVERED, sum->tuple.recovered);
        for (enum outcome k = 0; status == STATUS_OK && k < OUTCOME_COUNT; k++)
            status = write_outcome(o, batch, sum->chain, outcome_name(k, name, sizeof name),
                                   sum->tuple.outcomes[k]);
    }
    return status;
}

enum status outbox_write(struct outbox *outbox, int64_t now_ms)
{
    struct fact_block block;
    bool has_failed = false;
    int64_t blocks = 0;
    enum status status = fact_touched_take(outbox->touched, now_ms, clock_mono(), outbox->batch);
    if (status != STATUS_OK || fact_batch_rows(outbox->batch) == 0)
        return status;
    status = statement_run(&outbox->sql.batch_insert);
    const int64_t batch = sqlite3_last_insert_rowid(outbox->connection->db);
    fact_batch_sort(outbox->batch);
    while (status == STATUS_OK && fact_batch_next(outbox->batch, &block, &has_failed)) {
        status = write_block(outbox, batch, now_ms, &block);
        blocks++;
    }
    if (has_failed)
        return STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = count_batch(outbox, batch, blocks);
    if (status == STATUS_OK)
        status = write_noted(outbox, batch);
    outbox->has_written = status == STATUS_OK;
    return status;
}

void outbox_committed(struct outbox *outbox)
{
    if (outbox->has_written)
        add_sums(&outbox->pending, &outbox->noted, 1);
    add_sums(&outbox->pending, &outbox->done, -1);
    drop_empty(&outbox->pending);
    for (size_t i = 0; i < OUTBOX_SHARDS_MAX; i++) {
        struct shard *shard = &outbox->shards[i];
        shard->waiting.blocks += shard->change.blocks;
        shard->waiting.rows += shard->change.rows;
        shard->waiting.bytes += shard->change.bytes;
        if (shard->acknowledged > shard->deleted)
            shard->deleted = shard->acknowledged;
    }
    fact_touched_committed(outbox->touched, clock_mono());
    outbox_clear(outbox);
}

void outbox_clear(struct outbox *outbox)
{
    fact_batch_clear(outbox->batch);
    outbox->has_news = false;
    outbox->has_written = false;
    outbox->noted.count = 0;
    outbox->done.count = 0;
    for (size_t i = 0; i < OUTBOX_SHARDS_MAX; i++) {
        outbox->shards[i].change = (struct outbox_figures){.blocks = 0};
        outbox->shards[i].acknowledged = 0;
    }
}

void outbox_forget(struct outbox *outbox)
{
    fact_known_clear(outbox->known);
    outbox_clear(outbox);
}

/* --- figures ---------------------------------------------------------------------------------- */

uint64_t outbox_epoch(const struct outbox *outbox)
{
    return outbox->epoch;
}

size_t outbox_shards(const struct outbox *outbox)
{
    size_t count = outbox->params.shards;
    for (size_t i = count; i < OUTBOX_SHARDS_MAX; i++) {
        if (outbox->shards[i].waiting.blocks > 0)
            count = i + 1;
    }
    return count;
}

enum status outbox_figures(struct outbox *outbox, size_t shard, struct outbox_figures *out)
{
    *out = outbox->shards[shard].waiting;
    if (out->blocks == 0)
        return STATUS_OK;
    bind_int(&outbox->sql.oldest, 1, (int64_t)shard);
    const enum status status = statement_number(&outbox->sql.oldest, &out->oldest_ms);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
