/* SPDX-License-Identifier: MIT
 *
 * Texts of companion bridges (protocol.md 7.5). There is no frame, so the same topic and payload within ten
 * minutes is what makes a redelivery; the row keeps the receipt and the source of the earliest copy. A retained
 * text is what a bridge said last, hours or months ago, and comes again with each of our connections: it is
 * no news and is not stored. Nobody becomes an observer by such a text. */
#include "cmd/ingestor/store/store_internal.h"

#include "common/mesh/channel_keys.h"

#include <stdio.h>
#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_COMPANION_INSERT,
     "INSERT INTO companion_messages (channel_id, peer, sender, text, sender_time, direction, snr,"
     " rssi, score, source_id, receipt_ms, envelope_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
     " ?10, ?11, ?12)"},
    /* ?5 = the receipt that counted until now. Newest first: the row is hardly ten minutes old. */
    {SQL_COMPANION_EARLIER,
     "UPDATE companion_messages SET receipt_ms = ?6, source_id = ?7 WHERE id = (SELECT id FROM"
     " companion_messages WHERE channel_id IS ?1 AND receipt_ms = ?5 AND peer IS ?2 AND sender IS"
     " ?3 AND text = ?4 ORDER BY id DESC LIMIT 1) AND (?6 < receipt_ms OR ?8 <"
     " (SELECT name FROM sources WHERE id = source_id))"},
};

enum status store_companion_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* A text as its row has it. */
struct text {
    int64_t channel_id;                                         /* 0 = a direct message */
    const char *peer;                                           /* NULL = a channel's */
    char sender[sizeof((struct envelope_message *)NULL)->text]; /* "" = unknown */
    const char *body;
    int64_t source_id;
};

static void bind_text_key(struct store *store, enum store_sql sql, const struct text *text)
{
    if (text->channel_id != 0)
        bind_int(store, sql, 1, text->channel_id);
    if (text->peer != NULL)
        bind_text(store, sql, 2, text->peer);
    if (text->sender[0] != '\0')
        bind_text(store, sql, 3, text->sender);
    bind_text(store, sql, 4, text->body);
}

static enum status insert_text(struct store *store, const struct store_message *message,
                               const struct text *text)
{
    const enum store_sql sql = SQL_COMPANION_INSERT;
    const struct envelope *envelope = message->envelope;
    const struct envelope_message *said = &envelope->message;
    bind_text_key(store, sql, text);
    if (said->has_sender_time)
        bind_int(store, sql, 5, said->sender_time);
    bind_int(store, sql, 6, said->direction == DIRECTION_TX);
    bind_real(store, sql, 7, said->snr);
    bind_real(store, sql, 8, said->rssi);
    bind_real(store, sql, 9, said->score);
    bind_int(store, sql, 10, text->source_id);
    bind_int(store, sql, 11, message->receipt_ms);
    if (envelope->has_time)
        bind_int(store, sql, 12, envelope->envelope_ms);
    return store_run(store, sql);
}

/* A copy that came earlier, or at the same time by a source whose name goes first. */
static enum status take_earlier(struct store *store, const struct store_message *message,
                                const struct text *text, int64_t former_ms)
{
    const enum store_sql sql = SQL_COMPANION_EARLIER;
    bind_text_key(store, sql, text);
    bind_int(store, sql, 5, former_ms);
    bind_int(store, sql, 6, message->receipt_ms);
    bind_int(store, sql, 7, text->source_id);
    bind_text(store, sql, 8, message->source);
    return store_run(store, sql);
}

static enum status resolve_channel(struct store *store, const struct store_message *message,
                                   bool is_new, struct text *text)
{
    const struct envelope_message *said = &message->envelope->message;
    char name[16];
    (void)snprintf(name, sizeof name, "ch%d", said->channel_idx);
    enum status status =
        store_channel_resolve(store, name, false, message->receipt_ms, &text->channel_id);
    if (status != STATUS_OK)
        return status;
    store->record.channel = (struct delta){.id = text->channel_id,
                                           .count = is_new,
                                           .first_ms = message->receipt_ms,
                                           .last_ms = message->receipt_ms};
    return STATUS_OK;
}

static void split_text(const struct envelope_message *said, struct text *text)
{
    size_t sender_len = 0;
    size_t body = 0;
    channel_split_sender(said->text, strlen(said->text), &sender_len, &body);
    memcpy(text->sender, said->text, sender_len);
    text->sender[sender_len] = '\0';
    text->body = said->text + body;
}

enum status store_companion(struct store *store, const struct store_message *message,
                            struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_DUPLICATE};
    if (store_is_retained(message->message))
        return STATUS_OK;
    const struct envelope_message *said = &message->envelope->message;
    struct store_seen seen;
    enum status status = store_see_message(store, message->message, message->receipt_ms, &seen);
    if (status != STATUS_OK)
        return status;
    struct text text = {.peer = said->is_direct ? said->peer : NULL};
    split_text(said, &text);
    if (!said->is_direct)
        status = resolve_channel(store, message, seen.kind == SEEN_NEW, &text);
    if (status == STATUS_OK)
        status = store_source_resolve(store, message->source, &text.source_id);
    if (status != STATUS_OK)
        return status;
    if (seen.kind == SEEN_NEW) {
        out->outcome = OUTCOME_COMMITTED;
        return insert_text(store, message, &text);
    }
    if (message->receipt_ms > seen.former_ms)
        return STATUS_OK;
    return take_earlier(store, message, &text, seen.former_ms);
}
