/* SPDX-License-Identifier: MIT */
#include "cmd/server/export/export_rows.h"

#include "common/base/hex.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_ROOM 32
#define HEX_MAX    512 /* bytes in one field */

bool export_rows_init(struct export_rows *rows)
{
    memset(rows, 0, sizeof *rows);
    rows->own = malloc(EXPORT_PIECE_BYTES + EXPORT_LINE_MAX + 2 * FRAME_ROOM);
    rows->bytes = rows->own != NULL ? rows->own + FRAME_ROOM : NULL;
    return rows->own != NULL;
}

void export_rows_done(struct export_rows *rows)
{
    free(rows->own);
    rows->own = rows->bytes = NULL;
}

void export_rows_begin(struct export_rows *rows, mono_us budget)
{
    rows->len = 0;
    rows->columns = 0;
    rows->end_by = clock_mono() + budget;
}

bool export_rows_fit(const struct export_rows *rows)
{
    return rows->len < EXPORT_PIECE_BYTES && rows->left > 0 && !rows->has_failed;
}

bool export_rows_want(const struct export_rows *rows)
{
    return export_rows_fit(rows) && clock_mono() < rows->end_by;
}

static void put(struct export_rows *rows, const char *bytes, size_t len)
{
    if (len > EXPORT_PIECE_BYTES + EXPORT_LINE_MAX - rows->len) {
        rows->has_failed = true;
        return;
    }
    memcpy(rows->bytes + rows->len, bytes, len);
    rows->len += len;
}

static void end_line(struct export_rows *rows, const char *end, const char *cursor)
{
    put(rows, end, strlen(end));
    (void)snprintf(rows->cursor, sizeof rows->cursor, "%s", cursor);
    rows->left--;
}

/* --- ndjson ----------------------------------------------------------------------------------- */

struct json_write *export_object(struct export_rows *rows)
{
    jw_init(&rows->json, rows->line, sizeof rows->line);
    jw_object(&rows->json, NULL);
    return &rows->json;
}

void export_object_end(struct export_rows *rows, const char *cursor)
{
    jw_string(&rows->json, "cursor", cursor);
    jw_object_end(&rows->json);
    const size_t len = jw_finish(&rows->json);
    rows->has_failed |= len == 0;
    put(rows, rows->line, len);
    end_line(rows, "\n", cursor);
}

struct json_write *export_value(struct export_rows *rows)
{
    jw_init(&rows->json, rows->line, sizeof rows->line);
    return &rows->json;
}

void export_value_end(struct export_rows *rows, const char *cursor)
{
    struct json_write *w = &rows->json;
    if (!w->is_full && w->len > 0 && w->out[w->len - 1] == '}')
        w->len--; /* the cursor is one more member */
    export_object_end(rows, cursor);
}

bool export_after_id(const struct export_rows *rows, int64_t otherwise, int64_t *out)
{
    const char *at = rows->cursor;
    *out = otherwise;
    if (*at == '\0')
        return true;
    const size_t digits = strspn(at + 1, "0123456789");
    if (*at != 'i' || digits == 0 || digits > 18 || at[1 + digits] != '\0')
        return false;
    *out = strtoll(at + 1, NULL, 10);
    return true;
}

void export_id_cursor(int64_t id, char out[static EXPORT_CURSOR_MAX])
{
    (void)snprintf(out, EXPORT_CURSOR_MAX, "i%" PRId64, id);
}

/* --- csv -------------------------------------------------------------------------------------- */

static void begin_field(struct export_rows *rows)
{
    if (rows->columns++ > 0)
        put(rows, ",", 1);
}

static bool needs_quotes(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ',' || text[i] == '"' || text[i] == '\r' || text[i] == '\n')
            return true;
    }
    return false;
}

static bool is_formula(const char *text, size_t len)
{
    return len > 0 && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
}

void export_text(struct export_rows *rows, const char *text, size_t len)
{
    const bool is_quoted = needs_quotes(text, len);
    begin_field(rows);
    if (is_quoted)
        put(rows, "\"", 1);
    if (is_formula(text, len))
        put(rows, "'", 1);
    for (size_t at = 0; at < len;) {
        const char *quote = memchr(text + at, '"', len - at);
        const size_t n = quote != NULL ? (size_t)(quote - text) + 1 - at : len - at;
        put(rows, text + at, n);
        if (quote != NULL)
            put(rows, "\"", 1);
        at += n;
    }
    if (is_quoted)
        put(rows, "\"", 1);
}

void export_string(struct export_rows *rows, const char *text)
{
    export_text(rows, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

void export_int(struct export_rows *rows, int64_t value)
{
    char text[32];
    const int n = snprintf(text, sizeof text, "%" PRId64, value);
    begin_field(rows);
    put(rows, text, (size_t)n);
}

void export_real(struct export_rows *rows, double value)
{
    char text[64];
    struct json_write w;
    begin_field(rows);
    if (!isfinite(value))
        return;
    jw_init(&w, text, sizeof text);
    jw_real(&w, NULL, value);
    put(rows, text, jw_finish(&w));
}

void export_time(struct export_rows *rows, int64_t ms)
{
    char text[32];
    const char *time = clock_rfc3339(ms * US_PER_MS, text);
    begin_field(rows);
    put(rows, time, strlen(time));
}

void export_hex(struct export_rows *rows, const uint8_t *bytes, size_t len, bool is_upper)
{
    char text[2 * HEX_MAX + 1];
    len = min_size(len, HEX_MAX);
    if (is_upper)
        hex_encode_upper(bytes, len, text);
    else
        hex_encode_lower(bytes, len, text);
    begin_field(rows);
    put(rows, text, 2 * len);
}

void export_names(struct export_rows *rows, const char *const *names, size_t count)
{
    if (!rows->is_first)
        return;
    for (size_t i = 0; i < count; i++)
        export_string(rows, names[i]);
    export_string(rows, "cursor");
    put(rows, "\r\n", 2);
    rows->columns = 0;
}

void export_line_end(struct export_rows *rows, const char *cursor)
{
    export_string(rows, cursor);
    end_line(rows, "\r\n", cursor);
    rows->columns = 0;
}
