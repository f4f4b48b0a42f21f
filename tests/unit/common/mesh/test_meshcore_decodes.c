/* SPDX-License-Identifier: MIT
 *
 * Every field of every recorded decode against ours: what we make of a frame is put into the
 * record's words, and each key that the record has must be there with the same value. A key we have
 * no word for fails. The keys of channels and regions are those beside the records. */
#include "tests/support/cmocka_all.h"
#include "tests/support/corpus.h"
#include "tests/support/jsonl.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/meshcore_json.h"
#include "common/mesh/region_scopes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 512

static const char *lists = FIXTURES_DIR; /* where channel_keys.json and region_scopes.json are */
static struct channel_keys *keys;
static struct region_scopes *scopes;

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void add_hex(cJSON *object, const char *key, const uint8_t *bytes, size_t len)
{
    char text[2 * MESHCORE_FRAME_MAX + 1];
    assert_true(len <= MESHCORE_FRAME_MAX);
    hex_encode_upper(bytes, len, text);
    assert_non_null(cJSON_AddStringToObject(object, key, text));
}

static void add_number(cJSON *object, const char *key, double value)
{
    assert_non_null(cJSON_AddNumberToObject(object, key, value));
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    assert_non_null(cJSON_AddStringToObject(object, key, text));
}

static void add_bool(cJSON *object, const char *key, bool value)
{
    assert_non_null(cJSON_AddBoolToObject(object, key, value));
}

static void add_hops(cJSON *object, const char *key, const uint8_t *hops, size_t size, size_t count)
{
    char text[17];
    cJSON *list = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < count; i++) {
        hex_encode_upper(hops + i * size, size, text);
        assert_true(cJSON_AddItemToArray(list, cJSON_CreateString(text)));
    }
}

/* --- payloads in the corpus's words ----------------------------------------------------------- */

static void add_sealed(cJSON *out, const struct meshcore_sealed *sealed)
{
    add_hex(out, "mac", sealed->mac, MESHCORE_MAC_BYTES);
    add_hex(out, "ciphertext", sealed->ciphertext, sealed->ciphertext_len);
    add_number(out, "ciphertextLen", (double)sealed->ciphertext_len);
}

static void add_direct(cJSON *out, const struct meshcore_direct *direct)
{
    add_hex(out, "destHash", &direct->dest_hash, 1);
    add_hex(out, "srcHash", &direct->src_hash, 1);
    add_sealed(out, &direct->sealed);
}

static void add_ack(cJSON *out, const struct meshcore_frame *frame, const struct meshcore_ack *ack)
{
    char text[9];
    (void)snprintf(text, sizeof text, "%08x", ack->crc);
    add_text(out, "ackCrc", text);
    add_hex(out, "ackBytes", frame->payload, ack->len);
    add_number(out, "ackLen", ack->len);
}

static void add_name(cJSON *out, const struct meshcore_advert *advert)
{
    char name[3 * MESHCORE_APP_DATA_MAX + 1];
    /* As sent: the corpus keeps the control characters that people don't get to see. */
    const size_t len = utf8_sanitize(name, sizeof name, advert->name, advert->name_len);
    add_text(out, "name", name);
    add_bool(out, "nameUtf8Valid", len == advert->name_len && memcmp(name, advert->name, len) == 0);
    add_hex(out, "nameHex", advert->name, advert->name_len);
}

static void add_advert(cJSON *out, const struct meshcore_advert *advert)
{
    char role[16];
    add_hex(out, "publicKey", advert->public_key, MESHCORE_KEY_BYTES);
    add_number(out, "timestamp", advert->timestamp);
    add_hex(out, "signature", advert->signature, MESHCORE_SIGNATURE_BYTES);
    add_hex(out, "appDataHex", advert->app_data, advert->app_data_len);
    add_bool(out, "signatureValid", meshcore_advert_verify(advert));
    add_bool(out, "appDataValid", advert->app_data_valid);
    if (!advert->has_flags)
        return;
    add_number(out, "flags", advert->flags);
    add_text(out, "role", meshcore_role_name(advert->role, role));
    add_bool(out, "hasLocation", advert->has_position);
    add_bool(out, "hasFeat1", advert->has_feat1);
    add_bool(out, "hasFeat2", advert->has_feat2);
    add_bool(out, "hasName", advert->has_name);
    if (advert->has_position) {
        add_number(out, "latRaw", advert->lat_e6);
        add_number(out, "lonRaw", advert->lon_e6);
        add_number(out, "lat", advert->lat_e6 / 1e6);
        add_number(out, "lon", advert->lon_e6 / 1e6);
    }
    if (advert->has_name)
        add_name(out, advert);
}

static void add_decrypted(cJSON *out, const struct meshcore_frame *frame)
{
    struct channel_text text;
    if (channel_keys_open_text(keys, frame->payload, frame->payload_len, &text) != CHANNEL_OPENED) {
        assert_non_null(cJSON_AddNullToObject(out, "decrypted"));
        return;
    }
    cJSON *opened = cJSON_AddObjectToObject(out, "decrypted");
    add_text(opened, "channel", text.channel);
    add_number(opened, "timestamp", text.timestamp);
    add_number(opened, "flags", text.flags);
    add_number(opened, "txtType", text.flags >> 2);
    add_number(opened, "attempt", text.flags & 3);
    add_text(opened, "text", text.text);
    add_bool(opened, "utf8Valid", true); /* else it is not opened */
    add_text(opened, "message", text.text + text.body);
    if (text.sender_len > 0) {
        char sender[sizeof text.text];
        (void)snprintf(sender, sizeof sender, "%.*s", (int)text.sender_len, text.text);
        add_text(opened, "sender", sender);
    } else {
        assert_non_null(cJSON_AddNullToObject(opened, "sender"));
    }
}

static void add_group(cJSON *out, const struct meshcore_frame *frame,
                      const struct meshcore_group *group)
{
    add_hex(out, "channelHash", &group->channel_hash, 1);
    add_sealed(out, &group->sealed);
    if (keys != NULL && frame->type == MESHCORE_GRP_TXT)
        add_decrypted(out, frame);
}

static void add_anon_req(cJSON *out, const struct meshcore_anon_req *request)
{
    add_hex(out, "destHash", &request->dest_hash, 1);
    add_hex(out, "senderPublicKey", request->sender_key, MESHCORE_KEY_BYTES);
    add_sealed(out, &request->sealed);
}

static void add_trace(cJSON *out, const struct meshcore_trace *trace)
{
    const size_t used = trace->route_count * trace->entry_bytes;
    add_number(out, "tag", trace->tag);
    add_number(out, "authCode", trace->auth);
    add_number(out, "flags", trace->flags);
    add_number(out, "hashSize", trace->entry_bytes);
    add_hops(out, "hops", trace->route, trace->entry_bytes, trace->route_count);
    add_hex(out, "trailing", trace->route + used, trace->route_bytes - used);
}

static void add_control(cJSON *out, const struct meshcore_control *control)
{
    assert_int_equal(control->kind, MESHCORE_CONTROL_DISCOVER_RESP); /* the corpus has no other */
    add_number(out, "flags", control->flags);
    add_text(out, "subType", meshcore_control_name(control->kind));
    add_number(out, "nodeType", control->node_type);
    add_number(out, "snrRaw", control->snr_q4);
    add_number(out, "snr", control->snr_q4 / 4.0);
    add_number(out, "tag", control->tag);
    add_hex(out, "publicKey", control->public_key, control->public_key_len);
    add_number(out, "publicKeyLen", (double)control->public_key_len);
}

static void add_body(cJSON *out, const struct meshcore_frame *frame,
                     const struct meshcore_payload *payload)
{
    switch (payload->type) {
    case MESHCORE_REQ:
    case MESHCORE_RESPONSE:
    case MESHCORE_TXT_MSG:
    case MESHCORE_PATH:
        add_direct(out, &payload->direct);
        break;
    case MESHCORE_ACK:
        add_ack(out, frame, &payload->ack);
        break;
    case MESHCORE_ADVERT:
        add_advert(out, &payload->advert);
        break;
    case MESHCORE_GRP_TXT:
        add_group(out, frame, &payload->group);
        break;
    case MESHCORE_ANON_REQ:
        add_anon_req(out, &payload->anon_req);
        break;
    case MESHCORE_TRACE:
        add_trace(out, &payload->trace);
        break;
    case MESHCORE_CONTROL:
        add_control(out, &payload->control);
        break;
    default:
        fail_msg("payload type %u: the corpus had none of it", payload->type);
    }
}

static void add_payload(cJSON *out, const struct meshcore_frame *frame,
                        const struct meshcore_payload *payload)
{
    cJSON *body = cJSON_AddObjectToObject(out, "payload");
    add_text(body, "type", meshcore_type_name(payload->type));
    if (payload->error != NULL) {
        add_text(body, "error", payload->error);
        return;
    }
    if (payload->warning != NULL)
        add_text(body, "warn", payload->warning);
    add_body(body, frame, payload);
}

/* --- frames in the corpus's words ------------------------------------------------------------- */

static void add_path(cJSON *out, const struct meshcore_frame *frame,
                     const struct meshcore_payload *payload)
{
    if (frame->type != MESHCORE_TRACE) {
        add_number(out, "pathHashSize", frame->hash_size);
        add_number(out, "pathHashCount", frame->hop_count);
        add_hops(out, "path", frame->path, frame->hash_size, frame->hop_count);
        return;
    }
    assert_non_null(cJSON_AddNullToObject(out, "pathHashSize"));
    assert_non_null(cJSON_AddNullToObject(out, "path"));
    cJSON *raw = cJSON_AddArrayToObject(out, "pathSnrRaw");
    cJSON *snr = cJSON_AddArrayToObject(out, "pathSnr");
    for (size_t i = 0; i < payload->snr_count; i++) {
        const int8_t value = (int8_t)payload->snr_q4[i];
        assert_true(cJSON_AddItemToArray(raw, cJSON_CreateNumber(value)));
        assert_true(cJSON_AddItemToArray(snr, cJSON_CreateNumber(value / 4.0)));
    }
}

static void add_transport(cJSON *out, const struct meshcore_frame *frame)
{
    if (!frame->has_transport) {
        assert_non_null(cJSON_AddNullToObject(out, "transportCodes"));
        assert_non_null(cJSON_AddNullToObject(out, "scopeMatch"));
        return;
    }
    cJSON *codes = cJSON_AddArrayToObject(out, "transportCodes");
    cJSON *wire = cJSON_AddArrayToObject(out, "transportCodesWire");
    for (size_t i = 0; i < 2; i++) {
        char text[5];
        const unsigned code = frame->transport[i];
        (void)snprintf(text, sizeof text, "%02X%02X", code & 0xffU, code >> 8);
        assert_true(cJSON_AddItemToArray(codes, cJSON_CreateNumber(code)));
        assert_true(cJSON_AddItemToArray(wire, cJSON_CreateString(text)));
    }
    if (scopes == NULL)
        return;
    const char *name = NULL;
    const enum scope_result result = region_scopes_match(scopes, frame->transport[0], frame->type,
                                                         frame->payload, frame->payload_len, &name);
    if (result == SCOPE_NONE)
        assert_non_null(cJSON_AddNullToObject(out, "scopeMatch"));
    else
        add_text(out, "scopeMatch", result == SCOPE_MATCHED ? name : "");
}

static cJSON *describe(const uint8_t *bytes, size_t len, const struct meshcore_frame *frame)
{
    struct meshcore_payload payload;
    uint8_t hash[MESHCORE_HASH_BYTES];
    char text[2 * MESHCORE_HASH_BYTES + 1];
    cJSON *out = cJSON_CreateObject();
    meshcore_payload_parse(frame, &payload);
    meshcore_content_hash(frame, hash);
    hex_encode_lower(hash, sizeof hash, text);
    add_hex(out, "raw", bytes, len);
    add_number(out, "totalBytes", (double)len);
    add_number(out, "header", frame->header);
    add_number(out, "routeType", frame->route);
    add_text(out, "routeTypeName", meshcore_route_name(frame->route));
    add_number(out, "payloadType", frame->type);
    add_text(out, "payloadTypeName", meshcore_type_name(frame->type));
    add_number(out, "payloadVersion", frame->version);
    add_number(out, "pathLenByte", frame->path_len_byte);
    add_hex(out, "payloadHex", frame->payload, frame->payload_len);
    add_number(out, "payloadLen", (double)frame->payload_len);
    add_bool(out, "firmwareParses", true);
    add_bool(out, "valid", true);
    add_text(out, "hash", text);
    add_transport(out, frame);
    add_path(out, frame, &payload);
    add_payload(out, frame, &payload);
    return out;
}

/* What the record says and we can't: the key itself, and who would judge a signature over more
 * than 32 bytes. */
static bool is_beyond_us(const char *key)
{
    return strcmp(key, "key") == 0 || strcmp(key, "signatureValidFullAppData") == 0 ||
           (keys == NULL && (strcmp(key, "decrypted") == 0 || strcmp(key, "scopeMatch") == 0));
}

static void compare(const char *id, const cJSON *expected, const cJSON *ours)
{
    const cJSON *want = NULL;
    cJSON_ArrayForEach(want, expected)
    {
        if (is_beyond_us(want->string))
            continue;
        const cJSON *have = member(ours, want->string);
        if (cJSON_IsObject(want) && cJSON_IsObject(have)) {
            compare(id, want, have);
        } else if (!cJSON_Compare(want, have, true)) {
            char *a = cJSON_PrintUnformatted(want);
            char *b = have != NULL ? cJSON_PrintUnformatted(have) : NULL;
            fail_msg("%s: %s is %s instead of %s", id, want->string, b != NULL ? b : "absent", a);
        }
    }
}

/* The JSON rendering is held against the record too, where both have the same thing. */
static void compare_json(const char *id, const struct meshcore_frame *frame, const cJSON *expected)
{
    char text[MESHCORE_JSON_MAX];
    struct json_write w;
    const struct meshcore_json_options options = {keys, scopes, MESHCORE_JSON_VERIFY};
    jw_init(&w, text, sizeof text);
    meshcore_json_packet(&w, NULL, frame, &options);
    const size_t len = jw_finish(&w);
    cJSON *ours = json_parse(text, len, 8);
    if (ours == NULL)
        fail_msg("%s: no JSON: %s", id, text);
    const cJSON *record = member(expected, "payload");
    const cJSON *body = member(ours, "payload");
    const cJSON *path = member(member(ours, "path"), "hops");
    const cJSON *recorded_path =
        frame->type == MESHCORE_TRACE ? member(record, "hops") : member(expected, "path");
    if (recorded_path != NULL)
        assert_true(cJSON_Compare(path, recorded_path, true));
    static const struct {
        const char *recorded, *of_control; /* the rendering has other names in a CONTROL */
    } same[] = {{"error", "error"},
                {"warn", "warn"},
                {"timestamp", ""},
                {"tag", "ctrlTag"},
                {"authCode", ""},
                {"ackLen", ""},
                {"snr", "ctrlSNR"},
                {"lat", ""},
                {"lon", ""},
                {"signatureValid", ""},
                {"nodeType", "ctrlNodeType"},
                {"name", ""}};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        const cJSON *want = member(record, same[i].recorded);
        const char *name = frame->type == MESHCORE_CONTROL ? same[i].of_control : same[i].recorded;
        if (want != NULL && !cJSON_Compare(member(body, name), want, true))
            fail_msg("%s: JSON %s differs: %s", id, same[i].recorded, text);
    }
    const cJSON *opened = member(record, "decrypted");
    const char *type = cJSON_GetStringValue(member(body, "type"));
    assert_string_equal(
        type, cJSON_IsObject(opened) ? "CHAN" : cJSON_GetStringValue(member(record, "type")));
    if (!cJSON_IsObject(opened))
        assert_null(strstr(text, "decrypted"));
    else
        assert_true(cJSON_Compare(member(body, "text"), member(opened, "text"), true) &&
                    cJSON_Compare(member(body, "sender"), member(opened, "sender"), true) &&
                    cJSON_Compare(member(body, "channel"), member(opened, "channel"), true));
    cJSON_Delete(ours);
}

static bool is_accepted(const cJSON *packet)
{
    return cJSON_IsTrue(member(packet, "valid")) && cJSON_IsTrue(member(packet, "firmwareParses"));
}

static void check_case(const struct jsonl_case *c)
{
    const cJSON *packet = member(c->expected, "packet");
    const char *hex = cJSON_GetStringValue(member(member(c->message, "payload"), "raw"));
    if (packet == NULL)
        return;
    uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len;
    struct meshcore_frame frame;
    assert_non_null(hex);
    if (!hex_decode(hex, strlen(hex), bytes, sizeof bytes, &len) ||
        meshcore_parse(bytes, len, &frame) != MESHCORE_FRAME_OK) {
        if (is_accepted(packet))
            fail_msg("%s: refused", c->id);
        return;
    }
    if (!is_accepted(packet))
        fail_msg("%s: accepted", c->id);
    cJSON *ours = describe(bytes, len, &frame);
    compare(c->id, packet, ours);
    /* The records of mesh_messages are cut down to what the frame's parser gives. */
    if (member(packet, "raw") != NULL)
        compare_json(c->id, &frame, packet);
    cJSON_Delete(ours);
}

static void agrees_with_the_fixtures(void **state)
{
    (void)state;
    assert_true(jsonl_check(FIXTURES_DIR, "mesh_messages", check_case) > 100);
    assert_int_equal(jsonl_check(FIXTURES_DIR, "mesh_decodes", check_case), 64);
}

static void agrees_with_the_corpus(void **state)
{
    (void)state;
    assert_int_equal(jsonl_check(CORPUS_DIR, "packets", check_case), 500);
    assert_int_equal(jsonl_check(CORPUS_DIR, "multi_observer", check_case), 1115);
    assert_int_equal(jsonl_check(CORPUS_DIR, "testvectors", check_case), 95);
}

/* --- every bit flipped, every length cut ------------------------------------------------------ */

static void decode_all(const uint8_t *bytes, size_t len, enum meshcore_json_signature signature)
{
    static char text[MESHCORE_JSON_MAX];
    const struct meshcore_json_options options = {keys, scopes, signature};
    struct meshcore_frame frame;
    struct json_write w;
    if (meshcore_parse(bytes, len, &frame) != MESHCORE_FRAME_OK)
        return;
    jw_init(&w, text, sizeof text);
    meshcore_json_packet(&w, NULL, &frame, &options);
    assert_true(jw_finish(&w) > 0);
}

/* In blocks of exactly their size, so that a sanitizer sees the first byte read behind the end. */
static void damage_case(const struct jsonl_case *c)
{
    const char *hex = cJSON_GetStringValue(member(member(c->message, "payload"), "raw"));
    if (!is_accepted(member(c->expected, "packet")))
        return;
    const size_t len = strlen(hex) / 2;
    uint8_t *whole = malloc(len);
    size_t decoded;
    assert_non_null(whole);
    assert_true(hex_decode(hex, 2 * len, whole, len, &decoded));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        whole[bit / 8] ^= (uint8_t)(1U << bit % 8);
        decode_all(whole, len, MESHCORE_JSON_NO_SIGNATURE);
        whole[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut > 0 ? cut : 1);
        assert_non_null(part);
        memcpy(part, whole, cut);
        /* 47 us each: the shortest, one in between and the longest will do. */
        decode_all(part, cut, cut % 16 == 0 ? MESHCORE_JSON_VERIFY : MESHCORE_JSON_NO_SIGNATURE);
        free(part);
    }
    free(whole);
}

static void survives_every_flipped_bit_and_cut(void **state)
{
    (void)state;
    assert_true(jsonl_check(FIXTURES_DIR, "mesh_messages", damage_case) > 100);
    assert_true(jsonl_check(FIXTURES_DIR, "mesh_decodes", damage_case) > 0);
}

static void survives_every_flipped_bit_and_cut_of_the_corpus(void **state)
{
    (void)state;
    assert_true(jsonl_check(CORPUS_DIR, "packets", damage_case) > 0);
    assert_true(jsonl_check(CORPUS_DIR, "multi_observer", damage_case) > 0);
    assert_true(jsonl_check(CORPUS_DIR, "testvectors", damage_case) > 0);
}

/* --- keys beside the records ------------------------------------------------------------------ */

static cJSON *read_list(const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", lists, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    static char text[65536];
    const size_t len = fread(text, 1, sizeof text, file);
    IGNORE(fclose(file), "only read");
    return json_parse(text, len, 8);
}

static char *name_in(const cJSON *row, const char *key)
{
    return cJSON_GetStringValue(member(row, key));
}

static int set_up(void **state)
{
    (void)state;
    static struct config_pair pairs[NAMES_MAX];
    static char *names[NAMES_MAX];
    struct config_pairs channels = {.items = pairs};
    struct config_list regions = {.items = names};
    if (!crypto_init())
        return -1;
    cJSON *channel_list = read_list("channel_keys.json");
    cJSON *region_list = read_list("region_scopes.json");
    if (channel_list == NULL || region_list == NULL)
        return -1;
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, channel_list) if (channels.count < NAMES_MAX) pairs[channels.count++] =
        (struct config_pair){.name = name_in(row, "name"), .value = name_in(row, "key")};
    cJSON_ArrayForEach(row, region_list) if (regions.count < NAMES_MAX) names[regions.count++] =
        name_in(row, "name");
    keys = channel_keys_new(&channels, &(struct config_list){.items = NULL});
    scopes = region_scopes_new(&regions);
    cJSON_Delete(channel_list);
    cJSON_Delete(region_list);
    return keys != NULL && scopes != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    channel_keys_free(keys);
    region_scopes_free(scopes);
    return 0;
}

int main(int argc, char **argv)
{
    if (corpus_is_asked(argc, argv)) {
        const struct CMUnitTest recorded[] = {
            cmocka_unit_test(agrees_with_the_corpus),
            cmocka_unit_test(survives_every_flipped_bit_and_cut_of_the_corpus),
        };
        lists = CORPUS_DIR "/..";
        return corpus_is_there() ? cmocka_run_group_tests(recorded, set_up, tear_down)
                                 : CORPUS_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_fixtures),
        cmocka_unit_test(survives_every_flipped_bit_and_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
