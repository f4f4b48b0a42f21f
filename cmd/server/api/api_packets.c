/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_packets.h"

#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/packets/buckets.h"
#include "cmd/server/packets/list.h"
#include "cmd/server/packets/lists.h"
#include "cmd/server/packets/one.h"
#include "cmd/server/state/inject.h"
#include "common/base/hex.h"
#include "common/json/json.h"
#include "common/json/json_write.h"
#include "common/mesh/meshcore.h"
#include "common/mesh/meshcore_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_DEPTH_MAX   8
#define OBSERVER_MAX     64
#define REGION_MAX       15
#define DEFAULT_REGION   "XXX" /* by convention "not configured" (MQTT topics of observers) */
#define DEFAULT_OBSERVER "http"

/* --- body -> envelope ------------------------------------------------------------------------- */

/* One topic level: no separator, wildcard, `$` or control character can come from a caller. */
static bool is_topic_level(const char *text, size_t max)
{
    const size_t len = strlen(text);
    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        const bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

/* An absent or null member is `fallback`; a wrong one is NULL. */
static const char *level_or(const cJSON *root, const char *key, const char *fallback, size_t max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (item == NULL || cJSON_IsNull(item))
        return fallback;
    const char *text = cJSON_GetStringValue(item);
    return text != NULL && is_topic_level(text, max) ? text : NULL;
}

static bool copy_number(struct json_write *w, const char *to_key, const cJSON *from,
                        const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, key);
    double value;
    if (item == NULL || cJSON_IsNull(item))
        return true;
    if (!json_number(from, key, &value))
        return false;
    jw_real(w, to_key, value);
    return true;
}

static const char *frame_fault(const char *hex, struct api_packet *out)
{
    uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len = 0;
    if (hex == NULL || !hex_decode(hex, strlen(hex), bytes, sizeof bytes, &len))
        return "hex must be an even number of hex digits, at most 255 bytes";
    struct meshcore_frame frame;
    const enum meshcore_frame_error error = meshcore_parse(bytes, len, &frame);
    if (error != MESHCORE_FRAME_OK)
        return meshcore_frame_error_text(error);
    uint8_t hash[MESHCORE_HASH_BYTES];
    meshcore_content_hash(&frame, hash);
    hex_encode_lower(hash, sizeof hash, out->hash);
    return NULL;
}

static const char *build_envelope(const cJSON *root, struct api_packet *out)
{
    const char *hex = json_string(root, "hex");
    const char *fault = frame_fault(hex, out);
    if (fault != NULL)
        return fault;
    const char *observer = level_or(root, "observer", DEFAULT_OBSERVER, OBSERVER_MAX);
    const char *region = level_or(root, "region", DEFAULT_REGION, REGION_MAX);
    if (observer == NULL)
        return "observer must be 1 to 64 letters, digits, '-', '_' or '.'";
    if (region == NULL)
        return "region must be 1 to 15 letters, digits, '-', '_' or '.'";
    struct json_write w;
    jw_init(&w, out->payload, sizeof out->payload);
    jw_object(&w, NULL);
    jw_string(&w, "origin_id", observer);
    jw_time(&w, "timestamp", clock_wall());
    jw_string(&w, "type", "PACKET");
    jw_string(&w, "direction", "rx");
    jw_string(&w, "raw", hex);
    if (!copy_number(&w, "SNR", root, "snr") || !copy_number(&w, "RSSI", root, "rssi"))
        return "snr and rssi must be numbers";
    jw_object_end(&w);
    (void)snprintf(out->topic, sizeof out->topic, "meshcore/%s/%s/packets", region, observer);
    return jw_finish(&w) > 0 ? NULL : "the packet could not be built";
}

int api_packet_build(const char *body, size_t len, struct api_packet *out, const char **out_why)
{
    cJSON *root = json_parse(body, len, BODY_DEPTH_MAX);
    *out_why =
        cJSON_IsObject(root) ? build_envelope(root, out) : "the body must be one JSON object";
    cJSON_Delete(root);
    return *out_why == NULL ? 0 : 400;
}

/* --- request ---------------------------------------------------------------------------------- */

/* A socket file outlives its owner; the sample tells whether somebody behind it commits. */
static bool is_ingestor_fresh(struct api *api)
{
    const struct stats_view *view = stats_cache_take(api->moments.stats);
    const struct stats_snapshot *s = &view->snapshot;
    const double age = view->status == STATUS_OK
                           ? stats_age_seconds(s, stats_now(s, clock_wall(), clock_mono()))
                           : -1;
    stats_cache_release(api->moments.stats, view);
    return stats_age_is_fresh(age);
}

static void accept(struct http_reply *reply, const struct api_packet *packet)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "hash", packet->hash);
    jw_object_end(&w);
    reply->status = 202;
    http_reply_json(reply, &w);
}

static void post_packet(struct api *api, const struct http_request *request,
                        struct http_reply *reply)
{
    const char *why = NULL;
    struct api_packet packet;
    const int refused = api_packet_build(request->body, request->body_len, &packet, &why);
    if (refused != 0) {
        http_reply_error(reply, refused, why);
        return;
    }
    if (!is_ingestor_fresh(api)) {
        http_reply_error(reply, 503, "the ingestor is not running");
        return;
    }
    switch (inject_send(api->inject_socket, packet.topic, packet.payload)) {
    case INJECT_ACCEPTED:
        accept(reply, &packet);
        break;
    case INJECT_SOFT:
        http_reply_error(reply, 429, "the buffer is nearly full, or this observer sends too often");
        break;
    case INJECT_FULL:
        http_reply_error(reply, 429, "the buffer is full");
        break;
    case INJECT_TOO_LARGE:
        http_reply_error(reply, 413, "the packet is too large for the buffer");
        break;
    case INJECT_UNREACHABLE:
        http_reply_error(reply, 503, "the ingestor does not answer");
        break;
    }
}

/* --- decode ----------------------------------------------------------------------------------- */

static void post_decode(struct api *api, const struct http_request *request,
                        struct http_reply *reply)
{
    cJSON *root = json_parse(request->body, request->body_len, BODY_DEPTH_MAX);
    const char *hex = json_string(root, "hex");
    uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len = 0;
    struct meshcore_frame frame;
    const char *fault = NULL;
    if (hex == NULL || !hex_decode(hex, strlen(hex), bytes, sizeof bytes, &len))
        fault = "an even number of hex digits, at most 255 bytes";
    const enum meshcore_frame_error error =
        fault == NULL ? meshcore_parse(bytes, len, &frame) : MESHCORE_FRAME_OK;
    cJSON_Delete(root);
    if (fault != NULL || error != MESHCORE_FRAME_OK) {
        http_reply_field_error(reply, 400, "hex",
                               fault != NULL ? fault : meshcore_frame_error_text(error));
        return;
    }
    const struct in_force *in_force = model_in_force(api->model);
    const struct meshcore_json_options options = {
        .keys = in_force->keys, .scopes = in_force->scopes, .signature = MESHCORE_JSON_VERIFY};
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    meshcore_json_packet(&w, "decoded", &frame, &options);
    jw_object_end(&w);
    in_force_release(in_force);
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/packets",
     .is_engined = true,
     .asker = list_packets,
     .exporter = list_export,
     .parameters = list_packets_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "30 ms: 20,000 candidates; 10,000 groups 40 ms",
     .summary = "Packets, newest first, by any filters together; or groups of their receptions",
     .answer = "{packets: [listed_packet], total?: int, totalCapped?: bool, limit: int, "
               "offset: int, complete: bool, nextCursor?: str, next?: str}"},
    {.method = "GET",
     .path = "/api/packets/:id",
     .is_engined = true,
     .asker = one_packet,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms: 1,000 receptions",
     .summary = "One packet and its receptions",
     .argument = "its hash, its id, or the id of one of its receptions",
     .answer = "{packet: packet, path: [hex], observation_count: int, observations: "
               "[observation]}"},
    {.method = "GET",
     .path = "/api/packets/:id/path",
     .is_engined = true,
     .asker = one_path,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms: 1,000 receptions",
     .summary = "Every station that received a packet, in the order of receipt",
     .argument = "its hash, its id, or the id of one of its receptions",
     .answer = "{hash: hex, stations: [{observer_id: str?, observer_name: str?, observer_iata: "
               "str?, receipt: time, hops: [{prefix: hex, name?: str, pubkey?: hex}], snr: num?, "
               "rssi: num?, direction: 'rx'|'tx'}]}"},
    {.method = "GET",
     .path = "/api/traces/:hash",
     .is_engined = true,
     .asker = one_traces,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms: 1,000 receptions",
     .summary = "The receptions of a packet by time, none of one that is not known",
     .argument = "its hash, its id, or the id of one of its receptions",
     .answer = "{traces: [{observer: str?, observer_name: str?, time: time, snr: num?, rssi: "
               "num?, path_json: str}]}"},
    {.method = "GET",
     .path = "/api/packets/timestamps",
     .is_engined = true,
     .asker = lists_timestamps,
     .parameters = lists_timestamps_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "3 ms: 20,000 packets",
     .summary = "When the newest 20,000 packets after a moment were first received",
     .answer = "[time]"},
    {.method = "GET",
     .path = "/api/audio-lab/buckets",
     .is_engined = true,
     .asker = buckets_answer,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "10 ms: 5,000 packets looked at, 340 shown",
     .summary = "Of the newest 5,000 packets (looked, from) the newest 20 of each type",
     .answer = "{buckets: {*: [packet]}, looked: int, from?: time}"},
    {.method = "GET",
     .path = "/api/dropped-packets",
     .is_engined = true,
     .asker = lists_dropped,
     .parameters = lists_dropped_parameters,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "20 ms: the table's 10,000 rows",
     .summary = "What the rules refused, newest first",
     .access = HTTP_WRITE,
     .answer = "[{id: int, hash: hex, raw_hex: hex, reason: str, observer_id: str?, "
               "observer_name: str?, node_pubkey: hex?, node_name: str?, dropped_at: time, "
               "last_dropped_at: time}]"},
    {.method = "POST",
     .path = "/api/packets/observations",
     .is_engined = true,
     .asker = one_observations,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "10 ms: 200 packets",
     .summary = "The receptions of up to 200 packets at once; of one that is not known none",
     .takes = "{hashes: [hex], ...}",
     .answer = "{results: {*: [observation]}}"},
    {.method = "POST",
     .path = "/api/decode",
     .handler = post_decode,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "0.1 ms: a signature",
     .summary = "What a frame says",
     .takes = "{hex: hex, ...}",
     .answer = "{decoded: {header: any, path: any, transportCodes?: any, payload: any}}"},
    {.method = "POST",
     .path = "/api/packets",
     .handler = post_packet,
     .waits = true,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1 s: the ingestor's socket",
     .summary = "Gives a packet to the ingestor, as a broker would; 202 = it is in the buffer",
     .access = HTTP_WRITE,
     .takes = "{hex: hex, observer?: str, snr?: num, rssi?: num, region?: str, ...}",
     .answer = "{hash: hex}"},
};
const struct route_family api_packets_routes = {rows, ARRAY_LEN(rows)};
