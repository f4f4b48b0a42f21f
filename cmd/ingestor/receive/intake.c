/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/intake.h"

#include "cmd/ingestor/envelope/topic.h"
#include "cmd/ingestor/receive/admission.h"
#include "cmd/ingestor/receive/observer_rate.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Short against a group commit, long against the cost of looking (a few atomic loads). */
#define WAIT_POLL_US 500

struct intake {
    /* constant after new */
    struct intake_params params;
    /* the feed's thread only */
    struct observer_rate *rate; /* NULL = off */
    bool is_selective;
    struct admission admission;
    /* atomic: feed's thread -> main loop; for its reports, and whether to enter the library */
    _Atomic bool is_waiting;
    /* atomic: feed's thread <-> main loop, sequentially consistent: each sets its own, then looks
     * at the other's (intake_close) */
    _Atomic bool is_busy, is_closed;
    /* atomic: sync thread -> feed's thread; relaxed: looked at for every message, orders nothing */
    _Atomic bool is_distrusted;
    /* atomic: feed's thread -> main loop; relaxed: a time, nothing is read on its account */
    _Atomic int64_t last_receipt;
};

struct intake *intake_new(const struct intake_params *params)
{
    struct intake *intake = calloc(1, sizeof *intake);
    if (intake == NULL)
        return NULL;
    intake->params = *params;
    if (params->observer_max_per_second > 0) {
        intake->rate = observer_rate_new(params->observer_max_per_second, params->seed);
        if (intake->rate == NULL) {
            free(intake);
            return NULL;
        }
    }
    return intake;
}

void intake_free(struct intake *intake)
{
    if (intake == NULL)
        return;
    observer_rate_free(intake->rate);
    free(intake);
}

bool intake_is_waiting(const struct intake *intake)
{
    return atomic_load(&intake->is_waiting);
}

mono_us intake_last_receipt(const struct intake *intake)
{
    return atomic_load_explicit(&intake->last_receipt, memory_order_relaxed); /* a time */
}

void intake_distrust(struct intake *intake, bool is_failed)
{
    atomic_store_explicit(&intake->is_distrusted, is_failed, memory_order_relaxed); /* a hint */
}

static bool is_distrusted(const struct intake *intake)
{
    return atomic_load_explicit(&intake->is_distrusted, memory_order_relaxed); /* a hint */
}

static void pause_us(long us)
{
    const struct timespec pause = clock_timespec(us);
    IGNORE(nanosleep(&pause, NULL), "a shorter pause is as good");
}

/* The one at work in the ring, or waiting to be: until leave. */
static void enter(struct intake *intake)
{
    atomic_store(&intake->is_busy, true);
    if (!atomic_load(&intake->is_closed))
        return;
    atomic_store(&intake->is_busy, false);
    for (;;)
        IGNORE(pause(), "until the process ends");
}

static void leave(struct intake *intake)
{
    /* Release: what was written into the ring before. */
    atomic_store_explicit(&intake->is_busy, false, memory_order_release);
}

void intake_close(struct intake *intake)
{
    atomic_store(&intake->is_closed, true);
    while (atomic_load(&intake->is_busy))
        pause_us(WAIT_POLL_US);
}

/* The main loop beats meanwhile by worker_beat_unless_waiting: until wait_end the phase is WAIT. */
static void wait_begin(struct intake *intake)
{
    atomic_store(&intake->is_waiting, true);
    worker_beat(intake->params.slot, PHASE_WAIT);
}

static void wait_end(struct intake *intake)
{
    worker_beat(intake->params.slot, PHASE_RUN);
    atomic_store(&intake->is_waiting, false);
}

static bool can_append(const struct intake *intake, const struct ring_message *message)
{
    return !is_distrusted(intake) &&
           ingest_buffer_has_room(intake->params.ring, message->topic_len, message->payload_len);
}

/* I2. Returns only when there is room. */
static void wait_for_room(struct intake *intake, const struct ring_message *message, mono_us since)
{
    const struct intake_params *params = &intake->params;
    wait_begin(intake);
    while (!can_append(intake, message)) {
        enter(intake); /* closed meanwhile? */
        if (worker_should_stop(params->slot))
            params->give_up(params->give_up_context, EXIT_CLEAN);
        if (clock_mono() - since >= params->wait_limit)
            params->give_up(params->give_up_context, EXIT_LOCKED);
        wake_notify(&params->cb->flusher_wake);
        pause_us(WAIT_POLL_US);
    }
    wait_end(intake);
}

/* I3. syncs_wanted is set again at every look, so that another receiver's clearing, or its death
 *     between setting and clearing, can't matter for long. */
static void wait_until_durable(struct intake *intake, mono_us since)
{
    const struct intake_params *params = &intake->params;
    wait_begin(intake);
    while (!ingest_buffer_is_drained(params->ring) && !worker_should_stop(params->slot) &&
           clock_mono() - since < params->wait_limit) {
        enter(intake); /* as above: in the ring already, and not acknowledged */
        atomic_store_explicit(&params->cb->syncs_wanted, 1, memory_order_relaxed);
        wake_notify(&params->cb->flusher_wake);
        pause_us(WAIT_POLL_US);
    }
    atomic_store_explicit(&params->cb->syncs_wanted, 0, memory_order_relaxed);
    wait_end(intake);
}

static bool is_over_rate(struct intake *intake, const struct ring_message *message, mono_us now)
{
    if (intake->rate == NULL)
        return false;
    struct topic topic;
    topic_parse(message->topic, message->topic_len, &topic);
    return topic.observer != NULL &&
           !observer_rate_take(intake->rate, topic.observer, topic.observer_len, now);
}

/* Looked at only above the threshold, so that the ordinary message does not pay for it. */
static struct admission_class classify(struct intake *intake, const struct ring_message *message)
{
    if (!ingest_buffer_is_soft(intake->params.ring)) {
        intake->is_selective = false;
        return (struct admission_class){0};
    }
    if (!intake->is_selective) {
        admission_reset(&intake->admission);
        intake->is_selective = true;
    }
    return admission_classify(&intake->admission, message);
}

static enum outcome push(struct intake *intake, const struct ring_message *message)
{
    struct admission_class class = {0};
    if (!intake->params.is_replay)
        class = classify(intake, message);
    struct ring_message copy = *message;
    if (class.is_priority || intake->params.is_replay)
        copy.flags |= RING_PRIORITY;
    const enum outcome outcome = ingest_buffer_push(intake->params.ring, &copy);
    if (outcome == OUTCOME_NONE && intake->is_selective)
        admission_remember(&intake->admission, &class);
    return outcome;
}

static enum outcome append(struct intake *intake, const struct ring_message *message, mono_us now)
{
    const bool is_acked = (message->flags & RING_QOS_MASK) != 0;
    struct ring_message copy = *message;
    enum outcome outcome;
    if (is_acked && intake->params.is_persistent) {
        if (!can_append(intake, message))
            wait_for_room(intake, message, now);
        copy.flags |= RING_PRIORITY | RING_PERSISTENT;
        outcome = ingest_buffer_push(intake->params.ring, &copy);
    } else if (is_distrusted(intake)) {
        outcome = OUTCOME_DROPPED_SPOOL;
        ingest_buffer_count(intake->params.ring, outcome);
    } else {
        outcome = push(intake, message);
    }
    wake_notify(&intake->params.cb->flusher_wake);
    if (outcome == OUTCOME_NONE && intake->params.wait_durable)
        wait_until_durable(intake, now);
    return outcome;
}

static void stamp(struct intake *intake, const struct ring_message *message, mono_us now)
{
    /* Relaxed: times for themselves. */
    atomic_store_explicit(&intake->params.slot->last_receipt_us, message->receipt,
                          memory_order_relaxed);
    if ((message->flags & RING_RETAIN) == 0)
        atomic_store_explicit(&intake->last_receipt, now, memory_order_relaxed);
}

/* For whoever asks where it is; the counts are the ring's. */
static void note_refusal(struct intake *intake, const struct ring_message *message,
                         enum outcome outcome)
{
    const struct intake_params *params = &intake->params;
    struct ring_stats stats;
    enum refusal cause = refusal_of(outcome);
    if (outcome == OUTCOME_REJECTED_TOO_LARGE)
        cause = message->topic_len > RING_TOPIC_MAX                 ? REFUSAL_LONG_TOPIC
                : message->payload_len <= params->max_message_bytes ? REFUSAL_LARGER_THAN_RING
                                                                    : REFUSAL_TOO_LARGE;
    else if (outcome == OUTCOME_DROPPED_QUEUE_FULL && ingest_buffer_stats(params->ring, &stats) &&
             stats.records < stats.capacity_records)
        cause = REFUSAL_RING_BYTES;
    refusal_slots_note(&params->slot->refusals, cause, params->slot->source, message);
    /* Release: behind the note. */
    atomic_fetch_add_explicit(&params->cb->refusals_generation, 1, memory_order_release);
}

static enum outcome accept_one(struct intake *intake, const struct ring_message *message)
{
    const mono_us now = clock_mono();
    struct ring_message stamped = *message;
    stamped.flags &= RING_QOS_MASK | RING_RETAIN | RING_DUP;
    if (!intake->params.is_replay || message->receipt == 0)
        stamped.receipt = clock_wall();
    stamp(intake, &stamped, now);
    enum outcome outcome = OUTCOME_NONE;
    if (message->payload_len > intake->params.max_message_bytes ||
        message->topic_len > RING_TOPIC_MAX)
        outcome = OUTCOME_REJECTED_TOO_LARGE;
    else if (is_over_rate(intake, &stamped, now))
        outcome = OUTCOME_FILTERED_RATE;
    if (outcome == OUTCOME_NONE)
        outcome = append(intake, &stamped, now);
    else
        ingest_buffer_count(intake->params.ring, outcome);
    if (outcome != OUTCOME_NONE)
        note_refusal(intake, &stamped, outcome);
    return outcome;
}

enum outcome intake_accept(struct intake *intake, const struct ring_message *message)
{
    enter(intake);
    const enum outcome outcome = accept_one(intake, message);
    leave(intake);
    return outcome;
}
