/* SPDX-License-Identifier: MIT
 *
 * channel_seal - the sender's half of a channel (protocol.md 2 and 4.4), which no program of ours
 * needs: makes the payloads that tests open. Its AES and HMAC are OpenSSL's, not those of
 * common/crypto. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHANNEL_SEALED_MAX 512

struct channel_sealed {
    uint8_t bytes[CHANNEL_SEALED_MAX]; /* hash byte, MAC, cipher blocks */
    size_t len;
};

/* key_len 16 or 32; plain is filled up with zeros to whole blocks. */
struct channel_sealed channel_seal(const uint8_t *key, size_t key_len, const void *plain,
                                   size_t len);
/* The plaintext of a GRP_TXT, text NUL-terminated. */
struct channel_sealed channel_seal_text(const uint8_t *key, size_t key_len, uint32_t timestamp,
                                        uint8_t flags, const char *text);
/* SHA256(name)[:16], the name as it is. */
void channel_hashtag_key(const char *name, uint8_t out[static 16]);
