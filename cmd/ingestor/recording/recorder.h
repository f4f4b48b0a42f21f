/* SPDX-License-Identifier: MIT
 *
 * recorder - every message the flusher has consumed, as lines of message_line in a file: --record.
 *
 * I1. A line is written after the commit of its batch, so what was rolled back is not in the file.
 *     A flusher that is killed between commit and write leaves its last batch out; only a power
 *     loss that takes back a commit can bring a batch twice.
 * I2. The recording never harms ingest: no wait but the write itself (for a pipe's reader a second
 *     at most), bounded memory (a full recorder asks for a commit), and the first error ends it
 *     with one warning; what is missing is counted.
 * I3. The file is opened for appending (0640) and a line that a crash has cut is ended first, so a
 *     recording goes on over restarts and reloads.
 * Threads: the flusher's main one. Ownership: borrows the path. */
#pragma once

#include "common/ring/ring.h"

struct recorder;

/* Never fails but for want of memory (NULL): a file that can't be opened is the first
 * error of I2. */
NODISCARD struct recorder *recorder_new(const char *path);
void recorder_free(struct recorder *recorder); /* NULL accepted */

/* All accept NULL: nothing is recorded. */
void recorder_add(struct recorder *recorder, const char *source,
                  const struct ring_message *message);
bool recorder_is_full(const struct recorder *recorder);
void recorder_committed(struct recorder *recorder);
void recorder_rolled_back(struct recorder *recorder);
/* Messages that were committed and are not in the file. */
uint64_t recorder_lost(const struct recorder *recorder);
