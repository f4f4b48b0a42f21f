/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/window_rows.h"

#include "common/db/schema.h"

#include <math.h>

static const char SQL_NEWEST[] = "SELECT max(id) FROM observations";
static const char SQL_KEPT_FROM[] = "SELECT retained_from_ms FROM meta WHERE id = 1";
static const char SQL_OLDEST[] =
    "SELECT coalesce(min(first_observation), -1) FROM hours WHERE hour >= ?1";
static const char SQL_SLICE[] =
    "SELECT o.id, o.transmission_id, o.observer_id, o.direction, o.path_size, o.path, o.receipt_ms,"
    " o.snr, o.rssi, coalesce(o.route, t.route), o.scope_code, o.scope_id, t.type, t.sender,"
    " length(t.raw) FROM observations o CROSS JOIN transmissions t ON t.id = o.transmission_id"
    " WHERE o.id < ?1 AND o.id >= ?2 ORDER BY o.id DESC LIMIT ?3";

/* A question of one statement's; the caller's function reads. */
static enum status ended(struct reader *reader, enum status status)
{
    const enum reader_result result = reader_end(reader);
    return result == READER_ANSWERED ? status : result == READER_LATE ? STATUS_AGAIN : STATUS_IO;
}

/* The id below which nothing was received from from_ms on; -1 = nothing was. */
static int64_t oldest_id(struct reader *reader, int64_t from_ms)
{
    return reader_number_of(reader, SQL_OLDEST, KEYS(from_ms / ROLLUP_HOUR_MS), 0);
}

int64_t window_kept_from(struct reader *reader)
{
    return reader_number(reader, SQL_KEPT_FROM, 0);
}

enum status window_rows_begin(struct reader *reader, int64_t from_ms, int64_t rows_max,
                              struct window_rows *out)
{
    struct err err = {0};
    enum status status = reader_begin(reader, READER_SLICE_US, &err);
    if (status != STATUS_OK)
        return status;
    const int64_t newest = reader_number(reader, SQL_NEWEST, 0);
    const int64_t oldest = oldest_id(reader, from_ms);
    *out = (struct window_rows){.before = newest + 1, .low = oldest < 0 ? newest + 1 : oldest};
    out->is_cut = newest - out->low >= rows_max;
    if (out->is_cut)
        out->low = newest + 1 - rows_max;
    out->is_empty = newest == 0;
    out->kept_from_ms = window_kept_from(reader);
    return ended(reader, STATUS_OK);
}

static void read_path(const struct statement *row, struct reception *out)
{
    out->path = sqlite3_column_blob(row->handle, 5); /* NULL when empty */
    out->path_bytes = (size_t)sqlite3_column_bytes(row->handle, 5);
    const int64_t size = column_int(row, 4);
    const bool is_whole = size > 0 && size <= HOP_BYTES_MAX &&
                          out->path_bytes <= MESHCORE_PATH_MAX &&
                          out->path_bytes % (size_t)size == 0;
    out->has_hops = is_whole && meshcore_has_hops(out->route, out->type);
    if (out->has_hops) {
        out->hop_bytes = (uint8_t)size;
        out->hop_count = (uint8_t)(out->path_bytes / (size_t)size);
    }
}

static void read_row(const struct statement *row, struct reception *out)
{
    *out = (struct reception){
        .id = column_int(row, 0),
        .transmission_id = column_int(row, 1),
        .observer_id = column_int(row, 2),
        .receipt_ms = column_int(row, 6),
        .sender = column_int(row, 13),
        .scope_id = column_int(row, 11),
        .type = (uint8_t)column_int(row, 12),
        .route = (uint8_t)column_int(row, 9),
        .is_scoped = column_int(row, 10) > 0,
        .is_heard = column_int(row, 3) == 0,
        .frame_bytes = (size_t)column_int(row, 14),
        .snr = column_real(row, 7),
        .rssi = column_real(row, 8),
    };
    if (schema_is_invented_rf(out->snr, out->rssi))
        out->snr = out->rssi = (double)NAN;
    read_path(row, out);
}

enum status window_rows_slice(struct reader *reader, struct window_rows *rows, window_row row,
                              void *context, bool *out_over)
{
    struct err err = {0};
    int64_t count = 0;
    enum status status = reader_begin(reader, READER_SLICE_US, &err);
    if (status != STATUS_OK)
        return status;
    struct statement *slice = reader_statement(reader, SQL_SLICE);
    if (slice == NULL)
        return ended(reader, STATUS_IO);
    bind_int(slice, 1, rows->before);
    bind_int(slice, 2, rows->low);
    bind_int(slice, 3, WINDOW_SLICE_ROWS);
    while ((status = statement_row(slice)) == STATUS_OK) {
        struct reception reception;
        read_row(slice, &reception);
        row(context, &reception);
        rows->before = reception.id;
        count++;
    }
    *out_over = count < WINDOW_SLICE_ROWS;
    return ended(reader, status == STATUS_NOT_FOUND ? STATUS_OK : status);
}
