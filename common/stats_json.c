/* SPDX-License-Identifier: MIT */
#include "common/stats_json.h"

#include <stdio.h>

void stats_json_ledger(struct json_build *b, cJSON *parent, const char *key,
                       const struct ledger *ledger)
{
    cJSON *row = jb_object(b, parent, key);
    jb_count(b, row, "received", ledger->received);
    for (enum outcome i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info(i);
        if (*info->reason == '\0') {
            jb_count(b, row, info->bucket, ledger->outcomes[i]);
            continue;
        }
        cJSON *bucket = cJSON_GetObjectItemCaseSensitive(row, info->bucket);
        if (bucket == NULL)
            bucket = jb_object(b, row, info->bucket);
        jb_count(b, bucket, info->reason, ledger->outcomes[i]);
    }
    jb_count(b, row, "queued", ledger->queued);
    jb_int(b, row, "unaccounted", ledger->unaccounted);
}

void stats_json_writers(struct json_build *b, cJSON *root, const struct stats_snapshot *s)
{
    static const char *const points[] = {"p50", "p95", "p99", "max"};
    cJSON *components = jb_object(b, root, "writer_perf");
    for (size_t i = 0; i < s->writer_count; i++) {
        const struct stats_writer *from = &s->writers[i];
        cJSON *row = jb_object(b, components, from->component);
        jb_int(b, row, "count", from->count);
        jb_int(b, row, "contention_total", from->contention_total);
        for (size_t p = 0; p < ARRAY_LEN(points); p++) {
            char key[24];
            (void)snprintf(key, sizeof key, "wait_ms_%s", points[p]);
            jb_real(b, row, key, from->wait_ms[p]);
            (void)snprintf(key, sizeof key, "hold_ms_%s", points[p]);
            jb_real(b, row, key, from->hold_ms[p]);
        }
    }
}
