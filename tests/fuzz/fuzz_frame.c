/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a frame: what parses must lie within them and keep the format's limits, its payload
 * too, and its rendering must be JSON that fits. */
#include "tests/fuzz/require.h"

#include "common/base/crypto.h"
#include "common/json/json.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/meshcore_json.h"
#include "common/mesh/region_scopes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_advert(const struct meshcore_frame *frame)
{
    struct meshcore_advert advert;
    if (!meshcore_parse_advert(frame, &advert)) {
        require(frame->payload_len < MESHCORE_ADVERT_MIN);
        return;
    }
    require(advert.app_data_len <= MESHCORE_APP_DATA_MAX);
    require(!advert.has_name ||
            advert.name + advert.name_len <= advert.app_data + advert.app_data_len);
    double lat = 0;
    double lon = 0;
    if (meshcore_advert_position(&advert, &lat, &lon))
        require(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180);
    IGNORE(meshcore_advert_verify(&advert), "either answer is right for bytes like these");
}

static void require_inside(const struct meshcore_frame *frame, const uint8_t *at, size_t len)
{
    require(at >= frame->payload && at + len <= frame->payload + frame->payload_len);
}

static void require_sealed(const struct meshcore_frame *frame, const struct meshcore_sealed *sealed)
{
    require_inside(frame, sealed->mac, MESHCORE_MAC_BYTES);
    require_inside(frame, sealed->ciphertext, sealed->ciphertext_len);
    require(!sealed->is_decryptable || sealed->ciphertext_len >= MESHCORE_CIPHER_BLOCK);
}

static void check_whole(const struct meshcore_frame *frame, const struct meshcore_payload *payload)
{
    switch (payload->type) {
    case MESHCORE_REQ:
    case MESHCORE_RESPONSE:
    case MESHCORE_TXT_MSG:
    case MESHCORE_PATH:
        require_sealed(frame, &payload->direct.sealed);
        break;
    case MESHCORE_GRP_TXT:
    case MESHCORE_GRP_DATA:
        require_sealed(frame, &payload->group.sealed);
        break;
    case MESHCORE_ANON_REQ:
        require_inside(frame, payload->anon_req.sender_key, MESHCORE_KEY_BYTES);
        require_sealed(frame, &payload->anon_req.sealed);
        break;
    case MESHCORE_TRACE:
        require_inside(frame, payload->trace.route, payload->trace.route_bytes);
        require(payload->trace.route_count * payload->trace.entry_bytes <=
                payload->trace.route_bytes);
        break;
    case MESHCORE_MULTIPART:
        require_inside(frame, payload->multipart.inner, payload->multipart.inner_len);
        break;
    case MESHCORE_CONTROL:
        if (payload->control.kind == MESHCORE_CONTROL_DISCOVER_RESP)
            require_inside(frame, payload->control.public_key, payload->control.public_key_len);
        break;
    default:
        break;
    }
}

static void check_json(const struct meshcore_frame *frame)
{
    static struct channel_keys *keys;
    static struct region_scopes *scopes;
    char name[] = "#test";
    char *names[] = {name};
    const struct config_list list = {.items = names, .count = 1};
    if (keys == NULL) {
        keys = channel_keys_new(&(struct config_pairs){.items = NULL}, &list);
        scopes = region_scopes_new(&list);
    }
    require(keys != NULL && scopes != NULL);
    char out[MESHCORE_JSON_MAX];
    struct json_write w;
    jw_init(&w, out, sizeof out);
    meshcore_json_packet(&w, NULL, frame,
                         &(struct meshcore_json_options){.keys = keys, .scopes = scopes});
    const size_t len = jw_finish(&w);
    require(len > 0 && len == strlen(out));
    cJSON *parsed = json_parse(out, len, 8);
    require(parsed != NULL);
    cJSON_Delete(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    if (!crypto_init() || meshcore_parse(data, size, &frame) != MESHCORE_FRAME_OK)
        return 0;
    require(size <= MESHCORE_FRAME_MAX);
    require(frame.hash_size >= 1 && frame.hash_size <= 3);
    require(frame.path_bytes == (size_t)frame.hash_size * frame.hop_count);
    require(frame.path_bytes <= MESHCORE_PATH_MAX);
    require(frame.payload_len <= MESHCORE_PAYLOAD_MAX);
    require(frame.path + frame.path_bytes == frame.payload);
    require(frame.payload + frame.payload_len == data + size);
    uint8_t hash[MESHCORE_HASH_BYTES];
    meshcore_content_hash(&frame, hash);
    if (frame.type == MESHCORE_ADVERT)
        check_advert(&frame);
    meshcore_payload_parse(&frame, &payload);
    if (payload.error == NULL)
        check_whole(&frame, &payload);
    check_json(&frame);
    return 0;
}
