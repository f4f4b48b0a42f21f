/* SPDX-License-Identifier: MIT */
#include "tests/bench/lib/progress.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_value(const struct progress *p)
{
    int rc = sqlite3_step(p->stmt);
    uint64_t value = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(p->stmt, 0) : UINT64_MAX;
    IGNORE(sqlite3_reset(p->stmt), "its error is that of step");
    if (rc != SQLITE_ROW)
        IGNORE(fprintf(stderr, "progress: %s\n", sqlite3_errmsg(p->db)), "stderr");
    return value;
}

bool progress_open(struct progress *p, const char *db_path, const char *sql)
{
    *p = (struct progress){0};
    if (sqlite3_open_v2(db_path, &p->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(p->db, 5000) != SQLITE_OK ||
        sqlite3_prepare_v2(p->db, sql, -1, &p->stmt, NULL) != SQLITE_OK) {
        IGNORE(fprintf(stderr, "%s: %s\n", db_path, sqlite3_errmsg(p->db)), "stderr");
        progress_close(p);
        return false;
    }
    p->base = read_value(p);
    if (p->base == UINT64_MAX)
        progress_close(p);
    return p->db != NULL;
}

void progress_close(struct progress *p)
{
    IGNORE(sqlite3_finalize(p->stmt), "its error was reported by step");
    IGNORE(sqlite3_close(p->db), "read-only");
    *p = (struct progress){0};
}

uint64_t progress_done(void *progress)
{
    const struct progress *p = progress;
    uint64_t value = read_value(p);
    return value == UINT64_MAX ? value : value - p->base;
}

mono_us progress_wait(struct progress *p, uint64_t count, mono_us timeout_us)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    mono_us moved_at = clock_mono();
    uint64_t last = 0;
    for (;;) {
        uint64_t done = progress_done(p);
        mono_us now = clock_mono();
        if (done != UINT64_MAX && done >= count)
            return now;
        if (done == UINT64_MAX || now - moved_at > timeout_us)
            return 0;
        if (done != last)
            moved_at = now;
        last = done;
        IGNORE(nanosleep(&pause, NULL), "a shorter pause does no harm");
    }
}
