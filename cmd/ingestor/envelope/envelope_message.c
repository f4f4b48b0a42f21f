/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_message.h"

#include "cmd/ingestor/envelope/envelope_number.h"

#include <string.h>

#define CHANNEL_IDX_MAX 255

/* The payload's number overrides the topic's; one that is there and is none is an
 * error, not silence. */
static bool take_channel(const struct topic *topic, const struct json_value *value, int *out)
{
    double number = (double)NAN;
    if (!envelope_is_absent(value))
        number = envelope_number_of(value);
    else if (topic->peer != NULL)
        number = envelope_number_parse(topic->peer, topic->peer_len);
    if (!(number >= 0 && number <= CHANNEL_IDX_MAX) || number != floor(number))
        return false;
    *out = (int)number;
    return true;
}

static bool take_peer(const struct topic *topic, char *out, size_t cap)
{
    return topic->peer != NULL &&
           envelope_copy_text((struct envelope_span){topic->peer, topic->peer_len}, out, cap);
}

/* 0 is a time, if a wrong one; what no 32-bit clock can say is none. */
static void take_sender_time(const struct json_value *value, struct envelope_message *out)
{
    const double number = envelope_number_of(value);
    if (number >= 0 && number <= (double)UINT32_MAX) {
        out->has_sender_time = true;
        out->sender_time = (uint32_t)number;
    }
}

enum outcome envelope_parse_message(const struct topic *topic, const struct envelope_fields *f,
                                    struct envelope *out)
{
    struct envelope_message *message = &out->message;
    memset(message, 0, sizeof *message);
    const struct json_value *text = &f->at[KEY_TEXT];
    if (envelope_is_absent(text))
        return OUTCOME_FILTERED_EMPTY;
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(text, scratch);
    if (span.text == NULL)
        return OUTCOME_REJECTED_ENVELOPE;
    if (!envelope_copy_text(span, message->text, sizeof message->text))
        return OUTCOME_FILTERED_EMPTY;
    message->is_direct = topic->kind == TOPIC_DIRECT;
    const bool has_other_end =
        message->is_direct ? take_peer(topic, message->peer, sizeof message->peer)
                           : take_channel(topic, &f->at[KEY_CHANNEL_IDX], &message->channel_idx);
    if (!has_other_end)
        return OUTCOME_REJECTED_ENVELOPE;
    take_sender_time(&f->at[KEY_SENDER_TIMESTAMP], message);
    envelope_take_signal(f, &message->snr, &message->rssi, &message->score);
    message->direction = envelope_direction_of(f);
    if (!envelope_take_common(topic, f, out))
        memcpy(out->observer, "companion", sizeof "companion");
    out->kind = ENVELOPE_MESSAGE;
    return OUTCOME_NONE;
}
