/* SPDX-License-Identifier: MIT
 *
 * crypto - SHA-256 (OpenSSL, pre-fetched EVP_MD: 0.15 us for 64 bytes) and ed25519 verify (libsodium: 47 us,
 * half of OpenSSL's). crypto_init once a process, AFTER fork (both libraries keep per-process state);
 * then all functions may be called from any thread. */
#pragma once

#include "common/base.h"

NODISCARD bool crypto_init(void);
/* Concatenation of the parts; a part may have length 0. */
struct crypto_part {
    const void *bytes;
    size_t len;
};
void crypto_sha256(const struct crypto_part *parts, size_t count, uint8_t out[static 32]);
NODISCARD bool crypto_ed25519_verify(const uint8_t signature[static 64], const uint8_t *message,
                                     size_t len, const uint8_t public_key[static 32]);
