/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/messages_export.h"

#include "cmd/server/export/export_rows.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "common/base/hex.h"

#include <inttypes.h>
#include <stdio.h>

#define PIECE_ROWS 1000

static const char SQL_CHANNEL[] = "SELECT id FROM channels WHERE name = ?1";
static const char SQL_MESSAGES[] =
    "SELECT m.transmission_id, t.first_ms, m.sender, m.text, m.sender_time, t.observation_count,"
    " lower(hex(t.hash)) FROM messages m INDEXED BY messages_channel"
    " CROSS JOIN transmissions t ON t.id = m.transmission_id"
    " WHERE m.channel_id = ?1 AND m.transmission_id < ?2 ORDER BY m.transmission_id DESC LIMIT ?3";

static const char *const columns[] = {"packetHash", "first_seen",       "sender",
                                      "text",       "sender_timestamp", "repeats"};

/* A line; texts NULL = none, DIRECTORY_UNKNOWN = no time. */
struct said {
    const char *hash, *sender, *text;
    int64_t first_ms, sender_time, repeats;
};

static void write_columns(struct export_rows *rows, const struct said *said)
{
    export_string(rows, said->hash);
    export_time(rows, said->first_ms);
    export_string(rows, said->sender);
    export_string(rows, said->text);
    if (said->sender_time == DIRECTORY_UNKNOWN)
        export_string(rows, NULL);
    else
        export_int(rows, said->sender_time);
    export_int(rows, said->repeats);
}

static void write_text(struct json_write *w, const char *key, const char *text)
{
    if (text != NULL)
        jw_string(w, key, text);
    else
        jw_null(w, key);
}

static void write_members(struct json_write *w, const struct said *said)
{
    char time[32];
    write_text(w, "sender", said->sender);
    write_text(w, "text", said->text);
    jw_string(w, "first_seen", clock_rfc3339(said->first_ms * US_PER_MS, time));
    if (said->sender_time == DIRECTORY_UNKNOWN)
        jw_null(w, "sender_timestamp");
    else
        jw_int(w, "sender_timestamp", said->sender_time);
    write_text(w, "packetHash", said->hash);
    jw_int(w, "repeats", said->repeats);
}

static void write_message(struct export_rows *rows, const struct said *said, const char *cursor)
{
    if (rows->format == EXPORT_CSV) {
        write_columns(rows, said);
        export_line_end(rows, cursor);
        return;
    }
    write_members(export_object(rows), said);
    export_object_end(rows, cursor);
}

/* --- of SQLite -------------------------------------------------------------------------------- */

static const char *text_of(const struct statement *row, int column)
{
    return (const char *)sqlite3_column_text(row->handle, column);
}

static void write_row(struct export_rows *rows, const struct statement *row)
{
    char cursor[EXPORT_CURSOR_MAX];
    export_id_cursor(column_int(row, 0), cursor);
    const struct said said = {
        .hash = text_of(row, 6),
        .sender = text_of(row, 2),
        .text = text_of(row, 3),
        .first_ms = column_int(row, 1),
        .sender_time = column_is_null(row, 4) ? DIRECTORY_UNKNOWN : column_int(row, 4),
        .repeats = column_int(row, 5),
    };
    write_message(rows, &said, cursor);
}

static void write_piece(struct statement *messages, struct export_rows *rows)
{
    int64_t count = 0;
    for (; export_rows_want(rows) && statement_row(messages) == STATUS_OK; count++)
        write_row(rows, messages);
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

static void export_sqlite(struct asking *asking, const char *name, struct export_rows *rows,
                          struct http_reply *reply)
{
    int64_t below;
    if (!export_after_id(rows, INT64_MAX, &below)) {
        http_reply_field_error(reply, 400, "cursor", "no cursor of a file: i<id> of its last line");
        return;
    }
    const int64_t channel = channel_of(asking, name);
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

/* --- of an engine ----------------------------------------------------------------------------- */

struct telling {
    struct asking *asking;
    struct export_rows *rows;
    int64_t count; /* of which was told */
    bool is_over;  /* no more fits */
};

static void tell(void *context, const struct engine_message *told)
{
    struct telling *t = context;
    struct packet packet;
    struct packet_observation shown;
    char hash[2 * MESHCORE_HASH_BYTES + 1];
    char cursor[EXPORT_CURSOR_MAX];
    t->count++;
    t->is_over |= !export_rows_fit(t->rows);
    if (t->is_over || !packet_read_best(t->asking, told->id, &packet, &shown))
        return; /* the next piece's; or its rows are under way */
    hex_encode_lower(packet.hash, sizeof packet.hash, hash);
    (void)snprintf(cursor, sizeof cursor, "%" PRId64 "-%" PRId64, told->first_ms, told->place);
    const struct said said = {.hash = hash,
                              .sender = told->sender,
                              .text = told->text,
                              .first_ms = packet.first_ms,
                              .sender_time = told->sender_time,
                              .repeats = packet.observation_count};
    write_message(t->rows, &said, cursor);
}

static bool read_place(const char *text, struct engine_messages *out)
{
    int end = 0;
    out->below_ms = out->below = INT64_MAX;
    return *text == '\0' ||
           (sscanf(text, "%" SCNd64 "-%" SCNd64 "%n", &out->below_ms, &out->below, &end) == 2 &&
            text[end] == '\0');
}

static void export_told(struct asking *asking, const char *name, struct export_rows *rows,
                        struct http_reply *reply)
{
    struct telling t = {.asking = asking, .rows = rows};
    struct engine_messages wanted = {.channel = name, .max = PIECE_ROWS, .is_on_air = true};
    if (!read_place(rows->cursor, &wanted)) {
        http_reply_field_error(reply, 400, "cursor", "no cursor of a file: that of its last line");
        return;
    }
    if (rows->format == EXPORT_CSV)
        export_names(rows, columns, ARRAY_LEN(columns));
    if (asking->model->engine->messages(asking, &wanted, tell, &t))
        rows->is_last = t.count < PIECE_ROWS && !t.is_over;
}

/* ---------------------------------------------------------------------------------------------- */

void messages_export(struct asking *asking, const struct http_request *request,
                     struct export_rows *rows, struct http_reply *reply)
{
    const char *region = http_query_text(request->query, "region");
    if (region != NULL && *region != '\0')
        http_reply_field_error(reply, 400, "region", "a file holds the messages of all regions");
    else if (asking->model->engine != NULL)
        export_told(asking, request->arguments[0], rows, reply);
    else
        export_sqlite(asking, request->arguments[0], rows, reply);
}
