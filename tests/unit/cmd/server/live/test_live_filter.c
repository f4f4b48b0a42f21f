/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/live/live_filter.h"

#include <string.h>

#define KEY "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"

static const char *field;

static const char *read_filter(const char *raw, struct live_filter *out)
{
    static struct http_query query;
    assert_int_equal(http_query_parse(&query, live_parameters, raw), 0);
    return live_filter_read(&query, out, &field);
}

struct subject {
    struct live_tags tags;
    uint8_t path[8];
};

static struct subject advert(void)
{
    return (struct subject){.tags = {.observer = live_key_folded("OBS-1", 5),
                                     .region = live_key_folded("SJC", 3),
                                     .node = live_key_folded(KEY, 64),
                                     .name = live_key("Tower", 5),
                                     .type = 4,
                                     .hop_bytes = 2,
                                     .path_len = 6},
                            .path = {0x11, 0x22, 0x33, 0xA1, 0xB2, 0xC3}};
}

static bool passes(const char *raw, const struct subject *s)
{
    struct live_filter filter;
    assert_null(read_filter(raw, &filter));
    return live_filter_passes(&filter, &s->tags, s->path);
}

static void test_each_filter(void **state)
{
    (void)state;
    const struct subject a = advert();
    static const char *const yes[] = {"",
                                      "type=4",
                                      "type=1,4,15",
                                      "type=",
                                      "region=sjc",
                                      "region=all",
                                      "region= , ALL",
                                      "region=LAX,+SJC",
                                      "observer=obs-1",
                                      "observer=x,OBS-1",
                                      ("node=" KEY),
                                      "node=Tower",
                                      "type=4&region=SJC&observer=OBS-1&node=Tower",
                                      "lastEventId=5",
                                      "channel="};
    static const char *const no[] = {
        "type=5",         "type=0,3,14", "region=LAX",        "observer=OBS-2",
        "channel=Public", "node=tower",  "type=4&region=LAX", "type=3&region=SJC"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(passes(yes[i], &a));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(passes(no[i], &a));
}

static void test_a_node_on_the_way(void **state)
{
    (void)state;
    struct subject s = {.tags = {.type = 2, .hop_bytes = 2, .path_len = 6},
                        .path = {0x11, 0xA1, 0xB2, 0xA1, 0xA1, 0xB2}};
    assert_true(passes("node=" KEY, &s)); /* the third hop; the bytes across two are none */
    s.path[4] = 0;
    assert_false(passes("node=" KEY, &s));
    s.tags.hop_bytes = 1;
    assert_true(passes("node=" KEY, &s));
    s.tags.hop_bytes = 0; /* no path at all */
    assert_false(passes("node=" KEY, &s));
}

static void test_a_channel(void **state)
{
    (void)state;
    const struct subject s = {.tags = {.type = 5, .channel = live_key("#test", 5)}};
    assert_true(passes("channel=%23test", &s));
    assert_false(passes("channel=%23Test", &s));
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct live_filter filter;
    static const char *const raws[] = {"type=16",
                                       "type=x",
                                       "type=4;5",
                                       "type=-1",
                                       "type=99999999999999999999",
                                       "region=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
                                       "observer=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};
    for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
        assert_non_null(read_filter(raws[i], &filter));
        assert_memory_equal(raws[i], field, strlen(field));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_filter),
        cmocka_unit_test(test_a_node_on_the_way),
        cmocka_unit_test(test_a_channel),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
