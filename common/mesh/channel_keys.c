/* SPDX-License-Identifier: MIT
 *
 * Keys lie sorted by (hash byte, place in the configuration); bucket[h] .. bucket[h + 1] are those
 * of hash byte h. So with 10,000 keys a message costs about 40 MACs, with 300 about one. Only a key
 * whose MAC fits decrypts. */
#include "common/mesh/channel_keys.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/base/little_endian.h"
#include "common/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES    256
#define MAC_BYTES     2
#define HEAD_BYTES    (1 + MAC_BYTES) /* hash byte, MAC */
#define SECRET_MAX    32
#define SECRET_SHORT  16
#define CONTROLS_MAX  2
#define BAD_BYTES_MAX 3
#define SENDER_MAX    31 /* bytes that a companion keeps of its user's name */

/* protocol.md 4.4 */
static const uint8_t public_key[SECRET_SHORT] = {0x8b, 0x33, 0x87, 0xe9, 0xc5, 0xcd, 0xea, 0x6a,
                                                 0xc9, 0xe5, 0xed, 0xba, 0xa1, 0x15, 0xcd, 0x72};

struct channel_key {
    struct crypto_hmac_key mac;
    uint8_t secret[SECRET_MAX]; /* zeros behind secret_len; the first 16 bytes are the AES key */
    size_t secret_len;
    size_t place;
    uint8_t hash_byte;
    char name[CHANNEL_NAME_MAX];
};

struct channel_keys {
    size_t count;
    size_t bucket[HASH_BYTES + 1];
    struct channel_key items[];
};

static void add(struct channel_keys *set, const char *prefix, const char *name,
                const uint8_t *secret, size_t len)
{
    struct channel_key *key = &set->items[set->count];
    uint8_t digest[32];
    crypto_sha256(&(struct crypto_part){secret, len}, 1, digest);
    key->hash_byte = digest[0];
    memcpy(key->secret, secret, len);
    key->secret_len = len;
    crypto_hmac_prepare(secret, len, &key->mac);
    const size_t used =
        utf8_sanitize(key->name, sizeof key->name, (const uint8_t *)prefix, strlen(prefix));
    (void)utf8_sanitize(key->name + used, sizeof key->name - used, (const uint8_t *)name,
                        strlen(name));
    key->place = set->count++;
}

/* The configuration hands on nothing but 32 or 64 hex digits; other values are no keys. One whose
 * second half is zero is a short one, for the firmware, too (protocol.md 4.4). */
static void add_configured(struct channel_keys *set, const struct config_pair *pair)
{
    static const uint8_t zeros[SECRET_MAX - SECRET_SHORT];
    uint8_t secret[SECRET_MAX];
    size_t len;
    if (hex_decode(pair->value, strlen(pair->value), secret, sizeof secret, &len) &&
        (len == SECRET_SHORT || len == SECRET_MAX)) {
        if (len == SECRET_MAX && memcmp(secret + SECRET_SHORT, zeros, sizeof zeros) == 0)
            len = SECRET_SHORT;
        add(set, "", pair->name, secret, len);
    }
}

/* A '#' that is missing is put in front, as for scopes. */
static void add_hashtag(struct channel_keys *set, const char *name)
{
    uint8_t digest[32];
    const char *prefix = name[0] == '#' ? "" : "#";
    const struct crypto_part parts[] = {{prefix, strlen(prefix)}, {name, strlen(name)}};
    crypto_sha256(parts, ARRAY_LEN(parts), digest);
    add(set, prefix, name, digest, SECRET_SHORT);
}

static int compare(const void *left, const void *right)
{
    const struct channel_key *a = left;
    const struct channel_key *b = right;
    if (a->hash_byte != b->hash_byte)
        return a->hash_byte < b->hash_byte ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

static bool same_secret(const struct channel_key *a, const struct channel_key *b)
{
    return a->secret_len == b->secret_len && memcmp(a->secret, b->secret, a->secret_len) == 0;
}

/* Of equal keys, which have equal hash bytes, the first stays. */
static void drop_repeated(struct channel_keys *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct channel_key *key = &set->items[i];
        size_t j = kept;
        while (j > 0 && set->items[j - 1].hash_byte == key->hash_byte &&
               !same_secret(&set->items[j - 1], key))
            j--;
        if (j == 0 || set->items[j - 1].hash_byte != key->hash_byte)
            set->items[kept++] = *key;
    }
    set->count = kept;
}

static void fill_buckets(struct channel_keys *set)
{
    size_t at = 0;
    for (size_t hash = 0; hash < HASH_BYTES; hash++) {
        set->bucket[hash] = at;
        while (at < set->count && set->items[at].hash_byte == hash)
            at++;
    }
    set->bucket[HASH_BYTES] = at;
}

struct channel_keys *channel_keys_new(const struct config_pairs *keys,
                                      const struct config_list *hash_channels)
{
    const size_t most = keys->count + hash_channels->count + 1;
    struct channel_keys *set = calloc(1, sizeof *set + most * sizeof set->items[0]);
    if (set == NULL)
        return NULL;
    for (size_t i = 0; i < keys->count; i++)
        add_configured(set, &keys->items[i]);
    for (size_t i = 0; i < hash_channels->count; i++)
        add_hashtag(set, hash_channels->items[i]);
    add(set, "", "Public", public_key, sizeof public_key);
    qsort(set->items, set->count, sizeof set->items[0], compare);
    drop_repeated(set);
    fill_buckets(set);
    return set;
}

void channel_keys_free(struct channel_keys *keys)
{
    free(keys);
}

size_t channel_keys_count(const struct channel_keys *keys)
{
    return keys->count;
}

bool channel_keys_has(const struct channel_keys *keys, uint8_t hash_byte)
{
    return keys != NULL && keys->bucket[hash_byte] < keys->bucket[hash_byte + 1];
}

/* False = not plausible; then *out is untouched. */
typedef bool (*reader)(const char *channel, const uint8_t *plain, size_t len, void *out);

static bool mac_fits(const struct channel_key *key, const uint8_t *mac,
                     const struct crypto_part *cipher)
{
    uint8_t digest[32];
    crypto_hmac_sha256(&key->mac, cipher, 1, digest);
    return memcmp(digest, mac, MAC_BYTES) == 0;
}

static enum channel_result open_payload(const struct channel_keys *keys, const uint8_t *payload,
                                        size_t len, reader read, void *out)
{
    if (len < HEAD_BYTES + CRYPTO_AES_BLOCK)
        return CHANNEL_TOO_SHORT;
    if (!channel_keys_has(keys, payload[0]))
        return CHANNEL_NO_KEY;
    const struct crypto_part cipher = {payload + HEAD_BYTES, len - HEAD_BYTES};
    /* protocol.md 4.1: what is not whole blocks is never decrypted. */
    if (len > MESHCORE_PAYLOAD_MAX || cipher.len % CRYPTO_AES_BLOCK != 0)
        return CHANNEL_FAILED;
    for (size_t at = keys->bucket[payload[0]]; at < keys->bucket[payload[0] + 1]; at++) {
        const struct channel_key *key = &keys->items[at];
        uint8_t plain[MESHCORE_PAYLOAD_MAX];
        if (!mac_fits(key, payload + 1, &cipher))
            continue;
        crypto_aes128_ecb_decrypt(key->secret, cipher.bytes, cipher.len, plain);
        if (read(key->name, plain, cipher.len, out))
            return CHANNEL_OPENED;
    }
    return CHANNEL_FAILED;
}

/* Unicode's C0, DEL, C1, but for what people type: line breaks and tabs. */
static bool is_control(const uint8_t *p, size_t len)
{
    if (len == 1)
        return (p[0] < 0x20 && p[0] != '\n' && p[0] != '\r' && p[0] != '\t') || p[0] == 0x7f;
    return len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

/* A companion cuts its user's name, also inside a character, and puts it before ": ". */
static size_t bad_bytes_allowed(const uint8_t *text, size_t len)
{
    return memmem(text, len, ": ", 2) != NULL ? BAD_BYTES_MAX : 0;
}

static bool is_plausible(const uint8_t *text, size_t len)
{
    const size_t end = utf8_whole_len(text, len);
    const size_t allowed = bad_bytes_allowed(text, end);
    size_t controls = 0;
    size_t bad = 0;
    for (size_t at = 0; at < end;) {
        const size_t run = utf8_sequence_len(text + at, end - at);
        if (run == 0) {
            const size_t piece = utf8_bad_len(text + at, end - at);
            bad += piece;
            at += piece;
            continue;
        }
        controls += is_control(text + at, run);
        at += run;
    }
    return controls <= CONTROLS_MAX && bad <= allowed;
}

/* A sender's name that was cut inside a character loses the piece, as the name in its adverts does:
 * one node, one name. */
static void write_text(const uint8_t *text, size_t len, struct channel_text *out)
{
    size_t sender_len;
    size_t body;
    channel_split_sender((const char *)text, len, &sender_len, &body);
    const size_t whole = utf8_whole_len(text, sender_len);
    out->sender_len = utf8_sanitize(out->text, sizeof out->text, text, whole);
    out->text_len = out->sender_len + utf8_sanitize(out->text + out->sender_len,
                                                    sizeof out->text - out->sender_len,
                                                    text + sender_len, len - sender_len);
    out->body = out->sender_len + body - sender_len;
}

static bool read_text(const char *channel, const uint8_t *plain, size_t len, void *context)
{
    enum { FLAGS = 4, TEXT = 5 };
    struct channel_text *out = context;
    const uint8_t *text = plain + TEXT;
    const uint8_t text_type = plain[FLAGS] >> 2;
    const size_t sent_len = strnlen((const char *)text, len - TEXT);
    if (text_type != 0 || !is_plausible(text, sent_len))
        return false;
    out->channel = channel;
    out->timestamp = read_u32(plain);
    out->flags = plain[FLAGS];
    write_text(text, sent_len, out);
    return true;
}

enum channel_result channel_keys_open_text(const struct channel_keys *keys, const uint8_t *payload,
                                           size_t len, struct channel_text *out)
{
    return open_payload(keys, payload, len, read_text, out);
}

static bool read_data(const char *channel, const uint8_t *plain, size_t len, void *context)
{
    enum { LENGTH = 2, DATA = 3 };
    struct channel_data *out = context;
    const size_t data_len = plain[LENGTH];
    if (data_len > len - DATA)
        return false;
    out->channel = channel;
    out->data_type = read_u16(plain);
    memcpy(out->data, plain + DATA, data_len);
    out->data_len = data_len;
    return true;
}

enum channel_result channel_keys_open_data(const struct channel_keys *keys, const uint8_t *payload,
                                           size_t len, struct channel_data *out)
{
    return open_payload(keys, payload, len, read_data, out);
}

void channel_encrypted_name(uint8_t hash_byte, char out[static 8])
{
    (void)snprintf(out, 8, "enc_%02X", (unsigned)hash_byte);
}

void channel_split_sender(const char *text, size_t len, size_t *out_sender_len, size_t *out_body)
{
    const size_t end = min_size(len, SENDER_MAX + 1);
    const char *colon = memchr(text, ':', end);
    const size_t at = colon != NULL ? (size_t)(colon - text) : 0;
    const bool is_split = at > 0 && at + 1 < len && text[at + 1] == ' ';
    *out_sender_len = is_split ? at : 0;
    *out_body = is_split ? at + 2 : 0;
}
