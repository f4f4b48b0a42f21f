/* SPDX-License-Identifier: MIT */
#include "tests/support/channel_seal.h"

#include "tests/support/cmocka_all.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define HEAD  3
#define BLOCK 16

static void encrypt(const uint8_t *key, const uint8_t *plain, size_t len, uint8_t *out)
{
    int written = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_non_null(ctx);
    assert_int_equal(EVP_EncryptInit_ex2(ctx, EVP_aes_128_ecb(), key, NULL, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &written, plain, (int)len), 1);
    assert_int_equal(written, len);
    EVP_CIPHER_CTX_free(ctx);
}

struct channel_sealed channel_seal(const uint8_t *key, size_t key_len, const void *plain,
                                   size_t len)
{
    struct channel_sealed sealed = {.len = HEAD + (len + BLOCK - 1) / BLOCK * BLOCK};
    uint8_t padded[CHANNEL_SEALED_MAX] = {0};
    uint8_t digest[32];
    unsigned digest_len = 0;
    assert_true(sealed.len <= sizeof sealed.bytes);
    memcpy(padded, plain, len);
    encrypt(key, padded, sealed.len - HEAD, sealed.bytes + HEAD);
    assert_non_null(SHA256(key, key_len, digest));
    sealed.bytes[0] = digest[0];
    assert_non_null(HMAC(EVP_sha256(), key, (int)key_len, sealed.bytes + HEAD, sealed.len - HEAD,
                         digest, &digest_len));
    memcpy(sealed.bytes + 1, digest, 2);
    return sealed;
}

struct channel_sealed channel_seal_text(const uint8_t *key, size_t key_len, uint32_t timestamp,
                                        uint8_t flags, const char *text)
{
    uint8_t plain[CHANNEL_SEALED_MAX];
    const size_t len = strlen(text);
    assert_true(5 + len < sizeof plain);
    for (int i = 0; i < 4; i++)
        plain[i] = (uint8_t)(timestamp >> (8 * i));
    plain[4] = flags;
    memcpy(plain + 5, text, len);
    return channel_seal(key, key_len, plain, 5 + len);
}

void channel_hashtag_key(const char *name, uint8_t out[static 16])
{
    uint8_t digest[32];
    assert_non_null(SHA256((const uint8_t *)name, strlen(name), digest));
    memcpy(out, digest, 16);
}
