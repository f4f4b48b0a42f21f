/* SPDX-License-Identifier: MIT
 *
 * Who says it, where he is, and whether it is about a mesh at all: capture tools, home brokers and
 * Home Assistant on topics that look alike (protocol.md 6, 7). */
#include "tests/support/envelope_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEX        "0A00D69FD7A5A7475DB07337749AE61FA53A4788E976" /* 22 bytes, TXT_MSG */
#define RAW        "\"raw\":\"" HEX "\""
#define PACKETS    "meshcore/SJC/obs1/packets"
#define KEY_64     "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2"
#define CLIENT     "meshcore/client/" KEY_64 "/packets"
#define NOT_STORED OUTCOME_FILTERED_TOPIC

/* protocol.md 7.1: tx has no SNR and RSSI; what stands there is another frame's, or a default. */
static void nobody_hears_himself(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(
        parse(PACKETS, "{" RAW ",\"direction\":\"tx\",\"SNR\":12.5,\"RSSI\":-65,\"score\":9}", &e),
        OUTCOME_NONE);
    assert_true(isnan(e.packet.snr) && isnan(e.packet.rssi) && e.packet.score == 9);
}

#define HA                                                                                         \
    "{\"timestamp\":\"2026-11-28T22:00:00\",\"origin\":\"n\",\"origin_id\":\"" KEY_64              \
    "\",\"source\":\"meshcore-ha\",\"event_type\":\"RX_LOG_DATA\",\"payload\":"

/* Home Assistant's raw event mode, and whatever else is no keep-alive but holds no frame. */
static void tells_an_event_from_a_keepalive(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {PACKETS, HA "{\"payload\":\"" HEX "\",\"snr\":5}}", OUTCOME_FILTERED_NO_FRAME},
        {PACKETS, HA "null}", OUTCOME_FILTERED_NO_FRAME},
        {PACKETS, HA "\"" HEX "\"}", OUTCOME_FILTERED_NO_FRAME},
        {PACKETS, "{\"payload\":[]}", OUTCOME_FILTERED_NO_FRAME},
        {PACKETS, "{\"event_type\":null,\"payload\":false}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{\"event_type\":\"x\",\"len\":\"0\",\"raw\":\"\"}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{\"event_type\":\"x\"," RAW "}", OUTCOME_NONE},
        {PACKETS, "{\"type\":\"PACKET\",\"len\":\"0\",\"hash\":null}", OUTCOME_FILTERED_KEEPALIVE},
        {"meshcore/repeater/n/packet", HA "{}}", OUTCOME_FILTERED_NO_FRAME},
        {CLIENT, HA "{}}", OUTCOME_FILTERED_NO_FRAME},
        {"meshcore/SJC/obs1/events", HA "{}}", NOT_STORED},
        {"meshcore/SJC/obs1/news", HA "{}}", NOT_STORED},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

/* openhop_repeater: its own topic names it by a name that changes; a key is worth more. */
static void finds_the_key_behind_a_nickname(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *origin_id, *observer;
    } cases[] = {
        {"meshcore/repeater/My Roof/packets", KEY_64, KEY_64},
        {"meshcore/repeater/My Roof/packet", KEY_64, KEY_64},
        {"meshcore/repeater/My/Roof/packets", KEY_64, KEY_64},
        {"meshcore/repeater/My/Roof/packets", "A1B2", "A1B2"},
        {"meshcore/repeater/My Roof/packets", "A1B2", "My Roof"},
        {"meshcore/repeater/My Roof/packets", "", "My Roof"},
        {"meshcore/repeater/My Roof/packets", KEY_64 "0", "My Roof"},
        {"meshcore/SJC/My Roof/packets", KEY_64, "My Roof"},
        {"a/b/c/d/" KEY_64 "/packets", "", KEY_64},
        {"a/b/c/d/" KEY_64 "/packets", "other", KEY_64},
        {"a/b/c/d/e/packets", KEY_64, KEY_64},
        {"meshcore/" KEY_64 "/packets", "", KEY_64},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{" RAW ",\"origin_id\":\"%s\"}",
                       cases[i].origin_id);
        assert_int_equal(parse(cases[i].topic, payload, &e), OUTCOME_NONE);
        if (strcmp(e.observer, cases[i].observer) != 0)
            fail_msg("%s %s: %s", cases[i].topic, cases[i].origin_id, e.observer);
        assert_string_equal(e.region, strstr(cases[i].topic, "SJC") != NULL ? "SJC" : "");
    }
    static const struct outcome_case nobody[] = {
        {"meshcore/repeater/packets", "{" RAW "}", OUTCOME_REJECTED_ENVELOPE},
        {"a/b/c/d/e/packets", "{" RAW "}", OUTCOME_REJECTED_ENVELOPE},
    };
    check_outcomes(nobody, ARRAY_LEN(nobody));
}

/* A home broker has many topics that end in `status`; protocol.md 7.3 has what ours say. */
static void a_foreign_status_is_none(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {"zigbee2mqtt/kitchen/lamp/status", "{\"state\":\"ON\",\"battery\":97}", NOT_STORED},
        {"shellies/plug1/relay/status", "{\"power\":12.5,\"voltage\":230}", NOT_STORED},
        {"owntracks/user/phone/status", "{\"_type\":\"status\"}", NOT_STORED},
        {"owntracks/user/phone/status", "{\"model\":\"X\",\"errors\":0}", NOT_STORED},
        {"owntracks/user/phone/status", "{}", NOT_STORED},
        {"x/user/phone/status", "{\"status\":null,\"stats\":false,\"origin\":null}", NOT_STORED},
        {"x/status", "{\"a\":1}", NOT_STORED},
        {"x/SJC/obs1/status", "{\"status\":\"online\"}", OUTCOME_NONE},
        {"x/SJC/obs1/status", "{\"stats\":{}}", OUTCOME_NONE},
        {"x/SJC/obs1/status", "{\"origin\":\"Hill\"}", OUTCOME_NONE},
        {"x/SJC/obs1/status", "{\"repeater\":\"Hill\"}", OUTCOME_NONE},
        {"x/SJC/obs1/status", "{\"origin_id\":\"AB\"}", OUTCOME_NONE},
        {"meshcore/SJC/obs1/status", "{\"model\":\"L1\"}", OUTCOME_NONE},
        {"meshcore/SJC/obs1/status", "{\"type\":\"status\"}", OUTCOME_NONE},
        {"x/SJC/obs1/status", "{\"type\":\"status\"}", NOT_STORED},
        {"meshcore/SJC/obs1/status", "{\"repeat\":false}", OUTCOME_NONE},
        {"meshcore/SJC/obs1/status", "{\"battery_mv\":4000}", OUTCOME_NONE},
        {"meshcore/SJC/obs1/status", "{\"state\":\"ON\",\"battery\":97}", NOT_STORED},
        {"meshcore/SJC/obs1/status", "{}", NOT_STORED},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

/* protocol.md 6: "XXX" is what stands there until somebody says where it is. */
static void xxx_is_no_region(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse("meshcore/XXX/obs1/packets", "{" RAW "}", &e), OUTCOME_NONE);
    assert_string_equal(e.region, "");
    assert_int_equal(parse("meshcore/xxx/obs1/packets", "{" RAW ",\"region\":\"SJC\"}", &e),
                     OUTCOME_NONE);
    assert_string_equal(e.region, "SJC");
    assert_int_equal(parse("meshcore/SJC/obs1/packets", "{" RAW ",\"region\":\" XXX \"}", &e),
                     OUTCOME_NONE);
    assert_string_equal(e.region, "SJC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_key_behind_a_nickname),
        cmocka_unit_test(xxx_is_no_region),
        cmocka_unit_test(a_foreign_status_is_none),
        cmocka_unit_test(tells_an_event_from_a_keepalive),
        cmocka_unit_test(nobody_hears_himself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
