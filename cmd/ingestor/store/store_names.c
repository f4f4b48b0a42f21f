/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_names.h"

#include <stdio.h>
#include <string.h>

#define SOURCES_KEPT   128
#define SCOPES_KEPT    64
#define CHANNELS_KEPT  1024
#define ENCRYPTED_KEPT 256 /* all there are: one per hash byte */

struct store_names {
    struct statement source_find, source_insert, scope_find, scope_insert, scope_node, channel_find,
        channel_insert, channel_open, channel_shrink, channel_delete, message_insert;
    struct name_ids *sources, *scopes, *channels, *encrypted; /* owned */
    struct {
        int64_t id;         /* 0 = none */
        const char *name;   /* borrowed of store->region_scopes */
    } matched[SCOPES_KEPT]; /* by id */
};

static const struct store_names blank = {
    .source_find = SQL("SELECT id FROM sources WHERE name = ?1"),
    .source_insert = SQL("INSERT INTO sources (name) VALUES (?1)"),
    .scope_find = SQL("SELECT id FROM scopes WHERE name = ?1"),
    .scope_insert = SQL("INSERT INTO scopes (name) VALUES (?1)"),
    /* Equal times: the name decides, so that the order does not. */
    .scope_node = SQL(
        "UPDATE nodes SET scope_id = ?2, scope_ms = ?3 WHERE id = ?1 AND (scope_id IS NULL OR"
        " min(scope_ms, ?4) < ?3 OR (scope_ms = ?3 AND scope_id <> ?2 AND (SELECT name FROM scopes WHERE id = ?2) <"
        " (SELECT name FROM scopes WHERE id = nodes.scope_id)))"),
    .channel_find = SQL("SELECT id, is_encrypted FROM channels WHERE name = ?1"),
    /* Counts and times follow with the batch (deltas). */
    .channel_insert = SQL("INSERT INTO channels (name, is_encrypted, message_count, first_ms,"
                          " last_ms) VALUES (?1, ?2, 0, ?3, ?3)"),
    .channel_open = SQL("UPDATE channels SET is_encrypted = 0 WHERE id = ?1"),
    .channel_shrink = SQL("UPDATE channels SET message_count = message_count - 1 WHERE id = ?1"
                          " RETURNING message_count"),
    .channel_delete = SQL("DELETE FROM channels WHERE id = ?1"),
    .message_insert = SQL("INSERT INTO messages (transmission_id, channel_id, sender, text,"
                          " sender_time) VALUES (?1, ?2, ?3, ?4, ?5)"),
};

enum status store_names_open(struct store *store, struct err *err)
{
    struct store_names *names =
        connection_part(&store->connection, &blank, sizeof blank,
                        STATEMENTS_BEFORE(struct store_names, sources), err);
    if (names == NULL)
        return err->status;
    store->names = names;
    names->sources = name_ids_new(SOURCES_KEPT);
    names->scopes = name_ids_new(SCOPES_KEPT);
    names->channels = name_ids_new(CHANNELS_KEPT);
    names->encrypted = name_ids_new(ENCRYPTED_KEPT);
    if (names->sources == NULL || names->scopes == NULL || names->channels == NULL ||
        names->encrypted == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the cache of names");
    return STATUS_OK;
}

void store_names_close(struct store *store)
{
    if (store->names == NULL)
        return;
    name_ids_free(store->names->sources);
    name_ids_free(store->names->scopes);
    name_ids_free(store->names->channels);
    name_ids_free(store->names->encrypted);
}

void store_names_forget(struct store *store)
{
    name_ids_clear(store->names->sources);
    name_ids_clear(store->names->scopes);
    memset(store->names->matched, 0, sizeof store->names->matched);
    name_ids_clear(store->names->channels);
    name_ids_clear(store->names->encrypted);
}

/* Waits in the record; a name that is too long to keep does not. */
static void note(struct store_new_name *news, const char *name, int64_t id)
{
    const int len = snprintf(news->text, sizeof news->text, "%s", name);
    news->id = len < (int)sizeof news->text ? id : 0;
}

static void keep(struct name_ids *names, const struct store_new_name *news)
{
    if (news->id != 0)
        name_ids_put(names, news->text, news->id);
}

void store_names_merge(struct store *store, const struct store_record *record)
{
    keep(store->names->sources, &record->new_source);
    keep(store->names->scopes, &record->new_scope);
    keep(store->names->channels, &record->new_channel);
    keep(store->names->encrypted, &record->new_encrypted);
}

/* --- sources ---------------------------------------------------------------------------------- */

enum status store_source_resolve(struct store *store, const char *name, int64_t *out_id)
{
    struct store_names *names = store->names;
    *out_id = name_ids_find(names->sources, name);
    if (*out_id != 0)
        return STATUS_OK;
    const enum status status =
        statement_name_id(&names->source_find, &names->source_insert, name, out_id);
    if (status == STATUS_OK)
        note(&store->record.new_source, name, *out_id);
    return status;
}

/* --- scopes ----------------------------------------------------------------------------------- */

int32_t store_scope_code(const struct meshcore_frame *frame)
{
    return meshcore_is_scoped(frame) ? frame->transport[0] : STORE_NO_SCOPE;
}

static enum status resolve_scope(struct store *store, const char *name, int64_t *out_id)
{
    struct store_names *names = store->names;
    *out_id = name_ids_find(names->scopes, name);
    if (*out_id != 0)
        return STATUS_OK;
    const enum status status =
        statement_name_id(&names->scope_find, &names->scope_insert, name, out_id);
    if (status == STATUS_OK)
        note(&store->record.new_scope, name, *out_id);
    return status;
}

enum status store_scope_match(struct store *store, const struct meshcore_frame *frame, int32_t code,
                              struct hash_cache_entry *entry, int64_t *out_id)
{
    *out_id = 0;
    if (code <= 0 || store->region_scopes == NULL)
        return STATUS_OK;
    if (entry->scope_code_plus_1 == (uint32_t)code + 1) {
        *out_id = entry->scope_id;
        return STATUS_OK;
    }
    const char *name = NULL;
    enum status status = STATUS_OK;
    if (region_scopes_match(store->region_scopes, (uint16_t)code, frame->type, frame->payload,
                            frame->payload_len, &name) == SCOPE_MATCHED)
        status = resolve_scope(store, name, out_id);
    if (status == STATUS_OK && *out_id <= (int64_t)UINT32_MAX) {
        entry->scope_code_plus_1 = (uint32_t)code + 1;
        entry->scope_id = (uint32_t)*out_id;
    }
    return status;
}

const char *store_scope_name(struct store *store, const struct meshcore_frame *frame, int32_t code,
                             int64_t id)
{
    const size_t at = (size_t)id % SCOPES_KEPT;
    const char *name = NULL;
    if (store->names->matched[at].id == id)
        return store->names->matched[at].name;
    if (region_scopes_match(store->region_scopes, (uint16_t)code, frame->type, frame->payload,
                            frame->payload_len, &name) != SCOPE_MATCHED)
        return NULL; /* the entry's code was another one */
    store->names->matched[at].id = id;
    store->names->matched[at].name = name;
    return name;
}

enum status store_scope_node(struct store *store, int64_t node_id, int64_t scope_id,
                             int64_t receipt_ms)
{
    bind_int(&store->names->scope_node, 1, node_id);
    bind_int(&store->names->scope_node, 2, scope_id);
    bind_int(&store->names->scope_node, 3, receipt_ms);
    bind_int(&store->names->scope_node, 4, store->now_ms);
    return statement_run(&store->names->scope_node);
}

/* --- channels --------------------------------------------------------------------------------- */

enum status store_channel_resolve(struct store *store, const char *name, bool is_encrypted,
                                  int64_t receipt_ms, int64_t *out_id)
{
    bind_text(&store->names->channel_find, 1, name);
    enum status status = statement_row(&store->names->channel_find);
    if (status == STATUS_NOT_FOUND) {
        bind_text(&store->names->channel_insert, 1, name);
        bind_int(&store->names->channel_insert, 2, is_encrypted);
        bind_int(&store->names->channel_insert, 3, receipt_ms);
        status = statement_run(&store->names->channel_insert);
        *out_id = sqlite3_last_insert_rowid(store->connection.db);
        return status;
    }
    if (status != STATUS_OK)
        return status;
    *out_id = column_int(&store->names->channel_find, 0);
    bool was_encrypted = column_int(&store->names->channel_find, 1) != 0;
    statement_done(&store->names->channel_find);
    if (!was_encrypted || is_encrypted)
        return STATUS_OK;
    bind_int(&store->names->channel_open, 1, *out_id);
    return statement_run(&store->names->channel_open);
}

/* The channel of that name, which a key opened or which only the frame's hash byte names. */
static enum status resolve_channel(struct store *store, const char *name, bool is_encrypted,
                                   int64_t receipt_ms, int64_t *out_id)
{
    struct name_ids *kept = is_encrypted ? store->names->encrypted : store->names->channels;
    *out_id = name_ids_find(kept, name);
    if (*out_id != 0)
        return STATUS_OK;
    const enum status status = store_channel_resolve(store, name, is_encrypted, receipt_ms, out_id);
    if (status == STATUS_OK)
        note(is_encrypted ? &store->record.new_encrypted : &store->record.new_channel, name,
             *out_id);
    return status;
}

enum status store_channel_shrink(struct store *store, int64_t channel_id, bool *out_is_gone)
{
    struct store_names *names = store->names;
    int64_t count = 0;
    *out_is_gone = false;
    bind_int(&names->channel_shrink, 1, channel_id);
    const enum status status = statement_number(&names->channel_shrink, &count);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && count > 0))
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    *out_is_gone = true;
    bind_int(&names->channel_delete, 1, channel_id);
    return statement_run(&names->channel_delete);
}

/* --- messages --------------------------------------------------------------------------------- */

enum status store_text_open(struct store *store, const struct meshcore_frame *frame,
                            int64_t receipt_ms, struct store_text *out, int64_t *out_channel)
{
    struct channel_text *text = &out->opened;
    *out_channel = 0;
    const enum channel_result result =
        channel_keys_open_text(store->channel_keys, frame->payload, frame->payload_len, text);
    if (result == CHANNEL_TOO_SHORT)
        return STATUS_OK;
    const bool is_open = result == CHANNEL_OPENED;
    if (!is_open)
        channel_encrypted_name(frame->payload[0], out->encrypted_name);
    out->channel = is_open ? text->channel : out->encrypted_name;
    out->sender = out->body = NULL;
    if (is_open) {
        out->body = text->text + text->body;
        out->sender_time = text->timestamp;
    }
    if (is_open && text->sender_len != 0) {
        text->text[text->sender_len] = '\0'; /* the ':' behind it, in front of the body */
        out->sender = text->text;
    }
    return resolve_channel(store, out->channel, !is_open, receipt_ms, out_channel);
}

enum status store_message_insert(struct store *store, int64_t transmission_id, int64_t channel_id,
                                 const struct store_text *text)
{
    struct statement *sql = &store->names->message_insert;
    bind_int(sql, 1, transmission_id);
    bind_int(sql, 2, channel_id);
    if (text->sender != NULL)
        bind_text(sql, 3, text->sender);
    if (text->body != NULL) {
        bind_text(sql, 4, text->body);
        bind_int(sql, 5, text->sender_time);
    }
    return statement_run(sql);
}
