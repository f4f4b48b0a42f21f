/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/verify/look_ahead.h"

#include "cmd/ingestor/envelope/envelope.h"
#include "cmd/ingestor/envelope/frame_peek.h"
#include "cmd/ingestor/verify/verify_pool.h"
#include "common/base/log.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#define RECORDS_MAX VERIFY_JOBS
/* Waking a thread costs as much as a few signatures. */
#define RECORDS_LEAST 16
/* Records looked at between two hand-overs. */
#define HAND_OVER 128
#define REST_US   (600 * (mono_us)US_PER_S)

static_assert(CONFIG_VERIFIERS_MAX <= VERIFY_THREADS_MAX, "verifyWorkers");

struct look_ahead {
    struct verify_pool *pool;
    mono_us rests_until; /* 0 = it does not */
};

unsigned look_ahead_threads(int verify_workers, int cores)
{
    if (verify_workers >= 0)
        return (unsigned)verify_workers;
    const int spare = cores - 2;
    return spare < 1 ? 0 : spare < CONFIG_VERIFIERS_MAX ? (unsigned)spare : CONFIG_VERIFIERS_MAX;
}

/* Those that we may run on. */
static int count_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void say_started(unsigned started, unsigned wanted)
{
    if (started == wanted)
        log_event(LOG_INFO, "flusher", "signatures are verified ahead",
                  KV(KV_INT("threads", started)));
    else
        log_event(LOG_WARN, "flusher",
                  started > 0 ? "not as many threads as verifyWorkers says could be started"
                              : "no thread could be started to verify signatures ahead: the writer "
                                "does so itself",
                  KV(KV_INT("threads", started), KV_INT("wanted", wanted)));
}

struct look_ahead *look_ahead_start(const struct config *config, bool is_resting)
{
    const unsigned wanted = config->signature_mode == SIGNATURE_OFF
                                ? 0
                                : look_ahead_threads(config->verify_workers, count_cores());
    if (wanted == 0)
        return NULL;
    struct look_ahead *ahead = calloc(1, sizeof *ahead);
    const unsigned started = ahead != NULL ? verify_pool_start(wanted, &ahead->pool) : 0;
    say_started(started, wanted);
    if (started == 0) {
        free(ahead);
        return NULL;
    }
    ahead->rests_until = is_resting ? clock_mono() + REST_US : 0;
    return ahead;
}

void look_ahead_stop(struct look_ahead *ahead)
{
    if (ahead == NULL)
        return;
    verify_pool_stop(ahead->pool);
    free(ahead);
}

static bool may_be_advert(const struct ring_message *message)
{
    struct frame_peek rest = {(const char *)message->payload, message->payload_len};
    struct frame_peek hex;
    while (frame_peek_next(&rest, &hex)) {
        const int header = frame_peek_byte(hex, 0);
        if (header >= 0 && meshcore_header_type((uint8_t)header) == MESHCORE_ADVERT)
            return true;
    }
    return false;
}

/* False: there is no room for more. */
static bool offer(struct look_ahead *ahead, const struct ring_message *message,
                  const struct look_ahead_question *ask)
{
    struct envelope envelope;
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    uint8_t hash[MESHCORE_HASH_BYTES];
    if (envelope_parse(message->topic, message->topic_len, message->payload, message->payload_len,
                       &envelope) != OUTCOME_NONE ||
        envelope.kind != ENVELOPE_PACKET ||
        meshcore_parse(envelope.packet.raw, envelope.packet.raw_len, &frame) != MESHCORE_FRAME_OK ||
        frame.type != MESHCORE_ADVERT || !meshcore_parse_advert(&frame, &advert))
        return true;
    meshcore_content_hash(&frame, hash);
    return !ask->is_wanted(ask->context, message, hash) || verify_pool_offer(ahead->pool, &advert);
}

static bool look_at(struct look_ahead *ahead, struct ring_reader *ring,
                    const struct ring_record *record, const struct look_ahead_question *ask)
{
    if (!may_be_advert(&record->message))
        return true;
    ring_reader_mark_inflight(ring, &record->at);
    const bool has_room = offer(ahead, &record->message, ask);
    ring_reader_clear_inflight(ring);
    return has_room;
}

uint64_t look_ahead(struct look_ahead *ahead, struct ring_reader *ring, uint64_t most,
                    const struct look_ahead_question *ask)
{
    if (ahead == NULL || most < RECORDS_LEAST ||
        (ahead->rests_until != 0 && clock_mono() < ahead->rests_until))
        return 0;
    struct ring_cursor from;
    struct ring_record record;
    uint64_t looked = 0;
    uint64_t handed_over = 0;
    ring_reader_position(ring, &from);
    while (looked < most && looked < RECORDS_MAX && ring_reader_next(ring, &record) == STATUS_OK &&
           record.strikes == 0 && look_at(ahead, ring, &record, ask)) {
        looked += 1 + record.gap;
        if (looked - handed_over >= HAND_OVER) {
            verify_pool_hand_over(ahead->pool);
            handed_over = looked;
        }
    }
    verify_pool_hand_over(ahead->pool);
    ring_reader_rewind(ring, &from);
    return looked;
}

enum verdict look_ahead_verdict(struct look_ahead *ahead, const struct meshcore_advert *advert)
{
    return ahead != NULL ? verify_pool_verdict(ahead->pool, advert) : VERDICT_UNKNOWN;
}
