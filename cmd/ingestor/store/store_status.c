/* SPDX-License-Identifier: MIT
 *
 * A status updates its observer's row and, when it measures anything, adds a sample to
 * observer_metrics. Retained and "offline" statuses (the last will, sent by the broker, not by the
 * device) are no proof of life. Each field carries how new it is (store_as_of): of two statuses the
 * newer one's non-empty value stays, of two equally new ones the greater, so an old retained one
 * fills gaps and replaces nothing newer.
 *
 * A status with metrics and a time of its own is known by observer, time and payload; any other by
 * topic and payload within ten minutes. A redelivery counts nothing; it is looked at like any
 * statement, because otherwise it would matter which copy came first.
 *
 * Of the samples of one observer and five minutes the earliest stays, and nothing is kept of the
 * others: when an earlier copy moves it into the five minutes before, its place stays empty until
 * the next one comes. What a retained status measured could be from any day: it is never a point
 * of a curve. */
#include "cmd/ingestor/store/store_status.h"

#include "cmd/ingestor/store/store_observer.h"
#include "cmd/ingestor/store/store_seen.h"

#include "common/base/crypto.h"

#include <string.h>
#include <strings.h>

/* ?11 = how new the status is. A field that the message lacks keeps its value and its time. */
#define TAKE(column, time, value, least)                                                           \
    column " = iif(" value " IS NOT NULL AND (?11, " value ") > (min(coalesce(" time               \
           ", 0), ?15), coalesce(" column ", " least ")), " value ", " column "), " time           \
           " = iif(" value " IS NULL, " time ", " LAST_SEEN(time, "?15", "?11") "), "
#define TAKE_TEXT(column, time, value)   TAKE(column, time, value, "''")
#define TAKE_NUMBER(column, time, value) TAKE(column, time, value, "-9e999")

struct store_statuses {
    struct statement observer_update, sample_find, sample_remove, sample_yield, sample_insert;
};

static const struct store_statuses blank = {
    /* ?12 = 1 when it counts, ?13 = the receipt, ?14 = a sign of life, ?15 = now */
    /* clang-format off */
    .observer_update = SQL("UPDATE observers SET status_count = status_count + ?12, "
     TAKE_TEXT("status", "status_ms", "?2")
     TAKE_TEXT("model", "model_ms", "?3")
     TAKE_TEXT("firmware", "firmware_ms", "?4")
     TAKE_TEXT("client_version", "client_version_ms", "?5")
     TAKE_TEXT("radio", "radio_ms", "?6")
     TAKE_NUMBER("battery_mv", "battery_mv_ms", "?7")
     TAKE_NUMBER("uptime_secs", "uptime_secs_ms", "?8")
     TAKE_NUMBER("noise_floor", "noise_floor_ms", "?9")
     TAKE_NUMBER("can_relay", "can_relay_ms", "?10")
     "last_ms = iif(?14, " LAST_SEEN("last_ms", "?15", "?13") ", last_ms),"
     " is_inactive = iif(?14, 0, is_inactive), first_ms = min(first_ms, ?13) WHERE id = ?1"),
    /* clang-format on */
    .sample_find = SQL(
        "SELECT receipt_ms FROM observer_metrics WHERE observer_id = ?1 AND envelope_ms = ?2 AND"
        " payload_hash = ?3"),
    .sample_remove =
        SQL("DELETE FROM observer_metrics WHERE observer_id = ?1 AND envelope_ms = ?2 AND"
            " payload_hash = ?3"),
    .sample_yield = SQL(
        "DELETE FROM observer_metrics WHERE observer_id = ?1 AND receipt_ms / 300000 = ?2 / 300000 AND"
        " (receipt_ms, payload_hash) > (?2, ?3)"),
    .sample_insert = SQL(
        "INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms,"
        " battery_mv, uptime_secs, noise_floor, tx_air_secs, rx_air_secs, recv_errors, packets_sent,"
        " packets_recv, queue_len, errors) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
        " ?13, ?14) ON CONFLICT DO NOTHING"),
};

enum status store_status_open(struct store *store, struct err *err)
{
    store->statuses = connection_part(&store->connection, &blank, sizeof blank,
                                      sizeof blank / sizeof(struct statement), err);
    return store->statuses != NULL ? STATUS_OK : err->status;
}

/* --- samples ---------------------------------------------------------------------------------- */

struct sample {
    int64_t observer_id;
    int64_t said_ms; /* by the publisher's clock, or else the receipt */
    int64_t receipt_ms;
    uint8_t hash[32]; /* of the payload */
};

static void bind_sample(struct statement *sql, const struct sample *sample)
{
    bind_int(sql, 1, sample->observer_id);
    bind_int(sql, 2, sample->said_ms);
    bind_blob(sql, 3, sample->hash, STORE_SEEN_BYTES);
}

/* An earlier one in the same five minutes refuses it: no error. */
static enum status insert_sample(struct store *store, const struct sample *sample,
                                 const struct envelope_status *s)
{
    bind_int(&store->statuses->sample_yield, 1, sample->observer_id);
    bind_int(&store->statuses->sample_yield, 2, sample->receipt_ms);
    bind_blob(&store->statuses->sample_yield, 3, sample->hash, STORE_SEEN_BYTES);
    enum status status = statement_run(&store->statuses->sample_yield);
    if (status != STATUS_OK)
        return status;
    bind_sample(&store->statuses->sample_insert, sample);
    bind_int(&store->statuses->sample_insert, 4, sample->receipt_ms);
    const double values[] = {s->battery_mv,  s->uptime_secs, s->noise_floor,  s->tx_air_secs,
                             s->rx_air_secs, s->recv_errors, s->packets_sent, s->packets_recv,
                             s->queue_len,   s->errors};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        bind_real(&store->statuses->sample_insert, 5 + (int)i, values[i]);
    return statement_run(&store->statuses->sample_insert);
}

/* The sample may be known although its ten minutes are over: then *seen says what it is instead of
 * NEW. The row of a later copy is removed. */
static enum status find_sample(struct store *store, const struct sample *sample,
                               struct store_seen *seen)
{
    bind_sample(&store->statuses->sample_find, sample);
    int64_t known_ms = 0;
    const enum status status = statement_number(&store->statuses->sample_find, &known_ms);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bool is_earlier = sample->receipt_ms < known_ms;
    if (seen->kind == SEEN_NEW)
        *seen = (struct store_seen){is_earlier ? SEEN_EARLIER : SEEN_LATER, known_ms};
    if (!is_earlier)
        return STATUS_OK;
    bind_sample(&store->statuses->sample_remove, sample);
    return statement_run(&store->statuses->sample_remove);
}

static enum status store_sample(struct store *store, const struct store_status *in,
                                int64_t observer_id, struct store_seen *seen)
{
    const struct envelope *envelope = in->envelope;
    struct sample sample = {.observer_id = observer_id,
                            .said_ms = envelope->has_time ? envelope->envelope_ms : in->receipt_ms,
                            .receipt_ms = in->receipt_ms};
    const struct crypto_part payload = {in->message->payload, in->message->payload_len};
    crypto_sha256(&payload, 1, sample.hash);
    enum status status = STATUS_OK;
    if (!envelope->has_time && seen->kind == SEEN_EARLIER) { /* then the receipt is in its key */
        struct sample former = sample;
        former.said_ms = seen->former_ms;
        bind_sample(&store->statuses->sample_remove, &former);
        status = statement_run(&store->statuses->sample_remove);
    } else if (envelope->has_time) {
        status = find_sample(store, &sample, seen);
    }
    if (status != STATUS_OK || seen->kind == SEEN_LATER)
        return status;
    return insert_sample(store, &sample, &envelope->status);
}

/* --- the observer's row ----------------------------------------------------------------------- */

static enum status update_observer(struct store *store, const struct store_status *in,
                                   int64_t observer_id, bool is_alive, bool counts)
{
    struct statement *const sql = &store->statuses->observer_update;
    const struct envelope_status *s = &in->envelope->status;
    bind_int(sql, 1, observer_id);
    bind_given(sql, 2, s->status);
    bind_given(sql, 3, s->model);
    bind_given(sql, 4, s->firmware);
    bind_given(sql, 5, s->client_version);
    bind_given(sql, 6, s->radio);
    bind_real(sql, 7, s->battery_mv);
    bind_real(sql, 8, s->uptime_secs);
    bind_real(sql, 9, s->noise_floor);
    if (s->can_relay >= 0)
        bind_int(sql, 10, s->can_relay);
    bind_int(sql, 11, store_as_of(in->message, in->envelope, in->receipt_ms));
    bind_int(sql, 12, counts);
    bind_int(sql, 13, in->receipt_ms);
    bind_int(sql, 14, is_alive);
    bind_int(sql, 15, store->now_ms);
    return statement_run(sql);
}

/* --- statuses --------------------------------------------------------------------------------- */

static enum status see_status(struct store *store, const struct store_status *in,
                              int64_t observer_id, bool is_live, struct store_seen *out)
{
    const struct envelope *envelope = in->envelope;
    if (!is_live || !envelope->has_time || !envelope->status.has_metrics)
        return store_see_message(store, in->message, in->receipt_ms, out);
    uint8_t hash[32];
    const struct crypto_part parts[] = {{&observer_id, sizeof observer_id},
                                        {&envelope->envelope_ms, sizeof envelope->envelope_ms},
                                        {in->message->payload, in->message->payload_len}};
    crypto_sha256(parts, ARRAY_LEN(parts), hash);
    return store_see(store, hash, in->receipt_ms, out);
}

/* The last will bears the time of the connection, not of its loss: no word about the clock. */
static enum status note_skew(struct store *store, const struct store_status *in,
                             const struct store_seen *seen)
{
    enum status status = STATUS_OK;
    const int64_t skew_s = store_skew_of(in->envelope, in->receipt_ms);
    store_observer_note_skew(store, in->receipt_ms, skew_s);
    if (seen->kind == SEEN_EARLIER &&
        store_skew_of(in->envelope, seen->former_ms) != ENVELOPE_NO_SKEW)
        status = store_observer_count_skew(store, seen->former_ms, -1);
    if (status == STATUS_OK && seen->kind != SEEN_LATER && skew_s != ENVELOPE_NO_SKEW)
        status = store_observer_count_skew(store, in->receipt_ms, 1);
    return status;
}

enum status store_status(struct store *store, const struct store_status *in,
                         struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_COMMITTED};
    bool is_live = !store_is_retained(in->message);
    bool is_alive = is_live && strcasecmp(in->envelope->status.status, "offline") != 0;
    struct store_seen seen = {.kind = SEEN_NEW};
    int64_t observer_id = 0;
    store->record.is_retained = !is_live;
    enum status status = store_observer_resolve(
        store, in->envelope, in->receipt_ms, store_as_of(in->message, in->envelope, in->receipt_ms),
        &observer_id, out);
    if (status != STATUS_OK || observer_id == 0)
        return status;
    status = see_status(store, in, observer_id, is_live, &seen);
    if (status == STATUS_OK && is_live && in->envelope->status.has_metrics)
        status = store_sample(store, in, observer_id, &seen);
    if (status == STATUS_OK)
        status =
            update_observer(store, in, observer_id, is_alive, is_live && seen.kind == SEEN_NEW);
    if (status == STATUS_OK && is_alive)
        status = note_skew(store, in, &seen);
    out->observer_upserted = seen.kind == SEEN_NEW;
    if (seen.kind != SEEN_NEW)
        out->outcome = OUTCOME_DUPLICATE;
    return status;
}
