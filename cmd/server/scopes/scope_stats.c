/* SPDX-License-Identifier: MIT */
#include "cmd/server/scopes/scope_stats.h"

#include "cmd/server/http/request.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/stretches.h"
#include "common/db/schema.h"
#include "common/json/json_write.h"
#include "common/mesh/meshcore.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX  29   /* of 6 hours in 7 days, and the one that is cut */
#define LATE_EVERY 1024 /* rows between two looks at the clock */

static const char SQL_RECEPTIONS[] =
    "SELECT receipt_ms, direction, coalesce(route, -1), coalesce(scope_code, 0),"
    " coalesce(scope_id, 0) FROM observations WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3";

/* Behind what the sums have counted. */
static const char SQL_NOT_SUMMED[] =
    "SELECT receipt_ms, direction, coalesce(route, -1), coalesce(scope_code, 0),"
    " coalesce(scope_id, 0) FROM observations WHERE id >"
    " (SELECT position FROM jobs WHERE name = 'count_late') ORDER BY id DESC LIMIT ?1";
static const char SQL_SUMS[] =
    "SELECT hour, observations FROM rollups WHERE kind = ?1 AND key = ?2 AND hour >= ?3";

struct window {
    const char *word;
    int64_t ms, part_ms;
};

static const struct window windows[] = {
    {"1h", MS_PER_HOUR, MS_PER_HOUR / 12}, /* the others are of whole hours */
    {"24h", MS_PER_DAY, MS_PER_HOUR},
    {"7d", 7 * MS_PER_DAY, 6 * MS_PER_HOUR},
};

struct part {
    int64_t scoped, unscoped;
};

struct region {
    const char *name;
    int64_t count;
};

struct stats {
    const struct window *window;
    int64_t from_ms, first_part_ms, oldest_ms, budget;
    size_t part_count;
    struct part parts[PARTS_MAX];
    int64_t scoped, unscoped, unknown;
    const struct directory *directory;
    struct region *regions; /* owned; one for each of the directory's scopes, in their order */
    bool is_complete;
};

static const struct window *find_window(const struct http_query *query)
{
    const char *given = http_query_text(query, "window");
    if (given == NULL || given[0] == '\0')
        given = "24h";
    for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
        if (strcmp(windows[i].word, given) == 0)
            return &windows[i];
    }
    return NULL;
}

/* --- counting --------------------------------------------------------------------------------- */

/* The region's place; SIZE_MAX = it has no name. */
static size_t region_of(const struct stats *stats, int64_t scope_id)
{
    const struct directory *d = stats->directory;
    for (size_t i = 0; i < d->scope_count; i++) {
        if (d->scopes[i].id == scope_id)
            return i;
    }
    return SIZE_MAX;
}

static struct part *part_at(struct stats *stats, int64_t ms)
{
    const int64_t at = (ms - stats->first_part_ms) / stats->window->part_ms;
    return at < (int64_t)stats->part_count ? &stats->parts[at] : NULL;
}

static void add_unscoped(struct stats *stats, int64_t ms, int64_t n)
{
    struct part *part = part_at(stats, ms);
    if (part == NULL)
        return;
    stats->unscoped += n;
    part->unscoped += n;
}

static void add_scoped(struct stats *stats, int64_t ms, size_t region, int64_t n)
{
    struct part *part = part_at(stats, ms);
    if (part == NULL)
        return;
    stats->scoped += n;
    part->scoped += n;
    if (region != SIZE_MAX)
        stats->regions[region].count += n;
    else
        stats->unknown += n;
}

static void count_row(struct stats *stats, const struct statement *row)
{
    const int64_t ms = column_int(row, 0);
    const int64_t route = column_int(row, 2);
    const bool has_codes = route == MESHCORE_TRANSPORT_FLOOD || route == MESHCORE_TRANSPORT_DIRECT;
    if (ms < stats->from_ms)
        return;
    stats->oldest_ms = ms < stats->oldest_ms ? ms : stats->oldest_ms;
    if (column_int(row, 1) != 0 || !has_codes)
        return;
    if (column_int(row, 3) == 0)
        add_unscoped(stats, ms, 1);
    else
        add_scoped(stats, ms, region_of(stats, column_int(row, 4)), 1);
}

/* False = the budget is used up. */
static bool count_rows(struct statement *sql, const struct asking *asking, struct stats *stats)
{
    while (statement_row(sql) == STATUS_OK) {
        count_row(stats, sql);
        if (--stats->budget % LATE_EVERY == 0 && asking_is_late(asking)) {
            statement_done(sql);
            return false;
        }
    }
    return stats->budget > 0;
}

/* False = the question failed. */
static bool count_receptions(struct asking *asking, struct stats *stats)
{
    struct stretch stretches[STRETCHES_MAX];
    const size_t count = stretches_since(asking->reader, stats->from_ms, stretches);
    struct statement *sql = reader_statement(asking->reader, SQL_RECEPTIONS);
    if (sql == NULL)
        return false;
    stats->is_complete = count != SIZE_MAX;
    for (size_t i = 0; stats->is_complete && i < count; i++) {
        bind_int(sql, 1, stretches[i].first);
        bind_int(sql, 2, stretches[i].last);
        bind_int(sql, 3, stats->budget);
        stats->is_complete = count_rows(sql, asking, stats);
    }
    return true;
}

/* Of one key; region: SIZE_MAX = without a name, or unscoped. */
static void add_sums(struct asking *asking, struct stats *stats, int64_t key, size_t region)
{
    struct statement *sql = reader_statement(asking->reader, SQL_SUMS);
    if (sql == NULL)
        return;
    bind_int(sql, 1, ROLLUP_SCOPE);
    bind_int(sql, 2, key);
    bind_int(sql, 3, stats->from_ms / ROLLUP_HOUR_MS);
    while (statement_row(sql) == STATUS_OK) {
        const int64_t ms = column_int(sql, 0) * ROLLUP_HOUR_MS;
        if (key == ROLLUP_SCOPE_EMPTY)
            add_unscoped(stats, ms, column_int(sql, 1));
        else
            add_scoped(stats, ms, region, column_int(sql, 1));
    }
}

static bool count_sums(struct asking *asking, struct stats *stats)
{
    struct statement *sql = reader_statement(asking->reader, SQL_NOT_SUMMED);
    if (sql == NULL)
        return false;
    for (size_t i = 0; i < stats->directory->scope_count; i++)
        add_sums(asking, stats, stats->directory->scopes[i].id, i);
    add_sums(asking, stats, ROLLUP_SCOPE_UNNAMED, SIZE_MAX);
    add_sums(asking, stats, ROLLUP_SCOPE_EMPTY, SIZE_MAX);
    bind_int(sql, 1, stats->budget);
    stats->is_complete = count_rows(sql, asking, stats);
    return true;
}

/* --- of an engine ----------------------------------------------------------------------------- */

static void add_engine_s(void *context, const struct engine_sum *sum)
{
    struct stats *stats = context;
    const int64_t unit = stats->window->ms == MS_PER_HOUR ? stats->window->part_ms : MS_PER_HOUR;
    const int64_t ms = sum->hour * unit;
    stats->oldest_ms = ms < stats->oldest_ms ? ms : stats->oldest_ms;
    if (sum->key == ROLLUP_SCOPE_EMPTY)
        add_unscoped(stats, ms, (int64_t)sum->observations);
    else if (sum->key != ROLLUP_SCOPE_NONE)
        add_scoped(stats, ms, region_of(stats, sum->key), (int64_t)sum->observations);
}

static bool count_engine_s(struct asking *asking, struct stats *stats)
{
    struct engine_sums wanted = {.kinds = 1U << ROLLUP_SCOPE,
                                 .from_hour = stats->from_ms / MS_PER_HOUR,
                                 .from_ms = stats->from_ms};
    if (stats->window->ms == MS_PER_HOUR)
        wanted.part_ms = stats->window->part_ms;
    return asking->model->engine->sums(asking, &wanted, add_engine_s, stats, &stats->is_complete);
}

static bool count_all(struct asking *asking, struct stats *stats)
{
    if (asking->model->engine != NULL)
        return count_engine_s(asking, stats);
    return stats->window->ms == MS_PER_HOUR ? count_receptions(asking, stats)
                                            : count_sums(asking, stats);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int by_count(const void *a, const void *b)
{
    const struct region *x = a, *y = b;
    return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->name, y->name);
}

static void write_regions(struct json_write *w, const struct stats *stats)
{
    const size_t count = stats->directory->scope_count;
    if (count > 0)
        qsort(stats->regions, count, sizeof *stats->regions, by_count);
    jw_array(w, "byRegion");
    for (size_t i = 0; i < count && stats->regions[i].count > 0; i++) {
        jw_object(w, NULL);
        jw_string(w, "name", stats->regions[i].name);
        jw_int(w, "count", stats->regions[i].count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_series(struct json_write *w, const struct stats *stats)
{
    jw_array(w, "timeSeries");
    for (size_t i = 0; i < stats->part_count; i++) {
        jw_object(w, NULL);
        jw_time(w, "t", (stats->first_part_ms + (int64_t)i * stats->window->part_ms) * US_PER_MS);
        jw_int(w, "scoped", stats->parts[i].scoped);
        jw_int(w, "unscoped", stats->parts[i].unscoped);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_stats(struct json_write *w, const struct stats *stats)
{
    jw_object(w, NULL);
    jw_string(w, "window", stats->window->word);
    jw_object(w, "summary");
    jw_int(w, "transportTotal", stats->scoped + stats->unscoped);
    jw_int(w, "scoped", stats->scoped);
    jw_int(w, "unscoped", stats->unscoped);
    jw_int(w, "unknownScope", stats->unknown);
    jw_object_end(w);
    write_regions(w, stats);
    write_series(w, stats);
    jw_time(w, "from", (stats->is_complete ? stats->from_ms : stats->oldest_ms) * US_PER_MS);
    jw_bool(w, "complete", stats->is_complete);
    jw_object_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

/* False = no memory, or the question failed. */
static bool stats_init(struct stats *stats, struct asking *asking, const struct window *window)
{
    const int64_t now_ms = asking->now / US_PER_MS;
    const int64_t hours = window->ms / MS_PER_HOUR;
    *stats =
        (struct stats){.window = window,
                       .from_ms = hours == 1 ? now_ms - window->ms + 1
                                             : (now_ms / MS_PER_HOUR - hours + 1) * MS_PER_HOUR,
                       .oldest_ms = now_ms,
                       .budget = SCOPE_RECEPTIONS,
                       .directory = asking_directory(asking)};
    const int64_t first = stats->from_ms / window->part_ms;
    stats->first_part_ms = first * window->part_ms;
    stats->part_count = (size_t)(now_ms / window->part_ms - first) + 1;
    const struct directory *d = stats->directory;
    stats->regions = d != NULL ? calloc(d->scope_count + 1, sizeof *stats->regions) : NULL;
    for (size_t i = 0; stats->regions != NULL && i < d->scope_count; i++)
        stats->regions[i].name = d->scopes[i].name;
    return stats->regions != NULL;
}

void scope_stats_answer(struct asking *asking, const struct http_request *request,
                        struct http_reply *reply)
{
    const struct window *window = find_window(request->query);
    struct stats stats;
    if (window == NULL) {
        http_reply_field_error(reply, 400, "window", "window must be 1h, 24h or 7d");
        return;
    }
    if (stats_init(&stats, asking, window) && count_all(asking, &stats)) {
        struct json_write w;
        jw_grow(&w, HTTP_ANSWER_MAX);
        write_stats(&w, &stats);
        http_reply_json(reply, &w);
        reply->kept_s = SCOPE_KEPT_S;
    }
    free(stats.regions);
}
