/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/worker_usage.h"

#include <math.h>

bool worker_usage_io(struct workers *workers, struct procio *out)
{
    struct procio sum;
    if (!procio_read(0, &sum))
        return false;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->all[i];
        if (worker->pid == 0)
            continue;
        /* One that has just died can be read no more, and is not ours yet: as it last was. */
        IGNORE(procio_read(worker->pid, &worker->io), "the last sample stays");
        procio_add(&sum, &worker->io);
    }
    *out = sum;
    return true;
}

void worker_usage_sample(struct workers *workers, struct stats_usage *out)
{
    struct procio_usage own;
    *out = (struct stats_usage){(double)NAN, (double)NAN};
    if (!procio_usage_read(0, &own))
        return;
    out->cpu_s = own.cpu_s + own.children_cpu_s;
    out->rss_bytes = own.resident_bytes;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->all[i];
        if (worker->pid == 0)
            continue;
        IGNORE(procio_usage_read(worker->pid, &worker->usage), "the last sample stays");
        out->cpu_s += worker->usage.cpu_s + worker->usage.children_cpu_s;
        out->rss_bytes += worker->usage.resident_bytes;
    }
}
