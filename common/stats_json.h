/* SPDX-License-Identifier: MIT
 *
 * stats_json - the pieces of a snapshot that look the same in the stats file and in the server's answers. */
#pragma once

#include "common/json_build.h"
#include "common/stats_file.h"

/* `key`: {received, committed, ..., filtered: {reason: n}, ..., queued, unaccounted}; unknown ones left out. */
void stats_json_ledger(struct json_build *b, cJSON *parent, const char *key,
                       const struct ledger *ledger);
/* `writer_perf`: {component: {...}}, empty when there is none. */
void stats_json_writers(struct json_build *b, cJSON *parent, const struct stats_snapshot *snapshot);
