/* SPDX-License-Identifier: MIT
 *
 * Frames from the fixtures (and the whole corpus where it is there) against their recorded decodes,
 * and the limits of protocol.md 1.1 to 1.3 with frames made here. */
#include "tests/support/cmocka_all.h"
#include "tests/support/corpus.h"
#include "tests/support/jsonl.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/meshcore.h"

#include <stdio.h>
#include <string.h>

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_member(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(member(object, key));
    assert_non_null(text);
    return text;
}

/* Integers only: cmocka compares unsigned ones, and a negative double has no way there
 * of its own. */
static int64_t number_member(const cJSON *object, const char *key)
{
    assert_true(cJSON_IsNumber(member(object, key)));
    return (int64_t)member(object, key)->valuedouble;
}

static bool bool_member(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(member(object, key));
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *expected)
{
    char text[2 * MESHCORE_FRAME_MAX + 1];
    assert_true(len <= MESHCORE_FRAME_MAX);
    hex_encode_upper(bytes, len, text);
    assert_string_equal(text, expected);
}

static void check_path(const struct meshcore_frame *frame, const cJSON *expected)
{
    if (frame->type == MESHCORE_TRACE) {
        assert_int_equal(frame->hash_size, 1);
        assert_int_equal(frame->hop_count, cJSON_GetArraySize(member(expected, "pathSnrRaw")));
        return;
    }
    const cJSON *path = member(expected, "path");
    assert_int_equal(frame->hash_size, number_member(expected, "pathHashSize"));
    assert_int_equal(frame->hop_count, cJSON_GetArraySize(path));
    assert_int_equal(frame->path_bytes, frame->hop_count * frame->hash_size);
    const cJSON *hop = NULL;
    size_t at = 0;
    cJSON_ArrayForEach(hop, path)
    {
        assert_hex(frame->path + at, frame->hash_size, cJSON_GetStringValue(hop));
        at += frame->hash_size;
    }
}

static void check_advert_fields(const struct meshcore_advert *advert, const cJSON *expected)
{
    char role[16];
    assert_int_equal(advert->flags, number_member(expected, "flags"));
    assert_string_equal(meshcore_role_name(advert->role, role), text_member(expected, "role"));
    assert_int_equal(advert->has_position, bool_member(expected, "hasLocation"));
    assert_int_equal(advert->has_feat1, bool_member(expected, "hasFeat1"));
    assert_int_equal(advert->has_feat2, bool_member(expected, "hasFeat2"));
    assert_int_equal(advert->has_name, bool_member(expected, "hasName"));
    if (advert->has_position) {
        assert_int_equal(advert->lat_e6, number_member(expected, "latRaw"));
        assert_int_equal(advert->lon_e6, number_member(expected, "lonRaw"));
    }
    if (advert->has_name)
        assert_hex(advert->name, advert->name_len, text_member(expected, "nameHex"));
}

static void check_advert(const struct meshcore_frame *frame, const cJSON *expected)
{
    struct meshcore_advert advert;
    if (member(expected, "error") != NULL) {
        assert_false(meshcore_parse_advert(frame, &advert));
        return;
    }
    assert_true(meshcore_parse_advert(frame, &advert));
    assert_hex(advert.public_key, MESHCORE_KEY_BYTES, text_member(expected, "publicKey"));
    assert_hex(advert.signature, 64, text_member(expected, "signature"));
    assert_int_equal(advert.timestamp, number_member(expected, "timestamp"));
    assert_int_equal(advert.app_data_valid, bool_member(expected, "appDataValid"));
    assert_int_equal(meshcore_advert_verify(&advert), bool_member(expected, "signatureValid"));
    if (advert.app_data_valid && advert.has_flags)
        check_advert_fields(&advert, expected);
}

static void check_valid(const struct meshcore_frame *frame, const cJSON *expected)
{
    assert_int_equal(frame->route, number_member(expected, "routeType"));
    assert_int_equal(frame->type, number_member(expected, "payloadType"));
    assert_int_equal(frame->path_len_byte, number_member(expected, "pathLenByte"));
    assert_hex(frame->payload, frame->payload_len, text_member(expected, "payloadHex"));
    const cJSON *codes = member(expected, "transportCodes");
    assert_int_equal(frame->has_transport, cJSON_IsArray(codes));
    for (int i = 0; frame->has_transport && i < 2; i++)
        assert_int_equal(frame->transport[i], cJSON_GetArrayItem(codes, i)->valueint);
    check_path(frame, expected);
    uint8_t hash[MESHCORE_HASH_BYTES];
    char text[2 * MESHCORE_HASH_BYTES + 1];
    meshcore_content_hash(frame, hash);
    hex_encode_lower(hash, sizeof hash, text);
    assert_string_equal(text, text_member(expected, "hash"));
    if (frame->type == MESHCORE_ADVERT)
        check_advert(frame, member(expected, "payload"));
}

static const char *expected_error(const cJSON *packet, const uint8_t *bytes, size_t len)
{
    if (len >= 2 && bytes[0] >> 6 != 0)
        return "unsupported_version"; /* the firmware looks no further; the recorded decodes do */
    if (bool_member(packet, "valid"))
        return "ok";
    const char *error = text_member(packet, "error");
    return strcmp(error, "too_short_transport") == 0 ? "too_short" : error;
}

static void check_case(const struct jsonl_case *c)
{
    const cJSON *packet = member(c->expected, "packet");
    if (packet == NULL)
        return;
    const char *hex = text_member(member(c->message, "payload"), "raw");
    uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len;
    if (!hex_decode(hex, strlen(hex), bytes, sizeof bytes, &len)) {
        assert_string_equal(text_member(packet, "error"), "bad_hex");
        return;
    }
    struct meshcore_frame frame;
    const enum meshcore_frame_error error = meshcore_parse(bytes, len, &frame);
    if (strcmp(meshcore_frame_error_text(error), expected_error(packet, bytes, len)) != 0)
        fail_msg("%s: %s instead of %s", c->id, meshcore_frame_error_text(error),
                 expected_error(packet, bytes, len));
    if (error == MESHCORE_FRAME_OK)
        check_valid(&frame, packet);
}

static void decodes_the_fixtures(void **state)
{
    (void)state;
    assert_true(jsonl_check(FIXTURES_DIR, "mesh_messages", check_case) > 100);
    assert_int_equal(jsonl_check(FIXTURES_DIR, "mesh_decodes", check_case), 64);
}

static void decodes_the_corpus(void **state)
{
    (void)state;
    assert_int_equal(jsonl_check(CORPUS_DIR, "packets", check_case), 500);
    assert_int_equal(jsonl_check(CORPUS_DIR, "multi_observer", check_case), 1115);
    assert_int_equal(jsonl_check(CORPUS_DIR, "testvectors", check_case), 95);
}

/* --- frames made here ------------------------------------------------------------------------- */

/* header FLOOD/ACK, path_len, `path_bytes` + `payload_bytes` of zeros. */
static enum meshcore_frame_error parse_made(uint8_t path_len, size_t rest,
                                            struct meshcore_frame *out)
{
    static uint8_t bytes[400];
    bytes[0] = MESHCORE_ACK << 2 | MESHCORE_FLOOD;
    bytes[1] = path_len;
    return meshcore_parse(bytes, 2 + rest, out);
}

static void judges_path_lengths(void **state)
{
    (void)state;
    const struct {
        uint8_t path_len;
        size_t rest;
        enum meshcore_frame_error error;
        unsigned size, count;
    } cases[] = {
        {0x00, 0, MESHCORE_FRAME_OK, 1, 0},
        {0x40, 0, MESHCORE_FRAME_OK, 2, 0},
        {0x80, 4, MESHCORE_FRAME_OK, 3, 0},
        {0xc0, 4, MESHCORE_FRAME_HASH_SIZE, 0, 0},
        {0xff, 250, MESHCORE_FRAME_HASH_SIZE, 0, 0},
        {0x3f, 63, MESHCORE_FRAME_OK, 1, 63},
        {0x60, 64, MESHCORE_FRAME_OK, 2, 32},
        {0x61, 66, MESHCORE_FRAME_PATH_TOO_LONG, 0, 0},
        {0x95, 63, MESHCORE_FRAME_OK, 3, 21},
        {0x96, 66, MESHCORE_FRAME_PATH_TOO_LONG, 0, 0},
        {0x05, 4, MESHCORE_FRAME_PATH_EXCEEDS, 0, 0},
        {0x05, 5, MESHCORE_FRAME_OK, 1, 5},
        {0x00, 184, MESHCORE_FRAME_OK, 1, 0},
        {0x00, 185, MESHCORE_FRAME_PAYLOAD_TOO_LONG, 0, 0},
        {0x3f, 63 + 184, MESHCORE_FRAME_OK, 1, 63},
        {0x00, 254, MESHCORE_FRAME_TOO_LONG, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct meshcore_frame frame;
        const enum meshcore_frame_error error =
            parse_made(cases[i].path_len, cases[i].rest, &frame);
        assert_int_equal(error, cases[i].error);
        if (error != MESHCORE_FRAME_OK)
            continue;
        assert_int_equal(frame.hash_size, cases[i].size);
        assert_int_equal(frame.hop_count, cases[i].count);
        assert_int_equal(frame.payload_len, cases[i].rest - (size_t)cases[i].size * cases[i].count);
    }
}

static void refuses_what_ends_before_its_path_length(void **state)
{
    (void)state;
    struct meshcore_frame frame;
    const uint8_t scoped[] = {MESHCORE_ACK << 2 | MESHCORE_TRANSPORT_DIRECT, 1, 0, 2, 0, 0};
    assert_int_equal(meshcore_parse(scoped, 0, &frame), MESHCORE_FRAME_TOO_SHORT);
    for (size_t len = 0; len < sizeof scoped; len++)
        assert_int_equal(meshcore_parse(scoped, len, &frame), MESHCORE_FRAME_TOO_SHORT);
    assert_int_equal(meshcore_parse(scoped, sizeof scoped, &frame), MESHCORE_FRAME_OK);
    assert_int_equal(frame.transport[0], 1);
    assert_int_equal(frame.transport[1], 2);
}

/* The 4-byte entries of a trace's route do not matter to the frame: its path holds one
 * SNR a hop. */
static void counts_snr_bytes_of_a_trace(void **state)
{
    (void)state;
    struct meshcore_frame frame;
    uint8_t bytes[32] = {MESHCORE_TRACE << 2 | MESHCORE_DIRECT, 3, 0x30, 0xf4, 0x11};
    assert_int_equal(meshcore_parse(bytes, sizeof bytes, &frame), MESHCORE_FRAME_OK);
    assert_int_equal(frame.hash_size, 1);
    assert_int_equal(frame.hop_count, 3);
    uint8_t first[MESHCORE_HASH_BYTES];
    uint8_t second[MESHCORE_HASH_BYTES];
    meshcore_content_hash(&frame, first);
    frame.path_len_byte = 4;
    meshcore_content_hash(&frame, second);
    assert_memory_not_equal(first, second, sizeof first);
}

static void hash_ignores_route_and_path(void **state)
{
    (void)state;
    const uint8_t flood[] = {MESHCORE_ACK << 2 | MESHCORE_FLOOD, 2, 0xaa, 0xbb, 1, 2, 3, 4};
    const uint8_t scoped[] = {MESHCORE_ACK << 2, 9, 9, 9, 9, 0x40, 1, 2, 3, 4};
    struct meshcore_frame a;
    struct meshcore_frame b;
    uint8_t hash_a[MESHCORE_HASH_BYTES];
    uint8_t hash_b[MESHCORE_HASH_BYTES];
    assert_int_equal(meshcore_parse(flood, sizeof flood, &a), MESHCORE_FRAME_OK);
    assert_int_equal(meshcore_parse(scoped, sizeof scoped, &b), MESHCORE_FRAME_OK);
    meshcore_content_hash(&a, hash_a);
    meshcore_content_hash(&b, hash_b);
    assert_memory_equal(hash_a, hash_b, sizeof hash_a);
}

/* --- adverts made here ------------------------------------------------------------------------ */

struct made_advert {
    uint8_t payload[MESHCORE_PAYLOAD_MAX];
    struct meshcore_frame frame;
    struct meshcore_advert advert;
};

static bool make_advert(struct made_advert *made, const uint8_t *app_data, size_t len)
{
    memset(made, 0, sizeof *made);
    if (len > 0)
        memcpy(made->payload + MESHCORE_ADVERT_MIN, app_data, len);
    made->frame = (struct meshcore_frame){.type = MESHCORE_ADVERT,
                                          .payload = made->payload,
                                          .payload_len = MESHCORE_ADVERT_MIN + len};
    return meshcore_parse_advert(&made->frame, &made->advert);
}

static void takes_nothing_of_app_data_that_is_too_short(void **state)
{
    (void)state;
    struct made_advert made;
    const uint8_t app_data[] = {0xf2, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 4, 0, 'n', 'a', 0, 'x'};
    for (size_t len = 1; len < 13; len++) {
        assert_true(make_advert(&made, app_data, len));
        assert_false(made.advert.app_data_valid);
        assert_false(made.advert.has_name);
        assert_false(made.advert.has_position);
    }
    assert_true(make_advert(&made, app_data, sizeof app_data));
    assert_true(made.advert.app_data_valid);
    assert_int_equal(made.advert.lat_e6, 1);
    assert_int_equal(made.advert.lon_e6, 2);
    assert_int_equal(made.advert.feat1, 3);
    assert_int_equal(made.advert.feat2, 4);
    assert_int_equal(made.advert.name_len, 2);
    assert_memory_equal(made.advert.name, "na", 2);
}

static void app_data_may_be_empty_and_is_cut_at_32(void **state)
{
    (void)state;
    struct made_advert made;
    assert_true(make_advert(&made, NULL, 0));
    assert_true(made.advert.app_data_valid);
    assert_false(made.advert.has_flags);
    uint8_t app_data[60];
    memset(app_data, 'n', sizeof app_data);
    app_data[0] = 0x81;
    assert_true(make_advert(&made, app_data, sizeof app_data));
    assert_int_equal(made.advert.app_data_len, 32);
    assert_int_equal(made.advert.name_len, 31);
    made.frame.payload_len = MESHCORE_ADVERT_MIN - 1;
    assert_false(meshcore_parse_advert(&made.frame, &made.advert));
}

static void knows_a_position_from_none(void **state)
{
    (void)state;
    const struct {
        int32_t lat, lon;
        bool is_position;
    } cases[] = {
        {0, 0, false},
        {0, 1, true},
        {-90000000, 180000000, true},
        {90000000, -180000000, true},
        {-90000001, 0, false},
        {0, 180000001, false},
        {90000001, 0, false},
        {0, -180000001, false},
        {37774900, -122419400, true},
        {INT32_MIN, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct meshcore_advert advert = {
            .has_position = true, .lat_e6 = cases[i].lat, .lon_e6 = cases[i].lon};
        double lat = 0;
        double lon = 0;
        assert_int_equal(meshcore_advert_position(&advert, &lat, &lon), cases[i].is_position);
        if (cases[i].is_position) {
            assert_true(lat == cases[i].lat / 1e6);
            assert_true(lon == cases[i].lon / 1e6);
        }
    }
    const struct meshcore_advert none = {.lat_e6 = 1, .lon_e6 = 1};
    double ignored;
    assert_false(meshcore_advert_position(&none, &ignored, &ignored));
}

static void names_are_never_null(void **state)
{
    (void)state;
    char role[16];
    assert_string_equal(meshcore_type_name(MESHCORE_ADVERT), "ADVERT");
    assert_string_equal(meshcore_type_name(13), "UNKNOWN");
    assert_string_equal(meshcore_type_name(99), "UNKNOWN");
    assert_string_equal(meshcore_route_name(MESHCORE_TRANSPORT_DIRECT), "TRANSPORT_DIRECT");
    assert_string_equal(meshcore_route_name(4), "UNKNOWN");
    assert_string_equal(meshcore_role_name(3, role), "room");
    assert_string_equal(meshcore_role_name(11, role), "type-11");
    assert_string_equal(meshcore_frame_error_text(MESHCORE_FRAME_VERSION), "unsupported_version");
}

static void a_path_names_hops_only_on_a_flood_and_never_in_a_trace(void **state)
{
    (void)state;
    assert_true(meshcore_has_hops(MESHCORE_FLOOD, MESHCORE_TXT_MSG));
    assert_true(meshcore_has_hops(MESHCORE_TRANSPORT_FLOOD, MESHCORE_ADVERT));
    assert_false(meshcore_has_hops(MESHCORE_DIRECT, MESHCORE_TXT_MSG));
    assert_false(meshcore_has_hops(MESHCORE_FLOOD, MESHCORE_TRACE));
    assert_true(meshcore_type_has_hops(MESHCORE_RAW_CUSTOM));
    assert_false(meshcore_type_has_hops(MESHCORE_TRACE));
}

static void a_share_contact_comes_direct_without_codes_and_hops(void **state)
{
    (void)state;
    assert_true(meshcore_is_share_contact(MESHCORE_TRANSPORT_DIRECT, false, 0));
    assert_false(meshcore_is_share_contact(MESHCORE_TRANSPORT_DIRECT, true, 0));
    assert_false(meshcore_is_share_contact(MESHCORE_TRANSPORT_DIRECT, false, 1));
    assert_false(meshcore_is_share_contact(MESHCORE_DIRECT, false, 0));
    struct meshcore_frame frame = {.route = MESHCORE_TRANSPORT_DIRECT, .has_transport = true};
    assert_true(meshcore_frame_is_share_contact(&frame));
    frame.transport[1] = 7; /* one code is enough */
    assert_true(meshcore_is_scoped(&frame));
    assert_false(meshcore_frame_is_share_contact(&frame));
    frame.has_transport = false;
    assert_false(meshcore_is_scoped(&frame));
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(int argc, char **argv)
{
    if (corpus_is_asked(argc, argv)) {
        const struct CMUnitTest recorded[] = {
            cmocka_unit_test(decodes_the_corpus),
        };
        return corpus_is_there() ? cmocka_run_group_tests(recorded, set_up, NULL) : CORPUS_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_fixtures),
        cmocka_unit_test(judges_path_lengths),
        cmocka_unit_test(refuses_what_ends_before_its_path_length),
        cmocka_unit_test(counts_snr_bytes_of_a_trace),
        cmocka_unit_test(hash_ignores_route_and_path),
        cmocka_unit_test(takes_nothing_of_app_data_that_is_too_short),
        cmocka_unit_test(app_data_may_be_empty_and_is_cut_at_32),
        cmocka_unit_test(knows_a_position_from_none),
        cmocka_unit_test(names_are_never_null),
        cmocka_unit_test(a_path_names_hops_only_on_a_flood_and_never_in_a_trace),
        cmocka_unit_test(a_share_contact_comes_direct_without_codes_and_hops),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
