/* SPDX-License-Identifier: MIT
 *
 * fact_packet - the rows of a packet that leaves without ever being a row of the SQLite file: what
 * fact_source makes of the tables transmissions, observations and messages, made of the values.
 *
 * I1. A packet that was written to the SQLite file and exported gives the same rows, but that a row
 *     of `tx` bears the receipt and the frame of its own copy, where an export's bears the earliest
 *     one's: the store shows the earliest of all in any case.
 * Threads: pure. Ownership: what a struct points to is borrowed. */
#pragma once

#include "cmd/ingestor/facts/fact_row.h"

#define FACT_NO_SCOPE (-1) /* a scope_code */

/* One content as one copy of it has it. Copies tell their own receipt and frame: the store shows
 * the earliest. */
struct fact_transmission {
    uint64_t hash;
    int64_t receipt_ms;
    uint8_t type, route;
    const uint8_t *sender; /* 32 bytes; NULL = no node's advert */
    bool is_forged;
    const uint8_t *raw;
    size_t raw_len;
};
void fact_put_tx(struct fact_row *row, const struct fact_transmission *tx);
/* Of one with a sender. */
void fact_put_advert(struct fact_row *row, const struct fact_transmission *tx);

struct fact_reception {
    uint64_t hash, observer;
    int64_t receipt_ms, said_ms;
    bool has_said; /* said_ms is one */
    uint8_t direction, path_size, type, route;
    const uint8_t *path;
    size_t path_len;
    const char *source;
    int32_t scope_code;
    const char *scope;       /* the region's name; NULL = none is known */
    double snr, rssi, score; /* NaN = unknown */
};
/* The column `has`. */
uint8_t fact_reception_has(const struct fact_reception *reception);
void fact_put_obs(struct fact_row *row, const struct fact_reception *reception);

/* A channel's message. */
struct fact_message {
    uint64_t hash;
    int64_t receipt_ms;
    const char *channel;
    const char *sender, *text; /* NULL = unknown */
    int64_t sender_time;       /* where there is a text */
};
void fact_put_message(struct fact_row *row, const struct fact_message *message);

/* UTC, since 1970. */
int64_t fact_hour(int64_t ms);
