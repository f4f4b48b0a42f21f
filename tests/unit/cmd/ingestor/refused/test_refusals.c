/* SPDX-License-Identifier: MIT
 *
 * In a database of the real schema, through a connection of its own. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/refused/refusals.h"
#include "common/db/schema.h"

#include <stdio.h>
#include <string.h>

struct bench {
    struct connection connection;
    struct refusals *refusals;
};

static void open_bench(struct bench *b)
{
    struct err err = {0};
    *b = (struct bench){0};
    assert_int_equal(sqlite3_open(":memory:", &b->connection.db), SQLITE_OK);
    assert_int_equal(schema_migrate(b->connection.db, &err), STATUS_OK);
    b->refusals = refusals_open(&b->connection, &err);
    assert_non_null(b->refusals);
}

static int64_t ask(struct bench *b, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(b->connection.db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const int64_t n = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return n;
}

static void add(struct bench *b, enum refusal cause, int64_t receipt_ms)
{
    struct refusal_facts facts;
    refusal_facts_init(&facts, cause, "main", receipt_ms);
    refusals_count(b->refusals, refusal_info(cause)->outcome, 1);
    assert_int_equal(refusals_add(b->refusals, &facts), STATUS_OK);
}

static void only_the_newest_stay_and_what_leaves_is_known(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    const int64_t made = ask(&b, "SELECT refused_from_ms FROM meta");
    assert_true(made > 0);
    assert_int_equal(sqlite3_exec(b.connection.db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (int64_t i = 1; i <= REFUSALS_MAX; i++)
        add(&b, REFUSAL_NODE, made + i);
    assert_int_equal(ask(&b, "SELECT refused_from_ms FROM meta"), made);
    for (int64_t i = REFUSALS_MAX + 1; i <= REFUSALS_MAX + 500; i++)
        add(&b, REFUSAL_NODE, made + i);
    assert_int_equal(ask(&b, "SELECT count(*) FROM refusals"), REFUSALS_MAX);
    assert_int_equal(ask(&b, "SELECT min(receipt_ms) FROM refusals"), made + 501);
    assert_int_equal(ask(&b, "SELECT refused_from_ms FROM meta"), made + 501);
    connection_close(&b.connection);
}

static void counts_are_kept_by_hour_for_some_days(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    for (int64_t hour = 1000; hour < 1400; hour++) {
        add(&b, REFUSAL_RATE, 0);
        refusals_count(b.refusals, OUTCOME_FILTERED_RATE, 9);
        refusals_count(b.refusals, OUTCOME_DROPPED_GAP, 7);
        assert_int_equal(refusals_write(b.refusals, hour * MS_PER_HOUR), STATUS_OK);
        refusals_clear(b.refusals);
        assert_int_equal(refusals_write(b.refusals, hour * MS_PER_HOUR), STATUS_OK);
    }
    assert_int_equal(ask(&b, "SELECT count(*) FROM refusal_hours"), 2 * (REFUSAL_DAYS * 24 + 1));
    assert_int_equal(ask(&b, "SELECT records * 100 + noted FROM refusal_hours WHERE hour = 1399 AND"
                             " rule = 'filtered.rate'"),
                     1001);
    /* After a clock that was ahead. */
    refusals_count(b.refusals, OUTCOME_FILTERED_RATE, 1);
    assert_int_equal(refusals_write(b.refusals, 1200 * MS_PER_HOUR), STATUS_OK);
    assert_int_equal(ask(&b, "SELECT max(hour) FROM refusal_hours"), 1200);
    connection_close(&b.connection);
}

static void any_text_is_taken(void **state)
{
    (void)state;
    struct bench b;
    struct refusal_facts facts;
    char topic[4096];
    open_bench(&b);
    memset(topic, '\xff', sizeof topic);
    topic[3] = '\0';
    topic[7] = '\n';
    refusal_facts_init(&facts, REFUSAL_LONG_TOPIC, "main", 5);
    refusal_facts_topic(&facts, topic, sizeof topic);
    refusal_facts_observer(&facts, topic, sizeof topic);
    assert_int_equal(refusals_add(b.refusals, &facts), STATUS_OK);
    assert_int_equal(ask(&b,
                         "SELECT length(CAST(topic AS BLOB)) BETWEEN 100 AND 128 AND"
                         " instr(topic, char(10)) = 0 AND instr(topic, char(65533)) > 0 AND"
                         " config_key IS NULL AND hash IS NULL AND bytes IS NULL FROM refusals"),
                     1);
    connection_close(&b.connection);
}

static void every_cause_has_its_row(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    for (enum refusal cause = 0; cause < REFUSAL_COUNT; cause++) {
        char sql[256];
        char rule[OUTCOME_NAME_BYTES];
        const struct refusal_info *info = refusal_info(cause);
        add(&b, cause, 1000 + (int64_t)cause);
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM refusals WHERE receipt_ms = %d AND rule = '%s' AND"
                       " coalesce(config_key, '') = '%s' AND source = 'main' AND records = 1",
                       1000 + (int)cause, outcome_name(info->outcome, rule, sizeof rule),
                       info->option);
        if (ask(&b, sql) != 1)
            fail_msg("%s", sql);
    }
    connection_close(&b.connection);
}

static void into_sum(void *context, int64_t worker, int64_t cause, uint64_t taken)
{
    *(int64_t *)context += worker * 10000 + cause * 1000 + (int64_t)taken;
}

static void slots_are_taken_once_in_a_run(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    int64_t sum = 0;
    assert_int_equal(refusals_taken_save(b.refusals, 77, 1, 2, 5), STATUS_OK);
    assert_int_equal(refusals_taken_save(b.refusals, 77, 1, 2, 9), STATUS_OK);
    assert_int_equal(refusals_taken_load(b.refusals, 77, into_sum, &sum), STATUS_OK);
    assert_int_equal(sum, 12009);
    sum = 0;
    assert_int_equal(refusals_taken_load(b.refusals, 78, into_sum, &sum), STATUS_OK);
    assert_int_equal(sum, 0);
    connection_close(&b.connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_newest_stay_and_what_leaves_is_known),
        cmocka_unit_test(counts_are_kept_by_hour_for_some_days),
        cmocka_unit_test(any_text_is_taken),
        cmocka_unit_test(every_cause_has_its_row),
        cmocka_unit_test(slots_are_taken_once_in_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
