/* SPDX-License-Identifier: MIT
 *
 * What observers report about their neighbours (protocol.md 7.4). The newest report of each observer stays,
 * and of each neighbour the newest line: one that a newer report no longer lists keeps its own time. How new,
 * store_as_of says, so the replay of a retained report refreshes nothing. Keys in a report prove nothing:
 * an observer has at most STORE_NEIGHBORS lines, the newest. */
#include "cmd/ingestor/store/store_internal.h"

/* Equally new: the greater values, so that the order of arrival does not matter. */
#define REPORT(t)                                                                                  \
    "(" t "as_of_ms, coalesce(" t "total, -1), coalesce(" t "queried, -1), " t                     \
    "is_truncated, coalesce(" t "scopes, ''), coalesce(" t "default_scope, ''))"
#define LINE(t)                                                                                    \
    "(" t "as_of_ms, coalesce(" t "heard_ms, -1), coalesce(" t "snr, -9e999), coalesce(" t         \
    "rssi, -9e999), coalesce(" t "status, ''), coalesce(" t "scopes, ''))"

static const struct store_sql_text sql_texts[] = {
    {SQL_REPORT_UPSERT,
     "INSERT INTO neighbor_reports (observer_id, as_of_ms, total, queried, is_truncated, scopes,"
     " default_scope) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (observer_id) DO UPDATE SET"
     " as_of_ms = excluded.as_of_ms, total = excluded.total, queried = excluded.queried,"
     " is_truncated = excluded.is_truncated, scopes = excluded.scopes,"
     " default_scope = excluded.default_scope WHERE " REPORT("excluded.") " > " REPORT("")},
    {SQL_NEIGHBOR_UPSERT,
     "INSERT INTO reported_neighbors (observer_id, neighbor, as_of_ms, heard_ms, snr, rssi, status,"
     " scopes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (observer_id, neighbor) DO"
     " UPDATE SET as_of_ms = excluded.as_of_ms, heard_ms = excluded.heard_ms, snr = excluded.snr,"
     " rssi = excluded.rssi, status = excluded.status, scopes = excluded.scopes"
     " WHERE " LINE("excluded.") " > " LINE("")},
    {SQL_NEIGHBORS_PRUNE,
     "DELETE FROM reported_neighbors WHERE observer_id = ?1 AND neighbor IN (SELECT neighbor FROM"
     " reported_neighbors WHERE observer_id = ?1 ORDER BY as_of_ms DESC, neighbor LIMIT -1 OFFSET"
     " ?2)"},
};

/* 30 years: far beyond what a device can know, and no overflow in milliseconds. */
#define HEARD_SECS_MAX 1e9

enum status store_neighbors_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

static enum status store_report(struct store *store, const struct envelope_neighbors *report,
                                int64_t observer_id, int64_t as_of_ms)
{
    const enum store_sql sql = SQL_REPORT_UPSERT;
    bind_int(store, sql, 1, observer_id);
    bind_int(store, sql, 2, as_of_ms);
    if (report->total >= 0)
        bind_int(store, sql, 3, report->total);
    if (report->queried >= 0)
        bind_int(store, sql, 4, report->queried);
    bind_int(store, sql, 5, report->is_truncated);
    bind_given(store, sql, 6, report->scopes);
    bind_given(store, sql, 7, report->default_scope);
    return store_run(store, sql);
}

static enum status store_line(struct store *store, const struct envelope_neighbor *line,
                              int64_t observer_id, int64_t as_of_ms)
{
    const enum store_sql sql = SQL_NEIGHBOR_UPSERT;
    double ago = line->heard_secs_ago;
    bind_int(store, sql, 1, observer_id);
    bind_text(store, sql, 2, line->key);
    bind_int(store, sql, 3, as_of_ms);
    /* "An hour ago" in a report of unknown age says nothing. */
    if (as_of_ms > 0 && ago >= 0 && ago <= HEARD_SECS_MAX)
        bind_int(store, sql, 4, as_of_ms - (int64_t)(ago * 1000));
    bind_real(store, sql, 5, line->snr);
    bind_real(store, sql, 6, line->rssi);
    bind_given(store, sql, 7, line->status);
    bind_given(store, sql, 8, line->scopes);
    return store_run(store, sql);
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
        if (status != STATUS_OK)
            return status;
    }
    /* A line that is among the newest in the end was so ever since it came: the order does not matter. */
    bind_int(store, SQL_NEIGHBORS_PRUNE, 1, observer_id);
    bind_int(store, SQL_NEIGHBORS_PRUNE, 2, STORE_NEIGHBORS);
    return store_run(store, SQL_NEIGHBORS_PRUNE);
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
