/* SPDX-License-Identifier: MIT
 *
 * Every channel message and every scope of the corpus, with its keys, its decoys and its regions, against
 * the recorded decodes. Skipped where the corpus is not there. */
#include "tests/support/cmocka_all.h"
#include "tests/support/config_words.h"
#include "tests/support/jsonl.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 1000

static struct channel_keys *corpus_keys;
static struct region_scopes *corpus_scopes;
static size_t texts_seen, texts_opened, scopes_seen;

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void assert_decrypted(const struct channel_text *out, const cJSON *expected)
{
    const cJSON *timestamp = cJSON_GetObjectItemCaseSensitive(expected, "timestamp");
    const cJSON *flags = cJSON_GetObjectItemCaseSensitive(expected, "flags");
    const char *sender = text_of(expected, "sender");
    assert_string_equal(out->channel, text_of(expected, "channel"));
    assert_string_equal(out->text, text_of(expected, "text"));
    assert_string_equal(out->text + out->body, text_of(expected, "message"));
    assert_int_equal(out->timestamp, (int64_t)timestamp->valuedouble);
    assert_int_equal(out->flags, flags->valueint);
    assert_int_equal(out->sender_len, sender == NULL ? 0 : strlen(sender));
    if (sender != NULL)
        assert_memory_equal(out->text, sender, out->sender_len);
}

static size_t bytes_of(const cJSON *packet, uint8_t out[static MESHCORE_FRAME_MAX])
{
    const char *hex = text_of(packet, "payloadHex");
    size_t len;
    assert_true(hex_decode(hex, strlen(hex), out, MESHCORE_FRAME_MAX, &len));
    return len;
}

static void check_text(const struct jsonl_case *c)
{
    const cJSON *packet = cJSON_GetObjectItemCaseSensitive(c->expected, "packet");
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(packet, "payload");
    const char *type = text_of(payload, "type");
    if (type == NULL || strcmp(type, "GRP_TXT") != 0)
        return;
    uint8_t bytes[MESHCORE_FRAME_MAX];
    const size_t len = bytes_of(packet, bytes);
    const cJSON *decrypted = cJSON_GetObjectItemCaseSensitive(payload, "decrypted");
    struct channel_text out;
    const enum channel_result result = channel_keys_open_text(corpus_keys, bytes, len, &out);
    texts_seen++;
    texts_opened += result == CHANNEL_OPENED;
    assert_int_equal(result == CHANNEL_OPENED, cJSON_IsObject(decrypted));
    if (result == CHANNEL_OPENED)
        assert_decrypted(&out, decrypted);
}

/* scopeMatch: null = not scoped, "" = no region fits, else the region. */
static void check_scope(const struct jsonl_case *c)
{
    const cJSON *packet = cJSON_GetObjectItemCaseSensitive(c->expected, "packet");
    const cJSON *codes = cJSON_GetObjectItemCaseSensitive(packet, "transportCodes");
    if (!cJSON_IsArray(codes) || text_of(packet, "payloadHex") == NULL)
        return;
    uint8_t bytes[MESHCORE_FRAME_MAX];
    const size_t len = bytes_of(packet, bytes);
    const uint16_t code = (uint16_t)cJSON_GetArrayItem(codes, 0)->valueint;
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(packet, "payloadType");
    const char *expected = text_of(packet, "scopeMatch");
    const char *name = "";
    const enum scope_result result =
        region_scopes_match(corpus_scopes, code, (uint8_t)type->valueint, bytes, len, &name);
    scopes_seen++;
    if (expected == NULL) {
        assert_int_equal(result, SCOPE_NONE);
        return;
    }
    assert_int_equal(result, expected[0] == '\0' ? SCOPE_UNKNOWN : SCOPE_MATCHED);
    assert_string_equal(name, expected);
}

static cJSON *read_json(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    static char bytes[1 << 20];
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    cJSON *json = cJSON_Parse(bytes);
    assert_non_null(json);
    return json;
}

static void check_texts(const char *name, size_t seen, size_t opened)
{
    texts_seen = texts_opened = 0;
    assert_true(jsonl_check(CORPUS_DIR, name, check_text) > 0);
    assert_int_equal(texts_seen, seen);
    assert_int_equal(texts_opened, opened);
}

/* Forwards and backwards: no order of the configuration makes a decoy win. */
static void opens_what_the_corpus_says(void **state)
{
    (void)state;
    cJSON *json = read_json(CORPUS_DIR "/../channel_keys.json");
    if (json == NULL)
        skip();
    struct config_word_pair words[WORDS_MAX];
    const size_t count = (size_t)cJSON_GetArraySize(json);
    assert_true(count <= WORDS_MAX);
    for (int backwards = 0; backwards < 2; backwards++) {
        for (size_t i = 0; i < count; i++) {
            const cJSON *item = cJSON_GetArrayItem(json, (int)(backwards ? count - 1 - i : i));
            words[i] = (struct config_word_pair){text_of(item, "name"), text_of(item, "key")};
        }
        struct config_pairs pairs = config_words_pairs(words, count);
        corpus_keys = channel_keys_new(&pairs, &(struct config_list){0});
        assert_non_null(corpus_keys);
        config_words_free_pairs(&pairs);
        assert_int_equal(channel_keys_count(corpus_keys), count);
        check_texts("packets", 165, 81);
        check_texts("multi_observer", 276, 137);
        check_texts("testvectors", 2, 0);
        channel_keys_free(corpus_keys);
    }
    cJSON_Delete(json);
}

static void matches_what_the_corpus_says(void **state)
{
    (void)state;
    cJSON *json = read_json(CORPUS_DIR "/../region_scopes.json");
    if (json == NULL)
        skip();
    const char *words[WORDS_MAX] = {NULL};
    const size_t count = (size_t)cJSON_GetArraySize(json);
    assert_true(count < WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        words[i] = text_of(cJSON_GetArrayItem(json, (int)i), "name");
    struct config_list names = config_words_list(words);
    corpus_scopes = region_scopes_new(&names);
    assert_non_null(corpus_scopes);
    config_words_free_list(&names);
    assert_true(jsonl_check(CORPUS_DIR, "packets", check_scope) > 0);
    assert_true(jsonl_check(CORPUS_DIR, "multi_observer", check_scope) > 0);
    assert_true(jsonl_check(CORPUS_DIR, "testvectors", check_scope) > 0);
    assert_true(scopes_seen >= 4);
    region_scopes_free(corpus_scopes);
    cJSON_Delete(json);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_the_corpus_says),
        cmocka_unit_test(matches_what_the_corpus_says),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
