/* SPDX-License-Identifier: MIT
 *
 * Input: topic, one newline, payload. What is taken must keep the promises of envelope.h; and whatever cJSON
 * reads and prints again is JSON beyond doubt, so the scanner must take that too. */
#include "cmd/ingestor/envelope.h"
#include "common/json_scan.h"
#include "common/utf8.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t cap)
{
    const size_t len = strnlen(text, cap);
    require(len < cap);
    for (size_t i = 0; i < len;) {
        const size_t run = utf8_sequence_len((const uint8_t *)text + i, len - i);
        require(run > 0);
        i += run;
    }
}

static void check_packet(const struct envelope_packet *packet)
{
    require(packet->raw_len >= 1 && packet->raw_len <= sizeof packet->raw);
    require(isnan(packet->snr) || isfinite(packet->snr));
    require(isnan(packet->rssi) || isfinite(packet->rssi));
    require(isnan(packet->score) || isfinite(packet->score));
}

static void check_status(const struct envelope_status *status)
{
    check_text(status->status, sizeof status->status);
    check_text(status->model, sizeof status->model);
    check_text(status->firmware, sizeof status->firmware);
    check_text(status->client_version, sizeof status->client_version);
    check_text(status->radio, sizeof status->radio);
    require(status->can_relay >= -1 && status->can_relay <= 1);
}

static void ignore_member(void *context, const struct json_value *key,
                          const struct json_value *value)
{
    (void)context;
    (void)key;
    (void)value;
}

static void check_against_cjson(const char *text, size_t len)
{
    cJSON *root = cJSON_ParseWithLength(text, len);
    if (cJSON_IsObject(root)) {
        char *printed = cJSON_PrintUnformatted(root);
        if (printed != NULL)
            require(json_scan_object(printed, strlen(printed), CJSON_NESTING_LIMIT, ignore_member,
                                     NULL));
        cJSON_free(printed);
    }
    cJSON_Delete(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    if (newline == NULL)
        return 0;
    const uint8_t *payload = newline + 1;
    const size_t payload_len = size - (size_t)(payload - data);
    struct envelope envelope;
    const enum outcome outcome = envelope_parse((const char *)data, (size_t)(newline - data),
                                                payload, payload_len, &envelope);
    check_against_cjson((const char *)payload, payload_len);
    if (outcome != OUTCOME_COUNT) {
        require(outcome_info(outcome)->side == OUTCOME_SIDE_FLUSHER);
        return 0;
    }
    check_text(envelope.region, sizeof envelope.region);
    check_text(envelope.observer, sizeof envelope.observer);
    check_text(envelope.origin, sizeof envelope.origin);
    require(envelope.observer[0] != '\0');
    if (envelope.kind == ENVELOPE_PACKET)
        check_packet(&envelope.packet);
    else
        check_status(&envelope.status);
    return 0;
}
