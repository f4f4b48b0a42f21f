/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/sums.h"

static const char SQL_KEY[] = "SELECT hour, observations, transmissions FROM rollups"
                              " WHERE kind = ?1 AND key = ?2 AND hour >= ?3 ORDER BY hour";
static const char SQL_BEHIND[] =
    "SELECT max(coalesce((SELECT max(id) FROM observations), 0)"
    "  - coalesce((SELECT position FROM jobs WHERE name = 'count_late'), 0),"
    " coalesce((SELECT max(id) FROM transmissions), 0)"
    "  - coalesce((SELECT position FROM jobs WHERE name = 'count_late_packets'), 0))";

struct statement *sums_begin(struct reader *reader, enum rollup_kind kind, int64_t key,
                             int64_t from_hour)
{
    struct statement *sql = reader_statement(reader, SQL_KEY);
    if (sql == NULL)
        return NULL;
    bind_int(sql, 1, kind);
    bind_int(sql, 2, key);
    bind_int(sql, 3, from_hour);
    return sql;
}

bool sums_next(struct statement *sums, struct sum *out)
{
    if (statement_row(sums) != STATUS_OK)
        return false;
    *out = (struct sum){column_int(sums, 0), (uint64_t)column_int(sums, 1),
                        (uint64_t)column_int(sums, 2)};
    return true;
}

bool sums_are_near(struct reader *reader)
{
    return reader_number(reader, SQL_BEHIND, INT64_MAX) <= SUMS_BEHIND_MAX;
}
