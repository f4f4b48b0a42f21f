/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/event_watch.h"

#include "common/stats/worker_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASS "pass"
#define WARN "warn"
#define FAIL "fail"

/* Whom a row of one of the tables is about; first in each. */
struct row {
    char name[STATS_WORKER_BYTES];
    uint64_t seen; /* the last sample that had it */
};

enum link_was { LINK_NEW, LINK_UP, LINK_DOWN };

struct source_was {
    struct row row;
    enum link_was link;
    mono_us down_at;
    bool is_silent, is_refused;
    int64_t sessions_lost;
};

struct worker_was {
    struct row row;
    char word[24];
    int64_t restarts;
    bool is_silent, is_pressed;
};

/* Something that is counted in bursts. */
struct burst {
    uint64_t count;
    mono_us from, last;
};

struct loss_was {
    struct row row;
    bool is_known;
    uint64_t outcomes[OUTCOME_COUNT];
    struct burst burst;
};

struct event_watch {
    struct stats_events events;
    bool has_looked;
    uint64_t turn; /* which sample this is */
    wall_us now;
    mono_us mono;
    wall_us clock_offset;
    struct source_was sources[CONFIG_SOURCES_MAX];
    struct worker_was workers[STATS_WORKERS_MAX];
    struct loss_was losses[STATS_SOURCES_MAX];
    bool is_failing, has_rings_error;
    mono_us failing_since;
    int64_t replaced_unix, pruned;
    struct burst prune;
};

struct event_watch *event_watch_new(void)
{
    return calloc(1, sizeof(struct event_watch));
}

void event_watch_free(struct event_watch *watch)
{
    free(watch);
}

const struct stats_events *event_watch_events(const struct event_watch *watch)
{
    return &watch->events;
}

#define ADD(w, kind, level, subject, ...)                                                          \
    stats_events_add(&(w)->events, (w)->now / US_PER_S, STATS_EVENT_##kind, level, subject,        \
                     __VA_ARGS__)

void event_watch_say(struct event_watch *w, enum stats_event_kind kind, const char *level,
                     const char *sentence)
{
    stats_events_add(&w->events, clock_wall() / US_PER_S, kind, level, "", "%.190s", sentence);
}

/* The row of that name; when it is new, a free one, or that of who has been away longest: a table
 * has as many as a sample. */
static void *row_named(const struct event_watch *w, void *table, size_t count, size_t bytes,
                       const char *name, bool *out_is_new)
{
    char *at = table;
    char *found = table;
    for (size_t i = 0; i < count; i++, at += bytes) {
        struct row *row = (struct row *)(void *)at;
        *out_is_new = strcmp(row->name, name) != 0;
        if (!*out_is_new) {
            row->seen = w->turn;
            return row;
        }
        if (row->seen < ((struct row *)(void *)found)->seen)
            found = at;
    }
    memset(found, 0, bytes);
    struct row *row = (struct row *)(void *)found;
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    row->seen = w->turn;
    return row;
}

#define ROW_NAMED(w, table, name, out_is_new)                                                      \
    row_named(w, (w)->table, ARRAY_LEN((w)->table), sizeof(w)->table[0], name, out_is_new)

static long long seconds(mono_us time)
{
    return (long long)(time / US_PER_S);
}

/* --- sources ---------------------------------------------------------------------------------- */

static bool was_asked_to_end(const struct stats_mqtt *m)
{
    return strcmp(m->state, "stopping") == 0 || strcmp(m->state, "stopped") == 0;
}

static void look_at_link(struct event_watch *w, const struct stats_mqtt *m, struct source_was *was)
{
    const char *why = m->link.last_error[0] != '\0' ? m->link.last_error : m->state;
    if (m->link.connected) {
        if (was->link == LINK_NEW)
            ADD(w, SOURCE, PASS, m->name, "%s is connected to %.100s", m->name, m->broker);
        else if (was->link == LINK_DOWN)
            ADD(w, SOURCE, PASS, m->name, "%s is connected again after %lld s", m->name,
                seconds(w->mono - was->down_at));
        was->link = LINK_UP;
        return;
    }
    if (was_asked_to_end(m)) {
        was->link = LINK_NEW;
        return;
    }
    if (was->link == LINK_UP)
        ADD(w, SOURCE, WARN, m->name, "%s has lost its connection: %.100s", m->name, why);
    else if (was->link == LINK_NEW && m->link.last_error[0] != '\0')
        ADD(w, SOURCE, WARN, m->name, "%s can't connect: %.100s", m->name, why);
    else
        return;
    was->link = LINK_DOWN;
    was->down_at = w->mono;
}

static void look_at_source(struct event_watch *w, const struct stats_mqtt *m)
{
    bool is_new;
    struct source_was *was = ROW_NAMED(w, sources, m->name, &is_new);
    if (is_new)
        was->sessions_lost = m->link.sessions_lost;
    look_at_link(w, m, was);
    const bool is_silent = strcmp(m->state, "silent") == 0;
    if (is_silent && !was->is_silent)
        ADD(w, SOURCE, WARN, m->name, "%s is connected, but has fallen silent", m->name);
    else if (was->is_silent && strcmp(m->state, "live") == 0)
        ADD(w, SOURCE, PASS, m->name, "%s is heard again", m->name);
    was->is_silent = is_silent;
    const struct stats_subscription *refused = stats_refused_topic(&m->link);
    if (refused != NULL && !was->is_refused)
        ADD(w, SOURCE, WARN, m->name, "the broker of %s refused %.60s (0x%02llx)", m->name,
            refused->topic, (unsigned long long)refused->suback);
    was->is_refused = refused != NULL;
    if (m->link.sessions_lost > was->sessions_lost)
        ADD(w, SOURCE, WARN, m->name,
            "the broker of %s had no session: what came meanwhile may be missing", m->name);
    was->sessions_lost = m->link.sessions_lost;
}

/* --- workers ---------------------------------------------------------------------------------- */

static bool is_bad(const char *word)
{
    return word[0] != '\0' && worker_state_verdict(word) == WORKER_VERDICT_WARN &&
           strcmp(word, "stopped") != 0;
}

/* A receiver that begins anew by itself, or one that was asked to end, is no fault. */
static bool is_fault(const char *last_exit)
{
    return strcmp(last_exit, "exit 0") != 0 && strcmp(last_exit, "exit 75") != 0;
}

static void say_word(struct event_watch *w, const struct stats_worker *worker)
{
    char words[sizeof worker->state];
    (void)snprintf(words, sizeof words, "%s", worker->state);
    for (char *c = words; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    if (worker->lock_holder[0] != '\0')
        ADD(w, WORKER, WARN, worker->name, "%s waits: its lock is held by %s", worker->name,
            worker->lock_holder);
    else
        ADD(w, WORKER, strcmp(worker->state, "failed") == 0 ? FAIL : WARN, worker->name,
            "%s is %s%s%s", worker->name, words,
            worker->last_exit[0] != '\0' ? ", last exit: " : "", worker->last_exit);
}

static void look_at_state(struct event_watch *w, const struct stats_worker *worker,
                          const struct worker_was *was)
{
    const bool began_anew = worker->restarts > was->restarts;
    if (is_bad(worker->state) && strcmp(worker->state, was->word) != 0)
        say_word(w, worker);
    else if (is_bad(was->word) && !is_bad(worker->state))
        ADD(w, WORKER, PASS, worker->name, "%s runs again", worker->name);
    else if (began_anew)
        ADD(w, WORKER, is_fault(worker->last_exit) ? WARN : PASS, worker->name,
            "%s ended (%s) and was started again", worker->name, worker->last_exit);
}

static void look_at_worker(struct event_watch *w, const struct stats_worker *worker)
{
    bool is_new;
    struct worker_was *was = ROW_NAMED(w, workers, worker->name, &is_new);
    if (is_new)
        was->restarts = worker->restarts;
    look_at_state(w, worker, was);
    /* Of one that is suspended its state was said. */
    const bool is_silent =
        !is_bad(worker->state) && worker_state_is_silent(worker->state, worker->heartbeat_age_ms);
    if (is_silent && !was->is_silent)
        ADD(w, WORKER, FAIL, worker->name, "%s does not move any more", worker->name);
    else if (was->is_silent && !is_silent && worker->pid > 0)
        ADD(w, WORKER, PASS, worker->name, "%s moves again", worker->name);
    const bool is_pressed = worker->backpressure_since_unix > 0;
    if (is_pressed && !was->is_pressed)
        ADD(w, PRESSURE, WARN, worker->name,
            "the buffer of %s is filled above softThreshold: only what is rare enters",
            worker->source);
    else if (was->is_pressed && !is_pressed)
        ADD(w, PRESSURE, PASS, worker->name, "the buffer of %s has room again", worker->source);
    was->is_silent = is_silent;
    was->is_pressed = is_pressed;
    was->restarts = worker->restarts;
    (void)snprintf(was->word, sizeof was->word, "%s", worker->state);
}

/* --- losses ----------------------------------------------------------------------------------- */

/* How many more were lost than before; *out_most: the outcome that most of them had. A count that
 * fell is another ring's. */
static uint64_t lost_since(const struct loss_was *was, const struct ledger *ledger,
                           enum outcome *out_most)
{
    uint64_t sum = 0;
    uint64_t most = 0;
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (!outcome_is_loss(o) || ledger->outcomes[o] <= was->outcomes[o])
            continue;
        const uint64_t more = ledger->outcomes[o] - was->outcomes[o];
        sum += more;
        if (more > most)
            *out_most = o;
        most = max_u64(most, more);
    }
    return sum;
}

/* True: it is over, after `quiet` without more; *out_seconds: how long it was, at least 1. */
static bool burst_is_over(const struct event_watch *w, const struct burst *burst, mono_us quiet,
                          long long *out_seconds)
{
    *out_seconds = seconds(burst->last - burst->from) + 1;
    return burst->count > 0 && w->mono - burst->last >= quiet;
}

static void grow(const struct event_watch *w, struct burst *burst, uint64_t more)
{
    if (burst->count == 0)
        burst->from = w->mono;
    burst->count += more;
    burst->last = w->mono;
}

static void look_at_losses(struct event_watch *w, const struct stats_source *source)
{
    bool is_new;
    struct loss_was *was = ROW_NAMED(w, losses, source->name, &is_new);
    if (!source->has_ledger)
        return;
    enum outcome most = OUTCOME_DEAD;
    const uint64_t lost = was->is_known ? lost_since(was, &source->ledger, &most) : 0;
    long long lasted;
    if (lost > 0) {
        const struct outcome_info *info = outcome_info(most);
        if (was->burst.count == 0)
            ADD(w, LOSS, FAIL, source->name, "messages of %s are lost: %s%s%s", source->name,
                info->bucket, *info->reason != '\0' ? ", " : "", info->reason);
        grow(w, &was->burst, lost);
    } else if (burst_is_over(w, &was->burst, EVENT_WATCH_LOSS_QUIET_US, &lasted)) {
        ADD(w, LOSS, WARN, source->name, "%llu messages of %s were lost in %lld s",
            (unsigned long long)was->burst.count, source->name, lasted);
        was->burst.count = 0;
    }
    was->is_known = true;
    memcpy(was->outcomes, source->ledger.outcomes, sizeof was->outcomes);
}

/* --- the writer ------------------------------------------------------------------------------- */

static void look_at_commits(struct event_watch *w, const struct stats_commit *commit)
{
    const bool is_failing = commit->error[0] != '\0';
    if (is_failing && !w->is_failing) {
        ADD(w, DATABASE, FAIL, "", "nothing can be written, messages wait: %.150s", commit->error);
        w->failing_since = w->mono;
    } else if (w->is_failing && !is_failing) {
        ADD(w, DATABASE, PASS, "", "the database is written again after %lld s",
            seconds(w->mono - w->failing_since));
    }
    w->is_failing = is_failing;
    const bool has_rings_error = commit->rings_error[0] != '\0';
    if (has_rings_error && !w->has_rings_error)
        ADD(w, DATABASE, WARN, "rings", "not all rings can be read: %.150s", commit->rings_error);
    else if (w->has_rings_error && !has_rings_error)
        ADD(w, DATABASE, PASS, "rings", "all rings are read again");
    w->has_rings_error = has_rings_error;
    if (w->has_looked && commit->replaced_unix > w->replaced_unix)
        ADD(w, DATABASE, WARN, "",
            "a file of the database was replaced or deleted: what its name leads to was opened");
    if (commit->replaced_unix > 0)
        w->replaced_unix = commit->replaced_unix;
}

static void look_at_retention(struct event_watch *w, const struct stats_snapshot *s)
{
    int64_t pruned = 0;
    for (size_t i = 0; i < s->writer_count; i++) {
        if (strcmp(s->writers[i].component, "prune_packets") == 0 && s->writers[i].rows_total > 0)
            pruned = s->writers[i].rows_total;
    }
    long long lasted;
    if (w->has_looked && pruned > w->pruned) {
        grow(w, &w->prune, (uint64_t)(pruned - w->pruned));
    } else if (burst_is_over(w, &w->prune, EVENT_WATCH_PRUNE_QUIET_US, &lasted)) {
        ADD(w, RETENTION, PASS, "", "retention let %llu rows go in %lld s",
            (unsigned long long)w->prune.count, lasted);
        w->prune.count = 0;
    }
    w->pruned = pruned;
}

static void look_at_clock(struct event_watch *w, const struct stats_snapshot *s)
{
    const wall_us offset = s->sampled_at - s->sampled_mono;
    const wall_us step = offset - w->clock_offset;
    if (w->has_looked && (step > EVENT_WATCH_CLOCK_US || step < -EVENT_WATCH_CLOCK_US))
        ADD(w, CLOCK, WARN, "", "the clock went %s by %lld s: it was set, or the machine slept",
            step > 0 ? "forward" : "back", seconds(step > 0 ? step : -step));
    w->clock_offset = offset;
}

void event_watch_look(struct event_watch *w, const struct stats_snapshot *s)
{
    w->now = s->sampled_at;
    w->mono = s->sampled_mono;
    w->turn++;
    if (!w->has_looked)
        ADD(w, START, PASS, "", "the ingestor has begun, version %s", s->version);
    look_at_clock(w, s);
    for (size_t i = 0; i < s->mqtt_count; i++)
        look_at_source(w, &s->mqtt[i]);
    for (size_t i = 0; i < s->worker_count; i++)
        look_at_worker(w, &s->workers[i]);
    for (size_t i = 0; i < s->source_count; i++)
        look_at_losses(w, &s->sources[i]);
    look_at_commits(w, &s->commit);
    look_at_retention(w, s);
    stats_events_expire(&w->events, w->now / US_PER_S);
    w->has_looked = true;
}
