/* SPDX-License-Identifier: MIT
 *
 * Observers whose clock is off (protocol.md section 8): the newest distance, and how many messages an hour
 * said so. One whose clock is wrong says so with every packet, so both wait in the observer's cache entry for
 * the end of the batch. An entry holds one hour; another one, which is rare, is written at once. */
#include "cmd/ingestor/store/store_internal.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_SKEW_ADD, "INSERT INTO observer_skew (observer_id, hour, n) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (observer_id, hour) DO UPDATE SET n = n + excluded.n"},
    {SQL_SKEW_PRUNE, "DELETE FROM observer_skew WHERE observer_id = ?1 AND hour = ?2 AND n <= 0"},
};

#define HOUR_MS INT64_C(3600000)

enum status store_skew_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

static enum status add(struct store *store, int64_t observer_id, int64_t hour, int64_t n)
{
    bind_int(store, SQL_SKEW_ADD, 1, observer_id);
    bind_int(store, SQL_SKEW_ADD, 2, hour);
    bind_int(store, SQL_SKEW_ADD, 3, n);
    enum status status = store_run(store, SQL_SKEW_ADD);
    if (status != STATUS_OK || n > 0)
        return status;
    bind_int(store, SQL_SKEW_PRUNE, 1, observer_id);
    bind_int(store, SQL_SKEW_PRUNE, 2, hour);
    return store_run(store, SQL_SKEW_PRUNE);
}

static bool is_free(const struct store_skew *skew, int64_t hour)
{
    return skew->n == 0 || skew->hour == hour;
}

int64_t store_skew_of(const struct envelope *envelope, int64_t receipt_ms)
{
    int64_t skew_s = ENVELOPE_NO_SKEW;
    if (envelope->has_time && envelope->time_is_naive)
        (void)envelope_resolve_time(envelope, receipt_ms, &skew_s);
    return skew_s;
}

enum status store_observer_count_skew(struct store *store, int64_t receipt_ms, int count)
{
    const struct store_observer *observer = store_record_observer(store);
    struct store_skew *pending = &store->record.skew;
    const int64_t hour = receipt_ms / HOUR_MS;
    if (!is_free(pending, hour) || !is_free(&observer->skew, hour))
        return add(store, observer->id, hour, count);
    pending->hour = hour;
    pending->n += count;
    return STATUS_OK;
}

void store_observer_note_skew(struct store *store, int64_t receipt_ms, int64_t skew_s)
{
    if (skew_s != ENVELOPE_NO_SKEW)
        store_skew_merge(&store->record.skew, &(struct store_skew){.ms = receipt_ms, .s = skew_s});
}

void store_skew_merge(struct store_skew *skew, const struct store_skew *news)
{
    if (news->ms > skew->ms || (news->ms == skew->ms && news->s > skew->s)) {
        skew->ms = news->ms;
        skew->s = news->s;
    }
    if (news->n != 0) {
        skew->hour = news->hour;
        skew->n += news->n;
    }
}

enum status store_skew_write(struct store *store, struct store_observer *observer)
{
    int64_t n = observer->skew.n;
    if (n == 0)
        return STATUS_OK;
    observer->skew.n = 0;
    return add(store, observer->id, observer->skew.hour, n);
}
