/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/fields/forwarded.h"

#include <stdio.h>

static struct network proxies[3];

static int setup(void **state)
{
    (void)state;
    static const char *const texts[] = {"127.0.0.1", "10.0.0.0/8", "fd00::/8"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_true(network_read(texts[i], &proxies[i]));
    return 0;
}

typedef void reader(struct forwarded *forwarded, const char *text, size_t len);

/* expected: NULL = nobody knows. */
static void check(reader *read, const char *line, const char *expected)
{
    struct forwarded forwarded = {0};
    uint8_t found[NETWORK_ADDRESS_BYTES];
    uint8_t wanted[NETWORK_ADDRESS_BYTES];
    read(&forwarded, line, strlen(line));
    const bool is_found = forwarded_client(&forwarded, proxies, ARRAY_LEN(proxies), found);
    if (is_found != (expected != NULL))
        fail_msg("%s: %d", line, is_found);
    if (expected == NULL)
        return;
    assert_true(network_read_address(expected, strlen(expected), wanted));
    if (memcmp(found, wanted, sizeof found) != 0)
        fail_msg("%s is not %s", line, expected);
}

static void test_lists_are_read_from_the_right(void **state)
{
    (void)state;
    static const struct {
        const char *line, *client;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {" 192.0.2.1:4711 ", "192.0.2.1"},
        {"[2001:db8::1]:4711", "2001:db8::1"},
        {"2001:db8::1", "2001:db8::1"},
        {"6.6.6.6, 192.0.2.1, 10.1.2.3", "192.0.2.1"}, /* what is further left may be invented */
        {"6.6.6.6,192.0.2.1,fd00::1 , 127.0.0.1", "192.0.2.1"},
        {"10.9.9.9, 10.1.2.3", "10.9.9.9"},
        {"192.0.2.1, unknown, 10.1.2.3", NULL},
        {"unknown", NULL},
        {"192.0.2.1, ", NULL},
        {"", NULL},
        {"192.0.2.1.5", NULL},
        {"[2001:db8::1", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(forwarded_read_list, cases[i].line, cases[i].client);
}

static void test_elements_are_read_from_the_right(void **state)
{
    (void)state;
    static const struct {
        const char *line, *client;
    } cases[] = {
        {"for=192.0.2.1", "192.0.2.1"},
        {"For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1", "2001:db8::1"},
        {"proto=https; for=192.0.2.1:80", "192.0.2.1"},
        {"for=6.6.6.6, for=192.0.2.1;by=\"x,y;z\", for=10.0.0.1", "192.0.2.1"},
        {"for=192.0.2.1, for=_hidden, for=10.0.0.1", NULL},
        {"for=192.0.2.1, proto=https", NULL},
        {"for=\"192.0.2.1", NULL},
        {"", NULL},
        {"before=192.0.2.1", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(forwarded_read_elements, cases[i].line, cases[i].client);
}

static void test_only_the_last_hops_count(void **state)
{
    (void)state;
    char line[1024] = "192.0.2.1";
    for (size_t i = 0; i < FORWARDED_HOPS - 1; i++)
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), ", 10.0.0.%zu", i + 1);
    check(forwarded_read_list, line, "192.0.2.1");
    (void)snprintf(line + strlen(line), sizeof line - strlen(line), ", 10.0.0.99");
    check(forwarded_read_list, line, "10.0.0.1");
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool holds;
    } cases[] = {
        {"10.0.0.5", "10.0.0.5", true},
        {"10.0.0.5", "10.0.0.4", false},
        {"10.0.0.0/9", "10.127.1.1", true},
        {"10.0.0.0/9", "10.128.1.1", false},
        {"0.0.0.0/0", "192.0.2.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/32", "2001:db8:1::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"::/0", "192.0.2.1", true},
        {"::1", "::1", true},
    };
    static const char *const bad[] = {
        "",       "10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/-1", "10.0.0/8",
        "::/129", "x",           "10.0.0.0/8/8", "10.0.0.5:80", "fd00::/8 "};
    struct network network = {0};
    uint8_t address[NETWORK_ADDRESS_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(network_read(cases[i].network, &network));
        assert_true(network_read_address(cases[i].address, strlen(cases[i].address), address));
        if (network_holds(&network, address) != cases[i].holds)
            fail_msg("%s %s", cases[i].network, cases[i].address);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(network_read(bad[i], &network));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_are_read_from_the_right),
        cmocka_unit_test(test_elements_are_read_from_the_right),
        cmocka_unit_test(test_only_the_last_hops_count),
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
