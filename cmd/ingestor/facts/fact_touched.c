/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_touched.h"

#include "cmd/ingestor/facts/fact_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_MAX     512
#define MARKS_FIRST 1024
#define SPREAD      UINT64_C(0x9e3779b97f4a7c15)

/* A row that changed. */
struct mark {
    int64_t position;
    uint16_t source; /* and 1; 0 = free */
    bool is_taken;   /* into the batch in hand */
};

struct fact_touched {
    struct connection *connection;
    struct statement list, forget;       /* of the temporary table */
    struct statement rows[FACT_SOURCES]; /* of those that the file has */
    uint8_t database[FACT_DATABASE_BYTES];
    struct mark *marks; /* open addressing, at most half full */
    size_t cap, count;
    bool has_no_memory;
    mono_us next;         /* when observers and nodes go */
    bool is_due, is_more; /* of the transaction in hand: they went; not all did */
};

static bool has_row_ids(size_t source)
{
    return fact_sources[source].table != NULL && fact_sources[source].touched == NULL;
}

/* --- marks ------------------------------------------------------------------------------------ */

static struct mark *place_of(struct mark *marks, size_t cap, size_t source, int64_t position)
{
    size_t at = (size_t)((((uint64_t)position * FACT_SOURCES + source) * SPREAD) >> 32) % cap;
    while (marks[at].source != 0 &&
           (marks[at].source != source + 1 || marks[at].position != position))
        at = (at + 1) % cap;
    return &marks[at];
}

/* Into another table; with `only_waiting` without those that were taken. */
static bool move_marks(struct fact_touched *t, size_t cap, bool only_waiting)
{
    struct mark *marks = calloc(cap, sizeof *marks);
    if (marks == NULL)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < t->cap; i++) {
        const struct mark *from = &t->marks[i];
        if (from->source == 0 || (only_waiting && from->is_taken))
            continue;
        *place_of(marks, cap, from->source - 1, from->position) = *from;
        count++;
    }
    free(t->marks);
    t->marks = marks;
    t->cap = cap;
    t->count = count;
    return true;
}

static void touch(struct fact_touched *t, size_t source, int64_t position)
{
    if (2 * (t->count + 1) > t->cap &&
        !move_marks(t, t->cap == 0 ? MARKS_FIRST : 2 * t->cap, false)) {
        t->has_no_memory = true; /* the batch fails by it */
        return;
    }
    struct mark *mark = place_of(t->marks, t->cap, source, position);
    t->count += mark->source == 0;
    *mark = (struct mark){.position = position, .source = (uint16_t)(source + 1)};
}

static void on_change(void *context, int operation, const char *database, const char *table,
                      sqlite3_int64 row)
{
    struct fact_touched *t = context;
    if (operation == SQLITE_DELETE || strcmp(database, "main") != 0)
        return;
    for (size_t i = 0; i < FACT_SOURCES; i++) {
        if (has_row_ids(i) && strcmp(fact_sources[i].table, table) == 0)
            touch(t, i, row);
    }
}

/* --- open ------------------------------------------------------------------------------------- */

static enum status make_trigger(struct fact_touched *t, size_t source, const char *when,
                                struct err *err)
{
    char sql[SQL_MAX];
    const struct fact_source *from = &fact_sources[source];
    (void)snprintf(sql, sizeof sql,
                   "CREATE TEMP TRIGGER IF NOT EXISTS touched_%zu_%s AFTER %s%s%s ON main.%s BEGIN"
                   " INSERT OR IGNORE INTO fact_touched VALUES (%zu, %s); END",
                   source, when, when, from->column != NULL ? " OF " : "",
                   from->column != NULL ? from->column : "", from->table, source, from->touched);
    return db_exec(t->connection->db, sql, err);
}

/* I2. */
static enum status touch_all(struct fact_touched *t, size_t source, struct err *err)
{
    char sql[SQL_MAX];
    struct statement list = {.sql = fact_sources[source].all};
    if (!has_row_ids(source)) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT OR IGNORE INTO temp.fact_touched SELECT %zu, * FROM (%s)", source,
                       fact_sources[source].all);
        return db_exec(t->connection->db, sql, err);
    }
    enum status status = statements_prepare(t->connection, &list, 1, err);
    while (status == STATUS_OK && (status = statement_row(&list)) == STATUS_OK)
        touch(t, source, column_int(&list, 0));
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    else if (status != STATUS_OK)
        err_set(err, status, 0, "outbox", "%s", t->connection->error);
    statements_finalize(&list, 1);
    return status;
}

static enum status open_source(struct fact_touched *t, size_t source, struct err *err)
{
    if (fact_sources[source].table == NULL)
        return STATUS_OK;
    const struct fact_source *from = &fact_sources[source];
    t->rows[source] = (struct statement){.sql = from->at != NULL ? from->at : from->sql};
    enum status status = statements_prepare(t->connection, &t->rows[source], 1, err);
    if (status == STATUS_OK && !has_row_ids(source) && from->column == NULL)
        status = make_trigger(t, source, "INSERT", err);
    if (status == STATUS_OK && !has_row_ids(source))
        status = make_trigger(t, source, "UPDATE", err);
    return status == STATUS_OK && from->all != NULL ? touch_all(t, source, err) : status;
}

static enum status name_database(struct fact_touched *t, struct err *err)
{
    struct statement created = SQL("SELECT created_ms FROM meta");
    int64_t created_ms = 0;
    enum status status = statements_prepare(t->connection, &created, 1, err);
    if (status == STATUS_OK && (status = statement_number(&created, &created_ms)) != STATUS_OK)
        err_set(err, status, 0, "meta", "%s", t->connection->error);
    statements_finalize(&created, 1);
    fact_database_id(created_ms, t->database);
    return status;
}

static enum status open_all(struct fact_touched *t, struct err *err)
{
    enum status status = db_exec(t->connection->db,
                                 "PRAGMA temp_store = MEMORY;"
                                 "CREATE TEMP TABLE IF NOT EXISTS fact_touched (source INTEGER,"
                                 " position INTEGER, PRIMARY KEY (source, position)) WITHOUT ROWID",
                                 err);
    if (status == STATUS_OK)
        status = name_database(t, err);
    for (size_t i = 0; status == STATUS_OK && i < FACT_SOURCES; i++)
        status = open_source(t, i, err);
    if (status == STATUS_OK)
        status = statements_prepare(t->connection, &t->list, 2, err);
    IGNORE(sqlite3_update_hook(t->connection->db, on_change, t), "there was none");
    return status;
}

enum status fact_touched_open(struct connection *connection, struct fact_touched **out,
                              struct err *err)
{
    struct fact_touched *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for what is sent again");
    *t = (struct fact_touched){
        .connection = connection,
        .list = SQL("SELECT position FROM temp.fact_touched WHERE source = ?1 AND position > ?2"
                    " ORDER BY position LIMIT 1"),
        .forget = SQL("DELETE FROM temp.fact_touched WHERE source = ?1 AND position <= ?2"),
    };
    const enum status status = open_all(t, err);
    if (status != STATUS_OK) {
        fact_touched_close(t);
        return status;
    }
    *out = t;
    return STATUS_OK;
}

void fact_touched_close(struct fact_touched *touched)
{
    if (touched == NULL)
        return;
    IGNORE(sqlite3_update_hook(touched->connection->db, NULL, NULL), "it was ours");
    statements_finalize(&touched->list, 2);
    statements_finalize(touched->rows, FACT_SOURCES);
    free(touched->marks);
    free(touched);
}

/* --- a batch ---------------------------------------------------------------------------------- */

/* The rows of one position. One that is gone meanwhile gives none. */
static enum status take_rows(struct fact_touched *t, size_t source, int64_t position,
                             int64_t stamp_ms, struct fact_batch *batch, size_t *taken)
{
    struct statement *from = &t->rows[source];
    const int64_t last = position + fact_sources[source].together;
    enum status status = STATUS_OK;
    bind_int(from, 1, position - 1);
    bind_int(from, 2, last - position + 1);
    if (sqlite3_bind_parameter_count(from->handle) > 2)
        bind_blob(from, 3, t->database, sizeof t->database);
    while ((status = statement_row(from)) == STATUS_OK && column_int(from, 0) <= last) {
        struct fact_row row;
        if (!fact_source_row(&fact_sources[source], from, stamp_ms, fact_batch_writer(batch),
                             &row) ||
            !fact_batch_add(batch, &row)) {
            statement_done(from);
            return STATUS_NO_MEMORY;
        }
        (*taken)++;
    }
    if (status == STATUS_OK)
        statement_done(from);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Of a table without row ids. */
static enum status take_listed(struct fact_touched *t, size_t source, int64_t stamp_ms,
                               struct fact_batch *batch)
{
    int64_t last = INT64_MIN;
    size_t taken = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && taken < FACT_TOUCHED_ROWS) {
        int64_t position = 0;
        bind_int(&t->list, 1, (int64_t)source);
        bind_int(&t->list, 2, last);
        status = statement_number(&t->list, &position);
        if (status != STATUS_OK)
            break;
        last = position;
        status = take_rows(t, source, position, stamp_ms, batch, &taken);
    }
    if ((status != STATUS_OK && status != STATUS_NOT_FOUND) || last == INT64_MIN)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bind_int(&t->forget, 1, (int64_t)source);
    bind_int(&t->forget, 2, last);
    return statement_run(&t->forget);
}

static enum status take_marked(struct fact_touched *t, int64_t stamp_ms, struct fact_batch *batch)
{
    size_t taken = 0;
    for (size_t i = 0; i < t->cap; i++) /* by a batch that was rolled back */
        t->marks[i].is_taken = false;
    for (size_t i = 0; i < t->cap; i++) {
        struct mark *mark = &t->marks[i];
        if (mark->source == 0 || (fact_sources[mark->source - 1U].is_slow && !t->is_due)) /* I1 */
            continue;
        if (taken >= FACT_TOUCHED_ROWS) {
            t->is_more = true;
            break;
        }
        const enum status status =
            take_rows(t, mark->source - 1U, mark->position, stamp_ms, batch, &taken);
        if (status != STATUS_OK)
            return status;
        mark->is_taken = true;
    }
    return STATUS_OK;
}

enum status fact_touched_take(struct fact_touched *touched, int64_t stamp_ms, mono_us now,
                              struct fact_batch *batch)
{
    touched->is_due = now >= touched->next;
    touched->is_more = false;
    if (touched->has_no_memory)
        return STATUS_NO_MEMORY;
    enum status status = take_marked(touched, stamp_ms, batch);
    for (size_t i = 0; status == STATUS_OK && i < FACT_SOURCES; i++) {
        if (fact_sources[i].table != NULL && !has_row_ids(i))
            status = take_listed(touched, i, stamp_ms, batch);
    }
    return status;
}

/* Where there is no memory for a smaller table they go once more. */
void fact_touched_committed(struct fact_touched *touched, mono_us now)
{
    bool has_taken = false;
    for (size_t i = 0; i < touched->cap && !has_taken; i++)
        has_taken = touched->marks[i].is_taken;
    if (has_taken)
        IGNORE(move_marks(touched, touched->cap, true), "then they are sent again");
    if (touched->is_due && !touched->is_more)
        touched->next = now + FACT_TOUCHED_US;
    touched->is_due = false;
}

void fact_touched_hurry(struct fact_touched *touched)
{
    if (touched->count > 0)
        touched->next = 0;
}

bool fact_touched_is_due(const struct fact_touched *touched, mono_us now)
{
    return now >= touched->next;
}
