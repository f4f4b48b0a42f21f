/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_packet.h"

#include "common/base/hex.h"

#include <string.h>

/* A transmitting observer may send the frame it received last as `raw`, while `len` and
 * `packet_type` tell of the one it sent. */
static bool is_stale_tx(const struct envelope_packet *packet, double len,
                        const struct envelope_fields *f)
{
    if (packet->direction != DIRECTION_TX)
        return false;
    const double type = envelope_number_of(&f->at[KEY_PACKET_TYPE]);
    const unsigned frame_type = meshcore_header_type(packet->raw[0]);
    return (!isnan(len) && len != (double)packet->raw_len) ||
           (!isnan(type) && type != (double)frame_type);
}

/* Of both kinds, what concerns the frame and the measurements. */
static enum outcome take_packet(const struct json_value *hex_value, const struct envelope_fields *f,
                                struct envelope_packet *out)
{
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span hex = envelope_text_of(hex_value, scratch);
    if (hex.text == NULL)
        return OUTCOME_REJECTED_HEX;
    const double len = envelope_number_of(&f->at[KEY_LEN]);
    if (hex.len == 0 || len == 0)
        return OUTCOME_FILTERED_KEEPALIVE;
    if (!hex_decode(hex.text, hex.len, out->raw, sizeof out->raw, &out->raw_len))
        return OUTCOME_REJECTED_HEX;
    envelope_take_signal(f, &out->snr, &out->rssi, &out->score);
    out->direction = envelope_direction_of(f);
    if (out->direction == DIRECTION_TX) /* nobody hears himself: the values are another frame's */
        out->snr = out->rssi = (double)NAN;
    return is_stale_tx(out, len, f) ? OUTCOME_FILTERED_TX : OUTCOME_NONE;
}

/* 7.2: `data` is the frame, on the topic `raw` or in a message of that type on any other. */
static bool is_raw_kind(const struct topic *topic, const struct envelope_fields *f)
{
    char scratch[ENVELOPE_SCRATCH];
    return topic->kind == TOPIC_RAW ||
           envelope_span_is(envelope_text_of(&f->at[KEY_TYPE], scratch), "raw");
}

/* A keep-alive says nothing else; Home Assistant in its raw event mode sends all there is. */
static enum outcome without_frame(const struct envelope_fields *f)
{
    static const enum envelope_key others[] = {KEY_EVENT_TYPE, KEY_PAYLOAD, KEY_DATA};
    return envelope_has_any(f, others, ARRAY_LEN(others)) ? OUTCOME_FILTERED_NO_FRAME
                                                          : OUTCOME_FILTERED_KEEPALIVE;
}

enum outcome envelope_parse_packet(const struct topic *topic, const struct envelope_fields *f,
                                   struct envelope *out)
{
    const struct json_value *hex = &f->at[KEY_RAW];
    const bool is_raw = envelope_is_absent(hex) && is_raw_kind(topic, f);
    if (is_raw)
        hex = &f->at[KEY_DATA];
    if (envelope_is_absent(hex))
        return topic->kind == TOPIC_OTHER && !is_raw ? OUTCOME_FILTERED_TOPIC : without_frame(f);
    struct envelope_packet *packet = &out->packet;
    const enum outcome outcome = take_packet(hex, f, packet);
    if (outcome != OUTCOME_NONE && outcome != OUTCOME_FILTERED_TX)
        return outcome;
    if (!envelope_take_common(topic, f, out))
        return OUTCOME_REJECTED_ENVELOPE;
    out->kind = ENVELOPE_PACKET;
    /* The same reception comes with its measurements on `packets`: the copies must not
     * contradict it. */
    if (is_raw)
        packet->snr = packet->rssi = packet->score = (double)NAN;
    return outcome;
}

/* --- phones ----------------------------------------------------------------------------------- */

/* (0, 0) is what a receiver says that has no fix; a mesh has no node there. Comparisons with
 * NaN are false. */
static bool take_position(const struct json_value *gps, struct envelope_client *out)
{
    struct envelope_fields f;
    envelope_scan_inner(gps, &f);
    out->lat = envelope_number_of(&f.at[KEY_LAT]);
    out->lon = envelope_number_of(&f.at[KEY_LON]);
    out->accuracy_m = envelope_number_of(&f.at[KEY_ACC_M]);
    if (!(out->accuracy_m >= 0))
        out->accuracy_m = (double)NAN;
    return fabs(out->lat) <= 90 && fabs(out->lon) <= 180 && (out->lat != 0 || out->lon != 0);
}

enum outcome envelope_parse_client(const struct topic *topic, const struct envelope_fields *f,
                                   struct envelope *out)
{
    if (envelope_is_absent(&f->at[KEY_RAW]))
        return topic->kind == TOPIC_CLIENT ? without_frame(f) : OUTCOME_FILTERED_TOPIC;
    struct envelope_client *client = &out->client;
    const enum outcome outcome = take_packet(&f->at[KEY_RAW], f, &client->packet);
    if (outcome != OUTCOME_NONE)
        return outcome;
    const struct envelope_span key = {topic->observer, topic->observer_len};
    if (!envelope_take_key(key, client->client) || !envelope_take_common(topic, f, out) ||
        !take_position(&f->at[KEY_GPS], client))
        return OUTCOME_REJECTED_ENVELOPE;
    memcpy(out->observer, client->client, sizeof client->client);
    client->says_rx = envelope_says_rx(f);
    client->is_rf = topic->kind == TOPIC_CLIENT_RF;
    out->kind = ENVELOPE_CLIENT;
    return OUTCOME_NONE;
}
