/* SPDX-License-Identifier: MIT
 *
 * answers - the pieces of which the answers about the whole are made: each is an object, the whole
 * of a plain route or a member of /api/ops/snapshot, so that both say the same in the same words.
 *
 * Shapes are CoreScope's. Beside its own, write-sources carries what the page shows and CoreScope
 * has no place for: stale, status, ledger, queue, workers, commit. A stale sample proves nothing
 * about a connection: then `stale` is true, `connected` false and `state` unknown. Passwords were
 * masked when the file was parsed (stats_file_parse.h).
 * key: as in json_write. Threads: the moment's. */
#pragma once

#include "cmd/server/moment/moment.h"
#include "common/json/json_write.h"

/* /api/perf/io, /api/perf/sqlite, /api/perf/write-sources, /api/mqtt/status */
void answers_io(struct json_write *w, const char *key, const struct moment *moment);
void answers_sqlite(struct json_write *w, const char *key, const struct moment *moment);
void answers_writes(struct json_write *w, const char *key, const struct moment *moment);
void answers_mqtt(struct json_write *w, const char *key, const struct moment *moment);
/* /api/healthz; reason: why it is refused, "" = it is not. */
void answers_health(struct json_write *w, const char *key, const struct moment *moment,
                    const struct health_report *report, const char *reason);
