/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/last_hour.h"

#include "common/db/schema.h"

#define STRETCHES_MAX 64
#define LATE_EVERY    1024 /* rows between two looks at the clock */

/* Where the hours from ?1 on lie, the newest ids first. */
static const char SQL_STRETCHES[] =
    "SELECT first_observation, last_observation FROM hours WHERE hour >= ?1"
    " ORDER BY last_observation DESC LIMIT 65";
static const char SQL_ROWS[] = "SELECT observer_id, receipt_ms FROM observations"
                               " WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3";
static const char SQL_ROWS_OF[] =
    "SELECT o.observer_id, o.receipt_ms FROM (SELECT id FROM observations"
    " INDEXED BY observations_observer WHERE observer_id = ?4 AND id >= ?1 AND id <= ?2"
    " ORDER BY id DESC LIMIT ?3) p CROSS JOIN observations o ON o.id = p.id";

struct stretch {
    int64_t first, last;
};

/* Those that touch become one, so that no row is counted twice. SIZE_MAX = too many. */
static size_t read_stretches(struct asking *asking, int64_t from_ms,
                             struct stretch out[static STRETCHES_MAX])
{
    struct statement *sql = reader_statement(asking->reader, SQL_STRETCHES);
    size_t count = 0;
    if (sql == NULL)
        return SIZE_MAX;
    bind_int(sql, 1, from_ms / ROLLUP_HOUR_MS);
    while (statement_row(sql) == STATUS_OK) {
        const struct stretch at = {column_int(sql, 0), column_int(sql, 1)};
        struct stretch *above = count > 0 ? &out[count - 1] : NULL;
        if (above != NULL && at.last >= above->first) {
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

struct tally {
    const struct asking *asking;
    const struct directory *directory; /* NULL = one observer's rows */
    int64_t *counts;
    int64_t from_ms, budget;
};

static void count_row(const struct tally *tally, int64_t observer_id)
{
    const struct observer *o = NULL;
    if (tally->directory == NULL)
        tally->counts[0]++;
    else if ((o = directory_observer(tally->directory, observer_id)) != NULL)
        tally->counts[o - tally->directory->observers]++;
}

/* False = the budget is used up. */
static bool count_stretch(struct statement *sql, const struct stretch *at, struct tally *tally)
{
    bind_int(sql, 1, at->first);
    bind_int(sql, 2, at->last);
    bind_int(sql, 3, tally->budget);
    while (statement_row(sql) == STATUS_OK) {
        if (--tally->budget % LATE_EVERY == 0 && asking_is_late(tally->asking)) {
            statement_done(sql);
            return false;
        }
        if (column_int(sql, 1) > tally->from_ms)
            count_row(tally, column_int(sql, 0));
    }
    return tally->budget > 0;
}

static bool count_all(struct asking *asking, struct tally *tally, int64_t observer_id)
{
    struct stretch stretches[STRETCHES_MAX];
    tally->asking = asking;
    tally->from_ms = asking->now / US_PER_MS - MS_PER_HOUR;
    tally->budget = LAST_HOUR_ROWS;
    const size_t count = read_stretches(asking, tally->from_ms, stretches);
    struct statement *sql =
        reader_statement(asking->reader, observer_id > 0 ? SQL_ROWS_OF : SQL_ROWS);
    if (count == SIZE_MAX || sql == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (observer_id > 0)
            bind_int(sql, 4, observer_id);
        if (!count_stretch(sql, &stretches[i], tally))
            return false;
    }
    return true;
}

bool last_hour_count(struct asking *asking, const struct directory *directory, int64_t *counts)
{
    struct tally tally = {.directory = directory, .counts = counts};
    return count_all(asking, &tally, 0);
}

int64_t last_hour_of(struct asking *asking, int64_t observer_id)
{
    int64_t n = 0;
    struct tally tally = {.counts = &n};
    return count_all(asking, &tally, observer_id) ? n : DIRECTORY_UNKNOWN;
}
