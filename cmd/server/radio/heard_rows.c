/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/heard_rows.h"

#include "cmd/server/model/engine.h"

#include <math.h>
#include <string.h>

#define PI      3.14159265358979323846
#define LAT_MAX 85.05 /* where web mercator ends */

static const char SQL_NEWEST[] =
    "SELECT id, rx_ms, heard, lat, lon, snr, client FROM client_receptions"
    " INDEXED BY client_receptions_time WHERE rx_ms >= ?1 AND (rx_ms, id) < (?2, ?3)"
    " ORDER BY rx_ms DESC, id DESC LIMIT ?4";

static uint32_t on_grid(double share, unsigned zoom)
{
    const double cells = (double)(1u << zoom);
    const double at = floor(share * cells);
    return at < 0 ? 0 : at >= cells ? (uint32_t)cells - 1 : (uint32_t)at;
}

struct cell grid_cell(double lat, double lon, unsigned zoom)
{
    const double phi = fmax(-LAT_MAX, fmin(LAT_MAX, lat)) * PI / 180;
    const double y = (1 - log(tan(phi) + 1 / cos(phi)) / PI) / 2;
    return (struct cell){on_grid((lon + 180) / 360, zoom), on_grid(y, zoom)};
}

struct geo_point grid_corner(struct cell cell, unsigned zoom)
{
    const double cells = (double)(1u << zoom);
    const double north = PI * (1 - 2 * (double)cell.y / cells);
    return (struct geo_point){atan(sinh(north)) * 180 / PI, (double)cell.x / cells * 360 - 180};
}

struct telling {
    const struct directory *directory;
    heard_each each;
    void *context;
};

static void tell(const struct telling *t, struct heard_row *row, const void *heard, size_t len)
{
    const struct node *const *first;
    row->heard_len = (uint8_t)min_size(len, HEARD_BYTES_MAX);
    if (row->heard_len > 0)
        memcpy(row->heard, heard, row->heard_len);
    const bool is_one = row->heard_len > 0 &&
                        directory_prefix(t->directory, row->heard, row->heard_len, &first) == 1;
    row->node = is_one ? first[0] : NULL;
    row->is_shown =
        row->heard_len > 0 && row->client != NULL && (row->node == NULL || !row->node->is_hidden);
    t->each(t->context, row);
}

static void tell_phone(void *context, const struct engine_phone *phone)
{
    struct heard_row row = {.id = phone->id,
                            .rx_ms = phone->rx_ms,
                            .lat = phone->lat,
                            .lon = phone->lon,
                            .snr = phone->snr,
                            .client = phone->client};
    tell(context, &row, phone->heard, phone->heard_len);
}

static void tell_statement(const struct telling *t, const struct statement *rows)
{
    struct heard_row row = {
        .id = column_int(rows, 0),
        .rx_ms = column_int(rows, 1),
        .lat = column_real(rows, 3),
        .lon = column_real(rows, 4),
        .snr = column_real(rows, 5),
        .client = (const char *)sqlite3_column_text(rows->handle, 6),
    };
    const void *heard = sqlite3_column_blob(rows->handle, 2);
    tell(t, &row, heard, (size_t)sqlite3_column_bytes(rows->handle, 2));
}

bool heard_rows_read(struct asking *asking, const struct directory *directory,
                     const struct heard_range *range, heard_each each, void *context)
{
    struct telling t = {directory, each, context};
    const struct engine *engine = asking->model->engine;
    if (engine != NULL)
        return engine->phones(asking, range->since_ms, range->before_ms, range->before_id,
                              range->max, tell_phone, &t);
    struct statement *rows = reader_statement(asking->reader, SQL_NEWEST);
    if (rows == NULL)
        return false;
    bind_int(rows, 1, range->since_ms);
    bind_int(rows, 2, range->before_ms);
    bind_int(rows, 3, range->before_id);
    bind_int(rows, 4, (int64_t)range->max);
    while (statement_row(rows) == STATUS_OK)
        tell_statement(&t, rows);
    return true;
}
