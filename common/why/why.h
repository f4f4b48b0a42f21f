/* SPDX-License-Identifier: MIT
 *
 * why - why is my packet missing? The one answer of `ingestor --why` and GET /api/why.
 *
 * In this order: is it stored after all; which refusals are known of it, with the option that
 * decided; and where nothing is known, what was looked through and since when.
 * I1. Nothing is concealed by a bound: `truncated` says that more rows fit the question,
 *     `window.complete` that every message refused in the window has a row.
 * I2. What is not known is null.
 * Threads: the one of the statements. Errors: the statements'; then what was written is worth
 * nothing, and who gave the statements knows. Ownership: all borrowed. Cost: one walk over at most
 * 10,000 rows of refusals, 2 ms, and a look-up for each thing asked for. */
#pragma once

#include "common/db/statement.h"
#include "common/json/json_write.h"

#define WHY_HASH_BYTES   8
#define WHY_KEY_BYTES    32
#define WHY_OBSERVER_MAX 128
#define WHY_ROWS         100 /* unless asked otherwise */
#define WHY_ROWS_MAX     1000

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

/* Where the statements come from, and whom nobody shall see (NULL = nobody). */
struct why_source {
    void *context;
    /* Prepared, without bindings, and good until the answer is made; NULL = it can't be. */
    struct statement *(*statement)(void *context, const char *sql);
    bool (*is_hidden_observer)(void *context, const char *identity);
    bool (*is_hidden_node)(void *context, const uint8_t key[static WHY_KEY_BYTES]);
};
/* One object. */
void why_write(struct json_write *w, const struct why_query *query, const struct why_source *source,
               wall_us now);

/* The shape of it, for /api/spec (cmd/server/spec). */
#define WHY_SHAPE                                                                                  \
    "{query: {hash?: hex, observer?: str, node?: hex}, verdict: str, "                             \
    "found: {packet?: {id: int, hash: hex, observationCount: int, firstSeen: time, "               \
    "lastSeen: time}?, observer?: {id: str, name: str?, firstSeen: time, lastSeen: time?, "        \
    "packetCount: int}?, node?: {publicKey: hex, name: str?, firstSeen: time, "                    \
    "lastHeard: time?, advertCount: int}?}, "                                                      \
    "rows: [{time: time, source: str, observer: str?, hash: hex?, node: hex?, rule: str, "         \
    "configKey: str?, reason: str?, topic: str?, bytes: int?, messages: int}], truncated: bool, "  \
    "droppedPacket?: {reason: str, observer: str?, node: hex?, firstSeen: time, "                  \
    "lastSeen: time}?, window: {from: time, to: time, complete: bool}, "                           \
    "counts: {*: {messages: int, rows: int}}, "                                                    \
    "lookedThrough: {transmissions: int, from: time?}}"
