/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_meta.h"

#include "common/base/utf8.h"
#include "common/db/schema.h"

#include <string.h>

/* New observers per minute, for the minutes seen last; a collision forgets the older count. */
#define MINUTES   64
#define MINUTE_MS 60000
/* A first start on a large feed: so long after a database's first observer, all may come in. */
#define FIRST_MINUTES 10

struct minute {
    int64_t minute, observers;
};

struct store_meta {
    struct statement update, totals_load, first_observer, derived_load, derived_fresh, job_load,
        job_save;
    struct store_counts counts; /* of the open transaction */
    struct store_counts totals; /* observers and nodes of the row, when has_totals */
    bool has_totals;
    int64_t derived; /* outlives store_forget: only a rebuild changes it */
    struct minute minutes[MINUTES];
    int64_t first_observer_ms; /* 0 = not known */
};

static const struct store_meta blank = {
    .update = SQL("UPDATE meta SET commits = commits + 1, transmissions = transmissions + ?1,"
                  " observations = observations + ?2, observers = observers + ?3, nodes = nodes +"
                  " ?4 WHERE id = 1"),
    .totals_load = SQL("SELECT observers, nodes FROM meta WHERE id = 1"),
    .first_observer = SQL("SELECT min(first_ms) FROM observers"),
    .derived_load = SQL("SELECT derived FROM meta WHERE id = 1"),
    .derived_fresh = SQL("UPDATE meta SET derived = ?1 WHERE derived < ?1 AND transmissions = 0"),
    .job_load = SQL("SELECT position, value, done, updated_ms FROM jobs WHERE name = ?1"),
    .job_save = SQL(
        "INSERT INTO jobs (name, position, value, done, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position, value = excluded.value,"
        " done = excluded.done, updated_ms = excluded.updated_ms"),
};

enum status store_meta_open(struct store *store, struct err *err)
{
    store->meta = connection_part(&store->connection, &blank, sizeof blank,
                                  STATEMENTS_BEFORE(struct store_meta, counts), err);
    return store->meta != NULL ? STATUS_OK : err->status;
}

void store_meta_clear(struct store *store)
{
    store->meta->counts = (struct store_counts){0};
    store->meta->has_totals = false;
}

void store_meta_forget(struct store *store)
{
    store_meta_clear(store);
    memset(store->meta->minutes, 0, sizeof store->meta->minutes);
    store->meta->first_observer_ms = 0;
}

/* --- counts ----------------------------------------------------------------------------------- */

void store_meta_add(struct store *store, const struct store_counts *counts)
{
    struct store_counts *sum = &store->meta->counts;
    sum->transmissions += counts->transmissions;
    sum->observations += counts->observations;
    sum->observers += counts->observers;
    sum->nodes += counts->nodes;
}

enum status store_meta_write(struct store *store)
{
    struct statement *const update = &store->meta->update;
    const struct store_counts *counts = &store->meta->counts;
    bind_int(update, 1, counts->transmissions);
    bind_int(update, 2, counts->observations);
    bind_int(update, 3, counts->observers);
    bind_int(update, 4, counts->nodes);
    return statement_run(update);
}

static enum status load_totals(struct store *store)
{
    struct store_meta *meta = store->meta;
    if (meta->has_totals)
        return STATUS_OK;
    const enum status status = statement_row(&meta->totals_load);
    if (status != STATUS_OK)
        return status;
    meta->totals.observers = column_int(&meta->totals_load, 0);
    meta->totals.nodes = column_int(&meta->totals_load, 1);
    statement_done(&meta->totals_load);
    meta->has_totals = true;
    return STATUS_OK;
}

/* The row is written at commit, so what this batch made so far comes on top. */
enum status store_meta_nodes(struct store *store, int64_t *out)
{
    const enum status status = load_totals(store);
    if (status == STATUS_OK)
        *out = store->meta->totals.nodes + store->meta->counts.nodes;
    return status;
}

/* --- derived rows ----------------------------------------------------------------------------- */

enum status store_meta_load_derived(struct store *store, struct err *err)
{
    struct store_meta *meta = store->meta;
    bind_int(&meta->derived_fresh, 1, SCHEMA_DERIVED);
    enum status status = statement_run(&meta->derived_fresh);
    if (status == STATUS_OK)
        status = statement_number(&meta->derived_load, &meta->derived);
    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_IO, 0, sqlite3_db_filename(store->connection.db, "main"),
                       "the table meta has no row");
    if (status != STATUS_OK)
        status = err_set(err, status, 0, sqlite3_db_filename(store->connection.db, "main"),
                         "the table meta: %s", store->connection.error);
    return status;
}

void store_meta_set_derived(struct store *store)
{
    store->meta->derived = SCHEMA_DERIVED;
}

int64_t store_meta_derived(const struct store *store)
{
    return store->meta->derived;
}

bool store_needs_rebuild(const struct store *store)
{
    return store->meta->derived < SCHEMA_DERIVED;
}

/* --- limits ----------------------------------------------------------------------------------- */

enum status store_limit_nodes(struct store *store, enum outcome *out)
{
    *out = OUTCOME_NONE;
    if (store->rules.max_nodes == 0)
        return STATUS_OK;
    int64_t nodes = 0;
    const enum status status = store_meta_nodes(store, &nodes);
    if (status == STATUS_OK && nodes >= store->rules.max_nodes)
        *out = OUTCOME_FILTERED_MAX_NODES;
    return status;
}

static struct minute *minute_of(struct store *store, int64_t minute)
{
    return &store->meta->minutes[(uint64_t)minute % MINUTES];
}

/* Looks at each observer once, until there is one; then it stays. */
static enum status is_first_start(struct store *store, int64_t receipt_ms, bool *out)
{
    struct store_meta *meta = store->meta;
    enum status status = STATUS_OK;
    if (meta->first_observer_ms == 0)
        status = statement_number(&meta->first_observer, &meta->first_observer_ms);
    const int64_t first_ms = meta->first_observer_ms;
    *out = first_ms == 0 || receipt_ms < first_ms + FIRST_MINUTES * MINUTE_MS;
    return status;
}

enum status store_limit_observers(struct store *store, int64_t receipt_ms, enum outcome *out)
{
    *out = OUTCOME_NONE;
    const struct store_rules *rules = &store->rules;
    bool is_free = store->record.is_retained;
    store->record.new_minute = -1;
    if (rules->new_observers_per_minute != 0 && !is_free) {
        const enum status status = is_first_start(store, receipt_ms, &is_free);
        if (status != STATUS_OK)
            return status;
    }
    if (rules->new_observers_per_minute != 0 && !is_free) {
        const int64_t minute = receipt_ms / MINUTE_MS;
        const struct minute *known = minute_of(store, minute);
        if (known->minute == minute && known->observers >= rules->new_observers_per_minute)
            *out = OUTCOME_FILTERED_NEW_OBSERVERS;
        store->record.new_minute = minute;
    }
    if (rules->max_observers == 0)
        return STATUS_OK;
    const enum status status = load_totals(store);
    if (status == STATUS_OK &&
        store->meta->totals.observers + store->meta->counts.observers >= rules->max_observers)
        *out = OUTCOME_FILTERED_MAX_OBSERVERS;
    return status;
}

void store_limit_note_observer(struct store *store, const struct store_record *record)
{
    if (record->new_minute < 0)
        return;
    struct minute *known = minute_of(store, record->new_minute);
    if (known->minute != record->new_minute)
        *known = (struct minute){.minute = record->new_minute};
    known->observers++;
}

size_t store_clean_name(const struct store *store, char dst[static STORE_IDENTITY_MAX],
                        const uint8_t *src, size_t len)
{
    const size_t kept = utf8_clean(dst, STORE_IDENTITY_MAX, src, len);
    const size_t max = (size_t)store->rules.max_name_bytes;
    if (max == 0 || kept <= max)
        return kept;
    const size_t whole = utf8_whole_len((const uint8_t *)dst, max);
    dst[whole] = '\0';
    return whole;
}

/* --- jobs ------------------------------------------------------------------------------------- */

bool store_slice_goes_on(struct store_slice *slice)
{
    if (slice->looked > 0 && (slice->looked >= slice->rows_max || clock_mono() >= slice->until))
        return false;
    slice->looked++;
    return true;
}

enum status store_job_load(struct store *store, const char *name, struct store_job *out)
{
    struct statement *const row = &store->meta->job_load;
    *out = (struct store_job){0};
    bind_text(row, 1, name);
    const enum status status = statement_row(row);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    out->position = column_int(row, 0);
    out->value = column_int(row, 1);
    out->done = column_int(row, 2);
    out->updated_ms = column_int(row, 3);
    statement_done(row);
    return STATUS_OK;
}

enum status store_job_save(struct store *store, const char *name, const struct store_job *job)
{
    struct statement *const save = &store->meta->job_save;
    bind_text(save, 1, name);
    bind_int(save, 2, job->position);
    bind_int(save, 3, job->value);
    bind_int(save, 4, job->done);
    bind_int(save, 5, job->updated_ms);
    return statement_run(save);
}
