/* SPDX-License-Identifier: MIT */
#include "cmd/server/api_mqtt.h"

#include "common/json_build.h"

static void add_subscriptions(struct json_build *b, cJSON *row, const struct stats_mqtt *m)
{
    cJSON *list = jb_array(b, row, "subscriptions");
    for (size_t i = 0; i < m->subscription_count; i++) {
        cJSON *subscription = jb_row(b, list);
        jb_text(b, subscription, "topic", m->subscriptions[i].topic);
        if (m->subscriptions[i].suback == STATS_UNKNOWN)
            jb_null(b, subscription, "suback");
        else
            jb_int(b, subscription, "suback", m->subscriptions[i].suback);
    }
}

static void add_source(struct json_build *b, cJSON *list, const struct stats_mqtt *m, bool is_stale)
{
    cJSON *row = jb_row(b, list);
    jb_text(b, row, "name", m->name);
    jb_text(b, row, "broker", m->broker);
    jb_bool(b, row, "connected", m->connected && !is_stale);
    jb_text(b, row, "state", is_stale ? "unknown" : m->state);
    jb_int(b, row, "lastConnectUnix", m->last_connect_unix);
    jb_int(b, row, "lastDisconnectUnix", m->last_disconnect_unix);
    jb_int(b, row, "lastPacketUnix", m->last_packet_unix);
    jb_int(b, row, "nextRetryUnix", m->next_retry_unix);
    jb_int(b, row, "connectCount", m->connect_count);
    jb_int(b, row, "disconnectCount", m->disconnect_count);
    jb_int(b, row, "packetsTotal", m->packets_total);
    jb_int(b, row, "packetsLast5m", m->packets_last_5m);
    if (m->last_error[0] != '\0')
        jb_text(b, row, "lastError", m->last_error);
    add_subscriptions(b, row, m);
}

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
        add_source(&b, list, &s->mqtt[i], is_stale);
    jb_time(&b, root, "sampleAt", s->sampled_at);
    jb_bool(&b, root, "stale", is_stale);
    jb_int(&b, root, "watchdogLastTickUnix", s->watchdog_last_tick_unix);
    jb_int(&b, root, "watchdogPanicCount", s->watchdog_panics);
    return jb_print(&b, root);
}
