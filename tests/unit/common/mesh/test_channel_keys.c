/* SPDX-License-Identifier: MIT
 *
 * protocol.md 2, 4.4 and 4.5 with messages made here for each rule. The pair of #news and #weather
 * has the hash byte 03 in common, #z143 has 00. */
#include "tests/support/channel_seal.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/config_words.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC_KEY    "8b3387e9c5cdea6ac9e5edbaa115cd72"
#define TEST_KEY      "9cd8fcf22a47333b591d96a2b848b73f"
#define SYNTHETIC_KEY "a89168acef9b8d27d8d8ad3c65c98e203df76cc7f06803add802b028990a1196"

/* The names end with NULL. */
static struct channel_keys *make_keys(const struct config_word_pair *pairs, size_t pair_count,
                                      const char *const *names)
{
    struct config_pairs keys = config_words_pairs(pairs, pair_count);
    struct config_list hash_channels = config_words_list(names);
    struct channel_keys *set = channel_keys_new(&keys, &hash_channels);
    assert_non_null(set);
    config_words_free_pairs(&keys);
    config_words_free_list(&hash_channels);
    return set;
}

static struct channel_keys *make_hashtags(const char *const *names)
{
    return make_keys(NULL, 0, names);
}

static const char *const no_names[] = {NULL};

static enum channel_result open_text(const struct channel_keys *keys,
                                     const struct channel_sealed *sealed, struct channel_text *out)
{
    /* At the very end of its memory, so that a sanitizer sees a read behind it. */
    uint8_t *copy = malloc(1 + sealed->len);
    assert_non_null(copy);
    memcpy(copy + 1, sealed->bytes, sealed->len);
    const enum channel_result result = channel_keys_open_text(keys, copy + 1, sealed->len, out);
    free(copy);
    return result;
}

static struct channel_sealed from_hex(const char *hex)
{
    struct channel_sealed sealed;
    assert_true(hex_decode(hex, strlen(hex), sealed.bytes, sizeof sealed.bytes, &sealed.len));
    return sealed;
}

/* What a text comes to on #test; "" for none. */
static void assert_text(uint8_t flags, const char *sent, enum channel_result result,
                        const char *expected)
{
    uint8_t key[16];
    const char *const names[] = {"#test", NULL};
    struct channel_keys *keys = make_hashtags(names);
    struct channel_text out = {0};
    channel_hashtag_key("#test", key);
    const struct channel_sealed sealed = channel_seal_text(key, sizeof key, 7, flags, sent);
    assert_int_equal(open_text(keys, &sealed, &out), result);
    assert_string_equal(out.text, expected);
    assert_int_equal(out.text_len, strlen(expected));
    channel_keys_free(keys);
}

/* Two captured messages of the corpus (tp0003, tp0001). */
static void opens_recorded_messages(void **state)
{
    (void)state;
    const char *const names[] = {"#test", NULL};
    struct channel_keys *keys = make_hashtags(names);
    struct channel_text out;
    struct channel_sealed sealed =
        from_hex("116973D9AA0E6A878B928C18578FB0C8356011F34A135C60F5E1DFD9FB58894E263ABD");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "Public");
    assert_string_equal(out.text, "hrkCompanion: testing");
    assert_int_equal(out.timestamp, 1774798070);
    assert_int_equal(out.flags, 0);
    assert_int_equal(out.sender_len, 12);
    assert_string_equal(out.text + out.body, "testing");

    sealed =
        from_hex("D92F365EB798ABCF98ADE9AD5564C03150295EB15B8BE1B388EBB7733D3112CABD42830928E0AF"
                 "222205834112BA9A47D6E344");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "#test");
    assert_string_equal(out.text + out.body, "@[ESP1 Gilroy Home] \xf0\x9f\x9a\xbd");
    channel_keys_free(keys);
}

/* 4.4: Public is built in, and a hashtag's key is that of its name, '#' included. */
static void derives_keys(void **state)
{
    (void)state;
    const struct config_word_pair pairs[] = {{"mine", TEST_KEY}};
    const char *const names[] = {"#test", "test", "#Test", NULL};
    struct channel_keys *keys = make_keys(pairs, 1, names);
    assert_int_equal(channel_keys_count(keys), 3); /* mine = #test = test; #Test; Public */
    uint8_t key[16];
    struct channel_text out;
    channel_hashtag_key("#Test", key);
    struct channel_sealed sealed = channel_seal_text(key, sizeof key, 0, 0, "x");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "#Test");
    channel_hashtag_key("#test", key);
    sealed = channel_seal_text(key, sizeof key, 0, 0, "x");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "mine");
    channel_keys_free(keys);

    const char *const without_sign[] = {"test", NULL};
    keys = make_hashtags(without_sign);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "#test");
    channel_keys_free(keys);
}

static void names_public_as_configured(void **state)
{
    (void)state;
    const struct config_word_pair pairs[] = {{"Town", "8B3387E9C5CDEA6AC9E5EDBAA115CD72"},
                                             {"Again", PUBLIC_KEY}};
    struct channel_keys *keys = make_keys(pairs, 2, no_names);
    assert_int_equal(channel_keys_count(keys), 1);
    struct channel_text out;
    const struct channel_sealed sealed =
        from_hex("116973D9AA0E6A878B928C18578FB0C8356011F34A135C60F5E1DFD9FB58894E263ABD");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "Town");
    channel_keys_free(keys);
}

/* Names are cut between characters; values that are no keys are none. */
static void takes_odd_configurations(void **state)
{
    (void)state;
    char name[100];
    memset(name, 'n', sizeof name);
    memcpy(name + CHANNEL_NAME_MAX - 2, "\xc3\xa9 and more", 12);
    const struct config_word_pair pairs[] = {
        {name, TEST_KEY},
        {"short", "0102"},
        {"empty", ""},
        {"middle", "010203040506070809101112131415161718192021222324"}};
    struct channel_keys *keys = make_keys(pairs, ARRAY_LEN(pairs), no_names);
    assert_int_equal(channel_keys_count(keys), 2);
    uint8_t key[16];
    channel_hashtag_key("#test", key);
    struct channel_text out;
    const struct channel_sealed sealed = channel_seal_text(key, sizeof key, 0, 0, "x");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_int_equal(strlen(out.channel), CHANNEL_NAME_MAX - 2);
    assert_memory_equal(out.channel, name, CHANNEL_NAME_MAX - 2);
    channel_keys_free(keys);
    channel_keys_free(NULL);
}

/* 4.4: several keys may share a hash byte; the MAC tells them apart. */
static void tells_keys_of_one_hash_byte_apart(void **state)
{
    (void)state;
    const char *const names[] = {"#news", "#weather", NULL};
    struct channel_keys *keys = make_hashtags(names);
    for (size_t i = 0; names[i] != NULL; i++) {
        uint8_t key[16];
        struct channel_text out;
        channel_hashtag_key(names[i], key);
        const struct channel_sealed sealed = channel_seal_text(key, sizeof key, 5, 0, "hi");
        assert_int_equal(sealed.bytes[0], 0x03);
        assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
        assert_string_equal(out.channel, names[i]);
    }
    channel_keys_free(keys);
}

/* A message of #weather, found by search, whose MAC fits #news too, where it is no text (4.4). */
static void passes_over_what_is_not_plausible(void **state)
{
    (void)state;
    const struct channel_sealed sealed = from_hex("03304f65cdd6fa679b87ab09525870597faddf");
    const char *const both[] = {"#news", "#weather", NULL};
    const char *const news[] = {"#news", NULL};
    struct channel_text out = {0};
    struct channel_keys *keys = make_hashtags(both);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "#weather");
    assert_string_equal(out.text, "A: storm");
    assert_int_equal(out.sender_len, 1);
    channel_keys_free(keys);

    struct channel_text untouched;
    memset(&untouched, 0x55, sizeof untouched);
    out = untouched;
    keys = make_hashtags(news);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_FAILED);
    assert_memory_equal(&out, &untouched, sizeof out);
    channel_keys_free(keys);
}

/* A GRP_DATA found by search that fits both keys: the one that comes first in the
 * configuration has it. */
static void takes_the_first_of_fitting_keys(void **state)
{
    (void)state;
    const struct channel_sealed sealed = from_hex("03d1c6d7a7d41bc02a89ee76b8c526056dc065");
    const char *const orders[][3] = {{"#news", "#weather", NULL}, {"#weather", "#news", NULL}};
    static const size_t lengths[] = {7, 5};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct channel_keys *keys = make_hashtags(orders[i]);
        struct channel_data out;
        assert_int_equal(channel_keys_open_data(keys, sealed.bytes, sealed.len, &out),
                         CHANNEL_OPENED);
        assert_string_equal(out.channel, orders[i][0]);
        assert_int_equal(out.data_len, lengths[i]);
        channel_keys_free(keys);
    }
}

/* 4.4: hash byte 0 is a value. */
static void opens_hash_byte_zero(void **state)
{
    (void)state;
    const char *const names[] = {"#z143", NULL};
    struct channel_keys *keys = make_hashtags(names);
    uint8_t key[16];
    struct channel_text out;
    channel_hashtag_key(names[0], key);
    struct channel_sealed sealed = channel_seal_text(key, sizeof key, 0, 3, "");
    assert_int_equal(sealed.bytes[0], 0);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "#z143");
    assert_int_equal(out.timestamp, 0);
    assert_int_equal(out.flags, 3);
    assert_int_equal(out.text_len, 0);
    channel_keys_free(keys);
    keys = make_hashtags(no_names);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_NO_KEY);
    channel_keys_free(keys);
}

/* 2 and 4.4: of a 32-byte key the first half is the AES key; MAC and hash byte are over
 * all of it. */
static void opens_with_a_long_key(void **state)
{
    (void)state;
    uint8_t key[32];
    size_t len;
    assert_true(hex_decode(SYNTHETIC_KEY, 64, key, sizeof key, &len));
    const struct config_word_pair pairs[] = {{"half", "a89168acef9b8d27d8d8ad3c65c98e20"},
                                             {"whole", SYNTHETIC_KEY}};
    struct channel_keys *keys = make_keys(pairs, 2, no_names);
    assert_int_equal(channel_keys_count(keys), 3);
    struct channel_text out;
    struct channel_sealed sealed = channel_seal_text(key, sizeof key, 0xfedcba98, 0, "a: b");
    assert_int_equal(sealed.bytes[0], 0xbf);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "whole");
    assert_int_equal(out.timestamp, 0xfedcba98);
    sealed = channel_seal_text(key, 16, 0, 0, "a: b");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "half");
    channel_keys_free(keys);
}

/* 4.4: 64 digits whose second half is zero are a key of 16 bytes, for its hash byte and MAC. */
static void a_long_key_with_a_zero_half_is_short(void **state)
{
    (void)state;
    const struct config_word_pair pairs[] = {
        {"half", "a89168acef9b8d27d8d8ad3c65c98e2000000000000000000000000000000000"}};
    struct channel_keys *keys = make_keys(pairs, 1, no_names);
    uint8_t key[16];
    size_t len;
    struct channel_text out;
    assert_true(hex_decode(pairs[0].value, 32, key, sizeof key, &len));
    const struct channel_sealed sealed = channel_seal_text(key, sizeof key, 0, 0, "a: b");
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "half");
    channel_keys_free(keys);
}

/* 2: the MAC is checked, both bytes of it, over all of the ciphertext. */
static void refuses_a_wrong_mac(void **state)
{
    (void)state;
    const char *const names[] = {"#test", NULL};
    struct channel_keys *keys = make_hashtags(names);
    uint8_t key[16];
    channel_hashtag_key("#test", key);
    const struct channel_sealed sealed =
        channel_seal_text(key, sizeof key, 1, 0, "someone: a text of more than one block");
    for (size_t bit = 8; bit < 8 * sealed.len; bit++) {
        struct channel_text out;
        struct channel_sealed damaged = sealed;
        damaged.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_text(keys, &damaged, &out), CHANNEL_FAILED);
    }
    channel_keys_free(keys);
}

/* 4.4 and 4.1: hash byte, MAC, and whole blocks, at least one. */
static void checks_the_length(void **state)
{
    (void)state;
    const char *const names[] = {"#test", NULL};
    struct channel_keys *keys = make_hashtags(names);
    uint8_t key[16];
    channel_hashtag_key("#test", key);
    const struct channel_sealed whole =
        channel_seal_text(key, sizeof key, 1, 0, "someone: a text of more than one block");
    for (size_t len = 0; len < whole.len; len++) {
        struct channel_text out;
        struct channel_data data;
        struct channel_sealed cut = whole;
        cut.len = len;
        const enum channel_result expected = len < 19 ? CHANNEL_TOO_SHORT : CHANNEL_FAILED;
        assert_int_equal(open_text(keys, &cut, &out), expected);
        assert_int_equal(channel_keys_open_data(keys, cut.bytes, len, &data), expected);
        cut.bytes[0] ^= 1;
        assert_int_equal(open_text(keys, &cut, &out),
                         len < 19 ? CHANNEL_TOO_SHORT : CHANNEL_NO_KEY);
    }
    /* Of every possible length: never more than the payload limit. */
    for (size_t blocks = 1; blocks <= 12; blocks++) {
        char text[200];
        struct channel_text out;
        memset(text, 'x', sizeof text);
        text[blocks * 16 - 5] = '\0';
        const struct channel_sealed sealed = channel_seal_text(key, sizeof key, 1, 0, text);
        const bool fits = sealed.len <= MESHCORE_PAYLOAD_MAX;
        assert_int_equal(open_text(keys, &sealed, &out), fits ? CHANNEL_OPENED : CHANNEL_FAILED);
        if (fits)
            assert_string_equal(out.text, text);
    }
    channel_keys_free(keys);
}

/* 4.4: text type 0 only, of any attempt; the text ends at a NUL or with the plaintext. */
static void checks_the_text_type(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 256; flags++) {
        const bool is_plain = flags < 4;
        assert_text((uint8_t)flags, "n: hi", is_plain ? CHANNEL_OPENED : CHANNEL_FAILED,
                    is_plain ? "n: hi" : "");
    }
    uint8_t key[16];
    struct channel_text out;
    const char *const names[] = {"#test", NULL};
    struct channel_keys *keys = make_hashtags(names);
    channel_hashtag_key("#test", key);
    static const char plain[] = "\1\0\0\0\0before\0\xff\x01\x02\x03 behind";
    const struct channel_sealed sealed = channel_seal(key, sizeof key, plain, sizeof plain);
    assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
    assert_string_equal(out.text, "before");
    channel_keys_free(keys);
}

/* 4.4: at most two control characters; line breaks and tabs are ordinary. */
static void counts_control_characters(void **state)
{
    (void)state;
    assert_text(0, "a\n\r\tb\x1f\x1f", CHANNEL_OPENED, "a\n\r\tb\x1f\x1f");
    assert_text(0, "a\n\nb\x1f\x1e\x7f", CHANNEL_FAILED, "");
    assert_text(0, "\x01\x02\x03", CHANNEL_FAILED, "");
    assert_text(0, "\xc2\x85\xc2\x9f", CHANNEL_OPENED, "\xc2\x85\xc2\x9f");
    assert_text(0, "\xc2\x80\xc2\x85\xc2\x9f", CHANNEL_FAILED, "");
    assert_text(0, "\xc2\xa0\xc2\xa1\xc3\x80\xc3\x85", CHANNEL_OPENED,
                "\xc2\xa0\xc2\xa1\xc3\x80\xc3\x85");
    /* Also in front of a cut character. */
    assert_text(0, "\x01\x02\x03\xf0\x9f", CHANNEL_FAILED, "");
}

/* 4.4: valid UTF-8, but the last character may be cut, and three bytes may be bad where a sender
 * may be; what is bad is replaced (4.3), not hidden, but at the end of the sender. */
static void checks_utf8(void **state)
{
    (void)state;
    static const char *const cut[] = {"\xc3",         "\xe0",     "\xe2\x82",     "\xed\x9f",
                                      "\xf0",         "\xf0\x9f", "\xf0\x9f\x9a", "\xf4\x8f",
                                      "\xf4\x8f\xbf", "\xef\xbf", "\xdf",         "\xf0\x90"};
    static const char *const wrong[] = {
        "\x80",     "\xc0",     "\xc1",     "\xf5",     "\xff",     "\xe0\x80", "\xe0\x9f",
        "\xed\xa0", "\xf0\x8f", "\xf4\x90", "\xc3\x28", "\xe2\x28", "\xc3\xc3", "\xf0\x9f\x9a\xc0"};
    char text[32];
    for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
        (void)snprintf(text, sizeof text, "n: ok%s", cut[i]);
        assert_text(0, text, CHANNEL_OPENED, "n: ok\xef\xbf\xbd");
        (void)snprintf(text, sizeof text, "n ok%sx", cut[i]);
        assert_text(0, text, CHANNEL_FAILED, "");
        /* A companion cuts its user's name; the name in the adverts has no such piece. */
        (void)snprintf(text, sizeof text, "n%s: ok", cut[i]);
        assert_text(0, text, CHANNEL_OPENED, "n: ok");
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        (void)snprintf(text, sizeof text, "n ok%s", wrong[i]);
        assert_text(0, text, CHANNEL_FAILED, "");
    }
    assert_text(0, "n: \x80\xff\xffx", CHANNEL_OPENED, "n: \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
    assert_text(0, "n: \x80\xff\xff\xffx", CHANNEL_FAILED, "");
    assert_text(0, "\xe2\x82\xac \xf0\x9f\x9a\xbd", CHANNEL_OPENED,
                "\xe2\x82\xac \xf0\x9f\x9a\xbd");
    assert_text(0, "\xf0\x9f\x9a", CHANNEL_OPENED, "\xef\xbf\xbd");
    /* Cut by the end of the plaintext, not by a NUL. */
    assert_text(0, "0123456789\xc3", CHANNEL_OPENED, "0123456789\xef\xbf\xbd");
}

static void assert_split(const char *text, size_t sender_len, size_t body)
{
    size_t got_sender = 99;
    size_t got_body = 99;
    channel_split_sender(text, strlen(text), &got_sender, &got_body);
    assert_int_equal(got_sender, sender_len);
    assert_int_equal(got_body, body);
}

/* 4.4: the first ": " at 0 < p <= 31, and no ':' before it. */
static void splits_the_sender(void **state)
{
    (void)state;
    assert_split("", 0, 0);
    assert_split(":", 0, 0);
    assert_split(": text", 0, 0);
    assert_split("a: text", 1, 3);
    assert_split("a: ", 1, 3);
    assert_split("a:", 0, 0);
    assert_split("a:b: text", 0, 0);
    assert_split("a:b c", 0, 0);
    assert_split("[a]: text", 3, 5);
    assert_split("a]: text", 2, 4);
    assert_split("a [b: text", 4, 6);
    assert_split("a: [b]: c", 1, 3);
    assert_split("no sender", 0, 0);
    char text[64];
    memset(text, 'n', sizeof text);
    memcpy(text + 31, ": x", 4);
    assert_split(text, 31, 33);
    text[31] = 'n';
    memcpy(text + 32, ": x", 4);
    assert_split(text, 0, 0);
    size_t sender = 9;
    size_t body = 9;
    channel_split_sender("a: b", 2, &sender, &body);
    assert_int_equal(sender, 0);
    assert_int_equal(body, 0);
}

/* 4.5: data type, length, data; a length beyond the plaintext is malformed. Zeros are values. */
static void opens_data(void **state)
{
    (void)state;
    const char *const names[] = {"#test", NULL};
    struct channel_keys *keys = make_hashtags(names);
    uint8_t key[16];
    uint8_t plain[32] = {0x01, 0xff, 13, 0, 'b', 0xff, 0x01, 0x02, 0x03};
    channel_hashtag_key("#test", key);
    struct channel_data out;
    struct channel_sealed sealed = channel_seal(key, sizeof key, plain, 16);
    assert_int_equal(channel_keys_open_data(keys, sealed.bytes, sealed.len, &out), CHANNEL_OPENED);
    assert_string_equal(out.channel, "#test");
    assert_int_equal(out.data_type, 0xff01);
    assert_int_equal(out.data_len, 13);
    assert_memory_equal(out.data, plain + 3, 13);

    plain[2] = 14;
    sealed = channel_seal(key, sizeof key, plain, 16);
    assert_int_equal(channel_keys_open_data(keys, sealed.bytes, sealed.len, &out), CHANNEL_FAILED);
    sealed = channel_seal(key, sizeof key, plain, 32);
    assert_int_equal(channel_keys_open_data(keys, sealed.bytes, sealed.len, &out), CHANNEL_OPENED);
    assert_int_equal(out.data_len, 14);

    plain[0] = plain[1] = plain[2] = 0;
    sealed = channel_seal(key, sizeof key, plain, 16);
    assert_int_equal(channel_keys_open_data(keys, sealed.bytes, sealed.len, &out), CHANNEL_OPENED);
    assert_int_equal(out.data_type, 0);
    assert_int_equal(out.data_len, 0);
    channel_keys_free(keys);
}

static void names_encrypted_channels(void **state)
{
    (void)state;
    char name[8];
    channel_encrypted_name(0x3a, name);
    assert_string_equal(name, "enc_3A");
    channel_encrypted_name(0, name);
    assert_string_equal(name, "enc_00");
}

/* A full configuration: each of 10,000 keys is found, and no other takes its message. */
static void finds_each_of_many_keys(void **state)
{
    (void)state;
    static char texts[CHANNEL_KEYS_MAX][12];
    static const char *names[CHANNEL_KEYS_MAX + 1];
    for (size_t i = 0; i < CHANNEL_KEYS_MAX; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "#c%zu", i);
        names[i] = texts[i];
    }
    struct channel_keys *keys = make_hashtags(names);
    assert_int_equal(channel_keys_count(keys), CHANNEL_KEYS_MAX + 1);
    for (size_t i = 0; i < CHANNEL_KEYS_MAX; i += 97) {
        uint8_t key[16];
        struct channel_text out;
        channel_hashtag_key(names[i], key);
        const struct channel_sealed sealed =
            channel_seal_text(key, sizeof key, (uint32_t)i, 0, names[i]);
        assert_int_equal(open_text(keys, &sealed, &out), CHANNEL_OPENED);
        assert_string_equal(out.channel, names[i]);
        assert_string_equal(out.text, names[i]);
    }
    channel_keys_free(keys);
}

struct reader_job {
    const struct channel_keys *keys;
    struct channel_sealed sealed;
    size_t opened;
};

static void *open_in_a_thread(void *context)
{
    struct reader_job *job = context;
    for (int i = 0; i < 1000; i++) {
        struct channel_text out;
        job->opened += channel_keys_open_text(job->keys, job->sealed.bytes, job->sealed.len,
                                              &out) == CHANNEL_OPENED &&
                       strcmp(out.text, out.channel) == 0;
    }
    return NULL;
}

static void serves_many_threads(void **state)
{
    (void)state;
    const char *const names[] = {"#news", "#weather", "#test", "#z143", NULL};
    struct channel_keys *keys = make_hashtags(names);
    pthread_t threads[4];
    struct reader_job jobs[ARRAY_LEN(threads)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        uint8_t key[16];
        channel_hashtag_key(names[i], key);
        jobs[i] = (struct reader_job){keys, channel_seal_text(key, 16, 1, 0, names[i]), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, open_in_a_thread, &jobs[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].opened, 1000);
    }
    channel_keys_free(keys);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_recorded_messages),
        cmocka_unit_test(derives_keys),
        cmocka_unit_test(names_public_as_configured),
        cmocka_unit_test(takes_odd_configurations),
        cmocka_unit_test(tells_keys_of_one_hash_byte_apart),
        cmocka_unit_test(passes_over_what_is_not_plausible),
        cmocka_unit_test(takes_the_first_of_fitting_keys),
        cmocka_unit_test(opens_hash_byte_zero),
        cmocka_unit_test(opens_with_a_long_key),
        cmocka_unit_test(a_long_key_with_a_zero_half_is_short),
        cmocka_unit_test(refuses_a_wrong_mac),
        cmocka_unit_test(checks_the_length),
        cmocka_unit_test(checks_the_text_type),
        cmocka_unit_test(counts_control_characters),
        cmocka_unit_test(checks_utf8),
        cmocka_unit_test(splits_the_sender),
        cmocka_unit_test(opens_data),
        cmocka_unit_test(names_encrypted_channels),
        cmocka_unit_test(finds_each_of_many_keys),
        cmocka_unit_test(serves_many_threads),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
