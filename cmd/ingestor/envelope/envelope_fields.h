/* SPDX-License-Identifier: MIT
 *
 * envelope_fields - what the parsers of the kinds share: the keys, one object's values by key, and
 * readers that take a value in every form publishers give it. Private to this room.
 *
 * Ownership: everything borrows from the payload (or from the scratch handed in); out-texts are
 * copies. Threads: pure. */
#pragma once

#include "cmd/ingestor/envelope/envelope.h"
#include "cmd/ingestor/envelope/topic.h"
#include "common/json/json_scan.h"

/* Keys are case-sensitive; where publishers use two spellings both have a slot, and which one is
 * looked at first is decided where it is read. Packets have their own, short list because each
 * member of each packet is compared with all of it. */
#define ENVELOPE_PACKET_KEYS(X)                                                                    \
    X(ORIGIN, "origin")                                                                            \
    X(ORIGIN_ID, "origin_id")                                                                      \
    X(REPEATER, "repeater")                                                                        \
    X(TIMESTAMP, "timestamp")                                                                      \
    X(REGION, "region")                                                                            \
    X(TYPE, "type")                                                                                \
    X(RAW, "raw")                                                                                  \
    X(DATA, "data")                                                                                \
    X(LEN, "len")                                                                                  \
    X(PACKET_TYPE, "packet_type")                                                                  \
    X(DIRECTION_UPPER, "Direction")                                                                \
    X(DIRECTION, "direction")                                                                      \
    X(SNR_UPPER, "SNR")                                                                            \
    X(SNR, "snr")                                                                                  \
    X(RSSI_UPPER, "RSSI")                                                                          \
    X(RSSI, "rssi")                                                                                \
    X(SCORE_UPPER, "Score")                                                                        \
    X(SCORE, "score")                                                                              \
    X(EVENT_TYPE, "event_type")                                                                    \
    X(PAYLOAD, "payload")
#define ENVELOPE_OTHER_KEYS(X)                                                                     \
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
    X(CR, "cr")                                                                                    \
    X(TEXT, "text")                                                                                \
    X(CHANNEL_IDX, "channel_idx")                                                                  \
    X(SENDER_TIMESTAMP, "sender_timestamp")                                                        \
    X(GPS, "gps")                                                                                  \
    X(LAT, "lat")                                                                                  \
    X(LON, "lon")                                                                                  \
    X(ACC_M, "acc_m")                                                                              \
    X(TOTAL_NEIGHBORS, "total_neighbors")                                                          \
    X(QUERIED_NEIGHBORS, "queried_neighbors")                                                      \
    X(TRUNCATED, "truncated")                                                                      \
    X(SELF, "self")                                                                                \
    X(SCOPES, "scopes")                                                                            \
    X(DEFAULT_SCOPE, "default_scope")                                                              \
    X(NEIGHBORS, "neighbors")                                                                      \
    X(TARGET, "target")                                                                            \
    X(REGIONS, "regions")                                                                          \
    X(PUBKEY, "pubkey")                                                                            \
    X(HEARD_SECS_AGO, "heard_secs_ago")

enum envelope_key {
#define X(id, text) KEY_##id,
    ENVELOPE_PACKET_KEYS(X) ENVELOPE_OTHER_KEYS(X)
#undef X
        KEY_COUNT
};
#define PACKET_KEY_COUNT KEY_STATUS /* the first key of the second list */

/* What one object holds. */
struct envelope_fields {
    /* only the first so many keys were looked for; the values behind them are not set */
    size_t known;
    struct json_value at[KEY_COUNT];
};
/* False: the text is not one JSON object. */
NODISCARD bool envelope_scan(const char *text, size_t len, size_t known,
                             struct envelope_fields *out);
/* An object inside the payload, for all keys. Anything else than an object holds nothing. */
void envelope_scan_inner(const struct json_value *object, struct envelope_fields *out);

static inline bool envelope_is_absent(const struct json_value *value)
{
    return value->kind <= JSON_TRUE; /* null and bool: as if it were not there */
}

/* The first spelling that is there decides, usable or not. */
static inline const struct json_value *
envelope_pick(const struct envelope_fields *f, enum envelope_key first, enum envelope_key second)
{
    return envelope_is_absent(&f->at[first]) ? &f->at[second] : &f->at[first];
}

/* Longer than any text that is kept or understood, so that a cut one is refused as the
 * whole would be. */
#define ENVELOPE_SCRATCH 1024

struct envelope_span {
    const char *text; /* NULL = it is no string */
    size_t len;
};
struct envelope_span envelope_text_of(const struct json_value *value,
                                      char scratch[static ENVELOPE_SCRATCH]);
bool envelope_span_is(struct envelope_span span, const char *word); /* in any case */
/* Without the blanks around it. */
struct envelope_span envelope_span_trim(struct envelope_span span);
/* NaN where there is none. */
double envelope_number_of(const struct json_value *value);
/* -1 = not said: silence is no "no". */
int envelope_truth_of(const struct json_value *value);

/* As valid UTF-8, cut at a character. False when nothing is left. A NUL byte, which neither MQTT
 * nor JSON allows, ends the text. */
NODISCARD bool envelope_copy_text(struct envelope_span span, char *out, size_t cap);
/* The same for text that says something: publishers send "" and "unknown" where they have nothing.
 * *out is untouched when the value is not such a text. */
bool envelope_take_text(const struct json_value *value, char *out, size_t cap);
/* A list with commas in between: a longer one ends with its last name that is whole. */
bool envelope_take_list(const struct json_value *value, char *out, size_t cap);
/* A node's key or a prefix of it, 2 to 64 hex digits, in lower case. */
NODISCARD bool envelope_take_key(struct envelope_span span,
                                 char out[static MESHCORE_KEY_BYTES * 2 + 1]);
/* SNR, RSSI and score in either case. */
void envelope_take_signal(const struct envelope_fields *f, double *out_snr, double *out_rssi,
                          double *out_score);
enum envelope_direction envelope_direction_of(const struct envelope_fields *f);
bool envelope_says_rx(const struct envelope_fields *f);

bool envelope_has_any(const struct envelope_fields *f, const enum envelope_key *keys, size_t count);
/* Who heard it, where and when. False: nobody says who. */
NODISCARD bool envelope_take_common(const struct topic *topic, const struct envelope_fields *f,
                                    struct envelope *out);
