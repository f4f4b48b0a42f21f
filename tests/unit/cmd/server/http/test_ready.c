/* SPDX-License-Identifier: MIT
 *
 * Ready bytes and their packed form. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/ready.h"
#include "common/base/crypto.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LEN 20000

/* A text that can be packed, or noise that can't. */
static struct http_ready *make(const char *content_type, size_t len, bool is_noise)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_REVALIDATE);
    reply.content_type = content_type;
    reply.body = malloc(len + 1);
    reply.body_len = len;
    assert_non_null(reply.body);
    uint32_t random = 1;
    for (size_t i = 0; i < len; i++) {
        random = random * 1664525 + 1013904223;
        reply.body[i] = is_noise ? (char)(random >> 24) : (char)('a' + i % 7);
    }
    struct http_ready *ready = http_ready_new(&reply, NULL);
    assert_non_null(ready);
    return ready;
}

static void test_the_packed_form_unpacks_to_the_body(void **state)
{
    (void)state;
    static unsigned char text[LEN];
    for (size_t len = HTTP_PACK_MIN; len <= LEN; len += 947) {
        struct http_ready *ready = make("application/json", len, false);
        const size_t counted = http_ready_bytes(ready);
        assert_true(http_ready_is_unpacked(ready));
        assert_ptr_equal(http_ready_choose(ready, true), ready); /* there is none yet */
        http_ready_pack(ready);
        assert_false(http_ready_is_unpacked(ready));
        assert_int_equal(http_ready_bytes(ready), counted);
        struct http_ready *packed = http_ready_choose(http_ready_ref(ready), true);
        assert_ptr_not_equal(packed, ready);
        assert_true(packed->body_len <= len / 4 * 3);
        assert_string_not_equal(packed->etag, ready->etag);
        assert_ptr_equal(http_ready_choose(http_ready_ref(ready), false), ready);
        http_ready_unref(ready);
        z_stream z = {.next_in = (Bytef *)packed->body,
                      .avail_in = (uInt)packed->body_len,
                      .next_out = text,
                      .avail_out = sizeof text};
        assert_int_equal(inflateInit2(&z, 31), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.total_out, len);
        assert_memory_equal(text, ready->body, len);
        assert_int_equal(inflateEnd(&z), Z_OK);
        http_ready_unref(ready);
        assert_memory_equal(packed->body, "\x1f\x8b", 2); /* still held */
        http_ready_unref(packed);
    }
}

static void check_unpackable(struct http_ready *ready)
{
    http_ready_pack(ready);
    http_ready_pack(ready);
    assert_ptr_equal(http_ready_choose(ready, true), ready);
    assert_false(http_ready_is_unpacked(ready));
    http_ready_unref(ready);
}

static void test_what_is_not_worth_it(void **state)
{
    (void)state;
    check_unpackable(make("application/json", HTTP_PACK_MIN - 1, false));
    check_unpackable(make("image/gif", LEN, false));
    check_unpackable(make("text/plain", LEN, true)); /* was tried */
}

static void *pack(void *ready)
{
    http_ready_pack(ready);
    http_ready_unref(http_ready_choose(ready, true));
    return NULL;
}

static void test_many_may_pack_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct http_ready *ready = make("text/plain", LEN, round % 5 == 0);
        pthread_t threads[4];
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, pack, http_ready_ref(ready)), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&ready->refs), 1);
        http_ready_unref(ready);
    }
}

static int setup(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_packed_form_unpacks_to_the_body),
        cmocka_unit_test(test_what_is_not_worth_it),
        cmocka_unit_test(test_many_may_pack_at_once),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
