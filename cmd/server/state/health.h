/* SPDX-License-Identifier: MIT
 *
 * health - is the system well? The rules of /api/healthz and /api/readyz, as a pure function
 * of what is already in memory: the ingestor's last sample, the database poller's last state,
 * two clocks.
 *
 * Contract: 200 or 503, nothing else. `fail` (starting, or the database not readable for 5 s, or
 * newer than this program) is 503. Everything about the ingestor is at most `warn`, because the
 * read side still serves and all replicas share that ingestor: taking them out of a load balancer
 * would make one fault two. Stale means unknown, and unknown is never `pass`.
 * Ownership: plain values. Threads: pure. */
#pragma once

#include "cmd/server/state/db_poller.h"
#include "common/stats/stats_snapshot.h"

/* The checks of one name each, with room for injection and replay, which have no connection. */
#define HEALTH_CHECKS_MAX        (17 + CONFIG_SOURCES_MAX + STATS_WORKERS_MAX)
#define HEALTH_DB_PATIENCE_US    (5 * US_PER_S)
#define HEALTH_SESSION_MEMORY_S  900             /* and a session that the broker has lost */
#define HEALTH_LOSS_MEMORY_US    (60 * US_PER_S) /* so long a loss stays a warning */
#define HEALTH_COMMIT_PATIENCE_S 10 /* so long may messages wait, none of them stored */
#define HEALTH_REPLACED_MEMORY_S 900
/* Sample and poll are of moments that lie so far apart. */
#define HEALTH_LOOKS_APART_US       (3 * US_PER_S)
#define HEALTH_RETENTION_PATIENCE_S 3600

enum health_level { HEALTH_PASS, HEALTH_WARN, HEALTH_FAIL };

struct health_check {
    char name[CONFIG_SOURCE_NAME_MAX + 40];
    char output[360];
    enum health_level level;
    int64_t since_unix; /* when it took this level */
};

/* Does the file show the ingestor's commits? */
struct health_commits {
    int64_t in_database; /* its own count of them */
    mono_us moved_at;    /* when that was first seen; 0 = never */
    mono_us apart_at;    /* when a later commit was first seen; 0 = there is none */
};

/* The result, and the memory of the next judgement (since_unix, the last seen losses). */
struct health_report {
    enum health_level level;
    const char *reason; /* static; why it fails, "" = it does not */
    struct health_check checks[HEALTH_CHECKS_MAX];
    size_t count;
    uint64_t lost_seen;
    mono_us lost_at; /* 0 = no loss seen */
    bool has_lost;
    struct health_commits commits;
};

struct health_input {
    enum status stats_status;           /* OK or why there is no snapshot */
    const struct stats_snapshot *stats; /* read only when stats_status is OK */
    const struct db_state *db;
    wall_us wall;
    mono_us mono;
};

/* `before` may be NULL or zeroed (the first judgement); it must not be *out. */
void health_judge(const struct health_input *input, const struct health_report *before,
                  struct health_report *out);

/* NULL = ready; else the reason, static text. */
const char *health_not_ready(const struct db_state *db, mono_us now, bool is_draining);
