/* SPDX-License-Identifier: MIT
 *
 * protocol.md 5. The codes of "hello" are its test vectors; reserved and colliding codes are
 * found by search. */
#include "tests/support/cmocka_all.h"
#include "tests/support/config_words.h"

#include "common/base/crypto.h"
#include "common/mesh/region_scopes.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define TYPE      5
#define NAME_ROOM 16

static const uint8_t hello[] = "hello";

static struct region_scopes *make_scopes(const char *const *names)
{
    struct config_list list = config_words_list(names);
    struct region_scopes *scopes = region_scopes_new(&list);
    assert_non_null(scopes);
    config_words_free_list(&list);
    return scopes;
}

static enum scope_result match(const struct region_scopes *scopes, uint16_t code, const char **out)
{
    return region_scopes_match(scopes, code, TYPE, hello, 5, out);
}

/* The code as OpenSSL alone computes it, before the reserved values move. */
static uint16_t raw_code(const char *name, const uint8_t *message, size_t len)
{
    uint8_t key[32];
    uint8_t digest[32];
    unsigned written = 0;
    assert_non_null(SHA256((const uint8_t *)name, strlen(name), key));
    assert_non_null(HMAC(EVP_sha256(), key, 16, message, len, digest, &written));
    return (uint16_t)(digest[0] | digest[1] << 8);
}

static void matches_known_codes(void **state)
{
    (void)state;
    const char *const names[] = {"#belgium", "#test", NULL};
    struct region_scopes *scopes = make_scopes(names);
    const char *name = NULL;
    assert_int_equal(match(scopes, 0xb52a, &name), SCOPE_MATCHED); /* on the wire 2A B5 */
    assert_string_equal(name, "#test");
    assert_int_equal(match(scopes, 0x754a, &name), SCOPE_MATCHED); /* on the wire 4A 75 */
    assert_string_equal(name, "#belgium");
    name = "untouched";
    assert_int_equal(match(scopes, 0x2ab5, &name), SCOPE_UNKNOWN);
    assert_int_equal(match(scopes, 0xb52b, &name), SCOPE_UNKNOWN);
    assert_int_equal(match(scopes, 0xffff, &name), SCOPE_UNKNOWN);
    assert_int_equal(match(scopes, 0, &name), SCOPE_NONE);
    /* The type is part of the message. */
    assert_int_equal(region_scopes_match(scopes, 0xb52a, 4, hello, 5, &name), SCOPE_UNKNOWN);
    assert_int_equal(region_scopes_match(scopes, 0xb52a, TYPE, hello, 4, &name), SCOPE_UNKNOWN);
    assert_string_equal(name, "untouched");
    region_scopes_free(scopes);
}

/* "ottawa" == "#ottawa", also beside each other; a private '$' name can't be
 * matched; case matters. */
static void reads_names(void **state)
{
    (void)state;
    const char *const names[] = {"test", "#test", "", "$belgium", "#Test", "test", NULL};
    struct region_scopes *scopes = make_scopes(names);
    const char *name = NULL;
    assert_int_equal(match(scopes, 0xb52a, &name), SCOPE_MATCHED);
    assert_string_equal(name, "#test");
    assert_int_equal(match(scopes, 0x754a, &name), SCOPE_UNKNOWN);
    const uint8_t message[] = {TYPE, 'h', 'e', 'l', 'l', 'o'};
    assert_int_equal(match(scopes, raw_code("$belgium", message, sizeof message), &name),
                     SCOPE_UNKNOWN);
    assert_int_equal(match(scopes, raw_code("#$belgium", message, sizeof message), &name),
                     SCOPE_UNKNOWN);
    assert_int_equal(match(scopes, raw_code("#Test", message, sizeof message), &name),
                     SCOPE_MATCHED);
    assert_string_equal(name, "#Test");
    region_scopes_free(scopes);
}

static void matches_nothing_without_names(void **state)
{
    (void)state;
    const char *const names[] = {NULL};
    struct region_scopes *scopes = make_scopes(names);
    const char *name = NULL;
    assert_int_equal(match(scopes, 0xb52a, &name), SCOPE_UNKNOWN);
    assert_int_equal(match(scopes, 0, &name), SCOPE_NONE);
    region_scopes_free(scopes);
    region_scopes_free(NULL);
}

/* Two names whose codes for "hello" are equal; a few hundred names are enough to meet
 * such a pair. */
static uint16_t find_collision(char first[NAME_ROOM], char second[NAME_ROOM])
{
    static uint16_t number_of[65536]; /* 0 = none */
    const uint8_t message[] = {TYPE, 'h', 'e', 'l', 'l', 'o'};
    for (uint16_t i = 1; i < UINT16_MAX; i++) {
        (void)snprintf(second, NAME_ROOM, "#r%u", (unsigned)i);
        const uint16_t code = raw_code(second, message, sizeof message);
        if (number_of[code] != 0) {
            (void)snprintf(first, NAME_ROOM, "#r%u", (unsigned)number_of[code]);
            return code;
        }
        number_of[code] = i;
    }
    fail();
    return 0;
}

/* Two regions fit: neither is taken, in either order. One of them alone is. */
static void says_when_several_fit(void **state)
{
    (void)state;
    char a[NAME_ROOM] = "";
    char b[NAME_ROOM] = "";
    const uint16_t code = find_collision(a, b);
    const char *const orders[][4] = {{a, "#test", b, NULL}, {b, a, "#test", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct region_scopes *scopes = make_scopes(orders[i]);
        const char *name = "untouched";
        assert_int_equal(match(scopes, code, &name), SCOPE_AMBIGUOUS);
        assert_string_equal(name, "untouched");
        assert_int_equal(match(scopes, 0xb52a, &name), SCOPE_MATCHED);
        region_scopes_free(scopes);
    }
    const char *const alone[] = {"#test", b, NULL};
    struct region_scopes *scopes = make_scopes(alone);
    const char *name = NULL;
    assert_int_equal(match(scopes, code, &name), SCOPE_MATCHED);
    assert_string_equal(name, b);
    region_scopes_free(scopes);
}

/* The payload, a number, whose code under #test is `wanted`. */
static void find_payload(uint16_t wanted, uint8_t payload[static 4])
{
    for (uint32_t i = 0; i < 10000000; i++) {
        const uint8_t message[] = {TYPE, (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 7};
        if (raw_code("#test", message, sizeof message) == wanted) {
            memcpy(payload, message + 1, 4);
            return;
        }
    }
    fail();
}

/* 0x0000 -> 0x0001, 0xFFFF -> 0xFFFE */
static void moves_reserved_codes(void **state)
{
    (void)state;
    static const uint16_t codes[][2] = {{0x0000, 0x0001}, {0xffff, 0xfffe}};
    const char *const names[] = {"#test", NULL};
    struct region_scopes *scopes = make_scopes(names);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        uint8_t payload[4];
        const char *name = NULL;
        find_payload(codes[i][0], payload);
        assert_int_equal(region_scopes_match(scopes, codes[i][1], TYPE, payload, 4, &name),
                         SCOPE_MATCHED);
        assert_string_equal(name, "#test");
        assert_int_equal(region_scopes_match(scopes, codes[i][0], TYPE, payload, 4, &name),
                         codes[i][0] == 0 ? SCOPE_NONE : SCOPE_UNKNOWN);
    }
    region_scopes_free(scopes);
}

/* A node keeps 30 bytes of a name, with the '#' where it was typed, and makes the key of those. */
static void matches_what_a_node_keeps_of_a_long_name(void **state)
{
    (void)state;
    const char *const names[] = {"#a-region-whose-name-is-too-long-for-nodes", NULL};
    const char *const keys[] = {"#a-region-whose-name-is-too-long-for-nodes",
                                "#a-region-whose-name-is-too-lo",
                                "#a-region-whose-name-is-too-lon"};
    const uint8_t message[] = {TYPE, 'h', 'e', 'l', 'l', 'o'};
    struct region_scopes *scopes = make_scopes(names);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *name = NULL;
        assert_int_equal(match(scopes, raw_code(keys[i], message, sizeof message), &name),
                         SCOPE_MATCHED);
        assert_string_equal(name, names[0]);
    }
    const char *name = NULL;
    const uint16_t shorter = raw_code("#a-region-whose-name-is-too-l", message, sizeof message);
    assert_int_equal(match(scopes, shorter, &name), SCOPE_UNKNOWN);
    region_scopes_free(scopes);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_known_codes),
        cmocka_unit_test(reads_names),
        cmocka_unit_test(says_when_several_fit),
        cmocka_unit_test(matches_nothing_without_names),
        cmocka_unit_test(moves_reserved_codes),
        cmocka_unit_test(matches_what_a_node_keeps_of_a_long_name),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
