/* SPDX-License-Identifier: MIT
 *
 * leaderboard - /api/rx-leaderboard?days&limit: which phones told most of what they heard.
 *
 * Of each client (the key of the phone's radio; name: of the node with this key), of the last
 * `days`: receptions; nodes: different ones that it heard, by what it heard of their keys; cells of
 * the grid of LEADERBOARD_ZOOM (some 150 m) in which it heard something; score: different pairs of
 * cell and node. The highest score first.
 * It looks at the newest LEADERBOARD_ROWS receptions; more: not complete. 404 while
 * clientRxCoverage is off. Cost: 3 us a row, in slices. */
#pragma once

#include "cmd/server/analytics/analysis.h"

#define LEADERBOARD_ZOOM 18
#define LEADERBOARD_ROWS 200000

extern const struct analysis analysis_leaderboard;
extern const struct http_parameter leaderboard_parameters[];
#define LEADERBOARD_SHAPE                                                                          \
    "{days: int, observers: [{pubkey: str, name: str?, receptions: int, nodes: int, cells: int, "  \
    "score: int}], " ANALYTICS_TAIL "}"
