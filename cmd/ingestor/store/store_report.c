/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_report.h"

#include "cmd/ingestor/store/store_names.h"
#include "cmd/ingestor/store/store_observer.h"
#include "cmd/ingestor/store/store_seen.h"

#include <stdio.h>
#include <string.h>

/* Equally new: the greater values, so that the order of arrival does not matter. */
#define REPORT(t)                                                                                  \
    "(" t "as_of_ms, coalesce(" t "total, -1), coalesce(" t "queried, -1), " t                     \
    "is_truncated, coalesce(" t "scopes, ''), coalesce(" t "default_scope, ''))"
#define LINE(t)                                                                                    \
    "(" t "as_of_ms, coalesce(" t "heard_ms, -1), coalesce(" t "snr, -9e999), coalesce(" t         \
    "rssi, -9e999), coalesce(" t "status, ''))"
#define ANSWER(t) "(" t "as_of_ms, " t "is_truncated, " t "regions, " t "client)"

/* Of two copies of a reception. */
#define IF_EARLIER                                                                                 \
    "iif((?10, ?4, ?5, coalesce(?6, -1), ?11) < (receipt_ms, lat, lon, coalesce(accuracy_m, -1),"  \
    " (SELECT name FROM sources WHERE id = source_id)), "

struct store_reports {
    struct statement companion_insert, companion_earlier, client_insert, client_merge,
        report_upsert, neighbor_upsert, neighbor_scopes, neighbors_prune, answer_upsert,
        answers_prune;
};

static const struct store_reports blank = {
    .companion_insert = SQL(
        "INSERT INTO companion_messages (channel_id, peer, sender, text, sender_time, direction, snr,"
        " rssi, score, source_id, receipt_ms, envelope_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
        " ?10, ?11, ?12)"),
    /* ?5 = the receipt that counted until now. Newest first: the row is hardly ten minutes old. */
    .companion_earlier = SQL(
        "UPDATE companion_messages SET receipt_ms = ?6, source_id = ?7 WHERE id = (SELECT id FROM"
        " companion_messages WHERE channel_id IS ?1 AND receipt_ms = ?5 AND peer IS ?2 AND sender IS"
        " ?3 AND text = ?4 ORDER BY id DESC LIMIT 1) AND (?6 < receipt_ms OR ?8 <"
        " (SELECT name FROM sources WHERE id = source_id))"),
    .client_insert =
        SQL("INSERT INTO client_receptions (client, heard, rx_ms, lat, lon, accuracy_m, snr, rssi,"
            " source_id, receipt_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
            " ON CONFLICT (client, heard, rx_ms) DO NOTHING"),
    .client_merge = SQL(
        "UPDATE client_receptions SET lat = " IF_EARLIER "?4, lat), lon = " IF_EARLIER "?5, lon),"
        " accuracy_m = " IF_EARLIER "?6, accuracy_m), source_id = " IF_EARLIER "?9, source_id),"
        " receipt_ms = min(receipt_ms, ?10), snr = coalesce(max(snr, ?7), snr, ?7),"
        " rssi = coalesce(max(rssi, ?8), rssi, ?8) WHERE client = ?1 AND heard = ?2 AND rx_ms = ?3"),
    .report_upsert = SQL(
        "INSERT INTO neighbor_reports (observer_id, as_of_ms, total, queried, is_truncated, scopes,"
        " default_scope) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (observer_id) DO UPDATE SET"
        " as_of_ms = excluded.as_of_ms, total = excluded.total, queried = excluded.queried,"
        " is_truncated = excluded.is_truncated, scopes = excluded.scopes,"
        " default_scope = excluded.default_scope WHERE " REPORT("excluded.") " > " REPORT("")),
    .neighbor_upsert = SQL(
        "INSERT INTO reported_neighbors (observer_id, neighbor, as_of_ms, heard_ms, snr, rssi, status)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (observer_id, neighbor) DO UPDATE SET"
        " as_of_ms = excluded.as_of_ms, heard_ms = excluded.heard_ms, snr = excluded.snr,"
        " rssi = excluded.rssi, status = excluded.status WHERE " LINE("excluded.") " > " LINE("")),
    .neighbor_scopes =
        SQL("UPDATE reported_neighbors SET scopes = ?4, scopes_ms = ?3 WHERE observer_id"
            " = ?1 AND neighbor = ?2 AND (?3, ?4) > (coalesce(scopes_ms, -1),"
            " coalesce(scopes, ''))"),
    .neighbors_prune = SQL(
        "DELETE FROM reported_neighbors WHERE observer_id = ?1 AND neighbor IN (SELECT neighbor FROM"
        " reported_neighbors WHERE observer_id = ?1 ORDER BY as_of_ms DESC, neighbor LIMIT -1 OFFSET"
        " ?2)"),
    .answer_upsert = SQL(
        "INSERT INTO region_answers (target, as_of_ms, is_truncated, regions, client) VALUES (?1, ?2,"
        " ?3, ?4, ?5) ON CONFLICT (target) DO UPDATE SET as_of_ms = excluded.as_of_ms, is_truncated ="
        " excluded.is_truncated, regions = excluded.regions, client = excluded.client"
        " WHERE " ANSWER("excluded.") " > " ANSWER("")),
    .answers_prune =
        SQL("DELETE FROM region_answers WHERE id IN (SELECT id FROM region_answers ORDER BY"
            " as_of_ms DESC, target LIMIT -1 OFFSET ?1)"),
};

/* Of region_answers, the newest: whoever makes repeaters up fills no disk. */
#define ANSWERS_KEPT 10000

/* Of one observer's reported_neighbors; twice what one report can list. */
#define NEIGHBORS_KEPT (2 * ENVELOPE_NEIGHBORS_MAX)

enum status store_report_open(struct store *store, struct err *err)
{
    store->reports = connection_part(&store->connection, &blank, sizeof blank,
                                     sizeof blank / sizeof(struct statement), err);
    return store->reports != NULL ? STATUS_OK : err->status;
}

/* --- texts of companion bridges (protocol.md 7.5) --------------------------------------------- */

/* There is no frame, so the same topic and payload within ten minutes is what makes a redelivery;
 * the row keeps the receipt and the source of the earliest copy. A retained text is what a bridge
 * said last, hours or months ago, and comes again with each of our connections: it is no news and
 * is not stored. Nobody becomes an observer by such a text. */

/* A text as its row has it. */
struct text {
    int64_t channel_id;                                         /* 0 = a direct message */
    const char *peer;                                           /* NULL = a channel's */
    char sender[sizeof((struct envelope_message *)NULL)->text]; /* "" = unknown */
    const char *body;
    int64_t source_id;
};

static void bind_text_key(struct statement *sql, const struct text *text)
{
    if (text->channel_id != 0)
        bind_int(sql, 1, text->channel_id);
    if (text->peer != NULL)
        bind_text(sql, 2, text->peer);
    if (text->sender[0] != '\0')
        bind_text(sql, 3, text->sender);
    bind_text(sql, 4, text->body);
}

static enum status insert_text(struct store *store, const struct store_message *message,
                               const struct text *text)
{
    struct statement *const sql = &store->reports->companion_insert;
    const struct envelope *envelope = message->envelope;
    const struct envelope_message *said = &envelope->message;
    bind_text_key(sql, text);
    if (said->has_sender_time)
        bind_int(sql, 5, said->sender_time);
    bind_int(sql, 6, said->direction == DIRECTION_TX);
    bind_real(sql, 7, said->snr);
    bind_real(sql, 8, said->rssi);
    bind_real(sql, 9, said->score);
    bind_int(sql, 10, text->source_id);
    bind_int(sql, 11, message->receipt_ms);
    if (envelope->has_time)
        bind_int(sql, 12, envelope->envelope_ms);
    return statement_run(sql);
}

/* A copy that came earlier, or at the same time by a source whose name goes first. */
static enum status take_earlier(struct store *store, const struct store_message *message,
                                const struct text *text, int64_t former_ms)
{
    struct statement *const sql = &store->reports->companion_earlier;
    bind_text_key(sql, text);
    bind_int(sql, 5, former_ms);
    bind_int(sql, 6, message->receipt_ms);
    bind_int(sql, 7, text->source_id);
    bind_text(sql, 8, message->source);
    return statement_run(sql);
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

/* --- what phones heard on the road (protocol.md 8) -------------------------------------------- */

/* One row per phone, heard node and second. Two copies come when a phone publishes to two brokers,
 * one of which may strip the measurements: where and by which source is the earlier copy's, SNR and
 * RSSI are the greatest that any copy tells, so that the order of arrival does not matter. Phones
 * are no observers: no row is made for one. */
static void bind_reception(struct statement *sql, const struct store_message *message,
                           const struct store_client *client, int64_t source_id)
{
    const struct envelope_client *from = &message->envelope->client;
    bind_text(sql, 1, from->client);
    bind_blob(sql, 2, client->heard, client->heard_len);
    bind_int(sql, 3, client->rx_ms - client->rx_ms % 1000);
    bind_real(sql, 4, from->lat);
    bind_real(sql, 5, from->lon);
    bind_real(sql, 6, from->accuracy_m);
    bind_real(sql, 7, from->packet.snr);
    bind_real(sql, 8, from->packet.rssi);
    bind_int(sql, 9, source_id);
    bind_int(sql, 10, message->receipt_ms);
}

enum status store_client(struct store *store, const struct store_message *message,
                         const struct store_client *client, struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_DUPLICATE};
    /* A retained one without a usable time of its own could be from any day: it got
     * the receipt's. */
    if (store_is_retained(message->message) && client->rx_ms / 1000 == message->receipt_ms / 1000)
        return STATUS_OK;
    int64_t source_id = 0;
    enum status status = store_source_resolve(store, message->source, &source_id);
    if (status != STATUS_OK)
        return status;
    bind_reception(&store->reports->client_insert, message, client, source_id);
    status = statement_run(&store->reports->client_insert);
    if (status != STATUS_OK)
        return status;
    if (sqlite3_changes(store->connection.db) != 0) {
        out->outcome = OUTCOME_COMMITTED;
        return STATUS_OK;
    }
    bind_reception(&store->reports->client_merge, message, client, source_id);
    bind_text(&store->reports->client_merge, 11, message->source);
    return statement_run(&store->reports->client_merge);
}

/* --- neighbour reports (protocol.md 7.4) ------------------------------------------------------ */

/* The newest report of each observer stays, and of each neighbour the newest line: one that a newer
 * report no longer lists keeps its own time. Its scopes are those of the newest answer: a question
 * without one (status timeout, send_failed, ...) changes nothing about them. How new, store_as_of
 * says, so the replay of a retained report refreshes nothing. Keys in a report prove nothing: an
 * observer has at most NEIGHBORS_KEPT lines, the newest, each with its scopes. */

/* 30 years: far beyond what a device can know, and no overflow in milliseconds. */
#define HEARD_SECS_MAX 1e9

static enum status store_report(struct store *store, const struct envelope_neighbors *report,
                                int64_t observer_id, int64_t as_of_ms)
{
    struct statement *const sql = &store->reports->report_upsert;
    bind_int(sql, 1, observer_id);
    bind_int(sql, 2, as_of_ms);
    if (report->total >= 0)
        bind_int(sql, 3, report->total);
    if (report->queried >= 0)
        bind_int(sql, 4, report->queried);
    bind_int(sql, 5, report->is_truncated);
    bind_given(sql, 6, report->scopes);
    bind_given(sql, 7, report->default_scope);
    return statement_run(sql);
}

static enum status store_line(struct store *store, const struct envelope_neighbor *line,
                              int64_t observer_id, int64_t as_of_ms)
{
    struct statement *const sql = &store->reports->neighbor_upsert;
    double ago = line->heard_secs_ago;
    bind_int(sql, 1, observer_id);
    bind_text(sql, 2, line->key);
    bind_int(sql, 3, as_of_ms);
    /* "An hour ago" in a report of unknown age says nothing. */
    if (as_of_ms > 0 && ago >= 0 && ago <= HEARD_SECS_MAX)
        bind_int(sql, 4, as_of_ms - (int64_t)(ago * 1000));
    bind_real(sql, 5, line->snr);
    bind_real(sql, 6, line->rssi);
    bind_given(sql, 7, line->status);
    return statement_run(sql);
}

static enum status store_line_scopes(struct store *store, const struct envelope_neighbor *line,
                                     int64_t observer_id, int64_t as_of_ms)
{
    struct statement *const sql = &store->reports->neighbor_scopes;
    if (!line->has_scopes)
        return STATUS_OK;
    bind_int(sql, 1, observer_id);
    bind_text(sql, 2, line->key);
    bind_int(sql, 3, as_of_ms);
    bind_text(sql, 4, line->scopes);
    return statement_run(sql);
}

static enum status store_lines(struct store *store, const struct envelope_neighbors *report,
                               int64_t observer_id, int64_t as_of_ms)
{
    struct envelope_neighbor line;
    size_t at = 0;
    for (int i = 0; i < ENVELOPE_NEIGHBORS_MAX; i++) {
        if (!envelope_neighbor_next(report, &at, &line))
            break;
        enum status status = store_line(store, &line, observer_id, as_of_ms);
        if (status == STATUS_OK)
            status = store_line_scopes(store, &line, observer_id, as_of_ms);
        if (status != STATUS_OK)
            return status;
    }
    /* A line that is among the newest in the end was so ever since it came: the order
     * does not matter. */
    bind_int(&store->reports->neighbors_prune, 1, observer_id);
    bind_int(&store->reports->neighbors_prune, 2, NEIGHBORS_KEPT);
    return statement_run(&store->reports->neighbors_prune);
}

enum status store_neighbors(struct store *store, const struct store_message *message,
                            struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_COMMITTED};
    const struct envelope_neighbors *report = &message->envelope->neighbors;
    int64_t as_of_ms = store_as_of(message->message, message->envelope, message->receipt_ms);
    struct store_seen seen = {.kind = SEEN_NEW};
    int64_t observer_id = 0;
    enum status status = store_observer_resolve(store, message->envelope, message->receipt_ms,
                                                as_of_ms, &observer_id, out);
    if (status != STATUS_OK || observer_id == 0)
        return status;
    status = store_see_message(store, message->message, message->receipt_ms, &seen);
    if (seen.kind != SEEN_NEW)
        out->outcome = OUTCOME_DUPLICATE;
    if (status == STATUS_OK)
        status = store_observer_heard(store, observer_id, message->receipt_ms,
                                      !store_is_retained(message->message));
    if (status == STATUS_OK)
        status = store_report(store, report, observer_id, as_of_ms);
    return status == STATUS_OK ? store_lines(store, report, observer_id, as_of_ms) : status;
}

/* --- what repeaters answered phones (protocol.md 6) ------------------------------------------- */

/* The newest answer of each repeater, whoever asked. A phone may have been without a network for
 * days: the answer's own time says how new it is, as far as that is to be believed (section 8). */
static int64_t answer_as_of(const struct store_message *message)
{
    int64_t skew_s = 0;
    if (store_is_retained(message->message))
        return store_retained_as_of(message->envelope, message->receipt_ms);
    return envelope_resolve_time(message->envelope, message->receipt_ms, &skew_s);
}

enum status store_regions(struct store *store, const struct store_message *message,
                          struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_COMMITTED};
    struct statement *const sql = &store->reports->answer_upsert;
    const struct envelope_regions *answer = &message->envelope->regions;
    char names[ENVELOPE_REGIONS_BYTES];
    struct store_seen seen = {.kind = SEEN_NEW};
    enum status status = store_see_message(store, message->message, message->receipt_ms, &seen);
    if (status != STATUS_OK)
        return status;
    if (seen.kind != SEEN_NEW)
        out->outcome = OUTCOME_DUPLICATE;
    envelope_regions_join(answer, names);
    bind_blob(sql, 1, answer->target, sizeof answer->target);
    bind_int(sql, 2, answer_as_of(message));
    bind_int(sql, 3, answer->is_truncated);
    bind_text(sql, 4, names);
    bind_text(sql, 5, answer->client);
    status = statement_run(sql);
    if (status != STATUS_OK)
        return status;
    bind_int(&store->reports->answers_prune, 1, ANSWERS_KEPT);
    return statement_run(&store->reports->answers_prune);
}
