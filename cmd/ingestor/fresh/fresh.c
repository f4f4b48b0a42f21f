/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/fresh/fresh.h"

#include "cmd/ingestor/fresh/fresh_ids.h"
#include "cmd/ingestor/memory/deltas.h"
#include "common/db/memory_table.h"
#include "common/db/schema.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS    (2 * FRESH_ROWS) /* at most half full: probes stay short */
#define TABLE    "fresh_rows"
#define NO_SINCE INT64_MAX

struct place {
    int64_t transmission_id, observer_id;
    uint32_t row;
};

struct memory {
    struct observation_row rows[FRESH_ROWS];
    struct place order[FRESH_ROWS]; /* in which the table shows them */
    uint16_t slots[SLOTS];          /* open addressing by the key: row + 1, 0 = none */
};

struct fresh {
    struct statement newest, write_rows, write_keys;
    struct memory_table table; /* what the two read; its count is the number of rows */
    struct memory *memory;
    int64_t first_id; /* of row 0; FRESH_NO_ID = not asked yet */
    int64_t since;    /* transmissions from this one on are I2's */
};

/* The table's, as declared below. */
enum column {
    ID,
    TRANSMISSION_ID,
    OBSERVER_ID,
    DIRECTION,
    PATH_SIZE,
    SOURCE_ID,
    RECEIPT_MS,
    ROUTE,
    FORM,
    PATH,
    RSSI,
    SCORE,
    SAID,
    HEARD,
    SCOPE_CODE,
    SCOPE_ID,
    FILLED,
};
#define COLUMNS                                                                                    \
    "id, transmission_id, observer_id, direction, path_size, source_id, receipt_ms, route, form,"  \
    " path, rssi, score, said, heard, scope_code, scope_id, filled"

/* --- columns ---------------------------------------------------------------------------------- */

bool observation_quarters(const struct observation_row *row, int64_t *out)
{
    const double quarters = 4 * row->values[OBSERVATION_SNR];
    if (!(fabs(quarters) <= INT32_MAX) || quarters != floor(quarters))
        return false;
    *out = (int64_t)quarters;
    return true;
}

bool observation_filled(const struct observation_row *row, uint8_t out[OBSERVATION_FILLED_BYTES])
{
    bool is_filled = false;
    memset(out, 0, OBSERVATION_FILLED_BYTES);
    for (size_t i = 0; i < OBSERVATION_VALUES; i++) {
        if (isnan(row->values[i]) || row->origins[i] == row->receipt_ms)
            continue;
        is_filled = true;
        for (size_t j = 0; j < OBSERVATION_ORIGIN_BYTES; j++)
            out[i * OBSERVATION_ORIGIN_BYTES + j] =
                (uint8_t)((uint64_t)row->origins[i] >> (8 * (OBSERVATION_ORIGIN_BYTES - 1 - j)));
    }
    return is_filled;
}

int64_t observation_said(const struct observation_row *row)
{
    return (int64_t)row->values[OBSERVATION_SAID] - row->receipt_ms;
}

int observation_form(const struct observation_row *row)
{
    return row->is_skewed ? SCHEMA_FORM_SKEWED : SCHEMA_FORM;
}

/* --- the table -------------------------------------------------------------------------------- */

static void give_heard(sqlite3_context *out, const struct observation_row *row)
{
    int64_t quarters = 0;
    if (observation_quarters(row, &quarters))
        sqlite3_result_int64(out, quarters);
    else
        sqlite3_result_double(out, row->values[OBSERVATION_SNR]); /* NaN is NULL */
}

static void give_filled(sqlite3_context *out, const struct observation_row *row)
{
    uint8_t filled[OBSERVATION_FILLED_BYTES];
    if (observation_filled(row, filled))
        sqlite3_result_blob(out, filled, sizeof filled, SQLITE_TRANSIENT);
}

/* Of the columns that are never NULL and integers. */
static int64_t number_of(const struct observation_row *row, enum column column)
{
    switch (column) {
    case ID:
        return row->id;
    case TRANSMISSION_ID:
        return row->transmission_id;
    case OBSERVER_ID:
        return row->observer_id;
    case DIRECTION:
        return row->direction;
    case PATH_SIZE:
        return row->path_size;
    case SOURCE_ID:
        return row->source_id;
    case RECEIPT_MS:
        return row->receipt_ms;
    case ROUTE:
        return row->route;
    default:
        return observation_form(row);
    }
}

/* The others; what gives nothing is NULL. */
static void give_value(sqlite3_context *out, const struct observation_row *row, enum column column)
{
    if (column == PATH)
        sqlite3_result_blob(out, row->path, row->path_bytes, SQLITE_STATIC);
    else if (column == RSSI)
        sqlite3_result_double(out, row->values[OBSERVATION_RSSI]); /* NaN is NULL */
    else if (column == SCORE)
        sqlite3_result_double(out, row->values[OBSERVATION_SCORE]);
    else if (column == SAID && !isnan(row->values[OBSERVATION_SAID]))
        sqlite3_result_int64(out, observation_said(row));
    else if (column == HEARD)
        give_heard(out, row);
    else if (column == SCOPE_CODE && row->scope_code != OBSERVATION_NO_SCOPE)
        sqlite3_result_int64(out, row->scope_code);
    else if (column == SCOPE_ID && row->scope_id != 0)
        sqlite3_result_int64(out, row->scope_id);
    else if (column == FILLED)
        give_filled(out, row);
}

static void give_column(const void *owner, size_t at, int column, sqlite3_context *out)
{
    const struct memory *memory = ((const struct fresh *)owner)->memory;
    const struct observation_row *row = &memory->rows[memory->order[at].row];
    if (column < PATH)
        sqlite3_result_int64(out, number_of(row, (enum column)column));
    else
        give_value(out, row, (enum column)column);
}

/* --- open and close --------------------------------------------------------------------------- */

static const struct fresh blank = {
    .newest = SQL("SELECT max(id) FROM observations"),
    /* OR FAIL: what is written before a row that is refused is rolled back by who asked; as ABORT
     * the statement would keep a copy of each page that it changes. */
    .write_rows =
        SQL("INSERT OR FAIL INTO observations (" COLUMNS ") SELECT " COLUMNS " FROM " TABLE),
    .write_keys =
        SQL("INSERT OR FAIL INTO observation_keys (transmission_id, observer_id, id) SELECT"
            " transmission_id, observer_id, id FROM " TABLE),
    .table = {.name = TABLE, .columns = COLUMNS, .give = give_column},
    .since = NO_SINCE,
};

struct fresh *fresh_open(struct connection *connection, struct err *err)
{
    struct fresh *fresh = connection_part(connection, &blank, sizeof blank, 0, err);
    if (fresh == NULL)
        return NULL;
    fresh->table.owner = fresh;
    fresh->memory = connection_part(connection, NULL, sizeof *fresh->memory, 0, err);
    /* The statements behind the table that they read. */
    const bool is_open =
        fresh->memory != NULL &&
        memory_table_add(connection->db, &fresh->table, err) == STATUS_OK &&
        statements_prepare(connection, &fresh->newest, STATEMENTS_BEFORE(struct fresh, table),
                           err) == STATUS_OK;
    return is_open ? fresh : NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

bool fresh_has_room(const struct fresh *fresh)
{
    return fresh->table.count < FRESH_ROWS;
}

bool fresh_is_empty(const struct fresh *fresh)
{
    return fresh->table.count == 0;
}

bool fresh_has_all(const struct fresh *fresh, int64_t transmission_id)
{
    return transmission_id >= fresh->since;
}

static bool is_same_key(const struct observation_row *a, const struct observation_row *b)
{
    return a->transmission_id == b->transmission_id && a->observer_id == b->observer_id &&
           a->direction == b->direction && a->path_size == b->path_size &&
           a->path_bytes == b->path_bytes && memcmp(a->path, b->path, a->path_bytes) == 0;
}

/* The slot that holds the key, or the empty one where it belongs. By transmission and observer: few
 * rows share both. */
static uint16_t *slot_of(const struct fresh *fresh, const struct observation_row *key)
{
    size_t at = deltas_mix(key->transmission_id, key->observer_id) % SLOTS;
    uint16_t *const slots = fresh->memory->slots;
    while (slots[at] != 0 && !is_same_key(&fresh->memory->rows[slots[at] - 1], key))
        at = (at + 1) % SLOTS;
    return &slots[at];
}

const struct observation_row *fresh_find(const struct fresh *fresh,
                                         const struct observation_row *key)
{
    const uint16_t row = *slot_of(fresh, key);
    return row != 0 ? &fresh->memory->rows[row - 1] : NULL;
}

enum status fresh_next_id(struct fresh *fresh, int64_t *out)
{
    return fresh_ids_next(&fresh->newest, &fresh->first_id, fresh->table.count, out);
}

void fresh_keep(struct fresh *fresh, const struct observation_row *row, bool is_first)
{
    assert(fresh->first_id != FRESH_NO_ID);
    const size_t at = (size_t)(row->id - fresh->first_id);
    assert(at <= fresh->table.count && at < FRESH_ROWS);
    if (at == fresh->table.count) {
        *slot_of(fresh, row) = (uint16_t)(at + 1);
        fresh->table.count++;
    }
    fresh->memory->rows[at] = *row;
    if (is_first && row->transmission_id < fresh->since)
        fresh->since = row->transmission_id;
}

/* --- written ---------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->transmission_id != y->transmission_id)
        return x->transmission_id < y->transmission_id ? -1 : 1;
    if (x->observer_id != y->observer_id)
        return x->observer_id < y->observer_id ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

enum status fresh_write(struct fresh *fresh)
{
    struct place *const order = fresh->memory->order;
    if (fresh->table.count == 0)
        return STATUS_OK;
    for (uint32_t i = 0; i < fresh->table.count; i++) {
        const struct observation_row *const row = &fresh->memory->rows[i];
        order[i] = (struct place){row->transmission_id, row->observer_id, i};
    }
    enum status status = statement_run(&fresh->write_rows);
    if (status != STATUS_OK)
        return status;
    qsort(order, fresh->table.count, sizeof order[0], compare_places);
    status = statement_run(&fresh->write_keys);
    if (status != STATUS_OK)
        return status;
    const int64_t next = fresh->first_id + (int64_t)fresh->table.count;
    fresh_clear(fresh);
    fresh->first_id = next;
    return STATUS_OK;
}

void fresh_clear(struct fresh *fresh)
{
    if (fresh->table.count > 0)
        memset(fresh->memory->slots, 0, sizeof fresh->memory->slots);
    fresh->table.count = 0;
    fresh->first_id = FRESH_NO_ID;
    fresh->since = NO_SINCE;
}
