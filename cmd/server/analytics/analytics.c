/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/analytics.h"

#include "cmd/server/analytics/regional.h"
#include "cmd/server/analytics/slots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_US    ((mono_us)US_PER_S)
#define RETRY_S     1
#define LOOK_US     ((mono_us)US_PER_S) /* at least so often */
#define KEPT_S      5                   /* of an answer that is complete, by the cache in front */
#define REST_MAX_US ((mono_us)250 * US_PER_MS)
#define TOO_OLD     3 /* times its period: somebody waits for a new one */

struct analytics {
    /* constant after init */
    const struct model *model;
    struct reader *reader;
    pthread_t thread;
    bool is_started;
    /* the job's thread only */
    struct regional regional;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake, done; /* CLOCK_MONOTONIC */
    struct slots slots;
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
    char key[HTTP_QUERY_MAX * 2];
    const char *region = http_query_text(turn->query, "region");
    const char *area = http_query_text(turn->query, "area");
    struct among among = {a, places};
    const struct summary_run run = {.reader = turn->asking->reader,
                                    .is_stopping = is_stopping,
                                    .is_wanted = is_wanted,
                                    .context = &among};
    (void)snprintf(key, sizeof key, "%s&%s", region != NULL ? region : "",
                   area != NULL ? area : "");
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

/* Between facts_begin and facts_end. NULL = nothing came of it. */
static char *write_answer(struct analytics *a, struct analytics_turn *turn,
                          const struct analysis *analysis, size_t *out_len)
{
    struct json_write w;
    if (analysis->needs_summary && turn->window_ms == MS_PER_DAY && !choose_summary(a, turn))
        return NULL;
    if (analysis->is_of_memory && asking_let_go(turn->asking) != READER_ANSWERED)
        return NULL;
    jw_grow(&w, ANALYTICS_ANSWER_MAX);
    jw_object(&w, NULL);
    const bool is_good = analysis->compute(turn, &w);
    analytics_write_tail(&w, turn->facts.now_ms, turn->from_ms, turn->to_ms, turn->is_complete);
    jw_object_end(&w);
    char *body = jw_take(&w, out_len);
    if (is_good)
        return body;
    free(body);
    return NULL;
}

/* Without the lock; query is the caller's. NULL = nothing came of it. */
static struct slot_answer *compute(struct analytics *a, const struct analysis *analysis,
                                   const char *text)
{
    struct http_query query;
    struct asking asking;
    struct err err = {0};
    char *body = NULL;
    size_t len = 0;
    if (http_query_parse(&query, analysis->parameters, text) != 0 ||
        asking_begin_own(&asking, a->model, a->reader, ANALYTICS_BUDGET_US, &err) != STATUS_OK)
        return NULL;
    struct analytics_turn turn = {.asking = &asking,
                                  .query = &query,
                                  .is_complete = true,
                                  .late_at = clock_mono() + ANALYTICS_TURN_US};
    if (facts_begin(&turn.facts, &asking)) {
        turn.window_ms = window_of(analysis, &query);
        turn.to_ms = turn.facts.now_ms;
        turn.from_ms = turn.to_ms - turn.window_ms;
        body = write_answer(a, &turn, analysis, &len);
        facts_end(&turn.facts);
    }
    if (asking_end(&asking) == READER_ANSWERED && body != NULL)
        return slot_answer_new(body, len, turn.is_complete);
    free(body);
    return NULL;
}

static mono_us period(const struct slot_answer *answer, mono_us took)
{
    const mono_us least = answer == NULL        ? RETRY_US
                          : answer->is_complete ? ANALYTICS_PERIOD_US
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

static void run_slot(struct analytics *a, struct slot *slot)
{
    const struct analysis *analysis = slot->analysis;
    const mono_us began = clock_mono();
    const mono_us used_before = clock_thread_used();
    slot->is_running = true; /* so it stays where it is */
    (void)pthread_mutex_unlock(&a->lock);
    struct slot_answer *answer = compute(a, analysis, slot->query);
    const mono_us took = clock_mono() - began;
    const mono_us cpu = clock_thread_used() - used_before;
    (void)pthread_mutex_lock(&a->lock);
    slot->due_at = clock_mono() + period(answer, cpu);
    if (answer != NULL) {
        slot->computed_at = clock_wall();
        slot->took_us = took;
        slot->cpu_us = cpu;
        slot->computed++;
        slots_put(&a->slots, slot, answer, clock_mono());
    }
    slot->is_running = false;
    (void)pthread_cond_broadcast(&a->done);
    rest(a, cpu < REST_MAX_US ? cpu : REST_MAX_US);
}

static void *run(void *arg)
{
    struct analytics *a = arg;
    (void)pthread_setname_np(pthread_self(), "weir-analytics"); /* for `top -H` only */
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
    a->reader = reader_new(model->config->db_path);
    a->is_started = a->reader != NULL && pthread_create(&a->thread, NULL, run, a) == 0;
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

/* The newest answer with a reference, one that is not too old if it comes in time; NULL = none. */
static struct slot_answer *take(struct analytics *a, const struct analysis *analysis,
                                const char *query)
{
    const mono_us now = clock_mono();
    const struct timespec until = clock_timespec(now + ANALYTICS_WAIT_US);
    struct slot_answer *answer = NULL;
    int rc = 0;
    (void)pthread_mutex_lock(&a->lock);
    struct slot *slot = slots_take(&a->slots, analysis, query, now);
    while (rc == 0 && slot != NULL && !is_fresh(slot, now) && !a->is_stopping) {
        (void)pthread_cond_signal(&a->wake);
        rc = pthread_cond_timedwait(&a->done, &a->lock, &until);
        slot = slots_find(&a->slots, analysis, query); /* it may have given way */
    }
    if (slot != NULL && slot->answer != NULL) {
        answer = slot->answer;
        shared_ref(&answer->shared);
    }
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
                        struct http_reply *reply)
{
    struct json_write w;
    const char *why = why_not_yet(asking, analysis);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    if (analysis->says_202) {
        jw_string(&w, "status", "building");
        jw_string(&w, "detail", why);
        jw_uint(&w, "retry_after_seconds", RETRY_S);
    } else {
        jw_string(&w, "error", why);
        jw_uint(&w, "retry_after_s", RETRY_S);
    }
    jw_object_end(&w);
    reply->status = analysis->says_202 ? 202 : 503;
    reply->cache = HTTP_NO_STORE;
    http_reply_line(reply, "Retry-After", "1");
    http_reply_json(reply, &w);
}

static void give(const struct slot_answer *answer, struct http_reply *reply)
{
    reply->body = malloc(answer->len + 1);
    if (reply->body == NULL)
        return;
    memcpy(reply->body, answer->body, answer->len + 1);
    reply->body_len = answer->len;
    reply->kept_s = answer->is_complete ? KEPT_S : 0;
}

void analytics_reply(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply, const struct analysis *analysis)
{
    if (window_of(analysis, request->query) == 0) {
        http_reply_field_error(reply, 400, "window", "window must be 24h, 7d or 30d");
        return;
    }
    char query[HTTP_QUERY_MAX + 1];
    memcpy(query, request->query->canonical, request->query->canonical_len);
    query[request->query->canonical_len] = '\0';
    struct slot_answer *answer = take(asking->model->analytics, analysis, query);
    if (answer == NULL) {
        say_not_yet(asking, analysis, reply);
        return;
    }
    give(answer, reply);
    shared_unref(&answer->shared);
}

/* --- what there is ---------------------------------------------------------------------------- */

static void write_slot(struct json_write *w, const struct slot *slot)
{
    jw_object(w, NULL);
    jw_string(w, "analysis", slot->analysis->name);
    jw_string(w, "query", slot->query);
    jw_uint(w, "computed", slot->computed);
    if (slot->answer != NULL) {
        jw_time(w, "computedAt", slot->computed_at);
        jw_decimal(w, "tookMs", slot->took_us, 3);
        jw_decimal(w, "cpuMs", slot->cpu_us, 3);
        jw_uint(w, "bytes", slot->answer->len);
        jw_bool(w, "complete", slot->answer->is_complete);
    }
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
