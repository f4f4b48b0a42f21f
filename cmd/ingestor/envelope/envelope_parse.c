/* SPDX-License-Identifier: MIT
 *
 * The topic decides which kind a message may be, and so which parser reads it. */
#include "cmd/ingestor/envelope/envelope_fields.h"
#include "cmd/ingestor/envelope/envelope_message.h"
#include "cmd/ingestor/envelope/envelope_neighbors.h"
#include "cmd/ingestor/envelope/envelope_packet.h"
#include "cmd/ingestor/envelope/envelope_regions.h"
#include "cmd/ingestor/envelope/envelope_status.h"

#include <string.h>

typedef enum outcome (*kind_parser)(const struct topic *topic, const struct envelope_fields *f,
                                    struct envelope *out);

/* NULL: not a kind of message that is stored. */
static const kind_parser parsers[TOPIC_KINDS] = {
    [TOPIC_PACKETS] = envelope_parse_packet,      [TOPIC_RAW] = envelope_parse_packet,
    [TOPIC_OTHER] = envelope_parse_packet,        [TOPIC_STATUS] = envelope_parse_status,
    [TOPIC_NEIGHBORS] = envelope_parse_neighbors, [TOPIC_CHANNEL] = envelope_parse_message,
    [TOPIC_DIRECT] = envelope_parse_message,      [TOPIC_CLIENT] = envelope_parse_client,
    [TOPIC_CLIENT_RF] = envelope_parse_client,    [TOPIC_CLIENT_REGIONS] = envelope_parse_regions,
};

static bool is_packet_topic(const struct topic *topic)
{
    return parsers[topic->kind] == envelope_parse_packet;
}

/* What stands in front of the union. All of the region: the flusher may put another one
 * in its place. */
static void clear_head(struct envelope *out)
{
    memset(out->region, 0, sizeof out->region);
    out->observer[0] = '\0';
    out->origin[0] = '\0';
    out->has_time = false;
    out->envelope_ms = 0;
    out->time_is_naive = false;
}

/* `binary/{gateway}`: the payload is the frame as it was on air, and the topic all there is to know
 * about its reception. Taken, because these are frames like any other; that it has no envelope is
 * no reason to doubt the bytes more than those of `raw`, which carry no checksum either. */
static enum outcome parse_binary(const struct topic *topic, const uint8_t *payload, size_t len,
                                 struct envelope *out)
{
    if (len == 0)
        return OUTCOME_FILTERED_EMPTY;
    if (len > MESHCORE_FRAME_MAX)
        return OUTCOME_REJECTED_FRAME;
    const struct envelope_span gateway = {topic->observer, topic->observer_len};
    if (gateway.text == NULL || !envelope_copy_text(gateway, out->observer, sizeof out->observer))
        return OUTCOME_REJECTED_ENVELOPE;
    struct envelope_packet *packet = &out->packet;
    memcpy(packet->raw, payload, len);
    packet->raw_len = len;
    packet->snr = packet->rssi = packet->score = (double)NAN;
    packet->direction = DIRECTION_RX;
    out->kind = ENVELOPE_PACKET;
    return OUTCOME_NONE;
}

/* Without a byte order mark in front and without the NULs and blanks some
 * publishers leave behind. */
static void trim(const char **text, size_t *len)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (*len >= sizeof bom - 1 && memcmp(*text, bom, sizeof bom - 1) == 0) {
        *text += sizeof bom - 1;
        *len -= sizeof bom - 1;
    }
    while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL) /* strchr finds the NUL too */
        --*len;
}

enum outcome envelope_parse(const char *topic_text, size_t topic_len, const uint8_t *payload,
                            size_t payload_len, struct envelope *out)
{
    struct topic topic;
    topic_parse(topic_text, topic_len, &topic);
    clear_head(out);
    if (topic.kind == TOPIC_BINARY)
        return parse_binary(&topic, payload, payload_len, out);
    if (parsers[topic.kind] == NULL)
        return OUTCOME_FILTERED_TOPIC;
    if (payload_len > ENVELOPE_PAYLOAD_MAX)
        return OUTCOME_REJECTED_JSON;
    const char *text = (const char *)payload;
    trim(&text, &payload_len);
    if (payload_len == 0)
        return OUTCOME_FILTERED_EMPTY;
    struct envelope_fields fields;
    if (!envelope_scan(text, payload_len, is_packet_topic(&topic) ? PACKET_KEY_COUNT : KEY_COUNT,
                       &fields))
        return OUTCOME_REJECTED_JSON;
    return parsers[topic.kind](&topic, &fields, out);
}
