/* SPDX-License-Identifier: MIT
 *
 * ring_open - how a writer comes to its ring: use on, seal and take over, put right, or
 * make (ring.h, I5).
 *
 * In the boot that wrote it, kill -9 included, the page cache makes the write position exact and
 * the ring is simply used on. It is sealed, and a successor takes over the chain (the head's tuple
 * and numbers go on)
 *   - when the boot id changed: the header page and the data pages reach the disk in no order,
 *     so after a reboot the write position proves nothing; the sealing scan finds the last
 *     valid record;
 *   - when the file is not the one that its writer wrote to: a copy of it was put back;
 *   - when the configured size changed;
 *   - when head or tail fail their check words.
 * Truncating in place with an epoch was rejected: the database's cursor can be ahead of what a
 * ring remembers after power loss, and new records would then be written behind the cursor and
 * never read.
 * A sound ring of the source that stands under another name, renamed or swapped by somebody, is
 * first put back under its own (ring_standing.h). A file whose static header is damaged or
 * foreign, or that is a copy of a ring, is left to the flusher, which moves it aside
 * (`.damaged-<time>`) and counts what was in it; nothing is ever deleted. With it goes its
 * chain's tuple: the next ring begins a new chain. A file that is shorter than it says is
 * extended with zeros: the lost records are a gap. A ring of a later version is left alone:
 * STATUS_NEWER.
 *
 * Each step is safe to be killed after: the new ring stands complete on disk under its name (a
 * temporary until then) before the old one is sealed, and of two unsealed rings of a source the one
 * created last is used and the other is sealed again. `created` always grows along a chain,
 * whatever the wall clock does.
 * Threads: the opening one. Errors: struct err. */
#pragma once

#include "common/base/err.h"

struct ring_head;
struct ring_map;

struct ring_params {
    const char *dir, *source; /* borrowed for the call */
    uint64_t capacity_records, capacity_bytes;
    uint64_t max_message_bytes; /* payload */
    double soft_threshold;      /* of records or bytes, whichever is fuller */
};

/* What opening did, for one log line: rings sealed, put back under their names, left because they
 * are none (the last one: why), records found by the sealing scan. */
struct ring_open_report {
    unsigned sealed, put_right, left;
    char left_why[120];
    uint64_t recovered_records; /* beyond what the old header knew */
    bool created;
};

/* params as in ingest_buffer_open, with capacity_bytes already rounded. *out_head is the
 * published head. */
NODISCARD enum status ring_open_for_writing(const struct ring_params *params,
                                            struct ring_map *out_map, struct ring_head *out_head,
                                            struct ring_open_report *out_report, struct err *err);
