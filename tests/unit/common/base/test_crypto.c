/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
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

static void assert_hmac(const char *key, size_t key_len, const char *text, const char *expected)
{
    struct crypto_hmac_key prepared;
    uint8_t digest[32];
    char hex[65];
    const size_t half = strlen(text) / 2;
    const struct crypto_part parts[] = {
        {text, half}, {NULL, 0}, {text + half, strlen(text) - half}};
    crypto_hmac_prepare((const uint8_t *)key, key_len, &prepared);
    for (int i = 0; i < 2; i++) {
        crypto_hmac_sha256(&prepared, parts, ARRAY_LEN(parts), digest);
        hex_encode_lower(digest, sizeof digest, hex);
        assert_string_equal(hex, expected);
    }
}

/* RFC 4231, tests 1, 2 and 6: the last one's key is longer than a block. */
static void macs(void **state)
{
    (void)state;
    assert_hmac("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
                20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac("Jefe", 4, "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131];
    memset(key, 0xaa, sizeof key);
    assert_hmac(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* protocol.md 2: a 16-byte key gives what it gives with 16 zeros behind it. Messages of up
 * to three blocks. */
static void macs_as_openssl_does(void **state)
{
    (void)state;
    uint8_t key[100] = {0};
    uint8_t text[200];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof text; len++) {
        const size_t key_len = len % (sizeof key + 1);
        memset(key, (int)len, key_len);
        struct crypto_hmac_key prepared;
        uint8_t ours[32];
        uint8_t theirs[32];
        unsigned written = 0;
        crypto_hmac_prepare(key, key_len, &prepared);
        crypto_hmac_sha256(&prepared, &(struct crypto_part){text, len}, 1, ours);
        assert_non_null(HMAC(EVP_sha256(), key, (int)key_len, text, len, theirs, &written));
        assert_memory_equal(ours, theirs, sizeof ours);
    }
    uint8_t short_key[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct crypto_hmac_key a;
    struct crypto_hmac_key b;
    crypto_hmac_prepare(short_key, 16, &a);
    crypto_hmac_prepare(short_key, 32, &b);
    assert_memory_equal(&a, &b, sizeof a);
}

/* FIPS 197, C.1, in each block of five; then another key in the same thread. */
static void decrypts_aes128(void)
{
    uint8_t key[16];
    uint8_t cipher[5 * CRYPTO_AES_BLOCK];
    uint8_t plain[sizeof cipher + 1];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    static const uint8_t block[] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                    0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
    for (size_t i = 0; i < sizeof cipher; i++)
        cipher[i] = block[i % sizeof block];
    plain[sizeof cipher] = 0x77;
    crypto_aes128_ecb_decrypt(key, cipher, sizeof cipher, plain);
    for (size_t i = 0; i < sizeof cipher; i++)
        assert_int_equal(plain[i], i % sizeof block * 0x11);
    assert_int_equal(plain[sizeof cipher], 0x77);
    crypto_aes128_ecb_decrypt(key, cipher, 0, plain);
    assert_int_equal(plain[1], 0x11);
    key[0] ^= 1;
    crypto_aes128_ecb_decrypt(key, cipher, sizeof block, plain);
    assert_int_not_equal(plain[1], 0x11);
    assert_int_equal(plain[sizeof block + 1], 0x11);
}

/* There is no context before crypto_init: the older functions do it. */
static void decrypts_without_crypto_init(void **state)
{
    (void)state;
    decrypts_aes128();
}

struct decryption {
    uint8_t key[16], cipher[CRYPTO_AES_BLOCK], plain[CRYPTO_AES_BLOCK];
};

static void *decrypt_in_a_thread(void *context)
{
    struct decryption *job = context;
    for (int i = 0; i < 1000; i++)
        crypto_aes128_ecb_decrypt(job->key, job->cipher, sizeof job->cipher, job->plain);
    return NULL;
}

/* Each with a key of its own. */
static void decrypts_in_several_threads(void **state)
{
    (void)state;
    assert_true(crypto_init());
    decrypts_aes128();
    pthread_t threads[4];
    struct decryption jobs[ARRAY_LEN(threads)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        jobs[i].key[3] = (uint8_t)i;
        assert_int_equal(pthread_create(&threads[i], NULL, decrypt_in_a_thread, &jobs[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        uint8_t plain[CRYPTO_AES_BLOCK];
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        crypto_aes128_ecb_decrypt(jobs[i].key, jobs[i].cipher, sizeof plain, plain);
        assert_memory_equal(plain, jobs[i].plain, sizeof plain);
        assert_memory_not_equal(plain, jobs[(i + 1) % ARRAY_LEN(jobs)].plain, sizeof plain);
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
        cmocka_unit_test(decrypts_without_crypto_init),
        cmocka_unit_test(hashes_parts_as_one_text),
        cmocka_unit_test(hashes_in_several_threads),
        cmocka_unit_test(decrypts_in_several_threads),
        cmocka_unit_test(macs),
        cmocka_unit_test(macs_as_openssl_does),
        cmocka_unit_test(verifies_ed25519),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
