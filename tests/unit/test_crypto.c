/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/crypto.h"
#include "common/hex.h"

#include <pthread.h>
#include <string.h>

static void assert_sha256(const struct crypto_part *parts, size_t count, const char *expected)
{
    uint8_t digest[32];
    char text[65];
    crypto_sha256(parts, count, digest);
    hex_encode_lower(digest, sizeof digest, text);
    assert_string_equal(text, expected);
}

/* FIPS 180-2 */
#define SHA256_OF_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_OF_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void hashes_without_crypto_init(void **state)
{
    (void)state;
    const struct crypto_part abc[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    assert_sha256(abc, ARRAY_LEN(abc), SHA256_OF_ABC);
    assert_sha256(NULL, 0, SHA256_OF_EMPTY);
}

static void hashes_parts_as_one_text(void **state)
{
    (void)state;
    assert_true(crypto_init());
    assert_true(crypto_init());
    const struct crypto_part abc[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    for (int i = 0; i < 3; i++) {
        assert_sha256(abc, ARRAY_LEN(abc), SHA256_OF_ABC);
        assert_sha256(NULL, 0, SHA256_OF_EMPTY);
    }
}

static void *hash_in_a_thread(void *context)
{
    uint8_t *digest = context;
    const struct crypto_part abc = {"abc", 3};
    for (int i = 0; i < 1000; i++)
        crypto_sha256(&abc, 1, digest);
    return NULL;
}

static void hashes_in_several_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint8_t digests[ARRAY_LEN(threads)][32];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_a_thread, digests[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        char text[65];
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        hex_encode_lower(digests[i], 32, text);
        assert_string_equal(text, SHA256_OF_ABC);
    }
}

/* RFC 8032, 7.1, test 2 */
static void verifies_ed25519(void **state)
{
    (void)state;
    uint8_t key[32];
    uint8_t signature[64];
    size_t len;
    assert_true(hex_decode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", 64,
                           key, sizeof key, &len));
    assert_true(hex_decode("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                           "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
                           128, signature, sizeof signature, &len));
    const uint8_t message = 0x72;
    const uint8_t other = 0x73;
    assert_true(crypto_ed25519_verify(signature, &message, 1, key));
    assert_false(crypto_ed25519_verify(signature, &other, 1, key));
    assert_false(crypto_ed25519_verify(signature, &message, 0, key));
    signature[63] ^= 1;
    assert_false(crypto_ed25519_verify(signature, &message, 1, key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_without_crypto_init),
        cmocka_unit_test(hashes_parts_as_one_text),
        cmocka_unit_test(hashes_in_several_threads),
        cmocka_unit_test(verifies_ed25519),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
