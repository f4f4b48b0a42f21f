/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/own_process.h"

#include "common/base/procio.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>

static const struct own_process_figures unknown = {
#define PROCESS(id, prometheus, kind, unit, help) .id = (double)NAN,
#include "common/stats/metrics.def"
};

/* When the system was booted, by the wall clock; 0 = it does not say. */
static double boot_time_s(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[256];
    long long at = 0;
    if (file == NULL)
        return 0;
    while (at == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "btime %lld", &at);
    IGNORE(fclose(file), "read-only");
    return (double)at;
}

static void read_stat(struct own_process_figures *out)
{
    struct procio_usage usage;
    if (!procio_usage_read(0, &usage))
        return;
    out->cpu_s = usage.cpu_s;
    out->virtual_bytes = usage.virtual_bytes;
    out->resident_bytes = usage.resident_bytes;
    const double booted = boot_time_s();
    if (booted > 0)
        out->started = booted + usage.started_s;
}

static void count_descriptors(struct own_process_figures *out)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return;
    double count = -1; /* the folder's own */
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    IGNORE(closedir(folder), "read-only");
    out->open_fds = count;
}

void own_process_sample(struct own_process *process)
{
    struct own_process_figures figures = unknown;
    struct rlimit limit;
    read_stat(&figures);
    count_descriptors(&figures);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        figures.max_fds = (double)limit.rlim_cur;
    seqlock_write(&process->published, &figures);
    atomic_store(&process->has_sample, true);
}

void own_process_get(const struct own_process *process, struct own_process_figures *out)
{
    const bool has_sample = atomic_load(&process->has_sample);
    seqlock_take(&process->published, out);
    if (!has_sample)
        *out = unknown;
}
