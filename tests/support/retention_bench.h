/* SPDX-License-Identifier: MIT
 *
 * retention_bench - a database with a past, maintenance under a fake clock, and recounts to compare
 * with. Derived rows are made by SQL of the bench's own, so that what leaves is compared with what
 * a person would count, not with the code under test. Threads: one. */
#pragma once

#include "cmd/ingestor/upkeep/maintenance.h"
#include "tests/support/store_fixture.h"

#define BENCH_T0   INT64_C(1774796400000) /* 2026-03-29T15:00:00Z */
#define BENCH_HOUR INT64_C(3600000)
#define BENCH_DAY  (24 * BENCH_HOUR)

#define MINUTES(n) ((n)*60)
/* Long enough for the clock to be trusted, with a look to spare. */
#define TRUST_S MINUTES(11)

struct retention_bench {
    struct fixture_db db;
    struct config config;
    struct maintenance m;
    bool may_fail; /* faults are made: turns that fail are counted */
    int failures;
    int slices[JOB_COUNT];
    int64_t rows[JOB_COUNT];
};

/* The clocks stand at BENCH_T0 plus `hours`. */
void bench_open(struct retention_bench *b, int hours);
void bench_close(struct retention_bench *b);
/* As a new process: store and maintenance anew. */
void bench_restart(struct retention_bench *b);
/* Statements of the test's own. */
void bench_sql(struct retention_bench *b, const char *sql);
/* A text with content `seed`, heard by `observer` over `hops` hops; one transaction each. */
void bench_hear(struct retention_bench *b, const char *observer, uint32_t seed, unsigned hops,
                int64_t receipt_ms);
/* `per_hour` transmissions in each of `hours` hours from BENCH_T0 on, each heard by
 * two observers. */
void bench_past(struct retention_bench *b, int hours, uint32_t per_hour);
/* Make edges, messages, channels and rollups as a recount would. */
void bench_derive(struct retention_bench *b);
/* Edges, channels, meta and (of hours from retained_from on) rollups equal a recount; every row is
 * found in its hour. */
void bench_assert_recount(struct retention_bench *b);
/* Turns, one per fake second, for so many seconds. */
void bench_run(struct retention_bench *b, int seconds);
/* Time passes on both clocks, and the policy sees it every ten seconds, as an idle
 * flusher would. */
void bench_pass(struct retention_bench *b, int64_t seconds);
