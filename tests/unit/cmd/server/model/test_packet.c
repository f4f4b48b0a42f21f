/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/packet_read.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/db/schema.h"
#include "tests/support/rows.h"
#include "tests/support/temp_dir.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define KEY_REST "000000000000000000000000000000000000000000000000000000000000"
/* A GRP_TXT by flood, one hop of two bytes; an advert that is too short; a TRACE with three entries
 * of a byte, of which one is done; a scoped ACK. */
#define TEXT    "15419535D92F365EB798ABCF98ADE9AD5564C0"
#define ADVERT  "1100AABBCC"
#define TRACE   "260128010000000200000000AB9501"
#define SCOPED  "0C34120000020195AABBCCDD"
#define UNKNOWN "15009535D92F365EB798ABCF98ADE9AD5564C0"

static const char ROWS[] =
    "INSERT INTO nodes (id, public_key, name, first_ms, advert_time) VALUES"
    " (1, x'9535" KEY_REST "', 'Hill', 10, 5), (2, x'9599" KEY_REST "', 'Dale', 10, 5),"
    " (3, x'ab01" KEY_REST "', 'Ridge', 10, 5), (4, x'cd01" KEY_REST "', '!x', 10, 5);"
    "INSERT INTO observers (id, identity, name, iata, first_ms) VALUES"
    " (3, 'GATE', 'The gate', 'MRY', 1), (9, 'BARE', '', '', 1);"
    "INSERT INTO scopes (id, name) VALUES (4, '#north');"
    "INSERT INTO transmissions (id, hash, type, route, copies, first_ms, lasted, raw,"
    "  is_forged) VALUES"
    " (1, x'0102030405060708', 5, 1, 3, 1000, 5250, x'" TEXT "', NULL),"
    " (2, x'1102030405060708', 4, 1, 1, 2000, 2000, x'" ADVERT "', 1),"
    " (3, x'2102030405060708', 9, 2, 1, 3000, 3000, x'" TRACE "', NULL),"
    " (4, x'3102030405060708', 3, 0, 2, 4000, 4000, x'" SCOPED "', NULL),"
    " (5, x'4102030405060708', 5, 1, 1, 4000, 4000, x'" UNKNOWN "', NULL);"
    "INSERT INTO hashes (hash, id) SELECT hash, id FROM transmissions;"
    "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    "  source_id, receipt_ms, heard, rssi, route, scope_code, scope_id) VALUES"
    " (10, 1, 3, 0, 2, x'9535', 1, 1000, 7.25, -87, 1, NULL, NULL),"
    " (11, 1, 9, 1, 1, x'95AB', 1, 1001, NULL, NULL, 1, NULL, NULL),"
    " (12, 1, 9, 0, 1, x'CDAB', 1, 5250, 1, -100, 2, NULL, NULL),"
    " (13, 2, 3, 0, 1, x'', 1, 2000, 1, 2, NULL, NULL, NULL),"
    " (14, 3, 3, 0, 1, x'28', 1, 3000, 1, 2, 2, NULL, NULL),"
    " (15, 4, 3, 0, 1, x'0195', 1, 4000, 1, 2, 0, 4660, 4),"
    " (16, 4, 9, 0, 1, x'01', 1, 4000, 1, 2, 0, 4660, 4),"
    " (17, 5, 77, 0, 1, x'', 1, 4000, 1, 2, 1, NULL, 99);" ROWS_BESIDE
    "UPDATE meta SET commits = commits + 1;";

struct rig {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct config config;
    struct model model;
    struct asking asking;
};

static int set_up(void **state)
{
    static char mark[] = "!";
    static char *hidden[] = {mark};
    struct rig *rig = calloc(1, sizeof *rig);
    sqlite3 *db = NULL;
    assert_non_null(rig);
    assert_true(crypto_init());
    temp_dir_make(rig->dir);
    temp_dir_path(rig->dir, "weir.db", rig->path);
    assert_int_equal(db_open_writer(rig->path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, ROWS, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    rig->config.db_path = rig->path;
    rig->config.hidden_name_prefixes = (struct config_list){hidden, 1};
    assert_true(model_init(&rig->model, &rig->config, 1, NULL, NULL));
    assert_int_equal(asking_begin(&rig->asking, &rig->model, NULL), STATUS_OK);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(asking_end(&rig->asking), READER_ANSWERED);
    model_free(&rig->model);
    temp_dir_remove(rig->dir);
    free(rig);
    return 0;
}

/* --- what comes out --------------------------------------------------------------------------- */

typedef void (*renderer)(struct json_write *w, const char *key, struct asking *asking,
                         const struct packet *packet, const struct packet_observation *seen);

static void write_group(struct json_write *w, const char *key, struct asking *asking,
                        const struct packet *packet, const struct packet_observation *seen)
{
    static const char *const iatas[] = {"MRY", "SFO"};
    const struct packet_group group = {5250, 2, iatas, 2};
    jw_object(w, key);
    packet_group_members(w, asking, packet, seen, &group);
    jw_object_end(w);
}

static void write_live(struct json_write *w, const char *key, struct asking *asking,
                       const struct packet *packet, const struct packet_observation *seen)
{
    struct json_write alone;
    char text[4096];
    size_t members;
    assert_null(key);
    packet_live_write(w, asking, packet, seen, &members);
    /* These bytes are the packet but for its last brace. */
    jw_init(&alone, text, sizeof text);
    packet_write(&alone, NULL, asking, packet, seen);
    assert_int_equal(jw_finish(&alone), members + 1);
    assert_memory_equal(w->out, text, members);
}

/* observation 0 = the best. */
static cJSON *render(struct rig *rig, renderer render_one, int64_t id, int64_t observation)
{
    struct packet packet;
    struct packet_observation seen;
    struct json_write w;
    size_t len = 0;
    const bool is_there = observation == 0
                              ? packet_read_best(&rig->asking, id, &packet, &seen)
                              : packet_read_shown(&rig->asking, id, observation, &packet, &seen);
    assert_true(is_there);
    jw_grow(&w, 1 << 20);
    render_one(&w, NULL, &rig->asking, &packet, &seen);
    char *text = jw_take(&w, &len);
    assert_non_null(text);
    cJSON *json = cJSON_ParseWithLength(text, len);
    assert_non_null(json);
    free(text);
    return json;
}

static void assert_text(const cJSON *json, const char *key, const char *want)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (item == NULL)
        fail_msg("%s is not there", key);
    if (want == NULL)
        assert_true(cJSON_IsNull(item));
    else
        assert_string_equal(cJSON_GetStringValue(item), want);
}

static void assert_number(const cJSON *json, const char *key, double want)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!cJSON_IsNumber(item) || item->valuedouble != want)
        fail_msg("%s is not %g", key, want);
}

/* The member as a JSON text; NULL = it is not there. */
static void assert_json(const cJSON *json, const char *key, const char *want)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (want == NULL) {
        assert_null(item);
        return;
    }
    char *text = cJSON_PrintUnformatted(item);
    assert_string_equal(text, want);
    free(text);
}

static void test_packet_with_its_longest_path(void **state)
{
    cJSON *json = render(*state, packet_write, 1, 0);
    assert_number(json, "id", 1);
    assert_text(json, "raw_hex", TEXT);
    assert_text(json, "hash", "0102030405060708");
    assert_text(json, "first_seen", "1970-01-01T00:00:01.000Z");
    assert_text(json, "timestamp", "1970-01-01T00:00:01.000Z");
    assert_number(json, "route_type", 1);
    assert_number(json, "payload_type", 5);
    assert_number(json, "observation_count", 3);
    assert_text(json, "observer_id", "BARE"); /* of the two longest the earlier one */
    assert_text(json, "observer_name", NULL);
    assert_text(json, "observer_iata", NULL);
    assert_text(json, "snr", NULL);
    assert_text(json, "rssi", NULL);
    assert_text(json, "path_json", "[\"95\",\"AB\"]");
    assert_json(json, "_parsedPath", "[\"95\",\"AB\"]");
    /* two nodes begin with 95 */
    assert_json(json, "resolved_path", "[null,\"ab01" KEY_REST "\"]");
    assert_text(json, "direction", "tx");
    assert_text(json, "scope_name", NULL);
    cJSON *decoded =
        cJSON_Parse(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "decoded_json")));
    assert_text(decoded, "type", "GRP_TXT");
    assert_text(decoded, "channelHashHex", "D9");
    assert_text(decoded, "decryptionStatus", "no_key");
    cJSON_Delete(decoded);
    cJSON_Delete(json);
}

static void test_packet_with_a_given_observation(void **state)
{
    cJSON *json = render(*state, packet_write, 1, 10);
    assert_text(json, "observer_id", "GATE");
    assert_text(json, "observer_name", "The gate");
    assert_text(json, "observer_iata", "MRY");
    assert_number(json, "snr", 7.25);
    assert_number(json, "rssi", -87);
    assert_json(json, "_parsedPath", "[\"9535\"]");
    assert_json(json, "resolved_path", "[\"9535" KEY_REST "\"]");
    assert_text(json, "direction", "rx");
    cJSON_Delete(json);
}

static void test_nodes_that_are_hidden_are_not_named(void **state)
{
    cJSON *json = render(*state, packet_write, 1, 12);
    assert_json(json, "resolved_path", "[null,\"ab01" KEY_REST "\"]");
    cJSON_Delete(json);
}

static void test_forged_advert_and_no_path(void **state)
{
    cJSON *json = render(*state, packet_write, 2, 0);
    assert_text(json, "path_json", "[]");
    assert_json(json, "resolved_path", NULL);
    cJSON *decoded =
        cJSON_Parse(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "decoded_json")));
    assert_text(decoded, "error", "too_short");
    cJSON_Delete(decoded);
    cJSON_Delete(json);
}

static void test_route_of_a_trace(void **state)
{
    cJSON *json = render(*state, packet_write, 3, 0);
    assert_json(json, "_parsedPath", "[\"AB\",\"95\",\"01\"]");
    assert_json(json, "resolved_path", "[\"ab01" KEY_REST "\",null,null]");
    cJSON_Delete(json);
    json = render(*state, write_live, 3, 14);
    const cJSON *decoded = cJSON_GetObjectItemCaseSensitive(json, "decoded");
    assert_json(decoded, "header", "{\"payloadTypeName\":\"TRACE\"}");
    assert_json(decoded, "path",
                "{\"hashSize\":1,\"hashCount\":3,\"hops\":[\"AB\",\"95\",\"01\"],"
                "\"hopsCompleted\":1}");
    cJSON_Delete(json);
}

static void test_group(void **state)
{
    cJSON *json = render(*state, write_group, 1, 0);
    assert_null(cJSON_GetObjectItemCaseSensitive(json, "id"));
    assert_number(json, "count", 3);
    assert_number(json, "observation_count", 3);
    assert_number(json, "observer_count", 2);
    assert_text(json, "latest", "1970-01-01T00:00:05.250Z");
    assert_json(json, "distinct_iatas", "[\"MRY\",\"SFO\"]");
    cJSON_Delete(json);
}

static void test_live_event(void **state)
{
    cJSON *json = render(*state, write_live, 1, 12);
    assert_number(json, "id", 1);
    assert_number(json, "observation_id", 12);
    assert_text(json, "received", "1970-01-01T00:00:05.250Z");
    const cJSON *decoded = cJSON_GetObjectItemCaseSensitive(json, "decoded");
    assert_json(decoded, "path", NULL);
    assert_text(cJSON_GetObjectItemCaseSensitive(decoded, "payload"), "type", "GRP_TXT");
    assert_text(json, "raw_hex", TEXT);
    assert_text(json, "observer_id", "BARE");
    cJSON_Delete(json);
}

static void test_frame_of_each_reception(void **state)
{
    static const struct {
        int64_t packet, observation;
        const char *raw;
    } cases[] = {
        {1, 10, TEXT},
        {1, 11, "150295ABD92F365EB798ABCF98ADE9AD5564C0"},
        {1, 12, "1602CDABD92F365EB798ABCF98ADE9AD5564C0"},
        {2, 13, ADVERT},
        {3, 14, TRACE},
        {4, 15, SCOPED},
        {4, 16, NULL}, /* the second code is not known */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cJSON *json =
            render(*state, packet_observation_write, cases[i].packet, cases[i].observation);
        assert_number(json, "transmission_id", (double)cases[i].packet);
        if (cases[i].raw != NULL)
            assert_text(json, "raw_hex", cases[i].raw);
        else
            assert_json(json, "raw_hex", NULL);
        cJSON_Delete(json);
    }
}

static void test_scope_and_observers_that_are_not_known(void **state)
{
    cJSON *json = render(*state, packet_write, 4, 0);
    assert_text(json, "scope_name", "#north");
    cJSON_Delete(json);
    json = render(*state, packet_write, 5, 0);
    assert_text(json, "scope_name", NULL);
    assert_text(json, "observer_id", NULL);
    cJSON_Delete(json);
}

static void count(void *context, const struct packet_observation *seen)
{
    int64_t *sum = context;
    *sum = *sum * 100 + seen->id;
}

static void test_reading(void **state)
{
    struct rig *rig = *state;
    struct asking *asking = &rig->asking;
    struct packet packet;
    struct packet_observation seen;
    static const uint8_t hash[] = {0x31, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t other[] = {0x32, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(packet_find_hash(asking, hash), 4);
    assert_int_equal(packet_find_hash(asking, other), 0);
    assert_int_equal(packet_find_observation(asking, 12), 1);
    assert_int_equal(packet_find_observation(asking, 1), 0);
    assert_false(packet_read_best(asking, 9, &packet, &seen));
    assert_false(packet_read_shown(asking, 1, 13, &packet, &seen));
    assert_true(packet_read_best(asking, 1, &packet, &seen));
    int64_t ids = 0;
    assert_int_equal(packet_each_observation(asking, &packet, count, &ids), 3);
    assert_int_equal(ids, 101112);
    assert_true(packet_read_best(asking, 2, &packet, &seen));
    assert_int_equal(seen.route, 1); /* a reception of the first schema has none of its own */
}

int main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_packet_with_its_longest_path),
        WITH_RIG(test_packet_with_a_given_observation),
        WITH_RIG(test_nodes_that_are_hidden_are_not_named),
        WITH_RIG(test_forged_advert_and_no_path),
        WITH_RIG(test_route_of_a_trace),
        WITH_RIG(test_group),
        WITH_RIG(test_live_event),
        WITH_RIG(test_frame_of_each_reception),
        WITH_RIG(test_scope_and_observers_that_are_not_known),
        WITH_RIG(test_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
