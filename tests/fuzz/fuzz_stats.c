/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file_parse.h"
#include "common/stats/stats_file_render.h"
#include "common/stats/stats_prometheus.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is parsed must also be renderable, and parse again to the same counts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stats_snapshot first;
    static struct stats_snapshot second;
    if (stats_file_parse((const char *)data, size, &first) != STATUS_OK)
        return 0;
    char *text = stats_file_render(&first);
    char *metrics = stats_prometheus(&first, 0);
    if (text == NULL || metrics == NULL ||
        stats_file_parse(text, strlen(text), &second) != STATUS_OK ||
        first.worker_count != second.worker_count || first.mqtt_count != second.mqtt_count)
        abort();
    free(metrics);
    free(text);
    return 0;
}
