/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_apply.h"

#include "cmd/ingestor/verify/look_ahead.h"
#include "common/base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A poison record: dead-lettered when it has ended the flusher so often. */
#define STRIKES_DEAD 2

/* A table's rules refuse none of our rows, but somebody may have given it more of them. */
#define CAREFUL_US (600 * (mono_us)US_PER_S)

/* A pass may take longer than a turn may (a cold database on a slow disk): records done are a sign
 * of life. Without it the hang would be a strike against whichever record was in hand. */
#define RECORDS_A_BEAT 64

static void count_result(struct flusher *f, const struct store_result *result)
{
    flusher_count(f, METRIC_TX_INSERTED, result->is_new_transmission);
    flusher_count(f, METRIC_OBS_INSERTED, result->is_new_observation);
    flusher_count(f, METRIC_TX_DUPES, result->is_new_observation && !result->is_new_transmission);
    flusher_count(f, METRIC_NODE_UPSERTS, result->node_upserted);
    flusher_count(f, METRIC_OBSERVER_UPSERTS, result->observer_upserted);
    flusher_count(f, METRIC_SIG_DROPS, result->outcome == OUTCOME_REJECTED_SIGNATURE);
}

static bool parse_frame(const struct envelope_packet *packet, struct meshcore_frame *out_frame,
                        struct store_result *result)
{
    if (meshcore_parse(packet->raw, packet->raw_len, out_frame) == MESHCORE_FRAME_OK)
        return true;
    result->outcome = OUTCOME_REJECTED_FRAME;
    return false;
}

static enum status apply_packet(struct flusher *f, const struct flusher_ring *ring,
                                const struct ring_message *message, const struct envelope *envelope,
                                struct store_result *result)
{
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    uint8_t hash[MESHCORE_HASH_BYTES];
    if (!parse_frame(&envelope->packet, &frame, result))
        return STATUS_OK;
    struct store_packet packet = {
        .source = ring->info.source,
        .envelope = envelope,
        .frame = &frame,
        .hash = hash,
        .is_retained = (message->flags & RING_RETAIN) != 0,
        .receipt_ms = message->receipt / US_PER_MS,
    };
    if (frame.type == MESHCORE_ADVERT) {
        packet.advert = &advert;
        result->outcome = meshcore_parse_advert(&frame, &advert)
                              ? rules_advert(f->rules, &advert, &packet.is_foreign)
                              : OUTCOME_REJECTED_ADVERT;
        if (result->outcome != OUTCOME_NONE)
            return STATUS_OK;
        packet.verdict = look_ahead_verdict(f->ahead, &advert);
        flusher_count(f, METRIC_VERIFIED_AHEAD, packet.verdict != VERDICT_UNKNOWN);
    }
    meshcore_content_hash(&frame, hash);
    return store_packet(f->store, &packet, result);
}

static enum status apply_status(struct flusher *f, const struct ring_message *message,
                                const struct envelope *envelope, struct store_result *result)
{
    const struct store_status status = {
        .envelope = envelope,
        .message = message,
        .receipt_ms = message->receipt / US_PER_MS,
    };
    return store_status(f->store, &status, result);
}

static enum status apply_client(struct flusher *f, const struct store_message *message,
                                struct store_result *result)
{
    const struct envelope *envelope = message->envelope;
    struct meshcore_frame frame;
    struct store_client client;
    int64_t skew_s;
    if (!parse_frame(&envelope->client.packet, &frame, result))
        return STATUS_OK;
    result->outcome =
        rules_heard(f->rules, &envelope->client, &frame, &client.heard, &client.heard_len);
    if (result->outcome != OUTCOME_NONE)
        return STATUS_OK;
    client.rx_ms = envelope_resolve_time(envelope, message->receipt_ms, &skew_s);
    return store_client(f->store, message, &client, result);
}

static enum status apply_regions(struct flusher *f, const struct store_message *message,
                                 struct store_result *result)
{
    result->outcome = rules_answer(f->rules, &message->envelope->regions);
    return result->outcome == OUTCOME_NONE ? store_regions(f->store, message, result) : STATUS_OK;
}

static enum status apply_envelope(struct flusher *f, const struct flusher_ring *ring,
                                  const struct ring_message *message,
                                  const struct envelope *envelope, struct store_result *result)
{
    const struct store_message other = {
        .source = ring->info.source,
        .envelope = envelope,
        .message = message,
        .receipt_ms = message->receipt / US_PER_MS,
    };
    switch (envelope->kind) {
    case ENVELOPE_PACKET:
        return apply_packet(f, ring, message, envelope, result);
    case ENVELOPE_STATUS:
        return apply_status(f, message, envelope, result);
    case ENVELOPE_MESSAGE:
        return store_companion(f->store, &other, result);
    case ENVELOPE_NEIGHBORS:
        return store_neighbors(f->store, &other, result);
    case ENVELOPE_REGIONS:
        return apply_regions(f, &other, result);
    case ENVELOPE_CLIENT:
        break;
    }
    return apply_client(f, &other, result);
}

/* For a while after a row was refused: the batch that it was in is not made anew for each. */
static bool is_careful(const struct flusher *f)
{
    return f->careful_until != 0 && clock_mono() < f->careful_until;
}

bool flusher_begin_care(struct flusher *f)
{
    if (is_careful(f))
        return false;
    f->careful_until = clock_mono() + CAREFUL_US;
    return true;
}

static enum status apply_message(struct flusher *f, const struct flusher_ring *ring,
                                 const struct ring_message *message, struct store_result *result)
{
    struct envelope envelope;
    result->outcome = envelope_parse(message->topic, message->topic_len, message->payload,
                                     message->payload_len, &envelope);
    const bool is_quick = result->outcome != OUTCOME_NONE || envelope.kind == ENVELOPE_PACKET;
    enum status status =
        is_quick && !is_careful(f) ? store_record(f->store) : store_savepoint(f->store);
    if (status != STATUS_OK)
        return status;
    struct refusal_message refused = {
        .source = ring->info.source, .config = ring->source, .message = message};
    if (result->outcome != OUTCOME_NONE) {
        refusal_writer_describe(&f->refused, &refused, result->outcome);
        return STATUS_OK;
    }
    refused.envelope = &envelope;
    if (envelope.region[0] == '\0' && ring->source != NULL && ring->source->region != NULL)
        (void)strncpy(envelope.region, ring->source->region, sizeof envelope.region - 1);
    result->outcome = rules_envelope(f->rules, ring->source, &envelope);
    if (result->outcome == OUTCOME_NONE)
        status = apply_envelope(f, ring, message, &envelope, result);
    if (status == STATUS_OK || status == STATUS_CONSTRAINT)
        refusal_writer_describe(&f->refused, &refused,
                                status == STATUS_OK ? result->outcome : OUTCOME_REJECTED_STORE);
    return status;
}

/* For the tests of promise P3: no other code in this program crashes on purpose. */
static void crash_if_asked(const struct flusher *f, const struct ring_message *message)
{
    if (f->crash_on != NULL &&
        memmem(message->payload, message->payload_len, f->crash_on, strlen(f->crash_on)) != NULL)
        abort();
}

static enum status dead_letter(struct flusher *f, const struct flusher_ring *ring,
                               const struct ring_record *record, struct store_result *result)
{
    log_event(LOG_ERROR, "flusher", "record dead-lettered after it ended the flusher twice",
              KV(KV_STR("source", ring->info.source), KV_INT("offset", record->at.offset),
                 KV_INT("number", record->at.number)));
    result->outcome = OUTCOME_DEAD;
    const struct refusal_message refused = {.source = ring->info.source,
                                            .message = &record->message};
    refusal_writer_describe(&f->refused, &refused, OUTCOME_DEAD);
    return store_dead_letter(f->store, ring->info.source, &record->message,
                             "ended the flusher twice");
}

/* A row the database refuses costs itself only: back to the savepoint, counted. */
static enum status apply_record(struct flusher *f, const struct flusher_ring *ring,
                                const struct ring_record *record, struct store_result *result)
{
    enum status status;
    if (record->strikes >= STRIKES_DEAD) {
        status = store_savepoint(f->store);
        if (status == STATUS_OK)
            status = dead_letter(f, ring, record, result);
    } else {
        ring_reader_mark_inflight(ring->reader, &record->at);
        crash_if_asked(f, &record->message);
        status = apply_message(f, ring, &record->message, result);
        ring_reader_clear_inflight(ring->reader);
    }
    if (status == STATUS_OK)
        status = store_release(f->store, result->outcome);
    if (status != STATUS_CONSTRAINT)
        return status;
    const mono_us now = clock_mono();
    if (f->refusal_logged == 0 || now - f->refusal_logged >= US_PER_S) { /* all: limit_log */
        f->refusal_logged = now;
        log_event(LOG_WARN, "flusher", "row refused by the database",
                  KV(KV_STR("source", ring->info.source), KV_STR("error", store_error(f->store))));
    }
    *result = (struct store_result){.outcome = OUTCOME_REJECTED_STORE};
    flusher_count(f, METRIC_WRITE_ERRORS, 1);
    status = store_rollback_record(f->store);
    if (status == STATUS_AGAIN)
        IGNORE(flusher_begin_care(f), "it was not careful: the record had no savepoint");
    return status;
}

static void consume_gap(struct flusher *f, struct flusher_ring *ring,
                        const struct ring_record *record)
{
    if (record->gap == 0)
        return;
    log_event(LOG_ERROR, "flusher", "damaged records skipped",
              KV(KV_STR("source", ring->info.source), KV_INT("records", record->gap),
                 KV_STR("ring", ring->path)));
    ring->row.tuple.consumed += record->gap;
    ring->row.tuple.outcomes[OUTCOME_DROPPED_GAP] += record->gap;
    f->batch_news += record->gap;
    ring->has_changed = true;
}

/* Between receipt and the writer's turn; contention: longer than the operator's window asks for. */
static void note_wait(struct flusher *f, const struct ring_message *message)
{
    const double waited_ms = (double)(f->batch_began - message->receipt) / US_PER_MS;
    perf_window_add(&f->wait_ms[WRITER_MESSAGES], waited_ms > 0 ? waited_ms : 0);
    f->late_records += waited_ms > (double)f->policy.window_us / US_PER_MS + 100;
}

NODISCARD static enum status consume(struct flusher *f, struct flusher_ring *ring,
                                     const struct ring_record *record,
                                     const struct store_result *result)
{
    ring->row.tuple.consumed++;
    ring->row.tuple.outcomes[result->outcome]++;
    f->batch_news += result->outcome != OUTCOME_DUPLICATE;
    ring->row.cursor = record->next;
    ring->has_changed = true;
    count_result(f, result);
    recorder_add(f->recorder, ring->info.source, &record->message);
    note_wait(f, &record->message);
    return refusal_writer_note(&f->refused, result->outcome);
}

static bool needs_verdict(void *context, const struct ring_message *message,
                          const uint8_t hash[static MESHCORE_HASH_BYTES])
{
    struct flusher *f = context;
    crash_if_asked(f, message);
    return !store_knows(f->store, hash);
}

/* Up to how many taken of this pass the look ahead reaches; UINT64_MAX = it is over. */
static uint64_t look_on(struct flusher *f, struct flusher_ring *ring, uint64_t taken, uint64_t max)
{
    const uint64_t most = min_u64(max - taken, f->batch.waiting);
    const uint64_t looked =
        look_ahead(f->ahead, ring->reader, most,
                   &(struct look_ahead_question){.is_wanted = needs_verdict, .context = f});
    return looked > 0 ? taken + looked : UINT64_MAX;
}

enum status flusher_apply_ring(struct flusher *f, struct flusher_ring *ring, uint64_t max,
                               uint64_t *out_taken)
{
    assert(f->state == FLUSHER_WRITING);
    *out_taken = 0;
    uint64_t looked = 0; /* up to that many taken: looked at ahead */
    mono_us before = clock_mono();
    while (*out_taken < max) {
        struct ring_record record;
        if (*out_taken >= looked)
            looked = look_on(f, ring, *out_taken, max);
        const enum status next = ring_reader_next(ring->reader, &record);
        if (next != STATUS_OK) {
            if (record.gap > 0) { /* the damaged end of the ring */
                consume_gap(f, ring, &record);
                ring->row.cursor = record.next;
                *out_taken += record.gap;
            }
            return next == STATUS_AGAIN ? STATUS_OK : next;
        }
        if (record.strikes > 0 && f->batch_rows + *out_taken > 0) {
            /* A suspect is applied in a transaction of its own: if it ends us again, only
             * it is replayed. */
            ring_reader_rewind(ring->reader, &ring->row.cursor);
            f->must_commit = true;
            return STATUS_OK;
        }
        consume_gap(f, ring, &record);
        struct store_result result = {.outcome = OUTCOME_NONE};
        enum status status = apply_record(f, ring, &record, &result);
        if (status == STATUS_OK)
            status = consume(f, ring, &record, &result);
        if (status != STATUS_OK)
            return status;
        const mono_us now = clock_mono();
        perf_window_add(&f->hold_ms[WRITER_MESSAGES], (double)(now - before) / US_PER_MS);
        before = now;
        *out_taken += 1 + record.gap;
        if (*out_taken % RECORDS_A_BEAT == 0)
            worker_beat(f->slot, PHASE_RUN);
        if (record.strikes > 0 || recorder_is_full(f->recorder)) {
            f->must_commit = true;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}
