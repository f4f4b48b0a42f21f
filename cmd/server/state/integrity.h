/* SPDX-License-Identifier: MIT
 *
 * integrity - is the database sound? A quick_check of its tables soon after the start and once a
 * day, beside a writer that must not notice.
 *
 * Why: a page that an SD card has spoilt is met when somebody reads it, which may be months later
 * and after the last good backup is gone.
 * I1. A check pins the writer's log. So each table is a transaction of its own, of at most
 *     INTEGRITY_TABLE_US, with a pause as long behind it.
 * I2. What took longer is cut and counted as `late`: never called sound. Such a table is checked
 *     by a backup, which reads all of the file.
 * I3. What a cut check said is not believed: SQLite 3.40 looks for no deadline of ours inside a
 *     table, only for sqlite3_interrupt, and then takes what it has not read for damage.
 * The thread yields to everything else, processor and disk. quick_check looks at every page and
 * cell of a table and of its indexes, not whether the two agree (3.2 s of a core for 1 GB in
 * memory).
 * Threads: its own; look and get from any. Lock: one, a leaf, around copies and
 * sqlite3_interrupt. Stop: at once. Cost: that of reading the file once a day; some 100 KB
 * of memory while it runs. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define INTEGRITY_FIRST_US ((mono_us)5 * US_PER_S)
#define INTEGRITY_EVERY_US ((mono_us)86400 * US_PER_S)
#define INTEGRITY_TABLE_US ((mono_us)5 * US_PER_S)

#define INTEGRITY_TEXT_MAX   160
#define INTEGRITY_TABLES_MAX 64

enum integrity_verdict {
    INTEGRITY_UNKNOWN, /* not looked yet, or it could not be */
    INTEGRITY_SOUND,   /* what was checked is: `late` tables were not */
    INTEGRITY_DAMAGED,
};

struct integrity_state {
    enum integrity_verdict verdict;
    int64_t at_unix;               /* when the last check ended; 0 = none has */
    int64_t tables;                /* that were checked */
    int64_t late;                  /* that could not be in time */
    char text[INTEGRITY_TEXT_MAX]; /* DAMAGED: SQLite's words; UNKNOWN: why; else "" */
};

struct integrity;

/* path is copied. first: so long after the start. NULL = no memory or no thread. */
NODISCARD struct integrity *integrity_start(const char *path, mono_us first);
/* These accept NULL: a store that is no file has none. */
void integrity_stop(struct integrity *integrity);
/* Once a second: cuts a table that is late by now. */
void integrity_look(struct integrity *integrity, mono_us now);
void integrity_get(struct integrity *integrity, struct integrity_state *out);
