/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/refused/refusals.h"

#include "common/base/utf8.h"

#include <string.h>

#define HOURS (REFUSAL_DAYS * INT64_C(24))

struct refusals {
    struct statement add, prune, count, count_prune, taken_load, taken_save;
    struct refusal_gate gate; /* outlives a rollback: the second does, too */
    /* of the open transaction */
    uint64_t counts[OUTCOME_COUNT], noted[OUTCOME_COUNT];
    bool has_counts;
    int64_t pruned_hour;
};

static const struct refusals blank = {
    .add = SQL("INSERT INTO refusals (receipt_ms, rule, config_key, source, topic, observer, hash,"
               " node, bytes, records) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
    .prune = SQL("DELETE FROM refusals WHERE id <= ?1"),
    .count = SQL("INSERT INTO refusal_hours (hour, rule, records, noted) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (hour, rule) DO UPDATE SET records = records + excluded.records,"
                 " noted = noted + excluded.noted"),
    /* A clock that was ahead for a while leaves hours of the future. */
    .count_prune = SQL("DELETE FROM refusal_hours WHERE hour < ?1 OR hour > ?2"),
    .taken_load = SQL("SELECT worker, cause, taken FROM refusal_slots WHERE run = ?1"),
    .taken_save = SQL("INSERT INTO refusal_slots (worker, cause, run, taken) VALUES (?1, ?2, ?3,"
                      " ?4) ON CONFLICT (worker, cause) DO UPDATE SET run = excluded.run,"
                      " taken = excluded.taken"),
};

struct refusals *refusals_open(struct connection *connection, struct err *err)
{
    return connection_part(connection, &blank, sizeof blank,
                           STATEMENTS_BEFORE(struct refusals, gate), err);
}

/* --- facts ------------------------------------------------------------------------------------ */

void refusal_facts_init(struct refusal_facts *facts, enum refusal cause, const char *source,
                        int64_t receipt_ms)
{
    facts->cause = cause;
    facts->receipt_ms = receipt_ms;
    facts->source = source;
    facts->topic[0] = '\0';
    facts->observer[0] = '\0';
    facts->has_hash = false;
    facts->node_len = 0;
    facts->bytes = -1;
    facts->records = 1;
}

void refusal_facts_topic(struct refusal_facts *facts, const char *topic, size_t len)
{
    utf8_clean(facts->topic, sizeof facts->topic, (const uint8_t *)topic, len);
}

void refusal_facts_observer(struct refusal_facts *facts, const char *observer, size_t len)
{
    utf8_clean(facts->observer, sizeof facts->observer, (const uint8_t *)observer, len);
}

/* --- rows ------------------------------------------------------------------------------------- */

bool refusals_have_room(struct refusals *refusals, const char *source, enum outcome outcome,
                        mono_us now)
{
    return refusal_gate_take(&refusals->gate, source, outcome, now);
}

void refusals_count(struct refusals *refusals, enum outcome outcome, uint64_t records)
{
    refusals->counts[outcome] += records;
    refusals->has_counts = true;
}

static void bind_facts(struct statement *add, const struct refusal_facts *facts, char *rule)
{
    const struct refusal_info *info = refusal_info(facts->cause);
    bind_int(add, 1, facts->receipt_ms);
    bind_text(add, 2, outcome_name(info->outcome, rule, OUTCOME_NAME_BYTES));
    bind_given(add, 3, info->option);
    bind_text(add, 4, facts->source);
    bind_given(add, 5, facts->topic);
    bind_given(add, 6, facts->observer);
    if (facts->has_hash)
        bind_blob(add, 7, facts->hash, sizeof facts->hash);
    if (facts->node_len > 0)
        bind_blob(add, 8, facts->node, facts->node_len);
    if (facts->bytes >= 0)
        bind_int(add, 9, facts->bytes);
    bind_int(add, 10, (int64_t)facts->records);
}

enum status refusals_add(struct refusals *refusals, const struct refusal_facts *facts)
{
    char rule[OUTCOME_NAME_BYTES];
    bind_facts(&refusals->add, facts, rule);
    const enum status status = statement_run(&refusals->add);
    if (status != STATUS_OK)
        return status;
    refusals->noted[refusal_info(facts->cause)->outcome] += facts->records;
    refusals->has_counts = true;
    /* Ids rise by one: the row goes that is one too many. */
    bind_int(&refusals->prune, 1,
             sqlite3_last_insert_rowid(refusals->add.connection->db) - REFUSALS_MAX);
    return statement_run(&refusals->prune);
}

/* --- counts ----------------------------------------------------------------------------------- */

static enum status write_one(struct refusals *refusals, enum outcome outcome, int64_t hour)
{
    char rule[OUTCOME_NAME_BYTES];
    bind_int(&refusals->count, 1, hour);
    bind_text(&refusals->count, 2, outcome_name(outcome, rule, sizeof rule));
    bind_int(&refusals->count, 3, (int64_t)refusals->counts[outcome]);
    bind_int(&refusals->count, 4, (int64_t)refusals->noted[outcome]);
    return statement_run(&refusals->count);
}

enum status refusals_write(struct refusals *refusals, int64_t now_ms)
{
    const int64_t hour = now_ms / MS_PER_HOUR;
    enum status status = STATUS_OK;
    if (!refusals->has_counts)
        return STATUS_OK;
    for (enum outcome i = 0; status == STATUS_OK && i < OUTCOME_COUNT; i++) {
        if (refusals->counts[i] + refusals->noted[i] > 0)
            status = write_one(refusals, i, hour);
    }
    if (status != STATUS_OK || refusals->pruned_hour == hour)
        return status;
    refusals->pruned_hour = hour;
    bind_int(&refusals->count_prune, 1, hour - HOURS);
    bind_int(&refusals->count_prune, 2, hour + 24);
    return statement_run(&refusals->count_prune);
}

void refusals_clear(struct refusals *refusals)
{
    memset(refusals->counts, 0, sizeof refusals->counts);
    memset(refusals->noted, 0, sizeof refusals->noted);
    refusals->has_counts = false;
}

/* --- the receivers' slots --------------------------------------------------------------------- */

enum status refusals_taken_load(struct refusals *refusals, int64_t run,
                                void (*each)(void *context, int64_t worker, int64_t cause,
                                             uint64_t taken),
                                void *context)
{
    struct statement *const row = &refusals->taken_load;
    bind_int(row, 1, run);
    enum status status;
    while ((status = statement_row(row)) == STATUS_OK)
        each(context, column_int(row, 0), column_int(row, 1), (uint64_t)column_int(row, 2));
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status refusals_taken_save(struct refusals *refusals, int64_t run, int64_t worker,
                                int64_t cause, uint64_t taken)
{
    bind_int(&refusals->taken_save, 1, worker);
    bind_int(&refusals->taken_save, 2, cause);
    bind_int(&refusals->taken_save, 3, run);
    bind_int(&refusals->taken_save, 4, (int64_t)taken);
    return statement_run(&refusals->taken_save);
}
