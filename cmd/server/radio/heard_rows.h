/* SPDX-License-Identifier: MIT
 *
 * heard_rows - what phones heard on the road (client_receptions), newest first, on a grid.
 *
 * The grid: web mercator, 2^zoom cells around the world, as map tiles are cut. Which node a
 * reception is of: the one known node whose key begins with what the phone heard; where there are
 * several, or none, it is nobody's. What is of a node that nobody shall see is left out.
 * Threads: that of the asking. Errors: as its question's. Cost: 2 us a row. */
#pragma once

#include "cmd/server/model/asking.h"

#define HEARD_BYTES_MAX NODE_KEY_BYTES
#define GRID_ZOOM_MAX   24

struct cell {
    uint32_t x, y;
};

struct heard_row {
    int64_t id, rx_ms;
    uint8_t heard[HEARD_BYTES_MAX]; /* with zeros behind */
    uint8_t heard_len;
    double lat, lon, snr;    /* snr NaN = not measured */
    const struct node *node; /* NULL = not known who */
    const char *client;      /* borrowed until the next row */
    bool is_shown;           /* it may be told */
};

/* Rows from since_ms on, below (before_ms, before_id), the newest first. */
struct heard_range {
    int64_t since_ms, before_ms, before_id;
    size_t max;
};

typedef void (*heard_each)(void *context, const struct heard_row *row);

struct cell grid_cell(double lat, double lon, unsigned zoom);
/* Its north-western corner; that of {x + 1, y + 1} is the south-eastern one. */
struct geo_point grid_corner(struct cell cell, unsigned zoom);

/* False = the question failed. */
NODISCARD bool heard_rows_read(struct asking *asking, const struct directory *directory,
                               const struct heard_range *range, heard_each each, void *context);
