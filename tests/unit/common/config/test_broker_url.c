/* SPDX-License-Identifier: MIT
 *
 * broker_url: what parses, what is refused with which words, and that no password
 * survives masking. */
#include "tests/support/cmocka_all.h"

#include "common/config/broker_url.h"

#include <stdio.h>
#include <string.h>

static struct broker_url parsed(const char *text)
{
    struct broker_url url;
    const char *why = NULL;
    if (!broker_url_parse(text, &url, &why))
        fail_msg("%s: %s", text, why);
    assert_null(why);
    return url;
}

static void test_schemes_and_default_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum broker_scheme scheme;
        bool is_tls, is_websocket;
        int port;
    } cases[] = {
        {"mqtt://h", BROKER_MQTT, false, false, 1883},
        {"tcp://h", BROKER_MQTT, false, false, 1883},
        {"mqtts://h", BROKER_MQTTS, true, false, 8883},
        {"ssl://h", BROKER_MQTTS, true, false, 8883},
        {"ws://h", BROKER_WS, false, true, 80},
        {"wss://h", BROKER_WSS, true, true, 443},
        {"MQTT://h:7", BROKER_MQTT, false, false, 7},
        {"wss://h:8443/mqtt", BROKER_WSS, true, true, 8443},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct broker_url url = parsed(cases[i].text);
        assert_int_equal(url.scheme, cases[i].scheme);
        assert_int_equal(url.is_tls, cases[i].is_tls);
        assert_int_equal(url.is_websocket, cases[i].is_websocket);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.host, "h");
        assert_false(url.has_user);
        assert_false(url.has_password);
    }
}

static void test_parts(void **state)
{
    (void)state;
    struct broker_url url = parsed("mqtts://bob:p%40ss@mqtt.example.org:1234/");
    assert_string_equal(url.user, "bob");
    assert_string_equal(url.password, "p@ss");
    assert_string_equal(url.host, "mqtt.example.org");
    assert_int_equal(url.port, 1234);
    assert_string_equal(url.path, "");

    url = parsed("mqtt://bob:p@ss@w:rd@host");
    assert_string_equal(url.user, "bob");
    assert_string_equal(url.password, "p@ss@w:rd");
    assert_string_equal(url.host, "host");

    url = parsed("mqtt://token@host");
    assert_true(url.has_user);
    assert_false(url.has_password);

    url = parsed("mqtt://u:100%@host");
    assert_string_equal(url.password, "100%");

    url = parsed("wss://[2001:db8::1]:8083/mqtt?x=1");
    assert_true(url.host_is_ipv6);
    assert_string_equal(url.host, "2001:db8::1");
    assert_int_equal(url.port, 8083);
    assert_string_equal(url.path, "/mqtt?x=1");
}

static void test_proxy(void **state)
{
    (void)state;
    struct broker_url url;
    const char *why = NULL;
    assert_true(broker_url_parse_proxy("http://u:p%40@proxy.example/", &url, &why));
    assert_string_equal(url.host, "proxy.example");
    assert_int_equal(url.port, 3128);
    assert_string_equal(url.user, "u");
    assert_string_equal(url.password, "p@");
    assert_true(broker_url_parse_proxy("HTTP://[::1]:8080", &url, &why));
    assert_int_equal(url.port, 8080);
    assert_true(url.host_is_ipv6);
    static const char *const refused[] = {"https://p", "socks5://p",    "p:3128",
                                          "http://",   "http://p/path", "mqtt://p"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        assert_false(broker_url_parse_proxy(refused[i], &url, &why));
        assert_non_null(why);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "host:1883",
        "http://host",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://host:",
        "mqtt://host:0",
        "mqtt://host:65536",
        "mqtt://host:99999999999",
        "mqtt://host:12a",
        "mqtt://host/path",
        "mqtt://ho st",
        "mqtt://[::1",
        "mqtt://[]",
        "mqtt://[::1]x",
        "mqtt://[::g]",
        "mqtt://u:a/b@host",
        "mqtt://u:a%00b@host",
        "ws://host/a b",
        "ws://host/a@b",
        "mqtt://u:hunter2",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_url url;
        const char *why = NULL;
        if (broker_url_parse(cases[i], &url, &why))
            fail_msg("%s parsed", cases[i]);
        assert_non_null(why);
        assert_null(strstr(why, "hunter2"));
    }
    char long_text[BROKER_URL_MAX + 64];
    memset(long_text, 'a', sizeof long_text);
    memcpy(long_text, "mqtt://", 7);
    for (size_t len = 7 + BROKER_HOST_MAX + 1; len < sizeof long_text; len += 97) {
        struct broker_url url;
        const char *why = NULL;
        long_text[len] = '\0';
        assert_false(broker_url_parse(long_text, &url, &why));
        long_text[len] = 'a';
    }
}

static void test_mask_url(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"mqtt://host:1883", "mqtt://host:1883"},
        {"mqtt://bob@host:1883", "mqtt://bob@host:1883"},
        {"mqtt://bob:secret@host:1883", "mqtt://bob:****@host:1883"},
        {"mqtt://bob:se@cr:et@host", "mqtt://bob:****@host"},
        {"mqtt://bob:se/cr@et@host", "mqtt://bob:****@host"},
        {"mqtt://:secret@host", "mqtt://:****@host"},
        {"bob:secret@host", "bob:****@host"},
        {"wss://[::1]:443/mqtt", "wss://[::1]:443/mqtt"},
        {"wss://host:443/mqtt", "wss://host:443/mqtt"},
        {"wss://b:secret@[::1]:443/mqtt", "wss://b:****@[::1]:443/mqtt"},
        {"mqtt://bob:secr", "mqtt://bob:****"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[128];
        broker_url_mask(out, sizeof out, cases[i][0]);
        assert_string_equal(out, cases[i][1]);
    }
}

static void test_mask_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *broker, *password, *want;
    } cases[] = {
        {"nothing to hide", NULL, NULL, "nothing to hide"},
        {"connect tcp://bob:hunter2@h:1883 refused", NULL, NULL,
         "connect tcp://bob:****@h:1883 refused"},
        {"bad hunter2, hunter2!", "mqtt://h", "hunter2", "bad ****, ****!"},
        {"bad p@ss for bob", "mqtt://bob:p%40ss@h", NULL, "bad **** for bob"},
        {"bad p%40ss for bob", "mqtt://bob:p%40ss@h", NULL, "bad **** for bob"},
        {"to tcp://bob:a b@h: no", "mqtt://bob:a b@h", NULL, "to tcp://bob:****@h: no"},
        {"to tcp://bob:a b@h:1883 no", "mqtt://bob:a b@h", NULL, "to tcp://bob:****@h:1883 no"},
        {"to 'mqtt://bob:a@b@h'", "mqtt://bob:a@b@h", NULL, "to 'mqtt://bob:****@h'"},
        {"to tcp://h:1883: timeout", "mqtt://h:1883", NULL, "to tcp://h:1883: timeout"},
        {"x passpass y", "mqtt://u:pass@h", "passpass", "x **** y"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[128];
        broker_mask_text(out, sizeof out, cases[i].text, cases[i].broker, cases[i].password);
        assert_string_equal(out, cases[i].want);
    }
}

/* I2: whatever the buffer's size, a cut never shows a part of the password. */
static void test_cut_never_leaks(void **state)
{
    (void)state;
    static const char url[] = "mqtt://bob:XYZXYZ@host:1883";
    for (size_t cap = 1; cap < sizeof url + 4; cap++) {
        char out[64];
        memset(out, '?', sizeof out);
        broker_url_mask(out, cap, url);
        assert_true(strlen(out) < cap);
        assert_null(strchr(out, 'X'));
        broker_mask_text(out, cap, url, url, "XYZXYZ");
        assert_true(strlen(out) < cap);
        assert_null(strchr(out, 'X'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemes_and_default_ports),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_mask_url),
        cmocka_unit_test(test_mask_text),
        cmocka_unit_test(test_cut_never_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
