/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/watch/top_row.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define CELL_BYTES 600

void top_row_init(struct top_row *row, size_t columns_max)
{
    row->text[0] = '\0';
    row->bytes = 0;
    row->columns = 0;
    row->columns_max = min_size(columns_max, TOP_COLUMNS_MAX);
}

static bool append(struct top_row *row, const char *bytes, size_t len, size_t columns)
{
    if (row->columns + columns > row->columns_max || row->bytes + len >= sizeof row->text)
        return false;
    memcpy(row->text + row->bytes, bytes, len);
    row->bytes += len;
    row->columns += columns;
    row->text[row->bytes] = '\0';
    return true;
}

static bool turns_direction(wchar_t c)
{
    return c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The next character: its bytes, and how many columns it takes; -1 = it may not be shown (I2). */
static size_t next_char(const char *text, size_t len, mbstate_t *state, int *out_columns)
{
    wchar_t c = 0;
    const size_t n = mbrtowc(&c, text, len, state);
    if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
        memset(state, 0, sizeof *state);
        *out_columns = -1;
        return 1;
    }
    *out_columns = turns_direction(c) ? -1 : wcwidth(c);
    return n;
}

/* As much as there is room for. */
static void put_text(struct top_row *row, const char *text)
{
    const size_t len = strlen(text);
    mbstate_t state;
    memset(&state, 0, sizeof state);
    for (size_t i = 0; i < len;) {
        int wide;
        const size_t n = next_char(text + i, len - i, &state, &wide);
        const bool is_shown = wide >= 0;
        if (!append(row, is_shown ? text + i : "?", is_shown ? n : 1, is_shown ? (size_t)wide : 1))
            return;
        i += n;
    }
}

void top_row_put(struct top_row *row, const char *fmt, ...)
{
    char text[CELL_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put_text(row, text);
}

static void fill(struct top_row *row, size_t columns)
{
    while (columns-- > 0 && append(row, " ", 1, 1))
        continue;
}

void top_row_cell(struct top_row *row, int width, const char *fmt, ...)
{
    char text[CELL_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const size_t wide = (size_t)(width < 0 ? -width : width);
    struct top_row cell;
    top_row_init(&cell, wide);
    put_text(&cell, text);
    const size_t rest = wide - cell.columns;
    if (width > 0)
        fill(row, rest);
    put_text(row, cell.text);
    fill(row, width > 0 ? 1 : rest + 1);
}

void top_row_spark(struct top_row *row, const double *values, size_t n, bool is_utf8)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    const size_t last = ARRAY_LEN(blocks) - 1;
    double max = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i]) && values[i] > max)
            max = values[i];
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            fill(row, 1);
            continue;
        }
        const double share = max > 0 && values[i] > 0 ? values[i] / max : 0;
        const size_t step = (size_t)(share * (double)last + 0.5);
        const char *text = is_utf8 ? blocks[step] : plain[step];
        if (!append(row, text, strlen(text), 1))
            return;
    }
}

const char *top_number(double value, char out[static TOP_NUMBER_BYTES])
{
    static const char units[] = {'k', 'M', 'G', 'T', 'P'};
    if (!isfinite(value)) {
        (void)snprintf(out, TOP_NUMBER_BYTES, "-");
        return out;
    }
    if (fabs(value) < 10000) {
        const bool is_whole = value == floor(value);
        (void)snprintf(out, TOP_NUMBER_BYTES,
                       is_whole            ? "%.0f"
                       : fabs(value) < 100 ? "%.1f"
                                           : "%.0f",
                       value);
        return out;
    }
    size_t unit = 0;
    value /= 1000;
    while (fabs(value) >= 1000 && unit + 1 < sizeof units) {
        value /= 1000;
        unit++;
    }
    if (fabs(value) < 1e6)
        (void)snprintf(out, TOP_NUMBER_BYTES, fabs(value) < 100 ? "%.1f%c" : "%.0f%c", value,
                       units[unit]);
    else
        (void)snprintf(out, TOP_NUMBER_BYTES, "lots");
    return out;
}

const char *top_time(double seconds, char out[static TOP_NUMBER_BYTES])
{
    if (!isfinite(seconds) || seconds < 0)
        (void)snprintf(out, TOP_NUMBER_BYTES, "-");
    else if (seconds < 100)
        (void)snprintf(out, TOP_NUMBER_BYTES, "%.0fs", seconds);
    else if (seconds < 100 * 60.0)
        (void)snprintf(out, TOP_NUMBER_BYTES, "%.0fm", seconds / 60);
    else if (seconds < 100 * 3600.0)
        (void)snprintf(out, TOP_NUMBER_BYTES, "%.0fh", seconds / 3600);
    else if (seconds < 9999 * 86400.0)
        (void)snprintf(out, TOP_NUMBER_BYTES, "%.0fd", seconds / 86400);
    else
        (void)snprintf(out, TOP_NUMBER_BYTES, "long");
    return out;
}
