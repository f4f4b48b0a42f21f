/* SPDX-License-Identifier: MIT
 *
 * own_process - what the kernel says of this process: memory, processor time, descriptors.
 *
 * Sampled in the background, so that nobody who asks reads /proc: with 4,096 connections counting
 * the descriptors takes milliseconds.
 * I1. A value that can't be read is NaN, as is all of it before the first sample.
 * Threads: sample by one, get by any; /proc is memory, not a disk: it never waits. */
#pragma once

#include "common/base/seqlock.h"

struct own_process_figures {
#define PROCESS(id, prometheus, kind, unit, help) double id;
#include "common/stats/metrics.def"
};

/* Begins with zeros. */
struct own_process {
    SEQLOCKED(struct own_process_figures) published;
    _Atomic bool has_sample; /* raised behind the first one */
};

void own_process_sample(struct own_process *process);
void own_process_get(const struct own_process *process, struct own_process_figures *out);
