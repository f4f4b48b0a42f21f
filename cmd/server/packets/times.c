/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/times.h"

#include "cmd/server/readers/reader.h"
#include "common/db/schema.h"

static const char SQL_LAST_PACKET[] = "SELECT max(id) FROM transmissions";
static const char SQL_LAST_RECEPTION[] = "SELECT max(id) FROM observations";
/* NULL, so no id, when there is no such hour. */
static const char SQL_PACKETS[] = "SELECT min(first_transmission), max(last_transmission)"
                                  " FROM hours WHERE hour BETWEEN ?1 AND ?2";
static const char SQL_RECEPTIONS[] = "SELECT min(first_observation), max(last_observation)"
                                     " FROM hours WHERE hour BETWEEN ?1 AND ?2";

static int64_t hour_of(int64_t ms)
{
    return ms / ROLLUP_HOUR_MS - (ms % ROLLUP_HOUR_MS < 0);
}

struct id_range times_range(struct reader *reader, bool of_receptions, int64_t since_ms,
                            int64_t until_ms)
{
    struct id_range range = {.low = 0, .high = -1};
    if (since_ms == INT64_MIN && until_ms == INT64_MAX) {
        range.high =
            reader_number(reader, of_receptions ? SQL_LAST_RECEPTION : SQL_LAST_PACKET, -1);
        return range;
    }
    struct statement *hours =
        reader_statement(reader, of_receptions ? SQL_RECEPTIONS : SQL_PACKETS);
    if (hours == NULL)
        return range;
    bind_int(hours, 1, hour_of(since_ms));
    bind_int(hours, 2, hour_of(until_ms) + (of_receptions && until_ms != INT64_MAX));
    if (statement_row(hours) != STATUS_OK)
        return range;
    if (!column_is_null(hours, 1)) {
        range.low = column_int(hours, 0);
        range.high = column_int(hours, 1);
    }
    statement_done(hours);
    return range;
}
