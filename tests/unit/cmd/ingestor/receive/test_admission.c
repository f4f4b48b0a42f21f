/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/admission.h"

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

static struct admission admission;

static int setup(void **state)
{
    (void)state;
    admission_reset(&admission);
    return 0;
}

static struct admission_class classify(const char *topic, const char *payload)
{
    return admission_classify(&admission,
                              &(struct ring_message){.topic = topic,
                                                     .payload = (const uint8_t *)payload,
                                                     .topic_len = (uint32_t)strlen(topic),
                                                     .payload_len = (uint32_t)strlen(payload)});
}

static struct admission_class classify_hex(const char *hex)
{
    char payload[1024];
    (void)snprintf(payload, sizeof payload, "{\"origin\": \"x\", \"raw\": \"%s\", \"SNR\": 1}",
                   hex);
    return classify(PACKETS, payload);
}

static bool sight(const char *hex)
{
    const struct admission_class class = classify_hex(hex);
    admission_remember(&admission, &class);
    return class.is_priority;
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
    assert_true(classify_hex(REQ "00AABB").is_priority);
    assert_true(classify_hex(REQ "00AABB").is_priority);
    assert_true(sight(REQ "00AABB"));
    assert_false(classify_hex(REQ "00AABB").is_priority);
    admission_reset(&admission);
    assert_true(classify_hex(REQ "00AABB").is_priority);
}

static void test_status_topics_enter(void **state)
{
    (void)state;
    assert_true(classify("meshcore/SFO/AB/status", "{\"status\":\"online\"}").is_priority);
    assert_true(classify("meshcore/status", "").is_priority);
    assert_false(classify(PACKETS, "{\"status\":\"online\"}").is_priority);
    assert_false(classify("meshcore/SFO/AB/debug", "DEBUG").is_priority);
    assert_false(classify("", "").is_priority);
}

static void test_doubtful_payloads_err_to_priority(void **state)
{
    (void)state;
    assert_true(sight(ACK "00AABBCC"));
    /* "raw" as a value is no key; the later key counts */
    assert_true(classify(PACKETS, "{\"type\":\"raw\",\"raw\":\"" ADVERT "00AA\"}").is_priority);
    /* of several the best one */
    assert_true(
        classify(PACKETS, "{\"d\":{\"raw\":\"" ACK "00AABBCC\"},\"raw\":\"" ADVERT "00AA\"}")
            .is_priority);
    assert_true(classify(PACKETS, "{\"raw\" :\n \"" ADVERT "00AA").is_priority); /* cut */
    assert_true(sight(ACK "00aabbcc"));                                          /* other case */
    /* no frame: rubbish enters once */
    assert_true(sight("zz"));
    assert_false(sight("zz"));
    assert_true(sight(ACK "3FAA")); /* path longer than the frame */
    assert_false(sight(ACK "3FAA"));
}

static void test_keepalives_are_no_packets(void **state)
{
    (void)state;
    assert_false(classify(PACKETS, "{\"raw\":\"\"}").is_priority);
    assert_false(classify(PACKETS, "{\"raw\":null}").is_priority);
    assert_false(classify(PACKETS, "{\"raw\":").is_priority);
    assert_false(classify(PACKETS, "\"raw\"").is_priority);
    assert_false(classify(PACKETS, "{\"raw\":\"").is_priority);
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
