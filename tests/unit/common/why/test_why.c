/* SPDX-License-Identifier: MIT
 *
 * On a database of the real schema with a few rows; the two programs' answers are compared by
 * tests/integration/test_why.py. */
#include "tests/support/cmocka_all.h"

#include "common/db/schema.h"
#include "common/json/json.h"
#include "common/why/why_file.h"

#include <stdlib.h>
#include <string.h>

#define NOW_MS     INT64_C(1774000000000)
#define HOUR       "(1774000000000 / 3600000)"
#define ANSWER     65536
#define STATEMENTS 8

struct bench {
    struct connection connection;
    struct statement statements[STATEMENTS];
    size_t count;
    cJSON *answer;
};

static void sql(struct bench *b, const char *text)
{
    char *error = NULL;
    if (sqlite3_exec(b->connection.db, text, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", text, error);
}

static void open_bench(struct bench *b)
{
    struct err err = {0};
    *b = (struct bench){.count = 0};
    assert_int_equal(sqlite3_open(":memory:", &b->connection.db), SQLITE_OK);
    assert_int_equal(schema_migrate(b->connection.db, &err), STATUS_OK);
    sql(b, "UPDATE meta SET refused_from_ms = 1773990000000, transmissions = 1;"
           "INSERT INTO transmissions (id, hash, type, route, copies, first_ms, lasted,"
           " raw) VALUES (7, x'0102030405060708', 5, 1, 3, 1000, 2000, x'1500');"
           "INSERT INTO hashes_new (hash, id) VALUES (x'0102030405060708', 7);"
           "INSERT INTO observers (identity, name, first_ms) VALUES ('OBS1', 'one', 5);"
           "INSERT INTO nodes (public_key, name, first_ms, advert_time) VALUES"
           " (x'AA"
           "00000000000000000000000000000000000000000000000000000000000000', 'a', 1, 1),"
           " (x'AB"
           "00000000000000000000000000000000000000000000000000000000000000', 'b', 1, 1);");
}

static void close_bench(struct bench *b)
{
    cJSON_Delete(b->answer);
    statements_finalize(b->statements, b->count);
    connection_close(&b->connection);
}

static struct statement *prepare(void *context, const char *text)
{
    struct bench *b = context;
    assert_true(b->count < STATEMENTS);
    struct statement *statement = &b->statements[b->count++];
    *statement = (struct statement){.sql = text};
    assert_int_equal(statements_prepare(&b->connection, statement, 1, NULL), STATUS_OK);
    return statement;
}

static bool hides_observer(void *context, const char *identity)
{
    (void)context;
    return strcmp(identity, "OBS1") == 0;
}

static bool hides_node(void *context, const uint8_t key[static WHY_KEY_BYTES])
{
    (void)context;
    return key[0] == 0xaa;
}

static void ask(struct bench *b, const struct why_query *query, bool hides)
{
    static char text[ANSWER];
    struct json_write w;
    struct why_file file = {.context = b,
                            .statement = prepare,
                            .is_hidden_observer = hides ? hides_observer : NULL,
                            .is_hidden_node = hides ? hides_node : NULL};
    const struct why_source source = why_file_source(&file);
    jw_init(&w, text, sizeof text);
    why_write(&w, query, &source, NOW_MS * US_PER_MS);
    const size_t len = jw_finish(&w);
    assert_true(len > 0);
    statements_finalize(b->statements, b->count);
    b->count = 0;
    cJSON_Delete(b->answer);
    assert_non_null(b->answer = json_parse(text, len, 8));
}

/* A member by a path of names. */
static const cJSON *at(const struct bench *b, const char *path)
{
    char name[64];
    const cJSON *item = b->answer;
    while (item != NULL && *path != '\0') {
        const size_t len = strcspn(path, "/");
        assert_true(len < sizeof name);
        memcpy(name, path, len);
        name[len] = '\0';
        item = cJSON_GetObjectItemCaseSensitive(item, name);
        path += len + (path[len] == '/');
    }
    return item;
}

static int rows(const struct bench *b)
{
    return cJSON_GetArraySize(at(b, "rows"));
}

static void assert_says(const struct bench *b, const char *part)
{
    const char *verdict = cJSON_GetStringValue(at(b, "verdict"));
    if (verdict == NULL || strstr(verdict, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", verdict, part);
}

static void what_can_be_asked(void **state)
{
    (void)state;
    struct why_query q = {.rows_max = 1};
    assert_false(why_ask_hash(&q, ""));
    assert_false(why_ask_hash(&q, "0102"));
    assert_false(why_ask_hash(&q, "010203040506070g"));
    assert_false(why_ask_hash(&q, "010203040506070809"));
    assert_false(why_ask_node(&q, "a"));
    assert_false(why_ask_node(&q, ""));
    assert_false(why_ask_observer(&q, ""));
    assert_false(q.has_hash || q.has_observer || q.node_len > 0);
    assert_true(why_ask_hash(&q, "01020304050607fF") && q.has_hash);
    assert_true(why_ask_node(&q, "aAbB") && q.node_len == 2);
    assert_true(why_ask_observer(&q, "\xff\n") && q.has_observer);
}

static void who_is_hidden_is_not_known(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct why_query q = {.rows_max = 10};
    assert_true(why_ask_observer(&q, "obs1") && why_ask_node(&q, "aa"));
    ask(&b, &q, false);
    assert_true(cJSON_IsObject(at(&b, "found/observer")) && cJSON_IsObject(at(&b, "found/node")));
    assert_says(&b, "known, last heard");
    ask(&b, &q, true);
    assert_true(cJSON_IsNull(at(&b, "found/observer")) && cJSON_IsNull(at(&b, "found/node")));
    assert_says(&b, "nothing is known");
    close_bench(&b);
}

static void a_prefix_that_two_have_is_nobody(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct why_query q = {.rows_max = 10};
    sql(&b, "UPDATE nodes SET public_key = x'AA"
            "11000000000000000000000000000000000000000000000000"
            "000000000000' WHERE name = 'b'");
    assert_true(why_ask_node(&q, "aa"));
    ask(&b, &q, false);
    assert_true(cJSON_IsNull(at(&b, "found/node")));
    assert_true(why_ask_node(&q, "aa11"));
    ask(&b, &q, false);
    assert_string_equal(cJSON_GetStringValue(at(&b, "found/node/name")), "b");
    close_bench(&b);
}

#define REFUSE(rule, option, observer, hash)                                                       \
    "INSERT INTO refusals (receipt_ms, rule, config_key, source, observer, hash, records)"         \
    " VALUES (1773995000000, '" rule "', " option ", 'main', '" observer "', x'" hash "', 1);"

static void all_or_any_of_what_is_asked(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct why_query q = {.rows_max = 10};
    sql(&b, REFUSE("filtered.node", "'nodeBlacklist'", "A", "1111111111111111")
                REFUSE("filtered.node", "'nodeBlacklist'", "B", "1111111111111111")
                    REFUSE("of.tomorrow", "NULL", "B", "2222222222222222"));
    assert_true(why_ask_hash(&q, "1111111111111111") && why_ask_observer(&q, "b"));
    ask(&b, &q, false);
    assert_int_equal(rows(&b), 1);
    assert_says(&b, "nodeBlacklist");
    q.is_any = true;
    ask(&b, &q, false);
    assert_int_equal(rows(&b), 3);
    assert_true(cJSON_IsFalse(at(&b, "truncated")));
    /* The newest: of a rule that this program does not know. */
    const cJSON *row = cJSON_GetArrayItem(at(&b, "rows"), 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(row, "rule")), "of.tomorrow");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "reason")));
    assert_says(&b, "of.tomorrow");
    q.rows_max = 2;
    ask(&b, &q, false);
    assert_true(rows(&b) == 2 && cJSON_IsTrue(at(&b, "truncated")));
    close_bench(&b);
}

static void what_left_no_row_is_said(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct why_query q = {.rows_max = 10};
    assert_true(why_ask_hash(&q, "9999999999999999"));
    sql(&b, "INSERT INTO refusal_hours VALUES (" HOUR ", 'filtered.rate', 50, 50),"
            " (" HOUR " - 200, 'filtered.rate', 1000, 5)"); /* before the window */
    ask(&b, &q, false);
    assert_true(cJSON_IsTrue(at(&b, "window/complete")));
    assert_string_equal(cJSON_GetStringValue(at(&b, "window/from")), "2026-03-20T07:00:00Z");
    assert_says(&b, "of the 50 messages refused since");
    sql(&b, "UPDATE refusal_hours SET records = 60");
    ask(&b, &q, false);
    assert_true(cJSON_IsFalse(at(&b, "window/complete")));
    assert_says(&b, "only a part left a row");
    /* A clock that was ahead has told a time to come: the window never begins behind now. */
    sql(&b, "UPDATE meta SET refused_from_ms = 99999999999999");
    ask(&b, &q, false);
    assert_string_equal(cJSON_GetStringValue(at(&b, "window/from")),
                        cJSON_GetStringValue(at(&b, "window/to")));
    close_bench(&b);
}

static void stored_comes_first(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct why_query q = {.rows_max = 10};
    sql(&b, REFUSE("filtered.iata", "'observerIATAWhitelist'", "A", "0102030405060708"));
    assert_true(why_ask_hash(&q, "0102030405060708"));
    ask(&b, &q, false);
    assert_says(&b, "stored: heard 3 times");
    assert_int_equal(rows(&b), 1);
    assert_true(cJSON_IsNull(at(&b, "droppedPacket")));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_asked),
        cmocka_unit_test(who_is_hidden_is_not_known),
        cmocka_unit_test(a_prefix_that_two_have_is_nobody),
        cmocka_unit_test(all_or_any_of_what_is_asked),
        cmocka_unit_test(what_left_no_row_is_said),
        cmocka_unit_test(stored_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
