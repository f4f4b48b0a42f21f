/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/topic.h"

#include <string.h>

#define KEY "A1B2C3D4E5F6A7B8C9D0E1F2A3B4C5D6E7F8A9B0C1D2E3F4A5B6C7D8E9F0a1b2"

static void assert_part(const char *text, size_t len, const char *expected, const char *topic)
{
    const bool is_same = expected == NULL ? text == NULL
                                          : text != NULL && len == strlen(expected) &&
                                                memcmp(text, expected, len) == 0;
    if (!is_same)
        fail_msg("%s: \"%.*s\" instead of \"%s\"", topic, (int)len, text != NULL ? text : "",
                 expected != NULL ? expected : "(none)");
}

static const struct {
    const char *topic;
    enum topic_kind kind;
    const char *region, *observer, *peer;
} shapes[] = {
    {"meshcore/SJC/5B98/packets", TOPIC_PACKETS, "SJC", "5B98", NULL},
    {"meshcore/sjc/obs1/status", TOPIC_STATUS, "sjc", "obs1", NULL},
    {"meshcore/SJC/5B98/raw", TOPIC_RAW, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98/neighbors", TOPIC_NEIGHBORS, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98/debug", TOPIC_IGNORED, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98/decoded", TOPIC_IGNORED, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98/internal", TOPIC_IGNORED, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98/serial/commands", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/SJC/5B98/serial/responses", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/SJC/5B98/news", TOPIC_OTHER, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98", TOPIC_OTHER, "SJC", "5B98", NULL},
    {"meshcore/SJC/packets", TOPIC_PACKETS, "SJC", NULL, NULL},
    {"meshcore/SJC/status", TOPIC_STATUS, "SJC", NULL, NULL},
    {"meshcore/packets", TOPIC_PACKETS, NULL, NULL, NULL},
    {"meshcore/status", TOPIC_STATUS, NULL, NULL, NULL},
    {"meshcore/raw", TOPIC_RAW, NULL, NULL, NULL},
    {"meshcore/debug", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/SJC", TOPIC_OTHER, "SJC", NULL, NULL},
    {"meshcore", TOPIC_OTHER, NULL, NULL, NULL},
    {"packets", TOPIC_OTHER, NULL, NULL, NULL},
    {"", TOPIC_OTHER, NULL, NULL, NULL},
    {"meshcore/europe/de/muc/raw", TOPIC_RAW, NULL, NULL, NULL},
    {"meshcore/europe/de/muc/" KEY "/packets", TOPIC_PACKETS, NULL, KEY, NULL},
    {"meshrank/uplink/0123/" KEY "/status", TOPIC_STATUS, NULL, KEY, NULL},
    {"meshrank/uplink/0123/" KEY "0/status", TOPIC_STATUS, NULL, NULL, NULL},
    {"meshrank/" KEY "/up/link/status", TOPIC_STATUS, NULL, NULL, NULL},
    {"a/b/c/" KEY "/debug", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/" KEY "/packets", TOPIC_PACKETS, NULL, KEY, NULL},
    {"meshcore/" KEY "/news", TOPIC_OTHER, NULL, KEY, NULL},
    {"meshcore/" KEY, TOPIC_OTHER, NULL, KEY, NULL},
    {"meshcore/SJC/" KEY "/packets", TOPIC_PACKETS, "SJC", KEY, NULL},
    {"meshcore/repeater/My Roof/packets", TOPIC_PACKETS, NULL, "My Roof", NULL},
    {"meshcore/repeater/My Roof/packet", TOPIC_PACKETS, NULL, "My Roof", NULL},
    {"meshcore/repeater/My Roof/status", TOPIC_STATUS, NULL, "My Roof", NULL},
    {"meshcore/repeater/My Roof/neighbors", TOPIC_NEIGHBORS, NULL, "My Roof", NULL},
    {"meshcore/repeater/My/Roof/packets", TOPIC_PACKETS, NULL, NULL, NULL},
    {"meshcore/repeater/My Roof", TOPIC_OTHER, NULL, "My Roof", NULL},
    {"meshcore/repeater/status", TOPIC_STATUS, NULL, NULL, NULL},
    {"meshcore/repeater", TOPIC_OTHER, NULL, NULL, NULL},
    {"meshcore/SJC/raw", TOPIC_RAW, "SJC", NULL, NULL},
    {"meshcore/europe/de/muc/5B98/packets", TOPIC_PACKETS, NULL, NULL, NULL},
    {"meshcore/binary/gw1", TOPIC_BINARY, NULL, "gw1", NULL},
    {"meshcore/binary/", TOPIC_BINARY, NULL, NULL, NULL},
    {"meshcore/binary", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/binary/gw1/packets", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/message/channel/2", TOPIC_CHANNEL, NULL, NULL, "2"},
    {"meshcore/message/channel/", TOPIC_CHANNEL, NULL, NULL, NULL},
    {"meshcore/message/channel", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/message/direct/abc", TOPIC_DIRECT, NULL, NULL, "abc"},
    {"meshcore/message/direct/room/abc", TOPIC_DIRECT, NULL, NULL, "abc"},
    {"meshcore/message/direct", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/message/group/1", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/message", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/events/connection", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/client/a1b2/packets", TOPIC_CLIENT, NULL, "a1b2", NULL},
    {"meshcore/client//packets", TOPIC_CLIENT, NULL, NULL, NULL},
    {"meshcore/client/a1b2/rf", TOPIC_CLIENT_RF, NULL, "a1b2", NULL},
    {"meshcore/client/a1b2/regions", TOPIC_CLIENT_REGIONS, NULL, "a1b2", NULL},
    {"meshcore/client/a1b2/packet", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/client/a1b2/status", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/client/a1b2", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/client/a1b2/packets/x", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/5B98/event/advert", TOPIC_IGNORED, NULL, NULL, NULL},
    {"meshcore/5B98/command/reboot/now", TOPIC_IGNORED, NULL, NULL, NULL},
    {"other/SJC/5B98/packets", TOPIC_PACKETS, "SJC", "5B98", NULL},
    {"meshcore//5B98/packets", TOPIC_PACKETS, NULL, "5B98", NULL},
    {"meshcore/SJC//packets", TOPIC_PACKETS, "SJC", NULL, NULL},
    {"meshcore/SJC/5B98/", TOPIC_OTHER, "SJC", "5B98", NULL},
    {"meshcore/SJC/5B98/Packets", TOPIC_OTHER, "SJC", "5B98", NULL},
    {"////", TOPIC_OTHER, NULL, NULL, NULL},
};

static void reads_every_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct topic topic;
        topic_parse(shapes[i].topic, strlen(shapes[i].topic), &topic);
        if (topic.kind != shapes[i].kind)
            fail_msg("%s: kind %d instead of %d", shapes[i].topic, (int)topic.kind,
                     (int)shapes[i].kind);
        assert_part(topic.region, topic.region_len, shapes[i].region, shapes[i].topic);
        assert_part(topic.observer, topic.observer_len, shapes[i].observer, shapes[i].topic);
        assert_part(topic.peer, topic.peer_len, shapes[i].peer, shapes[i].topic);
    }
}

static void needs_no_nul(void **state)
{
    (void)state;
    struct topic topic;
    topic_parse("meshcore/SJC/5B98/packetsXX", strlen("meshcore/SJC/5B98/packets"), &topic);
    assert_int_equal(topic.kind, TOPIC_PACKETS);
}

static void tells_nicknames_and_strangers(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        bool is_meshcore, is_nickname;
    } cases[] = {
        {"meshcore/SJC/5B98/packets", true, false},
        {"meshcore/repeater/My Roof/packets", true, true},
        {"meshrank/repeater/My Roof/packets", false, true},
        {"zigbee2mqtt/kitchen/lamp/status", false, false},
        {"meshcore2/status", false, false},
        {"Meshcore/status", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topic topic;
        topic_parse(cases[i].topic, strlen(cases[i].topic), &topic);
        if (topic.is_meshcore != cases[i].is_meshcore || topic.is_nickname != cases[i].is_nickname)
            fail_msg("%s", cases[i].topic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_shape),
        cmocka_unit_test(needs_no_nul),
        cmocka_unit_test(tells_nicknames_and_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
