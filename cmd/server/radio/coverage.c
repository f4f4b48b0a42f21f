/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/coverage.h"

#include "cmd/server/nodes/node_find.h"
#include "cmd/server/radio/heard_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZOOM_DEFAULT 12
#define ZOOM_MAX     (GRID_ZOOM_MAX - CELLS_A_TILE)

struct box {
    double west, south, east, north;
};

struct spot {
    struct cell cell;
    uint8_t heard[HEARD_BYTES_MAX];
    uint8_t heard_len;
    double snr;
    const struct node *node;
};

struct coverage {
    struct asking *asking;
    const struct directory *directory;
    const struct node *only; /* NULL = of all */
    struct box box;
    unsigned zoom; /* of the grid */
    int64_t days, since_ms, from_ms;
    struct spot *spots; /* owned */
    size_t count, rows; /* rows: that were looked at */
    bool is_complete;
};

/* --- the question ----------------------------------------------------------------------------- */

static bool read_box(const char *text, struct box *out)
{
    char rest;
    *out = (struct box){-180, -90, 180, 90};
    if (text == NULL || text[0] == '\0')
        return true;
    struct box box;
    if (sscanf(text, "%lf,%lf,%lf,%lf%c", &box.west, &box.south, &box.east, &box.north, &rest) != 4)
        return false;
    const bool is_box = isfinite(box.west) && isfinite(box.south) && isfinite(box.east) &&
                        isfinite(box.north) && box.south <= box.north;
    if (is_box)
        *out = box;
    return is_box;
}

static bool is_in(const struct box *box, const struct heard_row *row)
{
    return row->lat >= box->south && row->lat <= box->north && row->lon >= box->west &&
           row->lon <= box->east;
}

int64_t coverage_days_kept(const struct asking *asking, int64_t days)
{
    const int64_t kept = asking->config->retention.packet_days; /* 0 = all */
    return kept > 0 && kept < days ? kept : days;
}

static void begin(struct coverage *c, struct asking *asking, const struct http_query *query)
{
    const size_t zoom = http_query_limit(query, "z", ZOOM_DEFAULT, ZOOM_MAX);
    *c = (struct coverage){.asking = asking,
                           .directory = asking_directory(asking),
                           .box = {-180, -90, 180, 90},
                           .zoom = (unsigned)zoom + CELLS_A_TILE};
    c->days = (int64_t)http_query_limit(query, "days", COVERAGE_DAYS, COVERAGE_DAYS_MAX);
    const int64_t kept = coverage_days_kept(asking, c->days);
    c->since_ms = c->from_ms = asking->now / US_PER_MS - kept * MS_PER_DAY;
    c->is_complete = kept == c->days;
}

static void note_spot(void *context, const struct heard_row *row)
{
    struct coverage *c = context;
    if (++c->rows == COVERAGE_ROWS) {
        c->is_complete = false;
        c->from_ms = row->rx_ms;
    }
    if (!row->is_shown || !is_in(&c->box, row) || (c->only != NULL && row->node != c->only))
        return;
    struct spot *spot = &c->spots[c->count++];
    *spot = (struct spot){.cell = grid_cell(row->lat, row->lon, c->zoom),
                          .heard_len = row->heard_len,
                          .snr = row->snr,
                          .node = row->node};
    memcpy(spot->heard, row->heard, sizeof spot->heard);
}

/* False = no memory, or the question failed. */
static bool read_spots(struct coverage *c)
{
    const struct heard_range range = {c->since_ms, INT64_MAX, 0, COVERAGE_ROWS};
    c->spots = malloc(COVERAGE_ROWS * sizeof *c->spots);
    return c->spots != NULL && c->directory != NULL &&
           heard_rows_read(c->asking, c->directory, &range, note_spot, c);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int by_cell(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    if (x->cell.y != y->cell.y)
        return x->cell.y < y->cell.y ? -1 : 1;
    if (x->cell.x != y->cell.x)
        return x->cell.x < y->cell.x ? -1 : 1;
    if (x->heard_len != y->heard_len)
        return x->heard_len - y->heard_len;
    return memcmp(x->heard, y->heard, sizeof x->heard);
}

static bool is_same_cell(const struct spot *a, const struct spot *b)
{
    return a->cell.x == b->cell.x && a->cell.y == b->cell.y;
}

/* Who was heard in a cell. */
struct heard {
    const struct spot *first;
    size_t count;
    double snr;
};

static int by_count(const void *a, const void *b)
{
    const struct heard *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1)
                                : memcmp(x->first->heard, y->first->heard, HEARD_BYTES_MAX);
}

static void write_heard(struct json_write *w, const struct heard *heard)
{
    const struct node *node = heard->first->node;
    jw_object(w, NULL);
    jw_hex_lower(w, "prefix", heard->first->heard, heard->first->heard_len);
    if (node != NULL && node->name[0] != '\0')
        jw_string(w, "name", node->name);
    if (node != NULL)
        jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    jw_uint(w, "count", heard->count);
    jw_real(w, "snr", heard->snr);
    jw_object_end(w);
}

/* NaN = neither was measured. */
static double better(double a, double b)
{
    return fmax(a, b); /* of a number and NaN it is the number */
}

static void write_point(struct json_write *w, double lon, double lat)
{
    jw_array(w, NULL);
    jw_decimal(w, NULL, llround(lon * 1e6), 6);
    jw_decimal(w, NULL, llround(lat * 1e6), 6);
    jw_array_end(w);
}

static void write_geometry(struct json_write *w, struct cell cell, unsigned zoom)
{
    const struct geo_point a = grid_corner(cell, zoom);
    const struct geo_point b = grid_corner((struct cell){cell.x + 1, cell.y + 1}, zoom);
    jw_object(w, "geometry");
    jw_string(w, "type", "Polygon");
    jw_array(w, "coordinates");
    jw_array(w, NULL);
    write_point(w, a.lon, b.lat);
    write_point(w, b.lon, b.lat);
    write_point(w, b.lon, a.lat);
    write_point(w, a.lon, a.lat);
    write_point(w, a.lon, b.lat);
    jw_array_end(w);
    jw_array_end(w);
    jw_object_end(w);
}

/* How many of the spots are of the same cell as the first. */
static size_t same_cell(const struct spot *spots, size_t count)
{
    size_t n = 1;
    while (n < count && is_same_cell(&spots[0], &spots[n]))
        n++;
    return n;
}

/* The spots of a cell by whom they heard: the first CELL_NODES of them, the most frequent first. */
static size_t gather(const struct spot *spots, size_t count, struct heard out[static CELL_NODES])
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_new = i == 0 || by_cell(&spots[i - 1], &spots[i]) != 0;
        if (is_new && n == CELL_NODES)
            break;
        if (is_new)
            out[n++] = (struct heard){&spots[i], 0, (double)NAN};
        out[n - 1].count++;
        out[n - 1].snr = better(out[n - 1].snr, spots[i].snr);
    }
    qsort(out, n, sizeof *out, by_count);
    return n;
}

static void write_feature(struct json_write *w, const struct spot *spots, size_t count,
                          unsigned zoom)
{
    struct heard heard[CELL_NODES] = {0};
    double best = (double)NAN;
    const size_t n = gather(spots, count, heard);
    for (size_t i = 0; i < count; i++)
        best = better(best, spots[i].snr);
    jw_object(w, NULL);
    jw_string(w, "type", "Feature");
    write_geometry(w, spots[0].cell, zoom);
    jw_object(w, "properties");
    jw_real(w, "best_snr", best);
    jw_bool(w, "has_sig", !isnan(best));
    jw_array(w, "nodes");
    for (size_t i = 0; i < n; i++)
        write_heard(w, &heard[i]);
    jw_array_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

static void write_coverage(struct json_write *w, struct coverage *c)
{
    size_t cells = 0;
    if (c->count > 0)
        qsort(c->spots, c->count, sizeof *c->spots, by_cell);
    jw_object(w, NULL);
    jw_string(w, "type", "FeatureCollection");
    jw_int(w, "days", c->days);
    jw_array(w, "features");
    for (size_t at = 0; at < c->count;) {
        const size_t count = same_cell(c->spots + at, c->count - at);
        if (cells++ == COVERAGE_CELLS) {
            c->is_complete = false;
            break;
        }
        write_feature(w, c->spots + at, count, c->zoom);
        at += count;
    }
    jw_array_end(w);
    jw_time(w, "from", c->from_ms * US_PER_MS);
    jw_bool(w, "complete", c->is_complete);
    jw_object_end(w);
}

static void answer(struct coverage *c, struct http_reply *reply)
{
    if (read_spots(c)) {
        struct json_write w;
        jw_grow(&w, HTTP_ANSWER_MAX);
        write_coverage(&w, c);
        http_reply_json(reply, &w);
        reply->kept_s = COVERAGE_KEPT_S;
    }
    free(c->spots);
}

/* ---------------------------------------------------------------------------------------------- */

bool coverage_is_on(const struct asking *asking, struct http_reply *reply)
{
    const bool is_on = asking->config->client_rx_coverage;
    if (!is_on)
        http_reply_error(reply, 404,
                         "clientRxCoverage is off: nothing is kept of what phones hear");
    return is_on;
}

void coverage_answer(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply)
{
    struct coverage c;
    if (!coverage_is_on(asking, reply))
        return;
    begin(&c, asking, request->query);
    if (read_box(http_query_text(request->query, "bbox"), &c.box))
        answer(&c, reply);
    else
        http_reply_field_error(reply, 400, "bbox", "bbox must be west,south,east,north in degrees");
}

static void answer_node(const struct facts *facts, const struct node *node,
                        const struct http_request *request, struct http_reply *reply)
{
    struct coverage c;
    begin(&c, facts->asking, request->query);
    c.only = node;
    answer(&c, reply);
}

void coverage_of_node_answer(struct asking *asking, const struct http_request *request,
                             struct http_reply *reply)
{
    if (coverage_is_on(asking, reply))
        node_ask(asking, request, reply, false, answer_node);
}
