/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/one.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/packet_read.h"
#include "common/base/hex.h"
#include "common/json/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BODY_DEPTH_MAX 3
#define ID_DIGITS_MAX  18

/* --- which packet ----------------------------------------------------------------------------- */

static bool read_hash(const char *text, uint8_t out[static MESHCORE_HASH_BYTES])
{
    size_t len = 0;
    return hex_decode(text, strlen(text), out, MESHCORE_HASH_BYTES, &len) &&
           len == MESHCORE_HASH_BYTES;
}

/* 0 = it is no number. */
static int64_t read_id(const char *text)
{
    const size_t len = strlen(text);
    return strspn(text, "0123456789") == len && len <= ID_DIGITS_MAX ? strtoll(text, NULL, 10) : 0;
}

static bool find(struct asking *asking, const char *name, struct packet *packet,
                 struct packet_observation *shown)
{
    uint8_t hash[MESHCORE_HASH_BYTES];
    if (read_hash(name, hash) && /* sixteen digits are a hash first, then an id */
        packet_read_best(asking, packet_find_hash(asking, hash), packet, shown))
        return true;
    const int64_t id = read_id(name);
    return id > 0 && (packet_read_best(asking, id, packet, shown) ||
                      packet_read_best(asking, packet_find_observation(asking, id), packet, shown));
}

/* --- its receptions --------------------------------------------------------------------------- */

struct writing {
    struct json_write w;
    struct asking *asking;
    const struct packet *packet;
};

static void write_observation(void *context, const struct packet_observation *seen)
{
    struct writing *writing = context;
    packet_observation_write(&writing->w, NULL, writing->asking, writing->packet, seen);
}

static void write_observations(struct writing *writing, const char *key)
{
    jw_array(&writing->w, key);
    (void)packet_each_observation(writing->asking, writing->packet, write_observation, writing);
    jw_array_end(&writing->w);
}

static void write_hops(struct json_write *w, const struct packet_hops *hops)
{
    jw_array(w, "path");
    for (size_t i = 0; i < hops->count; i++)
        jw_hex_upper(w, NULL, hops->bytes + i * hops->size, hops->size);
    jw_array_end(w);
}

void one_packet(struct asking *asking, const struct http_request *request, struct http_reply *reply)
{
    struct packet packet;
    struct packet_observation shown;
    struct writing writing = {.asking = asking, .packet = &packet};
    struct json_write *w = &writing.w;
    if (!find(asking, request->arguments[0], &packet, &shown)) {
        http_reply_error(reply, 404, "Not found");
        return;
    }
    const struct packet_hops hops = packet_hops(&packet, &shown);
    jw_grow(w, HTTP_ANSWER_MAX);
    jw_object(w, NULL);
    jw_object(w, "packet");
    packet_members(w, asking, &packet, &shown);
    write_observations(&writing, "observations");
    jw_object_end(w);
    write_hops(w, &hops);
    jw_int(w, "observation_count", packet.observation_count);
    write_observations(&writing, "observations");
    jw_object_end(w);
    http_reply_json(reply, w);
}

/* --- in the order of receipt ------------------------------------------------------------------ */

static void write_trace(void *context, const struct packet_observation *seen)
{
    struct writing *writing = context;
    struct json_write *w = &writing->w;
    const struct observer *observer = asking_observer(writing->asking, seen->observer_id);
    jw_object(w, NULL);
    jw_string_or_null(w, "observer", observer != NULL ? observer->identity : "");
    jw_string_or_null(w, "observer_name", observer != NULL ? observer->name : "");
    packet_time(w, "time", seen->receipt_ms);
    jw_real(w, "snr", seen->snr);
    jw_real(w, "rssi", seen->rssi);
    packet_path_text(w, "path_json", writing->packet, seen);
    jw_object_end(w);
}

void one_traces(struct asking *asking, const struct http_request *request, struct http_reply *reply)
{
    struct packet packet;
    struct packet_observation shown;
    struct writing writing = {.asking = asking, .packet = &packet};
    jw_grow(&writing.w, HTTP_ANSWER_MAX);
    jw_object(&writing.w, NULL);
    jw_array(&writing.w, "traces");
    if (find(asking, request->arguments[0], &packet, &shown))
        (void)packet_each_by_time(asking, &packet, write_trace, &writing);
    jw_array_end(&writing.w);
    jw_object_end(&writing.w);
    http_reply_json(reply, &writing.w);
}

static void write_station_hops(struct writing *writing, const struct packet_hops *hops)
{
    struct json_write *w = &writing->w;
    const struct directory *directory = asking_directory(writing->asking);
    jw_array(w, "hops");
    for (size_t i = 0; i < hops->count; i++) {
        const uint8_t *hop = hops->bytes + i * hops->size;
        const struct node *node = packet_hop_node(directory, hop, hops->size);
        jw_object(w, NULL);
        jw_hex_upper(w, "prefix", hop, hops->size);
        if (node != NULL && *node->name != '\0')
            jw_string(w, "name", node->name);
        if (node != NULL)
            jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_station(void *context, const struct packet_observation *seen)
{
    struct writing *writing = context;
    struct json_write *w = &writing->w;
    const struct observer *observer = asking_observer(writing->asking, seen->observer_id);
    const struct packet_hops hops = packet_hops(writing->packet, seen);
    jw_object(w, NULL);
    jw_string_or_null(w, "observer_id", observer != NULL ? observer->identity : "");
    jw_string_or_null(w, "observer_name", observer != NULL ? observer->name : "");
    jw_string_or_null(w, "observer_iata", observer != NULL ? observer->iata : "");
    packet_time(w, "receipt", seen->receipt_ms);
    write_station_hops(writing, &hops);
    jw_real(w, "snr", seen->snr);
    jw_real(w, "rssi", seen->rssi);
    jw_string(w, "direction", seen->is_tx ? "tx" : "rx");
    jw_object_end(w);
}

void one_path(struct asking *asking, const struct http_request *request, struct http_reply *reply)
{
    struct packet packet;
    struct packet_observation shown;
    struct writing writing = {.asking = asking, .packet = &packet};
    if (!find(asking, request->arguments[0], &packet, &shown)) {
        http_reply_error(reply, 404, "Not found");
        return;
    }
    jw_grow(&writing.w, HTTP_ANSWER_MAX);
    jw_object(&writing.w, NULL);
    jw_hex_lower(&writing.w, "hash", packet.hash, sizeof packet.hash);
    jw_array(&writing.w, "stations");
    (void)packet_each_by_time(asking, &packet, write_station, &writing);
    jw_array_end(&writing.w);
    jw_object_end(&writing.w);
    http_reply_json(reply, &writing.w);
}

/* --- many at once ----------------------------------------------------------------------------- */

static void write_result(struct writing *writing, const char *name)
{
    struct packet packet;
    struct packet_observation shown;
    uint8_t hash[MESHCORE_HASH_BYTES];
    const bool is_there =
        read_hash(name, hash) &&
        packet_read_best(writing->asking, packet_find_hash(writing->asking, hash), &packet, &shown);
    jw_key(&writing->w, name);
    if (is_there) {
        struct writing own = *writing;
        own.packet = &packet;
        write_observations(&own, NULL);
        writing->w = own.w;
        return;
    }
    jw_array(&writing->w, NULL);
    jw_array_end(&writing->w);
}

/* Why not; NULL = all are texts. */
static const char *fault_of(const cJSON *hashes)
{
    const cJSON *hash;
    if (!cJSON_IsArray(hashes))
        return "a list of hashes";
    if (cJSON_GetArraySize(hashes) > ONE_HASHES_MAX)
        return "at most 200 hashes";
    cJSON_ArrayForEach(hash, hashes)
    {
        if (!cJSON_IsString(hash))
            return "a hash is a text";
    }
    return NULL;
}

/* A key stands in the answer once. */
static bool is_first(const cJSON *hashes, const cJSON *hash)
{
    const cJSON *other;
    cJSON_ArrayForEach(other, hashes)
    {
        if (other == hash)
            return true;
        if (strcmp(other->valuestring, hash->valuestring) == 0)
            return false;
    }
    return true;
}

static void prefetch(struct asking *asking, const cJSON *hashes)
{
    uint8_t all[ONE_HASHES_MAX][MESHCORE_HASH_BYTES];
    size_t count = 0;
    const cJSON *hash;
    cJSON_ArrayForEach(hash, hashes)
    {
        if (count < ONE_HASHES_MAX && read_hash(hash->valuestring, all[count]))
            count++;
    }
    packet_prefetch(asking, &all[0][0], count);
}

void one_observations(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    cJSON *root = json_parse(request->body, request->body_len, BODY_DEPTH_MAX);
    const cJSON *hashes = cJSON_GetObjectItemCaseSensitive(root, "hashes");
    const char *fault = cJSON_IsObject(root) ? fault_of(hashes) : "the body is one JSON object";
    struct writing writing = {.asking = asking};
    const cJSON *hash;
    if (fault != NULL) {
        cJSON_Delete(root);
        http_reply_field_error(reply, 400, "hashes", fault);
        return;
    }
    prefetch(asking, hashes);
    jw_grow(&writing.w, HTTP_ANSWER_MAX);
    jw_object(&writing.w, NULL);
    jw_object(&writing.w, "results");
    cJSON_ArrayForEach(hash, hashes)
    {
        if (is_first(hashes, hash))
            write_result(&writing, hash->valuestring);
    }
    jw_object_end(&writing.w);
    jw_object_end(&writing.w);
    cJSON_Delete(root);
    http_reply_json(reply, &writing.w);
}
