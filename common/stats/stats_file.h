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

/* A larger file is refused by the reader and never made by the writer; deeper
 * nesting is refused. */
#define STATS_FILE_MAX  (4 << 20)
#define STATS_DEPTH_MAX 8

/* Atomic replacement (file_replace), not synced: the next one comes in a second. */
NODISCARD enum status stats_file_write(const char *path, const char *text, struct err *err);
