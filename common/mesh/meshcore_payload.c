/* SPDX-License-Identifier: MIT */
#include "common/mesh/meshcore_payload.h"

#include "common/base/little_endian.h"

#include <string.h>

#define ACK_MIN          4
#define CONTROL_MIN      6 /* of both kinds of discover */
#define CONTROL_ZERO_HOP 0x80
#define TRACE_MIN        9
#define TRACE_PATH_LIMIT 64 /* from here on path_len has size bits, which a trace has not */

static const char error_too_short[] = "too_short";
static const char warning_blocks[] = "ciphertext not a positive multiple of 16";
static const char warning_app_data[] = "app data shorter than its flags say";
static const char warning_trace_path[] = "path_len of a trace at or above 64: nodes drop it";
static const char warning_trace_route[] = "trace on a flood route: nodes ignore it";
static const char warning_control_route[] = "zero-hop control with hops or on a flood route";

/* Behind `skip` bytes that the caller has checked to be there, with the MAC. */
static void parse_sealed(const struct meshcore_frame *frame, size_t skip,
                         struct meshcore_payload *out, struct meshcore_sealed *sealed)
{
    sealed->mac = frame->payload + skip;
    sealed->ciphertext = sealed->mac + MESHCORE_MAC_BYTES;
    sealed->ciphertext_len = frame->payload_len - skip - MESHCORE_MAC_BYTES;
    sealed->is_decryptable =
        sealed->ciphertext_len > 0 && sealed->ciphertext_len % MESHCORE_CIPHER_BLOCK == 0;
    if (!sealed->is_decryptable)
        out->warning = warning_blocks;
}

static void parse_direct(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    if (frame->payload_len < 2 + MESHCORE_MAC_BYTES) {
        out->error = error_too_short;
        return;
    }
    out->direct.dest_hash = frame->payload[0];
    out->direct.src_hash = frame->payload[1];
    parse_sealed(frame, 2, out, &out->direct.sealed);
}

static void parse_group(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    if (frame->payload_len < 1 + MESHCORE_MAC_BYTES) {
        out->error = error_too_short;
        return;
    }
    out->group.channel_hash = frame->payload[0];
    parse_sealed(frame, 1, out, &out->group.sealed);
}

static void parse_anon_req(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    if (frame->payload_len < 1 + MESHCORE_KEY_BYTES + MESHCORE_MAC_BYTES) {
        out->error = error_too_short;
        return;
    }
    out->anon_req.dest_hash = frame->payload[0];
    out->anon_req.sender_key = frame->payload + 1;
    parse_sealed(frame, 1 + MESHCORE_KEY_BYTES, out, &out->anon_req.sealed);
}

static bool read_ack(const uint8_t *at, size_t len, struct meshcore_ack *out)
{
    if (len < ACK_MIN)
        return false;
    out->crc = read_u32(at);
    out->len = (uint8_t)min_u64(len, MESHCORE_ACK_MAX);
    out->has_attempt = len > ACK_MIN;
    out->attempt = out->has_attempt ? at[ACK_MIN] : 0;
    out->has_random = len > ACK_MIN + 1;
    out->random = out->has_random ? at[ACK_MIN + 1] : 0;
    return true;
}

static void parse_multipart(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    struct meshcore_multipart *part = &out->multipart;
    if (frame->payload_len == 0) {
        out->error = error_too_short;
        return;
    }
    part->remaining = frame->payload[0] >> 4;
    part->inner_type = frame->payload[0] & 0x0f;
    part->inner = frame->payload + 1;
    part->inner_len = frame->payload_len - 1;
    if (part->inner_type != MESHCORE_ACK)
        return;
    part->is_ack = read_ack(part->inner, part->inner_len, &part->ack);
    if (!part->is_ack)
        out->error = error_too_short;
}

static void parse_discover(const uint8_t *at, size_t len, struct meshcore_control *out)
{
    out->tag = read_u32(at + 2);
    if (out->kind == MESHCORE_CONTROL_DISCOVER_REQ) {
        out->wants_prefix = (at[0] & 1) != 0;
        out->filter = at[1];
        out->has_since = len >= CONTROL_MIN + 4;
        out->since = out->has_since ? read_u32(at + CONTROL_MIN) : 0;
        return;
    }
    out->node_type = at[0] & 0x0f;
    out->snr_q4 = read_i8(at + 1);
    out->public_key = at + CONTROL_MIN;
    out->public_key_len = (size_t)min_u64(len - CONTROL_MIN, MESHCORE_KEY_BYTES);
}

static void parse_control(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    if (frame->payload_len == 0) {
        out->error = error_too_short;
        return;
    }
    struct meshcore_control *control = &out->control;
    control->flags = frame->payload[0];
    control->is_zero_hop = (control->flags & CONTROL_ZERO_HOP) != 0;
    if (control->is_zero_hop && (meshcore_is_flood(frame->route) || frame->hop_count > 0))
        out->warning = warning_control_route;
    if (control->flags >> 4 == 0x8)
        control->kind = MESHCORE_CONTROL_DISCOVER_REQ;
    else if (control->flags >> 4 == 0x9)
        control->kind = MESHCORE_CONTROL_DISCOVER_RESP;
    else
        return;
    if (frame->payload_len < CONTROL_MIN)
        out->error = error_too_short;
    else
        parse_discover(frame->payload, frame->payload_len, control);
}

static void parse_trace(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    out->snr_q4 = frame->path;
    out->snr_count = frame->path_bytes;
    if (frame->payload_len < TRACE_MIN) {
        out->error = error_too_short;
        return;
    }
    struct meshcore_trace *trace = &out->trace;
    const uint8_t *at = frame->payload;
    trace->tag = read_u32(at);
    trace->auth = read_u32(at + 4);
    trace->flags = at[8];
    trace->entry_bytes = (uint8_t)(1U << (trace->flags & 3));
    trace->route = at + TRACE_MIN;
    trace->route_bytes = frame->payload_len - TRACE_MIN;
    trace->route_count = trace->route_bytes / trace->entry_bytes;
    trace->is_finished = (size_t)frame->path_len_byte * trace->entry_bytes >= trace->route_bytes;
    if (frame->path_len_byte >= TRACE_PATH_LIMIT)
        out->warning = warning_trace_path;
    else if (meshcore_is_flood(frame->route))
        out->warning = warning_trace_route;
}

static void parse_opaque(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    out->opaque.bytes = frame->payload;
    out->opaque.len = frame->payload_len;
    if (frame->payload_len == 0)
        out->error = error_too_short;
}

void meshcore_payload_parse(const struct meshcore_frame *frame, struct meshcore_payload *out)
{
    memset(out, 0, sizeof *out);
    out->type = frame->type;
    switch (frame->type) {
    case MESHCORE_REQ:
    case MESHCORE_RESPONSE:
    case MESHCORE_TXT_MSG:
    case MESHCORE_PATH:
        parse_direct(frame, out);
        break;
    case MESHCORE_ACK:
        if (!read_ack(frame->payload, frame->payload_len, &out->ack))
            out->error = error_too_short;
        break;
    case MESHCORE_ADVERT:
        if (!meshcore_parse_advert(frame, &out->advert))
            out->error = error_too_short;
        else if (!out->advert.app_data_valid)
            out->warning = warning_app_data;
        break;
    case MESHCORE_GRP_TXT:
    case MESHCORE_GRP_DATA:
        parse_group(frame, out);
        break;
    case MESHCORE_ANON_REQ:
        parse_anon_req(frame, out);
        break;
    case MESHCORE_TRACE:
        parse_trace(frame, out);
        break;
    case MESHCORE_MULTIPART:
        parse_multipart(frame, out);
        break;
    case MESHCORE_CONTROL:
        parse_control(frame, out);
        break;
    default:
        parse_opaque(frame, out);
        break;
    }
}

const char *meshcore_control_name(enum meshcore_control_kind kind)
{
    static const char *const names[] = {
        [MESHCORE_CONTROL_OTHER] = "OTHER",
        [MESHCORE_CONTROL_DISCOVER_REQ] = "DISCOVER_REQ",
        [MESHCORE_CONTROL_DISCOVER_RESP] = "DISCOVER_RESP",
    };
    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "OTHER";
}
