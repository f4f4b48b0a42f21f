/* SPDX-License-Identifier: MIT
 *
 * Observations: who heard a transmission on which way. The usual cost is one insert, of a known
 * transmission behind a look; a copy of one that is known costs that look, and an update only where
 * it says something that the row lacks. Nothing but that look keeps a key from standing twice.
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
    struct statement insert, key_insert, find, update, source_is_before;
};

static const struct store_observations blank = {
    .insert =
        SQL("INSERT INTO observations (transmission_id, observer_id, direction, path_size, path,"
            " source_id, receipt_ms, said, heard, rssi, score, route, scope_code, scope_id, form)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"),
    .key_insert = SQL("INSERT INTO observation_keys (transmission_id, observer_id, id) VALUES (?1,"
                      " ?2, ?3)"),
    .find = SQL(
        "SELECT o.id, source_id, receipt_ms, envelope_ms, snr, rssi, score, route, scope_code,"
        " scope_id, filled, is_skewed FROM " SCHEMA_OBSERVATIONS_OF(
            "?1") " AND k.observer_id = ?2 AND o.direction = ?3 AND o.path_size = ?4 AND o.path ="
                  " ?5"),
    .update = SQL(
        "UPDATE observations SET source_id = ?6, receipt_ms = ?7, said = ?8, heard = ?9, rssi = ?10,"
        " score = ?11, route = ?12, scope_code = ?13, scope_id = ?14, form = ?15, filled = ?16 WHERE"
        " id = ?1"),
    .source_is_before = SQL("SELECT 1 FROM sources a, sources b WHERE a.id = ?1 AND b.id = ?2 AND"
                            " a.name < b.name"),
};

enum status store_observation_open(struct store *store, struct err *err)
{
    store->observations = connection_part(&store->connection, &blank, sizeof blank,
                                          sizeof blank / sizeof(struct statement), err);
    return store->observations != NULL ? STATUS_OK : err->status;
}

/* What a copy measured and said, in the order of `filled`. envelope_ms as a double: exact
 * up to 2^53. */
enum value { VALUE_SNR, VALUE_RSSI, VALUE_SCORE, VALUE_SAID, VALUES };

#define ORIGIN_BYTES 8

/* The part of a row that copies can change. */
struct row {
    int64_t id, source_id, receipt_ms, scope_id;
    int32_t scope_code; /* STORE_NO_SCOPE = NULL */
    uint8_t route;
    bool is_skewed;
    double values[VALUES];   /* NaN = NULL */
    int64_t origins[VALUES]; /* of values that are there */
};

/* --- rows ------------------------------------------------------------------------------------- */

static void row_of_copy(const struct store_packet *packet, const struct store_observed *observed,
                        bool is_skewed, struct row *out)
{
    const struct envelope *envelope = packet->envelope;
    out->id = 0;
    out->source_id = observed->source_id;
    out->receipt_ms = packet->receipt_ms;
    out->scope_id = observed->scope_id;
    out->scope_code = observed->scope_code;
    out->route = packet->frame->route;
    out->is_skewed = is_skewed;
    out->values[VALUE_SNR] = envelope->packet.snr;
    out->values[VALUE_RSSI] = envelope->packet.rssi;
    out->values[VALUE_SCORE] = envelope->packet.score;
    out->values[VALUE_SAID] = envelope->has_time ? (double)envelope->envelope_ms : (double)NAN;
    for (size_t i = 0; i < VALUES; i++)
        out->origins[i] = packet->receipt_ms;
}

/* Radios measure quarters of a dB: nearly always a byte instead of eight. */
static void bind_heard(struct statement *sql, int at, double snr)
{
    const double quarters = 4 * snr;
    if (fabs(quarters) <= INT32_MAX && quarters == floor(quarters))
        bind_int(sql, at, (int64_t)quarters);
    else
        bind_real(sql, at, snr);
}

/* In the form that schema.h tells of, whatever the row had before. */
static void bind_values(struct statement *sql, const struct row *row)
{
    bind_int(sql, 6, row->source_id);
    bind_int(sql, 7, row->receipt_ms);
    if (!isnan(row->values[VALUE_SAID]))
        bind_int(sql, 8, (int64_t)row->values[VALUE_SAID] - row->receipt_ms);
    bind_heard(sql, 9, row->values[VALUE_SNR]);
    bind_real(sql, 10, row->values[VALUE_RSSI]);
    bind_real(sql, 11, row->values[VALUE_SCORE]);
    bind_int(sql, 12, row->route);
    if (row->scope_code != STORE_NO_SCOPE)
        bind_int(sql, 13, row->scope_code);
    if (row->scope_id != 0)
        bind_int(sql, 14, row->scope_id);
    bind_int(sql, 15, row->is_skewed ? SCHEMA_FORM_SKEWED : SCHEMA_FORM);
}

static void bind_key(struct statement *sql, const struct store_packet *packet,
                     const struct store_observed *observed)
{
    bind_int(sql, 1, observed->transmission_id);
    bind_int(sql, 2, observed->observer_id);
    bind_int(sql, 3, packet->envelope->packet.direction == DIRECTION_TX);
    bind_int(sql, 4, packet->frame->hash_size);
    bind_blob(sql, 5, packet->frame->path, packet->frame->path_bytes);
}

static enum status insert_row(struct store *store, const struct store_packet *packet,
                              const struct store_observed *observed, const struct row *row)
{
    bind_key(&store->observations->insert, packet, observed);
    bind_values(&store->observations->insert, row);
    return statement_run(&store->observations->insert);
}

static void read_origins(const struct statement *found, int column, struct row *row)
{
    const uint8_t *bytes = sqlite3_column_blob(found->handle, column);
    const bool is_filled =
        bytes != NULL && sqlite3_column_bytes(found->handle, column) == VALUES * ORIGIN_BYTES;
    for (size_t i = 0; i < VALUES; i++) {
        uint64_t origin = 0;
        for (size_t j = 0; is_filled && j < ORIGIN_BYTES; j++)
            origin = origin << 8 | bytes[i * ORIGIN_BYTES + j];
        row->origins[i] = origin != 0 ? (int64_t)origin : row->receipt_ms;
    }
}

/* STATUS_NOT_FOUND: it is none that is known. */
static enum status find_row(struct store *store, const struct store_packet *packet,
                            const struct store_observed *observed, struct row *out)
{
    bind_key(&store->observations->find, packet, observed);
    enum status status = statement_row(&store->observations->find);
    if (status != STATUS_OK)
        return status;
    const struct statement *found = &store->observations->find;
    out->id = column_int(found, 0);
    out->source_id = column_int(found, 1);
    out->receipt_ms = column_int(found, 2);
    out->values[VALUE_SAID] = column_real(found, 3);
    out->values[VALUE_SNR] = column_real(found, 4);
    out->values[VALUE_RSSI] = column_real(found, 5);
    out->values[VALUE_SCORE] = column_real(found, 6);
    out->route = (uint8_t)column_int(found, 7);
    out->scope_code = column_is_null(found, 8) ? STORE_NO_SCOPE : (int32_t)column_int(found, 8);
    out->scope_id = column_int(found, 9);
    read_origins(found, 10, out);
    out->is_skewed = column_int(found, 11) != 0;
    statement_done(&store->observations->find);
    return STATUS_OK;
}

static enum status update_row(struct store *store, const struct row *row)
{
    uint8_t filled[VALUES * ORIGIN_BYTES] = {0};
    bool is_filled = false;
    for (size_t i = 0; i < VALUES; i++) {
        if (isnan(row->values[i]) || row->origins[i] == row->receipt_ms)
            continue;
        is_filled = true;
        for (size_t j = 0; j < ORIGIN_BYTES; j++)
            filled[i * ORIGIN_BYTES + j] =
                (uint8_t)((uint64_t)row->origins[i] >> (8 * (ORIGIN_BYTES - 1 - j)));
    }
    bind_int(&store->observations->update, 1, row->id);
    bind_values(&store->observations->update, row);
    if (is_filled)
        bind_blob(&store->observations->update, 16, filled, sizeof filled);
    return statement_run(&store->observations->update);
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

static bool merge_values(struct row *row, const struct row *copy)
{
    bool changed = false;
    for (size_t i = 0; i < VALUES; i++) {
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

static enum status merge(struct store *store, struct row *row, const struct row *copy,
                         bool *out_changed)
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
                                        const struct row *row, int sign)
{
    struct store_reception *reception = note_reception(store, packet, observed, sign);
    const bool is_scoped = row->scope_code != STORE_NO_SCOPE;
    const bool is_shared =
        meshcore_is_share_contact(row->route, is_scoped, packet->frame->hop_count);
    reception->node_id = is_shared ? 0 : observed->node_id;
    reception->route = row->route;
    reception->receipt_ms = row->receipt_ms;
    reception->snr = row->values[VALUE_SNR];
    reception->rssi = row->values[VALUE_RSSI];
    reception->scope_code = row->scope_code;
    reception->scope_id = row->scope_id;
    return reception;
}

/* The row as it was is not counted any more, but as it is now. */
static enum status note_change(struct store *store, const struct store_packet *packet,
                               const struct store_observed *observed, const struct row *old,
                               const struct row *row)
{
    struct store_reception *const was = note_row(store, packet, observed, old, -1);
    struct store_reception *const is = note_row(store, packet, observed, row, 1);
    return store_late_change(store, row->id, was, is);
}

/* An observation's clock counts as its earliest copy tells, in the hour of that one. */
static enum status move_skew(struct store *store, const struct row *old, const struct row *row)
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

static enum status add_row(struct store *store, const struct store_packet *packet,
                           const struct store_observed *observed, const struct row *row)
{
    enum status status = insert_row(store, packet, observed, row);
    if (status != STATUS_OK)
        return status;
    store->record.observation_id = sqlite3_last_insert_rowid(store->connection.db);
    bind_int(&store->observations->key_insert, 1, observed->transmission_id);
    bind_int(&store->observations->key_insert, 2, observed->observer_id);
    bind_int(&store->observations->key_insert, 3, store->record.observation_id);
    status = statement_run(&store->observations->key_insert);
    if (status != STATUS_OK)
        return status;
    IGNORE(note_reception(store, packet, observed, 1), "a new row counts as it is");
    return row->is_skewed ? store_observer_count_skew(store, row->receipt_ms, 1) : STATUS_OK;
}

/* STATUS_EXISTS: done. */
static enum status merge_copy(struct store *store, const struct store_packet *packet,
                              const struct store_observed *observed, struct row *row,
                              const struct row *copy)
{
    store->record.observation_id = row->id;
    IGNORE(note_reception(store, packet, observed, 0), "a copy moves the times of its edges");
    const struct row old = *row;
    bool has_changed = false;
    enum status status = merge(store, row, copy, &has_changed);
    if (status == STATUS_OK && has_changed) {
        status = note_change(store, packet, observed, &old, row);
        if (status == STATUS_OK)
            status = update_row(store, row);
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
    struct row row;
    struct row copy;
    row_of_copy(packet, observed, skew_s != ENVELOPE_NO_SKEW, &copy);
    enum status status =
        observed->is_first ? STATUS_NOT_FOUND : find_row(store, packet, observed, &row);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? add_row(store, packet, observed, &copy) : status;
    return merge_copy(store, packet, observed, &row, &copy);
}
