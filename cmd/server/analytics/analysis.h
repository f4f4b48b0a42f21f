/* SPDX-License-Identifier: MIT
 *
 * analysis - what an analysis of the whole mesh is: a row of constant data, and a function that
 * writes the members of its answer.
 *
 * The function runs in the background (analytics.h), one at a time, and may use what is in its
 * turn: the directory, what the background has counted of the last 24 hours, the query, and, unless
 * it is of memory alone, the database.
 * Threads: that of the job. Ownership: all borrowed until the function returns. */
#pragma once

#include "cmd/server/http/query.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/nodes/facts.h"
#include "cmd/server/summary/window_rows.h"
#include "common/json/json_write.h"

/* A question of one; half of it is where who looks at many rows stops (asking_is_late). */
#define ANALYTICS_BUDGET_US  (4 * (mono_us)US_PER_S)
#define ANALYTICS_ANSWER_MAX ((size_t)4 << 20)
/* Of a computation as a whole, by the clock: others wait for their turn. */
#define ANALYTICS_TURN_US (2 * (mono_us)US_PER_S)

/* What is in it while an analysis computes. */
struct analytics_turn {
    /* Directory, what the background has counted, now. Where the query filters by region or area,
     * facts.summary is one over the receptions of these observers alone (places.h): whoever writes
     * what a summary says, writes it of the filter's. */
    struct facts facts;
    struct asking *asking;
    const struct http_query *query;
    int64_t window_ms; /* what `window` asks for; a day where it has no such parameter */
    /* To be told: what was looked at. Before: the last window_ms, complete. from_ms JW_UNKNOWN = no
     * window. */
    int64_t from_ms, to_ms;
    bool is_complete;
    bool is_window_cut; /* by the summary or retention: computing it anew mends nothing */
    mono_us late_at;    /* who reads rows in several questions stops then: analysis_is_late */
};

/* ANALYTICS_TURN_US are gone: stop, and say that it is not complete. (From a cold disk it may be;
 * the next try finds the pages in memory.) */
static inline bool analysis_is_late(const struct analytics_turn *turn)
{
    return clock_mono() > turn->late_at;
}

/* What the summary, of these tallies (bits 1 << enum tally_number), is the window of. */
static inline void analysis_of_summary(struct analytics_turn *turn, unsigned tallies)
{
    const struct summary_window window = summary_window(turn->facts.summary, tallies);
    turn->from_ms = window.from_ms;
    turn->to_ms = window.to_ms;
    turn->is_window_cut = turn->is_window_cut || !window.is_complete;
}

/* For who reads stored packets of the window, in a question: what retention has let go is not in
 * it. */
static inline void analysis_of_packets(struct analytics_turn *turn)
{
    const int64_t kept_ms = window_kept_from(turn->asking->reader);
    if (kept_ms <= turn->from_ms)
        return;
    turn->from_ms = kept_ms < turn->to_ms ? kept_ms : turn->to_ms;
    turn->is_window_cut = true;
}

/* Writes the answer's members; the braces and the last members are the caller's. False = could not
 * be computed (the question failed, no memory): what was written is thrown away. */
typedef bool (*analytics_compute)(struct analytics_turn *turn, struct json_write *w);

/* Constant data. */
struct analysis {
    const char *name;
    analytics_compute compute;
    const struct http_parameter *parameters; /* those of its route; NULL = none */
    /* Where the window is 24 hours, facts.summary is there; so not before the first run. */
    bool needs_summary;
    /* The directory and the summary are all it reads: the question is over when compute is called,
     * so that it holds nothing back (asking->reader is not to be used). Else compute has one
     * question of ANALYTICS_BUDGET_US; who reads more than some 20 ms of rows gives the log free in
     * between (asking_again). */
    bool is_of_memory;
    bool takes_window; /* `window` is one of its parameters (ANALYTICS_WINDOW) */
    bool says_202;     /* while there is none yet: 202 {status, detail, retry_after_seconds} */
};

/* For a route's declaration, which must be sorted by name. */
#define ANALYTICS_AREA                                                                             \
    {                                                                                              \
        "area", HTTP_PARAMETER_TEXT,                                                               \
            "Key of a configured area: only what observers with a position in it received"         \
    }
#define ANALYTICS_REGION                                                                           \
    {                                                                                              \
        "region", HTTP_PARAMETER_LIST, "IATA codes: only what observers there received"            \
    }
#define ANALYTICS_WINDOW                                                                           \
    {                                                                                              \
        "window", HTTP_PARAMETER_TEXT, "How far back: 24h, 7d or 30d; 24h"                         \
    }
/* The last members of an answer's shape. */
#define ANALYTICS_TAIL "computedAt: time, from?: time, to?: time, windowHours?: num, complete: bool"
