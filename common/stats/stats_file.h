/* SPDX-License-Identifier: MIT
 *
 * stats_file - how the ingestor tells the server (and anybody with `cat`) how it is: one JSON file,
 * replaced by rename once a second.
 *
 * Its text is made by stats_file_render, read by stats_file_parse. Contract: unknown keys are
 * harmless; an absent key is unknown, never 0. The shape: CoreScope's keys at the top level
 * (sampledAt, tx_inserted ... source_liveness, source_statuses, procIO, writer_perf,
 * watchdogLastTickUnix), plus schema, bootId, sampledMonotonicUs, pid, seq, startedAt, stoppedAt,
 * status, ledger, workers, queue, commit, cpuSeconds, rssBytes, diskFreeBytes, diskBytes,
 * checkpoints, events.
 * Threads: none of its own. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"

#include <sys/types.h>

/* A larger file is refused by the reader and never made by the writer; deeper
 * nesting is refused. */
#define STATS_FILE_MAX  (4 << 20)
#define STATS_DEPTH_MAX 8

/* Atomic replacement (file_replace), not synced: the next one comes in a second. */
NODISCARD enum status stats_file_write(const char *path, const char *text, struct err *err);

/* Which bytes a reader has seen: of another file, and of one that has changed, one of these
 * differs. All zero = none. */
struct stats_file_stamp {
    dev_t device;
    ino_t inode;
    int64_t mtime_ns, size;
};

/* The whole text, free() it. STATUS_AGAIN: it is what *stamp names, and was not read again;
 * NOT_FOUND; TOO_LARGE; IO with errno (also what is no ordinary file, EINVAL); NO_MEMORY. *stamp
 * then names what was found; without memory it stays. It is taken by fstat of the descriptor that
 * is read, so that a rename in between can't pair one file's stamp with the other's bytes. */
NODISCARD enum status stats_file_read(const char *path, struct stats_file_stamp *stamp,
                                      char **out_text, size_t *out_len);
