/* SPDX-License-Identifier: MIT
 *
 * clock - the two clocks, as types that can't be mixed up by accident.
 * Wall time may jump (a Pi boots in 1970) and is only ever data. Deadlines, ages and rates use
 * mono. mono is CLOCK_MONOTONIC: the same in all processes of one boot, so a stamp in shared memory
 * can be judged by another process. Threads: all functions may be called from any thread. */
#pragma once

#include "common/base/base.h"

#include <pthread.h>
#include <time.h>

#define CLOCK_BOOT_ID_BYTES 40

typedef int64_t wall_us; /* microseconds since 1970-01-01 UTC */
typedef int64_t mono_us; /* microseconds of CLOCK_MONOTONIC */

#define US_PER_MS 1000
#define US_PER_S  1000000

#define MS_PER_S    1000
#define MS_PER_MIN  INT64_C(60000)
#define MS_PER_HOUR (60 * MS_PER_MIN)
#define MS_PER_DAY  (24 * MS_PER_HOUR)

wall_us clock_wall(void);
mono_us clock_mono(void);
/* Of a core, by the thread that asks, since it began. */
mono_us clock_thread_used(void);

/* Which boot mono belongs to; "" when the kernel does not say. */
void clock_boot_id(char out[static CLOCK_BOOT_ID_BYTES]);
/* Of two such names; one that is not known is the same as none. */
bool clock_is_same_boot(const char *a, const char *b);

/* A time or a length of time, not negative, as the C library takes it. */
struct timespec clock_timespec(int64_t us);
/* A condition whose timed waits go by clock_mono. */
void clock_cond_init(pthread_cond_t *cond);

/* RFC 3339 with a zone ("2026-03-29T15:27:30.103Z", "...+02:00") to milliseconds, or the same
 * without one, then taken as UTC with *out_is_naive true. Any number of fraction digits is read,
 * cut to milliseconds. False for anything else: a blank for the T, an offset without colon, an
 * impossible date, second 60. Results untouched then. Pure. */
NODISCARD bool clock_parse_rfc3339(const char *text, size_t len, int64_t *out_ms,
                                   bool *out_is_naive);

/* For tests: replaces both clocks; a NULL function restores the real one. Not thread-safe. */
void clock_set_source(wall_us (*wall)(void), mono_us (*mono)(void));

/* RFC 3339 UTC with milliseconds, "2026-03-29T15:27:30.123Z"; out must hold
 * 32 bytes. Returns out. */
char *clock_rfc3339(wall_us t, char out[static 32]);
