/* SPDX-License-Identifier: MIT
 *
 * health_report - what a judgement of the health says: a list of checks, each with a name, a level
 * and a sentence.
 *
 * I1. The report's level is the worst of its checks'.
 * I2. Names and sentences are bounded and may hold anything: who shows them escapes them.
 * Limits: HEALTH_CHECKS_MAX, what does not fit is left out. Pure. Ownership: a plain value, too
 * large for a small stack. */
#pragma once

#include "common/stats/stats_snapshot.h"

/* The checks of one name each, with room for injection and replay, which have no connection. */
#define HEALTH_CHECKS_MAX                                                                          \
    (20 + CONFIG_SOURCES_MAX + STATS_WORKERS_MAX + 2 * CONFIG_SHARDS_MAX + 2 * HEALTH_INGESTORS_MAX)
/* Of a store in shards: so many that tell of themselves, and so many that are expected. */
#define HEALTH_INGESTORS_MAX CONFIG_INGESTORS_MAX

_Static_assert(CONFIG_INGESTOR_NAME_MAX > CONFIG_SOURCE_NAME_MAX + 24, "a check's name");

enum health_level { HEALTH_PASS, HEALTH_WARN, HEALTH_FAIL };
/* pass, warn, fail */
const char *health_level_word(enum health_level level);

struct health_check {
    char name[CONFIG_INGESTOR_NAME_MAX + 16]; /* of the longest kind */
    char output[360];
    enum health_level level;
    int64_t since_unix; /* when it took this level */
};

/* Does the file that the server reads show the ingestor's commits? */
struct health_commits {
    int64_t in_database; /* its own count of them */
    mono_us moved_at;    /* when that was first seen; 0 = never */
    mono_us apart_at;    /* when a later commit was first seen; 0 = there is none */
};

/* The result, and the memory of the next judgement (since_unix, commits). */
struct health_report {
    enum health_level level;
    const char *reason; /* static; why it fails, "" = it does not */
    struct health_check checks[HEALTH_CHECKS_MAX];
    size_t count;
    struct health_commits commits;
};

/* `before` may be NULL or zeroed (the first judgement); it must not be *out. */
void health_begin(const struct health_report *before, struct health_report *out);
/* The name is prefix and subject. */
void health_add(struct health_report *out, const char *prefix, const char *subject,
                enum health_level level, const char *fmt, ...) PRINTF(5, 6);
/* One check more says the same: appends to the last one, and raises its level. */
void health_append(struct health_report *out, enum health_level level, const char *fmt, ...)
    PRINTF(3, 4);
/* Lower all checks from this one on to a level: what is grave for one is less so for another. */
void health_cap(struct health_report *out, size_t from, enum health_level level);
/* Those that do not pass, the worst first, else in their order; how many. */
size_t health_findings(const struct health_report *report,
                       const struct health_check *out[static HEALTH_CHECKS_MAX]);
/* NULL = there is none of that name. */
const struct health_check *health_find(const struct health_report *report, const char *name);
/* A check that has kept its level keeps its time. */
void health_carry_since(const struct health_report *before, int64_t now_unix,
                        struct health_report *out);
