/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a frame: what parses must lie within them and keep the format's limits. */
#include "common/crypto.h"
#include "common/meshcore.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct meshcore_frame frame;
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
    return 0;
}
