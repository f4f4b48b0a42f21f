/* SPDX-License-Identifier: MIT
 *
 * crypto_sha256 has no way to fail, because its callers have none to go on without a hash: where OpenSSL can
 * not give this thread a context (out of memory, or crypto_init did not run) libsodium's portable code, which
 * allocates nothing, computes the same bytes at about half the speed.
 *
 * The digest is fetched once (a fetch by name costs more than the hash), and each thread keeps one context. A
 * pthread key frees it when its thread ends: C11 thread-locals have no destructor. */
#include "common/crypto.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>

/* written once, by init_once */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static pthread_key_t context_key;
static bool is_ready;

/* this thread only */
static _Thread_local EVP_MD_CTX *context;

static void free_context(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void init_once(void)
{
    if (sodium_init() < 0 || pthread_key_create(&context_key, free_context) != 0)
        return;
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    is_ready = sha256 != NULL;
}

bool crypto_init(void)
{
    return pthread_once(&once, init_once) == 0 && is_ready;
}

/* NULL when there is none to be had. */
static EVP_MD_CTX *thread_context(void)
{
    if (context != NULL || !is_ready)
        return context;
    EVP_MD_CTX *fresh = EVP_MD_CTX_new();
    if (fresh == NULL)
        return NULL;
    /* The key's destructor is the only owner: without it the context would outlive its thread. */
    if (EVP_DigestInit_ex2(fresh, sha256, NULL) != 1 ||
        pthread_setspecific(context_key, fresh) != 0) {
        EVP_MD_CTX_free(fresh);
        return NULL;
    }
    context = fresh;
    return context;
}

static bool openssl_sha256(const struct crypto_part *parts, size_t count, uint8_t out[static 32])
{
    EVP_MD_CTX *ctx = thread_context();
    /* A NULL digest starts the one it holds again, without a look at its type. */
    if (ctx == NULL || EVP_DigestInit_ex2(ctx, NULL, NULL) != 1)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0 && EVP_DigestUpdate(ctx, parts[i].bytes, parts[i].len) != 1)
            return false;
    }
    return EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/* The three calls always return 0. */
static void sodium_sha256(const struct crypto_part *parts, size_t count, uint8_t out[static 32])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            (void)crypto_hash_sha256_update(&state, parts[i].bytes, parts[i].len);
    }
    (void)crypto_hash_sha256_final(&state, out);
}

void crypto_sha256(const struct crypto_part *parts, size_t count, uint8_t out[static 32])
{
    if (!openssl_sha256(parts, count, out))
        sodium_sha256(parts, count, out);
}

bool crypto_ed25519_verify(const uint8_t signature[static 64], const uint8_t *message, size_t len,
                           const uint8_t public_key[static 32])
{
    return crypto_sign_verify_detached(signature, message, len, public_key) == 0;
}
