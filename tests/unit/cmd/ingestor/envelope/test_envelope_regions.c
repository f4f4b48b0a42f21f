/* SPDX-License-Identifier: MIT
 *
 * A repeater's answer about its regions, asked by a phone (protocol.md 6). */
#include "tests/support/envelope_case.h"

#include <stdio.h>
#include <string.h>

#define KEY     "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2"
#define REGIONS "meshcore/client/C0FFEE/regions"
#define TARGET  "\"target\":\"" KEY "\""

static void reads_an_answer(void **state)
{
    (void)state;
    struct envelope e;
    char names[ENVELOPE_REGIONS_BYTES];
    assert_int_equal(parse(REGIONS,
                           "{\"origin\":\"me\",\"origin_id\":\"FFFF\",\"type\":\"REGIONS\","
                           "\"timestamp\":\"2026-09-18T09:09:32.120Z\"," TARGET
                           ",\"regions\":[\"*\",\" hu \"],\"truncated\":false}",
                           &e),
                     OUTCOME_NONE);
    assert_int_equal(e.kind, ENVELOPE_REGIONS);
    assert_string_equal(e.regions.client, "c0ffee");
    assert_string_equal(e.observer, "c0ffee"); /* the broker vouches for the topic alone */
    assert_string_equal(e.origin, "me");
    assert_string_equal(e.region, "");
    assert_int_equal(e.regions.target[0], 0xa1);
    assert_int_equal(e.regions.target[MESHCORE_KEY_BYTES - 1], 0xb2);
    assert_int_equal(e.envelope_ms, INT64_C(1789722572120));
    assert_false(e.regions.is_truncated);
    envelope_regions_join(&e.regions, names);
    assert_string_equal(names, "*,hu");
}

#define A_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define E_32 "éééééééééééééééééééééééééééééééé"

/* An empty list is an answer; what can't be kept as it is, is left out, and that is said. */
static void leaves_out_what_it_can_not_keep(void **state)
{
    (void)state;
    static const struct {
        const char *list, *names;
        bool is_truncated;
    } cases[] = {
        {"[]", "", false},
        {"[ ]", "", false},
        {"[\"eu\"]", "eu", false},
        {"[\"eu\"],\"truncated\":true", "eu", true},
        {"[\"eu\"],\"truncated\":null", "eu", false},
        {"[\"eu,de\",\"fr\"]", "fr", true},
        {"[\"\",\"fr\"]", "fr", true},
        {"[\"  \"]", "", true},
        {"[7,\"fr\",null,{},[\"x\"]]", "fr", true},
        {"[\"" A_64 "\"]", A_64, false},
        {"[\"" A_64 "a\"]", "", true},
        {"[\"" E_32 E_32 "\"]", E_32 E_32, false},
        {"[\"" E_32 E_32 "\\u00e9\"]", "", true},
        {"[\"\\u002c\"]", "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[512];
        char names[ENVELOPE_REGIONS_BYTES];
        (void)snprintf(payload, sizeof payload, "{" TARGET ",\"regions\":%s}", cases[i].list);
        assert_int_equal(parse(REGIONS, payload, &e), OUTCOME_NONE);
        envelope_regions_join(&e.regions, names);
        if (strcmp(names, cases[i].names) != 0 || e.regions.is_truncated != cases[i].is_truncated)
            fail_msg("%s: \"%s\" %d", cases[i].list, names, e.regions.is_truncated);
    }
}

static void keeps_the_first_64_names(void **state)
{
    (void)state;
    static char payload[ENVELOPE_REGIONS_BYTES * 2];
    static const char *const longest = "\xf0\x9f\x98\x80"; /* 4 bytes a character */
    for (int count = 63; count <= 65; count++) {
        size_t len = (size_t)snprintf(payload, sizeof payload, "{" TARGET ",\"regions\":[");
        for (int i = 0; i < count; i++) {
            len += (size_t)snprintf(payload + len, sizeof payload - len, i > 0 ? ",\"" : "\"");
            for (int c = 0; c < 64; c++)
                len += (size_t)snprintf(payload + len, sizeof payload - len, "%s", longest);
            len += (size_t)snprintf(payload + len, sizeof payload - len, "\"");
        }
        (void)snprintf(payload + len, sizeof payload - len, "]}");
        struct envelope e;
        char names[ENVELOPE_REGIONS_BYTES];
        assert_int_equal(parse(REGIONS, payload, &e), OUTCOME_NONE);
        assert_int_equal(e.regions.is_truncated, count > 64);
        envelope_regions_join(&e.regions, names);
        const size_t kept = count > 64 ? 64 : (size_t)count;
        assert_int_equal(strlen(names), kept * 257 - 1);
    }
}

static void names_the_outcome_of_answers(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {REGIONS, "{" TARGET "}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{" TARGET ",\"regions\":null}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{" TARGET ",\"regions\":\"eu\"}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{" TARGET ",\"regions\":{}}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{\"regions\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{\"target\":\"a1b2\",\"regions\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{\"target\":\"" KEY "0\",\"regions\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {REGIONS, "{\"target\":7,\"regions\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client/xyz/regions", "{" TARGET ",\"regions\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client//regions", "{" TARGET ",\"regions\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/client/c0ffee/region", "{" TARGET ",\"regions\":[]}", OUTCOME_FILTERED_TOPIC},
        {REGIONS, "", OUTCOME_FILTERED_EMPTY},
        {REGIONS, "[]", OUTCOME_REJECTED_JSON},
        {REGIONS, "{" TARGET ",\"regions\":[]}", OUTCOME_NONE},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_answer),
        cmocka_unit_test(leaves_out_what_it_can_not_keep),
        cmocka_unit_test(keeps_the_first_64_names),
        cmocka_unit_test(names_the_outcome_of_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
