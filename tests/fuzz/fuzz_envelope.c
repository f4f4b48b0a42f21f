/* SPDX-License-Identifier: MIT
 *
 * Input: topic, one newline, payload. What is taken must keep the promises of envelope.h; and
 * whatever cJSON reads and prints again is JSON beyond doubt, so the scanner must take that too. */
#include "tests/fuzz/require.h"

#include "cmd/ingestor/envelope/envelope.h"
#include "common/json/json_scan.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(const struct envelope_packet *packet)
{
    require(packet->raw_len >= 1 && packet->raw_len <= sizeof packet->raw);
    require(isnan(packet->snr) || isfinite(packet->snr));
    require(isnan(packet->rssi) || isfinite(packet->rssi));
    require(isnan(packet->score) || isfinite(packet->score));
}

static void check_status(const struct envelope_status *status)
{
    require_text(status->status, sizeof status->status);
    require_text(status->model, sizeof status->model);
    require_text(status->firmware, sizeof status->firmware);
    require_text(status->client_version, sizeof status->client_version);
    require_text(status->radio, sizeof status->radio);
    require(status->can_relay >= -1 && status->can_relay <= 1);
}

static void check_number(double value)
{
    require(isnan(value) || isfinite(value));
}

static void check_message(const struct envelope_message *message)
{
    require_text(message->text, sizeof message->text);
    require_text(message->peer, sizeof message->peer);
    require(message->text[0] != '\0');
    require(message->is_direct ? message->peer[0] != '\0'
                               : message->channel_idx >= 0 && message->channel_idx <= 255);
    check_number(message->snr);
    check_number(message->rssi);
    check_number(message->score);
}

static void check_key(const char *key)
{
    const size_t len = strlen(key);
    require(len >= 2 && len <= MESHCORE_KEY_BYTES * 2);
    require(strspn(key, "0123456789abcdef") == len);
}

static void check_client(const struct envelope_client *client)
{
    check_packet(&client->packet);
    check_key(client->client);
    require(fabs(client->lat) <= 90 && fabs(client->lon) <= 180);
    require(isnan(client->accuracy_m) || (client->accuracy_m >= 0 && isfinite(client->accuracy_m)));
}

static void check_neighbors(const struct envelope_neighbors *neighbors)
{
    require(neighbors->total >= -1 && neighbors->queried >= -1);
    require_text(neighbors->scopes, sizeof neighbors->scopes);
    require_text(neighbors->default_scope, sizeof neighbors->default_scope);
    struct envelope_neighbor line;
    size_t lines = 0;
    for (size_t at = 0; envelope_neighbor_next(neighbors, &at, &line); lines++) {
        require(at <= neighbors->list_len);
        check_key(line.key);
        check_number(line.snr);
        check_number(line.rssi);
        require(isnan(line.heard_secs_ago) || line.heard_secs_ago >= 0);
        require_text(line.status, sizeof line.status);
        require_text(line.scopes, sizeof line.scopes);
    }
    require(lines <= ENVELOPE_NEIGHBORS_MAX);
}

static void check_regions(const struct envelope_regions *regions)
{
    check_key(regions->client);
    char names[ENVELOPE_REGIONS_BYTES];
    envelope_regions_join(regions, names);
    require_text(names, sizeof names);
}

static void check_kind(const struct envelope *envelope)
{
    switch (envelope->kind) {
    case ENVELOPE_PACKET:
        check_packet(&envelope->packet);
        break;
    case ENVELOPE_STATUS:
        check_status(&envelope->status);
        break;
    case ENVELOPE_MESSAGE:
        check_message(&envelope->message);
        break;
    case ENVELOPE_CLIENT:
        check_client(&envelope->client);
        break;
    case ENVELOPE_NEIGHBORS:
        check_neighbors(&envelope->neighbors);
        break;
    case ENVELOPE_REGIONS:
        check_regions(&envelope->regions);
        break;
    default:
        abort();
    }
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
    if (outcome != OUTCOME_NONE) {
        require(outcome_info(outcome)->side == OUTCOME_SIDE_FLUSHER);
        return 0;
    }
    require_text(envelope.region, sizeof envelope.region);
    require_text(envelope.observer, sizeof envelope.observer);
    require_text(envelope.origin, sizeof envelope.origin);
    require(envelope.observer[0] != '\0');
    check_kind(&envelope);
    return 0;
}
