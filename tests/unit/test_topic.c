/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/topic.h"

#include <string.h>

static void assert_part(const char *text, size_t len, const char *expected, const char *topic)
{
    const bool is_same = expected == NULL ? text == NULL
                                          : text != NULL && len == strlen(expected) &&
                                                memcmp(text, expected, len) == 0;
    if (!is_same)
        fail_msg("%s: \"%.*s\" instead of \"%s\"", topic, (int)len, text != NULL ? text : "",
                 expected != NULL ? expected : "(none)");
}

static void reads_every_shape(void **state)
{
    (void)state;
    const struct {
        const char *topic;
        enum topic_kind kind;
        const char *region, *observer;
    } cases[] = {
        {"meshcore/SJC/5B98/packets", TOPIC_PACKETS, "SJC", "5B98"},
        {"meshcore/sjc/obs1/status", TOPIC_STATUS, "sjc", "obs1"},
        {"meshcore/SJC/5B98/raw", TOPIC_RAW, "SJC", "5B98"},
        {"meshcore/SJC/5B98/neighbors", TOPIC_NEIGHBORS, "SJC", "5B98"},
        {"meshcore/SJC/5B98/debug", TOPIC_IGNORED, "SJC", "5B98"},
        {"meshcore/SJC/5B98/decoded", TOPIC_IGNORED, "SJC", "5B98"},
        {"meshcore/SJC/5B98/internal", TOPIC_IGNORED, "SJC", "5B98"},
        {"meshcore/SJC/5B98/serial/commands", TOPIC_IGNORED, NULL, NULL},
        {"meshcore/SJC/5B98/serial/responses", TOPIC_IGNORED, NULL, NULL},
        {"meshcore/SJC/5B98/news", TOPIC_OTHER, "SJC", "5B98"},
        {"meshcore/SJC/5B98", TOPIC_OTHER, "SJC", "5B98"},
        {"meshcore/SJC/packets", TOPIC_PACKETS, "SJC", NULL},
        {"meshcore/SJC/status", TOPIC_STATUS, "SJC", NULL},
        {"meshcore/packets", TOPIC_PACKETS, NULL, NULL},
        {"meshcore/status", TOPIC_STATUS, NULL, NULL},
        {"meshcore/raw", TOPIC_RAW, NULL, NULL},
        {"meshcore/debug", TOPIC_IGNORED, NULL, NULL},
        {"meshcore/SJC", TOPIC_OTHER, "SJC", NULL},
        {"meshcore", TOPIC_OTHER, NULL, NULL},
        {"packets", TOPIC_OTHER, NULL, NULL},
        {"", TOPIC_OTHER, NULL, NULL},
        {"meshcore/europe/de/muc/raw", TOPIC_RAW, NULL, NULL},
        {"meshcore/SJC/raw", TOPIC_RAW, "SJC", NULL},
        {"meshcore/europe/de/muc/5B98/packets", TOPIC_PACKETS, NULL, NULL},
        {"meshcore/binary/gateway", TOPIC_IGNORED, NULL, NULL},
        {"meshcore/message/channel/2", TOPIC_COMPANION, NULL, NULL},
        {"meshcore/message/direct/abc", TOPIC_COMPANION, NULL, NULL},
        {"meshcore/events/connection", TOPIC_IGNORED, NULL, NULL},
        {"meshcore/client/a1b2/packets", TOPIC_CLIENT, NULL, NULL},
        {"meshcore/5B98/event/advert", TOPIC_IGNORED, NULL, NULL},
        {"meshcore/5B98/command/reboot/now", TOPIC_IGNORED, NULL, NULL},
        {"other/SJC/5B98/packets", TOPIC_PACKETS, "SJC", "5B98"},
        {"meshcore//5B98/packets", TOPIC_PACKETS, NULL, "5B98"},
        {"meshcore/SJC//packets", TOPIC_PACKETS, "SJC", NULL},
        {"meshcore/SJC/5B98/", TOPIC_OTHER, "SJC", "5B98"},
        {"meshcore/SJC/5B98/Packets", TOPIC_OTHER, "SJC", "5B98"},
        {"////", TOPIC_OTHER, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topic topic;
        topic_parse(cases[i].topic, strlen(cases[i].topic), &topic);
        if (topic.kind != cases[i].kind)
            fail_msg("%s: kind %d instead of %d", cases[i].topic, (int)topic.kind,
                     (int)cases[i].kind);
        assert_part(topic.region, topic.region_len, cases[i].region, cases[i].topic);
        assert_part(topic.observer, topic.observer_len, cases[i].observer, cases[i].topic);
    }
}

static void needs_no_nul(void **state)
{
    (void)state;
    struct topic topic;
    topic_parse("meshcore/SJC/5B98/packetsXX", strlen("meshcore/SJC/5B98/packets"), &topic);
    assert_int_equal(topic.kind, TOPIC_PACKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_shape),
        cmocka_unit_test(needs_no_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
