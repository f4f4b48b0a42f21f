/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/heard_rows.h"

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

struct statement *heard_rows_begin(struct reader *reader, int64_t since_ms, int64_t before_ms,
                                   int64_t before_id, int64_t limit)
{
    struct statement *sql = reader_statement(reader, SQL_NEWEST);
    if (sql == NULL)
        return NULL;
    bind_int(sql, 1, since_ms);
    bind_int(sql, 2, before_ms);
    bind_int(sql, 3, before_id);
    bind_int(sql, 4, limit);
    return sql;
}

bool heard_rows_next(struct statement *rows, const struct directory *directory,
                     struct heard_row *out, bool *out_is_shown)
{
    const struct node *const *first;
    if (statement_row(rows) != STATUS_OK)
        return false;
    *out = (struct heard_row){
        .id = column_int(rows, 0),
        .rx_ms = column_int(rows, 1),
        .lat = column_real(rows, 3),
        .lon = column_real(rows, 4),
        .snr = column_real(rows, 5),
        .client = (const char *)sqlite3_column_text(rows->handle, 6),
    };
    const void *heard = sqlite3_column_blob(rows->handle, 2);
    const size_t len = (size_t)sqlite3_column_bytes(rows->handle, 2);
    out->heard_len = (uint8_t)min_size(len, HEARD_BYTES_MAX);
    if (out->heard_len > 0)
        memcpy(out->heard, heard, out->heard_len);
    const bool is_one =
        out->heard_len > 0 && directory_prefix(directory, out->heard, out->heard_len, &first) == 1;
    out->node = is_one ? first[0] : NULL;
    *out_is_shown =
        out->heard_len > 0 && out->client != NULL && (out->node == NULL || !out->node->is_hidden);
    return true;
}
