/* SPDX-License-Identifier: MIT */
#include "common/mesh/meshcore_json.h"

#include "common/base/clock.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

#include <string.h>

/* SNR comes as dB * 4: exact in hundredths. */
#define SNR_HUNDREDTHS 25

static void write_header(struct json_write *w, const struct meshcore_frame *frame)
{
    jw_object(w, "header");
    jw_uint(w, "routeType", frame->route);
    jw_string(w, "routeTypeName", meshcore_route_name(frame->route));
    jw_uint(w, "payloadType", frame->type);
    jw_string(w, "payloadTypeName", meshcore_type_name(frame->type));
    jw_uint(w, "payloadVersion", frame->version);
    jw_object_end(w);
}

static void write_hops(struct json_write *w, const uint8_t *hops, size_t size, size_t count)
{
    jw_object(w, "path");
    jw_uint(w, "hashSize", size);
    jw_uint(w, "hashCount", count);
    jw_array(w, "hops");
    for (size_t i = 0; i < count; i++)
        jw_hex_upper(w, NULL, hops + i * size, size);
    jw_array_end(w);
}

static void write_path(struct json_write *w, const struct meshcore_frame *frame,
                       const struct meshcore_payload *payload)
{
    if (meshcore_type_has_hops(frame->type)) {
        write_hops(w, frame->path, frame->hash_size, frame->hop_count);
    } else {
        /* Zeroed where the payload was too short for a route: then its entries have
         * no size either. */
        const struct meshcore_trace *trace = &payload->trace;
        write_hops(w, trace->route, payload->error == NULL ? trace->entry_bytes : 1,
                   trace->route_count);
        jw_uint(w, "hopsCompleted", payload->snr_count);
    }
    jw_object_end(w);
}

static void write_code(struct json_write *w, const char *key, uint16_t code)
{
    const uint8_t wire[2] = {(uint8_t)(code & 0xff), (uint8_t)(code >> 8)};
    jw_hex_upper(w, key, wire, sizeof wire);
}

static void write_scope(struct json_write *w, const struct meshcore_frame *frame,
                        const struct region_scopes *scopes)
{
    const char *name = NULL;
    switch (region_scopes_match(scopes, frame->transport[0], frame->type, frame->payload,
                                frame->payload_len, &name)) {
    case SCOPE_NONE:
        jw_null(w, "scope");
        return;
    case SCOPE_MATCHED:
        jw_string(w, "scope", name);
        return;
    case SCOPE_UNKNOWN:
        jw_string(w, "scope", "");
        return;
    case SCOPE_AMBIGUOUS:
        jw_string(w, "scope", "");
        jw_bool(w, "scopeAmbiguous", true);
        return;
    }
}

static void write_transport(struct json_write *w, const struct meshcore_frame *frame,
                            const struct region_scopes *scopes)
{
    if (!frame->has_transport)
        return;
    jw_object(w, "transportCodes");
    write_code(w, "code1", frame->transport[0]);
    write_code(w, "code2", frame->transport[1]);
    if (scopes != NULL)
        write_scope(w, frame, scopes);
    jw_object_end(w);
}

/* --- payloads, in the order of their numbers -------------------------------------------------- */

static void write_sealed(struct json_write *w, const struct meshcore_sealed *sealed,
                         const char *ciphertext_key)
{
    jw_hex_lower(w, "mac", sealed->mac, MESHCORE_MAC_BYTES);
    jw_hex_lower(w, ciphertext_key, sealed->ciphertext, sealed->ciphertext_len);
}

static void write_direct(struct json_write *w, const struct meshcore_payload *payload)
{
    const struct meshcore_direct *direct = &payload->direct;
    jw_hex_lower(w, "destHash", &direct->dest_hash, 1);
    jw_hex_lower(w, "srcHash", &direct->src_hash, 1);
    write_sealed(w, &direct->sealed, payload->type == MESHCORE_PATH ? "pathData" : "encryptedData");
}

static void write_crc(struct json_write *w, const char *key, uint32_t crc)
{
    /* The number's digits (%08x), not the bytes as on the wire: CoreScope's form. */
    const uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                              (uint8_t)crc};
    jw_hex_lower(w, key, bytes, sizeof bytes);
}

static void write_ack(struct json_write *w, const struct meshcore_ack *ack)
{
    write_crc(w, "extraHash", ack->crc);
    jw_uint(w, "ackLen", ack->len);
    if (ack->has_attempt)
        jw_uint(w, "ackAttempt", ack->attempt);
    if (ack->has_random)
        jw_uint(w, "ackRand", ack->random);
}

static void write_signature_verdict(struct json_write *w, const struct meshcore_advert *advert,
                                    enum meshcore_json_signature signature)
{
    if (signature == MESHCORE_JSON_VERIFY)
        jw_bool(w, "signatureValid", meshcore_advert_verify(advert));
    else if (signature != MESHCORE_JSON_NO_SIGNATURE)
        jw_bool(w, "signatureValid", signature == MESHCORE_JSON_SIGNATURE_GOOD);
}

static void write_advert_flags(struct json_write *w, const struct meshcore_advert *advert)
{
    jw_object(w, "flags");
    jw_uint(w, "raw", advert->flags);
    jw_uint(w, "type", advert->role);
    jw_bool(w, "chat", advert->role == MESHCORE_ROLE_COMPANION);
    jw_bool(w, "repeater", advert->role == MESHCORE_ROLE_REPEATER);
    jw_bool(w, "room", advert->role == MESHCORE_ROLE_ROOM);
    jw_bool(w, "sensor", advert->role == MESHCORE_ROLE_SENSOR);
    jw_bool(w, "hasLocation", advert->has_position);
    jw_bool(w, "hasFeat1", advert->has_feat1);
    jw_bool(w, "hasFeat2", advert->has_feat2);
    jw_bool(w, "hasName", advert->has_name);
    jw_object_end(w);
}

static void write_position(struct json_write *w, const struct meshcore_advert *advert)
{
    if (!advert->has_position || !meshcore_advert_is_in_range(advert))
        return;
    jw_decimal(w, "lat", advert->lat_e6, 6);
    jw_decimal(w, "lon", advert->lon_e6, 6);
}

static void write_advert(struct json_write *w, const struct meshcore_advert *advert,
                         enum meshcore_json_signature signature)
{
    char iso[32];
    jw_hex_lower(w, "pubKey", advert->public_key, MESHCORE_KEY_BYTES);
    jw_uint(w, "timestamp", advert->timestamp);
    jw_string(w, "timestampISO", clock_rfc3339((wall_us)advert->timestamp * US_PER_S, iso));
    jw_hex_lower(w, "signature", advert->signature, MESHCORE_SIGNATURE_BYTES);
    write_signature_verdict(w, advert, signature);
    if (!advert->has_flags)
        return;
    write_advert_flags(w, advert);
    write_position(w, advert);
    if (advert->has_feat1)
        jw_uint(w, "feat1", advert->feat1);
    if (advert->has_feat2)
        jw_uint(w, "feat2", advert->feat2);
    if (advert->has_name)
        jw_text(w, "name", (const char *)advert->name, advert->name_len);
    if (advert->has_battery)
        jw_uint(w, "battery_mv", advert->battery_mv);
    if (advert->has_temperature)
        jw_decimal(w, "temperature_c", advert->temperature_c100, 2);
}

static void write_channel_hash(struct json_write *w, uint8_t hash)
{
    jw_uint(w, "channelHash", hash);
    jw_hex_upper(w, "channelHashHex", &hash, 1);
}

/* Of a body without a whole block too: which channel it is for stands in its first byte. */
static void write_unopened(struct json_write *w, const struct meshcore_group *group,
                           const struct channel_keys *keys)
{
    const bool has_key = channel_keys_has(keys, group->channel_hash);
    write_channel_hash(w, group->channel_hash);
    jw_string(w, "decryptionStatus", has_key ? "decryption_failed" : "no_key");
    write_sealed(w, &group->sealed, "encryptedData");
}

/* The type key belongs in here because it depends on the outcome. */
static void write_group_text(struct json_write *w, const struct meshcore_frame *frame,
                             const struct meshcore_group *group, const struct channel_keys *keys)
{
    struct channel_text text;
    if (channel_keys_open_text(keys, frame->payload, frame->payload_len, &text) != CHANNEL_OPENED) {
        jw_string(w, "type", meshcore_type_name(MESHCORE_GRP_TXT));
        write_unopened(w, group, keys);
        return;
    }
    jw_string(w, "type", "CHAN");
    jw_string(w, "channel", text.channel);
    write_channel_hash(w, group->channel_hash);
    jw_string(w, "decryptionStatus", "decrypted");
    if (text.sender_len > 0)
        jw_text(w, "sender", text.text, text.sender_len);
    jw_text(w, "text", text.text, text.text_len);
    jw_uint(w, "sender_timestamp", text.timestamp);
}

static void write_group_data(struct json_write *w, const struct meshcore_frame *frame,
                             const struct meshcore_group *group, const struct channel_keys *keys)
{
    struct channel_data data;
    if (channel_keys_open_data(keys, frame->payload, frame->payload_len, &data) != CHANNEL_OPENED) {
        write_unopened(w, group, keys);
        return;
    }
    jw_string(w, "channel", data.channel);
    write_channel_hash(w, group->channel_hash);
    jw_string(w, "decryptionStatus", "decrypted");
    jw_uint(w, "dataType", data.data_type);
    jw_uint(w, "dataLen", data.data_len);
    jw_hex_lower(w, "decryptedBlob", data.data, data.data_len);
    write_sealed(w, &group->sealed, "encryptedData");
}

static void write_anon_req(struct json_write *w, const struct meshcore_anon_req *request)
{
    jw_hex_lower(w, "destHash", &request->dest_hash, 1);
    jw_hex_lower(w, "ephemeralPubKey", request->sender_key, MESHCORE_KEY_BYTES);
    write_sealed(w, &request->sealed, "encryptedData");
}

static void write_snr(struct json_write *w, const char *key, uint8_t byte)
{
    const int snr_q4 = byte < 0x80 ? byte : byte - 0x100;
    jw_decimal(w, key, (int64_t)snr_q4 * SNR_HUNDREDTHS, 2);
}

static void write_snr_values(struct json_write *w, const struct meshcore_payload *payload)
{
    jw_array(w, "snrValues");
    for (size_t i = 0; i < payload->snr_count; i++)
        write_snr(w, NULL, payload->snr_q4[i]);
    jw_array_end(w);
}

static void write_trace(struct json_write *w, const struct meshcore_trace *trace)
{
    jw_uint(w, "tag", trace->tag);
    jw_uint(w, "authCode", trace->auth);
    jw_uint(w, "traceFlags", trace->flags);
    jw_hex_lower(w, "pathData", trace->route, trace->route_bytes);
}

static void write_multipart(struct json_write *w, const struct meshcore_multipart *part)
{
    jw_uint(w, "remaining", part->remaining);
    jw_uint(w, "innerType", part->inner_type);
    jw_string(w, "innerTypeName", meshcore_type_name(part->inner_type));
    if (!part->is_ack) {
        jw_hex_lower(w, "innerPayload", part->inner, part->inner_len);
        return;
    }
    write_crc(w, "innerAckCrc", part->ack.crc);
    jw_uint(w, "innerAckLen", part->ack.len);
    if (part->ack.has_attempt)
        jw_uint(w, "innerAckAttempt", part->ack.attempt);
    if (part->ack.has_random)
        jw_uint(w, "innerAckRand", part->ack.random);
}

static void write_control(struct json_write *w, const struct meshcore_frame *frame,
                          const struct meshcore_payload *payload)
{
    const struct meshcore_control *control = &payload->control;
    jw_uint(w, "ctrlFlags", control->flags);
    jw_bool(w, "ctrlZeroHop", control->is_zero_hop);
    jw_uint(w, "ctrlLength", frame->payload_len);
    jw_string(w, "ctrlSubtype", meshcore_control_name(control->kind));
    if (payload->error != NULL)
        return;
    if (control->kind == MESHCORE_CONTROL_OTHER) {
        jw_hex_lower(w, "raw", frame->payload, frame->payload_len);
        return;
    }
    if (control->kind == MESHCORE_CONTROL_DISCOVER_REQ)
        jw_uint(w, "ctrlFilter", control->filter);
    jw_uint(w, "ctrlTag", control->tag);
    if (control->kind == MESHCORE_CONTROL_DISCOVER_REQ) {
        if (control->has_since)
            jw_uint(w, "ctrlSince", control->since);
        return;
    }
    jw_uint(w, "ctrlNodeType", control->node_type);
    write_snr(w, "ctrlSNR", frame->payload[1]);
    if (control->public_key_len > 0)
        jw_hex_lower(w, "ctrlPubKey", control->public_key, control->public_key_len);
}

static void write_raw_custom(struct json_write *w, const struct meshcore_opaque *opaque)
{
    jw_uint(w, "rawLength", opaque->len);
    jw_hex_lower(w, "firstByteTag", opaque->bytes, 1); /* too short without one */
    jw_hex_lower(w, "raw", opaque->bytes, opaque->len);
}

static void write_whole(struct json_write *w, const struct meshcore_frame *frame,
                        const struct meshcore_payload *payload,
                        const struct meshcore_json_options *options)
{
    if (payload->type == MESHCORE_GRP_TXT) {
        write_group_text(w, frame, &payload->group, options->keys);
        return;
    }
    jw_string(w, "type", meshcore_type_name(payload->type));
    switch (payload->type) {
    case MESHCORE_REQ:
    case MESHCORE_RESPONSE:
    case MESHCORE_TXT_MSG:
    case MESHCORE_PATH:
        write_direct(w, payload);
        break;
    case MESHCORE_ACK:
        write_ack(w, &payload->ack);
        break;
    case MESHCORE_ADVERT:
        write_advert(w, &payload->advert, options->signature);
        break;
    case MESHCORE_GRP_DATA:
        write_group_data(w, frame, &payload->group, options->keys);
        break;
    case MESHCORE_ANON_REQ:
        write_anon_req(w, &payload->anon_req);
        break;
    case MESHCORE_TRACE:
        write_trace(w, &payload->trace);
        break;
    case MESHCORE_MULTIPART:
        write_multipart(w, &payload->multipart);
        break;
    case MESHCORE_CONTROL:
        write_control(w, frame, payload);
        break;
    case MESHCORE_RAW_CUSTOM:
        write_raw_custom(w, &payload->opaque);
        break;
    default:
        jw_hex_lower(w, "raw", frame->payload, frame->payload_len);
        break;
    }
}

/* What of a too short body can be read all the same. */
static void write_short(struct json_write *w, const struct meshcore_frame *frame,
                        const struct meshcore_payload *payload)
{
    jw_string(w, "type", meshcore_type_name(payload->type));
    jw_string(w, "error", payload->error);
    if (frame->payload_len > 0 && payload->type == MESHCORE_MULTIPART)
        write_multipart(w, &payload->multipart);
    if (frame->payload_len > 0 && payload->type == MESHCORE_CONTROL)
        write_control(w, frame, payload);
    jw_hex_lower(w, "raw", frame->payload, frame->payload_len);
}

void meshcore_json_payload(struct json_write *w, const char *key,
                           const struct meshcore_frame *frame,
                           const struct meshcore_payload *payload,
                           const struct meshcore_json_options *options)
{
    jw_object(w, key);
    if (payload->error != NULL)
        write_short(w, frame, payload);
    else
        write_whole(w, frame, payload, options);
    if (payload->type == MESHCORE_TRACE)
        write_snr_values(w, payload);
    if (payload->warning != NULL)
        jw_string(w, "warn", payload->warning);
    jw_object_end(w);
}

void meshcore_json_members(struct json_write *w, const struct meshcore_frame *frame,
                           const struct meshcore_json_options *options)
{
    struct meshcore_payload payload;
    meshcore_payload_parse(frame, &payload);
    write_header(w, frame);
    write_path(w, frame, &payload);
    write_transport(w, frame, options->scopes);
    meshcore_json_payload(w, "payload", frame, &payload, options);
}

void meshcore_json_packet(struct json_write *w, const char *key, const struct meshcore_frame *frame,
                          const struct meshcore_json_options *options)
{
    jw_object(w, key);
    meshcore_json_members(w, frame, options);
    jw_object_end(w);
}

size_t meshcore_json_payload_text(const struct meshcore_frame *frame,
                                  const struct meshcore_json_options *options, char *out,
                                  size_t cap)
{
    struct json_write w;
    struct meshcore_payload payload;
    jw_init(&w, out, cap);
    meshcore_payload_parse(frame, &payload);
    meshcore_json_payload(&w, NULL, frame, &payload, options);
    return jw_finish(&w);
}
