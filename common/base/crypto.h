/* SPDX-License-Identifier: MIT
 *
 * crypto - SHA-256 (OpenSSL: 0.13 us for 64 bytes), HMAC-SHA256 with a prepared
 * key (0.16 us for 56 bytes), AES-128-ECB decryption (0.1 us, nearly all of it the key) and ed25519
 * verify (libsodium: 47 us, half of OpenSSL's). crypto_init once per process, AFTER fork (both
 * libraries keep per-process state); then all functions may be called from any thread. None but
 * crypto_init can fail. */
#pragma once

#include "common/base/base.h"

NODISCARD bool crypto_init(void);
/* Concatenation of the parts; a part may have length 0. */
struct crypto_part {
    const void *bytes;
    size_t len;
};
void crypto_sha256(const struct crypto_part *parts, size_t count, uint8_t out[static 32]);

/* A server's answer to Sec-WebSocket-Key (RFC 6455, 1.3): base64 of a SHA-1, NUL-terminated.
 * len <= CRYPTO_WEBSOCKET_KEY_MAX */
#define CRYPTO_WEBSOCKET_KEY_MAX 64
#define CRYPTO_WEBSOCKET_ACCEPT  29
void crypto_websocket_accept(const char *key, size_t len, char out[static CRYPTO_WEBSOCKET_ACCEPT]);

/* The hash's state behind each of the two pads of a key (RFC 2104), so that a MAC is two blocks
 * cheaper. One cache line; plain data, which may be copied, and read by many threads. */
struct crypto_hmac_key {
    uint32_t inner[8], outer[8];
};
/* A key that is longer than a block is hashed first. */
void crypto_hmac_prepare(const uint8_t *key, size_t len, struct crypto_hmac_key *out);
void crypto_hmac_sha256(const struct crypto_hmac_key *key, const struct crypto_part *parts,
                        size_t count, uint8_t out[static 32]);

#define CRYPTO_AES_BLOCK 16
/* len is a multiple of CRYPTO_AES_BLOCK and below INT_MAX; in and out do not
 * overlap. No padding. */
void crypto_aes128_ecb_decrypt(const uint8_t key[static 16], const uint8_t *in, size_t len,
                               uint8_t *out);

NODISCARD bool crypto_ed25519_verify(const uint8_t signature[static 64], const uint8_t *message,
                                     size_t len, const uint8_t public_key[static 32]);
