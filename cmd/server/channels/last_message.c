/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/last_message.h"

#include <stdlib.h>
#include <string.h>

static const char SQL_ON_AIR[] =
    "SELECT m.sender, m.text, t.first_ms FROM messages m CROSS JOIN transmissions t"
    " ON t.id = m.transmission_id WHERE m.transmission_id ="
    " (SELECT max(x.transmission_id) FROM messages x WHERE x.channel_id = ?1)";
static const char SQL_OF[] =
    "SELECT sender, text, transmission_id FROM messages WHERE transmission_id = ?1";
static const char SQL_BY_COMPANION[] =
    "SELECT sender, text, receipt_ms FROM companion_messages WHERE id ="
    " (SELECT max(x.id) FROM companion_messages x WHERE x.channel_id = ?1)";

static char *copy(const struct statement *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row->handle, column);
    return text != NULL ? strdup(text) : NULL;
}

void last_message_done(struct last_message *message)
{
    free(message->sender);
    free(message->text);
    *message = (struct last_message){.sender = NULL};
}

/* Its time; INT64_MIN = there is none. */
static int64_t read_one(struct last_message *out, struct asking *asking, const char *text,
                        int64_t key)
{
    struct statement *sql = reader_statement(asking->reader, text);
    *out = (struct last_message){.sender = NULL};
    if (sql == NULL)
        return INT64_MIN;
    bind_int(sql, 1, key);
    if (statement_row(sql) != STATUS_OK)
        return INT64_MIN;
    const int64_t ms = column_int(sql, 2);
    *out = (struct last_message){copy(sql, 0), copy(sql, 1)};
    statement_done(sql);
    return ms;
}

void last_message_read(struct last_message *out, struct asking *asking, int64_t channel_id)
{
    struct last_message other;
    const int64_t on_air = read_one(out, asking, SQL_ON_AIR, channel_id);
    const int64_t told = read_one(&other, asking, SQL_BY_COMPANION, channel_id);
    if (told > on_air) {
        const struct last_message older = *out;
        *out = other;
        other = older;
    }
    last_message_done(&other);
}

void last_message_of(struct last_message *out, struct asking *asking, int64_t transmission_id)
{
    (void)read_one(out, asking, SQL_OF, transmission_id);
}
