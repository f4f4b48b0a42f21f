/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/fields/access.h"

#include <stdio.h>
#include <string.h>

#define READ_KEY  "tR5kQ9zLw2Vb8nXy7Hj1"
#define WRITE_KEY "f3Rw9-kq2Zt-71bxu-4711"
#define NOW       1800000000

static struct http_text text_of(const char *text)
{
    return (struct http_text){text, text != NULL ? strlen(text) : 0};
}

/* The status for who gives this key and this cookie. */
static int check(const struct http_keys *keys, enum http_access access, const char *key,
                 const char *cookie)
{
    const char *why = NULL;
    const struct http_credentials given = {text_of(key), text_of(cookie)};
    const int status = http_access_check(keys, access, &given, NOW, &why);
    assert_true((status != 0) == (why != NULL));
    return status;
}

static void test_without_keys_all_read_and_nobody_writes(void **state)
{
    (void)state;
    struct http_keys keys;
    http_keys_init(&keys, NULL, false, "", false);
    assert_int_equal(check(&keys, HTTP_READ, NULL, NULL), 0);
    assert_int_equal(check(&keys, HTTP_OPEN, NULL, NULL), 0);
    assert_int_equal(check(&keys, HTTP_WRITE, NULL, NULL), 403);
    assert_int_equal(check(&keys, HTTP_WRITE, "", NULL), 403);
    assert_int_equal(check(&keys, HTTP_WRITE, "x", NULL), 403);
}

static void test_what_each_key_opens(void **state)
{
    (void)state;
    struct http_keys keys;
    http_keys_init(&keys, READ_KEY, false, WRITE_KEY, false);
    static const struct {
        const char *key;
        int read, write;
    } cases[] = {
        {NULL, 401, 401},         {"", 401, 401},  {READ_KEY, 0, 401},  {WRITE_KEY, 0, 0},
        {READ_KEY "x", 401, 401}, {"t", 401, 401}, {"wrong", 401, 401},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(check(&keys, HTTP_READ, cases[i].key, NULL), cases[i].read);
        assert_int_equal(check(&keys, HTTP_WRITE, cases[i].key, NULL), cases[i].write);
        assert_int_equal(check(&keys, HTTP_OPEN, cases[i].key, NULL), 0);
    }
}

static void test_a_weak_key_opens_nothing(void **state)
{
    (void)state;
    struct http_keys keys;
    http_keys_init(&keys, "short", true, WRITE_KEY, false);
    char cookie[HTTP_LOGIN_MAX];
    http_access_sign(&keys, NOW + 10, cookie);
    assert_int_equal(check(&keys, HTTP_READ, "short", NULL), 403);
    assert_int_equal(check(&keys, HTTP_READ, NULL, cookie), 403);
    assert_int_equal(check(&keys, HTTP_READ, WRITE_KEY, NULL), 0);
    http_keys_init(&keys, READ_KEY, false, "short", true);
    assert_int_equal(check(&keys, HTTP_WRITE, "short", NULL), 403);
    assert_int_equal(check(&keys, HTTP_READ, "short", NULL), 401);
}

static void test_a_cookie_reads_until_its_end(void **state)
{
    (void)state;
    struct http_keys keys;
    struct http_keys other;
    char cookie[HTTP_LOGIN_MAX];
    http_keys_init(&keys, READ_KEY, false, WRITE_KEY, false);
    http_keys_init(&other, READ_KEY "2", false, WRITE_KEY, false);
    http_access_sign(&keys, NOW + 1, cookie);
    assert_int_equal(check(&keys, HTTP_READ, NULL, cookie), 0);
    assert_int_equal(check(&keys, HTTP_READ, "wrong", cookie), 0);
    assert_int_equal(check(&keys, HTTP_WRITE, NULL, cookie), 401); /* no page makes it write */
    assert_int_equal(check(&other, HTTP_READ, NULL, cookie), 401);
    for (size_t i = 0; i < strlen(cookie); i++) {
        char spoilt[HTTP_LOGIN_MAX];
        (void)snprintf(spoilt, sizeof spoilt, "%s", cookie);
        spoilt[i] = spoilt[i] == '1' ? '2' : '1';
        assert_int_equal(check(&keys, HTTP_READ, NULL, spoilt), 401);
        (void)snprintf(spoilt, sizeof spoilt, "%.*s", (int)i, cookie);
        assert_int_equal(check(&keys, HTTP_READ, NULL, spoilt), 401);
    }
    http_access_sign(&keys, NOW, cookie);
    assert_int_equal(check(&keys, HTTP_READ, NULL, cookie), 401);
    static const char *const bad[] = {"", ".", "99999999999999999999.", "x.00", "1800000001"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(check(&keys, HTTP_READ, NULL, bad[i]), 401);
}

static void test_logins(void **state)
{
    (void)state;
    struct http_keys keys;
    const char *why = NULL;
    http_keys_init(&keys, READ_KEY, false, WRITE_KEY, false);
    assert_int_equal(http_access_login(&keys, text_of(READ_KEY), &why), 0);
    assert_int_equal(http_access_login(&keys, text_of(WRITE_KEY), &why), 0);
    assert_int_equal(http_access_login(&keys, text_of("x"), &why), 401);
    http_keys_init(&keys, NULL, false, WRITE_KEY, false);
    assert_int_equal(http_access_login(&keys, text_of(WRITE_KEY), &why), 403);
    assert_non_null(strstr(why, "no readApiKey"));
}

static void test_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *line, *value;
    } cookies[] = {
        {"a=1", "1"},
        {"b=2; a=1", "1"},
        {"b=2;a=1;c=3", "1"},
        {"a=; b=2", ""},
        {"a=1=2", "1=2"},
        {"aa=2; a=1", "1"},
        {"b=a=1", NULL},
        {"A=1", NULL},
        {"a", NULL},
        {"", NULL},
        {";;a=1", "1"},
        {"a =1", NULL},
        {"a=first; a=2", "first"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cookies); i++) {
        const char *line = cookies[i].line;
        const struct http_text found = http_cookie_find(line, strlen(line), "a");
        if (cookies[i].value == NULL
                ? found.text != NULL
                : found.text == NULL || found.len != strlen(cookies[i].value) ||
                      memcmp(found.text, cookies[i].value, found.len) != 0)
            fail_msg("%s", line);
    }
    assert_memory_equal(http_bearer_find("bearer  ab", 10).text, "ab", 2);
    assert_null(http_bearer_find("Bearer ", 7).text);
    assert_null(http_bearer_find("Basic abcdef", 12).text);
}

static int setup(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_keys_all_read_and_nobody_writes),
        cmocka_unit_test(test_what_each_key_opens),
        cmocka_unit_test(test_a_weak_key_opens_nothing),
        cmocka_unit_test(test_a_cookie_reads_until_its_end),
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_where_they_stand),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
