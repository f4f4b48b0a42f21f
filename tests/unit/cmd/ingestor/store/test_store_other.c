/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define T0   INT64_C(1774798050000) /* some receipt time; 4 min 30 s into a slot of five minutes */
#define TEN  INT64_C(600000)
#define DAY  INT64_C(86400000)
#define NONE ((double)NAN)

/* --- statuses --------------------------------------------------------------------------------- */

static void say(const char *model, const char *radio, int can_relay, int64_t envelope_ms,
                int64_t receipt_ms, bool is_retained)
{
    struct fixture_status s;
    fixture_status(&s, "A", NONE, envelope_ms, receipt_ms);
    (void)snprintf(s.envelope.status.model, sizeof s.envelope.status.model, "%s", model);
    (void)snprintf(s.envelope.status.radio, sizeof s.envelope.status.radio, "%s", radio);
    s.envelope.status.can_relay = can_relay;
    (void)snprintf(s.payload, sizeof s.payload, "%s %s %d", model, radio, can_relay);
    s.message.payload_len = (uint32_t)strlen(s.payload);
    s.message.flags = is_retained ? RING_RETAIN : 0;
    IGNORE(fixture_apply_status(db.store, &s), "looked at by the caller");
}

/* protocol.md 7.3: a missing field says nothing, a missing `repeat` is no "no". */
static void each_field_is_as_new_as_what_told_it(void **state)
{
    (void)state;
    const char *sql = "SELECT coalesce(model, '-') || ' ' || coalesce(radio, '-') || ' ' ||"
                      " coalesce(can_relay, '-') || ' ' || status_count FROM observers";
    say("m1", "", -1, 0, T0 + 10, false);
    assert_text_sql(sql, "m1 - - 1");
    say("", "r1", 0, 0, T0 + 30, false);
    say("m2", "r2", 1, 0, T0 + 20, false); /* older than the radio, newer than the model */
    assert_text_sql(sql, "m2 r1 0 3");
    say("", "", -1, 0, T0 + 40, false);
    assert_text_sql(sql, "m2 r1 0 4");
    assert_text_sql(
        "SELECT (model_ms - 1774798050000) || ' ' || (radio_ms - 1774798050000) || ' ' ||"
        " (status_ms - 1774798050000) FROM observers",
        "20 30 40");
}

static void a_retained_status_is_as_old_as_it_says(void **state)
{
    (void)state;
    const char *sql = "SELECT model || ' ' || coalesce(radio, '-') || ' ' || coalesce(last_ms, '-')"
                      " || ' ' || status_count FROM observers";
    say("gap", "", -1, 0, T0 + 900, true); /* no time: fills what is unknown */
    assert_text_sql(sql, "gap - - 0");
    say("dated", "r1", -1, T0 - 5000, T0 + 901, true);
    say("zzz", "zzz", -1, 0, T0 + 902, true);
    assert_text_sql(sql, "dated r1 - 0");
    say("live", "", -1, 0, T0, false);
    say("future", "", -1, T0 + 99999999, T0 - 1, true); /* never newer than its receipt */
    assert_text_sql(sql, "live r1 1774798050000 1");
}

static void redeliveries_count_once_in_any_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct fixture_status s;
        const char *observer = order == 0 ? "A" : "B";
        for (int copy = 0; copy < 2; copy++) {
            /* The two lie in different slots of five minutes. */
            const int64_t receipt_ms = T0 + (copy == order ? 0 : 60000);
            fixture_status(&s, observer, 4000, T0 - 60, receipt_ms);
            (void)snprintf(s.envelope.origin, sizeof s.envelope.origin, "n");
            assert_int_equal(fixture_apply_status(db.store, &s).outcome,
                             copy == 0 ? OUTCOME_COMMITTED : OUTCOME_DUPLICATE);
        }
        /* Much later it is known by its own time. */
        s.status.receipt_ms = T0 + 5 * TEN;
        assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_DUPLICATE);
    }
    assert_text_sql(
        "SELECT group_concat(status_count || ' ' || last_ms || ' ' || name_ms) FROM observers",
        "1 1774801050000 1774801050000,1 1774801050000 1774801050000");
    assert_text_sql("SELECT group_concat(receipt_ms) FROM observer_metrics",
                    "1774798050000,1774798050000");
}

static void of_the_samples_of_five_minutes_the_earliest_stays(void **state)
{
    (void)state;
    const int64_t slot = T0 / 300000 * 300000;
    const int64_t receipts[] = {slot + 5, slot + 2, slot + 299999, slot + 300000, slot + 2};
    for (size_t i = 0; i < ARRAY_LEN(receipts); i++) {
        struct fixture_status s;
        fixture_status(&s, "A", 4000 + (double)i, T0 + (int64_t)i, receipts[i]);
        s.message.flags = i == 4 ? RING_RETAIN : 0; /* never a point of the curve */
        IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    }
    struct fixture_status s; /* no time of its own */
    fixture_status(&s, "A", 9, 0, slot + 300000);
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    fixture_status(&s, "A", 8, 0, slot + 600001);
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    s.status.receipt_ms = slot + 600000;
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_DUPLICATE);
    assert_text_sql("SELECT group_concat(battery_mv || '@' || (receipt_ms % 300000)) FROM (SELECT *"
                    " FROM observer_metrics WHERE receipt_ms < 1774798200000 OR battery_mv = 8"
                    " ORDER BY receipt_ms)",
                    "4001.0@2,8.0@0");
    assert_text_sql("SELECT count(*) FROM observer_metrics", "3");
}

static void an_inactive_observer_wakes_by_life_only(void **state)
{
    (void)state;
    static const char *const wanted[] = {"1", "1", "0"};
    say("m", "", -1, 0, T0, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_commit(db.store), STATUS_OK);
        sqlite3 *other = NULL;
        assert_int_equal(sqlite3_open(db.path, &other), SQLITE_OK);
        assert_int_equal(
            sqlite3_exec(other, "UPDATE observers SET is_inactive = 1", NULL, NULL, NULL),
            SQLITE_OK);
        assert_int_equal(sqlite3_close(other), SQLITE_OK);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
        struct fixture_status s;
        fixture_status(&s, "A", NONE, T0, T0 + i + 1);
        s.message.flags = i == 0 ? RING_RETAIN : 0;
        (void)snprintf(s.envelope.status.status, 32, "%s", i == 1 ? "offline" : "online");
        s.payload[0] = (char)('a' + i);
        IGNORE(fixture_apply_status(db.store, &s), "looked at below");
        assert_text_sql("SELECT is_inactive FROM observers", wanted[i]);
    }
}

/* --- companion texts: protocol.md 7.5 --------------------------------------------------------- */

static void a_text_has_a_channel_and_a_sender(void **state)
{
    (void)state;
    struct fixture_message m;
    fixture_companion(&m, "broker", 3, "Ann: hello", T0);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    fixture_companion(&m, "broker", 3, "no sender", T0 + 10);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    fixture_companion(&m, "broker", -1, "Ann: direct", T0 + 20);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    m.message.flags = RING_RETAIN;
    m.payload[0] = 'B';
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_DUPLICATE);
    assert_text_sql(
        "SELECT name || is_encrypted || ' ' || message_count || ' ' || (last_ms - first_ms)"
        " FROM channels",
        "ch30 2 10");
    assert_text_sql("SELECT group_concat(coalesce(channel_id, '-') || coalesce(peer, '-') || '|' ||"
                    " coalesce(sender, '-') || '|' || text, ';') FROM companion_messages",
                    "1-|Ann|hello;1-|-|no sender;-peer|Ann|direct");
    assert_text_sql("SELECT count(*) FROM observers", "0");
}

static void of_the_copies_of_a_text_the_earliest_stays(void **state)
{
    (void)state;
    static const char *const sources[] = {"two", "one", "two", "abc"};
    const int64_t receipts[] = {T0 + 5, T0 + 2, T0 + TEN + 1, T0 + 2};
    for (size_t i = 0; i < 4; i++) {
        struct fixture_message m;
        fixture_companion(&m, sources[i], 3, "Ann: hello", receipts[i]);
        assert_int_equal(fixture_apply_message(db.store, &m).outcome,
                         i == 0 ? OUTCOME_COMMITTED : OUTCOME_DUPLICATE);
        commit_and_begin();
    }
    struct fixture_message m;
    fixture_companion(&m, "one", 3, "Ann: hello", T0 + 2 + TEN);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    assert_text_sql("SELECT group_concat((receipt_ms - 1774798050000) || s.name) FROM"
                    " companion_messages m JOIN sources s ON s.id = m.source_id",
                    "2abc,600002one");
    assert_text_sql("SELECT message_count FROM channels", "2");
}

/* --- client receptions: protocol.md 7.6 ------------------------------------------------------- */

static void a_reception_on_the_road_has_a_key(void **state)
{
    (void)state;
    struct fixture_message m;
    fixture_client(&m, "two", "\x01\x02", T0 - 1000, NONE, T0 + 5);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    fixture_client(&m, "one", "\x01\x02", T0 - 1000, 5.5, T0 + 3);
    m.envelope.client.lat = 48;
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_DUPLICATE);
    fixture_client(&m, "three", "\x01\x02", T0 - 1000, 5.25, T0 + 9);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_DUPLICATE);
    assert_text_sql(
        "SELECT lat || ' ' || snr || ' ' || (receipt_ms - 1774798050000) || ' ' || s.name"
        " || hex(heard) || client FROM client_receptions r JOIN sources s ON s.id ="
        " r.source_id",
        "48.0 5.5 3 one0102ab12");
    fixture_client(&m, "one", "\x01\x02\x03", T0 - 1000, 5.5, T0);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    /* Section 8: whole seconds. Two brokers deliver a report without a time some ms apart. */
    fixture_client(&m, "two", "\x01\x02\x03", T0 - 1, 5.5, T0 + 1);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_DUPLICATE);
    fixture_client(&m, "one", "\x09\x02", T0, 5.5, T0);
    m.message.flags = RING_RETAIN; /* of unknown age */
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_DUPLICATE);
    assert_text_sql("SELECT count(*) || (SELECT count(*) FROM observers) FROM client_receptions",
                    "20");
}

/* --- neighbour reports: protocol.md 7.4 ------------------------------------------------------- */

#define LINE(key, snr, ago) "{\"pubkey\":\"" key "\",\"snr\":" snr ",\"heard_secs_ago\":" ago "}"

static void report(const char *lines, int64_t envelope_ms, int64_t receipt_ms, bool is_retained,
                   enum outcome wanted)
{
    struct fixture_message m;
    fixture_neighbors(&m, "A", lines, envelope_ms, receipt_ms);
    m.message.flags = is_retained ? RING_RETAIN : 0;
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, wanted);
}

static void the_newest_line_of_each_neighbour_stays(void **state)
{
    (void)state;
    const char *sql =
        "SELECT group_concat(neighbor || ' ' || snr || ' ' || (as_of_ms - heard_ms) ||"
        " ' ' || (as_of_ms - 1774798050000), ';') FROM reported_neighbors";
    report(LINE("aa", "1.5", "10") "," LINE("bb", "2.5", "20"), 0, T0, false, OUTCOME_COMMITTED);
    report(LINE("aa", "3.5", "1.5"), 0, T0 + 100, false, OUTCOME_COMMITTED);
    report(LINE("bb", "4.5", "9"), 0, T0 - 100, false, OUTCOME_COMMITTED);
    assert_text_sql(sql, "aa 3.5 1500 100;bb 2.5 20000 0");
    assert_text_sql("SELECT (as_of_ms - 1774798050000) || ' ' || coalesce(queried, '-') FROM"
                    " neighbor_reports",
                    "100 -");
    assert_text_sql("SELECT (last_ms - first_ms) || ' ' || packet_count || ' ' ||"
                    " coalesce(last_packet_ms, '-') FROM observers",
                    "200 0 -");
}

/* A replay must not refresh heard times. */
static void a_replayed_report_refreshes_nothing(void **state)
{
    (void)state;
    const char *lines = LINE("aa", "1.5", "10");
    report(lines, T0 - 5000, T0, true, OUTCOME_COMMITTED);
    report(lines, T0 - 5000, T0 + 2 * TEN, true, OUTCOME_COMMITTED);
    report(lines, T0 - 5000, T0 + 2 * TEN + 1, true, OUTCOME_DUPLICATE);
    assert_text_sql("SELECT heard_ms - 1774798050000 FROM reported_neighbors", "-15000");
    assert_text_sql(
        "SELECT coalesce(last_ms, '-') || ' ' || (first_ms - 1774798050000) FROM observers", "- 0");
    report(LINE("aa", "9.5", "1") "," LINE("bb", "9.5", "1"), 0, T0, true, OUTCOME_COMMITTED);
    assert_text_sql(
        "SELECT group_concat(neighbor || ' ' || snr || ' ' || coalesce(heard_ms, '-'), ';')"
        " FROM reported_neighbors",
        "aa 1.5 1774798035000;bb 9.5 -");
}

#define ASKED(key, status, scopes) "{\"pubkey\":\"" key "\",\"status\":\"" status "\"" scopes "}"

/* A question that was not answered changes nothing about what was known; in any order. */
static void only_an_answer_changes_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t receipt_ms;
    } reports[] = {
        {ASKED("aa", "responded", ",\"scopes\":\"eu,de\""), T0},
        {ASKED("aa", "timeout", ""), T0 + 10},
        {ASKED("aa", "send_failed", ",\"scopes\":\"x\""), T0 + 20},
        {ASKED("aa", "responded", ""), T0 + 30},
    };
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    const char *sql = "SELECT status || ' ' || (as_of_ms - 1774798050000) || ' ' ||"
                      " coalesce(scopes, '-') || ' ' || coalesce(scopes_ms - 1774798050000, '-')"
                      " FROM reported_neighbors ORDER BY observer_id DESC LIMIT 1";
    for (size_t order = 0; order < ARRAY_LEN(orders); order++) {
        char observer[8];
        (void)snprintf(observer, sizeof observer, "o%zu", order);
        for (size_t i = 0; i < 4; i++) {
            struct fixture_message m;
            const int which = orders[order][i];
            fixture_neighbors(&m, observer, reports[which].line, 0, reports[which].receipt_ms);
            assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
        }
        assert_text_sql(sql, "responded 30 eu,de 0");
    }
    report(ASKED("aa", "responded", ",\"scopes\":\"\""), 0, T0 + 40, false, OUTCOME_COMMITTED);
    report(ASKED("aa", "responded", ",\"scopes\":\"eu\""), 0, T0 + 39, false, OUTCOME_COMMITTED);
    report(ASKED("bb", "timeout", ""), T0 - 5000, T0, true, OUTCOME_COMMITTED);
    assert_text_sql("SELECT group_concat(neighbor || ' ' || coalesce(scopes, '-') || ' ' ||"
                    " coalesce(scopes_ms - 1774798050000, '-'), ';') FROM reported_neighbors n JOIN"
                    " observers o ON o.id = n.observer_id WHERE identity = 'A'",
                    "aa  40;bb - -");
}

/* --- answers about regions: protocol.md 6 ----------------------------------------------------- */

static void answer(uint8_t repeater, const char *client, const char *names, int64_t envelope_ms,
                   int64_t receipt_ms, enum outcome wanted)
{
    struct fixture_message m;
    fixture_regions(&m, repeater, client, names, envelope_ms, receipt_ms);
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, wanted);
}

static void the_newest_answer_of_each_repeater_counts(void **state)
{
    (void)state;
    const char *sql = "SELECT group_concat(substr(hex(target), 1, 2) || ' ' || regions || ' ' ||"
                      " client || ' ' || (as_of_ms - 1774798050000), ';') FROM region_answers";
    answer(0xaa, "c1", "\"*\",\"hu\"", T0 - 5000, T0, OUTCOME_COMMITTED);
    assert_text_sql(sql, "AA *,hu c1 -5000");
    /* By its own time: what was gathered without a network comes late and is older. */
    answer(0xaa, "c2", "\"de\"", T0 - 9000, T0 + 10, OUTCOME_COMMITTED);
    assert_text_sql(sql, "AA *,hu c1 -5000");
    answer(0xaa, "c2", "", T0 - 1000, T0 + 20, OUTCOME_COMMITTED); /* it serves none */
    answer(0xbb, "c2", "\"de\"", T0 + DAY, T0 + 30, OUTCOME_COMMITTED);
    assert_text_sql(sql, "AA  c2 -1000;BB de c2 30");
    answer(0xbb, "c2", "\"de\"", T0 + DAY, T0 + 40, OUTCOME_DUPLICATE);
    struct fixture_message m; /* kept by the broker, from any day */
    fixture_regions(&m, 0xbb, "c3", "\"xx\"", 0, T0 + 5000);
    m.message.flags = RING_RETAIN;
    assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    assert_text_sql(sql, "AA  c2 -1000;BB de c2 40");
    assert_text_sql("SELECT count(*) FROM observers", "0");
}

static void only_so_many_repeaters_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 10050; i++) {
        struct fixture_message m;
        fixture_regions(&m, 7, "c1", "", T0 + i, T0 + 20000);
        memcpy(m.envelope.regions.target, &i, sizeof i);
        (void)snprintf(m.payload, sizeof m.payload, "%d", i);
        m.envelope.regions.list = "";
        m.message.payload_len = (uint32_t)strlen(m.payload);
        assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
    }
    assert_text_sql("SELECT count(*) || ' ' || (min(as_of_ms) - 1774798050000) FROM region_answers",
                    "10000 50");
}

/* Whoever makes neighbours up fills no disk; the newest stay, whatever the order of the reports. */
static void an_observer_has_only_so_many_neighbours(void **state)
{
    (void)state;
    const int reports = 1024 / 4 + 10;
    for (int order = 0; order < 2; order++) {
        for (int i = 0; i < reports; i++) {
            struct fixture_message m;
            char lines[512];
            const int n = order == 0 ? i : reports - 1 - i;
            (void)snprintf(lines, sizeof lines,
                           LINE("%04xa", "1", "1") "," LINE("%04xb", "1", "1") "," LINE(
                               "%04xc", "1", "1") "," LINE("%04xd", "1", "1"),
                           (unsigned)n, (unsigned)n, (unsigned)n, (unsigned)n);
            fixture_neighbors(&m, order == 0 ? "A" : "B", lines, 0, T0 + n / 2);
            assert_int_equal(fixture_apply_message(db.store, &m).outcome, OUTCOME_COMMITTED);
        }
        assert_text_sql("SELECT group_concat(n || ' ' || least) FROM (SELECT count(*) AS n,"
                        " min(neighbor) AS least FROM reported_neighbors GROUP BY observer_id)",
                        order == 0 ? "1024 000aa" : "1024 000aa,1024 000aa");
    }
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(each_field_is_as_new_as_what_told_it),
        STORE_TEST(a_retained_status_is_as_old_as_it_says),
        STORE_TEST(redeliveries_count_once_in_any_order),
        STORE_TEST(of_the_samples_of_five_minutes_the_earliest_stays),
        STORE_TEST(an_inactive_observer_wakes_by_life_only),
        STORE_TEST(a_text_has_a_channel_and_a_sender),
        STORE_TEST(of_the_copies_of_a_text_the_earliest_stays),
        STORE_TEST(a_reception_on_the_road_has_a_key),
        STORE_TEST(the_newest_line_of_each_neighbour_stays),
        STORE_TEST(a_replayed_report_refreshes_nothing),
        STORE_TEST(only_an_answer_changes_scopes),
        STORE_TEST(an_observer_has_only_so_many_neighbours),
        STORE_TEST(the_newest_answer_of_each_repeater_counts),
        STORE_TEST(only_so_many_repeaters_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
