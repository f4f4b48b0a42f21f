/* SPDX-License-Identifier: MIT
 *
 * store_names - the rows that are known by a name: sources, scopes and channels; and the
 * messages of channels.
 *
 * The ids asked for last are kept (name_ids): 128 sources (65 have rings at one time, the rest is
 * for those that a reload has removed), 64 scopes, 1,024 channels that a key opens, and the 256
 * that stay encrypted. What is found or made in a record enters the cache with its release.
 * I1. A name that any key ever opened is not encrypted: a key named "enc_3A" opens the row of that
 *     name. Hence encrypted channels have a cache of their own.
 * I2. Rows of channels leave only through store_channel_shrink, whose caller forgets the caches.
 * Threads and errors as store.h. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_names_open(struct store *store, struct err *err);
void store_names_close(struct store *store); /* accepts one that was never open */
void store_names_forget(struct store *store);
/* The names that the record found or made. */
void store_names_merge(struct store *store, const struct store_record *record);

/* The row of that name; a new one gets its row. */
NODISCARD enum status store_source_resolve(struct store *store, const char *name, int64_t *out_id);

/* --- scopes (protocol.md 5) ------------------------------------------------------------------- */

/* Of a frame: its scope code, or STORE_NO_SCOPE. */
int32_t store_scope_code(const struct meshcore_frame *frame);
/* The scope's id, 0 = no configured region fits. A match tries every region, so its result stays in
 * the entry: the other receptions of the same packet mostly carry the same code. */
NODISCARD enum status store_scope_match(struct store *store, const struct meshcore_frame *frame,
                                        int32_t code, struct hash_cache_entry *entry,
                                        int64_t *out_id);
/* The name of one that was matched (id not 0), as the configuration has it; lives as that. */
const char *store_scope_name(struct store *store, const struct meshcore_frame *frame, int32_t code,
                             int64_t id);
/* A node's advert was heard with this scope: of several the newest stays. */
NODISCARD enum status store_scope_node(struct store *store, int64_t node_id, int64_t scope_id,
                                       int64_t receipt_ms);

/* --- channels --------------------------------------------------------------------------------- */

/* The channel of that name; a new one gets its row, without messages. Not through the cache. */
NODISCARD enum status store_channel_resolve(struct store *store, const char *name,
                                            bool is_encrypted, int64_t receipt_ms, int64_t *out_id);
/* One message less; an empty channel leaves, and *out_is_gone says so. */
NODISCARD enum status store_channel_shrink(struct store *store, int64_t channel_id,
                                           bool *out_is_gone);
/* What a GRP_TXT says. */
struct store_text {
    struct channel_text opened;
    char encrypted_name[8];
    const char *channel;       /* its name; this and the texts point into the struct or the keys */
    const char *sender, *body; /* NULL = unknown */
    int64_t sender_time;       /* where there is a body */
};
/* *out_channel, its channel's row, is 0 for a payload that is too short: no message. */
NODISCARD enum status store_text_open(struct store *store, const struct meshcore_frame *frame,
                                      int64_t receipt_ms, struct store_text *out,
                                      int64_t *out_channel);
/* The row of a new transmission: one per transmission, for its other receptions carry the same
 * payload. */
NODISCARD enum status store_message_insert(struct store *store, int64_t transmission_id,
                                           int64_t channel_id, const struct store_text *text);
