/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/messages_export.h"

#include "cmd/server/export/export_rows.h"
#include "cmd/server/model/asking.h"

#define PIECE_ROWS 1000

static const char SQL_CHANNEL[] = "SELECT id FROM channels WHERE name = ?1";
static const char SQL_MESSAGES[] =
    "SELECT m.transmission_id, t.first_ms, m.sender, m.text, m.sender_time, t.observation_count,"
    " lower(hex(t.hash)) FROM messages m INDEXED BY messages_channel"
    " CROSS JOIN transmissions t ON t.id = m.transmission_id"
    " WHERE m.channel_id = ?1 AND m.transmission_id < ?2 ORDER BY m.transmission_id DESC LIMIT ?3";

static const char *const columns[] = {"packetHash", "first_seen",       "sender",
                                      "text",       "sender_timestamp", "repeats"};

static const char *text_of(const struct statement *row, int column)
{
    return (const char *)sqlite3_column_text(row->handle, column);
}

static void write_columns(struct export_rows *rows, const struct statement *row)
{
    export_string(rows, text_of(row, 6));
    export_time(rows, column_int(row, 1));
    export_string(rows, text_of(row, 2));
    export_string(rows, text_of(row, 3));
    if (column_is_null(row, 4))
        export_string(rows, NULL);
    else
        export_int(rows, column_int(row, 4));
    export_int(rows, column_int(row, 5));
}

static void write_text(struct json_write *w, const char *key, const char *text)
{
    if (text != NULL)
        jw_string(w, key, text);
    else
        jw_null(w, key);
}

static void write_members(struct json_write *w, const struct statement *row)
{
    char time[32];
    write_text(w, "sender", text_of(row, 2));
    write_text(w, "text", text_of(row, 3));
    jw_string(w, "first_seen", clock_rfc3339(column_int(row, 1) * US_PER_MS, time));
    if (column_is_null(row, 4))
        jw_null(w, "sender_timestamp");
    else
        jw_int(w, "sender_timestamp", column_int(row, 4));
    write_text(w, "packetHash", text_of(row, 6));
    jw_int(w, "repeats", column_int(row, 5));
}

static void write_message(struct export_rows *rows, const struct statement *row)
{
    char cursor[EXPORT_CURSOR_MAX];
    export_id_cursor(column_int(row, 0), cursor);
    if (rows->format == EXPORT_CSV) {
        write_columns(rows, row);
        export_line_end(rows, cursor);
        return;
    }
    write_members(export_object(rows), row);
    export_object_end(rows, cursor);
}

static void write_piece(struct statement *messages, struct export_rows *rows)
{
    int64_t count = 0;
    for (; export_rows_want(rows) && statement_row(messages) == STATUS_OK; count++)
        write_message(rows, messages);
    /* Fewer than asked for, though more were wanted: there are no more. */
    rows->is_last = count < PIECE_ROWS && export_rows_want(rows);
    statement_done(messages);
}

static int64_t channel_of(struct asking *asking, const char *name)
{
    struct statement *channel = reader_statement(asking->reader, SQL_CHANNEL);
    int64_t id = 0;
    if (channel == NULL)
        return 0;
    bind_text(channel, 1, name);
    return statement_number(channel, &id) == STATUS_OK ? id : 0;
}

void messages_export(struct asking *asking, const struct http_request *request,
                     struct export_rows *rows, struct http_reply *reply)
{
    const char *region = http_query_text(request->query, "region");
    int64_t below;
    if (asking->model->engine != NULL) {
        http_reply_field_error(reply, 501, "format", "no file from the store of storeUrl yet");
        return;
    }
    if (region != NULL && *region != '\0') {
        http_reply_field_error(reply, 400, "region", "a file holds the messages of all regions");
        return;
    }
    if (!export_after_id(rows, INT64_MAX, &below)) {
        http_reply_field_error(reply, 400, "cursor", "no cursor of a file: i<id> of its last line");
        return;
    }
    const int64_t channel = channel_of(asking, request->arguments[0]);
    struct statement *messages = reader_statement(asking->reader, SQL_MESSAGES);
    if (messages == NULL)
        return;
    if (rows->format == EXPORT_CSV)
        export_names(rows, columns, ARRAY_LEN(columns));
    bind_int(messages, 1, channel);
    bind_int(messages, 2, below);
    bind_int(messages, 3, PIECE_ROWS);
    write_piece(messages, rows);
}
