/* SPDX-License-Identifier: MIT
 *
 * One scan of the payload puts each known key's value into its slot; everything after that reads slots. (A
 * look-up a field would walk the members a dozen times for a packet.) A key that is there twice counts in its
 * last place, as for most JSON readers. Nothing is allocated, so nothing fails for lack of memory. */
#include "cmd/ingestor/envelope.h"

#include "cmd/ingestor/envelope_number.h"
#include "cmd/ingestor/envelope_time.h"
#include "cmd/ingestor/topic.h"
#include "common/hex.h"
#include "common/json_scan.h"
#include "common/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Keys are case-sensitive; where publishers use two spellings both have a slot, and which one is looked at
 * first is decided where it is read. Packets have their own, short list because each member of each packet is
 * compared with all of it. */
#define PACKET_KEY_LIST(X)                                                                         \
    X(ORIGIN, "origin")                                                                            \
    X(ORIGIN_ID, "origin_id")                                                                      \
    X(REPEATER, "repeater")                                                                        \
    X(TIMESTAMP, "timestamp")                                                                      \
    X(REGION, "region")                                                                            \
    X(RAW, "raw")                                                                                  \
    X(LEN, "len")                                                                                  \
    X(PACKET_TYPE, "packet_type")                                                                  \
    X(DIRECTION_UPPER, "Direction")                                                                \
    X(DIRECTION, "direction")                                                                      \
    X(SNR_UPPER, "SNR")                                                                            \
    X(SNR, "snr")                                                                                  \
    X(RSSI_UPPER, "RSSI")                                                                          \
    X(RSSI, "rssi")                                                                                \
    X(SCORE_UPPER, "Score")                                                                        \
    X(SCORE, "score")
#define STATUS_KEY_LIST(X)                                                                         \
    X(STATUS, "status")                                                                            \
    X(MODEL, "model")                                                                              \
    X(FIRMWARE_VERSION, "firmware_version")                                                        \
    X(FIRMWARE, "firmware")                                                                        \
    X(CLIENT_VERSION_CAMEL, "clientVersion")                                                       \
    X(CLIENT_VERSION, "client_version")                                                            \
    X(RADIO, "radio")                                                                              \
    X(PARAMS, "params")                                                                            \
    X(REPEAT, "repeat")                                                                            \
    X(STATS, "stats")                                                                              \
    X(BATTERY_MV, "battery_mv")                                                                    \
    X(UPTIME_SECS, "uptime_secs")                                                                  \
    X(NOISE_FLOOR, "noise_floor")                                                                  \
    X(TX_AIR_SECS, "tx_air_secs")                                                                  \
    X(RX_AIR_SECS, "rx_air_secs")                                                                  \
    X(RECV_ERRORS, "recv_errors")                                                                  \
    X(PACKETS_SENT, "packets_sent")                                                                \
    X(PACKETS_RECV, "packets_recv")                                                                \
    X(PACKETS_RECEIVED, "packets_received")                                                        \
    X(QUEUE_LEN, "queue_len")                                                                      \
    X(ERRORS, "errors")                                                                            \
    X(DEBUG_FLAGS, "debug_flags")                                                                  \
    X(FREQ, "freq")                                                                                \
    X(BW, "bw")                                                                                    \
    X(SF, "sf")                                                                                    \
    X(CR, "cr")

enum key {
#define X(id, text) KEY_##id,
    PACKET_KEY_LIST(X) STATUS_KEY_LIST(X)
#undef X
        KEY_COUNT
};
#define PACKET_KEY_COUNT KEY_STATUS /* the first key of the second list */

static const struct {
    const char *text;
    size_t len;
} key_names[KEY_COUNT] = {
#define X(id, text) [KEY_##id] = {text, sizeof(text) - 1},
    PACKET_KEY_LIST(X) STATUS_KEY_LIST(X)
#undef X
};

/* What one object holds; borrows from the payload. */
struct fields {
    size_t known; /* only the first so many keys are looked for */
    struct json_value at[KEY_COUNT];
};

/* A key that needed escapes is as good as one that did not; none of ours comes near this length. */
#define KEY_TEXT_MAX 32

static void take_member(void *context, const struct json_value *key, const struct json_value *value)
{
    struct fields *f = context;
    const char *text = key->text;
    size_t len = key->len;
    char plain[KEY_TEXT_MAX];
    if (key->has_escapes) {
        len = json_unescape(key, plain, sizeof plain);
        text = plain;
    }
    for (size_t i = 0; i < f->known; i++) {
        if (key_names[i].len == len && memcmp(key_names[i].text, text, len) == 0) {
            f->at[i] = *value;
            return;
        }
    }
}

/* --- values -------------------------------------------------------------------------------------- */

/* Longer than any text that is kept or understood, so that a cut one is refused as the whole would be. */
#define SCRATCH_MAX 1024

struct span {
    const char *text; /* NULL = it is no string */
    size_t len;
};

static struct span text_of(const struct json_value *value, char scratch[static SCRATCH_MAX])
{
    if (value->kind != JSON_STRING)
        return (struct span){NULL, 0};
    if (!value->has_escapes)
        return (struct span){value->text, value->len};
    return (struct span){scratch, json_unescape(value, scratch, SCRATCH_MAX)};
}

static bool span_is(struct span span, const char *word)
{
    return span.text != NULL && span.len == strlen(word) &&
           strncasecmp(span.text, word, span.len) == 0;
}

static bool is_absent(const struct json_value *value)
{
    return value->kind <= JSON_TRUE;
}

/* The first spelling that is there decides, usable or not. */
static const struct json_value *pick(const struct fields *f, enum key first, enum key second)
{
    return is_absent(&f->at[first]) ? &f->at[second] : &f->at[first];
}

static double number_of(const struct json_value *value)
{
    if (value->kind == JSON_NUMBER)
        return envelope_number_parse(value->text, value->len);
    char scratch[SCRATCH_MAX];
    const struct span span = text_of(value, scratch);
    return span.text != NULL ? envelope_number_parse(span.text, span.len) : (double)NAN;
}

/* False when nothing is left. A NUL byte, which neither MQTT nor JSON allows, ends the text. */
static bool copy_text(struct span span, char *out, size_t cap)
{
    (void)utf8_sanitize(out, cap, (const uint8_t *)span.text, span.len);
    return out[0] != '\0';
}

/* Text that says something: publishers send "" and "unknown" where they have nothing. */
static bool take_text(const struct json_value *value, char *out, size_t cap)
{
    char scratch[SCRATCH_MAX];
    const struct span span = text_of(value, scratch);
    return span.text != NULL && !span_is(span, "unknown") && copy_text(span, out, cap);
}

/* Trimmed and in upper case, as the regions of configurations are compared. */
static bool take_region(struct span span, char *out, size_t cap)
{
    while (span.len > 0 && *span.text == ' ') {
        span.text++;
        span.len--;
    }
    while (span.len > 0 && span.text[span.len - 1] == ' ')
        span.len--;
    if (span.len == 0 || !copy_text(span, out, cap))
        return false;
    for (; *out != '\0'; out++) {
        if (*out >= 'a' && *out <= 'z')
            *out = (char)(*out - 'a' + 'A');
    }
    return true;
}

static void take_time(const struct json_value *value, struct envelope *out)
{
    char scratch[SCRATCH_MAX];
    const struct span span = text_of(value, scratch);
    out->has_time = span.text != NULL && envelope_time_parse(span.text, span.len, &out->envelope_ms,
                                                             &out->time_is_naive);
}

/* Who heard it, where and when. False: nobody says who. */
static bool take_common(const struct topic *topic, const struct fields *f, struct envelope *out)
{
    char scratch[SCRATCH_MAX];
    const struct span topic_region = {topic->region, topic->region_len};
    if (!take_region(text_of(&f->at[KEY_REGION], scratch), out->region, sizeof out->region) &&
        topic->region != NULL)
        (void)take_region(topic_region, out->region, sizeof out->region);
    if (!take_text(&f->at[KEY_ORIGIN], out->origin, sizeof out->origin))
        (void)take_text(&f->at[KEY_REPEATER], out->origin, sizeof out->origin);
    take_time(&f->at[KEY_TIMESTAMP], out);
    /* The broker checks a topic, nobody checks a payload: so the topic's key goes first. */
    if (topic->observer != NULL)
        return copy_text((struct span){topic->observer, topic->observer_len}, out->observer,
                         sizeof out->observer);
    return take_text(&f->at[KEY_ORIGIN_ID], out->observer, sizeof out->observer);
}

/* --- packets ------------------------------------------------------------------------------------- */

/* A transmitting observer may send the frame it received last as `raw`, while `len` and `packet_type` tell
 * of the one it sent. */
static bool is_stale_tx(const struct envelope_packet *packet, const struct fields *f)
{
    if (packet->direction != DIRECTION_TX)
        return false;
    const double len = number_of(&f->at[KEY_LEN]);
    const double type = number_of(&f->at[KEY_PACKET_TYPE]);
    const unsigned frame_type = packet->raw[0] >> 2 & 0x0f;
    return (!isnan(len) && len != (double)packet->raw_len) ||
           (!isnan(type) && type != (double)frame_type);
}

static enum outcome parse_packet(const struct topic *topic, const struct fields *f,
                                 struct envelope *out)
{
    const struct json_value *raw = &f->at[KEY_RAW];
    if (raw->kind == JSON_ABSENT || raw->kind == JSON_NULL)
        return topic->kind == TOPIC_PACKETS ? OUTCOME_FILTERED_KEEPALIVE : OUTCOME_FILTERED_TOPIC;
    char scratch[SCRATCH_MAX];
    const struct span hex = text_of(raw, scratch);
    if (hex.text == NULL)
        return OUTCOME_REJECTED_HEX;
    const double len = number_of(&f->at[KEY_LEN]);
    if (hex.len == 0 || len == 0)
        return OUTCOME_FILTERED_KEEPALIVE;
    struct envelope_packet *packet = &out->packet;
    if (!hex_decode(hex.text, hex.len, packet->raw, sizeof packet->raw, &packet->raw_len))
        return OUTCOME_REJECTED_HEX;
    if (!take_common(topic, f, out))
        return OUTCOME_REJECTED_ENVELOPE;
    packet->snr = number_of(pick(f, KEY_SNR_UPPER, KEY_SNR));
    packet->rssi = number_of(pick(f, KEY_RSSI_UPPER, KEY_RSSI));
    packet->score = number_of(pick(f, KEY_SCORE_UPPER, KEY_SCORE));
    const struct span direction = text_of(pick(f, KEY_DIRECTION_UPPER, KEY_DIRECTION), scratch);
    packet->direction = span_is(direction, "tx") ? DIRECTION_TX : DIRECTION_RX;
    out->kind = ENVELOPE_PACKET;
    return is_stale_tx(packet, f) ? OUTCOME_FILTERED_TX : OUTCOME_COUNT;
}

/* --- statuses ------------------------------------------------------------------------------------ */

/* -1 = not said: silence is no "no". */
static int can_relay_of(const struct json_value *value)
{
    if (value->kind == JSON_TRUE || value->kind == JSON_FALSE)
        return value->kind == JSON_TRUE;
    static const char *const yes[] = {"on", "true", "yes"};
    static const char *const no[] = {"off", "false", "no"};
    char scratch[SCRATCH_MAX];
    const struct span span = text_of(value, scratch);
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (span_is(span, yes[i]))
            return 1;
        if (span_is(span, no[i]))
            return 0;
    }
    const double number = number_of(value);
    return isnan(number) ? -1 : number != 0;
}

/* An object inside the payload, which the scan of the payload has checked. Anything else holds nothing. */
static void gather(const struct json_value *object, struct fields *out)
{
    memset(out, 0, sizeof *out);
    out->known = KEY_COUNT;
    if (object->kind == JSON_OBJECT)
        IGNORE(json_scan_object(object->text, object->len, ENVELOPE_DEPTH_MAX, take_member, out),
               "checked as a part of the payload");
}

/* "freq,bw,sf,cr", the text that the other publishers send as `radio`. */
static void format_radio(const struct json_value *params, char *out, size_t cap)
{
    struct fields f;
    gather(params, &f);
    const double freq = number_of(&f.at[KEY_FREQ]);
    const double bw = number_of(&f.at[KEY_BW]);
    const double sf = number_of(&f.at[KEY_SF]);
    const double cr = number_of(&f.at[KEY_CR]);
    if (!isnan(freq) && !isnan(bw) && !isnan(sf) && !isnan(cr))
        (void)snprintf(out, cap, "%.10g,%.10g,%.10g,%.10g", freq, bw, sf, cr);
}

static void take_metrics(const struct fields *top, const struct fields *nested,
                         struct envelope_status *out)
{
    const struct {
        enum key key, other; /* other = the same thing under another name, or `key` again */
        bool is_integer;
        double *to;
    } metrics[] = {
        {KEY_BATTERY_MV, KEY_BATTERY_MV, true, &out->battery_mv},
        {KEY_UPTIME_SECS, KEY_UPTIME_SECS, true, &out->uptime_secs},
        {KEY_NOISE_FLOOR, KEY_NOISE_FLOOR, false, &out->noise_floor},
        {KEY_TX_AIR_SECS, KEY_TX_AIR_SECS, true, &out->tx_air_secs},
        {KEY_RX_AIR_SECS, KEY_RX_AIR_SECS, true, &out->rx_air_secs},
        {KEY_RECV_ERRORS, KEY_RECV_ERRORS, true, &out->recv_errors},
        {KEY_PACKETS_SENT, KEY_PACKETS_SENT, true, &out->packets_sent},
        {KEY_PACKETS_RECV, KEY_PACKETS_RECEIVED, true, &out->packets_recv},
        {KEY_QUEUE_LEN, KEY_QUEUE_LEN, true, &out->queue_len},
        {KEY_ERRORS, KEY_DEBUG_FLAGS, true, &out->errors},
    };
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        const struct json_value *item = pick(nested, metrics[i].key, metrics[i].other);
        if (is_absent(item))
            item = pick(top, metrics[i].key, metrics[i].other);
        const double value = number_of(item);
        *metrics[i].to = metrics[i].is_integer ? round(value) : value; /* 4011.6 mV occurs */
        out->has_metrics = out->has_metrics || !isnan(value);
    }
}

static enum outcome parse_status(const struct topic *topic, const struct fields *f,
                                 struct envelope *out)
{
    if (!take_common(topic, f, out))
        return OUTCOME_REJECTED_ENVELOPE;
    struct envelope_status *status = &out->status;
    (void)take_text(&f->at[KEY_STATUS], status->status, sizeof status->status);
    (void)take_text(&f->at[KEY_MODEL], status->model, sizeof status->model);
    if (!take_text(&f->at[KEY_FIRMWARE_VERSION], status->firmware, sizeof status->firmware))
        (void)take_text(&f->at[KEY_FIRMWARE], status->firmware, sizeof status->firmware);
    if (!take_text(&f->at[KEY_CLIENT_VERSION_CAMEL], status->client_version,
                   sizeof status->client_version))
        (void)take_text(&f->at[KEY_CLIENT_VERSION], status->client_version,
                        sizeof status->client_version);
    if (!take_text(&f->at[KEY_RADIO], status->radio, sizeof status->radio))
        format_radio(&f->at[KEY_PARAMS], status->radio, sizeof status->radio);
    status->can_relay = can_relay_of(&f->at[KEY_REPEAT]);
    struct fields nested;
    gather(&f->at[KEY_STATS], &nested);
    take_metrics(f, &nested, status);
    out->kind = ENVELOPE_STATUS;
    return OUTCOME_COUNT;
}

/* --- both ---------------------------------------------------------------------------------------- */

/* Without a byte order mark in front and without the NULs and blanks some publishers leave behind. */
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
    if (topic.kind != TOPIC_PACKETS && topic.kind != TOPIC_STATUS && topic.kind != TOPIC_OTHER)
        return OUTCOME_FILTERED_TOPIC;
    if (payload_len > ENVELOPE_PAYLOAD_MAX)
        return OUTCOME_REJECTED_JSON;
    const char *text = (const char *)payload;
    trim(&text, &payload_len);
    if (payload_len == 0)
        return OUTCOME_FILTERED_EMPTY;
    struct fields fields;
    memset(&fields, 0, sizeof fields);
    fields.known = topic.kind == TOPIC_STATUS ? KEY_COUNT : PACKET_KEY_COUNT;
    if (!json_scan_object(text, payload_len, ENVELOPE_DEPTH_MAX, take_member, &fields))
        return OUTCOME_REJECTED_JSON;
    memset(out, 0, sizeof *out);
    return topic.kind == TOPIC_STATUS ? parse_status(&topic, &fields, out)
                                      : parse_packet(&topic, &fields, out);
}
