/* SPDX-License-Identifier: MIT
 *
 * node_receptions - how a node was heard: the receptions of its newest adverts, and what each
 * observer's amount to. Inside a question.
 *
 * Why the newest adverts alone: a node that has sent for a year, or sends without end, costs no
 * more than any other; where an advert was heard a thousand times, it stops when the question is
 * late (asking.h). What was looked at, the span says, and so does every answer made of it. A
 * measurement that was invented (schema_is_invented_rf) is none. Only floods name hops.
 * Threads: that of the question. Errors: as the reader's. Cost: 200 adverts, 1 ms. */
#pragma once

#include "cmd/server/nodes/facts.h"
#include "cmd/server/nodes/node_adverts.h"
#include "cmd/server/tally/table.h"

#define NODE_RECEPTIONS_MAX 10000

struct node_reception {
    int64_t observer_id, receipt_ms;
    double snr, rssi; /* NaN = not measured */
    int hops;         /* -1 = not known */
};

struct node_span {
    size_t adverts, receptions;
    int64_t since_ms; /* first receipt of the oldest advert that was looked at; DIRECTORY_NEVER */
    bool is_complete; /* the node had no other adverts from from_ms on */
};

typedef void (*node_reception_each)(void *context, const struct node_reception *reception);

/* The adverts that were first received from from_ms on (INT64_MIN: all), newest first. */
struct node_span node_receptions_each(struct asking *asking, int64_t node_id, int64_t from_ms,
                                      node_reception_each each, void *context);

/* Of one observer, and of all. */
struct node_heard {
    int64_t observer_id; /* the key */
    int64_t first_ms, last_ms;
    uint32_t count, snr_count, rssi_count, hops_count;
    uint32_t unused;
    double snr_sum, rssi_sum, hops_sum;
};

void node_heard_add(struct node_heard *heard, const struct node_reception *reception);
/* For a table of node_heard (node_heard_init). */
void node_heard_init(struct table *table);
void node_heard_note(struct table *table, const struct node_reception *reception);
/* The same as counted already: the observer's, and into the sum of all. */
void node_heard_put(struct table *table, const struct node_heard *heard);
void node_heard_sum(struct node_heard *all, const struct node_heard *heard);
/* One of the list below; nothing when nobody shall see the observer. */
void node_heard_one_write(struct json_write *w, struct asking *asking,
                          const struct node_heard *heard);
/* [{observer_id, observer_name, iata?, packetCount, avgSnr, avgRssi, firstSeen?, lastSeen,
 * can_relay?}], who heard most first. firstSeen: where it is known (first_ms is not 0). */
void node_heard_write(struct json_write *w, const char *key, struct asking *asking,
                      const struct table *table);
/* sum / count in hundredths; null when count is 0. */
void node_average_write(struct json_write *w, const char *key, double sum, uint32_t count);
/* basis {adverts, since, complete} */
void node_span_write(struct json_write *w, const struct node_span *span);
