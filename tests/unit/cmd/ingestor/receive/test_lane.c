/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/lane.h"

#include <stdio.h>
#include <string.h>

/* Header bytes: type << 2 | route. Route 1 FLOOD. */
#define REQ     "01"
#define TXT_MSG "09"
#define ACK     "0D"
#define ADVERT  "11"
#define GRP_TXT "15"
#define TRACE   "25"
#define T_ACK   "0C" /* route 0: transport codes before the path */

#define PACKETS "meshcore/SFO/AB/packets"

static struct lane lane;

static int setup(void **state)
{
    (void)state;
    lane_open(&lane);
    return 0;
}

static struct lane_verdict judge(const char *topic, const char *payload)
{
    return lane_judge(&lane, &(struct ring_message){.topic = topic,
                                                    .payload = (const uint8_t *)payload,
                                                    .topic_len = (uint32_t)strlen(topic),
                                                    .payload_len = (uint32_t)strlen(payload)});
}

static struct lane_verdict judge_hex(const char *hex)
{
    char payload[1024];
    (void)snprintf(payload, sizeof payload, "{\"origin\": \"x\", \"raw\": \"%s\", \"SNR\": 1}",
                   hex);
    return judge(PACKETS, payload);
}

static bool sight(const char *hex)
{
    const struct lane_verdict verdict = judge_hex(hex);
    lane_remember(&lane, &verdict);
    return verdict.is_priority;
}

static void test_types_that_always_enter(void **state)
{
    (void)state;
    const char *const always[] = {ADVERT "00AABB", TXT_MSG "00AABB", GRP_TXT "00AABB",
                                  TRACE "00AABB"};
    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        assert_true(sight(always[i]));
        assert_true(sight(always[i]));
    }
}

static void test_first_sighting_enters_and_repetition_does_not(void **state)
{
    (void)state;
    assert_true(sight(ACK "00AABBCC"));
    assert_false(sight(ACK "00AABBCC"));
    assert_false(sight(ACK "0211"
                           "22"
                           "AABBCC")); /* two hops later */
    assert_false(sight(ACK "41"
                           "1122"
                           "AABBCC")); /* one hop of two bytes */
    assert_false(sight(T_ACK "01020304"
                             "01"
                             "77"
                             "AABBCC")); /* with transport codes */
    assert_true(sight(ACK "00AABBCD"));  /* another packet */
}

static void test_refused_sighting_is_not_remembered(void **state)
{
    (void)state;
    assert_true(judge_hex(REQ "00AABB").is_priority);
    assert_true(judge_hex(REQ "00AABB").is_priority);
    assert_true(sight(REQ "00AABB"));
    assert_false(judge_hex(REQ "00AABB").is_priority);
    lane_open(&lane);
    assert_true(judge_hex(REQ "00AABB").is_priority);
}

static void test_status_topics_enter(void **state)
{
    (void)state;
    assert_true(judge("meshcore/SFO/AB/status", "{\"status\":\"online\"}").is_priority);
    assert_true(judge("meshcore/status", "").is_priority);
    assert_false(judge(PACKETS, "{\"status\":\"online\"}").is_priority);
    assert_false(judge("meshcore/SFO/AB/debug", "DEBUG").is_priority);
    assert_false(judge("", "").is_priority);
}

static void test_doubtful_payloads_err_to_priority(void **state)
{
    (void)state;
    assert_true(sight(ACK "00AABBCC"));
    /* "raw" as a value is no key; the later key counts */
    assert_true(judge(PACKETS, "{\"type\":\"raw\",\"raw\":\"" ADVERT "00AA\"}").is_priority);
    /* of several the best one */
    assert_true(judge(PACKETS, "{\"d\":{\"raw\":\"" ACK "00AABBCC\"},\"raw\":\"" ADVERT "00AA\"}")
                    .is_priority);
    assert_true(judge(PACKETS, "{\"raw\" :\n \"" ADVERT "00AA").is_priority); /* cut */
    assert_true(sight(ACK "00aabbcc"));                                       /* other case */
    /* no frame: rubbish enters once */
    assert_true(sight("zz"));
    assert_false(sight("zz"));
    assert_true(sight(ACK "3FAA")); /* path longer than the frame */
    assert_false(sight(ACK "3FAA"));
}

static void test_keepalives_are_no_packets(void **state)
{
    (void)state;
    assert_false(judge(PACKETS, "{\"raw\":\"\"}").is_priority);
    assert_false(judge(PACKETS, "{\"raw\":null}").is_priority);
    assert_false(judge(PACKETS, "{\"raw\":").is_priority);
    assert_false(judge(PACKETS, "\"raw\"").is_priority);
    assert_false(judge(PACKETS, "{\"raw\":\"").is_priority);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_types_that_always_enter, setup),
        cmocka_unit_test_setup(test_first_sighting_enters_and_repetition_does_not, setup),
        cmocka_unit_test_setup(test_refused_sighting_is_not_remembered, setup),
        cmocka_unit_test_setup(test_status_topics_enter, setup),
        cmocka_unit_test_setup(test_doubtful_payloads_err_to_priority, setup),
        cmocka_unit_test_setup(test_keepalives_are_no_packets, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
