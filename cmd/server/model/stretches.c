/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/stretches.h"

#include "cmd/server/readers/reader.h"
#include "common/db/schema.h"

static const char SQL_FIRST_PACKET[] =
    "SELECT coalesce(min(first_transmission), -1) FROM hours WHERE hour >= ?1";
/* The newest ids first. */
static const char SQL_STRETCHES[] =
    "SELECT first_observation, last_observation FROM hours WHERE hour >= ?1"
    " ORDER BY last_observation DESC LIMIT 2000";

/* Those that touch become one. */
size_t stretches_since(struct reader *reader, int64_t from_ms,
                       struct stretch out[static STRETCHES_MAX])
{
    struct statement *sql = reader_statement(reader, SQL_STRETCHES);
    size_t count = 0;
    if (sql == NULL)
        return SIZE_MAX;
    bind_int(sql, 1, from_ms / ROLLUP_HOUR_MS);
    while (statement_row(sql) == STATUS_OK) {
        const struct stretch at = {column_int(sql, 0), column_int(sql, 1)};
        struct stretch *above = count > 0 ? &out[count - 1] : NULL;
        if (above != NULL && at.last >= above->first - 1) {
            above->first = at.first < above->first ? at.first : above->first;
        } else if (count == STRETCHES_MAX) {
            statement_done(sql);
            return SIZE_MAX;
        } else {
            out[count++] = at;
        }
    }
    return count;
}

int64_t stretches_first_packet(struct reader *reader, int64_t from_ms)
{
    return reader_number_of(reader, SQL_FIRST_PACKET, KEYS(from_ms / ROLLUP_HOUR_MS), -1);
}
