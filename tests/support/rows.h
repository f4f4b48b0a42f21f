/* SPDX-License-Identifier: MIT
 *
 * rows - what the writer keeps beside transmissions and observations, for tests that insert those
 * by hand. */
#pragma once

#define ROWS_BESIDE                                                                                \
    "INSERT OR IGNORE INTO observation_keys (transmission_id, observer_id, id)"                    \
    "  SELECT transmission_id, observer_id, id FROM observations;"                                 \
    "INSERT OR REPLACE INTO type_blocks SELECT type, id >> 6, count(*) FROM transmissions GROUP BY 1, 2;"
