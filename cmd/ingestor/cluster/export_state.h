/* SPDX-License-Identifier: MIT
 *
 * export_state - how far `--store-export` is: `<dbPath>.store-export`, a small text beside the
 * database, written behind every slice that the store has acknowledged.
 *
 * I1. It is durable before the next slice is sent, and whole at every moment: after a kill at most
 *     one slice is sent again, with the same bytes.
 * I2. It counts only for the store (meta.cluster) and the database (meta.created_ms) it was made
 *     with, and only while the database still has what it passed: numbers alone are no identity. A
 *     backup that was put back has fewer commits, or another packet under the observation passed
 *     last; then all begins anew, which costs time and changes nothing.
 * I3. Where the database has changed since it was written, what is not kept (fact_source) begins
 *     anew, and rows no longer tell how many keys there are: a reception may have moved to another
 *     hour, and a packet been sent for both.
 * Threads: one. Ownership: a plain value. */
#pragma once

#include "cmd/ingestor/cluster/cluster.h"
#include "cmd/ingestor/facts/fact_source.h"

#include <limits.h>

#define EXPORT_MARK_MAX 33

struct export_state {
    uint8_t store[CLUSTER_ID_BYTES];
    int64_t created_ms;         /* the database's */
    int64_t commits;            /* it had, when this was written */
    char mark[EXPORT_MARK_MAX]; /* of the observation at sources[0].position; "-" = none */
    bool is_finished;
    bool is_exact; /* the database has not changed since the first slice: each row sent has a key */
    uint64_t total; /* rows to be sent, with those that were: for export_progress */
    struct export_place {
        int64_t position;
        uint64_t rows; /* sent, up to there */
    } sources[FACT_SOURCES];
};

/* STATUS_NOT_FOUND: there is none that can be read; IO. */
NODISCARD enum status export_state_read(const char *path, struct export_state *out);
NODISCARD enum status export_state_write(const char *path, const struct export_state *state,
                                         struct err *err);
