/* SPDX-License-Identifier: MIT
 *
 * procio - what /proc says of a process: /proc/<pid>/io, the five counters of CoreScope's perf API,
 * and /proc/<pid>/stat, its processor time and memory.
 * A file in which no key is recognised is no sample (never a phantom zero). A process's counters
 * hold those of its children that it has reaped, so a sum over a family needs no memory of the
 * dead; a zombie's own can be read by root alone. Pure but for the read. */
#pragma once

#include "common/base/base.h"

#include <sys/types.h>

struct procio {
    uint64_t read_bytes, write_bytes, cancelled_write_bytes, syscalls_read, syscalls_write;
};
/* pid 0 = self. False = no sample. */
NODISCARD bool procio_read(pid_t pid, struct procio *out);
NODISCARD bool procio_parse(const char *text, size_t len, struct procio *out);
void procio_add(struct procio *total, const struct procio *part);

struct procio_usage {
    double cpu_s;          /* user and system */
    double children_cpu_s; /* of its children that it has reaped, and of theirs */
    double virtual_bytes, resident_bytes;
    double started_s; /* since the system was booted */
};
/* pid 0 = self. False = no such process, and *out is untouched. */
NODISCARD bool procio_usage_read(pid_t pid, struct procio_usage *out);
NODISCARD bool procio_usage_parse(const char *stat, struct procio_usage *out);
