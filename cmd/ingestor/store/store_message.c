/* SPDX-License-Identifier: MIT
 *
 * Messages, and the channels they are in. One row a GRP_TXT transmission, made when the transmission is: its
 * other receptions carry the same payload. */
#include "cmd/ingestor/store/store_internal.h"

#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_MESSAGE_INSERT, "INSERT INTO messages (transmission_id, channel_id, sender, text,"
                         " sender_time) VALUES (?1, ?2, ?3, ?4, ?5)"},
};

enum status store_message_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* --- the cache ----------------------------------------------------------------------------------------- */

void store_channels_forget(struct store *store)
{
    memset(store->channels, 0, sizeof store->channels);
    memset(store->encrypted_channels, 0, sizeof store->encrypted_channels);
}

/* A name is a piece of memory of the set of keys, so its address stands for it. */
static struct store_channel *slot_of(struct store *store, const char *name)
{
    uint64_t mixed = (uint64_t)(uintptr_t)name * 0x9e3779b97f4a7c15U;
    return &store->channels[(mixed >> 32) % STORE_CHANNELS];
}

void store_channel_remember(struct store *store, const struct store_channel *channel)
{
    if (channel->name == NULL)
        store->encrypted_channels[channel->hash_byte] = channel->id;
    else
        *slot_of(store, channel->name) = *channel;
}

static int64_t recall(struct store *store, const char *name, uint8_t hash_byte)
{
    if (name == NULL)
        return store->encrypted_channels[hash_byte];
    const struct store_channel *slot = slot_of(store, name);
    return slot->name == name ? slot->id : 0;
}

/* --- channels ------------------------------------------------------------------------------------------ */

/* name: NULL = encrypted. */
static enum status resolve(struct store *store, const char *name, uint8_t hash_byte,
                           int64_t receipt_ms, int64_t *out_id)
{
    *out_id = recall(store, name, hash_byte);
    if (*out_id != 0)
        return STATUS_OK;
    char encrypted[8];
    if (name == NULL)
        channel_encrypted_name(hash_byte, encrypted);
    enum status status = store_channel_resolve(store, name != NULL ? name : encrypted, name == NULL,
                                               receipt_ms, out_id);
    if (status == STATUS_OK)
        store->record.new_channel =
            (struct store_channel){.name = name, .hash_byte = hash_byte, .id = *out_id};
    return status;
}

/* --- messages ------------------------------------------------------------------------------------------ */

enum status store_message_insert(struct store *store, const struct meshcore_frame *frame,
                                 int64_t transmission_id, int64_t receipt_ms, int64_t *out_channel)
{
    struct channel_text text;
    *out_channel = 0;
    const enum channel_result result =
        channel_keys_open_text(store->channel_keys, frame->payload, frame->payload_len, &text);
    if (result == CHANNEL_TOO_SHORT)
        return STATUS_OK;
    const bool is_open = result == CHANNEL_OPENED;
    enum status status =
        resolve(store, is_open ? text.channel : NULL, frame->payload[0], receipt_ms, out_channel);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_MESSAGE_INSERT, 1, transmission_id);
    bind_int(store, SQL_MESSAGE_INSERT, 2, *out_channel);
    if (is_open) {
        bind_text(store, SQL_MESSAGE_INSERT, 4, text.text + text.body);
        bind_int(store, SQL_MESSAGE_INSERT, 5, text.timestamp);
    }
    if (is_open && text.sender_len != 0) {
        text.text[text.sender_len] = '\0'; /* the ':' behind it, in front of the body */
        bind_text(store, SQL_MESSAGE_INSERT, 3, text.text);
    }
    return store_run(store, SQL_MESSAGE_INSERT);
}
