/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/packet.h"

#include "cmd/server/model/asking.h"
#include "common/base/hex.h"
#include "common/mesh/meshcore_json.h"
#include "common/mesh/meshcore_rebuild.h"
#include "common/mesh/meshcore_payload.h"

#include <math.h>
#include <string.h>

/* The longest path as a JSON list of hex: every byte a hop of its own, `"AB",`. */
#define PATH_TEXT_MAX (5 * MESHCORE_FRAME_MAX + 3)

/* What all of the shapes say of a packet, worked out once. */
struct told {
    struct asking *asking;
    const struct packet *packet;
    const struct packet_observation *seen;
    bool is_frame; /* else frame and payload are not set */
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    struct packet_hops hops;
    size_t decoded_len; /* 0 = none */
    char decoded[MESHCORE_JSON_MAX];
};

/* --- what it says ----------------------------------------------------------------------------- */

static enum meshcore_json_signature verdict(const struct config *config,
                                            const struct packet *packet)
{
    if (packet->is_forged)
        return MESHCORE_JSON_SIGNATURE_BAD;
    return config->signature_mode == SIGNATURE_OFF ? MESHCORE_JSON_NO_SIGNATURE
                                                   : MESHCORE_JSON_SIGNATURE_GOOD;
}

static struct meshcore_json_options options_of(const struct told *told)
{
    const struct in_force *in_force = told->asking->in_force;
    return (struct meshcore_json_options){.keys = in_force->keys,
                                          .signature = verdict(in_force->config, told->packet)};
}

static struct packet_hops hops_of(const struct packet_observation *seen, bool is_frame,
                                  const struct meshcore_payload *payload)
{
    if (is_frame && payload->type == MESHCORE_TRACE) {
        const struct meshcore_trace *trace = &payload->trace;
        const bool has_route = payload->error == NULL;
        return (struct packet_hops){has_route ? trace->route_count : 0,
                                    has_route ? trace->entry_bytes : 1, trace->route};
    }
    const size_t size = seen->path_size > 0 ? seen->path_size : 1;
    return (struct packet_hops){seen->path_len / size, size, seen->path};
}

static bool parse(const struct packet *packet, struct meshcore_frame *frame,
                  struct meshcore_payload *payload)
{
    if (meshcore_parse(packet->raw, packet->raw_len, frame) != MESHCORE_FRAME_OK)
        return false;
    meshcore_payload_parse(frame, payload);
    return true;
}

struct packet_hops packet_hops(const struct packet *packet, const struct packet_observation *seen)
{
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    const bool is_trace = packet->type == MESHCORE_TRACE && parse(packet, &frame, &payload);
    return hops_of(seen, is_trace, &payload);
}

static void work_out(struct told *told, struct asking *asking, const struct packet *packet,
                     const struct packet_observation *seen)
{
    told->asking = asking;
    told->packet = packet;
    told->seen = seen;
    told->is_frame = parse(packet, &told->frame, &told->payload);
    told->hops = hops_of(seen, told->is_frame, &told->payload);
    told->decoded_len = 0;
    if (!told->is_frame)
        return;
    const struct meshcore_json_options options = options_of(told);
    struct json_write w;
    jw_init(&w, told->decoded, sizeof told->decoded);
    meshcore_json_payload(&w, NULL, &told->frame, &told->payload, &options);
    told->decoded_len = jw_finish(&w);
}

/* --- paths ------------------------------------------------------------------------------------ */

static void write_list(struct json_write *w, const char *key, const struct packet_hops *hops)
{
    jw_array(w, key);
    for (size_t i = 0; i < hops->count; i++)
        jw_hex_upper(w, NULL, hops->bytes + i * hops->size, hops->size);
    jw_array_end(w);
}

static void write_path_text(struct json_write *w, const char *key, const struct packet_hops *hops)
{
    char text[PATH_TEXT_MAX];
    struct json_write inner;
    jw_init(&inner, text, sizeof text);
    write_list(&inner, NULL, hops);
    const size_t len = jw_finish(&inner);
    jw_text(w, key, text, len);
}

void packet_path_text(struct json_write *w, const char *key, const struct packet *packet,
                      const struct packet_observation *seen)
{
    const struct packet_hops hops = packet_hops(packet, seen);
    write_path_text(w, key, &hops);
}

size_t packet_path_words(const struct packet *packet, const struct packet_observation *seen,
                         char *out, size_t cap)
{
    const struct packet_hops hops = packet_hops(packet, seen);
    size_t used = 0;
    if (hops.count * (2 * hops.size + 1) + 1 > cap)
        return 0;
    for (size_t i = 0; i < hops.count; i++) {
        if (i > 0)
            out[used++] = ',';
        hex_encode_upper(hops.bytes + i * hops.size, hops.size, out + used);
        used += 2 * hops.size;
    }
    return used;
}

size_t packet_decoded_text(struct asking *asking, const struct packet *packet, char *out,
                           size_t cap)
{
    struct meshcore_frame frame;
    const struct told told = {.asking = asking, .packet = packet};
    const struct meshcore_json_options options = options_of(&told);
    if (meshcore_parse(packet->raw, packet->raw_len, &frame) != MESHCORE_FRAME_OK)
        return 0;
    return meshcore_json_payload_text(&frame, &options, out, cap);
}

const struct node *packet_hop_node(const struct directory *directory, const uint8_t *hop,
                                   size_t size)
{
    const struct node *const *first;
    const size_t count = directory != NULL ? directory_prefix(directory, hop, size, &first) : 0;
    return count == 1 && !first[0]->is_hidden ? first[0] : NULL;
}

static void write_resolved(struct json_write *w, const struct told *told)
{
    const struct packet_hops *hops = &told->hops;
    const struct directory *directory = asking_directory(told->asking);
    const struct node *nodes[MESHCORE_FRAME_MAX];
    bool is_any = false;
    for (size_t i = 0; i < hops->count; i++) {
        nodes[i] = packet_hop_node(directory, hops->bytes + i * hops->size, hops->size);
        is_any |= nodes[i] != NULL;
    }
    if (!is_any)
        return;
    jw_array(w, "resolved_path");
    for (size_t i = 0; i < hops->count; i++) {
        if (nodes[i] != NULL)
            jw_hex_lower(w, NULL, nodes[i]->key, MESHCORE_KEY_BYTES);
        else
            jw_null(w, NULL);
    }
    jw_array_end(w);
}

static void write_path(struct json_write *w, const struct told *told)
{
    write_path_text(w, "path_json", &told->hops);
    write_list(w, "_parsedPath", &told->hops);
    write_resolved(w, told);
}

/* --- members ---------------------------------------------------------------------------------- */

void packet_time(struct json_write *w, const char *key, int64_t ms)
{
    char text[32];
    jw_string(w, key, clock_rfc3339(ms * US_PER_MS, text));
}

static void write_observer(struct json_write *w, struct asking *asking, int64_t id)
{
    const struct observer *observer = asking_observer(asking, id);
    jw_string_or_null(w, "observer_id", observer != NULL ? observer->identity : "");
    jw_string_or_null(w, "observer_name", observer != NULL ? observer->name : "");
    jw_string_or_null(w, "observer_iata", observer != NULL ? observer->iata : "");
}

static void write_scope(struct json_write *w, struct asking *asking, int64_t id)
{
    const struct directory *directory = id != 0 ? asking_directory(asking) : NULL;
    const char *name = directory != NULL ? directory_scope(directory, id) : NULL;
    jw_string_or_null(w, "scope_name", name != NULL ? name : "");
}

/* What CoreScope calls the content. */
static void write_content(struct json_write *w, const struct told *told)
{
    const struct packet *packet = told->packet;
    jw_hex_upper(w, "raw_hex", packet->raw, packet->raw_len);
    jw_hex_lower(w, "hash", packet->hash, sizeof packet->hash);
    packet_time(w, "first_seen", packet->first_ms);
    jw_uint(w, "route_type", packet->route);
    jw_uint(w, "payload_type", packet->type);
    if (told->decoded_len > 0)
        jw_text(w, "decoded_json", told->decoded, told->decoded_len);
    else
        jw_null(w, "decoded_json");
    jw_int(w, "observation_count", packet->observation_count);
}

static void write_reception(struct json_write *w, const struct told *told)
{
    const struct packet_observation *seen = told->seen;
    write_observer(w, told->asking, seen->observer_id);
    jw_real(w, "snr", seen->snr); /* null when it is not known */
    jw_real(w, "rssi", seen->rssi);
    write_scope(w, told->asking, seen->scope_id);
    write_path(w, told);
}

static void write_direction(struct json_write *w, const struct packet_observation *seen)
{
    jw_string(w, "direction", seen->is_tx ? "tx" : "rx");
}

static void write_packet(struct json_write *w, const struct told *told)
{
    jw_int(w, "id", told->packet->id);
    write_content(w, told);
    packet_time(w, "timestamp", told->packet->first_ms);
    write_reception(w, told);
    write_direction(w, told->seen);
}

/* --- shapes ----------------------------------------------------------------------------------- */

void packet_members(struct json_write *w, struct asking *asking, const struct packet *packet,
                    const struct packet_observation *shown)
{
    struct told told;
    work_out(&told, asking, packet, shown);
    write_packet(w, &told);
}

void packet_write(struct json_write *w, const char *key, struct asking *asking,
                  const struct packet *packet, const struct packet_observation *shown)
{
    jw_object(w, key);
    packet_members(w, asking, packet, shown);
    jw_object_end(w);
}

void packet_group_members(struct json_write *w, struct asking *asking, const struct packet *packet,
                          const struct packet_observation *shown, const struct packet_group *group)
{
    struct told told;
    work_out(&told, asking, packet, shown);
    write_content(w, &told);
    write_reception(w, &told);
    jw_int(w, "count", packet->observation_count);
    jw_int(w, "observer_count", group->observer_count);
    packet_time(w, "latest", group->latest_ms);
    jw_array(w, "distinct_iatas");
    for (size_t i = 0; i < group->iata_count; i++)
        jw_string(w, NULL, group->iatas[i]);
    jw_array_end(w);
}

void packet_observation_write(struct json_write *w, const char *key, struct asking *asking,
                              const struct packet *packet, const struct packet_observation *seen)
{
    struct told told = {.asking = asking, .packet = packet, .seen = seen};
    uint8_t raw[MESHCORE_FRAME_MAX];
    told.hops = packet_hops(packet, seen);
    jw_object(w, key);
    jw_int(w, "id", seen->id);
    jw_int(w, "transmission_id", packet->id);
    jw_hex_lower(w, "hash", packet->hash, sizeof packet->hash);
    packet_time(w, "timestamp", seen->receipt_ms);
    write_reception(w, &told);
    write_direction(w, seen);
    const size_t len = packet_rebuild(packet, seen, raw);
    if (len > 0)
        jw_hex_upper(w, "raw_hex", raw, len);
    jw_object_end(w);
}

static void write_decoded(struct json_write *w, const struct told *told)
{
    const struct meshcore_json_options options = options_of(told);
    jw_object(w, "decoded");
    jw_object(w, "header");
    jw_string(w, "payloadTypeName", meshcore_type_name(told->packet->type));
    jw_object_end(w);
    if (told->is_frame)
        meshcore_json_payload(w, "payload", &told->frame, &told->payload, &options);
    if (told->is_frame && told->packet->type == MESHCORE_TRACE) {
        jw_object(w, "path");
        jw_uint(w, "hashSize", told->hops.size);
        jw_uint(w, "hashCount", told->hops.count);
        write_list(w, "hops", &told->hops);
        jw_uint(w, "hopsCompleted", told->payload.snr_count);
        jw_object_end(w);
    }
    jw_object_end(w);
}

void packet_live_write(struct json_write *w, struct asking *asking, const struct packet *packet,
                       const struct packet_observation *seen, size_t *out_members)
{
    struct told told;
    work_out(&told, asking, packet, seen);
    jw_object(w, NULL);
    write_packet(w, &told);
    *out_members = w->len;
    jw_int(w, "observation_id", seen->id);
    packet_time(w, "received", seen->receipt_ms);
    write_decoded(w, &told);
    jw_object_end(w);
}

/* --- the frame of a reception ----------------------------------------------------------------- */

size_t packet_rebuild(const struct packet *packet, const struct packet_observation *seen,
                      uint8_t out[static MESHCORE_FRAME_MAX])
{
    const struct meshcore_way way = {.route = seen->route,
                                     .scope_code = seen->scope_code,
                                     .hash_size = seen->path_size,
                                     .path_len = seen->path_len,
                                     .path = seen->path};
    bool is_guessed;
    const size_t len = meshcore_rebuild(packet->raw, packet->raw_len, &way, out, &is_guessed);
    return is_guessed ? 0 : len;
}
