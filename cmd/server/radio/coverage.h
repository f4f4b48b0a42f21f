/* SPDX-License-Identifier: MIT
 *
 * coverage - /api/rx-coverage?bbox&days&z and /api/nodes/{pubkey}/rx-coverage?days&z: where phones
 * heard whom (clientRxCoverage), as GeoJSON.
 *
 * A feature is a cell of the grid (heard_rows.h; of 2^(z + CELLS_A_TILE) around the world, so some
 * 16 pixels of a map at zoom z) in which something was heard in the last `days`. best_snr: the best
 * measured SNR, null where none was (has_sig false). nodes: who was heard there, by what the phone
 * heard (prefix), and the node's name where that means one node: count receptions, snr the best of
 * them; the first CELL_NODES, the most frequent first. Of one node: only receptions that mean it.
 * It looks at the newest COVERAGE_ROWS receptions of the time, in the bbox and beside it, and shows
 * COVERAGE_CELLS cells at most: `complete` says whether that was all, `from` since when.
 * 404 while clientRxCoverage is off. Kept for COVERAGE_KEPT_S. Cost: 2 us a row. */
#pragma once

#include "cmd/server/http/route.h"

#define COVERAGE_ROWS     20000
#define COVERAGE_CELLS    5000
#define COVERAGE_KEPT_S   30
#define CELL_NODES        32
#define CELLS_A_TILE      4
#define COVERAGE_DAYS     7
#define COVERAGE_DAYS_MAX 30

void coverage_answer(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply);
void coverage_of_node_answer(struct asking *asking, const struct http_request *request,
                             struct http_reply *reply);
/* Of so many days, those whose receptions retention (packetDays) keeps. */
int64_t coverage_days_kept(const struct asking *asking, int64_t days);
/* False: clientRxCoverage is off, and the reply says so. */
NODISCARD bool coverage_is_on(const struct asking *asking, struct http_reply *reply);

#define COVERAGE_SHAPE                                                                             \
    "{type: 'FeatureCollection', days: int, features: [{type: 'Feature', geometry: {type: "        \
    "'Polygon', coordinates: [[[num]]]}, properties: {best_snr: num?, has_sig: bool, nodes: "      \
    "[{prefix: hex, name?: str, pubkey?: hex, count: int, snr: num?}]}}], from: time, complete: "  \
    "bool}"
