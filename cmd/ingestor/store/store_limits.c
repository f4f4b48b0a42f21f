/* SPDX-License-Identifier: MIT
 *
 * What bounds the model: names, and how many nodes and observers there may be. Totals come from meta once a
 * batch and only when something new knocks, so a known packet pays nothing. The minutes are memory only:
 * after a restart a flood may bring one minute's worth more. */
#include "cmd/ingestor/store/store_internal.h"

#include "common/base/utf8.h"

#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_TOTALS, "SELECT observers, nodes FROM meta WHERE id = 1"},
};

#define MINUTE_MS 60000

enum status store_limits_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* meta is written at commit, so what this batch made so far is added by the caller. */
static enum status load_totals(struct store *store)
{
    if (store->has_totals)
        return STATUS_OK;
    enum status status = store_row(store, SQL_TOTALS);
    if (status != STATUS_OK)
        return status;
    store->totals.observers = sqlite3_column_int64(store->stmts[SQL_TOTALS], 0);
    store->totals.nodes = sqlite3_column_int64(store->stmts[SQL_TOTALS], 1);
    store_done(store, SQL_TOTALS);
    store->has_totals = true;
    return STATUS_OK;
}

enum status store_limit_nodes(struct store *store, enum outcome *out)
{
    *out = OUTCOME_NONE;
    if (store->rules.max_nodes == 0)
        return STATUS_OK;
    enum status status = load_totals(store);
    if (status == STATUS_OK && store->totals.nodes + store->counts.nodes >= store->rules.max_nodes)
        *out = OUTCOME_FILTERED_MAX_NODES;
    return status;
}

static struct store_minute *minute_of(struct store *store, int64_t minute)
{
    return &store->minutes[(uint64_t)minute % STORE_MINUTES];
}

enum status store_limit_observers(struct store *store, int64_t receipt_ms, enum outcome *out)
{
    *out = OUTCOME_NONE;
    const struct store_rules *rules = &store->rules;
    if (rules->new_observers_per_minute != 0) {
        int64_t minute = receipt_ms / MINUTE_MS;
        const struct store_minute *known = minute_of(store, minute);
        if (known->minute == minute && known->observers >= rules->new_observers_per_minute)
            *out = OUTCOME_FILTERED_NEW_OBSERVERS;
        store->record.new_minute = minute;
    }
    if (rules->max_observers == 0)
        return STATUS_OK;
    enum status status = load_totals(store);
    if (status == STATUS_OK &&
        store->totals.observers + store->counts.observers >= rules->max_observers)
        *out = OUTCOME_FILTERED_MAX_OBSERVERS;
    return status;
}

void store_limits_note(struct store *store)
{
    struct store_minute *known = minute_of(store, store->record.new_minute);
    if (known->minute != store->record.new_minute)
        *known = (struct store_minute){.minute = store->record.new_minute};
    known->observers++;
}

void store_limits_forget(struct store *store)
{
    memset(store->minutes, 0, sizeof store->minutes);
}

size_t store_clean_name(const struct store *store, char dst[static STORE_IDENTITY_MAX],
                        const uint8_t *src, size_t len)
{
    size_t kept = utf8_clean(dst, STORE_IDENTITY_MAX, src, len);
    size_t max = (size_t)store->rules.max_name_bytes;
    if (max == 0 || kept <= max)
        return kept;
    while (max > 0 && ((unsigned char)dst[max] & 0xc0) == 0x80) /* in the middle of a character */
        max--;
    dst[max] = '\0';
    return max;
}
