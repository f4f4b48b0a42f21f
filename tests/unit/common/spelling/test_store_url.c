/* SPDX-License-Identifier: MIT
 *
 * store_url: which addresses of a shard are taken, and what becomes of them. */
#include "tests/support/cmocka_all.h"

#include "common/spelling/store_url.h"

#include <string.h>

static void test_replicas_have_their_ports(void **state)
{
    char out[STORE_URL_REPLICAS_MAX][STORE_URL_MAX];
    static const char shard[] =
        "http://a1:9000, https://b.example.org/,http://[::1],http://10.0.0.1:1";
    (void)state;
    assert_null(store_url_check(shard));
    assert_int_equal(store_url_split(shard, out), 4);
    assert_string_equal(out[0], "http://a1:9000");
    assert_string_equal(out[1], "https://b.example.org:8443");
    assert_string_equal(out[2], "http://[::1]:8123");
    assert_string_equal(out[3], "http://10.0.0.1:1");
}

static void test_what_is_no_address_is_refused(void **state)
{
    static const struct {
        const char *shard, *word;
    } bad[] = {
        {"a1:8123", "must be http://"},
        {"tcp://a1:9000", "must be http://"},
        {"http://", "must be http://"},
        {"http://a1,", "must be http://"},
        {"http://a1,,http://a2", "must be http://"},
        {"http://[::1]x", "must be http://"},
        {"http://:8123", "no host"},
        {"http://a:b@c:8123", "storePasswordFile"},
        {"http://a1:8123/x", "nothing behind"},
        {"http://a1:8123?x=1", "nothing behind"},
        {"http://a1:", "no number"},
        {"http://a1:x", "no number"},
        {"http://a1:123456", "no number"},
        {"http://a1:0", "from 1 to 65535"},
        {"http://a1:65536", "from 1 to 65535"},
        {"http://a,http://a,http://a,http://a,http://a,http://a,http://a,http://a,http://a",
         "more than 8"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *why = store_url_check(bad[i].shard);
        if (why == NULL || strstr(why, bad[i].word) == NULL)
            fail_msg("%s: %s", bad[i].shard, why != NULL ? why : "taken");
    }
}

static void test_a_long_host_fits(void **state)
{
    char shard[300] = "https://", out[STORE_URL_REPLICAS_MAX][STORE_URL_MAX];
    (void)state;
    memset(shard + 8, 'h', 253);
    memcpy(shard + 8 + 253, ":65535", 7);
    assert_null(store_url_check(shard));
    assert_int_equal(store_url_split(shard, out), 1);
    assert_string_equal(out[0], shard);
    memcpy(shard + 8 + 253, "h:65535", 8);
    assert_non_null(store_url_check(shard));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replicas_have_their_ports),
        cmocka_unit_test(test_what_is_no_address_is_refused),
        cmocka_unit_test(test_a_long_host_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
