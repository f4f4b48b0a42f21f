/* SPDX-License-Identifier: MIT
 *
 * export_rows - a piece of a list that is sent as a file.
 *
 * ndjson: each line is one JSON object, of EXPORT_LINE_MAX bytes at most. csv (RFC 4180): a head of
 * names, lines end in CR LF, texts with commas, quotes or line ends are quoted; a text that a
 * spreadsheet would take for a formula (it begins with = + - @ or a tab) gets a ' in front. Numbers
 * stand as they are; what is not known is empty.
 * Each line ends with its cursor: a file that was cut goes on with `cursor=` that of its last line.
 *
 * I1. A line that did not fit whole is not there: has_failed, and the piece is not sent.
 * Threads: one. Ownership: the bytes are the piece's. Limits: EXPORT_PIECE_BYTES and one line. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/json/json_write.h"

#define EXPORT_PIECE_BYTES ((size_t)256 << 10)
#define EXPORT_LINE_MAX    ((size_t)32 << 10)
#define EXPORT_CURSOR_MAX  64

enum export_format { EXPORT_NDJSON, EXPORT_CSV };

struct export_rows {
    enum export_format format;
    /* in: "" = from the beginning; out: where the next piece begins */
    char cursor[EXPORT_CURSOR_MAX];
    uint64_t left; /* lines that are still wanted */
    bool is_first; /* the piece begins the file */
    bool is_last;  /* set by who writes: there is no more */
    bool has_failed;
    mono_us end_by;
    /* the lines; room for a frame stands on both sides (export.h) */
    char *bytes;
    size_t len;
    /* export_rows.c only */
    char *own;
    char line[EXPORT_LINE_MAX];
    struct json_write json;
    size_t columns;
};

/* False = no memory. */
NODISCARD bool export_rows_init(struct export_rows *rows);
void export_rows_done(struct export_rows *rows);
/* Empties it for the next piece, which may take so long. */
void export_rows_begin(struct export_rows *rows, mono_us budget);
/* There is room, and time, and a line is wanted. */
bool export_rows_want(const struct export_rows *rows);
/* The same, however late it is: for rows that were read, and would only be read again. */
bool export_rows_fit(const struct export_rows *rows);

/* ndjson: an object that is begun, and ended with the cursor. */
struct json_write *export_object(struct export_rows *rows);
void export_object_end(struct export_rows *rows, const char *cursor);

/* The same where another writes the whole object, braces included. */
struct json_write *export_value(struct export_rows *rows);
void export_value_end(struct export_rows *rows, const char *cursor);
/* Cursors of lists in the order of ids: `i<id>`. The id behind which it goes on, `otherwise` at the
 * beginning; false = the cursor is none. */
NODISCARD bool export_after_id(const struct export_rows *rows, int64_t otherwise, int64_t *out);
void export_id_cursor(int64_t id, char out[static EXPORT_CURSOR_MAX]);

/* csv: the head, in the first piece only; then column by column. */
void export_names(struct export_rows *rows, const char *const *names, size_t count);
void export_text(struct export_rows *rows, const char *text, size_t len);
void export_string(struct export_rows *rows, const char *text); /* NULL = "" */
void export_int(struct export_rows *rows, int64_t value);
void export_real(struct export_rows *rows, double value); /* NaN = not known */
void export_time(struct export_rows *rows, int64_t ms);
void export_hex(struct export_rows *rows, const uint8_t *bytes, size_t len, bool is_upper);
void export_line_end(struct export_rows *rows, const char *cursor);
