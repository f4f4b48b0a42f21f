/* SPDX-License-Identifier: MIT
 *
 * ingestors - the ingestors of a store in shards, as each tells of itself there (its statistics
 * file, every ten seconds a row of the table `ingestors`): which are fresh, stale, or missing.
 *
 * I1. One is stale when for INGESTOR_SILENT_S no newer row of it was seen, by this server's own
 *     clock: clocks of machines differ. Of one that was never seen to send a newer row there is its
 *     row's own time alone. With the ten seconds between rows and INGESTORS_LOOK_US it is said
 *     within 75 s after its end.
 * I2. While the rows can't be read (shard 0 is away) nothing is said of any: unknown, and neither
 *     fresh nor stale. When they can be again, each has INGESTOR_SILENT_S anew: senders wait, too.
 * I3. One that is stale for a day is forgotten, but for those that expectedIngestors names; of
 *     those one that has no row is missing.
 * Limits: INGESTORS_MAX rows, the newest.
 * Threads: pure, over what never changes once it is shared. Ownership: shared.h. */
#pragma once

#include "common/base/shared.h"
#include "common/health/health_report.h"

#define INGESTOR_SILENT_S    45
#define INGESTOR_FORGOTTEN_S INT64_C(86400)
#define INGESTORS_LOOK_US    ((mono_us)5 * US_PER_S)
#define INGESTORS_UNREAD_US  ((mono_us)15 * US_PER_S) /* then its rows can't be read */
#define INGESTORS_MAX        HEALTH_INGESTORS_MAX
#define INGESTORS_SHOWN_MAX  (2 * INGESTORS_MAX) /* those, and as many that are expected */
#define INGESTOR_NAME_BYTES  132
#define INGESTOR_TEXT_BYTES  360 /* as a check's output, which it becomes */

/* Of one row. */
struct ingestor_row {
    char name[INGESTOR_NAME_BYTES];
    int64_t at_ms;    /* of its clock, when it was sent */
    mono_us seen_at;  /* when this server saw the first row of it */
    mono_us moved_at; /* when it saw a newer one; 0 = never */
    /* what its statistics say (health_ingestor.h) */
    enum health_level level;
    char text[INGESTOR_TEXT_BYTES];
    int64_t unaccounted, queued; /* STATS_UNKNOWN */
    int64_t outbox_rows;
};

struct ingestors {
    struct shared shared;
    mono_us read_at; /* the last time that the rows could be read; 0 = never */
    mono_us back_at; /* since when they can be again; 0 = always could */
    size_t count;
    bool is_cut; /* there are more */
    struct ingestor_row all[INGESTORS_MAX];
};

enum ingestor_state { INGESTOR_FRESH, INGESTOR_STALE, INGESTOR_MISSING };
/* fresh, stale, missing */
const char *ingestor_state_word(enum ingestor_state state);

struct ingestor_shown {
    const char *name;
    enum ingestor_state state;
    int64_t age_s;                  /* -1 = missing */
    const struct ingestor_row *row; /* NULL = missing */
};

/* Nothing is known yet, one reference. NULL = no memory. */
NODISCARD struct ingestors *ingestors_new(void);
/* name and at_ms are set: what its statistics file says. False = no memory; *row is as it was. */
NODISCARD bool ingestor_judge(struct ingestor_row *row, const char *stats, size_t len);
bool ingestors_are_known(const struct ingestors *all, mono_us now);
/* Those that are known of, and those that are expected and are not; how many. */
size_t ingestors_show(const struct ingestors *all, const struct config_list *expected, wall_us wall,
                      mono_us mono, struct ingestor_shown out[static INGESTORS_SHOWN_MAX]);
/* Adds a check for each. */
void ingestors_add_checks(const struct ingestors *all, const struct config_list *expected,
                          wall_us wall, mono_us mono, struct health_report *out);
