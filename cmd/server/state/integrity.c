/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/integrity.h"

#include "cmd/server/state/ticker.h"
#include "common/base/log.h"
#include "common/db/db.h"

#include <poll.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TURN_US  ((mono_us)1 * US_PER_S)
#define PAUSE_MS 10
#define STOP_MS  5
/* linux/ioprio.h, which Debian's libc does not have: the disk only when nobody else wants it. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE        (3 << 13)

#define NAME_MAX_BYTES 64

/* In pages: each is looked at once, so that one that is kept is of no use but on the way down a
 * tree. */
static const char SQL_CACHE[] = "PRAGMA cache_size = 16";

/* Their names are ours, letters and underscores. */
static const char SQL_TABLES[] = "SELECT name FROM sqlite_schema WHERE type = 'table'"
                                 " AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";

struct integrity {
    /* constant after init */
    char *path;
    struct ticker *ticker;
    /* atomic */
    _Atomic bool is_stopping;
    /* this thread only */
    mono_us next;
    bool is_polite; /* its priority was set */
    /* guarded by lock */
    pthread_mutex_t lock;
    sqlite3 *db;   /* while a check runs */
    mono_us until; /* the table in hand is late from then on; 0 = none is */
    bool was_cut;
    struct integrity_state state;
};

struct tables {
    char names[INTEGRITY_TABLES_MAX][NAME_MAX_BYTES];
    size_t count;
};

static void be_polite(struct integrity *it)
{
    const struct sched_param none = {0};
    if (it->is_polite)
        return;
    it->is_polite = true;
    IGNORE(pthread_setschedparam(pthread_self(), SCHED_IDLE, &none), "then it competes");
    IGNORE(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE), "then it competes");
}

/* --- cutting ---------------------------------------------------------------------------------- */

/* With the lock held. */
static void cut(struct integrity *it)
{
    it->was_cut = true;
    if (it->db != NULL)
        sqlite3_interrupt(it->db);
}

/* False: no check runs. */
static bool cut_running(struct integrity *it)
{
    (void)pthread_mutex_lock(&it->lock);
    const bool is_running = it->db != NULL;
    cut(it);
    (void)pthread_mutex_unlock(&it->lock);
    return is_running;
}

/* --- one table -------------------------------------------------------------------------------- */

static void begin_table(struct integrity *it)
{
    (void)pthread_mutex_lock(&it->lock);
    it->until = clock_mono() + INTEGRITY_TABLE_US;
    it->was_cut = false;
    (void)pthread_mutex_unlock(&it->lock);
}

/* True: it was cut, and nothing that it said is believed. */
static bool end_table(struct integrity *it)
{
    (void)pthread_mutex_lock(&it->lock);
    it->until = 0;
    const bool was_cut = it->was_cut;
    (void)pthread_mutex_unlock(&it->lock);
    return was_cut;
}

/* Behind the line that names the database. */
static const char *words_of(const char *text)
{
    const char *line = strchr(text, '\n');
    return strncmp(text, "***", 3) == 0 && line != NULL ? line + 1 : text;
}

/* rc: of the step; text: its row. */
static void judge_table(struct integrity_state *state, sqlite3 *db, int rc, const char *text)
{
    if (rc == SQLITE_ROW && strcmp(text, "ok") == 0) {
        state->tables++;
        return;
    }
    const enum status status = rc == SQLITE_ROW ? STATUS_CORRUPT : db_status(rc);
    state->verdict = status == STATUS_CORRUPT ? INTEGRITY_DAMAGED : INTEGRITY_UNKNOWN;
    (void)snprintf(state->text, sizeof state->text, "%s",
                   rc == SQLITE_ROW ? words_of(text) : sqlite3_errmsg(db));
}

static void check_table(struct integrity *it, sqlite3 *db, const char *name,
                        struct integrity_state *state)
{
    char sql[NAME_MAX_BYTES + 32];
    char text[INTEGRITY_TEXT_MAX] = "";
    sqlite3_stmt *stmt = NULL;
    (void)snprintf(sql, sizeof sql, "PRAGMA quick_check(\"%s\")", name);
    begin_table(it);
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        (void)snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(stmt, 0));
    if (end_table(it))
        state->late++;
    else
        judge_table(state, db, rc, text);
    IGNORE(sqlite3_finalize(stmt), "the step's result was judged");
}

/* --- all of them ------------------------------------------------------------------------------ */

static int read_tables(sqlite3 *db, struct tables *tables)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, SQL_TABLES, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW || tables->count == INTEGRITY_TABLES_MAX)
            break;
        (void)snprintf(tables->names[tables->count++], NAME_MAX_BYTES, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
    }
    IGNORE(sqlite3_finalize(stmt), "the step's result counts");
    return rc;
}

/* The writer's log can be taken back meanwhile. */
static void pause_for(struct integrity *it, mono_us time)
{
    const mono_us until = clock_mono() + time;
    while (clock_mono() < until && !atomic_load(&it->is_stopping))
        (void)poll(NULL, 0, PAUSE_MS);
}

static void check_all(struct integrity *it, sqlite3 *db, struct integrity_state *state)
{
    struct tables tables = {.count = 0};
    const int rc = read_tables(db, &tables);
    IGNORE(db_exec(db, SQL_CACHE, NULL), "then it is larger, no more");
    state->verdict = INTEGRITY_SOUND;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        judge_table(state, db, rc, "");
    for (size_t i = 0; i < tables.count && state->verdict == INTEGRITY_SOUND; i++) {
        const mono_us began = clock_mono();
        check_table(it, db, tables.names[i], state);
        if (atomic_load(&it->is_stopping))
            return;
        pause_for(it, clock_mono() - began);
    }
    state->at_unix = clock_wall() / US_PER_S;
}

static void hold(struct integrity *it, sqlite3 *db)
{
    (void)pthread_mutex_lock(&it->lock);
    it->db = db;
    (void)pthread_mutex_unlock(&it->lock);
}

static void say(const struct integrity *it, const struct integrity_state *state, mono_us began)
{
    const double seconds = (double)(clock_mono() - began) / US_PER_S;
    if (state->verdict == INTEGRITY_SOUND)
        log_event(LOG_INFO, "database", "quick check: sound",
                  KV(KV_INT("tables", state->tables), KV_INT("late", state->late),
                     KV_REAL("seconds", seconds)));
    else
        log_event(LOG_ERROR, "database",
                  state->verdict == INTEGRITY_DAMAGED
                      ? "quick check: damaged; restore a backup, or let sqlite3's .recover read it"
                      : "quick check: it could not be made",
                  KV(KV_STR("path", it->path), KV_STR("error", state->text)));
}

static void on_tick(void *arg)
{
    struct integrity *it = arg;
    struct integrity_state state = {0};
    sqlite3 *db = NULL;
    const mono_us began = clock_mono();
    be_polite(it);
    /* A database that is not there yet is looked for again with the next turn. */
    if (began < it->next || db_open_reader(it->path, &db, NULL) != STATUS_OK)
        return;
    hold(it, db);
    check_all(it, db, &state);
    hold(it, NULL);
    IGNORE(sqlite3_close(db), "nothing is open on it");
    /* A day until the next: what it had for its pages goes back to the system. */
    IGNORE(malloc_trim(0), "there may be nothing");
    if (state.at_unix == 0)
        return; /* stopped in the middle */
    it->next = clock_mono() + INTEGRITY_EVERY_US;
    say(it, &state, began);
    (void)pthread_mutex_lock(&it->lock);
    it->state = state;
    (void)pthread_mutex_unlock(&it->lock);
}

/* --- life ------------------------------------------------------------------------------------- */

struct integrity *integrity_start(const char *path, mono_us first)
{
    struct integrity *it = calloc(1, sizeof *it);
    if (it == NULL)
        return NULL;
    (void)pthread_mutex_init(&it->lock, NULL); /* can't fail on Linux without attributes */
    it->path = strdup(path);
    it->next = clock_mono() + first;
    if (it->path != NULL)
        it->ticker = ticker_new("weir-check", TURN_US, on_tick, it);
    if (it->ticker == NULL || !ticker_start(it->ticker)) {
        integrity_stop(it);
        return NULL;
    }
    return it;
}

void integrity_look(struct integrity *it, mono_us now)
{
    if (it == NULL)
        return;
    (void)pthread_mutex_lock(&it->lock);
    if (it->until != 0 && now >= it->until)
        cut(it);
    (void)pthread_mutex_unlock(&it->lock);
}

void integrity_get(struct integrity *it, struct integrity_state *out)
{
    *out = (struct integrity_state){0};
    if (it == NULL)
        return;
    (void)pthread_mutex_lock(&it->lock);
    *out = it->state;
    (void)pthread_mutex_unlock(&it->lock);
}

void integrity_stop(struct integrity *it)
{
    if (it == NULL)
        return;
    atomic_store(&it->is_stopping, true);
    while (cut_running(it)) /* a statement that had not begun yet did not notice */
        (void)poll(NULL, 0, STOP_MS);
    ticker_free(it->ticker);
    (void)pthread_mutex_destroy(&it->lock);
    free(it->path);
    free(it);
}
