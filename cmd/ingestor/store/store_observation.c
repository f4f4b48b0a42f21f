/* SPDX-License-Identifier: MIT
 *
 * Observations: who heard a transmission on which way. A new one waits in memory for the commit,
 * where a copy in the same transaction finds it; of a transmission that the tables hold it costs a
 * look there. A copy of one that is known costs the look, and an update only where it says
 * something that the row lacks. Nothing but that look keeps a key from standing twice.
 *
 * Copies of one observation may arrive in any order. Each value has an origin, the receipt of
 * the copy that it came from, and of two values the one with the smaller (origin, value) stays:
 * the smallest of a set does not depend on the order. The origin is receipt_ms, else it stands
 * in `filled`. */
#include "cmd/ingestor/store/store_observation.h"

#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_observer.h"
#include "common/db/schema.h"

#include <math.h>
#include <string.h>

struct store_observations {
    struct statement find, update, source_is_before;
};

static const struct store_observations blank = {
    .find = SQL(
        "SELECT o.id, source_id, receipt_ms, envelope_ms, snr, rssi, score, route, scope_code,"
        " scope_id, filled, is_skewed FROM " SCHEMA_OBSERVATIONS_OF(
            "?1") " AND k.observer_id = ?2 AND o.direction = ?3 AND o.path_size = ?4 AND o.path ="
                  " ?5"),
    .update = SQL("UPDATE observations SET source_id = ?2, receipt_ms = ?3, said = ?4, heard = ?5,"
                  " rssi = ?6, score = ?7, route = ?8, scope_code = ?9, scope_id = ?10, form = ?11,"
                  " filled = ?12 WHERE id = ?1"),
    .source_is_before = SQL("SELECT 1 FROM sources a, sources b WHERE a.id = ?1 AND b.id = ?2 AND"
                            " a.name < b.name"),
};

enum status store_observation_open(struct store *store, struct err *err)
{
    store->observations = connection_part(&store->connection, &blank, sizeof blank,
                                          sizeof blank / sizeof(struct statement), err);
    if (store->observations != NULL)
        store->fresh = fresh_open(&store->connection, err);
    return store->fresh != NULL ? STATUS_OK : err->status;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void row_of_copy(const struct store_packet *packet, const struct store_observed *observed,
                        bool is_skewed, struct observation_row *out)
{
    const struct envelope *envelope = packet->envelope;
    const struct meshcore_frame *frame = packet->frame;
    out->id = 0;
    out->transmission_id = observed->transmission_id;
    out->observer_id = observed->observer_id;
    out->direction = envelope->packet.direction == DIRECTION_TX;
    out->path_size = frame->hash_size;
    out->path_bytes = (uint8_t)frame->path_bytes;
    memcpy(out->path, frame->path, frame->path_bytes);
    out->source_id = observed->source_id;
    out->receipt_ms = packet->receipt_ms;
    out->scope_id = observed->scope_id;
    out->scope_code = observed->scope_code;
    out->route = frame->route;
    out->is_skewed = is_skewed;
    out->values[OBSERVATION_SNR] = envelope->packet.snr;
    out->values[OBSERVATION_RSSI] = envelope->packet.rssi;
    out->values[OBSERVATION_SCORE] = envelope->packet.score;
    out->values[OBSERVATION_SAID] =
        envelope->has_time ? (double)envelope->envelope_ms : (double)NAN;
    for (size_t i = 0; i < OBSERVATION_VALUES; i++)
        out->origins[i] = packet->receipt_ms;
}

static void read_origins(const struct statement *found, int column, struct observation_row *row)
{
    const uint8_t *bytes = sqlite3_column_blob(found->handle, column);
    const bool is_filled =
        bytes != NULL && sqlite3_column_bytes(found->handle, column) == OBSERVATION_FILLED_BYTES;
    for (size_t i = 0; i < OBSERVATION_VALUES; i++) {
        uint64_t origin = 0;
        for (size_t j = 0; is_filled && j < OBSERVATION_ORIGIN_BYTES; j++)
            origin = origin << 8 | bytes[i * OBSERVATION_ORIGIN_BYTES + j];
        row->origins[i] = origin != 0 ? (int64_t)origin : row->receipt_ms;
    }
}

/* Of the tables. STATUS_NOT_FOUND: they have none of this key. */
static enum status read_row(struct store *store, const struct observation_row *key,
                            struct observation_row *out)
{
    struct statement *const find = &store->observations->find;
    bind_int(find, 1, key->transmission_id);
    bind_int(find, 2, key->observer_id);
    bind_int(find, 3, key->direction);
    bind_int(find, 4, key->path_size);
    bind_blob(find, 5, key->path, key->path_bytes);
    const enum status status = statement_row(find);
    if (status != STATUS_OK)
        return status;
    *out = *key;
    out->id = column_int(find, 0);
    out->source_id = column_int(find, 1);
    out->receipt_ms = column_int(find, 2);
    out->values[OBSERVATION_SAID] = column_real(find, 3);
    out->values[OBSERVATION_SNR] = column_real(find, 4);
    out->values[OBSERVATION_RSSI] = column_real(find, 5);
    out->values[OBSERVATION_SCORE] = column_real(find, 6);
    out->route = (uint8_t)column_int(find, 7);
    out->scope_code = column_is_null(find, 8) ? STORE_NO_SCOPE : (int32_t)column_int(find, 8);
    out->scope_id = column_int(find, 9);
    read_origins(find, 10, out);
    out->is_skewed = column_int(find, 11) != 0;
    statement_done(find);
    return STATUS_OK;
}

/* STATUS_NOT_FOUND: it is none that is known. */
static enum status find_row(struct store *store, const struct observation_row *key,
                            struct observation_row *out, bool *out_is_fresh)
{
    const struct observation_row *const fresh = fresh_find(store->fresh, key);
    *out_is_fresh = fresh != NULL;
    if (fresh != NULL)
        *out = *fresh;
    else if (!fresh_has_all(store->fresh, key->transmission_id))
        return read_row(store, key, out);
    return fresh != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

/* In the form that schema_sql.h tells of, whatever the row had before. */
static enum status update_row(struct store *store, const struct observation_row *row)
{
    struct statement *const update = &store->observations->update;
    uint8_t filled[OBSERVATION_FILLED_BYTES];
    int64_t quarters = 0;
    bind_int(update, 1, row->id);
    bind_int(update, 2, row->source_id);
    bind_int(update, 3, row->receipt_ms);
    if (!isnan(row->values[OBSERVATION_SAID]))
        bind_int(update, 4, observation_said(row));
    if (observation_quarters(row, &quarters))
        bind_int(update, 5, quarters);
    else
        bind_real(update, 5, row->values[OBSERVATION_SNR]);
    bind_real(update, 6, row->values[OBSERVATION_RSSI]);
    bind_real(update, 7, row->values[OBSERVATION_SCORE]);
    bind_int(update, 8, row->route);
    if (row->scope_code != STORE_NO_SCOPE)
        bind_int(update, 9, row->scope_code);
    if (row->scope_id != 0)
        bind_int(update, 10, row->scope_id);
    bind_int(update, 11, observation_form(row));
    if (observation_filled(row, filled))
        bind_blob(update, 12, filled, sizeof filled);
    return statement_run(update);
}

/* --- copies ----------------------------------------------------------------------------------- */

/* Two brokers delivered in the same millisecond: the name decides. */
static enum status source_is_before(struct store *store, int64_t a, int64_t b, bool *out)
{
    bind_int(&store->observations->source_is_before, 1, a);
    bind_int(&store->observations->source_is_before, 2, b);
    enum status status = statement_row(&store->observations->source_is_before);
    *out = status == STATUS_OK;
    if (status == STATUS_OK)
        statement_done(&store->observations->source_is_before);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static bool merge_values(struct observation_row *row, const struct observation_row *copy)
{
    bool changed = false;
    for (size_t i = 0; i < OBSERVATION_VALUES; i++) {
        if (isnan(copy->values[i]))
            continue;
        if (isnan(row->values[i]) || copy->origins[i] < row->origins[i] ||
            (copy->origins[i] == row->origins[i] && copy->values[i] < row->values[i])) {
            row->values[i] = copy->values[i];
            row->origins[i] = copy->origins[i];
            changed = true;
        }
    }
    return changed;
}

static enum status merge(struct store *store, struct observation_row *row,
                         const struct observation_row *copy, bool *out_changed)
{
    enum status status = STATUS_OK;
    *out_changed = merge_values(row, copy);
    if (copy->receipt_ms > row->receipt_ms)
        return STATUS_OK;
    bool is_earlier = copy->receipt_ms < row->receipt_ms;
    bool takes_source = is_earlier;
    if (!is_earlier && copy->source_id != row->source_id)
        status = source_is_before(store, copy->source_id, row->source_id, &takes_source);
    if (takes_source)
        row->source_id = copy->source_id;
    bool takes_route = is_earlier || copy->route < row->route ||
                       (copy->route == row->route && copy->scope_code < row->scope_code);
    if (takes_route) {
        row->route = copy->route;
        row->scope_code = copy->scope_code;
        row->scope_id = copy->scope_id;
    }
    const bool takes_skew = is_earlier || (row->is_skewed && !copy->is_skewed);
    if (takes_skew)
        row->is_skewed = copy->is_skewed;
    row->receipt_ms = copy->receipt_ms;
    *out_changed = *out_changed || takes_source || takes_route || takes_skew;
    return status;
}

/* --- what rollups and edges learn ------------------------------------------------------------- */

/* A reception of the packet with its path, as the packet says. */
static void init_reception(struct store_reception *reception, const struct store_packet *packet,
                           const struct store_observed *observed)
{
    const struct meshcore_frame *frame = packet->frame;
    bool is_shared = meshcore_is_share_contact(frame->route, observed->scope_code != STORE_NO_SCOPE,
                                               frame->hop_count);
    reception->node_id = is_shared ? 0 : observed->node_id;
    reception->is_former = false;
    reception->is_counted = false;
    reception->has_edges = false;
    reception->scope_code = observed->scope_code;
    reception->scope_id = observed->scope_id;
    reception->observer_id = observed->observer_id;
    reception->receipt_ms = packet->receipt_ms;
    reception->snr = packet->envelope->packet.snr;
    reception->rssi = packet->envelope->packet.rssi;
    reception->type = frame->type;
    reception->route = frame->route;
    reception->direction = (uint8_t)packet->envelope->packet.direction;
    reception->hash_size = frame->hash_size;
    reception->path_bytes = (uint8_t)frame->path_bytes;
    memcpy(reception->path, frame->path, frame->path_bytes);
}

static struct store_reception *note_reception(struct store *store,
                                              const struct store_packet *packet,
                                              const struct store_observed *observed, int sign)
{
    struct store_reception *reception = &store->record.receptions[store->record.reception_count++];
    init_reception(reception, packet, observed);
    reception->sign = sign;
    return reception;
}

static struct store_reception *note_row(struct store *store, const struct store_packet *packet,
                                        const struct store_observed *observed,
                                        const struct observation_row *row, int sign)
{
    struct store_reception *reception = note_reception(store, packet, observed, sign);
    const bool is_scoped = row->scope_code != STORE_NO_SCOPE;
    const bool is_shared =
        meshcore_is_share_contact(row->route, is_scoped, packet->frame->hop_count);
    reception->node_id = is_shared ? 0 : observed->node_id;
    reception->route = row->route;
    reception->receipt_ms = row->receipt_ms;
    reception->snr = row->values[OBSERVATION_SNR];
    reception->rssi = row->values[OBSERVATION_RSSI];
    reception->scope_code = row->scope_code;
    reception->scope_id = row->scope_id;
    return reception;
}

/* The row as it was is not counted any more, but as it is now. */
static enum status note_change(struct store *store, const struct store_packet *packet,
                               const struct store_observed *observed,
                               const struct observation_row *old, const struct observation_row *row)
{
    struct store_reception *const was = note_row(store, packet, observed, old, -1);
    struct store_reception *const is = note_row(store, packet, observed, row, 1);
    return store_late_change(store, row->id, was, is);
}

/* An observation's clock counts as its earliest copy tells, in the hour of that one. */
static enum status move_skew(struct store *store, const struct observation_row *old,
                             const struct observation_row *row)
{
    if (old->is_skewed == row->is_skewed && old->receipt_ms == row->receipt_ms)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (old->is_skewed)
        status = store_observer_count_skew(store, old->receipt_ms, -1);
    if (status == STATUS_OK && row->is_skewed)
        status = store_observer_count_skew(store, row->receipt_ms, 1);
    return status;
}

/* The record keeps the row; the commit writes it. */
static enum status add_row(struct store *store, const struct store_packet *packet,
                           const struct store_observed *observed, struct observation_row *row)
{
    const enum status status = fresh_next_id(store->fresh, &row->id);
    if (status != STATUS_OK)
        return status;
    store->record.observation_id = row->id;
    store->record.row = *row;
    store->record.is_first = observed->is_first;
    IGNORE(note_reception(store, packet, observed, 1), "a new row counts as it is");
    return row->is_skewed ? store_observer_count_skew(store, row->receipt_ms, 1) : STATUS_OK;
}

static enum status change_row(struct store *store, const struct observation_row *row, bool is_fresh)
{
    if (!is_fresh)
        return update_row(store, row);
    store->record.row = *row;
    store->record.is_first = false; /* it need not be: others of its transmission may be older */
    return STATUS_OK;
}

/* STATUS_EXISTS: done. */
static enum status merge_copy(struct store *store, const struct store_packet *packet,
                              const struct store_observed *observed, struct observation_row *row,
                              const struct observation_row *copy, bool is_fresh)
{
    store->record.observation_id = row->id;
    IGNORE(note_reception(store, packet, observed, 0), "a copy moves the times of its edges");
    const struct observation_row old = *row;
    bool has_changed = false;
    enum status status = merge(store, row, copy, &has_changed);
    if (status == STATUS_OK && has_changed) {
        status = note_change(store, packet, observed, &old, row);
        if (status == STATUS_OK)
            status = change_row(store, row, is_fresh);
    }
    if (status == STATUS_OK)
        status = move_skew(store, &old, row);
    return status == STATUS_OK ? STATUS_EXISTS : status;
}

enum status store_observation(struct store *store, const struct store_packet *packet,
                              const struct store_observed *observed)
{
    /* What waited at the broker is old, and no word about the clock. */
    const int64_t skew_s = packet->is_retained
                               ? ENVELOPE_NO_SKEW
                               : store_skew_of(packet->envelope, packet->receipt_ms);
    store_observer_note_skew(store, packet->receipt_ms, skew_s);
    struct observation_row row;
    struct observation_row copy;
    bool is_fresh = false;
    row_of_copy(packet, observed, skew_s != ENVELOPE_NO_SKEW, &copy);
    const enum status status =
        observed->is_first ? STATUS_NOT_FOUND : find_row(store, &copy, &row, &is_fresh);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? add_row(store, packet, observed, &copy) : status;
    return merge_copy(store, packet, observed, &row, &copy, is_fresh);
}
