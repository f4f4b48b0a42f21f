/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/fresh/fresh_packets.h"

#include "cmd/ingestor/fresh/fresh_ids.h"
#include "common/db/memory_table.h"
#include "common/db/schema.h"

#include <assert.h>

#define TABLE "fresh_packets"

struct memory {
    struct packet_row rows[FRESH_PACKETS];
};

struct fresh_packets {
    struct statement newest, write;
    struct memory_table table; /* what write reads; its count is the number of rows */
    struct memory *memory;
    int64_t first_id; /* of row 0; FRESH_NO_ID = not asked yet */
};

/* The table's, as declared below. */
enum column { ID, TYPE, ROUTE, COPIES, FIRST_MS, LASTED, HASH, RAW, SENDER, IS_FORGED };
#define COLUMNS "id, type, route, copies, first_ms, lasted, hash, raw, sender, is_forged"

/* --- the table -------------------------------------------------------------------------------- */

/* Of the columns that are never NULL and integers; COPIES and LASTED are in schema.h's forms. */
static int64_t number_of(const struct packet_row *row, enum column column)
{
    const int64_t lasted = row->last_ms - row->first_ms + SCHEMA_LASTED_FROM_MS;
    const bool is_short = lasted < row->first_ms;
    switch (column) {
    case ID:
        return row->id;
    case TYPE:
        return row->type;
    case ROUTE:
        return row->route;
    case COPIES:
        return row->copies + is_short;
    case FIRST_MS:
        return row->first_ms;
    default:
        return is_short ? lasted : row->last_ms;
    }
}

static void give_column(const void *owner, size_t at, int column, sqlite3_context *out)
{
    const struct packet_row *row = &((const struct fresh_packets *)owner)->memory->rows[at];
    if (column < HASH)
        sqlite3_result_int64(out, number_of(row, (enum column)column));
    else if (column == HASH)
        sqlite3_result_blob(out, row->hash, sizeof row->hash, SQLITE_STATIC);
    else if (column == RAW)
        sqlite3_result_blob(out, row->raw, row->raw_len, SQLITE_STATIC);
    else if (column == SENDER && row->sender != 0)
        sqlite3_result_int64(out, row->sender);
    else if (column == IS_FORGED && row->is_forged)
        sqlite3_result_int64(out, 1);
}

static const struct fresh_packets blank = {
    .newest = SQL("SELECT max(id) FROM transmissions"),
    /* OR FAIL: as in fresh.c. */
    .write = SQL("INSERT OR FAIL INTO transmissions (" COLUMNS ") SELECT " COLUMNS " FROM " TABLE),
    .table = {.name = TABLE, .columns = COLUMNS, .give = give_column},
};

struct fresh_packets *fresh_packets_open(struct connection *connection, struct err *err)
{
    struct fresh_packets *packets = connection_part(connection, &blank, sizeof blank, 0, err);
    if (packets == NULL)
        return NULL;
    packets->table.owner = packets;
    packets->memory = connection_part(connection, NULL, sizeof *packets->memory, 0, err);
    /* The statements behind the table that they read. */
    const bool is_open =
        packets->memory != NULL &&
        memory_table_add(connection->db, &packets->table, err) == STATUS_OK &&
        statements_prepare(connection, &packets->newest,
                           STATEMENTS_BEFORE(struct fresh_packets, table), err) == STATUS_OK;
    return is_open ? packets : NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

bool fresh_packets_have_room(const struct fresh_packets *packets)
{
    return packets->table.count < FRESH_PACKETS;
}

bool fresh_packets_are_empty(const struct fresh_packets *packets)
{
    return packets->table.count == 0;
}

enum status fresh_packets_next_id(struct fresh_packets *packets, int64_t *out)
{
    return fresh_ids_next(&packets->newest, &packets->first_id, packets->table.count, out);
}

void fresh_packets_keep(struct fresh_packets *packets, const struct packet_row *row)
{
    assert(packets->first_id != FRESH_NO_ID && fresh_packets_have_room(packets));
    assert(row->id == packets->first_id + (int64_t)packets->table.count);
    packets->memory->rows[packets->table.count++] = *row;
}

struct packet_row *fresh_packets_find(struct fresh_packets *packets, int64_t id)
{
    const bool is_here = packets->table.count > 0 && id >= packets->first_id &&
                         id - packets->first_id < (int64_t)packets->table.count;
    return is_here ? &packets->memory->rows[id - packets->first_id] : NULL;
}

/* --- written ---------------------------------------------------------------------------------- */

enum status fresh_packets_write(struct fresh_packets *packets)
{
    if (packets->table.count == 0)
        return STATUS_OK;
    const enum status status = statement_run(&packets->write);
    if (status != STATUS_OK)
        return status;
    packets->first_id += (int64_t)packets->table.count;
    packets->table.count = 0;
    return STATUS_OK;
}

void fresh_packets_clear(struct fresh_packets *packets)
{
    packets->table.count = 0;
    packets->first_id = FRESH_NO_ID;
}
