/* SPDX-License-Identifier: MIT
 *
 * The kinds of message the corpus has few or none of, rule by rule: frames without an envelope
 * (protocol.md 6, 7.2), texts of companion bridges (7.5), client receptions (7.6). */
#include "tests/support/envelope_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEX        "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976" /* 22 bytes, TXT_MSG */
#define HEX_BYTES  22
#define RAW        "\"raw\":\"" HEX "\""
#define RAW_TOPIC  "meshcore/SJC/obs1/raw"
#define PACKETS    "meshcore/SJC/obs1/packets"
#define KEY_64     "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2"
#define CLIENT     "meshcore/client/" KEY_64 "/packets"
#define RF         "meshcore/client/" KEY_64 "/rf"
#define CHANNEL    "meshcore/message/channel/2"
#define DIRECT     "meshcore/message/direct/abc123"
#define GPS        "\"gps\":{\"lat\":51.05,\"lon\":3.72,\"acc_m\":8.0}"
#define NOT_STORED OUTCOME_FILTERED_TOPIC

/* --- frames ----------------------------------------------------------------------------------- */

static void check_bare_frame(const struct envelope *e)
{
    assert_int_equal(e->kind, ENVELOPE_PACKET);
    assert_int_equal(e->packet.raw_len, HEX_BYTES);
    assert_int_equal(e->packet.raw[0], 0x0a);
    assert_int_equal(e->packet.raw[HEX_BYTES - 1], 0x76);
    assert_int_equal(e->packet.direction, DIRECTION_RX);
    assert_true(isnan(e->packet.snr) && isnan(e->packet.rssi) && isnan(e->packet.score));
}

/* protocol.md 7.2: the same frame as in `raw`, without metrics. */
static void takes_the_frame_of_a_raw_message(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse(RAW_TOPIC,
                           "{\"origin\":\"Hill\",\"origin_id\":\"x\",\"type\":\"RAW\","
                           "\"timestamp\":\"2026-03-29T15:27:30Z\",\"SNR\":5,\"data\":\"" HEX "\"}",
                           &e),
                     OUTCOME_NONE);
    check_bare_frame(&e);
    assert_string_equal(e.region, "SJC");
    assert_string_equal(e.observer, "obs1");
    assert_string_equal(e.origin, "Hill");
    assert_true(e.has_time);
    static const char *const topics[] = {"meshcore/raw", "meshcore/eu/de/muc/raw", PACKETS,
                                         "a/b/c/d"};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        assert_int_equal(
            parse(topics[i], "{\"type\":\"raw\",\"origin_id\":\"o\",\"data\":\"" HEX "\"}", &e),
            OUTCOME_NONE);
        check_bare_frame(&e);
    }
}

/* protocol.md 6: any topic with a field `raw` is a packet, so on `raw` topics too. */
static void takes_a_packet_on_a_raw_topic(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(
        parse(RAW_TOPIC, "{" RAW ",\"data\":\"00\",\"SNR\":5,\"direction\":\"tx\"}", &e),
        OUTCOME_NONE);
    assert_int_equal(e.packet.raw_len, HEX_BYTES);
    assert_int_equal(e.packet.direction, DIRECTION_TX);
    assert_int_equal(parse(RAW_TOPIC, "{" RAW ",\"data\":\"00\",\"SNR\":5}", &e), OUTCOME_NONE);
    assert_true(e.packet.snr == 5);
}

static void names_the_outcome_of_raw_messages(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {RAW_TOPIC, "{}", OUTCOME_FILTERED_KEEPALIVE},
        {RAW_TOPIC, "{\"data\":\"\"}", OUTCOME_FILTERED_KEEPALIVE},
        {RAW_TOPIC, "{\"data\":null}", OUTCOME_FILTERED_KEEPALIVE},
        {RAW_TOPIC, "{\"data\":true}", OUTCOME_FILTERED_KEEPALIVE},
        {RAW_TOPIC, "{\"data\":{}}", OUTCOME_REJECTED_HEX},
        {RAW_TOPIC, "{\"data\":\"0A0\"}", OUTCOME_REJECTED_HEX},
        {RAW_TOPIC, "{\"data\":\"0x0A00\"}", OUTCOME_REJECTED_HEX},
        {RAW_TOPIC, HEX, OUTCOME_REJECTED_JSON},
        {RAW_TOPIC, "[\"" HEX "\"]", OUTCOME_REJECTED_JSON},
        {RAW_TOPIC, "", OUTCOME_FILTERED_EMPTY},
        {"meshcore/raw", "{\"data\":\"" HEX "\"}", OUTCOME_REJECTED_ENVELOPE},
        {PACKETS, "{\"type\":\"RAW\"}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{\"type\":\"companion\",\"data\":\"" HEX "\"}", OUTCOME_FILTERED_NO_FRAME},
        {"meshcore/SJC/obs1/news", "{\"type\":\"x\",\"data\":\"" HEX "\"}", NOT_STORED},
        {"meshcore/SJC/obs1/debug", "{\"type\":\"RAW\",\"data\":\"" HEX "\"}", NOT_STORED},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

/* protocol.md 6: `binary/{gateway}` = raw frame bytes. */
static void takes_the_bytes_of_a_binary_topic(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x0a, 0x00, 0xd6, 0x9f, 0xd7, 0xa5, 0xa7, 0x47,
                                    0x5d, 0xb0, 0x73, 0x37, 0x74, 0x9a, 0xe6, 0x1f,
                                    0xa5, 0x3a, 0x47, 0x88, 0xe9, 0x76};
    struct envelope e;
    assert_int_equal(parse_bytes("meshcore/binary/gw1", frame, sizeof frame, &e), OUTCOME_NONE);
    check_bare_frame(&e);
    assert_string_equal(e.observer, "gw1");
    assert_string_equal(e.region, "");
    assert_string_equal(e.origin, "");
    assert_false(e.has_time);
    uint8_t long_frame[MESHCORE_FRAME_MAX + 1] = {0};
    assert_int_equal(parse_bytes("meshcore/binary/gw1", long_frame, MESHCORE_FRAME_MAX, &e),
                     OUTCOME_NONE);
    assert_int_equal(e.packet.raw_len, MESHCORE_FRAME_MAX);
    assert_int_equal(parse_bytes("meshcore/binary/gw1", long_frame, sizeof long_frame, &e),
                     OUTCOME_REJECTED_FRAME);
    static const struct outcome_case cases[] = {
        {"meshcore/binary/gw1", "", OUTCOME_FILTERED_EMPTY},
        {"meshcore/binary/", "x", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/binary", "x", NOT_STORED},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

/* --- companion texts -------------------------------------------------------------------------- */

static void reads_a_channel_text(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse(CHANNEL,
                           "{\"text\":\"Alice: Hi \\ud83d\\ude00\",\"channel_idx\":3,\"SNR\":5.0,"
                           "\"RSSI\":\"-95 dBm\",\"score\":10,\"sender_timestamp\":1700000000,"
                           "\"timestamp\":\"2026-03-29T15:27:30Z\"}",
                           &e),
                     OUTCOME_NONE);
    assert_int_equal(e.kind, ENVELOPE_MESSAGE);
    assert_false(e.message.is_direct);
    assert_int_equal(e.message.channel_idx, 3);
    assert_string_equal(e.message.text, "Alice: Hi \xf0\x9f\x98\x80");
    assert_string_equal(e.message.peer, "");
    assert_true(e.message.has_sender_time);
    assert_int_equal(e.message.sender_time, 1700000000);
    assert_true(e.message.snr == 5 && e.message.rssi == -95 && e.message.score == 10);
    assert_int_equal(e.message.direction, DIRECTION_RX);
    assert_string_equal(e.observer, "companion");
    assert_string_equal(e.region, "");
    assert_true(e.has_time);
}

static void reads_a_direct_text(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse(DIRECT,
                           "{\"text\":\"Hey\",\"channel_idx\":7,\"snr\":0,\"Score\":8,"
                           "\"Direction\":\"tx\",\"origin_id\":\"BRIDGE\",\"origin\":\"Home\","
                           "\"region\":\"sjc\"}",
                           &e),
                     OUTCOME_NONE);
    assert_int_equal(e.kind, ENVELOPE_MESSAGE);
    assert_true(e.message.is_direct);
    assert_string_equal(e.message.peer, "abc123");
    assert_false(e.message.has_sender_time);
    assert_true(e.message.snr == 0 && isnan(e.message.rssi) && e.message.score == 8);
    assert_int_equal(e.message.direction, DIRECTION_TX);
    assert_string_equal(e.observer, "BRIDGE");
    assert_string_equal(e.origin, "Home");
    assert_string_equal(e.region, "SJC");
}

/* protocol.md 7.5: channel_idx overrides the topic's number. */
static void finds_the_channel(void **state)
{
    (void)state;
    const struct {
        const char *topic, *member;
        int channel; /* -1 = refused */
    } cases[] = {
        {CHANNEL, "\"a\":1", 2},
        {CHANNEL, "\"channel_idx\":0", 0},
        {CHANNEL, "\"channel_idx\":\"255\"", 255},
        {CHANNEL, "\"channel_idx\":3.0", 3},
        {CHANNEL, "\"channel_idx\":null", 2},
        {CHANNEL, "\"channel_idx\":false", 2},
        {CHANNEL, "\"channel_idx\":256", -1},
        {CHANNEL, "\"channel_idx\":-1", -1},
        {CHANNEL, "\"channel_idx\":1.5", -1},
        {CHANNEL, "\"channel_idx\":\"\"", -1},
        {CHANNEL, "\"channel_idx\":[1]", -1},
        {"meshcore/message/channel/Public", "\"a\":1", -1},
        {"meshcore/message/channel/Public", "\"channel_idx\":4", 4},
        {"meshcore/message/channel/", "\"a\":1", -1},
        {"meshcore/message/channel/", "\"channel_idx\":4", 4},
        {"meshcore/message/channel/256", "\"a\":1", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[128];
        (void)snprintf(payload, sizeof payload, "{\"text\":\"hi\",%s}", cases[i].member);
        const enum outcome outcome = parse(cases[i].topic, payload, &e);
        const int channel = outcome == OUTCOME_NONE ? e.message.channel_idx : -1;
        if (channel != cases[i].channel)
            fail_msg("%s %s: %d", cases[i].topic, payload, channel);
        if (channel < 0)
            assert_int_equal(outcome, OUTCOME_REJECTED_ENVELOPE);
    }
}

/* protocol.md 12.12: 0 is a value; a u32 has no negative half (12.26). */
static void reads_the_senders_time(void **state)
{
    (void)state;
    const struct {
        const char *value;
        bool is_there;
        uint32_t time;
    } cases[] = {
        {"0", true, 0},
        {"4294967295", true, UINT32_MAX},
        {"\"1700000000\"", true, 1700000000},
        {"4294967296", false, 0},
        {"-1", false, 0},
        {"1e400", false, 0},
        {"null", false, 0},
        {"\"2026-03-29\"", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[128];
        (void)snprintf(payload, sizeof payload, "{\"text\":\"hi\",\"sender_timestamp\":%s}",
                       cases[i].value);
        assert_int_equal(parse(CHANNEL, payload, &e), OUTCOME_NONE);
        if (e.message.has_sender_time != cases[i].is_there ||
            e.message.sender_time != cases[i].time)
            fail_msg("%s: %u", cases[i].value, e.message.sender_time);
    }
}

static void names_the_outcome_of_texts(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {CHANNEL, "{\"text\":\"\"}", OUTCOME_FILTERED_EMPTY},
        {CHANNEL, "{\"text\":null}", OUTCOME_FILTERED_EMPTY},
        {CHANNEL, "{}", OUTCOME_FILTERED_EMPTY},
        {CHANNEL, "", OUTCOME_FILTERED_EMPTY},
        {CHANNEL, "{\"Text\":\"hi\"}", OUTCOME_FILTERED_EMPTY},
        {CHANNEL, "{\"text\":\" \"}", OUTCOME_NONE},
        {CHANNEL, "{\"text\":5}", OUTCOME_REJECTED_ENVELOPE},
        {CHANNEL, "hi", OUTCOME_REJECTED_JSON},
        {CHANNEL, "[]", OUTCOME_REJECTED_JSON},
        {DIRECT, "{\"text\":\"\"}", OUTCOME_FILTERED_EMPTY},
        {DIRECT, "{\"text\":\"hi\"}", OUTCOME_NONE},
        {"meshcore/message/direct/", "{\"text\":\"hi\"}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/message/direct", "{\"text\":\"hi\"}", NOT_STORED},
        {"meshcore/message/group/1", "{\"text\":\"hi\"}", NOT_STORED},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

static void cuts_a_long_text_at_a_character(void **state)
{
    (void)state;
    char payload[1024];
    int len = snprintf(payload, sizeof payload, "{\"text\":\"a");
    for (int i = 0; i < 300; i++)
        len += snprintf(payload + len, sizeof payload - (size_t)len, "\xc3\xa9");
    (void)snprintf(payload + len, sizeof payload - (size_t)len, "\"}");
    struct envelope e;
    assert_int_equal(parse(CHANNEL, payload, &e), OUTCOME_NONE);
    assert_int_equal(strlen(e.message.text), sizeof e.message.text - 1); /* 1 + 255 * 2 */
}

/* --- clients ---------------------------------------------------------------------------------- */

static void reads_a_client_reception(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse("meshcore/client/A1B2c3/packets",
                           "{" RAW ",\"direction\":\"rx\",\"SNR\":-7.0,\"RSSI\":-92.0,"
                           "\"origin\":\"MyMob\",\"origin_id\":\"FFFF\","
                           "\"timestamp\":\"2026-06-09T12:00:00Z\"," GPS "}",
                           &e),
                     OUTCOME_NONE);
    assert_int_equal(e.kind, ENVELOPE_CLIENT);
    assert_string_equal(e.client.client, "a1b2c3");
    assert_string_equal(e.observer, "a1b2c3"); /* the broker vouches for the topic alone */
    assert_string_equal(e.region, "");
    assert_string_equal(e.origin, "MyMob");
    assert_true(e.has_time && !e.time_is_naive);
    assert_int_equal(e.client.packet.raw_len, HEX_BYTES);
    assert_true(e.client.packet.snr == -7 && e.client.packet.rssi == -92);
    assert_true(isnan(e.client.packet.score));
    const double lat = 51.05, lon = 3.72; /* as doubles, also where x87 reckons with more bits */
    assert_true(e.client.lat == lat && e.client.lon == lon && e.client.accuracy_m == 8);
}

static void wants_a_position(void **state)
{
    (void)state;
    const struct {
        const char *gps;
        bool is_taken;
        double accuracy_m;
    } cases[] = {
        {"{\"lat\":51.05,\"lon\":3.72}", true, (double)NAN},
        {"{\"lat\":\"51.05\",\"lon\":\"-3.72\",\"acc_m\":\"8 m\"}", true, 8},
        {"{\"lat\":0,\"lon\":3.72,\"acc_m\":0}", true, 0},
        {"{\"lat\":-90,\"lon\":180,\"acc_m\":-1}", true, (double)NAN},
        {"{\"lat\":90,\"lon\":-180,\"acc_m\":\"?\"}", true, (double)NAN},
        {"{\"lat\":0,\"lon\":0}", false, 0}, /* protocol.md 12.11: no fix */
        {"{\"lat\":90.1,\"lon\":3.72}", false, 0},
        {"{\"lat\":51.05,\"lon\":180.1}", false, 0},
        {"{\"lat\":51.05,\"lon\":-1e400}", false, 0},
        {"{\"lat\":51.05}", false, 0},
        {"{\"lon\":3.72}", false, 0},
        {"{\"lat\":null,\"lon\":3.72}", false, 0},
        {"{\"lat\":\"NaN\",\"lon\":3.72}", false, 0},
        {"[51.05,3.72]", false, 0},
        {"null", false, 0},
        {"{}", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{" RAW ",\"gps\":%s}", cases[i].gps);
        const enum outcome outcome = parse(CLIENT, payload, &e);
        if (outcome != (cases[i].is_taken ? OUTCOME_NONE : OUTCOME_REJECTED_ENVELOPE))
            fail_msg("%s: %d", cases[i].gps, (int)outcome);
        const bool is_same = !cases[i].is_taken || e.client.accuracy_m == cases[i].accuracy_m ||
                             (isnan(cases[i].accuracy_m) && isnan(e.client.accuracy_m));
        if (!is_same)
            fail_msg("%s: %g", cases[i].gps, e.client.accuracy_m);
    }
}

static void names_the_outcome_of_client_messages(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {CLIENT, "{" RAW "}", OUTCOME_REJECTED_ENVELOPE},
        {CLIENT, "{" GPS "}", OUTCOME_FILTERED_KEEPALIVE},
        {CLIENT, "{\"raw\":\"\"," GPS "}", OUTCOME_FILTERED_KEEPALIVE},
        {CLIENT, "{\"raw\":\"0g\"," GPS "}", OUTCOME_REJECTED_HEX},
        {CLIENT, "{\"type\":\"RAW\",\"data\":\"" HEX "\"," GPS "}", OUTCOME_FILTERED_NO_FRAME},
        {CLIENT, "{" RAW ",\"direction\":\"tx\",\"len\":3," GPS "}", OUTCOME_FILTERED_TX},
        {CLIENT, "{" RAW ",\"direction\":\"tx\"," GPS "}", OUTCOME_NONE},
        {CLIENT, "", OUTCOME_FILTERED_EMPTY},
        {CLIENT, "not json", OUTCOME_REJECTED_JSON},
        {"meshcore/client/a/packets", "{" RAW "," GPS "}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client/a1/packets", "{" RAW "," GPS "}", OUTCOME_NONE},
        {"meshcore/client/a1b/packets", "{" RAW "," GPS "}", OUTCOME_NONE},
        {"meshcore/client/a1g/packets", "{" RAW "," GPS "}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client/" KEY_64 "0/packets", "{" RAW "," GPS "}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client//packets", "{" RAW "," GPS "}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client/a1b2/status", "{\"status\":\"online\"}", NOT_STORED},
        {"meshcore/client/a1b2", "{" RAW "," GPS "}", NOT_STORED},
        {RF, "{" RAW "," GPS "}", OUTCOME_NONE},
        {RF, "{" RAW "}", OUTCOME_REJECTED_ENVELOPE},
        {RF, "{\"raw\":\"0g\"," GPS "}", OUTCOME_REJECTED_HEX},
        {RF, "{\"noise_floor\":-110,\"recv\":7," GPS "}", NOT_STORED},
        {RF, "{\"raw\":null,\"event_type\":\"x\"}", NOT_STORED},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

/* protocol.md 7.6: direction must be rx, so silence is no evidence; 6: `rf` is every frame. */
static void says_how_it_came_to_a_phone(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *direction;
        bool says_rx, is_rf;
    } cases[] = {
        {CLIENT, "\"direction\":\"rx\"", true, false},
        {CLIENT, "\"Direction\":\"RX\"", true, false},
        {CLIENT, "\"direction\":\"tx\"", false, false},
        {CLIENT, "\"direction\":null", false, false},
        {CLIENT, "\"direction\":\"\"", false, false},
        {RF, "\"direction\":\"rx\"", true, true},
        {RF, "\"a\":1", false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{" RAW "," GPS ",%s}", cases[i].direction);
        assert_int_equal(parse(cases[i].topic, payload, &e), OUTCOME_NONE);
        assert_int_equal(e.kind, ENVELOPE_CLIENT);
        if (e.client.says_rx != cases[i].says_rx || e.client.is_rf != cases[i].is_rf)
            fail_msg("%s %s", cases[i].topic, cases[i].direction);
    }
}

/* --- statuses --------------------------------------------------------------------------------- */

/* protocol.md 7.3: a last will is a status; 6: the flat layout has no observer in the topic. */
static void reads_a_last_will(void **state)
{
    (void)state;
    static const char will[] =
        "{\"status\":\"offline\",\"timestamp\":\"2024-01-01T12:00:00.000000\","
        "\"origin\":\"Hill\",\"origin_id\":\"AB\",\"stats\":null}";
    static const char *const topics[] = {"meshcore/SJC/AB/status", "meshcore/SJC/status",
                                         "meshcore/status"};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct envelope e;
        assert_int_equal(parse(topics[i], will, &e), OUTCOME_NONE);
        assert_int_equal(e.kind, ENVELOPE_STATUS);
        assert_string_equal(e.observer, "AB");
        assert_string_equal(e.status.status, "offline");
        assert_true(e.has_time && e.time_is_naive);
        assert_false(e.status.has_metrics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_frame_of_a_raw_message),
        cmocka_unit_test(takes_a_packet_on_a_raw_topic),
        cmocka_unit_test(names_the_outcome_of_raw_messages),
        cmocka_unit_test(takes_the_bytes_of_a_binary_topic),
        cmocka_unit_test(reads_a_channel_text),
        cmocka_unit_test(reads_a_direct_text),
        cmocka_unit_test(finds_the_channel),
        cmocka_unit_test(reads_the_senders_time),
        cmocka_unit_test(names_the_outcome_of_texts),
        cmocka_unit_test(cuts_a_long_text_at_a_character),
        cmocka_unit_test(reads_a_client_reception),
        cmocka_unit_test(wants_a_position),
        cmocka_unit_test(names_the_outcome_of_client_messages),
        cmocka_unit_test(says_how_it_came_to_a_phone),
        cmocka_unit_test(reads_a_last_will),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
