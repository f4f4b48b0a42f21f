/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/last_hour.h"

#include "cmd/server/model/engine.h"
#include "cmd/server/model/stretches.h"

#include <stdlib.h>

#define LATE_EVERY 1024 /* rows between two looks at the clock */

static const char SQL_ROWS[] = "SELECT observer_id, receipt_ms FROM observations"
                               " WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3";
static const char SQL_ROWS_OF[] =
    "SELECT o.observer_id, o.receipt_ms FROM (SELECT id FROM observations"
    " INDEXED BY observations_observer WHERE observer_id = ?4 AND id >= ?1 AND id <= ?2"
    " ORDER BY id DESC LIMIT ?3) p CROSS JOIN observations o ON o.id = p.id";

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
    const size_t count = stretches_since(asking->reader, tally->from_ms, stretches);
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
    if (asking->model->engine != NULL)
        return asking->model->engine->last_hour(asking, directory, counts);
    struct tally tally = {.directory = directory, .counts = counts};
    return count_all(asking, &tally, 0);
}

/* An engine counts all at once. */
static int64_t of_all(struct asking *asking, int64_t observer_id)
{
    const struct directory *d = asking_directory(asking);
    const struct observer *o = d != NULL ? directory_observer(d, observer_id) : NULL;
    int64_t *counts = o != NULL ? calloc(d->observer_count, sizeof *counts) : NULL;
    const bool is_counted = counts != NULL && last_hour_count(asking, d, counts);
    const int64_t n = is_counted ? counts[o - d->observers] : DIRECTORY_UNKNOWN;
    free(counts);
    return n;
}

int64_t last_hour_of(struct asking *asking, int64_t observer_id)
{
    if (asking->model->engine != NULL)
        return of_all(asking, observer_id);
    int64_t n = 0;
    struct tally tally = {.counts = &n};
    return count_all(asking, &tally, observer_id) ? n : DIRECTORY_UNKNOWN;
}
