/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_mqtt.h"

#include "common/stats/stats_file.h"
#include "common/stats/stats_json.h"

char *api_mqtt_status(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    const bool is_usable = in->stats->status == STATUS_OK;
    const struct stats_snapshot *s = &in->stats->snapshot;
    const double age = is_usable ? stats_age_seconds(s, in->wall) : -1;
    const bool is_stale = age < 0 || age > STATS_FRESH_SECONDS;
    struct json_write w;
    size_t len;
    jw_grow(&w, STATS_FILE_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "sources");
    for (size_t i = 0; is_usable && i < s->mqtt_count; i++)
        stats_json_mqtt(&w, &s->mqtt[i], is_stale);
    jw_array_end(&w);
    jw_time(&w, "sampleAt", is_usable ? s->sampled_at : STATS_UNKNOWN);
    jw_bool(&w, "stale", is_stale);
    if (is_usable) {
        jw_known_int(&w, "watchdogLastTickUnix", s->metrics[METRIC_WATCHDOG_TICK]);
        jw_known_int(&w, "watchdogPanicCount", s->metrics[METRIC_HANG_KILLS]);
    }
    jw_object_end(&w);
    return jw_take(&w, &len);
}
