/* SPDX-License-Identifier: MIT
 *
 * import_source - a CoreScope database, read-only, whatever its shape (protocol.md 11).
 *
 * Which columns there are is looked up; no version is believed. Known shapes:
 * observations.observer_idx as the rowid of observers, or holding the observer's text id
 * (March 2026), or the columns observer_id and observer_name ("v2"); times as epoch seconds,
 * epoch milliseconds or text; anything else may be missing. A row's time is the first of:
 * the observation's, the transmission's first_seen, its created_at, that is a time and not
 * in the future.
 * Threads: one. Errors: struct err has SQLite's text. Ownership: texts of a row borrow until
 * the next call. */
#pragma once

#include "common/base/err.h"

struct import_source;

/* STATUS_INVALID: no CoreScope database. A file in WAL mode in a folder that can't be written is
 * read without its WAL, if that is empty. */
NODISCARD enum status import_source_open(const char *path, struct import_source **out_source,
                                         struct err *err);
void import_source_close(struct import_source *source); /* NULL accepted */

/* What to read next; ordered by id, from the one behind `after`. One at a time. */
enum import_kind {
    IMPORT_OBSERVATIONS,
    IMPORT_TRANSMISSIONS, /* those without an observation */
    IMPORT_OBSERVERS,
    IMPORT_METRICS,
    IMPORT_NODES, /* inactive ones too */
    IMPORT_KINDS
};
/* Rows there are to read. */
NODISCARD enum status import_source_count(struct import_source *source, enum import_kind kind,
                                          int64_t after, int64_t *out_rows, struct err *err);
NODISCARD enum status import_source_select(struct import_source *source, enum import_kind kind,
                                           int64_t after, struct err *err);

/* Text NULL or "", numbers NaN, times 0 = absent. */
struct import_packet {
    int64_t id;
    const char *transmission_hex, *own_hex, *path_json;
    const char *observer, *name, *iata;
    bool is_tx;
    double snr, rssi, score;
    int64_t time_ms;
};
struct import_observer {
    const char *id, *name, *iata, *model, *firmware, *client_version, *radio;
    double battery_mv, uptime_secs, noise_floor;
    int can_relay; /* -1 = unknown */
    int64_t first_ms, last_ms;
    bool is_repeated; /* an earlier row has this id but for capitals */
};
struct import_metrics {
    const char *observer;
    int64_t slot_ms;
    double battery_mv, noise_floor, tx_air_secs, rx_air_secs, recv_errors, packets_sent,
        packets_recv;
};
struct import_node {
    const char *key;
    int64_t first_ms;
    bool is_repeated; /* as above; a node may stand among the active ones and the others */
};

/* The next row of what was selected; STATUS_NOT_FOUND = no more. */
NODISCARD enum status import_source_packet(struct import_source *source, struct import_packet *out,
                                           struct err *err);
NODISCARD enum status import_source_observer(struct import_source *source,
                                             struct import_observer *out, struct err *err);
NODISCARD enum status import_source_metrics(struct import_source *source,
                                            struct import_metrics *out, struct err *err);
NODISCARD enum status import_source_node(struct import_source *source, struct import_node *out,
                                         struct err *err);
