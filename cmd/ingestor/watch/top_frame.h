/* SPDX-License-Identifier: MIT
 *
 * top_frame - what --top shows: a glance and its history as rows of text, for a window of any size.
 *
 * I1. Never more rows than the window has: what does not fit is named ("3 more"), never missing in
 *     silence. What is wrong stands first.
 * I2. What is not known is "-", never 0; of a sample that is not fresh nothing is said of now.
 * Pure. Ownership: a plain value, large: heap. */
#pragma once

#include "cmd/ingestor/watch/glance.h"
#include "cmd/ingestor/watch/top_history.h"
#include "cmd/ingestor/watch/top_row.h"

#define TOP_ROWS_MAX 200

enum top_style { TOP_PLAIN, TOP_HEAD, TOP_ALERT };

struct top_frame {
    struct {
        struct top_row row;
        enum top_style style;
    } rows[TOP_ROWS_MAX];
    size_t count;
};

struct top_view {
    const struct glance *glance;
    const struct top_history *history;
    size_t rows, columns; /* of the window; rows 0 = as many as there are */
    size_t scrolled;      /* so many sources above the first that is shown */
    bool is_utf8, is_paused;
};

void top_frame_draw(struct top_frame *frame, const struct top_view *view);
