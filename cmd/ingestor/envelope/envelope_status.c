/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_status.h"

#include <stdio.h>
#include <string.h>

/* "freq,bw,sf,cr", the text that the other publishers send as `radio`. */
static void format_radio(const struct json_value *params, char *out, size_t cap)
{
    struct envelope_fields f;
    envelope_scan_inner(params, &f);
    const double freq = envelope_number_of(&f.at[KEY_FREQ]);
    const double bw = envelope_number_of(&f.at[KEY_BW]);
    const double sf = envelope_number_of(&f.at[KEY_SF]);
    const double cr = envelope_number_of(&f.at[KEY_CR]);
    if (!isnan(freq) && !isnan(bw) && !isnan(sf) && !isnan(cr))
        (void)snprintf(out, cap, "%.10g,%.10g,%.10g,%.10g", freq, bw, sf, cr);
}

static void take_metrics(const struct envelope_fields *top, const struct envelope_fields *nested,
                         struct envelope_status *out)
{
    const struct {
        enum envelope_key key,
            other; /* other = the same thing under another name, or `key` again */
        bool is_integer;
        double *to;
    } metrics[] = {
        {KEY_BATTERY_MV, KEY_BATTERY_MV, true, &out->battery_mv},
        {KEY_UPTIME_SECS, KEY_UPTIME_SECS, true, &out->uptime_secs},
        {KEY_NOISE_FLOOR, KEY_NOISE_FLOOR, false, &out->noise_floor},
        {KEY_TX_AIR_SECS, KEY_TX_AIR_SECS, true, &out->tx_air_secs},
        {KEY_RX_AIR_SECS, KEY_RX_AIR_SECS, true, &out->rx_air_secs},
        {KEY_RECV_ERRORS, KEY_RECV_ERRORS, true, &out->recv_errors},
        {KEY_PACKETS_SENT, KEY_PACKETS_SENT, true, &out->packets_sent},
        {KEY_PACKETS_RECV, KEY_PACKETS_RECEIVED, true, &out->packets_recv},
        {KEY_QUEUE_LEN, KEY_QUEUE_LEN, true, &out->queue_len},
        {KEY_ERRORS, KEY_DEBUG_FLAGS, true, &out->errors},
    };
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        const struct json_value *item = envelope_pick(nested, metrics[i].key, metrics[i].other);
        if (envelope_is_absent(item))
            item = envelope_pick(top, metrics[i].key, metrics[i].other);
        const double value = envelope_number_of(item);
        *metrics[i].to = metrics[i].is_integer ? round(value) : value; /* 4011.6 mV occurs */
        out->has_metrics = out->has_metrics || !isnan(value);
    }
}

/* A home broker has many topics that end in `status`. Whatever MeshCore's publishers say, one of
 * these is among it; on topics of meshcore/ old ones say even less. */
static bool is_foreign(const struct topic *topic, const struct envelope_fields *f)
{
    static const enum envelope_key keys[] = {KEY_ORIGIN, KEY_REPEATER, KEY_ORIGIN_ID, KEY_STATUS,
                                             KEY_STATS};
    char scratch[ENVELOPE_SCRATCH];
    if (envelope_has_any(f, keys, ARRAY_LEN(keys)))
        return false;
    if (!topic->is_meshcore)
        return true;
    for (enum envelope_key key = KEY_STATUS; key <= KEY_DEBUG_FLAGS; key++) {
        if (f->at[key].kind > JSON_NULL) /* `repeat` is a bool */
            return false;
    }
    return !envelope_span_is(envelope_text_of(&f->at[KEY_TYPE], scratch), "status");
}

enum outcome envelope_parse_status(const struct topic *topic, const struct envelope_fields *f,
                                   struct envelope *out)
{
    if (is_foreign(topic, f))
        return OUTCOME_FILTERED_TOPIC;
    if (!envelope_take_common(topic, f, out))
        return OUTCOME_REJECTED_ENVELOPE;
    struct envelope_status *status = &out->status;
    memset(status, 0, sizeof *status);
    (void)envelope_take_text(&f->at[KEY_STATUS], status->status, sizeof status->status);
    (void)envelope_take_text(&f->at[KEY_MODEL], status->model, sizeof status->model);
    if (!envelope_take_text(&f->at[KEY_FIRMWARE_VERSION], status->firmware,
                            sizeof status->firmware))
        (void)envelope_take_text(&f->at[KEY_FIRMWARE], status->firmware, sizeof status->firmware);
    if (!envelope_take_text(&f->at[KEY_CLIENT_VERSION_CAMEL], status->client_version,
                            sizeof status->client_version))
        (void)envelope_take_text(&f->at[KEY_CLIENT_VERSION], status->client_version,
                                 sizeof status->client_version);
    if (!envelope_take_text(&f->at[KEY_RADIO], status->radio, sizeof status->radio))
        format_radio(&f->at[KEY_PARAMS], status->radio, sizeof status->radio);
    status->can_relay = envelope_truth_of(&f->at[KEY_REPEAT]);
    struct envelope_fields nested;
    envelope_scan_inner(&f->at[KEY_STATS], &nested);
    take_metrics(f, &nested, status);
    out->kind = ENVELOPE_STATUS;
    return OUTCOME_NONE;
}
