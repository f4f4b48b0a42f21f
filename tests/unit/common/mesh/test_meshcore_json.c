/* SPDX-License-Identifier: MIT
 *
 * The JSON rendering, whole texts of it: each payload type's keys (protocol.md 11), and that zero
 * is a value. The sealed payloads were made with the key below, whose hash byte is 00, by another
 * program's AES and HMAC. */
#include "tests/support/cmocka_all.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/json/json.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/meshcore_json.h"
#include "common/mesh/region_scopes.h"

#include <stdio.h>
#include <string.h>

#define KEY "5765697200000000000000000000002b"

static struct channel_keys *keys;
static struct region_scopes *scopes;

static const char *render(const char *hex, const struct meshcore_json_options *options,
                          bool is_payload_only)
{
    static char out[MESHCORE_JSON_MAX];
    static uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len;
    struct meshcore_frame frame;
    assert_true(hex_decode(hex, strlen(hex), bytes, sizeof bytes, &len));
    assert_int_equal(meshcore_parse(bytes, len, &frame), MESHCORE_FRAME_OK);
    if (is_payload_only) {
        len = meshcore_json_payload_text(&frame, options, out, sizeof out);
    } else {
        struct json_write w;
        jw_init(&w, out, sizeof out);
        meshcore_json_packet(&w, NULL, &frame, options);
        len = jw_finish(&w);
    }
    assert_int_equal(len, strlen(out));
    cJSON *parsed = json_parse(out, len, 8);
    assert_non_null(parsed);
    cJSON_Delete(parsed);
    return out;
}

static const char *payload_of(const char *hex)
{
    return render(hex, &(struct meshcore_json_options){.keys = keys}, true);
}

static void renders_a_packet(void **state)
{
    (void)state;
    assert_string_equal(
        render("0E82AABBCC112233DEADBEEF", &(struct meshcore_json_options){.keys = NULL}, false),
        "{\"header\":{\"routeType\":2,\"routeTypeName\":\"DIRECT\",\"payloadType\":3,"
        "\"payloadTypeName\":\"ACK\",\"payloadVersion\":0},"
        "\"path\":{\"hashSize\":3,\"hashCount\":2,\"hops\":[\"AABBCC\",\"112233\"]},"
        "\"payload\":{\"type\":\"ACK\",\"extraHash\":\"efbeadde\",\"ackLen\":4}}");
}

/* 1.3: a sender of 2- or 3-byte hashes says so without hops too. */
static void keeps_the_hash_size_without_hops(void **state)
{
    (void)state;
    assert_non_null(
        strstr(render("0E40DEADBEEF", &(struct meshcore_json_options){.keys = NULL}, false),
               "\"path\":{\"hashSize\":2,\"hashCount\":0,\"hops\":[]}"));
}

/* 5: the codes as on the wire; scope null = not scoped, "" = none fits, no key when
 * nobody can tell. */
static void renders_transport_codes_and_scope(void **state)
{
    (void)state;
    const struct {
        const char *hex, *text;
        bool has_scopes;
    } cases[] = {
        /* type 5, payload "hello", #test */
        {"142AB500000068656C6C6F",
         "\"transportCodes\":{\"code1\":\"2AB5\",\"code2\":\"0000\",\"scope\":\"#test\"}", true},
        {"142AB700010068656C6C6F",
         "\"transportCodes\":{\"code1\":\"2AB7\",\"code2\":\"0001\",\"scope\":\"\"}", true},
        {"142AB600000068656C6C6F", /* both twins */
         "\"transportCodes\":{\"code1\":\"2AB6\",\"code2\":\"0000\",\"scope\":\"\","
         "\"scopeAmbiguous\":true}",
         true},
        {"170000000000"
         "68656C6C6F",
         "\"transportCodes\":{\"code1\":\"0000\",\"code2\":\"0000\",\"scope\":null}", true},
        {"142AB500000068656C6C6F", "\"transportCodes\":{\"code1\":\"2AB5\",\"code2\":\"0000\"}",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_non_null(strstr(
            render(cases[i].hex,
                   &(struct meshcore_json_options){.scopes = cases[i].has_scopes ? scopes : NULL},
                   false),
            cases[i].text));
    assert_null(
        strstr(render("150068656C6C6F", &(struct meshcore_json_options){.scopes = scopes}, false),
               "transport"));
}

/* 4.10: hops from the route, SNR from the path, a remainder only in pathData. */
static void renders_a_trace(void **state)
{
    (void)state;
    assert_non_null(
        strstr(render("260400F4807F"
                      "0000000000000000"
                      "01"
                      "AABBCCDDEE",
                      &(struct meshcore_json_options){.keys = NULL}, false),
               "\"path\":{\"hashSize\":2,\"hashCount\":2,\"hops\":[\"AABB\",\"CCDD\"],"
               "\"hopsCompleted\":4},\"payload\":{\"type\":\"TRACE\",\"tag\":0,\"authCode\":0,"
               "\"traceFlags\":1,\"pathData\":\"aabbccddee\",\"snrValues\":[0,-3,-32,31.75]}}"));
    assert_non_null(
        strstr(render("260130DEADBEEF", &(struct meshcore_json_options){.keys = NULL}, false),
               "\"path\":{\"hashSize\":1,\"hashCount\":0,\"hops\":[],"
               "\"hopsCompleted\":1},\"payload\":{\"type\":\"TRACE\",\"error\":"
               "\"too_short\",\"raw\":\"deadbeef\",\"snrValues\":[12]}}"));
}

static void renders_each_payload(void **state)
{
    (void)state;
#define BLOCK "000102030405060708090a0b0c0d0e0f"
#define WARN  ",\"warn\":\"ciphertext not a positive multiple of 16\"}"
    const struct {
        const char *hex, *text;
    } cases[] = {
        {"0200A1B2C3D4" BLOCK, "{\"type\":\"REQ\",\"destHash\":\"a1\",\"srcHash\":\"b2\",\"mac\":"
                               "\"c3d4\",\"encryptedData\":\"" BLOCK "\"}"},
        {"060000000000", "{\"type\":\"RESPONSE\",\"destHash\":\"00\",\"srcHash\":\"00\",\"mac\":"
                         "\"0000\",\"encryptedData\":\"\"" WARN},
        {"2200A1B2C3D4" BLOCK, "{\"type\":\"PATH\",\"destHash\":\"a1\",\"srcHash\":\"b2\",\"mac\":"
                               "\"c3d4\",\"pathData\":\"" BLOCK "\"}"},
        {"0E00010203800001", "{\"type\":\"ACK\",\"extraHash\":\"80030201\",\"ackLen\":6,"
                             "\"ackAttempt\":0,\"ackRand\":1}"},
        {"0E00010203", "{\"type\":\"ACK\",\"error\":\"too_short\",\"raw\":\"010203\"}"},
        {"1E00AA" BLOCK BLOCK "C0DE" BLOCK,
         "{\"type\":\"ANON_REQ\",\"destHash\":\"aa\",\"ephemeralPubKey\":\"" BLOCK BLOCK
         "\",\"mac\":\"c0de\",\"encryptedData\":\"" BLOCK "\"}"},
        {"2A0003DEADBEEF00F1",
         "{\"type\":\"MULTIPART\",\"remaining\":0,\"innerType\":3,\"innerTypeName\":\"ACK\","
         "\"innerAckCrc\":\"efbeadde\",\"innerAckLen\":6,\"innerAckAttempt\":0,"
         "\"innerAckRand\":241}"},
        {"2A00F2ABCD", "{\"type\":\"MULTIPART\",\"remaining\":15,\"innerType\":2,"
                       "\"innerTypeName\":\"TXT_MSG\",\"innerPayload\":\"abcd\"}"},
        {"2E0081040000000000000000",
         "{\"type\":\"CONTROL\",\"ctrlFlags\":129,\"ctrlZeroHop\":true,\"ctrlLength\":10,"
         "\"ctrlSubtype\":\"DISCOVER_REQ\",\"ctrlFilter\":4,\"ctrlTag\":0,\"ctrlSince\":0}"},
        {"2E009400010000000011223344556677",
         "{\"type\":\"CONTROL\",\"ctrlFlags\":148,\"ctrlZeroHop\":true,\"ctrlLength\":14,"
         "\"ctrlSubtype\":\"DISCOVER_RESP\",\"ctrlTag\":1,\"ctrlNodeType\":4,\"ctrlSNR\":0,"
         "\"ctrlPubKey\":\"0011223344556677\"}"},
        {"2E00900000000000",
         "{\"type\":\"CONTROL\",\"ctrlFlags\":144,\"ctrlZeroHop\":true,\"ctrlLength\":6,"
         "\"ctrlSubtype\":\"DISCOVER_RESP\",\"ctrlTag\":0,\"ctrlNodeType\":0,\"ctrlSNR\":0}"},
        {"2E0070AB", "{\"type\":\"CONTROL\",\"ctrlFlags\":112,\"ctrlZeroHop\":false,"
                     "\"ctrlLength\":2,\"ctrlSubtype\":\"OTHER\",\"raw\":\"70ab\"}"},
        {"2E0092",
         "{\"type\":\"CONTROL\",\"error\":\"too_short\",\"ctrlFlags\":146,\"ctrlZeroHop\":true,"
         "\"ctrlLength\":1,\"ctrlSubtype\":\"DISCOVER_RESP\",\"raw\":\"92\"}"},
        {"3E00AB",
         "{\"type\":\"RAW_CUSTOM\",\"rawLength\":1,\"firstByteTag\":\"ab\",\"raw\":\"ab\"}"},
        {"3600AB", "{\"type\":\"UNKNOWN\",\"raw\":\"ab\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(payload_of(cases[i].hex), cases[i].text);
}

/* 4.4, 4.5 */
static void renders_channels(void **state)
{
    (void)state;
#define CHAN                                                                                       \
    "{\"type\":\"CHAN\",\"channel\":\"priv\",\"channelHash\":0,\"channelHashHex\":\"00\","         \
    "\"decryptionStatus\":\"decrypted\","
#define DATA                                                                                       \
    "{\"type\":\"GRP_DATA\",\"channel\":\"priv\",\"channelHash\":0,\"channelHashHex\":\"00\","     \
    "\"decryptionStatus\":\"decrypted\","
#define SEALED_PART(status, hex, hash, mac, data)                                                  \
    "\"channelHash\":" hash ",\"channelHashHex\":\"" hex "\",\"decryptionStatus\":\"" status       \
    "\",\"mac\":\"" mac "\",\"encryptedData\":\"" data "\""
#define SEALED(status, mac, data) SEALED_PART(status, "00", "0", mac, data) "}"
    const struct {
        const char *hex, *text;
    } cases[] = {
        {"1500"
         "00755ae6086a730a75d62d22352c43771a7b1b",
         CHAN "\"text\":\"no sender\",\"sender_timestamp\":0}"},
        {"1500"
         "001c15c6d3f555e9f8f918033f5fe248b0aa2df7e4aca7b080e7ab38487252b9dc44b5",
         CHAN "\"sender\":\"\xc3\x84nn\",\"text\":\"\xc3\x84nn: \\\"hi\\\" \\\\\\n\","
              "\"sender_timestamp\":1774798048}"},
        /* A command (text type 1) opens and is not plausible. */
        {"1500"
         "00621f2599193141912b93ca41eb3d8fa4858b7da73e9d50e5735f3951692ef60cb113",
         "{\"type\":\"GRP_TXT\"," SEALED(
             "decryption_failed", "621f",
             "2599193141912b93ca41eb3d8fa4858b7da73e9d50e5735f3951692ef60cb113")},
        {"1900"
         "00af3f740e7da30d8069d5ca264ec9f0ed95ae",
         DATA "\"dataType\":0,\"dataLen\":0,\"decryptedBlob\":\"\","
              "\"mac\":\"af3f\",\"encryptedData\":\"740e7da30d8069d5ca264ec9f0ed95ae\"}"},
        {"1900"
         "00ab3b4ddf314cfebfa5589637fef69d334208",
         DATA "\"dataType\":65281,\"dataLen\":3,\"decryptedBlob\":\"010203\","
              "\"mac\":\"ab3b\",\"encryptedData\":\"4ddf314cfebfa5589637fef69d334208\"}"},
        /* Its length byte says 200. */
        {"1900"
         "009c706584ebdbcfaabac02b83a9fb3ae605ec",
         "{\"type\":\"GRP_DATA\"," SEALED("decryption_failed", "9c70",
                                          "6584ebdbcfaabac02b83a9fb3ae605ec")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(payload_of(cases[i].hex), cases[i].text);
    /* Less than a block: of a channel whose key we have, and of another. */
    assert_string_equal(
        payload_of("1500"
                   "00AABBCC"),
        "{\"type\":\"GRP_TXT\"," SEALED_PART("decryption_failed", "00", "0", "aabb", "cc") WARN);
    assert_string_equal(payload_of("1500"
                                   "01AABBCC"),
                        "{\"type\":\"GRP_TXT\"," SEALED_PART("no_key", "01", "1", "aabb", "cc")
                            WARN);
    assert_string_equal(
        render(cases[0].hex, &(struct meshcore_json_options){.keys = NULL}, true),
        "{\"type\":\"GRP_TXT\"," SEALED("no_key", "755a", "e6086a730a75d62d22352c43771a7b1b"));
    assert_null(strstr(payload_of("1900FEAB3B4DDF314CFEBFA5589637FEF69D334208"), "decrypted"));
}

/* --- adverts ---------------------------------------------------------------------------------- */

#define KEY_HEX  BLOCK BLOCK
#define SIGN_HEX BLOCK BLOCK BLOCK BLOCK

#define ADVERT_HEAD(verdict)                                                                       \
    "{\"type\":\"ADVERT\",\"pubKey\":\"" KEY_HEX                                                   \
    "\",\"timestamp\":0,\"timestampISO\":\"1970-01-01T00:00:00.000Z\",\"signature\":\"" SIGN_HEX   \
    "\"" verdict

static void renders_adverts(void **state)
{
    (void)state;
#define FLAGS(raw, type, chat, repeater, sensor, location, feat, name)                             \
    ",\"flags\":{\"raw\":" raw ",\"type\":" type ",\"chat\":" chat ",\"repeater\":" repeater       \
    ",\"room\":false,\"sensor\":" sensor ",\"hasLocation\":" location ",\"hasFeat1\":" feat        \
    ",\"hasFeat2\":" feat ",\"hasName\":" name "}"
    const struct {
        const char *app_data, *text;
    } cases[] = {
        {"", ADVERT_HEAD("") "}"},
        {"01",
         ADVERT_HEAD("") FLAGS("1", "1", "true", "false", "false", "false", "false", "false") "}"},
        {"F2"
         "0000000000000000"
         "0000"
         "0100"
         "22",
         ADVERT_HEAD("")
             FLAGS("242", "2", "false", "true", "false", "true", "true",
                   "true") ","
                           "\"lat\":0,\"lon\":0,\"feat1\":0,\"feat2\":1,\"name\":\"\\\"\"}"},
        /* 90.000001 degrees north are nowhere. */
        {"12"
         "814A5D0500000000",
         ADVERT_HEAD("") FLAGS("18", "2", "false", "true", "false", "true", "false", "false") "}"},
        /* The pole and the 180th meridian are. */
        {"12"
         "804A5D05006B45F5",
         ADVERT_HEAD("") FLAGS("18", "2", "false", "true", "false", "true", "false",
                               "false") ","
                                        "\"lat\":90,\"lon\":-180}"},
        {"84"
         "53"
         "00"
         "AB0F"
         "F4FF",
         ADVERT_HEAD("")
             FLAGS("132", "4", "false", "false", "true", "false", "false",
                   "true") ","
                           "\"name\":\"S\",\"battery_mv\":4011,\"temperature_c\":-0.12}"},
        {"92AA", ADVERT_HEAD("") ",\"warn\":\"app data shorter than its flags say\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[2 * MESHCORE_FRAME_MAX + 1] = "1100" KEY_HEX "00000000" SIGN_HEX;
        strcat(hex, cases[i].app_data);
        assert_string_equal(payload_of(hex), cases[i].text);
    }
}

/* Behind 2^31 seconds, where a time_t of 32 bits ends. */
static void renders_an_advert_of_2040(void **state)
{
    (void)state;
    const char *text = payload_of("1100" KEY_HEX "807EAA83" SIGN_HEX);
    assert_non_null(
        strstr(text, "\"timestamp\":2208988800,\"timestampISO\":\"2040-01-01T00:00:00.000Z\""));
}

/* 4.3: as sent, spaces and control characters too, up to a NUL; what is no UTF-8 is replaced, but
 * the piece of a character at the end is left out. */
static void renders_names(void **state)
{
    (void)state;
    const struct {
        const char *name, *text;
    } cases[] = {
        {"2074776F2020", "\" two  \""},
        {"611B5B33316D0D0A62", "\"a\\u001b[31m\\r\\nb\""},
        {"637574F09F8C", "\"cut\""},
        {"E20182AC", "\"\xef\xbf\xbd\\u0001\xef\xbf\xbd\xef\xbf\xbd\""},
        {"3C623E2622", "\"<b>&\\\"\""},
        {"610062", "\"a\""},
        {"", "\"\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[2 * MESHCORE_FRAME_MAX + 1];
        char text[128];
        (void)snprintf(hex, sizeof hex, "1100" KEY_HEX "00000000" SIGN_HEX "81%s", cases[i].name);
        (void)snprintf(text, sizeof text, ",\"name\":%s}", cases[i].text);
        assert_non_null(strstr(payload_of(hex), text));
    }
}

/* Every complete advert has a verdict when one is asked for or known; no other payload has. */
static void says_whether_the_signature_holds(void **state)
{
    (void)state;
    const char *good =
        "11003EDB2806BCBEC166E71A973B4C597E81F3C9398B4883061375D9D0694AFA0313D74BC9697C2A3A0A48A0AB"
        "80908EFA1B2B0771448707F1971B6123563F39E56137E989693D886298047255D7154002AE54F528981D0E2B40"
        "7B9FAE5F80CAFC8957614208814E36F09F8C8E414147";
    const char *bad = "1100" KEY_HEX "00000000" SIGN_HEX "92AA";
    const struct {
        const char *hex, *verdict;
        enum meshcore_json_signature signature;
    } cases[] = {
        {good, "\"signatureValid\":true", MESHCORE_JSON_VERIFY},
        {bad, "\"signatureValid\":false", MESHCORE_JSON_VERIFY},
        {bad, "\"signatureValid\":true", MESHCORE_JSON_SIGNATURE_GOOD},
        {good, "\"signatureValid\":false", MESHCORE_JSON_SIGNATURE_BAD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct meshcore_json_options options = {.signature = cases[i].signature};
        assert_non_null(strstr(render(cases[i].hex, &options, true), cases[i].verdict));
    }
    const struct meshcore_json_options verify = {.signature = MESHCORE_JSON_VERIFY};
    assert_null(strstr(payload_of(good), "signatureValid"));
    assert_string_equal(render("1200AA", &verify, true),
                        "{\"type\":\"ADVERT\",\"error\":\"too_short\",\"raw\":\"aa\"}");
}

/* The longest rendering there can be: a trace with a full path and 175 hops. */
static void the_longest_fits_and_less_room_gives_nothing(void **state)
{
    (void)state;
    uint8_t bytes[MESHCORE_FRAME_MAX];
    char out[MESHCORE_JSON_MAX];
    struct meshcore_frame frame;
    const struct meshcore_json_options options = {.scopes = scopes};
    memset(bytes, 0x81, sizeof bytes);
    bytes[0] = MESHCORE_TRACE << 2 | MESHCORE_TRANSPORT_DIRECT;
    bytes[5] = 63;
    bytes[6 + 63 + 8] = 0;
    const size_t len = 6 + 63 + MESHCORE_PAYLOAD_MAX;
    assert_int_equal(meshcore_parse(bytes, len, &frame), MESHCORE_FRAME_OK);
    struct json_write w;
    jw_init(&w, out, sizeof out);
    meshcore_json_packet(&w, NULL, &frame, &options);
    const size_t whole = jw_finish(&w);
    assert_true(whole > 1500 && whole < MESHCORE_JSON_MAX / 2);
    assert_int_equal(meshcore_json_payload_text(&frame, &options, out, 100), 0);
    assert_string_equal(out, "");
}

static int set_up(void **state)
{
    (void)state;
    char name[] = "priv";
    char key[] = KEY;
    char region[] = "#test";
    char twin[] = "#twin133840"; /* these two have one code for "hello" */
    char other[] = "#twin206281";
    struct config_pair pair = {.name = name, .value = key};
    char *regions[] = {region, twin, other};
    if (!crypto_init())
        return -1;
    keys = channel_keys_new(&(struct config_pairs){.items = &pair, .count = 1},
                            &(struct config_list){.items = NULL});
    scopes =
        region_scopes_new(&(struct config_list){.items = regions, .count = ARRAY_LEN(regions)});
    return keys != NULL && scopes != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    channel_keys_free(keys);
    region_scopes_free(scopes);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_a_packet),
        cmocka_unit_test(keeps_the_hash_size_without_hops),
        cmocka_unit_test(renders_transport_codes_and_scope),
        cmocka_unit_test(renders_a_trace),
        cmocka_unit_test(renders_each_payload),
        cmocka_unit_test(renders_channels),
        cmocka_unit_test(renders_adverts),
        cmocka_unit_test(renders_an_advert_of_2040),
        cmocka_unit_test(renders_names),
        cmocka_unit_test(says_whether_the_signature_holds),
        cmocka_unit_test(the_longest_fits_and_less_room_gives_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
