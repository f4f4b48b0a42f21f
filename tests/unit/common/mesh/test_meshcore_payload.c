/* SPDX-License-Identifier: MIT
 *
 * A vector for each payload type and rule that the corpus lacks; each test names its rule
 * (protocol.md 4). */
#include "tests/support/cmocka_all.h"

#include "common/base/hex.h"
#include "common/mesh/meshcore_payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t frame_bytes[MESHCORE_FRAME_MAX];

static struct meshcore_payload parse(const char *hex)
{
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    size_t len;
    assert_true(hex_decode(hex, strlen(hex), frame_bytes, sizeof frame_bytes, &len));
    assert_int_equal(meshcore_parse(frame_bytes, len, &frame), MESHCORE_FRAME_OK);
    meshcore_payload_parse(&frame, &payload);
    assert_int_equal(payload.type, frame.type);
    return payload;
}

/* Header (direct, type), no path, `len` bytes of 0x11. */
static struct meshcore_payload parse_filled(unsigned type, size_t len)
{
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    uint8_t *bytes = malloc(2 + len);
    assert_non_null(bytes);
    bytes[0] = (uint8_t)(type << 2 | MESHCORE_DIRECT);
    bytes[1] = 0;
    memset(bytes + 2, 0x11, len);
    assert_int_equal(meshcore_parse(bytes, 2 + len, &frame), MESHCORE_FRAME_OK);
    meshcore_payload_parse(&frame, &payload);
    free(bytes); /* what is looked at below borrows nothing */
    return payload;
}

/* 4: each type has a least length; a shorter body is an error of the payload, never
 * of the frame. */
static void judges_the_least_length_of_each_type(void **state)
{
    (void)state;
    const struct {
        unsigned type;
        size_t least;
    } cases[] = {
        {MESHCORE_REQ, 4},
        {MESHCORE_RESPONSE, 4},
        {MESHCORE_TXT_MSG, 4},
        {MESHCORE_PATH, 4},
        {MESHCORE_ACK, 4},
        {MESHCORE_ADVERT, 100},
        {MESHCORE_GRP_TXT, 3},
        {MESHCORE_GRP_DATA, 3},
        {MESHCORE_ANON_REQ, 35},
        {MESHCORE_MULTIPART, 1},
        {MESHCORE_CONTROL, 1},
        {MESHCORE_TRACE, 9},
        {MESHCORE_RAW_CUSTOM, 1},
        {12, 1},
        {13, 1},
        {14, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t len = 0; len <= MESHCORE_PAYLOAD_MAX; len++) {
            const struct meshcore_payload payload = parse_filled(cases[i].type, len);
            if (len >= cases[i].least)
                assert_null(payload.error);
            else
                assert_string_equal(payload.error, "too_short");
        }
    }
}

/* 4.1, 4.4, 4.6: no cipher block or a part of one is parsed, flagged, and not to be decrypted. */
static void flags_ciphertext_that_is_no_blocks(void **state)
{
    (void)state;
    const struct {
        unsigned type;
        size_t head;
    } cases[] = {{MESHCORE_TXT_MSG, 4},
                 {MESHCORE_PATH, 4},
                 {MESHCORE_GRP_TXT, 3},
                 {MESHCORE_GRP_DATA, 3},
                 {MESHCORE_ANON_REQ, 35}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t n = 0; n <= 48; n++) {
            const struct meshcore_payload payload = parse_filled(cases[i].type, cases[i].head + n);
            const struct meshcore_sealed *sealed = cases[i].type == MESHCORE_ANON_REQ
                                                       ? &payload.anon_req.sealed
                                                   : cases[i].head == 3 ? &payload.group.sealed
                                                                        : &payload.direct.sealed;
            assert_int_equal(sealed->ciphertext_len, n);
            assert_int_equal(sealed->is_decryptable, n > 0 && n % 16 == 0);
            assert_int_equal(payload.warning == NULL, sealed->is_decryptable);
        }
    }
}

/* 4.1: dest, src, MAC, ciphertext; a PATH has the same outer form. */
static void reads_the_outer_form(void **state)
{
    (void)state;
    const char *const frames[] = {"0A00"
                                  "A1B2C3D4"
                                  "000102030405060708090A0B0C0D0E0F",
                                  "2200"
                                  "A1B2C3D4"
                                  "000102030405060708090A0B0C0D0E0F"};
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        const struct meshcore_payload payload = parse(frames[i]);
        assert_int_equal(payload.direct.dest_hash, 0xa1);
        assert_int_equal(payload.direct.src_hash, 0xb2);
        assert_memory_equal(payload.direct.sealed.mac, "\xc3\xd4", 2);
        assert_int_equal(payload.direct.sealed.ciphertext[15], 0x0f);
    }
}

/* 4.2: 4, 5 or 6 bytes; the rest is ignored; the CRC is little-endian; a zero attempt
 * is a value. */
static void reads_acks_of_each_length(void **state)
{
    (void)state;
    struct meshcore_payload payload = parse("0E00"
                                            "01020380");
    assert_int_equal(payload.ack.crc, 0x80030201);
    assert_int_equal(payload.ack.len, 4);
    assert_false(payload.ack.has_attempt || payload.ack.has_random);
    payload = parse("0E00"
                    "0000000000");
    assert_int_equal(payload.ack.crc, 0);
    assert_int_equal(payload.ack.len, 5);
    assert_true(payload.ack.has_attempt);
    assert_false(payload.ack.has_random);
    payload = parse("0E00"
                    "0102038003F1AABBCC");
    assert_int_equal(payload.ack.len, 6);
    assert_int_equal(payload.ack.attempt, 3);
    assert_int_equal(payload.ack.random, 0xf1);
}

/* 4.4, 4.5: channel hash 0 is legal. */
static void channel_hash_zero_is_a_value(void **state)
{
    (void)state;
    const struct meshcore_payload payload = parse("1A00"
                                                  "00BEEF"
                                                  "00000000000000000000000000000000");
    assert_null(payload.error);
    assert_int_equal(payload.group.channel_hash, 0);
    assert_memory_equal(payload.group.sealed.mac, "\xbe\xef", 2);
}

/* 4.6: dest, key, MAC, ciphertext. */
static void reads_an_anonymous_request(void **state)
{
    (void)state;
    const struct meshcore_payload payload =
        parse("1E00"
              "AA"
              "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFE"
              "C0DE"
              "0F0E0D0C0B0A09080706050403020100");
    assert_int_equal(payload.anon_req.dest_hash, 0xaa);
    assert_int_equal(payload.anon_req.sender_key[31], 0xfe);
    assert_memory_equal(payload.anon_req.sealed.mac, "\xc0\xde", 2);
    assert_int_equal(payload.anon_req.sealed.ciphertext[0], 0x0f);
}

/* 4.7: an ACK inside has the 4/5/6 rule; every other inner type is opaque, of any length. */
static void reads_multipart(void **state)
{
    (void)state;
    struct meshcore_payload payload = parse("2A00"
                                            "23"
                                            "DEADBEEF02");
    assert_int_equal(payload.multipart.remaining, 2);
    assert_int_equal(payload.multipart.inner_type, MESHCORE_ACK);
    assert_true(payload.multipart.is_ack);
    assert_int_equal(payload.multipart.ack.crc, 0xefbeadde);
    assert_int_equal(payload.multipart.ack.len, 5);
    assert_int_equal(payload.multipart.ack.attempt, 2);
    payload = parse("2A00"
                    "03"
                    "DEADBE");
    assert_string_equal(payload.error, "too_short");
    assert_int_equal(payload.multipart.inner_len, 3);
    payload = parse("2A00"
                    "F5");
    assert_null(payload.error);
    assert_false(payload.multipart.is_ack);
    assert_int_equal(payload.multipart.remaining, 15);
    assert_int_equal(payload.multipart.inner_len, 0);
}

/* 4.8: DISCOVER_REQ. */
static void reads_a_discover_request(void **state)
{
    (void)state;
    struct meshcore_payload payload = parse("2E00"
                                            "8104"
                                            "00000000");
    assert_int_equal(payload.control.kind, MESHCORE_CONTROL_DISCOVER_REQ);
    assert_true(payload.control.is_zero_hop);
    assert_true(payload.control.wants_prefix);
    assert_int_equal(payload.control.filter, 4);
    assert_int_equal(payload.control.tag, 0);
    assert_false(payload.control.has_since);
    assert_null(payload.warning);
    payload = parse("2E00"
                    "80FF"
                    "0403020178563412");
    assert_false(payload.control.wants_prefix);
    assert_int_equal(payload.control.tag, 0x01020304);
    assert_true(payload.control.has_since);
    assert_int_equal(payload.control.since, 0x12345678);
    assert_string_equal(parse("2E00"
                              "8104000000")
                            .error,
                        "too_short");
}

/* 4.8: DISCOVER_RESP of any length from 6 is handled; SNR is signed; the key has 8 or 32 bytes. */
static void reads_a_discover_response(void **state)
{
    (void)state;
    struct meshcore_payload payload = parse("2E00"
                                            "92F4"
                                            "04030201"
                                            "0011223344556677");
    assert_int_equal(payload.control.kind, MESHCORE_CONTROL_DISCOVER_RESP);
    assert_int_equal(payload.control.node_type, 2);
    assert_int_equal(payload.control.snr_q4, -12);
    assert_int_equal(payload.control.tag, 0x01020304);
    assert_int_equal(payload.control.public_key_len, 8);
    payload = parse("2E00"
                    "9300"
                    "00000000");
    assert_null(payload.error);
    assert_int_equal(payload.control.snr_q4, 0);
    assert_int_equal(payload.control.public_key_len, 0);
    assert_int_equal(parse_filled(MESHCORE_CONTROL, 60).control.kind, MESHCORE_CONTROL_OTHER);
    assert_string_equal(parse("2E00"
                              "92")
                            .error,
                        "too_short");
}

/* 4.8: bit 7 = zero-hop only: with hops, or flooded, nodes don't act on it. Other
 * sub-types are opaque. */
static void warns_of_a_control_that_came_too_far(void **state)
{
    (void)state;
    assert_non_null(parse("2E01AA"
                          "8104"
                          "00000000")
                        .warning);
    assert_non_null(parse("2D00"
                          "8104"
                          "00000000")
                        .warning);
    assert_non_null(parse("2E01AA"
                          "F0")
                        .warning);
    const struct meshcore_payload payload = parse("2E01AA"
                                                  "0F01");
    assert_null(payload.warning);
    assert_null(payload.error);
    assert_false(payload.control.is_zero_hop);
    assert_int_equal(payload.control.kind, MESHCORE_CONTROL_OTHER);
}

/* 4.9 */
static void leaves_raw_and_reserved_types_alone(void **state)
{
    (void)state;
    const char *const frames[] = {"3E00"
                                  "0102",
                                  "3200"
                                  "0102",
                                  "3600"
                                  "0102",
                                  "3A00"
                                  "0102"};
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        const struct meshcore_payload payload = parse(frames[i]);
        assert_int_equal(payload.opaque.len, 2);
        assert_memory_equal(payload.opaque.bytes, "\1\2", 2);
    }
}

/* 4.10: the entry size is 1 << (flags & 3), other flag bits are ignored, and so is what
 * fills no entry. */
static void reads_routes_of_each_entry_size(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 256; flags += 5) {
        for (size_t route = 0; route <= 20; route++) {
            uint8_t bytes[64] = {MESHCORE_TRACE << 2 | MESHCORE_DIRECT, 0};
            struct meshcore_frame frame;
            struct meshcore_payload payload;
            bytes[10] = (uint8_t)flags;
            assert_int_equal(meshcore_parse(bytes, 11 + route, &frame), MESHCORE_FRAME_OK);
            meshcore_payload_parse(&frame, &payload);
            assert_int_equal(payload.trace.entry_bytes, 1U << (flags & 3));
            assert_int_equal(payload.trace.route_count, route >> (flags & 3));
            assert_int_equal(payload.trace.route_bytes, route);
            assert_int_equal(payload.trace.is_finished, route == 0);
        }
    }
}

/* 4.10: the frame's path is SNR * 4; tag and auth are unsigned;
 * finished = path_len << (flags & 3) >= route. */
static void reads_the_progress_of_a_trace(void **state)
{
    (void)state;
    struct meshcore_payload payload = parse("2602"
                                            "30F4"
                                            "FFFFFFFF"
                                            "000000FF"
                                            "01"
                                            "AABBCCDD");
    assert_int_equal(payload.trace.tag, 0xffffffff);
    assert_int_equal(payload.trace.auth, 0xff000000);
    assert_int_equal(payload.snr_count, 2);
    assert_memory_equal(payload.snr_q4, "\x30\xf4", 2);
    assert_true(payload.trace.is_finished);
    payload = parse("2601"
                    "00"
                    "00000000"
                    "00000000"
                    "01"
                    "AABBCCDD");
    assert_int_equal(payload.snr_count, 1);
    assert_int_equal(payload.trace.tag, 0);
    assert_false(payload.trace.is_finished);
    assert_null(payload.warning);
}

/* 4.10: path_len >= 64: the frame's parser applies the size bits, the handler of
 * traces drops it. */
static void warns_of_a_trace_nobody_takes(void **state)
{
    (void)state;
    const struct meshcore_payload payload = parse("2641"
                                                  "30F4"
                                                  "01000000"
                                                  "00000000"
                                                  "00"
                                                  "AABB");
    assert_null(payload.error);
    assert_non_null(strstr(payload.warning, "path_len"));
    assert_int_equal(payload.snr_count, 2);
    assert_int_equal(payload.trace.tag, 1);
    /* 64 exactly: of size 2, none. */
    assert_non_null(strstr(parse("2640"
                                 "01000000"
                                 "00000000"
                                 "00")
                               .warning,
                           "path_len"));
    assert_non_null(strstr(parse("2500"
                                 "01000000"
                                 "00000000"
                                 "00"
                                 "AABB")
                               .warning,
                           "flood"));
}

/* --- adverts (4.3) ---------------------------------------------------------------------------- */

static struct meshcore_payload parse_advert(const void *app_data, size_t len)
{
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    memset(frame_bytes, 0, sizeof frame_bytes);
    frame_bytes[0] = MESHCORE_ADVERT << 2 | MESHCORE_FLOOD;
    memcpy(frame_bytes + 2 + MESHCORE_ADVERT_MIN, app_data, len);
    assert_int_equal(meshcore_parse(frame_bytes, 2 + MESHCORE_ADVERT_MIN + len, &frame),
                     MESHCORE_FRAME_OK);
    meshcore_payload_parse(&frame, &payload);
    assert_null(payload.error);
    return payload;
}

/* Battery and temperature of a sensor behind the name's NUL, each in its range. */
static void reads_telemetry_of_sensors(void **state)
{
    (void)state;
    const struct {
        uint8_t role;
        uint16_t battery;
        int16_t temperature;
        bool has_battery, has_temperature;
    } cases[] = {
        {4, 4011, 2150, true, true},     {4, 1, -5000, true, true},
        {4, 10000, 10000, true, true},   {4, 0, 0, false, true},
        {4, 10001, -5001, false, false}, {4, 256, 10001, true, false},
        {2, 4011, 2150, false, false},   {0, 4011, 2150, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const unsigned t = (uint16_t)cases[i].temperature;
        const uint8_t app_data[] = {(uint8_t)(0x80 | cases[i].role),
                                    'S',
                                    0,
                                    (uint8_t)(cases[i].battery & 0xff),
                                    (uint8_t)(cases[i].battery >> 8),
                                    (uint8_t)(t & 0xff),
                                    (uint8_t)(t >> 8)};
        const struct meshcore_payload payload = parse_advert(app_data, sizeof app_data);
        const struct meshcore_advert *advert = &payload.advert;
        assert_int_equal(advert->has_battery, cases[i].has_battery);
        assert_int_equal(advert->has_temperature, cases[i].has_temperature);
        assert_int_equal(advert->battery_mv, cases[i].has_battery ? cases[i].battery : 0);
        assert_int_equal(advert->temperature_c100,
                         cases[i].has_temperature ? cases[i].temperature : 0);
        /* One byte less is no telemetry at all. */
        assert_false(parse_advert(app_data, sizeof app_data - 1).advert.has_battery);
    }
    const uint8_t beyond_the_cut[36] = {0x84, 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n',
                                        'n',  'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n',
                                        'n',  'n', 'n', 'n', 'n', 0,   16,  16,  16,  16};
    assert_false(parse_advert(beyond_the_cut, sizeof beyond_the_cut).advert.has_battery);
    const uint8_t unnamed[] = {0x04, 0, 16, 16, 16, 16};
    assert_false(parse_advert(unnamed, sizeof unnamed).advert.has_battery);
}

static void warns_of_short_app_data(void **state)
{
    (void)state;
    assert_non_null(parse_advert("\x92\1\2", 3).warning);
    assert_null(parse_advert("", 0).warning);
}

static void control_names_are_never_null(void **state)
{
    (void)state;
    assert_string_equal(meshcore_control_name(MESHCORE_CONTROL_DISCOVER_REQ), "DISCOVER_REQ");
    assert_string_equal(meshcore_control_name((enum meshcore_control_kind)9), "OTHER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_the_least_length_of_each_type),
        cmocka_unit_test(flags_ciphertext_that_is_no_blocks),
        cmocka_unit_test(reads_the_outer_form),
        cmocka_unit_test(reads_acks_of_each_length),
        cmocka_unit_test(channel_hash_zero_is_a_value),
        cmocka_unit_test(reads_an_anonymous_request),
        cmocka_unit_test(reads_multipart),
        cmocka_unit_test(reads_a_discover_request),
        cmocka_unit_test(reads_a_discover_response),
        cmocka_unit_test(warns_of_a_control_that_came_too_far),
        cmocka_unit_test(leaves_raw_and_reserved_types_alone),
        cmocka_unit_test(reads_routes_of_each_entry_size),
        cmocka_unit_test(reads_the_progress_of_a_trace),
        cmocka_unit_test(warns_of_a_trace_nobody_takes),
        cmocka_unit_test(reads_telemetry_of_sensors),
        cmocka_unit_test(warns_of_short_app_data),
        cmocka_unit_test(control_names_are_never_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
