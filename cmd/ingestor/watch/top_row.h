/* SPDX-License-Identifier: MIT
 *
 * top_row - one row of a terminal, made of cells of so many columns.
 *
 * I1. A row never has more columns than it was given, nor more than TOP_COLUMNS_MAX.
 * I2. What comes from a file can't move the cursor: control characters, bytes that are no character
 *     of the locale, and marks that turn the direction of writing become '?'.
 * I3. Columns are counted as the terminal does (wcwidth): a wide character takes two.
 * Needs setlocale(LC_CTYPE): without it all beyond ASCII is '?'. Ownership: a plain value. */
#pragma once

#include "common/base/base.h"

#define TOP_COLUMNS_MAX 300
#define TOP_ROW_BYTES   (TOP_COLUMNS_MAX * 4 + 1)

struct top_row {
    char text[TOP_ROW_BYTES];
    size_t bytes, columns, columns_max;
};

void top_row_init(struct top_row *row, size_t columns_max);
/* As many columns as it needs. */
void top_row_put(struct top_row *row, const char *fmt, ...) PRINTF(2, 3);
/* `width` columns, filled with blanks, and one blank behind it; positive = on the right. A text
 * that is longer is cut. */
void top_row_cell(struct top_row *row, int width, const char *fmt, ...) PRINTF(3, 4);
/* The course of `n` values, a column each; NaN = a blank. */
void top_row_spark(struct top_row *row, const double *values, size_t n, bool is_utf8);

/* Numbers in at most six columns: 999, 12.3k, 4.56M; "-" = not known. */
#define TOP_NUMBER_BYTES 16
const char *top_number(double value, char out[static TOP_NUMBER_BYTES]);
/* A length of time in at most five: 12s, 34m, 5.6h, 78d. */
const char *top_time(double seconds, char out[static TOP_NUMBER_BYTES]);
