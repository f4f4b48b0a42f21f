/* SPDX-License-Identifier: MIT
 *
 * drop_log - says that messages are being dropped: at once, then once a second, then that
 * it is over.
 *
 * Silent drops and a log drowned in drops are the same failure. A stall begins with the first drop
 * and ends when a whole second passed without one:
 *   first drop of a stall    one line at once
 *   while drops go on        one line per second: since the last line, of this stall, since the
 *                            ring was made
 *   end                      one line with count and duration (first to last drop)
 * Every line names the capacity and the option that sets it. The counts are the ring's own
 * (ledger.h), so they are exact however seldom this is called.
 * `now` never goes back from call to call, and within a stall the first drop is not behind the last
 * (asserted). drop_log_step is pure (tests); drop_log_turn is step and log_event. Threads: the
 * receiver's main loop, never the receive callback. Ownership: caller's memory; source is borrowed
 * until the end. */
#pragma once

#include "common/base/clock.h"
#include "common/ring/ledger.h"

enum drop_log_line { DROP_LOG_NONE, DROP_LOG_FIRST, DROP_LOG_SUMMARY, DROP_LOG_RECOVERED };

/* The receiver-side outcomes whose bucket is `dropped`. */
struct drop_counts {
    uint64_t soft, full, spool;
};

struct drop_log {
    /* constant after init */
    const char *source;
    uint64_t capacity_records, capacity_bytes;
    /* this thread only */
    struct drop_counts seen;     /* by the last step */
    struct drop_counts at_line;  /* reported by the last line */
    struct drop_counts at_stall; /* before the stall's first drop */
    bool in_stall;
    mono_us stall_since, last_drop, last_line;
};

/* What a line says. */
struct drop_report {
    enum drop_log_line line;
    struct drop_counts news;  /* since the last line */
    struct drop_counts stall; /* since this stall began */
    uint64_t total;           /* since the ring chain was made */
    mono_us duration;         /* of the stall: first to last drop seen */
};

/* `tuple`: as the ring has it now; earlier drops were reported by whoever ran before. */
void drop_log_init(struct drop_log *log, const char *source, uint64_t capacity_records,
                   uint64_t capacity_bytes, const struct receiver_tuple *tuple);
void drop_log_step(struct drop_log *log, const struct receiver_tuple *tuple, mono_us now,
                   struct drop_report *out);
/* Each turn of the main loop (at least once a second for the lines to come in time). */
void drop_log_turn(struct drop_log *log, const struct receiver_tuple *tuple, mono_us now);
