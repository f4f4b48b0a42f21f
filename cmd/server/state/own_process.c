/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/own_process.h"

#include <dirent.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* proc(5): the name in brackets may hold anything, so fields are counted from behind it. */
static void read_stat(struct own_process_figures *out)
{
    char text[1024];
    unsigned long long user, system, start, size;
    long long resident;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return;
    const size_t len = fread(text, 1, sizeof text - 1, file);
    IGNORE(fclose(file), "read-only");
    text[len] = '\0';
    const char *fields = strrchr(text, ')');
    if (fields == NULL ||
        sscanf(fields + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d "
               "%llu %llu %lld",
               &user, &system, &start, &size, &resident) != 5)
        return;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    out->cpu_s = (double)(user + system) / ticks;
    out->virtual_bytes = (double)size;
    out->resident_bytes = (double)resident * (double)sysconf(_SC_PAGESIZE);
    const double booted = boot_time_s();
    if (booted > 0)
        out->started = booted + (double)start / ticks;
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
    while (!seqlock_read(&process->published, out))
        (void)sched_yield(); /* the writer lost its core in the middle */
    if (!has_sample)
        *out = unknown;
}
