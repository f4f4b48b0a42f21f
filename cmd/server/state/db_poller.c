/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/db_poller.h"

#include "cmd/server/readers/reader.h"
#include "cmd/server/state/recent.h"
#include "cmd/server/state/ticker.h"
#include "common/base/log.h"
#include "common/base/seqlock.h"
#include "common/db/db.h"
#include "common/db/schema.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CACHE_KIB  256
#define LOOK_SHARE 100 /* of the time, for the dearer figures: a hundredth */

_Static_assert(RECENT_UNKNOWN == DB_UNKNOWN, "one word for what is not known");

static const char SQL_TOTALS[] =
    "SELECT transmissions, observations, observers - EXISTS (SELECT 1 FROM observers"
    " WHERE identity = '" DB_UNKNOWN_OBSERVER "' AND status_count = 0), nodes, commits FROM meta"
    " WHERE id = 1";
/* Two statements in one: both aggregates in the same SELECT scan the table. */
static const char SQL_ID_RANGE[] =
    "SELECT (SELECT min(id) FROM observations), (SELECT max(id) FROM observations)";
static const char SQL_RECEIPT_AT[] =
    "SELECT id, receipt_ms FROM observations WHERE id >= ?1 ORDER BY id LIMIT 1";
/* Receptions by the hour of their receipt, whatever the order of ids: a day at most. */
static const char SQL_ROLLUPS[] = "SELECT total(observations) FROM rollups"
                                  " WHERE kind = ?1 AND key = 0 AND hour >= ?2 AND hour < ?3";
/* Role numbers are those of adverts. One pass: GROUP BY would sort the table. */
static const char SQL_ROLES[] =
    "SELECT total(last_heard_ms >= ?1), total(role = 1), total(role = 2), total(role = 3),"
    " total(role = 4) FROM nodes";

/* The first of its primary key. */
static const char SQL_OLDEST[] = "SELECT hour FROM hours ORDER BY hour LIMIT 1";

struct db_poller {
    /* constant after init */
    char *path;
    db_poll poll; /* NULL = the database at path */
    void *context;
    struct ticker *ticker;
    struct reader *reader;
    /* this thread only */
    mono_us next_look;
    uint64_t losses;
    struct db_state state;
    enum status last_logged;
    /* atomic: published. The state, then its number (release); readers take the number (acquire),
     * then the state: it is at least as new. */
    SEQLOCKED(struct db_state) published;
    _Atomic uint64_t generation;
};

/* --- small queries ---------------------------------------------------------------------------- */

static enum status number_of(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    enum status status = db_prepare(db, sql, &stmt, NULL);
    if (status != STATUS_OK)
        return status;
    const int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else
        status = rc == SQLITE_DONE ? STATUS_NOT_FOUND : db_status(rc);
    (void)sqlite3_finalize(stmt); /* repeats the step's error */
    return status;
}

static enum status read_totals(sqlite3 *db, struct db_state *state)
{
    sqlite3_stmt *stmt = NULL;
    const enum status status = db_prepare(db, SQL_TOTALS, &stmt, NULL);
    if (status != STATUS_OK)
        return status;
    const int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        state->transmissions = sqlite3_column_int64(stmt, 0);
        state->observations = sqlite3_column_int64(stmt, 1);
        state->observers = sqlite3_column_int64(stmt, 2);
        state->nodes = sqlite3_column_int64(stmt, 3);
        state->commits = sqlite3_column_int64(stmt, 4);
    }
    (void)sqlite3_finalize(stmt); /* repeats the step's error */
    return rc == SQLITE_ROW ? STATUS_OK : rc == SQLITE_DONE ? STATUS_CORRUPT : db_status(rc);
}

static enum status read_file_facts(sqlite3 *db, struct db_state *state)
{
    enum status status = number_of(db, "PRAGMA page_size", &state->page_size);
    if (status == STATUS_OK)
        status = number_of(db, "PRAGMA page_count", &state->page_count);
    if (status == STATUS_OK)
        status = number_of(db, "PRAGMA freelist_count", &state->freelist_count);
    if (status == STATUS_OK)
        status = number_of(db, "PRAGMA cache_size", &state->cache_size);
    int hits = 0;
    int misses = 0;
    int unused;
    if (sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &unused, 0) == SQLITE_OK &&
        sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &unused, 0) == SQLITE_OK) {
        state->cache_hits = hits;
        state->cache_misses = misses;
    }
    return status;
}

/* --- the dearer figures ----------------------------------------------------------------------- */

static bool receipt_at(void *context, int64_t id, struct recent_row *out)
{
    sqlite3_stmt *stmt = context;
    bool found = false;
    if (sqlite3_bind_int64(stmt, 1, id) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        *out = (struct recent_row){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1)};
        found = true;
    }
    (void)sqlite3_reset(stmt); /* repeats the step's error */
    return found;
}

/* Counting by ids is wrong where old rows stand behind new ones, as after an import. The hours that
 * lie wholly in the last day tell: there can't be far fewer rows than receptions in them. (Fewer
 * there can be: a clock that was set back has gone through some of them more than once.) */
static bool is_day_possible(sqlite3 *db, int64_t now_ms, int64_t day)
{
    sqlite3_stmt *stmt = NULL;
    const bool is_read =
        db_prepare(db, SQL_ROLLUPS, &stmt, NULL) == STATUS_OK &&
        sqlite3_bind_int64(stmt, 1, ROLLUP_NETWORK) == SQLITE_OK &&
        sqlite3_bind_int64(stmt, 2, (now_ms - MS_PER_DAY) / ROLLUP_HOUR_MS + 1) == SQLITE_OK &&
        sqlite3_bind_int64(stmt, 3, now_ms / ROLLUP_HOUR_MS) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW;
    const bool is_possible = is_read && day >= sqlite3_column_int64(stmt, 0) / 4;
    (void)sqlite3_finalize(stmt);
    return is_possible;
}

static void read_recent(sqlite3 *db, int64_t now_ms, struct db_look *look)
{
    look->observations_hour = look->observations_day = DB_UNKNOWN;
    sqlite3_stmt *range = NULL;
    sqlite3_stmt *probe = NULL;
    if (db_prepare(db, SQL_ID_RANGE, &range, NULL) == STATUS_OK &&
        db_prepare(db, SQL_RECEIPT_AT, &probe, NULL) == STATUS_OK &&
        sqlite3_step(range) == SQLITE_ROW) {
        if (sqlite3_column_type(range, 0) == SQLITE_NULL) {
            look->observations_hour = look->observations_day = 0;
        } else {
            const struct recent_rows rows = {sqlite3_column_int64(range, 0),
                                             sqlite3_column_int64(range, 1), receipt_at, probe};
            look->observations_hour = recent_count(&rows, MS_PER_HOUR, now_ms);
            look->observations_day = recent_count(&rows, MS_PER_DAY, now_ms);
            if (!is_day_possible(db, now_ms, look->observations_day))
                look->observations_hour = look->observations_day = DB_UNKNOWN;
        }
    }
    (void)sqlite3_finalize(probe);
    (void)sqlite3_finalize(range);
}

static void read_roles(sqlite3 *db, int64_t now_ms, struct db_look *look)
{
    int64_t *const columns[] = {&look->nodes_week, &look->companions, &look->repeaters,
                                &look->rooms, &look->sensors};
    sqlite3_stmt *stmt = NULL;
    const bool is_read = db_prepare(db, SQL_ROLES, &stmt, NULL) == STATUS_OK &&
                         sqlite3_bind_int64(stmt, 1, now_ms - 7 * MS_PER_DAY) == SQLITE_OK &&
                         sqlite3_step(stmt) == SQLITE_ROW;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        *columns[i] = is_read ? sqlite3_column_int64(stmt, (int)i) : DB_UNKNOWN;
    (void)sqlite3_finalize(stmt);
}

static void read_oldest(sqlite3 *db, struct db_look *look)
{
    int64_t hour = DB_UNKNOWN;
    const enum status status = number_of(db, SQL_OLDEST, &hour);
    look->oldest_unix = status == STATUS_OK ? hour * (ROLLUP_HOUR_MS / MS_PER_S) : DB_UNKNOWN;
}

/* How much there is decides how often: on a small database with every poll. */
static void look(struct db_poller *p, sqlite3 *db, struct db_state *state)
{
    const mono_us began = clock_mono();
    if (began < p->next_look)
        return;
    const int64_t now_ms = clock_wall() / US_PER_MS;
    struct db_look *fresh = &state->look;
    fresh->transmissions = state->transmissions;
    fresh->observations = state->observations;
    fresh->observers = state->observers;
    fresh->nodes = state->nodes;
    reader_allow(p->reader, DB_POLLER_QUERY_US);
    read_recent(db, now_ms, fresh);
    reader_allow(p->reader, DB_POLLER_QUERY_US);
    read_roles(db, now_ms, fresh);
    read_oldest(db, fresh);
    reader_allow(p->reader, DB_POLLER_QUERY_US);
    const mono_us pause = (clock_mono() - began) * LOOK_SHARE;
    p->next_look = began + (pause < DB_POLLER_LOOK_MAX_US ? pause : DB_POLLER_LOOK_MAX_US);
}

/* --- one poll --------------------------------------------------------------------------------- */

static int64_t wal_bytes(const char *wal_path)
{
    struct stat st;
    if (stat(wal_path, &st) == 0)
        return st.st_size;
    return errno == ENOENT ? 0 : DB_UNKNOWN;
}

static enum status read_all(struct db_poller *p, sqlite3 *db, struct db_state *state)
{
    enum status status = read_totals(db, state);
    if (status == STATUS_OK)
        status = read_file_facts(db, state);
    state->wal_bytes = wal_bytes(reader_files(p->reader)->paths[DB_FILE_WAL]);
    if (status == STATUS_OK)
        look(p, db, state);
    return status;
}

static enum status poll_database(struct db_poller *p, struct db_state *state, struct err *err)
{
    /* cheap statements: only against a hung disk */
    enum status status = reader_begin(p->reader, DB_POLLER_QUERY_US * 10, err);
    if (reader_schema_version(p->reader) > 0)
        state->schema_version = reader_schema_version(p->reader);
    if (status != STATUS_OK)
        return status;
    if (reader_losses(p->reader) != p->losses)
        log_event(LOG_WARN, "database", "replaced or deleted while it was open: opened anew",
                  KV(KV_STR("path", p->path)));
    p->losses = reader_losses(p->reader);
    state->losses = (int64_t)p->losses;
    status = read_all(p, reader_connection(p->reader)->db, state);
    const enum reader_result result = reader_end(p->reader);
    return status == STATUS_OK && result == READER_FAILED ? STATUS_IO : status;
}

static void log_change(struct db_poller *p, enum status status, const struct err *err)
{
    if (status == p->last_logged)
        return;
    p->last_logged = status;
    if (status == STATUS_OK)
        log_event(LOG_INFO, "database", "readable", KV(KV_STR("path", p->path)));
    else
        log_event(status == STATUS_NOT_FOUND || status == STATUS_OLDER ? LOG_INFO : LOG_WARN,
                  "database", "not readable, trying again",
                  KV(KV_STR("path", p->path), KV_STR("cause", status_text(status)),
                     KV_STR("detail", err->text)));
}

static void publish(struct db_poller *p, const struct db_state *fresh)
{
    struct db_state old = p->state;
    p->state = *fresh;
    seqlock_write(&p->published, &p->state);
    old.polled_mono = fresh->polled_mono;
    old.polled_unix = fresh->polled_unix;
    /* The connection's own page look-ups grow with every poll: no reason to render anew. */
    old.cache_hits = fresh->cache_hits;
    if (memcmp(&old, fresh, sizeof old) !=
        0) /* release: who sees the number also finds the state */
        atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
}

static void on_tick(void *arg)
{
    struct db_poller *p = arg;
    struct db_state state = p->state;
    struct err err = {0};
    const enum status status =
        p->poll != NULL ? p->poll(p->context, &state, &err) : poll_database(p, &state, &err);
    state.last_status = (int64_t)status;
    if (status == STATUS_OK) {
        state.polled_mono = clock_mono();
        state.polled_unix = clock_wall() / US_PER_S;
    }
    log_change(p, status, &err);
    publish(p, &state);
}

/* --- life ------------------------------------------------------------------------------------- */

static struct db_poller *start(const char *path, db_poll poll, void *context)
{
    struct db_poller *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->state.polled_unix = DB_UNKNOWN;
    db_state_forget(&p->state);
    p->last_logged = STATUS_AGAIN; /* none yet, so that the first outcome is told */
    seqlock_write(&p->published, &p->state);
    p->path = strdup(path);
    p->poll = poll;
    p->context = context;
    p->reader = poll == NULL ? reader_new(path) : NULL;
    if (p->reader != NULL)
        reader_set_cache(p->reader, CACHE_KIB);
    if (p->path != NULL && (p->reader != NULL || poll != NULL))
        p->ticker = ticker_new("weir-db", DB_POLLER_PERIOD_US, on_tick, p);
    if (p->ticker == NULL || !ticker_start(p->ticker)) {
        db_poller_stop(p);
        return NULL;
    }
    return p;
}

struct db_poller *db_poller_start(const char *path)
{
    return start(path, NULL, NULL);
}

struct db_poller *db_poller_start_other(const char *name, db_poll poll, void *context)
{
    return start(name, poll, context);
}

void db_poller_stop(struct db_poller *p)
{
    if (p == NULL)
        return;
    if (p->reader != NULL)
        reader_interrupt(p->reader);
    ticker_free(p->ticker);
    reader_free(p->reader);
    free(p->path);
    free(p);
}

void db_poller_state(struct db_poller *p, struct db_state *out)
{
    /* Anything else to show meanwhile would be a lie; zeros would be a 503. */
    seqlock_take(&p->published, out);
}

int64_t db_state_bytes(const struct db_state *state)
{
    int64_t bytes;
    return state->page_count == DB_UNKNOWN || state->page_size == DB_UNKNOWN ||
                   __builtin_mul_overflow(state->page_count, state->page_size, &bytes)
               ? DB_UNKNOWN
               : bytes;
}

double db_state_hit_rate(const struct db_state *state)
{
    if (state->cache_hits == DB_UNKNOWN || state->cache_misses == DB_UNKNOWN)
        return (double)NAN;
    const double looks = (double)state->cache_hits + (double)state->cache_misses;
    return looks > 0 ? (double)state->cache_hits / looks : (double)NAN;
}

void db_state_forget(struct db_state *state)
{
    int64_t *const figures[] = {
        &state->transmissions,
        &state->observations,
        &state->observers,
        &state->nodes,
        &state->commits,
        &state->page_size,
        &state->page_count,
        &state->freelist_count,
        &state->cache_size,
        &state->cache_hits,
        &state->cache_misses,
        &state->wal_bytes,
        &state->look.transmissions,
        &state->look.observations,
        &state->look.observers,
        &state->look.nodes,
        &state->look.observations_hour,
        &state->look.observations_day,
        &state->look.nodes_week,
        &state->look.repeaters,
        &state->look.rooms,
        &state->look.companions,
        &state->look.sensors,
        &state->look.oldest_unix,
    };
    _Static_assert(ARRAY_LEN(figures) == sizeof *state / sizeof(int64_t) - 7,
                   "all but the head of the struct");
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        *figures[i] = DB_UNKNOWN;
}

uint64_t db_poller_generation(const struct db_poller *p)
{
    return atomic_load_explicit(&p->generation, memory_order_acquire); /* pairs with publish */
}
