/* SPDX-License-Identifier: MIT
 *
 * answers - every GET answer as ready bytes: rendered when it is asked for and no longer true, then served as
 * often as anybody likes.
 *
 * An answer is true until its inputs change, its second is over, or the moment at which the ingestor's sample
 * becomes stale, whichever is first. That is checked at EVERY request with two loads and a clock, so a
 * stale sample is never served as fresh, even when the file's bytes do not change; and rendering reads
 * memory only (stats_cache, db_poller, io_rates), so no request ever waits for a file or a database.
 * One lock per answer guards its pointer; `rendering` serialises rendering, outside of which lies everything
 * but the requests that need a new one: about 0.1 ms once a second.
 *
 * Lock ranks: rendering (1) before a slot's lock (2).
 * Threads: take and release from any; answers_watch from the watcher thread. */
#pragma once

#include "cmd/server/state/db_poller.h"
#include "cmd/server/state/io_rates.h"
#include "cmd/server/state/stats_cache.h"

/* X(id, render function): one row an answer. */
#define ANSWER_LIST(X)                                                                             \
    X(LIVEZ, api_health_livez)                                                                     \
    X(READYZ, api_health_readyz)                                                                   \
    X(HEALTHZ, api_health_healthz)                                                                 \
    X(HEALTHZ_STRICT, api_health_healthz_strict)                                                   \
    X(PERF_IO, api_perf_io)                                                                        \
    X(PERF_SQLITE, api_perf_sqlite)                                                                \
    X(WRITE_SOURCES, api_perf_write_sources)                                                       \
    X(MQTT_STATUS, api_mqtt_status)                                                                \
    X(STATS, api_stats)

enum answer {
#define X(id, render) ANSWER_##id,
    ANSWER_LIST(X)
#undef X
        ANSWER_COUNT
};

struct answers;
struct health_report;

/* What a render function may read: a consistent picture of one moment. */
struct answer_input {
    const struct stats_view *stats;
    struct db_state db;
    struct procio_rates io;
    const struct health_report *health;
    bool is_draining;
    wall_us wall;
    mono_us mono;
};

/* The JSON body (free() it); *out_status is 200 when it is called. NULL = no memory. */
typedef char *(*answer_render)(const struct answer_input *input, int *out_status);

/* Ready to send. `keep` and `close` are the same answer with either Connection header; head_len bytes of
 * each are the header. */
struct answer_bytes {
    const char *keep, *close;
    size_t keep_len, close_len, keep_head_len, close_head_len;
    int status;
};

/* All are borrowed until answers_free. NULL = no memory. */
NODISCARD struct answers *answers_new(struct stats_cache *stats, struct db_poller *db,
                                      struct io_rates *io);
void answers_free(struct answers *answers);

/* NULL only when there never was memory for a first rendering. */
const struct answer_bytes *answers_take(struct answers *answers, enum answer which);
void answers_release(struct answers *answers, enum answer which, const struct answer_bytes *bytes);

/* readyz says 503 from now on. */
void answers_drain(struct answers *answers);
/* Once a second: judge the health also when nobody asks, so that `sinceUnix` is true. */
void answers_watch(struct answers *answers);
/* Prometheus text: the ingestor's metrics and the server's own; free() it. NULL = no memory. */
NODISCARD char *answers_metrics(struct answers *answers);
