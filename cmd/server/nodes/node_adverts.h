/* SPDX-License-Identifier: MIT
 *
 * node_adverts - a node's newest adverts: their ids, and as packets. Inside a question. */
#pragma once

#include "cmd/server/model/asking.h"

#define NODE_ADVERTS_MAX 200

struct json_write;

/* The transmissions from id `low` on, newest first, to at most `max`. */
size_t node_advert_ids(struct reader *reader, int64_t node_id, int64_t low, size_t max,
                       int64_t out[static NODE_ADVERTS_MAX]);
/* First received since midnight UTC; DIRECTORY_UNKNOWN. */
int64_t node_adverts_today(struct asking *asking, int64_t node_id, int64_t now_ms);
/* The same of many. */
void node_adverts_today_of(struct asking *asking, const int64_t *node_ids, size_t count,
                           int64_t now_ms, int64_t *out);
/* A list of packets (packet.h), to at most `max`. */
void node_adverts_write(struct json_write *w, const char *key, struct asking *asking,
                        int64_t node_id, size_t max);
