/* SPDX-License-Identifier: MIT
 *
 * 301 frames that the real firmware (v1.17.1) made, with what it says of each itself: frame, hash,
 * hops, scope, channel text and data, advert, ACK, trace. The first line of the fixture holds the
 * keys. */
#include "tests/support/cmocka_all.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/meshcore_payload.h"
#include "common/mesh/region_scopes.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES    301
#define NAMES_MAX 8

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static int64_t number(const cJSON *object, const char *key)
{
    const cJSON *value = member(object, key);
    assert_true(cJSON_IsNumber(value));
    return (int64_t)value->valuedouble;
}

static bool is_said(const cJSON *object, const char *key)
{
    const cJSON *value = member(object, key);
    return value != NULL && !cJSON_IsNull(value);
}

static void assert_hex(const cJSON *want, const void *bytes, size_t len)
{
    uint8_t expected[512];
    size_t expected_len;
    assert_true(cJSON_IsString(want));
    assert_true(hex_decode(want->valuestring, strlen(want->valuestring), expected, sizeof expected,
                           &expected_len));
    assert_int_equal(len, expected_len);
    assert_memory_equal(bytes, expected, len);
}

static void assert_list(const cJSON *want, const uint8_t *items, size_t size, size_t count)
{
    assert_int_equal(cJSON_GetArraySize(want), count);
    for (size_t i = 0; i < count; i++)
        assert_hex(cJSON_GetArrayItem(want, (int)i), items + i * size, size);
}

/* --- what the firmware says ----------------------------------------------------------------- */

static void check_scope(const struct region_scopes *scopes, const struct meshcore_frame *frame,
                        const cJSON *want)
{
    const cJSON *scope = member(want, "scope");
    if (scope == NULL)
        return;
    const char *name = "";
    const enum scope_result result = region_scopes_match(scopes, frame->transport[0], frame->type,
                                                         frame->payload, frame->payload_len, &name);
    if (cJSON_IsNull(scope))
        assert_int_equal(result, SCOPE_NONE);
    else
        assert_string_equal(name, scope->valuestring);
}

/* As sent, but that bad bytes are replaced and the piece at the end of a sender is left out. */
static void check_text(const struct channel_keys *keys, const struct meshcore_frame *frame,
                       const cJSON *want)
{
    struct channel_text text;
    assert_int_equal(channel_keys_open_text(keys, frame->payload, frame->payload_len, &text),
                     CHANNEL_OPENED);
    assert_string_equal(text.channel, member(want, "channel")->valuestring);
    assert_int_equal(text.timestamp, number(want, "timestamp"));
    if (strstr(text.text, "\xef\xbf\xbd") != NULL || !is_said(want, "senderHex"))
        return;
    uint8_t sender[64];
    size_t len;
    const char *hex = member(want, "senderHex")->valuestring;
    assert_true(hex_decode(hex, strlen(hex), sender, sizeof sender, &len));
    assert_in_range(text.sender_len, len < 3 ? 0 : len - 3, len);
    assert_memory_equal(text.text, sender, text.sender_len);
    if (text.sender_len == len)
        assert_hex(member(want, "textHex"), text.text, text.text_len);
}

static void check_data(const struct channel_keys *keys, const struct meshcore_frame *frame,
                       const cJSON *want)
{
    struct channel_data data;
    assert_int_equal(channel_keys_open_data(keys, frame->payload, frame->payload_len, &data),
                     CHANNEL_OPENED);
    assert_string_equal(data.channel, member(want, "channel")->valuestring);
    assert_int_equal(data.data_type, number(want, "dataType"));
    assert_hex(member(want, "dataHex"), data.data, data.data_len);
}

static void check_advert(const struct meshcore_advert *advert, const cJSON *want)
{
    assert_hex(member(want, "key"), advert->public_key, MESHCORE_KEY_BYTES);
    assert_int_equal(meshcore_advert_verify(advert), cJSON_IsTrue(member(want, "signatureValid")));
    assert_int_equal(advert->timestamp, number(want, "timestamp"));
    assert_int_equal(advert->app_data_len, number(want, "appDataBytes"));
    if (!is_said(want, "valid") || !cJSON_IsTrue(member(want, "valid")))
        return;
    assert_true(advert->app_data_valid);
    assert_int_equal(advert->role, number(want, "role"));
    assert_int_equal(advert->has_position, is_said(want, "latE6"));
    if (advert->has_position) {
        assert_int_equal(advert->lat_e6, number(want, "latE6"));
        assert_int_equal(advert->lon_e6, number(want, "lonE6"));
    }
    assert_int_equal(advert->feat1, number(want, "feat1"));
    assert_int_equal(advert->feat2, number(want, "feat2"));
    assert_hex(member(want, "nameHex"), advert->name, advert->name_len);
}

static void check_trace(const struct meshcore_frame *frame, const struct meshcore_payload *payload,
                        const cJSON *want)
{
    assert_int_equal(payload->snr_count, cJSON_GetArraySize(member(want, "snrQ4")));
    for (size_t i = 0; i < payload->snr_count; i++)
        assert_int_equal((int8_t)payload->snr_q4[i],
                         cJSON_GetArrayItem(member(want, "snrQ4"), (int)i)->valueint);
    const struct meshcore_trace *trace = &payload->trace;
    assert_int_equal(frame->type, MESHCORE_TRACE);
    assert_int_equal(trace->tag, number(want, "tag"));
    assert_int_equal(trace->auth, number(want, "auth"));
    assert_int_equal(trace->flags, number(want, "flags"));
    assert_int_equal(trace->entry_bytes, number(want, "entryBytes"));
    assert_list(member(want, "route_"), trace->route, trace->entry_bytes, trace->route_count);
    assert_int_equal(trace->is_finished, cJSON_IsTrue(member(want, "finished")));
}

static void check_body(const struct channel_keys *keys, const struct meshcore_frame *frame,
                       const cJSON *want)
{
    struct meshcore_payload payload;
    meshcore_payload_parse(frame, &payload);
    if (is_said(want, "text"))
        check_text(keys, frame, member(want, "text"));
    if (is_said(want, "data"))
        check_data(keys, frame, member(want, "data"));
    if (is_said(want, "advert"))
        check_advert(&payload.advert, member(want, "advert"));
    if (is_said(want, "snrQ4"))
        check_trace(frame, &payload, want);
    if (is_said(want, "ack")) {
        const struct meshcore_ack *ack =
            frame->type == MESHCORE_ACK ? &payload.ack : &payload.multipart.ack;
        assert_int_equal(ack->crc, number(member(want, "ack"), "crc"));
    }
    if (is_said(want, "zeroHopControl"))
        assert_int_equal(payload.control.is_zero_hop && payload.warning == NULL,
                         cJSON_IsTrue(member(want, "zeroHopControl")));
}

static void check_frame(const struct channel_keys *keys, const struct region_scopes *scopes,
                        const cJSON *line)
{
    uint8_t bytes[512];
    uint8_t hash[MESHCORE_HASH_BYTES];
    size_t len;
    struct meshcore_frame frame;
    const char *hex = member(line, "hex")->valuestring;
    const cJSON *want = member(line, "expect");
    print_message("%s\n", member(line, "id")->valuestring);
    assert_true(hex_decode(hex, strlen(hex), bytes, sizeof bytes, &len));
    const bool is_taken = meshcore_parse(bytes, len, &frame) == MESHCORE_FRAME_OK;
    assert_int_equal(is_taken, cJSON_IsTrue(member(want, "accept")));
    if (!is_taken)
        return;
    meshcore_content_hash(&frame, hash);
    assert_hex(member(want, "hash"), hash, sizeof hash);
    assert_int_equal(frame.route, number(want, "route"));
    assert_int_equal(frame.type, number(want, "type"));
    if (is_said(want, "hops")) {
        assert_int_equal(frame.hash_size, number(want, "hashSize"));
        assert_list(member(want, "hops"), frame.path, frame.hash_size, frame.hop_count);
    }
    if (is_said(want, "codes"))
        assert_list(member(want, "codes"), frame.path - 1 - MESHCORE_TRANSPORT_BYTES, 2, 2);
    check_scope(scopes, &frame, want);
    check_body(keys, &frame, want);
}

/* --- the fixture ---------------------------------------------------------------------------- */

static size_t names_of(const cJSON *list, char *out[static NAMES_MAX])
{
    size_t count = 0;
    const cJSON *name = NULL;
    cJSON_ArrayForEach(name, list)
    {
        assert_true(count < NAMES_MAX);
        out[count++] = name->valuestring;
    }
    return count;
}

static void agrees_with_the_firmware(void **state)
{
    (void)state;
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(FIXTURES_DIR "/firmware_frames.jsonl", "r");
    assert_non_null(file);
    assert_true(getline(&line, &room, file) > 0);
    cJSON *head = cJSON_Parse(line);
    struct config_pair pairs[NAMES_MAX];
    char *channels[NAMES_MAX];
    char *regions[NAMES_MAX];
    struct config_pairs pair_list = {.items = pairs};
    const cJSON *key = NULL;
    cJSON_ArrayForEach(key, member(head, "channelKeys")) pairs[pair_list.count++] =
        (struct config_pair){.name = key->string, .value = key->valuestring};
    const struct config_list channel_list = {
        .items = channels, .count = names_of(member(head, "hashChannels"), channels)};
    const struct config_list region_list = {
        .items = regions, .count = names_of(member(head, "hashRegions"), regions)};
    struct channel_keys *keys = channel_keys_new(&pair_list, &channel_list);
    struct region_scopes *scopes = region_scopes_new(&region_list);
    size_t frames = 0;
    for (; getline(&line, &room, file) > 0; frames++) {
        cJSON *frame = cJSON_Parse(line);
        check_frame(keys, scopes, frame);
        cJSON_Delete(frame);
    }
    assert_int_equal(frames, FRAMES);
    channel_keys_free(keys);
    region_scopes_free(scopes);
    cJSON_Delete(head);
    free(line);
    (void)fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_firmware)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
