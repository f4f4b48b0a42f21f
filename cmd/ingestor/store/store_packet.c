/* SPDX-License-Identifier: MIT
 *
 * A packet becomes at most one transmission (by content hash) and one observation (by who heard it
 * on which way). The usual cases cost: new transmission one look-up and three inserts; known hash
 * one look and one insert; a repeated observation one look that finds nothing to change.
 *
 * A transmission shows its earliest copy (equal receipts: the smaller frame). The cache holds when
 * that came and how its frame begins, so that a later copy, the usual case, is told apart without
 * the database.
 *
 * With an outbox the content is known by the cache alone: one that has left it is sent, and its
 * advert's signature verified, once more. Its transmission_id is then the hour, plus one, of the
 * row that was sent last: the store has one for each hour in which the packet was heard. Nothing is
 * derived here (rollups, edges, hours), because it follows from rows that are elsewhere. */
#include "cmd/ingestor/store/store_packet.h"

#include "cmd/ingestor/facts/fact_packet.h"
#include "cmd/ingestor/store/store_advert.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_names.h"
#include "cmd/ingestor/store/store_observer.h"
#include "cmd/ingestor/store/store_seen.h"
#include "common/db/schema.h"

#include <string.h>

/* Adverts from outside the area, which are remembered so that each is verified once. */
#define FOREIGN_KEPT 256

_Static_assert(FACT_REFUSED == REFUSALS_MAX, "a store keeps as many places as there are rows here");

struct store_packets {
    struct statement find, find_new, replace, raw_len;
    /* Content hashes of adverts that were filtered as foreign, each in the slot that its value
     * says: no row tells that their signature was verified. Outlives store_forget. */
    uint64_t foreign[FOREIGN_KEPT];
};

#define FOUND                                                                                      \
    "SELECT id, CASE type WHEN 5 THEN (SELECT m.channel_id FROM messages m WHERE"                  \
    " m.transmission_id = transmissions.id) ELSE sender END, first_ms, substr(raw, 1, 16) FROM"    \
    " transmissions WHERE "

static const struct store_packets blank = {
    .find = SQL(FOUND SCHEMA_IS_HASH("?1")),
    .find_new = SQL(FOUND "id = ?1"),
    .replace =
        SQL("UPDATE transmissions SET first_ms = ?2, raw = ?3, route = ?4, lasted = " SCHEMA_LASTED(
            "?2", "last_ms") ","
                             " copies = observation_count + " SCHEMA_IS_SHORT(
                                 "?2", "last_ms") " WHERE id = ?1 AND (?2, ?3) < (first_ms, raw)"),
    .raw_len = SQL("SELECT length(raw) FROM transmissions WHERE id = ?1"),
};

enum status store_packet_open(struct store *store, struct err *err)
{
    store->packets = connection_part(&store->connection, &blank, sizeof blank,
                                     STATEMENTS_BEFORE(struct store_packets, foreign), err);
    if (store->packets != NULL)
        store->hash_index = hash_index_open(&store->connection, err);
    if (store->hash_index != NULL)
        store->fresh_packets = fresh_packets_open(&store->connection, err);
    return store->fresh_packets != NULL ? STATUS_OK : err->status;
}

/* --- the earliest copy ------------------------------------------------------------------------ */

static void set_head(struct hash_cache_entry *entry, const void *raw, size_t len)
{
    memset(entry->head, 0, sizeof entry->head);
    if (len != 0)
        memcpy(entry->head, raw, len < sizeof entry->head ? len : sizeof entry->head);
}

/* The same, of the frame that begins so. */
static bool head_is_share_contact(const uint8_t head[static HASH_CACHE_HEAD])
{
    static const uint8_t no_codes[4] = {0};
    return meshcore_is_share_contact(meshcore_header_route(head[0]),
                                     memcmp(head + 1, no_codes, 4) != 0,
                                     meshcore_path_count(head[5]));
}

/* Copies of one content differ only in front of the payload; so where that part lies within the
 * head, equal heads are equal frames. */
static bool may_be_earlier(const struct store_packet *packet, const struct hash_cache_entry *entry)
{
    if (packet->receipt_ms != entry->first_ms)
        return packet->receipt_ms < entry->first_ms;
    const struct envelope_packet *envelope = &packet->envelope->packet;
    struct hash_cache_entry copy;
    set_head(&copy, envelope->raw, envelope->raw_len);
    int order = memcmp(copy.head, entry->head, sizeof copy.head);
    if (order != 0)
        return order < 0;
    return (size_t)(packet->frame->payload - envelope->raw) > sizeof copy.head;
}

static struct store_origin *note_origin(struct store *store, const struct store_packet *packet,
                                        const struct hash_cache_entry *entry, int sign)
{
    const bool has_node = packet->advert != NULL && !head_is_share_contact(entry->head);
    struct store_origin *const origin = &store->record.origins[store->record.origin_count++];
    *origin = (struct store_origin){.sign = sign,
                                    .node_id = has_node ? entry->subject : 0,
                                    .first_ms = entry->first_ms,
                                    .type = packet->frame->type,
                                    .raw_len = (uint8_t)packet->envelope->packet.raw_len};
    return origin;
}

/* As SQLite compares blobs. */
static int compare_frames(const void *a, size_t a_len, const void *b, size_t b_len)
{
    const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Of a row that no table holds yet. */
static void replace_fresh(struct packet_row *row, const struct store_packet *packet,
                          bool *out_changed)
{
    const struct envelope_packet *envelope = &packet->envelope->packet;
    *out_changed = packet->receipt_ms < row->first_ms ||
                   (packet->receipt_ms == row->first_ms &&
                    compare_frames(envelope->raw, envelope->raw_len, row->raw, row->raw_len) < 0);
    if (!*out_changed)
        return;
    row->first_ms = packet->receipt_ms;
    row->route = packet->frame->route;
    row->raw_len = (uint8_t)envelope->raw_len;
    memcpy(row->raw, envelope->raw, envelope->raw_len);
}

static enum status replace_stored(struct store *store, const struct store_packet *packet,
                                  int64_t id, int64_t *out_former_len, bool *out_changed)
{
    const struct envelope_packet *envelope = &packet->envelope->packet;
    *out_changed = false;
    bind_int(&store->packets->raw_len, 1, id);
    enum status status = statement_number(&store->packets->raw_len, out_former_len);
    if (status != STATUS_OK) /* NOT_FOUND: deleted by hand */
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bind_int(&store->packets->replace, 1, id);
    bind_int(&store->packets->replace, 2, packet->receipt_ms);
    bind_blob(&store->packets->replace, 3, envelope->raw, envelope->raw_len);
    bind_int(&store->packets->replace, 4, packet->frame->route);
    status = statement_run(&store->packets->replace);
    *out_changed = status == STATUS_OK && sqlite3_changes(store->connection.db) > 0;
    return status;
}

static enum status replace_if_earlier(struct store *store, const struct store_packet *packet,
                                      struct hash_cache_entry *entry)
{
    if (!may_be_earlier(packet, entry))
        return STATUS_OK;
    const struct envelope_packet *envelope = &packet->envelope->packet;
    struct packet_row *const row = fresh_packets_find(store->fresh_packets, entry->transmission_id);
    int64_t former_len = row != NULL ? row->raw_len : 0;
    bool is_counted = false;
    bool has_changed = false;
    enum status status = store_late_has_packet(store, entry->transmission_id, &is_counted);
    if (status == STATUS_OK && row != NULL)
        replace_fresh(row, packet, &has_changed);
    else if (status == STATUS_OK)
        status = replace_stored(store, packet, entry->transmission_id, &former_len, &has_changed);
    if (status != STATUS_OK || !has_changed)
        return status;
    if (packet->advert != NULL && entry->subject != 0)
        status = store_node_earlier(store, packet, entry->subject, entry->first_ms);
    if (status != STATUS_OK)
        return status;
    struct store_origin *const was = note_origin(store, packet, entry, -1);
    was->raw_len = (uint8_t)former_len;
    was->is_counted = is_counted;
    entry->first_ms = packet->receipt_ms;
    set_head(entry, envelope->raw, envelope->raw_len);
    note_origin(store, packet, entry, 1)->is_counted = is_counted;
    return STATUS_OK;
}

/* --- transmissions ---------------------------------------------------------------------------- */

static enum status find_transmission(struct store *store, const struct store_packet *packet,
                                     struct hash_cache_entry *out)
{
    const int64_t waits = hash_index_waits(store->hash_index, packet->hash);
    if (waits == 0 && hash_index_lacks(store->hash_index, packet->hash))
        return STATUS_NOT_FOUND;
    enum status status = STATUS_OK;
    /* The cache has let it go, so it is a while ago. */
    if (fresh_packets_find(store->fresh_packets, waits) != NULL)
        status = fresh_packets_write(store->fresh_packets);
    if (status != STATUS_OK)
        return status;
    struct statement *const row = waits != 0 ? &store->packets->find_new : &store->packets->find;
    if (waits != 0)
        bind_int(row, 1, waits);
    else
        bind_blob(row, 1, packet->hash, MESHCORE_HASH_BYTES);
    status = statement_row(row);
    if (status != STATUS_OK)
        return status;
    out->transmission_id = column_int(row, 0);
    out->subject = column_int(row, 1); /* NULL reads as 0 */
    out->first_ms = column_int(row, 2);
    const void *head = sqlite3_column_blob(row->handle, 3);
    set_head(out, head, head != NULL ? (size_t)sqlite3_column_bytes(row->handle, 3) : 0);
    statement_done(row);
    return STATUS_OK;
}

/* Of a content that was not found. */
static enum status insert_transmission(struct store *store, const struct store_packet *packet,
                                       bool is_forged, struct hash_cache_entry *entry)
{
    const struct envelope_packet *envelope = &packet->envelope->packet;
    struct packet_row *const row = &store->record.packet;
    const enum status status = fresh_packets_next_id(store->fresh_packets, &entry->transmission_id);
    if (status != STATUS_OK)
        return status;
    row->id = entry->transmission_id;
    row->first_ms = row->last_ms = packet->receipt_ms;
    row->copies = 1;
    row->sender = entry->subject;
    memcpy(row->hash, packet->hash, sizeof row->hash);
    row->type = packet->frame->type;
    row->route = packet->frame->route;
    row->is_forged = is_forged;
    row->raw_len = (uint8_t)envelope->raw_len;
    memcpy(row->raw, envelope->raw, envelope->raw_len);
    entry->first_ms = packet->receipt_ms;
    set_head(entry, envelope->raw, envelope->raw_len);
    store->record.counts.transmissions++;
    IGNORE(note_origin(store, packet, entry, 1), "nobody has counted it yet");
    return STATUS_OK;
}

static enum status insert_message(struct store *store, const struct store_packet *packet,
                                  struct hash_cache_entry *entry)
{
    struct store_text text;
    const enum status status =
        store_text_open(store, packet->frame, packet->receipt_ms, &text, &entry->subject);
    return status == STATUS_OK && entry->subject != 0
               ? store_message_insert(store, entry->transmission_id, entry->subject, &text)
               : status;
}

const struct store_facts store_facts_sqlite = {
    .find = find_transmission,
    .insert = insert_transmission,
    .message = insert_message,
    .copy = replace_if_earlier,
    .observation = store_observation,
    .has_rows = true,
};

/* --- the same, into the outbox ---------------------------------------------------------------- */

static enum status not_here(struct store *store, const struct store_packet *packet,
                            struct hash_cache_entry *out)
{
    (void)store;
    (void)packet;
    (void)out;
    return STATUS_NOT_FOUND;
}

/* The copy as the row of its hour. */
static enum status send_transmission(struct store *store, const struct store_packet *packet,
                                     bool is_forged, struct hash_cache_entry *entry)
{
    const struct envelope_packet *envelope = &packet->envelope->packet;
    const bool has_sender = packet->advert != NULL && entry->subject != 0;
    const struct fact_transmission tx = {
        .hash = fact_number_of_bytes(packet->hash, MESHCORE_HASH_BYTES),
        .receipt_ms = packet->receipt_ms,
        .type = packet->frame->type,
        .route = packet->frame->route,
        .sender = has_sender ? packet->advert->public_key : NULL,
        .is_forged = is_forged,
        .raw = envelope->raw,
        .raw_len = envelope->raw_len,
    };
    fact_put_tx(outbox_row(store->outbox, FACT_TX), &tx);
    enum status status = outbox_add(store->outbox);
    if (status == STATUS_OK && has_sender) {
        fact_put_advert(outbox_row(store->outbox, FACT_ADVERTS), &tx);
        status = outbox_add(store->outbox);
    }
    entry->transmission_id = fact_hour(packet->receipt_ms) + 1;
    return status;
}

static enum status send_new(struct store *store, const struct store_packet *packet, bool is_forged,
                            struct hash_cache_entry *entry)
{
    entry->first_ms = packet->receipt_ms;
    set_head(entry, packet->envelope->packet.raw, packet->envelope->packet.raw_len);
    return send_transmission(store, packet, is_forged, entry);
}

static enum status send_message(struct store *store, const struct store_packet *packet,
                                struct hash_cache_entry *entry)
{
    struct store_text text;
    const enum status status =
        store_text_open(store, packet->frame, packet->receipt_ms, &text, &entry->subject);
    if (status != STATUS_OK || entry->subject == 0)
        return status;
    const struct fact_message message = {
        .hash = fact_number_of_bytes(packet->hash, MESHCORE_HASH_BYTES),
        .receipt_ms = packet->receipt_ms,
        .channel = text.channel,
        .sender = text.sender,
        .text = text.body,
        .sender_time = text.sender_time,
    };
    fact_put_message(outbox_row(store->outbox, FACT_MESSAGES), &message);
    return outbox_add(store->outbox);
}

/* Worth a row when it is the earliest, or the first one here of its hour. An advert without a node
 * is one whose signature was bad (SIGNATURE_FLAG). */
static enum status send_copy(struct store *store, const struct store_packet *packet,
                             struct hash_cache_entry *entry)
{
    const bool is_earlier = may_be_earlier(packet, entry);
    const bool is_forged = packet->advert != NULL && entry->subject == 0;
    if (!is_earlier && entry->transmission_id == fact_hour(packet->receipt_ms) + 1)
        return STATUS_OK;
    if (!is_earlier)
        return send_transmission(store, packet, is_forged, entry);
    enum status status = STATUS_OK;
    if (packet->advert != NULL && entry->subject != 0)
        status = store_node_earlier(store, packet, entry->subject, entry->first_ms);
    if (status == STATUS_OK)
        status = send_new(store, packet, is_forged, entry);
    if (status == STATUS_OK && packet->frame->type == MESHCORE_GRP_TXT)
        status = send_message(store, packet, entry);
    return status;
}

static enum status send_observation(struct store *store, const struct store_packet *packet,
                                    const struct store_observed *observed)
{
    const struct envelope *envelope = packet->envelope;
    const struct meshcore_frame *frame = packet->frame;
    const struct fact_reception reception = {
        .hash = fact_number_of_bytes(packet->hash, MESHCORE_HASH_BYTES),
        .observer = outbox_observer(store->outbox, observed->observer_id,
                                    store_record_observer(&store->record)->identity),
        .receipt_ms = packet->receipt_ms,
        .said_ms = envelope->envelope_ms,
        .has_said = envelope->has_time,
        .direction = envelope->packet.direction == DIRECTION_TX,
        .path_size = frame->hash_size,
        .type = frame->type,
        .route = frame->route,
        .path = frame->path,
        .path_len = frame->path_bytes,
        .source = packet->source,
        .scope_code = observed->scope_code,
        .scope = observed->scope_id != 0
                     ? store_scope_name(store, frame, observed->scope_code, observed->scope_id)
                     : NULL,
        .snr = envelope->packet.snr,
        .rssi = envelope->packet.rssi,
        .score = envelope->packet.score,
    };
    const int64_t skew_s =
        packet->is_retained ? ENVELOPE_NO_SKEW : store_skew_of(envelope, packet->receipt_ms);
    store_observer_note_skew(store, packet->receipt_ms, skew_s);
    const enum status status = outbox_reception(store->outbox, &reception);
    return status == STATUS_OK && skew_s != ENVELOPE_NO_SKEW
               ? store_observer_count_skew(store, packet->receipt_ms, 1)
               : status;
}

const struct store_facts store_facts_outbox = {
    .find = not_here,
    .insert = send_new,
    .message = send_message,
    .copy = send_copy,
    .observation = send_observation,
};

static bool is_genuine(const struct store_packet *packet)
{
    return packet->verdict == VERDICT_UNKNOWN ? meshcore_advert_verify(packet->advert)
                                              : packet->verdict == VERDICT_GOOD;
}

/* An advert with a content that no transmission has. The look into the audit comes before the
 * verification, 47 us, which is done once per content. */
static enum status judge_signature(struct store *store, const struct store_packet *packet,
                                   bool *out_is_forged, struct store_result *out)
{
    if (store->rules.signatures == SIGNATURE_OFF)
        return STATUS_OK;
    bool was_refused = false;
    if (store->rules.signatures == SIGNATURE_DROP) {
        enum status status = store_drop_again(store, packet, &was_refused);
        if (status != STATUS_OK)
            return status;
    }
    if (!was_refused && is_genuine(packet))
        return STATUS_OK;
    *out_is_forged = true;
    if (store->rules.signatures == SIGNATURE_FLAG)
        return STATUS_OK;
    out->outcome = OUTCOME_REJECTED_SIGNATURE;
    return was_refused ? STATUS_OK : store_drop_insert(store, packet);
}

/* As CoreScope's: first the signature, so that a position that was damaged on the way is
 * no foreign one. */
static enum status judge_advert(struct store *store, const struct store_packet *packet,
                                uint64_t hash, bool *out_is_forged, struct store_result *out)
{
    const bool is_unwanted = packet->is_foreign && store->rules.drops_foreign;
    uint64_t *filtered = &store->packets->foreign[hash % FOREIGN_KEPT];
    enum status status = STATUS_OK;
    if (!is_unwanted || *filtered != hash)
        status = judge_signature(store, packet, out_is_forged, out);
    if (status != STATUS_OK || out->outcome != OUTCOME_COMMITTED || !is_unwanted)
        return status;
    *filtered = hash;
    out->outcome = OUTCOME_FILTERED_GEO;
    return STATUS_OK;
}

/* Is this copy proof that the advert's author lives? */
static bool is_author_heard(const struct store_packet *packet)
{
    return !packet->is_retained && !meshcore_frame_is_share_contact(packet->frame);
}

/* Before the first row of a packet that is not known, so that nothing need be taken back. */
static enum status admit_observer(struct store *store, const struct store_packet *packet,
                                  struct store_result *out)
{
    enum outcome refusal = OUTCOME_NONE;
    const enum status status =
        store_observer_admit(store, packet->envelope, packet->receipt_ms, &refusal);
    if (status == STATUS_OK && refusal != OUTCOME_NONE)
        *out = (struct store_result){.outcome = refusal};
    return status;
}

/* The sender's row first, because the transmission names it. */
static enum status insert_advert(struct store *store, const struct store_packet *packet,
                                 struct hash_cache_entry *entry, struct store_result *out)
{
    bool is_forged = false;
    enum status status = judge_advert(store, packet, entry->hash, &is_forged, out);
    if (status == STATUS_OK && out->outcome == OUTCOME_COMMITTED)
        status = admit_observer(store, packet, out);
    if (status != STATUS_OK || out->outcome != OUTCOME_COMMITTED)
        return status;
    if (!is_forged) {
        status =
            store_node_upsert(store, packet, is_author_heard(packet), true, &entry->subject, out);
        if (status != STATUS_OK || out->outcome != OUTCOME_COMMITTED)
            return status;
    }
    return store->facts->insert(store, packet, is_forged, entry);
}

bool store_knows(const struct store *store, const uint8_t hash[static MESHCORE_HASH_BYTES])
{
    uint64_t key;
    memcpy(&key, hash, sizeof key);
    return hash_cache_find(store->hashes, key) != NULL;
}

/* Fills entry. An outcome other than COMMITTED ends the packet. */
static enum status resolve_transmission(struct store *store, const struct store_packet *packet,
                                        struct hash_cache_entry *entry, struct store_result *out)
{
    memcpy(&entry->hash, packet->hash, sizeof entry->hash);
    const struct hash_cache_entry *known = hash_cache_find(store->hashes, entry->hash);
    if (known != NULL) {
        *entry = *known;
        return STATUS_OK;
    }
    enum status status = store->facts->find(store, packet, entry);
    if (status != STATUS_NOT_FOUND)
        return status;
    if (packet->advert != NULL) {
        status = insert_advert(store, packet, entry, out);
        if (out->outcome != OUTCOME_COMMITTED)
            return status;
    } else {
        status = admit_observer(store, packet, out);
        if (status == STATUS_OK && out->outcome == OUTCOME_COMMITTED)
            status = store->facts->insert(store, packet, false, entry);
        if (out->outcome != OUTCOME_COMMITTED)
            return status;
        if (status == STATUS_OK && packet->frame->type == MESHCORE_GRP_TXT)
            status = store->facts->message(store, packet, entry);
    }
    out->is_new_transmission = status == STATUS_OK;
    return status;
}

/* --- a packet --------------------------------------------------------------------------------- */

/* Every copy moves first and last times; only a new row moves a count. */
static void note_deltas(struct store *store, const struct store_packet *packet,
                        const struct hash_cache_entry *entry, int64_t observer_id,
                        const struct store_result *out)
{
    struct store_record *record = &store->record;
    struct delta row = {.id = observer_id,
                        .count = out->is_new_observation,
                        .first_ms = packet->receipt_ms,
                        .last_ms = packet->receipt_ms};
    record->observer = row;
    if (packet->is_retained)
        record->observer.last_ms = 0;
    if (store->facts->has_rows)
        record->counts.observations += out->is_new_observation;
    if (packet->frame->type == MESHCORE_GRP_TXT && entry->subject != 0) {
        row.id = entry->subject;
        row.count = out->is_new_transmission;
        record->channel = row;
    }
    if (out->is_new_transmission) /* its row, and its sender's, hold this observation already */
        return;
    row.count = out->is_new_observation;
    if (store->facts->has_rows) {
        row.id = entry->transmission_id;
        record->transmission = row;
    }
    if (packet->advert != NULL && entry->subject != 0) {
        row.id = entry->subject;
        if (!is_author_heard(packet))
            row.last_ms = 0; /* heard of, not heard */
        record->node = row;
    }
}

static enum status observe(struct store *store, const struct store_packet *packet,
                           struct hash_cache_entry *entry, struct store_observed *observed,
                           struct store_result *out)
{
    enum status status = store_source_resolve(store, packet->source, &observed->source_id);
    if (status != STATUS_OK)
        return status;
    observed->scope_code = store_scope_code(packet->frame);
    status =
        store_scope_match(store, packet->frame, observed->scope_code, entry, &observed->scope_id);
    if (status == STATUS_OK && observed->scope_id != 0 && observed->node_id != 0)
        status = store_scope_node(store, observed->node_id, observed->scope_id, packet->receipt_ms);
    if (status == STATUS_OK && !out->is_new_transmission)
        status = store->facts->copy(store, packet, entry);
    if (status != STATUS_OK)
        return status;
    store->record.hash = *entry;
    observed->is_first = out->is_new_transmission;
    status = store->facts->observation(store, packet, observed);
    out->is_new_observation = status == STATUS_OK;
    if (status == STATUS_EXISTS) {
        out->outcome = OUTCOME_DUPLICATE;
        status = STATUS_OK;
    }
    return status;
}

enum status store_packet(struct store *store, const struct store_packet *packet,
                         struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_COMMITTED};
    struct hash_cache_entry entry = {0};
    struct store_observed observed = {0};
    enum status status = resolve_transmission(store, packet, &entry, out);
    if (status != STATUS_OK || out->outcome != OUTCOME_COMMITTED)
        return status;
    int64_t as_of_ms = packet->is_retained
                           ? store_retained_as_of(packet->envelope, packet->receipt_ms)
                           : packet->receipt_ms;
    status = store_observer_resolve(store, packet->envelope, packet->receipt_ms, as_of_ms,
                                    &observed.observer_id, out);
    if (status != STATUS_OK || out->outcome != OUTCOME_COMMITTED)
        return status;
    observed.transmission_id = entry.transmission_id;
    observed.node_id = packet->advert != NULL ? entry.subject : 0;
    status = observe(store, packet, &entry, &observed, out);
    if (status == STATUS_OK)
        note_deltas(store, packet, &entry, observed.observer_id, out);
    return status;
}
