/* SPDX-License-Identifier: MIT
 *
 * Every recorded channel message and scope, with the keys, decoys and regions beside the records,
 * against the recorded decodes. */
#include "tests/support/cmocka_all.h"
#include "tests/support/config_words.h"
#include "tests/support/corpus.h"
#include "tests/support/jsonl.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 1000

static struct channel_keys *keys;
static struct region_scopes *scopes;
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
    const enum channel_result result = channel_keys_open_text(keys, bytes, len, &out);
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
        region_scopes_match(scopes, code, (uint8_t)type->valueint, bytes, len, &name);
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
    assert_non_null(file);
    static char bytes[1 << 20];
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    cJSON *json = cJSON_Parse(bytes);
    assert_non_null(json);
    return json;
}

/* A file of records, how many channel texts are in it and how many of them one of
 * the keys opens. */
struct texts {
    const char *name;
    size_t seen, opened;
};

/* Forwards and backwards: no order of the configuration makes a decoy win. */
static void check_texts(const char *folder, const char *list, const struct texts *files, size_t n)
{
    cJSON *json = read_json(list);
    struct config_word_pair words[WORDS_MAX];
    const size_t count = (size_t)cJSON_GetArraySize(json);
    assert_true(count <= WORDS_MAX);
    for (int backwards = 0; backwards < 2; backwards++) {
        for (size_t i = 0; i < count; i++) {
            const cJSON *item = cJSON_GetArrayItem(json, (int)(backwards ? count - 1 - i : i));
            words[i] = (struct config_word_pair){text_of(item, "name"), text_of(item, "key")};
        }
        struct config_pairs pairs = config_words_pairs(words, count);
        keys = channel_keys_new(&pairs, &(struct config_list){0});
        assert_non_null(keys);
        config_words_free_pairs(&pairs);
        assert_int_equal(channel_keys_count(keys), count);
        for (size_t i = 0; i < n; i++) {
            texts_seen = texts_opened = 0;
            assert_true(jsonl_check(folder, files[i].name, check_text) > 0);
            assert_int_equal(texts_seen, files[i].seen);
            assert_int_equal(texts_opened, files[i].opened);
        }
        channel_keys_free(keys);
    }
    cJSON_Delete(json);
}

static void check_scopes(const char *folder, const char *list, const char *const *files, size_t n)
{
    cJSON *json = read_json(list);
    const char *words[WORDS_MAX] = {NULL};
    const size_t count = (size_t)cJSON_GetArraySize(json);
    assert_true(count < WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        words[i] = text_of(cJSON_GetArrayItem(json, (int)i), "name");
    struct config_list names = config_words_list(words);
    scopes = region_scopes_new(&names);
    assert_non_null(scopes);
    config_words_free_list(&names);
    scopes_seen = 0;
    for (size_t i = 0; i < n; i++)
        assert_true(jsonl_check(folder, files[i], check_scope) > 0);
    assert_true(scopes_seen >= 4);
    region_scopes_free(scopes);
    cJSON_Delete(json);
}

static void opens_what_the_records_say(void **state)
{
    (void)state;
    const struct texts files[] = {{"mesh_decodes", 20, 15}};
    check_texts(FIXTURES_DIR, FIXTURES_DIR "/channel_keys.json", files, ARRAY_LEN(files));
}

static void matches_what_the_records_say(void **state)
{
    (void)state;
    const char *const files[] = {"mesh_decodes"};
    check_scopes(FIXTURES_DIR, FIXTURES_DIR "/region_scopes.json", files, ARRAY_LEN(files));
}

static void opens_what_the_corpus_says(void **state)
{
    (void)state;
    const struct texts files[] = {
        {"packets", 165, 81}, {"multi_observer", 276, 137}, {"testvectors", 2, 0}};
    check_texts(CORPUS_DIR, CORPUS_DIR "/../channel_keys.json", files, ARRAY_LEN(files));
}

static void matches_what_the_corpus_says(void **state)
{
    (void)state;
    const char *const files[] = {"packets", "multi_observer", "testvectors"};
    check_scopes(CORPUS_DIR, CORPUS_DIR "/../region_scopes.json", files, ARRAY_LEN(files));
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(int argc, char **argv)
{
    if (corpus_is_asked(argc, argv)) {
        const struct CMUnitTest recorded[] = {
            cmocka_unit_test(opens_what_the_corpus_says),
            cmocka_unit_test(matches_what_the_corpus_says),
        };
        return corpus_is_there() ? cmocka_run_group_tests(recorded, set_up, NULL) : CORPUS_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_the_records_say),
        cmocka_unit_test(matches_what_the_records_say),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
