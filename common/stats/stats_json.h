/* SPDX-License-Identifier: MIT
 *
 * stats_json - the pieces of a snapshot that look the same in the stats file and in the server's answers. */
#pragma once

#include "common/json/json_build.h"
#include "common/stats/stats_file.h"

/* `key`: {received, committed, ..., filtered: {reason: n}, ..., queued, unaccounted}; unknown ones left out. */
void stats_json_ledger(struct json_build *b, cJSON *parent, const char *key,
                       const struct ledger *ledger);
/* `writer_perf`: {component: {...}}, empty when there is none. */
void stats_json_writers(struct json_build *b, cJSON *parent, const struct stats_snapshot *snapshot);
/* `ledger` {sinceUnix, total, sources}, `source_liveness` and `queue`, the last two for live sources. */
void stats_json_sources(struct json_build *b, cJSON *root, const struct stats_snapshot *snapshot);
/* One object of `source_statuses`; is_stale: a connection nobody vouches for is not shown as one. */
void stats_json_mqtt(struct json_build *b, cJSON *list, const struct stats_mqtt *source,
                     bool is_stale);
/* `workers` and `workerUnhealthy`. */
void stats_json_workers(struct json_build *b, cJSON *root, const struct stats_snapshot *snapshot);
void stats_json_commit(struct json_build *b, cJSON *root, const struct stats_snapshot *snapshot);
