/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/watch/glance.h"

#include "common/stats/stats_file_parse.h"

#include <errno.h>
#include <stdlib.h>

struct glance *glance_new(const char *path)
{
    struct glance *glance = calloc(1, sizeof *glance);
    if (glance == NULL)
        return NULL;
    glance->path = path;
    glance->status = STATUS_AGAIN;
    clock_boot_id(glance->boot_id);
    return glance;
}

void glance_free(struct glance *glance)
{
    free(glance);
}

static bool read_file(struct glance *glance)
{
    char *text = NULL;
    size_t len = 0;
    const enum status status = stats_file_read(glance->path, &glance->stamp, &text, &len);
    if (status == STATUS_AGAIN)
        return false;
    glance->error = status == STATUS_IO ? errno : 0;
    glance->status = status == STATUS_OK ? stats_file_parse(text, len, &glance->stats) : status;
    free(text);
    /* Another boot's monotonic time, or another machine's, means nothing here. */
    if (glance->status == STATUS_OK && !clock_is_same_boot(glance->boot_id, glance->stats.boot_id))
        glance->stats.sampled_mono = STATS_UNKNOWN;
    return true;
}

void glance_judge(struct glance *glance)
{
    const struct health_sample sample = {glance->status, &glance->stats, clock_wall(),
                                         clock_mono()};
    glance->now = health_ingestor_now(&sample);
    health_begin(NULL, &glance->report);
    glance->is_fresh = health_judge_ingestor(&sample, &glance->report);
}

bool glance_look(struct glance *glance)
{
    const bool is_new = read_file(glance);
    glance_judge(glance);
    return is_new;
}
