/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/totals.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/packets/times.h"
#include "common/db/schema.h"

#define UNKNOWN (-1)
/* Of the hours that are not whole so many packets are looked at. */
#define COUNTED_MAX 20000

static const char SQL_ALL[] = "SELECT transmissions FROM meta WHERE id = 1";
static const char SQL_RETAINED[] = "SELECT retained_from_ms FROM meta WHERE id = 1";
static const char SQL_HOURS[] = "SELECT coalesce(sum(transmissions), 0) FROM rollups"
                                " WHERE kind = ?1 AND key = ?2 AND hour >= ?3 AND hour < ?4";
static const char SQL_PACKETS[] = "SELECT type, first_ms FROM transmissions NOT INDEXED"
                                  " WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3";

/* Those after `since` and before `until`, one by one. */
static int64_t count(struct reader *reader, int type, int64_t since_ms, int64_t until_ms)
{
    const struct id_range range = times_range(reader, false, since_ms, until_ms);
    struct statement *rows = range.low <= range.high ? reader_statement(reader, SQL_PACKETS) : NULL;
    int64_t found = 0;
    if (rows == NULL)
        return 0;
    bind_int(rows, 1, range.low);
    bind_int(rows, 2, range.high);
    bind_int(rows, 3, COUNTED_MAX + 1);
    for (int64_t seen = 1; statement_row(rows) == STATUS_OK; seen++) {
        const int64_t ms = column_int(rows, 1);
        found += (type < 0 || type == column_int(rows, 0)) && ms > since_ms && ms < until_ms;
        if (seen > COUNTED_MAX) {
            statement_done(rows);
            return UNKNOWN;
        }
    }
    return found;
}

/* The hours from `first` on, before `end`. */
static int64_t sum(struct reader *reader, int type, int64_t first, int64_t end)
{
    const int64_t kind = type < 0 ? ROLLUP_NETWORK : ROLLUP_TYPE;
    return reader_number_of(reader, SQL_HOURS, KEYS(kind, type < 0 ? 0 : type, first, end), 0);
}

static int64_t hour_of(int64_t ms)
{
    return ms < 0 ? -1 : ms / ROLLUP_HOUR_MS;
}

static int64_t by_time(struct reader *reader, const struct filter *filter)
{
    const int64_t retained = reader_number(reader, SQL_RETAINED, 0);
    const int64_t since = filter->since_ms > retained ? filter->since_ms : retained;
    const int64_t first = since > 0 ? hour_of(since) + 1 : 0;
    const int64_t end = filter->until_ms == INT64_MAX ? INT64_MAX : hour_of(filter->until_ms);
    if (first >= end)
        return count(reader, filter->type, filter->since_ms, filter->until_ms);
    int64_t before = 0;
    int64_t after = 0;
    if (first > 0)
        before = count(reader, filter->type, filter->since_ms, first * ROLLUP_HOUR_MS);
    if (end != INT64_MAX)
        after = count(reader, filter->type, end * ROLLUP_HOUR_MS - 1, filter->until_ms);
    return before == UNKNOWN || after == UNKNOWN
               ? UNKNOWN
               : before + sum(reader, filter->type, first, end) + after;
}

int64_t totals_of(struct asking *asking, const struct filter *filter)
{
    struct reader *reader = asking->reader;
    if (filter->is_nothing)
        return 0;
    if (asking->model->engine != NULL)
        return asking->model->engine->count_packets(asking, filter);
    if (filter->is_any)
        return reader_number(reader, SQL_ALL, UNKNOWN);
    return filter_is_by_time(filter) ? by_time(reader, filter) : UNKNOWN;
}
