/* SPDX-License-Identifier: MIT
 *
 * stats_publisher - the supervisor's once-a-second answer to "how is it going": gathers the control
 * block, the worker table and /proc into one snapshot, puts the verdict into one sentence, writes
 * the stats file.
 *
 * Order of reading matters for the ledger: the flusher's half first, the receiver's later, so that
 * what was consumed is never more than what was appended.
 * Absent is not zero: a source whose flusher half is not known yet (the flusher has not attached
 * its ring) is left out of the ledger. Threads: none. Errors: a file that can't be written is
 * logged once, then when it works again; ingesting does not depend on it. */
#pragma once

#include "cmd/ingestor/supervise/workers.h"
#include "common/stats/stats_snapshot.h"

struct stats_publisher;

NODISCARD struct stats_publisher *stats_publisher_new(void); /* NULL = no memory */
void stats_publisher_free(struct stats_publisher *publisher);

/* What is said from now on instead of a verdict: the program ends, or (is_over) has ended and
 * publishes for the last time. */
void stats_publisher_end(struct stats_publisher *publisher, const char *sentence, bool is_over);
/* An event that no sample shows (event_watch.h); level: pass, warn or fail. */
void stats_publisher_say(struct stats_publisher *publisher, enum stats_event_kind kind,
                         const char *level, const char *sentence);
/* Gather and write. The snapshot stays readable until the next call. */
const struct stats_snapshot *stats_publisher_publish(struct stats_publisher *publisher,
                                                     struct workers *workers);
