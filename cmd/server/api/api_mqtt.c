/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_mqtt.h"

#include "common/json/json_build.h"
#include "common/stats/stats_json.h"

char *api_mqtt_status(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    struct json_build b;
    cJSON *root = jb_init(&b);
    cJSON *list = jb_array(&b, root, "sources");
    if (in->stats->status != STATUS_OK) {
        jb_text(&b, root, "sampleAt", "");
        jb_bool(&b, root, "stale", true);
        return jb_print(&b, root);
    }
    const struct stats_snapshot *s = &in->stats->snapshot;
    const double age = stats_age_seconds(s, in->wall);
    const bool is_stale = age < 0 || age > STATS_FRESH_SECONDS;
    for (size_t i = 0; i < s->mqtt_count; i++)
        stats_json_mqtt(&b, list, &s->mqtt[i], is_stale);
    jb_time(&b, root, "sampleAt", s->sampled_at);
    jb_bool(&b, root, "stale", is_stale);
    jb_int(&b, root, "watchdogLastTickUnix", s->watchdog_last_tick_unix);
    jb_int(&b, root, "watchdogPanicCount", s->watchdog_panics);
    return jb_print(&b, root);
}
