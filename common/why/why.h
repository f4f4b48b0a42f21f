/* SPDX-License-Identifier: MIT
 *
 * why - why is my packet missing? The one answer of `ingestor --why` and GET /api/why.
 *
 * In this order: is it stored after all; which refusals are known of it, with the option that
 * decided; and where nothing is known, what was looked through and since when. What is known comes
 * from a source: the tables of our SQLite database (why_file.h), or another store's.
 * I1. Nothing is concealed by a bound: `truncated` says that more rows fit the question,
 *     `window.complete` that every message refused in the window has a row.
 * I2. What is not known is null.
 * Threads: the source's. Errors: the source's; then what was written is worth nothing, and who gave
 * the source knows. Ownership: all borrowed. Cost: the source's. */
#pragma once

#include "common/json/json_write.h"

#define WHY_HASH_BYTES   8
#define WHY_KEY_BYTES    32
#define WHY_OBSERVER_MAX 128
#define WHY_ROWS         100 /* unless asked otherwise */
#define WHY_ROWS_MAX     1000
#define WHY_UNKNOWN      INT64_MIN
/* So many days are counted. */
#define WHY_COUNT_DAYS 7

struct why_query {
    bool has_hash, has_observer;
    uint8_t hash[WHY_HASH_BYTES];
    char observer[WHY_OBSERVER_MAX + 1];
    uint8_t node[WHY_KEY_BYTES]; /* the key's first bytes */
    size_t node_len;             /* 0 = not asked for */
    bool is_any;                 /* rows of which one fits; else all that is asked for */
    size_t rows_max;
};
/* Each false: the text is none, and the query is as it was. */
NODISCARD bool why_ask_hash(struct why_query *query, const char *text);
NODISCARD bool why_ask_observer(struct why_query *query, const char *text);
NODISCARD bool why_ask_node(struct why_query *query, const char *text);

/* --- what a source tells ---------------------------------------------------------------------- */

struct why_packet {
    int64_t id, observations, first_ms, last_ms;
};

struct why_observer {
    char identity[WHY_OBSERVER_MAX + 1], name[WHY_OBSERVER_MAX + 1];
    int64_t first_ms, last_ms, packets; /* the last two: WHY_UNKNOWN */
};

struct why_node {
    uint8_t key[WHY_KEY_BYTES];
    char name[WHY_OBSERVER_MAX + 1];
    int64_t first_ms, heard_ms, adverts; /* the last two: WHY_UNKNOWN */
};

/* Texts and bytes are good until who was told of them returns; "" and no bytes = not known. */
struct why_row {
    int64_t receipt_ms;
    const char *source, *observer, *rule, *option, *topic;
    const uint8_t *hash, *node;
    size_t hash_len, node_len;
    int64_t bytes; /* WHY_UNKNOWN */
    int64_t messages;
};

struct why_dropped {
    const char *reason, *observer;
    const uint8_t *node;
    size_t node_len;
    int64_t first_ms, last_ms;
};

struct why_bounds {
    int64_t from_ms;          /* from then on refusals are known, as far as the counts say */
    int64_t transmissions;    /* packets kept; WHY_UNKNOWN */
    int64_t retained_from_ms; /* since when; 0 = none has left */
};

typedef void (*why_row_told)(void *to, const struct why_row *row);
typedef void (*why_dropped_told)(void *to, const struct why_dropped *dropped);
typedef void (*why_count_told)(void *to, const char *rule, int64_t messages, int64_t rows);

struct why_source {
    void *context;
    /* False = there is none, or nobody shall see it. */
    bool (*packet)(void *context, const uint8_t *hash, struct why_packet *out);
    bool (*observer)(void *context, const char *identity, struct why_observer *out);
    /* Of the one node whose key begins so. */
    bool (*node)(void *context, const uint8_t *key, size_t len, struct why_node *out);
    /* The newest first, rows_max and one at most. */
    void (*rows)(void *context, const struct why_query *query, why_row_told told, void *to);
    /* The newest of this packet, if there is one. */
    void (*dropped)(void *context, const uint8_t *hash, why_dropped_told told, void *to);
    void (*bounds)(void *context, int64_t now_ms, struct why_bounds *out);
    /* By rule, from an hour on. False = a part of them is not known. Asked last. */
    bool (*counts)(void *context, int64_t from_hour, why_count_told told, void *to);
};
/* One object. */
void why_write(struct json_write *w, const struct why_query *query, const struct why_source *source,
               wall_us now);

/* The shape of it, for /api/spec (cmd/server/spec). */
#define WHY_SHAPE                                                                                  \
    "{query: {hash?: hex, observer?: str, node?: hex}, verdict: str, "                             \
    "found: {packet?: {id: int, hash: hex, observationCount: int, firstSeen: time, "               \
    "lastSeen: time}?, observer?: {id: str, name: str?, firstSeen: time, lastSeen: time?, "        \
    "packetCount: int?}?, node?: {publicKey: hex, name: str?, firstSeen: time, "                   \
    "lastHeard: time?, advertCount: int?}?}, "                                                     \
    "rows: [{time: time, source: str, observer: str?, hash: hex?, node: hex?, rule: str, "         \
    "configKey: str?, reason: str?, topic: str?, bytes: int?, messages: int}], truncated: bool, "  \
    "droppedPacket?: {reason: str, observer: str?, node: hex?, firstSeen: time, "                  \
    "lastSeen: time}?, window: {from: time, to: time, complete: bool}, "                           \
    "counts: {*: {messages: int, rows: int}}, "                                                    \
    "lookedThrough: {transmissions: int?, from: time?}}"
