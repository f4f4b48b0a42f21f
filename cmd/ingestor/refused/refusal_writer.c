/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/refused/refusal_writer.h"

#include "cmd/ingestor/envelope/topic.h"

#include <string.h>

_Static_assert(REFUSAL_HASH_BYTES == MESHCORE_HASH_BYTES && REFUSAL_NODE_MAX == MESHCORE_KEY_BYTES,
               "as the decoder says it");

/* --- which message it was --------------------------------------------------------------------- */

static const struct envelope_packet *packet_of(const struct envelope *envelope)
{
    return envelope->kind == ENVELOPE_PACKET   ? &envelope->packet
           : envelope->kind == ENVELOPE_CLIENT ? &envelope->client.packet
                                               : NULL;
}

static void describe_packet(struct refusal_facts *facts, const struct envelope_packet *packet)
{
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    if (meshcore_parse(packet->raw, packet->raw_len, &frame) != MESHCORE_FRAME_OK)
        return;
    meshcore_content_hash(&frame, facts->hash);
    facts->has_hash = true;
    if (frame.type == MESHCORE_ADVERT && meshcore_parse_advert(&frame, &advert)) {
        memcpy(facts->node, advert.public_key, MESHCORE_KEY_BYTES);
        facts->node_len = MESHCORE_KEY_BYTES;
    }
}

static void describe_envelope(struct refusal_facts *facts, const struct envelope *envelope)
{
    refusal_facts_observer(facts, envelope->observer, strlen(envelope->observer));
    const struct envelope_packet *packet = packet_of(envelope);
    if (packet != NULL)
        describe_packet(facts, packet);
    if (envelope->kind == ENVELOPE_REGIONS) {
        memcpy(facts->node, envelope->regions.target, MESHCORE_KEY_BYTES);
        facts->node_len = MESHCORE_KEY_BYTES;
    }
}

static void describe_topic(struct refusal_facts *facts, const char *text, size_t len)
{
    struct topic topic;
    topic_parse(text, len, &topic);
    if (topic.observer != NULL)
        refusal_facts_observer(facts, topic.observer, topic.observer_len);
}

void refusal_writer_describe(struct refusal_writer *writer, const struct refusal_message *of,
                             enum outcome outcome)
{
    const struct ring_message *message = of->message;
    struct refusal_facts *facts = &writer->facts;
    facts->cause = REFUSAL_NONE;
    if (outcome == OUTCOME_COMMITTED || refusal_of(outcome) == REFUSAL_NONE ||
        !refusals_have_room(writer->refusals, of->source, outcome, clock_mono()))
        return;
    refusal_facts_init(facts, rules_refusal(writer->rules, of->config, of->envelope, outcome),
                       of->source, message->receipt / US_PER_MS);
    facts->bytes = message->payload_len;
    refusal_facts_topic(facts, message->topic, message->topic_len);
    if (of->envelope != NULL)
        describe_envelope(facts, of->envelope);
    else if (outcome != OUTCOME_DEAD) /* nothing reads that one again */
        describe_topic(facts, message->topic, message->topic_len);
}

enum status refusal_writer_note(struct refusal_writer *writer, enum outcome outcome)
{
    if (outcome == OUTCOME_COMMITTED || refusal_of(outcome) == REFUSAL_NONE)
        return STATUS_OK;
    refusals_count(writer->refusals, outcome, 1);
    const enum refusal cause = writer->facts.cause;
    writer->facts.cause = REFUSAL_NONE;
    if (cause == REFUSAL_NONE || refusal_info(cause)->outcome != outcome)
        return STATUS_OK;
    writer->facts.cause = cause;
    const enum status status = refusals_add(writer->refusals, &writer->facts);
    writer->facts.cause = REFUSAL_NONE;
    return status;
}

enum status refusal_writer_gap(struct refusal_writer *writer, const char *source, uint64_t records)
{
    struct refusal_facts facts;
    if (records == 0)
        return STATUS_OK;
    refusals_count(writer->refusals, OUTCOME_DROPPED_GAP, records);
    if (!refusals_have_room(writer->refusals, source, OUTCOME_DROPPED_GAP, clock_mono()))
        return STATUS_OK;
    refusal_facts_init(&facts, REFUSAL_GAP, source, clock_wall() / US_PER_MS);
    facts.records = records;
    return refusals_add(writer->refusals, &facts);
}

/* --- the receivers' slots --------------------------------------------------------------------- */

static uint32_t generation(const struct refusal_writer *writer)
{
    /* Acquire: a note stands when its number is seen. */
    return atomic_load_explicit(&writer->cb->refusals_generation, memory_order_acquire);
}

bool refusal_writer_is_waiting(const struct refusal_writer *writer)
{
    return generation(writer) != writer->generation;
}

bool refusal_writer_is_due(const struct refusal_writer *writer)
{
    return refusal_writer_is_waiting(writer) &&
           clock_mono() - writer->looked_at >= REFUSAL_WRITER_US;
}

static void take_over(void *context, int64_t worker, int64_t cause, uint64_t taken)
{
    struct refusal_writer *writer = context;
    if (worker > 0 && worker < WORKERS_MAX && cause >= 0 && cause < REFUSALS_OF_RECEIVER)
        writer->taken[worker][cause] = taken;
}

enum status refusal_writer_open(struct refusal_writer *writer, struct refusals *refusals,
                                const struct rules *rules, const struct control_block *cb)
{
    *writer = (struct refusal_writer){.refusals = refusals, .rules = rules, .cb = cb};
    writer->facts.cause = REFUSAL_NONE;
    /* Where anything was ever noted, it is looked at at once; 0 = nothing was. */
    return refusals_taken_load(refusals, cb->started_at, take_over, writer);
}

static enum status add_note(struct refusal_writer *writer, const struct refusal_note *note)
{
    struct refusal_facts facts;
    if (note->cause < 0 || note->cause >= REFUSALS_OF_RECEIVER)
        return STATUS_OK;
    const enum refusal cause = (enum refusal)note->cause;
    if (!refusals_have_room(writer->refusals, note->source, refusal_info(cause)->outcome,
                            clock_mono()))
        return STATUS_OK;
    const size_t len = (size_t)min_u64(note->topic_len, sizeof note->topic);
    refusal_facts_init(&facts, cause, note->source, note->receipt / US_PER_MS);
    facts.bytes = note->payload_len;
    refusal_facts_topic(&facts, note->topic, len);
    describe_topic(&facts, note->topic, len);
    return refusals_add(writer->refusals, &facts);
}

static uint64_t sum_of(const uint64_t counts[static REFUSALS_OF_RECEIVER])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < REFUSALS_OF_RECEIVER; i++)
        sum += counts[i];
    return sum;
}

static enum status take_counts(struct refusal_writer *writer, size_t worker,
                               const uint64_t counts[static REFUSALS_OF_RECEIVER])
{
    uint64_t *taken = writer->taken[worker];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < REFUSALS_OF_RECEIVER; i++) {
        if (counts[i] <= taken[i])
            continue;
        refusals_count(writer->refusals, refusal_info((enum refusal)i)->outcome,
                       counts[i] - taken[i]);
        taken[i] = counts[i];
        status = refusals_taken_save(writer->refusals, writer->cb->started_at, (int64_t)worker,
                                     (int64_t)i, taken[i]);
    }
    return status;
}

static enum status take_worker(struct refusal_writer *writer, size_t worker)
{
    const struct refusal_slots *slots = &writer->cb->workers[worker].refusals;
    uint64_t counts[REFUSALS_OF_RECEIVER];
    refusal_slots_counts(slots, counts);
    const uint64_t newest = sum_of(counts);
    uint64_t number = sum_of(writer->taken[worker]);
    enum status status = STATUS_OK;
    if (newest > number + REFUSAL_SLOTS)
        number = newest - REFUSAL_SLOTS;
    while (status == STATUS_OK && number < newest) {
        struct refusal_note note;
        if (refusal_slots_read(slots, ++number, &note))
            status = add_note(writer, &note);
    }
    return status == STATUS_OK ? take_counts(writer, worker, counts) : status;
}

enum status refusal_writer_take(struct refusal_writer *writer)
{
    const uint32_t now = generation(writer); /* before the look */
    enum status status = STATUS_OK;
    if (now == writer->generation)
        return STATUS_OK;
    for (size_t i = 1; status == STATUS_OK && i < WORKERS_MAX; i++)
        status = take_worker(writer, i);
    writer->generation = now;
    writer->looked_at = clock_mono();
    return status;
}
