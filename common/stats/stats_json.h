/* SPDX-License-Identifier: MIT
 *
 * stats_json - the pieces of a snapshot that look the same in the stats file and in the server's
 * answers: each call appends whole members (or, where it says so, one element) to the object
 * (array) that is open in `w`.
 *
 * What is unknown is left out, never 0. Texts go through whole: json_write makes any bytes valid
 * JSON, and the snapshot's own fields bound them.
 * Threads: those of the writer. Errors: the writer's (jw_take says whether all of it fitted). */
#pragma once

#include "common/json/json_write.h"
#include "common/stats/stats_snapshot.h"

/* What counts writing, by key; and the other values without labels. */
void stats_json_write_sources(struct json_write *w, const struct stats_snapshot *snapshot);
void stats_json_other_metrics(struct json_write *w, const struct stats_snapshot *snapshot);
/* Members: cpuSeconds, rssBytes; diskFreeBytes, diskBytes, `checkpoints`. is_true: see
 * stats_known. */
void stats_json_usage(struct json_write *w, const struct stats_snapshot *snapshot, bool is_true);
void stats_json_storage(struct json_write *w, const struct stats_snapshot *snapshot, bool is_true);
/* `stoppedAt`, of a program that has ended in order. */
void stats_json_stopped(struct json_write *w, const struct stats_snapshot *snapshot);
/* The five rates, by key. */
void stats_json_rates(struct json_write *w, const struct procio_rates *rates);
/* `key`: {received, committed, ..., filtered: {reason: n}, ..., queued, unaccounted}; key as
 * in json_write. */
void stats_json_ledger(struct json_write *w, const char *key, const struct ledger *ledger);
/* `writer_perf`: {component: {...}}, empty when there is none; is_true as above. */
void stats_json_writers(struct json_write *w, const struct stats_snapshot *snapshot, bool is_true);
/* `ledger` {sinceUnix, total, sources}, `source_liveness` and `queue`, the last two
 * for live sources. */
void stats_json_sources(struct json_write *w, const struct stats_snapshot *snapshot);
/* One element of `source_statuses`; !is_true: nobody vouches for it any more, so a connection is
 * not shown as one, and what is said of now is left out. */
void stats_json_mqtt(struct json_write *w, const struct stats_mqtt *source, bool is_true);
/* `key`: {source: {lastReceiptUnix, lastMessageUnix}} for live sources that are brokers: neither
 * injection nor replay can fall silent. */
void stats_json_liveness(struct json_write *w, const char *key,
                         const struct stats_snapshot *snapshot);
/* `workers` and `workerUnhealthy`; is_true as above. */
void stats_json_workers(struct json_write *w, const struct stats_snapshot *snapshot, bool is_true);
/* One element of `events`. */
void stats_json_event(struct json_write *w, const struct stats_event *event);
/* `commit` */
/* `outbox`; nothing where there is none. */
void stats_json_outbox(struct json_write *w, const struct stats_snapshot *s, bool is_true);
void stats_json_commit(struct json_write *w, const struct stats_snapshot *snapshot);
