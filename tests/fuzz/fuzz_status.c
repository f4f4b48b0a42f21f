/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the payload of a status topic. What is taken must keep the promises of envelope.h,
 * and a line end behind it, which some publishers send, must change nothing. */
#include "tests/fuzz/require.h"

#include "cmd/ingestor/envelope/envelope.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC   "meshcore/SJC/obs1/status"
#define RECEIPT ((int64_t)1774798050500)
#define DAY_MS  ((int64_t)24 * 60 * 60 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_metrics(const struct envelope_status *status)
{
    const double counts[] = {status->battery_mv,   status->uptime_secs, status->tx_air_secs,
                             status->rx_air_secs,  status->recv_errors, status->packets_sent,
                             status->packets_recv, status->queue_len,   status->errors};
    bool has_any = !isnan(status->noise_floor);
    require(isnan(status->noise_floor) || isfinite(status->noise_floor));
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        has_any = has_any || !isnan(counts[i]);
        require(isnan(counts[i]) || (isfinite(counts[i]) && counts[i] == round(counts[i])));
    }
    require(status->has_metrics == has_any);
}

static void check_status(const struct envelope *envelope)
{
    const struct envelope_status *status = &envelope->status;
    require(envelope->kind == ENVELOPE_STATUS);
    require(strcmp(envelope->observer, "obs1") == 0);
    require_text(envelope->region, sizeof envelope->region);
    require_text(envelope->origin, sizeof envelope->origin);
    require_text(status->status, sizeof status->status);
    require_text(status->model, sizeof status->model);
    require_text(status->firmware, sizeof status->firmware);
    require_text(status->client_version, sizeof status->client_version);
    require_text(status->radio, sizeof status->radio);
    require(status->can_relay >= -1 && status->can_relay <= 1);
    check_metrics(status);
}

static void check_time(const struct envelope *envelope)
{
    int64_t skew_s;
    const int64_t ms = envelope_resolve_time(envelope, RECEIPT, &skew_s);
    require(ms <= RECEIPT && ms >= RECEIPT - 30 * DAY_MS);
    require(skew_s == ENVELOPE_NO_SKEW || (envelope->time_is_naive && ms == RECEIPT));
}

static enum outcome parse_with_line_end(const uint8_t *data, size_t size, struct envelope *out)
{
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\n';
    const enum outcome outcome = envelope_parse(TOPIC, sizeof TOPIC - 1, copy, size + 1, out);
    free(copy);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= ENVELOPE_PAYLOAD_MAX)
        return 0;
    struct envelope envelope;
    struct envelope again;
    const enum outcome outcome = envelope_parse(TOPIC, sizeof TOPIC - 1, data, size, &envelope);
    require(parse_with_line_end(data, size, &again) == outcome);
    if (outcome != OUTCOME_NONE) {
        require(outcome == OUTCOME_FILTERED_EMPTY || outcome == OUTCOME_FILTERED_TOPIC ||
                outcome == OUTCOME_REJECTED_JSON);
        return 0;
    }
    check_status(&envelope);
    check_status(&again);
    check_time(&envelope);
    require(strcmp(envelope.status.radio, again.status.radio) == 0);
    require(envelope.status.has_metrics == again.status.has_metrics);
    return 0;
}
