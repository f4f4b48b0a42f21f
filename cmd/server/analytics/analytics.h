/* SPDX-License-Identifier: MIT
 *
 * analytics - answers about the whole mesh: computed by a thread of their own, served as bytes.
 *
 * An analysis is a row (analysis.h); each different query (region, area, window, ...) has a slot
 * with the bytes of its answer, packed as well. Nothing is computed that nobody asks for. Who asks
 * first waits ANALYTICS_WAIT_US at most, while no more than ANALYTICS_WAITERS do, then is told to
 * come again in a second (503, Retry-After), or why nothing comes of it; from then on there always
 * is an answer, and while somebody asked within ANALYTICS_WANTED_US it is computed anew every
 * ANALYTICS_PERIOD_US, or every ANALYTICS_SHARE times what that takes of a core, if that is longer.
 * After a pause the first who asks waits as above for a fresh one, and gets the old one otherwise.
 *
 * Every answer ends with `computedAt`; `from`, `to` and `windowHours`: what was really looked at,
 * absent where it is no window but what is known; and `complete`: false where a budget or a bound
 * left something out. ANALYTICS_TAIL is their shape.
 * I1. A request takes a reference to bytes, whatever the history: no query, no reader, no packing,
 *     no wait but the one above; and those who wait leave most of the workers to others.
 * I2. What is not complete, or lacks a shard (and says so, partial.h), is not kept as if it were:
 *     it is computed anew after ANALYTICS_PARTIAL_US, or, where only the summary of 24 hours is
 *     cut, with the next one.
 * I3. The answers are bounded in number and bytes (slots.h), each in ANALYTICS_ANSWER_MAX: what was
 *     asked for longest ago goes.
 * I4. Between two computations the thread rests as long as the last one took of a core, a quarter
 *     of a second at most: somebody may wait for the next. Where cores are short it comes after
 *     requests (summary_step_back).
 * Threads: ask from any; the functions of analyses run in the one of the job ("weir-analytics"),
 * one at a time, with a reader of its own. Lock: one, a leaf; copying is done outside. Stop: the
 * question is interrupted; 50 ms. Errors: an analysis that failed (no database yet, too late, no
 * memory) leaves the answer before it in place and is tried again a second later. What is cut or
 * fails every time is told in the log, once (analysis_figures.h). */
#pragma once

#include "cmd/server/analytics/analysis.h"
#include "cmd/server/analytics/analysis_figures.h"
#include "cmd/server/http/route.h"

#define ANALYTICS_PERIOD_US  (60 * (mono_us)US_PER_S)
#define ANALYTICS_SHARE      50
#define ANALYTICS_PARTIAL_US (10 * (mono_us)US_PER_S)
#define ANALYTICS_WANTED_US  (600 * (mono_us)US_PER_S)
#define ANALYTICS_WAIT_US    (25 * (mono_us)US_PER_MS)
#define ANALYTICS_WAITERS    2 /* of four workers and more */

#define ANALYTICS_COST "bytes that are there; 25 ms for who asks first"

struct analytics;

/* model: begun; borrowed. NULL = no memory or no thread. */
NODISCARD struct analytics *analytics_start(const struct model *model);
void analytics_stop(struct analytics *analytics); /* accepts NULL */

/* What a route's asker does (asks_nothing): the reply is the newest answer to this query. */
void analytics_reply(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply, const struct analysis *analysis);
/* For who needs what computing an analysis leaves behind: wants it as one who asks without a query.
 * False = there is no answer yet, and the reply says so. */
NODISCARD bool analytics_want(struct asking *asking, const struct analysis *analysis,
                              struct http_reply *reply);

/* The last members of an answer, ANALYTICS_TAIL; from_ms JW_UNKNOWN = it has no window. For those
 * that answer beside the analyses, too. */
void analytics_write_tail(struct json_write *w, int64_t computed_ms, int64_t from_ms, int64_t to_ms,
                          bool is_complete);

/* What each cost since the start; the first is `summary`, the count of the last 24 hours. bytes: of
 * its tables; of the others' answers. How many; 0 where analytics is NULL. */
size_t analytics_figures(struct analytics *analytics,
                         struct analysis_figures out[static ANALYSES_MAX + 1]);

/* /api/analytics: which answers there are, how old they are and what the last run of each cost:
 * tookMs by the clock, cpuMs of a core and rows read (with the run over a region's receptions,
 * where it made that; 0 rows = it is made of memory); how often it was computed, cut and failed. */
void analytics_list(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply);
#define ANALYTICS_LIST_SHAPE                                                                       \
    "{answers: [{analysis: str, query: str, computed: int, computedAt?: time, tookMs?: num, "      \
    "cpuMs?: num, rows?: int, bytes?: int, complete?: bool, cut: int, failed: int, fault?: "       \
    "str}], bytes: int, maxBytes: int, maxAnswers: int}"

/* The asker of a row of the route table, of the analysis of that name. */
#define ANALYTICS_ASKER(name)                                                                      \
    static void ask_##name(struct asking *asking, const struct http_request *request,              \
                           struct http_reply *reply)                                               \
    {                                                                                              \
        analytics_reply(asking, request, reply, &analysis_##name);                                 \
    }
