/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/pieces/pieces.h"

#include <string.h>

/* A number takes seven bits a byte; a row is six of them. */
#define NUMBER_BYTES_MAX 10
#define PIECE_BYTES_MAX  (PIECES_ROWS * 6 * NUMBER_BYTES_MAX)

struct pieces {
    struct statement look, put, first, drop;
    struct delta rows[PIECES_ROWS];
    uint8_t bytes[PIECE_BYTES_MAX];
};

static const struct pieces blank = {
    .look = SQL("SELECT observation, transmission FROM counted_pieces LIMIT 1"),
    .put = SQL("INSERT INTO counted_pieces (kind, observation, transmission, rows) VALUES (?1, ?2,"
               " ?3, ?4)"),
    .first = SQL("SELECT id, kind, rows FROM counted_pieces ORDER BY id LIMIT 1"),
    .drop = SQL("DELETE FROM counted_pieces WHERE id = ?1"),
};

struct pieces *pieces_open(struct connection *connection, struct err *err)
{
    return connection_part(connection, &blank, sizeof blank, STATEMENTS_BEFORE(struct pieces, rows),
                           err);
}

enum status pieces_look(struct pieces *pieces, struct pieces_position *out)
{
    const enum status status = statement_row(&pieces->look);
    if (status != STATUS_OK)
        return status;
    out->observation = column_int(&pieces->look, 0);
    out->transmission = column_int(&pieces->look, 1);
    statement_done(&pieces->look);
    return STATUS_OK;
}

/* --- packing: differences to the row before, small numbers first ------------------------------ */

struct cursor {
    uint8_t *at;
    const uint8_t *end;
    bool is_broken; /* read behind the end */
};

static void put_number(struct cursor *c, int64_t number)
{
    uint64_t left = (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
    for (; left >= 0x80; left >>= 7)
        *c->at++ = (uint8_t)(left | 0x80);
    *c->at++ = (uint8_t)left;
}

static int64_t take_number(struct cursor *c)
{
    uint64_t number = 0;
    for (unsigned shift = 0; c->at < c->end && shift < 64; shift += 7) {
        const uint8_t byte = *c->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
    }
    c->is_broken = true;
    return 0;
}

static void put_row(struct cursor *c, const struct delta *row, const struct delta *before)
{
    put_number(c, row->id - before->id);
    put_number(c, row->part - before->part);
    put_number(c, row->count);
    put_number(c, row->transmissions);
    put_number(c, row->first_ms - before->first_ms);
    put_number(c, row->last_ms - row->first_ms);
}

static struct delta take_row(struct cursor *c, const struct delta *before)
{
    struct delta row;
    row.id = before->id + take_number(c);
    row.part = before->part + take_number(c);
    row.count = take_number(c);
    row.transmissions = take_number(c);
    row.first_ms = before->first_ms + take_number(c);
    row.last_ms = row.first_ms + take_number(c);
    return row;
}

static const struct delta zero;

static enum status put_piece(struct pieces *pieces, int kind, const struct delta *rows,
                             size_t count, const struct pieces_position *position)
{
    struct cursor c = {.at = pieces->bytes};
    for (size_t i = 0; i < count; i++)
        put_row(&c, &rows[i], i > 0 ? &rows[i - 1] : &zero);
    bind_int(&pieces->put, 1, kind);
    bind_int(&pieces->put, 2, position->observation);
    bind_int(&pieces->put, 3, position->transmission);
    bind_blob(&pieces->put, 4, pieces->bytes, (size_t)(c.at - pieces->bytes));
    return statement_run(&pieces->put);
}

enum status pieces_put(struct pieces *pieces, int kind, const struct delta *rows, size_t count,
                       const struct pieces_position *position)
{
    enum status status = STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < count; at += PIECES_ROWS)
        status = put_piece(pieces, kind, rows + at, min_size(count - at, PIECES_ROWS), position);
    return status;
}

/* --- taking ----------------------------------------------------------------------------------- */

/* False: not what put_piece wrote. */
static bool unpack(struct pieces *pieces, size_t len, struct piece *out)
{
    struct cursor c = {.at = pieces->bytes, .end = pieces->bytes + len};
    size_t count = 0;
    while (c.at < c.end && !c.is_broken && count < PIECES_ROWS) {
        pieces->rows[count] = take_row(&c, count > 0 ? &pieces->rows[count - 1] : &zero);
        count++;
    }
    out->rows = pieces->rows;
    out->count = count;
    return c.at == c.end && !c.is_broken;
}

enum status pieces_take(struct pieces *pieces, struct piece *out)
{
    struct statement *const first = &pieces->first;
    const enum status status = statement_row(first);
    if (status != STATUS_OK)
        return status;
    const int64_t id = column_int(first, 0);
    out->kind = (int)column_int(first, 1);
    const void *bytes = sqlite3_column_blob(first->handle, 2);
    const size_t len = (size_t)sqlite3_column_bytes(first->handle, 2);
    if (bytes != NULL && len <= sizeof pieces->bytes)
        memcpy(pieces->bytes, bytes, len);
    const bool is_whole = bytes != NULL && len <= sizeof pieces->bytes && unpack(pieces, len, out);
    statement_done(first);
    if (!is_whole)
        return STATUS_CORRUPT;
    bind_int(&pieces->drop, 1, id);
    return statement_run(&pieces->drop);
}
