/* SPDX-License-Identifier: MIT
 *
 * worker_usage - what the processes have used: of the disk, the processor, memory.
 *
 * I1. Called after reaping, no sum falls: to this process's counters the kernel adds those of each
 *     child that is reaped, so all that ever ran counts once, as root and as anybody else.
 * Threads: none. Cost: two reads of /proc for each process, 20 us. */
#pragma once

#include "cmd/ingestor/supervise/workers.h"
#include "common/stats/stats_snapshot.h"

/* Of live workers and this process. False: there is no /proc/self/io. */
NODISCARD bool worker_usage_io(struct workers *workers, struct procio *out);
/* The same of processor time and memory, and worker->usage of each; NaN = /proc does not say. */
void worker_usage_sample(struct workers *workers, struct stats_usage *out);
