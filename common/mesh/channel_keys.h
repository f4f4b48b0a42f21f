/* SPDX-License-Identifier: MIT
 *
 * channel_keys - the channels whose messages we can read, and the reading (protocol.md
 * 4.4 and 4.5).
 *
 * Keys are sorted by their hash byte, then by their place in the configuration, so that of several
 * fitting keys always the same one is taken: hash byte, then MAC, then plausibility. A wrong key
 * passes the 16-bit MAC once in 65,536, hence the plausibility: text type 0, at most two control
 * characters besides line breaks and tabs, valid UTF-8 but for a cut last character and, where
 * there may be a sender, three bytes: its name may be cut. Public is built in, last of its hash
 * byte.
 * Immutable after channel_keys_new, so any thread may read. Ownership: the set owns names and keys;
 * results borrow names from it. crypto_init first. */
#pragma once

#include "common/config/config.h"
#include "common/mesh/meshcore.h"

#define CHANNEL_KEYS_MAX CONFIG_CHANNELS_MAX
#define CHANNEL_NAME_MAX 65 /* bytes of a channel's name, NUL included; longer ones are cut */

struct channel_keys;

/* From channelKeys (and the file channelKeysPath, merged by config), hashChannels (a missing
 * '#' is put in front) and Public. A key given twice counts once, under its first name.
 * NULL: out of memory. */
NODISCARD struct channel_keys *channel_keys_new(const struct config_pairs *keys,
                                                const struct config_list *hash_channels);
void channel_keys_free(struct channel_keys *keys);
size_t channel_keys_count(const struct channel_keys *keys);
/* Here and below keys may be NULL: no keys at all. */
NODISCARD bool channel_keys_has(const struct channel_keys *keys, uint8_t hash_byte);

enum channel_result {
    CHANNEL_TOO_SHORT, /* not hash byte, MAC and at least one whole cipher block */
    CHANNEL_NO_KEY,    /* no key has this hash byte */
    CHANNEL_FAILED,    /* keys have, but no MAC fits, blocks are not whole, or it is implausible */
    CHANNEL_OPENED,
};

/* Untouched unless CHANNEL_OPENED. */
struct channel_text {
    const char *channel; /* the key's name */
    uint32_t timestamp;  /* the sender's clock, seconds */
    uint8_t flags;
    /* "sender: message", valid UTF-8 (a cut last character is one U+FFFD, at the end of the sender
     * it is left out), NUL-terminated. */
    char text[MESHCORE_PAYLOAD_MAX + 1];
    size_t text_len;
    size_t sender_len; /* 0 = no sender; else text[0..sender_len) */
    size_t body;       /* the message begins here: 0, or behind ": " */
};
enum channel_result channel_keys_open_text(const struct channel_keys *keys, const uint8_t *payload,
                                           size_t len, struct channel_text *out);

struct channel_data {
    const char *channel;
    uint16_t data_type;
    uint8_t data[MESHCORE_PAYLOAD_MAX];
    size_t data_len;
};
/* Plausible = the length byte fits the plaintext. */
enum channel_result channel_keys_open_data(const struct channel_keys *keys, const uint8_t *payload,
                                           size_t len, struct channel_data *out);

/* "enc_3A" */
void channel_encrypted_name(uint8_t hash_byte, char out[static 8]);
/* protocol.md 4.4: sender_len and where the message begins, for any text. */
void channel_split_sender(const char *text, size_t len, size_t *out_sender_len, size_t *out_body);
