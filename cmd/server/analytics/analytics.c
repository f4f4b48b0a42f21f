/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/analytics.h"

#include "cmd/server/analytics/regional.h"
#include "cmd/server/analytics/slots.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/partial.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_US    ((mono_us)US_PER_S)
#define RETRY_S     1
#define LOOK_US     ((mono_us)US_PER_S) /* at least so often */
#define REST_MAX_US ((mono_us)250 * US_PER_MS)
#define TOO_OLD     3 /* times its period: somebody waits for a new one */

struct analytics {
    /* constant after init */
    const struct model *model;
    struct reader *reader; /* NULL with an engine */
    pthread_t thread;
    bool is_started;
    /* the job's thread only */
    struct regional regional;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake, done; /* CLOCK_MONOTONIC */
    struct slots slots;
    struct analyses_figures figures;
    unsigned waiting;
    /* atomic; written under lock */
    _Atomic bool is_stopping;
};

static const struct window {
    const char *word;
    int64_t ms;
} windows[] = {{"24h", MS_PER_DAY}, {"7d", 7 * MS_PER_DAY}, {"30d", 30 * MS_PER_DAY}};

/* 0 = it is none of them. */
static int64_t window_of(const struct analysis *analysis, const struct http_query *query)
{
    const char *word = analysis->takes_window ? http_query_text(query, "window") : NULL;
    if (word == NULL || word[0] == '\0')
        return windows[0].ms;
    for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
        if (strcmp(windows[i].word, word) == 0)
            return windows[i].ms;
    }
    return 0;
}

/* --- the job ---------------------------------------------------------------------------------- */

void analytics_write_tail(struct json_write *w, int64_t computed_ms, int64_t from_ms, int64_t to_ms,
                          bool is_complete)
{
    jw_time(w, "computedAt", computed_ms * US_PER_MS);
    if (from_ms != JW_UNKNOWN) {
        jw_time(w, "from", from_ms * US_PER_MS);
        jw_time(w, "to", to_ms * US_PER_MS);
        jw_decimal(w, "windowHours", (to_ms - from_ms) / (MS_PER_HOUR / 100), 2);
    }
    jw_bool(w, "complete", is_complete);
}

/* --- the summary of some observers ------------------------------------------------------------ */

struct among {
    struct analytics *analytics;
    const struct places *places;
};

static bool is_stopping(void *context)
{
    const struct among *among = context;
    return among->analytics->is_stopping;
}

static bool is_wanted(void *context, int64_t observer_id)
{
    const struct among *among = context;
    return places_have(among->places, observer_id);
}

/* False = there is none. */
static bool take_regional(struct analytics *a, struct analytics_turn *turn,
                          const struct places *places)
{
    char key[HTTP_QUERY_MAX * 2 + 24];
    const char *region = http_query_text(turn->query, "region");
    const char *area = http_query_text(turn->query, "area");
    struct among among = {a, places};
    const struct model *model = turn->asking->model;
    const struct summary_run run = {.from = {turn->asking->reader,
                                             model->engine != NULL ? model->engine->summary : NULL,
                                             model},
                                    .is_stopping = is_stopping,
                                    .is_wanted = is_wanted,
                                    .context = &among};
    /* An area of the same name may have become another one. */
    (void)snprintf(key, sizeof key, "%s&%s&%llu", region != NULL ? region : "",
                   area != NULL ? area : "", (unsigned long long)turn->asking->in_force->number);
    if (asking_let_go(turn->asking) != READER_ANSWERED)
        return false;
    summary_unref(turn->facts.summary);
    turn->facts.summary = regional_take(&a->regional, key, &run);
    return turn->facts.summary != NULL && asking_again(turn->asking, ANALYTICS_BUDGET_US);
}

/* The summary that the query means. False = there is none. */
static bool choose_summary(struct analytics *a, struct analytics_turn *turn)
{
    struct places places = {0};
    const bool is_good = turn->facts.summary != NULL && places_read(&places, turn) &&
                         (places.is_any || take_regional(a, turn, &places));
    places_done(&places);
    return is_good;
}

/* ---------------------------------------------------------------------------------------------- */

/* What came of a run. */
struct outcome {
    struct http_ready *answer; /* NULL = nothing */
    const char *fault;         /* static; why, NULL = it is only not time yet */
    bool is_run;               /* there was something to compute it from */
    bool is_complete, is_window_cut;
    bool is_partial; /* a shard is missing in it */
};

/* With the bytes that a browser wants, so that no request packs them. */
static struct http_ready *make_ready(char *body, size_t len, uint64_t missing)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_REVALIDATE);
    reply.body = body;
    reply.body_len = len;
    partial_say(&reply, missing);
    struct http_ready *ready = http_ready_new(&reply, NULL);
    if (ready != NULL)
        http_ready_pack(ready);
    return ready;
}

/* Between facts_begin and facts_end. NULL = nothing came of it. */
static char *write_answer(struct analytics *a, struct analytics_turn *turn,
                          const struct analysis *analysis, struct outcome *out, size_t *out_len)
{
    struct json_write w;
    out->is_run = !analysis->needs_summary || turn->facts.summary != NULL;
    if (analysis->needs_summary && turn->window_ms == MS_PER_DAY && !choose_summary(a, turn))
        return NULL;
    if (analysis->is_of_memory && asking_let_go(turn->asking) != READER_ANSWERED)
        return NULL;
    jw_grow(&w, ANALYTICS_ANSWER_MAX);
    jw_object(&w, NULL);
    const bool is_good = analysis->compute(turn, &w);
    out->is_complete = turn->is_complete && !turn->is_window_cut;
    out->is_window_cut = turn->is_window_cut && turn->is_complete;
    analytics_write_tail(&w, turn->facts.now_ms, turn->from_ms, turn->to_ms, out->is_complete);
    jw_object_end(&w);
    char *body = jw_take(&w, out_len);
    if (is_good && body == NULL)
        out->fault = "the answer has no room: ask for a region or an area";
    if (is_good)
        return body;
    free(body);
    return NULL;
}

static const char *fault_of(const struct model *model, enum reader_result result)
{
    return result == READER_ANSWERED ? NULL
           : result == READER_LATE   ? "this takes too long: ask for a region, an area or less time"
                                     : asking_refusal(model, STATUS_IO);
}

/* Without the lock; text is the caller's. */
static struct outcome compute(struct analytics *a, const struct analysis *analysis,
                              const char *text)
{
    struct http_query query;
    struct asking asking;
    struct err err = {0};
    struct outcome out = {.answer = NULL};
    char *body = NULL;
    size_t len = 0;
    if (http_query_parse(&query, analysis->parameters, text) != 0)
        return out;
    const enum status status =
        asking_begin_own(&asking, a->model, a->reader, ANALYTICS_BUDGET_US, &err);
    if (status != STATUS_OK) {
        out.fault = asking_refusal(a->model, status);
        return out;
    }
    struct analytics_turn turn = {.asking = &asking,
                                  .query = &query,
                                  .is_complete = true,
                                  .late_at = clock_mono() + ANALYTICS_TURN_US};
    if (facts_begin(&turn.facts, &asking)) {
        turn.window_ms = window_of(analysis, &query);
        turn.to_ms = turn.facts.now_ms;
        turn.from_ms = turn.to_ms - turn.window_ms;
        body = write_answer(a, &turn, analysis, &out, &len);
        facts_end(&turn.facts);
    }
    const enum reader_result result = asking_end(&asking);
    if (result != READER_ANSWERED)
        out.fault = fault_of(a->model, result);
    out.is_partial = asking.missing != 0;
    if (result == READER_ANSWERED && body != NULL)
        out.answer = make_ready(body, len, asking.missing);
    else
        free(body);
    return out;
}

static uint64_t rows_read(const struct analytics *a)
{
    return a->reader != NULL ? reader_rows(a->reader) : 0;
}

static mono_us period(const struct outcome *out, mono_us took)
{
    const bool is_for_long = (out->is_complete || out->is_window_cut) && !out->is_partial;
    const mono_us least = out->answer == NULL ? RETRY_US
                          : is_for_long       ? ANALYTICS_PERIOD_US
                                              : ANALYTICS_PARTIAL_US;
    return took * ANALYTICS_SHARE > least ? took * ANALYTICS_SHARE : least;
}

/* Both with the lock; it is let go meanwhile. */
static void rest(struct analytics *a, mono_us as_long)
{
    const struct timespec until = clock_timespec(clock_mono() + as_long);
    int rc = 0;
    while (!a->is_stopping && rc == 0)
        rc = pthread_cond_timedwait(&a->wake, &a->lock, &until);
}

/* Without the lock. */
static void tell(const struct slot *slot, enum run_news news, const struct run_cost *cost)
{
    const struct log_kv *const pairs =
        KV(KV_STR("analysis", slot->analysis->name), KV_STR("query", slot->query),
           KV_INT("took_ms", cost->took_us / US_PER_MS), KV_INT("rows", (int64_t)cost->rows),
           KV_STR("cause", slot->fault));
    if (news == RUN_UNFIT)
        log_event(LOG_WARN, "analytics",
                  cost->end == RUN_FAILED
                      ? "an analysis fails every time: nobody gets an answer"
                      : "an analysis is cut every time: its answers say complete: false",
                  pairs);
    else if (news == RUN_FITS_AGAIN)
        log_event(LOG_INFO, "analytics", "an analysis is complete again", pairs);
}

/* With the lock. Where the window alone is cut, the summary's own line says so. */
static enum run_news note(struct analytics *a, struct slot *slot, const struct run_cost *cost,
                          bool is_window_cut)
{
    struct run_cost own = *cost;
    own.end = cost->end == RUN_CUT && is_window_cut ? RUN_WHOLE : cost->end;
    const enum run_news news = run_figures_note(&slot->figures, &own);
    slot->figures.cut += own.end != cost->end;
    return analysis_figures_note(&a->figures, slot->analysis->name, cost, news, clock_mono());
}

static void keep(struct analytics *a, struct slot *slot, const struct outcome *out)
{
    slot->fault = out->fault;
    if (out->answer == NULL)
        return;
    slot->computed_at = clock_wall();
    slot->is_complete = out->is_complete;
    slots_put(&a->slots, slot, out->answer, clock_mono());
}

/* With the lock; it is let go meanwhile. The slot is running: it stays where it is. */
static void run_slot(struct analytics *a, struct slot *slot)
{
    enum run_news news = RUN_NO_NEWS;
    const mono_us began = clock_mono();
    const mono_us used_before = clock_thread_used();
    const uint64_t rows_before = rows_read(a);
    slot->is_running = true;
    (void)pthread_mutex_unlock(&a->lock);
    const struct outcome out = compute(a, slot->analysis, slot->query);
    const struct run_cost cost = {.took_us = clock_mono() - began,
                                  .cpu_us = clock_thread_used() - used_before,
                                  .rows = rows_read(a) - rows_before,
                                  .bytes = out.answer != NULL ? out.answer->body_len : 0,
                                  .end = out.answer == NULL ? RUN_FAILED
                                         : out.is_complete  ? RUN_WHOLE
                                                            : RUN_CUT};
    (void)pthread_mutex_lock(&a->lock);
    slot->due_at = clock_mono() + period(&out, cost.cpu_us);
    keep(a, slot, &out);
    if (out.answer != NULL || (out.is_run && out.fault != NULL))
        news = note(a, slot, &cost, out.is_window_cut);
    (void)pthread_cond_broadcast(&a->done);
    if (news != RUN_NO_NEWS) {
        (void)pthread_mutex_unlock(&a->lock);
        tell(slot, news, &cost);
        (void)pthread_mutex_lock(&a->lock);
    }
    slot->is_running = false;
    rest(a, cost.cpu_us < REST_MAX_US ? cost.cpu_us : REST_MAX_US);
}

static void *run(void *arg)
{
    struct analytics *a = arg;
    (void)pthread_setname_np(pthread_self(), "weir-analytics"); /* for `top -H` only */
    summary_step_back();
    (void)pthread_mutex_lock(&a->lock);
    while (!a->is_stopping) {
        const mono_us now = clock_mono();
        mono_us at;
        struct slot *slot = slots_next(&a->slots, now, ANALYTICS_WANTED_US, &at);
        if (slot != NULL) {
            run_slot(a, slot);
            continue;
        }
        const struct timespec until = clock_timespec(at < now + LOOK_US ? at : now + LOOK_US);
        (void)pthread_cond_timedwait(&a->wake, &a->lock, &until);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct analytics *analytics_start(const struct model *model)
{
    struct analytics *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->model = model;
    (void)pthread_mutex_init(&a->lock, NULL); /* can't fail on Linux without attributes */
    clock_cond_init(&a->wake);
    clock_cond_init(&a->done);
    a->reader = model->engine == NULL ? reader_new(model->started_with->db_path) : NULL;
    a->is_started = (a->reader != NULL || model->engine != NULL) &&
                    pthread_create(&a->thread, NULL, run, a) == 0;
    if (a->is_started)
        return a;
    analytics_stop(a);
    return NULL;
}

void analytics_stop(struct analytics *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->is_stopping = true;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_cond_broadcast(&a->done);
    (void)pthread_mutex_unlock(&a->lock);
    if (a->is_started) {
        if (a->reader != NULL)
            reader_interrupt(a->reader);
        (void)pthread_join(a->thread, NULL);
    }
    regional_done(&a->regional);
    reader_free(a->reader);
    slots_done(&a->slots);
    (void)pthread_cond_destroy(&a->wake);
    (void)pthread_cond_destroy(&a->done);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

/* --- who asks --------------------------------------------------------------------------------- */

static bool is_fresh(const struct slot *slot, mono_us now)
{
    return slot->answer != NULL && now < slot->made_at + TOO_OLD * (slot->due_at - slot->made_at);
}

/* With the lock. Until there is a fresh answer, or somebody can tell why not; the slot may give way
 * meanwhile. */
static const struct slot *wait_for(struct analytics *a, const struct analysis *analysis,
                                   const char *query, mono_us now)
{
    const struct timespec until = clock_timespec(now + ANALYTICS_WAIT_US);
    const struct slot *slot = slots_take(&a->slots, analysis, query, now);
    int rc = 0;
    if (slot == NULL || is_fresh(slot, now))
        return slot;
    (void)pthread_cond_signal(&a->wake);
    if (a->waiting == ANALYTICS_WAITERS)
        return slot;
    a->waiting++;
    while (rc == 0 && slot != NULL && !is_fresh(slot, now) && slot->fault == NULL &&
           !a->is_stopping) {
        rc = pthread_cond_timedwait(&a->done, &a->lock, &until);
        slot = slots_find(&a->slots, analysis, query);
    }
    a->waiting--;
    return slot;
}

/* The newest answer with a reference, one that is not too old if it comes in time; NULL = none, and
 * *out_fault: why nothing comes of it, NULL = it is only not made yet. */
static struct http_ready *take(struct analytics *a, const struct analysis *analysis,
                               const char *query, const char **out_fault)
{
    (void)pthread_mutex_lock(&a->lock);
    const struct slot *slot = wait_for(a, analysis, query, clock_mono());
    struct http_ready *answer =
        slot != NULL && slot->answer != NULL ? http_ready_ref(slot->answer) : NULL;
    *out_fault = slot != NULL ? slot->fault : NULL;
    (void)pthread_mutex_unlock(&a->lock);
    return answer;
}

static const char *why_not_yet(const struct asking *asking, const struct analysis *analysis)
{
    const struct summary *summary =
        analysis->needs_summary ? summary_job_take(asking->model->summary) : NULL;
    const bool is_counting = analysis->needs_summary && summary == NULL;
    summary_unref(summary);
    return is_counting ? "the last 24 hours are being counted: ask again"
                       : "this is being computed: ask again in a second";
}

/* As CoreScope says it. */
static void say_not_yet(const struct asking *asking, const struct analysis *analysis,
                        const char *fault, struct http_reply *reply)
{
    struct json_write w;
    const char *why = fault != NULL ? fault : why_not_yet(asking, analysis);
    const bool is_202 = analysis->says_202 && fault == NULL;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    if (is_202) {
        jw_string(&w, "status", "building");
        jw_string(&w, "detail", why);
        jw_uint(&w, "retry_after_seconds", RETRY_S);
    } else {
        jw_string(&w, "error", why);
        jw_uint(&w, "retry_after_s", RETRY_S);
    }
    jw_object_end(&w);
    reply->status = is_202 ? 202 : 503;
    reply->cache = HTTP_NO_STORE;
    http_reply_line(reply, "Retry-After", "1");
    http_reply_json(reply, &w);
}

void analytics_reply(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply, const struct analysis *analysis)
{
    if (window_of(analysis, request->query) == 0) {
        http_reply_field_error(reply, 400, "window", "window must be 24h, 7d or 30d");
        return;
    }
    const char *fault;
    char query[HTTP_QUERY_MAX + 1];
    memcpy(query, request->query->canonical, request->query->canonical_len);
    query[request->query->canonical_len] = '\0';
    reply->made = take(asking->model->analytics, analysis, query, &fault);
    if (reply->made == NULL)
        say_not_yet(asking, analysis, fault, reply);
}

bool analytics_want(struct asking *asking, const struct analysis *analysis,
                    struct http_reply *reply)
{
    const char *fault;
    struct http_ready *answer = take(asking->model->analytics, analysis, "", &fault);
    if (answer == NULL)
        say_not_yet(asking, analysis, fault, reply);
    http_ready_unref(answer);
    return answer != NULL;
}

/* --- what there is ---------------------------------------------------------------------------- */

size_t analytics_figures(struct analytics *a, struct analysis_figures out[static ANALYSES_MAX + 1])
{
    size_t count = 1;
    if (a == NULL)
        return 0;
    out[0] = (struct analysis_figures){.name = "summary"};
    summary_job_figures(a->model->summary, &out[0].runs);
    out[0].bytes = out[0].runs.last.bytes;
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->figures.count; i++) {
        out[count] = a->figures.all[i];
        out[count].bytes = slots_bytes_of(&a->slots, out[count].name);
        count++;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return count;
}

static void write_slot(struct json_write *w, const struct slot *slot)
{
    const struct run_figures *figures = &slot->figures;
    jw_object(w, NULL);
    jw_string(w, "analysis", slot->analysis->name);
    jw_string(w, "query", slot->query);
    jw_uint(w, "computed", figures->runs - figures->failed);
    if (slot->answer != NULL) {
        jw_time(w, "computedAt", slot->computed_at);
        jw_decimal(w, "tookMs", figures->last.took_us, 3);
        jw_decimal(w, "cpuMs", figures->last.cpu_us, 3);
        jw_uint(w, "rows", figures->last.rows);
        jw_uint(w, "bytes", slot->answer->body_len);
        jw_bool(w, "complete", slot->is_complete);
    }
    jw_uint(w, "cut", figures->cut);
    jw_uint(w, "failed", figures->failed);
    if (slot->fault != NULL)
        jw_string(w, "fault", slot->fault);
    jw_object_end(w);
}

void analytics_list(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply)
{
    struct analytics *a = asking->model->analytics;
    struct json_write w;
    (void)request;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "answers");
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        if (a->slots.all[i].analysis != NULL)
            write_slot(&w, &a->slots.all[i]);
    }
    const size_t bytes = slots_bytes(&a->slots);
    (void)pthread_mutex_unlock(&a->lock);
    jw_array_end(&w);
    jw_uint(&w, "bytes", bytes);
    jw_uint(&w, "maxBytes", SLOTS_BYTES_MAX);
    jw_uint(&w, "maxAnswers", SLOTS_MAX);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}
