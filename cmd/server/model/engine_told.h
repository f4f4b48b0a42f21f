/* SPDX-License-Identifier: MIT
 *
 * engine_told - what an engine is asked for, and what it tells of: the rows of engine.h's
 * functions. Texts and bytes are borrowed until the function that was told of them returns.
 * Plain data. */
#pragma once

#include "common/base/clock.h"
#include "common/db/schema.h"

struct packet;
struct packet_observation;

struct engine_channel {
    const char *name;
    bool is_encrypted;
    int64_t messages, last_ms;
    const char *last_sender, *last_text; /* NULL = none */
    int64_t observations;                /* among some observers alone */
};

/* Messages that were first received after a moment, as some observers received them after it. */
struct engine_channels {
    const int64_t *observers; /* ids; borrowed */
    size_t observer_count;
    int64_t after_ms;
};

/* Of a channel, the newest first, below a place (INT64_MAX, INT64_MAX: from the newest on). */
struct engine_messages {
    const char *channel;
    int64_t below_ms, below; /* an engine_message's first_ms and place */
    size_t max;
    bool is_on_air; /* none that a companion told */
};

struct engine_message {
    int64_t id; /* of its packet; 0 = a companion told it */
    int64_t first_ms;
    const char *sender, *text; /* NULL = none */
    int64_t sender_time;       /* DIRECTORY_UNKNOWN */
    double snr;                /* of a companion's */
    int64_t place;             /* with first_ms: where it stands among all */
};

/* What an observer said of itself within five minutes; NaN = not told. */
struct engine_sample {
    int64_t observer_id, receipt_ms;
    double noise_floor, battery_mv, uptime_secs;
    double tx_air_secs, rx_air_secs, recv_errors, packets_sent, packets_recv;
};

/* Slots are receipts by 300,000 ms. */
struct engine_samples {
    const int64_t *observers; /* ids */
    size_t count;
    int64_t from_slot, to_slot;
    size_t max;       /* samples of a shard */
    bool is_one_each; /* only the newest of each observer */
};

/* Hourly sums, of these keys alone: of kinds of observers those of `observers`, of NODE that of
 * node_id, of others all. */
struct engine_sums {
    unsigned kinds;           /* bits 1 << enum rollup_kind; not HOPS_SNR, OBSERVER_HOPS */
    const int64_t *observers; /* ids; borrowed */
    size_t observer_count;
    int64_t node_id;
    bool is_by_observer; /* of OBSERVER and INVENTED_RF alone those of all, under their ids */
    int64_t from_hour;
    /* part_ms not 0: in the place of hours parts so long, from from_ms on; counted from the rows,
     * so for an hour or two. */
    int64_t part_ms, from_ms;
};

/* A sum, or a part of one: add them up. */
struct engine_sum {
    enum rollup_kind kind;
    int64_t key;  /* of OBSERVER_* what stands beside the observer (a type, a step), which are
                  * summed; else as in schema.h */
    int64_t hour; /* also of kinds that SQLite keeps by the day; or the part's number */
    uint64_t observations, transmissions;
};

/* A reception by itself. */
struct engine_reception {
    int64_t packet, id; /* of its packet, and its own */
    int64_t observer_id, receipt_ms;
    bool is_tx;
    uint8_t type;
    int64_t sender; /* of an advert: the node; 0 = none, or not asked for */
    double snr, rssi;
};

struct engine_receptions {
    int64_t observer_id;    /* 0 = everybody's */
    int64_t from_ms, to_ms; /* both included */
    size_t max;             /* the newest so many */
    bool is_measured;       /* those with SNR and RSSI that were heard alone */
    bool wants_senders;
    size_t packets; /* so many of the newest will be asked for as packets */
};

/* An advert that a rule kept out; texts "" = not known. */
struct engine_drop {
    int64_t id;
    uint8_t hash[8];
    const uint8_t *raw, *node_key; /* NULL = none */
    size_t raw_len, node_key_len;
    const char *reason, *observer, *node_name;
    int64_t first_ms, last_ms;
};

struct engine_drops {
    const uint8_t *hash;     /* of 8 bytes; NULL = any */
    const char *observer;    /* in any case; NULL = any */
    const uint8_t *node_key; /* of 32 bytes; NULL = any */
    size_t max;
};

/* A message that an ingestor did not store; texts "" = not known, none. */
struct engine_refusal {
    int64_t receipt_ms;
    const char *rule, *option, *source, *topic, *observer;
    const uint8_t *hash, *node; /* NULL = not known */
    size_t hash_len, node_len;
    int64_t bytes; /* DIRECTORY_UNKNOWN */
    int64_t messages;
};

/* Those that fit all of it, the newest first. */
struct engine_refusals {
    const uint8_t *hash;  /* of 8 bytes; NULL = any */
    const char *observer; /* in any case; NULL = any */
    const uint8_t *node;  /* the key's first bytes; NULL = any */
    size_t node_len;
    size_t max;
};

/* How many messages of a rule were refused, and how many of them have a row; rules rise. */
struct engine_refused {
    const char *rule;
    int64_t messages, rows;
};

/* What a phone heard on the road. */
struct engine_phone {
    int64_t id, rx_ms;
    const uint8_t *heard;
    size_t heard_len;
    double lat, lon, snr;
    const char *client;
};

/* Which regions a repeater says that it forwards: an answer of its own (by its key), or what it
 * says as an observer (its id). */
struct engine_declaration {
    const uint8_t *key; /* of 32 bytes; NULL = by observer_id */
    int64_t observer_id, as_of_ms;
    const char *regions; /* separated by commas */
    bool is_truncated;
};

/* What was said in a channel over the air. */
struct engine_talk {
    int64_t id, channel_id, first_ms; /* id: of its packet */
    const char *channel;
    const char *sender; /* NULL = none */
    int64_t text_chars; /* DIRECTORY_UNKNOWN = no key opened it */
};

struct engine_talks {
    int64_t from_ms, to_ms;   /* of the first receipt, both included */
    const int64_t *observers; /* ids of those of whom one heard it; NULL = any; borrowed */
    size_t observer_count;
    size_t max; /* the newest so many */
};

/* A packet as the audio lab looks for it. */
struct engine_newest {
    int64_t id, first_ms;
    uint8_t hash[8];
    uint8_t type;
    bool is_read; /* a channel's text that a key opened */
};

/* A reception that the live feed tells of. */
struct engine_arrival {
    const struct packet *packet;
    const struct packet_observation *seen;
    const char *channel; /* of a text; NULL = none */
};

/* So long after its receipt a reception may arrive and is told of all the same. */
#define ENGINE_LATE_MS (32 * (int64_t)MS_PER_S)
