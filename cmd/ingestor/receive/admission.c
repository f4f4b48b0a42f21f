/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/admission.h"

#include "cmd/ingestor/envelope/frame_peek.h"
#include "common/base/crc32c.h"
#include "common/mesh/meshcore.h"

#include <assert.h>
#include <string.h>

#define STATUS_SEGMENT "/status"

void admission_reset(struct admission *admission)
{
    memset(admission->slots, 0, sizeof admission->slots);
}

static bool is_priority_type(unsigned type)
{
    return type == MESHCORE_ADVERT || type == MESHCORE_TXT_MSG || type == MESHCORE_GRP_TXT ||
           type == MESHCORE_TRACE;
}

/* The digits of the payload: what is the same at every hop. All digits where this is no frame, so
 * that repeated rubbish is a repetition too. */
static struct frame_peek behind_path(struct frame_peek hex, uint8_t header)
{
    const size_t codes =
        meshcore_has_transport(meshcore_header_route(header)) ? MESHCORE_TRANSPORT_BYTES : 0;
    const size_t path_at = 2 * (1 + codes);
    const int path_len = frame_peek_byte(hex, path_at);
    if (path_len < 0)
        return hex;
    const size_t path_bytes =
        (size_t)meshcore_path_count((uint8_t)path_len) * meshcore_path_hash_size((uint8_t)path_len);
    const size_t start = path_at + 2 + 2 * path_bytes;
    return start < hex.len ? (struct frame_peek){hex.at + start, hex.len - start} : hex;
}

static struct admission_class classify_frame(const struct admission *admission,
                                             struct frame_peek hex)
{
    const int header = frame_peek_byte(hex, 0);
    const struct frame_peek payload = header < 0 ? hex : behind_path(hex, (uint8_t)header);
    const uint32_t sighting = crc32c(0, payload.at, payload.len);
    const uint32_t last = admission->slots[sighting % ADMISSION_SLOTS];
    assert(last == 0 || last % ADMISSION_SLOTS == sighting % ADMISSION_SLOTS);
    return (struct admission_class){
        .is_priority = (header >= 0 && is_priority_type(meshcore_header_type((uint8_t)header))) ||
                       sighting == 0 || last != sighting,
        .sighting = sighting,
    };
}

struct admission_class admission_classify(const struct admission *admission,
                                          const struct ring_message *message)
{
    struct admission_class class = {.is_priority = false};
    if (message->topic_len > 0)
        class.is_priority = memmem(message->topic, message->topic_len, STATUS_SEGMENT,
                                   strlen(STATUS_SEGMENT)) != NULL;
    struct frame_peek rest = {(const char *)message->payload, message->payload_len};
    struct frame_peek hex;
    while (!class.is_priority && frame_peek_next(&rest, &hex)) {
        const struct admission_class frame = classify_frame(admission, hex);
        class.is_priority = frame.is_priority;
        class.sighting = frame.sighting;
    }
    return class;
}

void admission_remember(struct admission *admission, const struct admission_class *class)
{
    if (class->sighting != 0)
        admission->slots[class->sighting % ADMISSION_SLOTS] = class->sighting;
}
