/* SPDX-License-Identifier: MIT
 *
 * Neighbour reports (protocol.md 7.4), rule by rule. */
#include "tests/support/envelope_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NEIGHBORS  "meshcore/SJC/obs1/neighbors"
#define KEY_64     "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2"
#define NOT_STORED OUTCOME_FILTERED_TOPIC

static void reads_a_neighbor_report(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(
        parse(
            NEIGHBORS,
            "{\"timestamp\":\"2026-03-29T15:27:30Z\",\"origin\":\"Hill\",\"origin_id\":\"OBS1\","
            "\"total_neighbors\":3,\"queried_neighbors\":\"2\",\"truncated\":true,"
            "\"self\":{\"scopes\":\"#snoco,#ottawa\",\"default_scope\":\"#snoco\"},"
            "\"neighbors\":[{\"pubkey\":\"" KEY_64 "\",\"snr\":-3.25,\"rssi\":-101,"
            "\"heard_secs_ago\":3600,\"scopes\":\"*\",\"status\":\"responded\"},"
            "{\"pubkey\":\"ABCDEF01\",\"snr\":\"0\",\"heard_secs_ago\":0,\"status\":\"timeout\"} ,"
            "{\"pubkey\":\"0a\",\"snr\":null,\"heard_secs_ago\":-5,\"scopes\":\"\"}]}",
            &e),
        OUTCOME_NONE);
    assert_int_equal(e.kind, ENVELOPE_NEIGHBORS);
    assert_string_equal(e.observer, "obs1");
    assert_string_equal(e.region, "SJC");
    assert_int_equal(e.neighbors.total, 3);
    assert_int_equal(e.neighbors.queried, 2);
    assert_true(e.neighbors.is_truncated);
    assert_string_equal(e.neighbors.scopes, "#snoco,#ottawa");
    assert_string_equal(e.neighbors.default_scope, "#snoco");
    struct envelope_neighbor n;
    size_t at = 0;
    assert_true(envelope_neighbor_next(&e.neighbors, &at, &n));
    assert_string_equal(n.key, KEY_64);
    assert_true(n.snr == -3.25 && n.rssi == -101 && n.heard_secs_ago == 3600);
    assert_string_equal(n.status, "responded");
    assert_true(n.has_scopes);
    assert_string_equal(n.scopes, "*");
    assert_true(envelope_neighbor_next(&e.neighbors, &at, &n));
    assert_string_equal(n.key, "abcdef01");
    assert_true(n.snr == 0 && isnan(n.rssi) && n.heard_secs_ago == 0); /* 12.12: 0 is a value */
    assert_string_equal(n.status, "timeout");
    assert_string_equal(n.scopes, "");
    assert_true(envelope_neighbor_next(&e.neighbors, &at, &n));
    assert_string_equal(n.key, "0a");
    assert_true(isnan(n.snr) && isnan(n.heard_secs_ago));
    assert_string_equal(n.status, "");
    assert_false(envelope_neighbor_next(&e.neighbors, &at, &n));
    assert_false(envelope_neighbor_next(&e.neighbors, &at, &n));
}

static void passes_over_lines_without_a_key(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse(NEIGHBORS,
                           "{\"neighbors\":[1,null,\"a1b2\",[],{},{\"pubkey\":5},{\"pubkey\":\"\"},"
                           "{\"pubkey\":\"a\"},{\"pubkey\":\"xy\"},{\"pubkey\":\"" KEY_64 "0\"},"
                           "{\"pubkey\":\"\\u0061\\u0062\"},{\"snr\":1}]}",
                           &e),
                     OUTCOME_NONE);
    assert_int_equal(e.neighbors.total, -1);
    assert_int_equal(e.neighbors.queried, -1);
    assert_false(e.neighbors.is_truncated);
    struct envelope_neighbor n;
    size_t at = 0;
    assert_true(envelope_neighbor_next(&e.neighbors, &at, &n));
    assert_string_equal(n.key, "ab");
    assert_false(envelope_neighbor_next(&e.neighbors, &at, &n));
}

static size_t count_lines(const struct envelope_neighbors *neighbors)
{
    struct envelope_neighbor n;
    size_t count = 0;
    for (size_t at = 0; envelope_neighbor_next(neighbors, &at, &n);)
        count++;
    return count;
}

static void bounds_the_lines_of_a_report(void **state)
{
    (void)state;
    static char payload[64 * ENVELOPE_NEIGHBORS_MAX];
    for (int lines = ENVELOPE_NEIGHBORS_MAX - 1; lines <= ENVELOPE_NEIGHBORS_MAX + 2; lines++) {
        size_t len = (size_t)snprintf(payload, sizeof payload, "{\"neighbors\":[");
        for (int i = 0; i < lines; i++)
            len += (size_t)snprintf(payload + len, sizeof payload - len, "%s{\"pubkey\":\"%04x\"}",
                                    i > 0 ? " , " : "", (unsigned)i);
        (void)snprintf(payload + len, sizeof payload - len, " ]}");
        struct envelope e;
        assert_int_equal(parse(NEIGHBORS, payload, &e), OUTCOME_NONE);
        const bool is_cut = lines > ENVELOPE_NEIGHBORS_MAX;
        assert_int_equal(count_lines(&e.neighbors),
                         is_cut ? ENVELOPE_NEIGHBORS_MAX : (size_t)lines);
        assert_int_equal(e.neighbors.is_truncated, is_cut);
    }
}

/* protocol.md 7.4: what a node serves is known only when it has answered; "" is an answer. */
static void only_an_answer_tells_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *members, *scopes; /* NULL = none told */
    } cases[] = {
        {"\"status\":\"responded\",\"scopes\":\"eu,de\"", "eu,de"},
        {"\"status\":\"Responded\",\"scopes\":\"*\"", "*"},
        {"\"status\":\"responded\",\"scopes\":\"\"", ""},
        {"\"status\":\"responded\",\"scopes\":null", NULL},
        {"\"status\":\"responded\"", NULL},
        {"\"status\":\"timeout\",\"scopes\":\"eu,de\"", NULL},
        {"\"status\":\"send_failed\",\"scopes\":\"\"", NULL},
        {"\"status\":\"queued\",\"scopes\":\"eu\"", NULL},
        {"\"scopes\":\"eu\"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{\"neighbors\":[{\"pubkey\":\"ab\",%s}]}",
                       cases[i].members);
        assert_int_equal(parse(NEIGHBORS, payload, &e), OUTCOME_NONE);
        struct envelope_neighbor n;
        size_t at = 0;
        assert_true(envelope_neighbor_next(&e.neighbors, &at, &n));
        if (n.has_scopes != (cases[i].scopes != NULL) ||
            strcmp(n.scopes, cases[i].scopes != NULL ? cases[i].scopes : "") != 0)
            fail_msg("%s: %d \"%s\"", cases[i].members, n.has_scopes, n.scopes);
    }
}

/* Half of a name is another name. */
static void cuts_a_long_list_of_scopes_between_two(void **state)
{
    (void)state;
    char payload[1200] = "{\"neighbors\":[],\"self\":{\"scopes\":\"";
    size_t len = strlen(payload);
    for (int i = 0; i < 90; i++)
        len += (size_t)snprintf(payload + len, sizeof payload - len, "%sregion-%02d",
                                i > 0 ? "," : "", i);
    (void)snprintf(payload + len, sizeof payload - len, "\"}}");
    struct envelope e;
    assert_int_equal(parse(NEIGHBORS, payload, &e), OUTCOME_NONE);
    const char *const last = strrchr(e.neighbors.scopes, ',');
    assert_non_null(last);
    assert_string_equal(last, ",region-50"); /* 51 * 10 - 1 = 509 bytes, of which the last goes */
}

static void names_the_outcome_of_reports(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {NEIGHBORS, "{\"neighbors\":[]}", OUTCOME_NONE},
        {NEIGHBORS, "{\"neighbors\":[ ],\"self\":7,\"total_neighbors\":-1}", OUTCOME_NONE},
        {NEIGHBORS, "{}", OUTCOME_REJECTED_ENVELOPE},
        {NEIGHBORS, "{\"neighbors\":null}", OUTCOME_REJECTED_ENVELOPE},
        {"lan/house/router/neighbors", "{\"neighbors\":[]}", NOT_STORED},
        {"lan/house/router/neighbors", "{\"neighbors\":[],\"self\":{}}", OUTCOME_NONE},
        {NEIGHBORS, "{\"neighbors\":{}}", OUTCOME_REJECTED_ENVELOPE},
        {NEIGHBORS, "{\"neighbors\":\"a1b2\"}", OUTCOME_REJECTED_ENVELOPE},
        {NEIGHBORS, "{\"neighbors\":[{]}", OUTCOME_REJECTED_JSON},
        {NEIGHBORS, "[{\"pubkey\":\"a1b2\"}]", OUTCOME_REJECTED_JSON},
        {NEIGHBORS, "", OUTCOME_FILTERED_EMPTY},
        {"meshcore/SJC/neighbors", "{\"neighbors\":[]}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/SJC/neighbors", "{\"neighbors\":[],\"origin_id\":\"o\"}", OUTCOME_NONE},
    };
    check_outcomes(cases, ARRAY_LEN(cases));
    struct envelope e;
    assert_int_equal(parse(NEIGHBORS, "{\"neighbors\":[ ]}", &e), OUTCOME_NONE);
    assert_int_equal(count_lines(&e.neighbors), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_neighbor_report),
        cmocka_unit_test(passes_over_lines_without_a_key),
        cmocka_unit_test(bounds_the_lines_of_a_report),
        cmocka_unit_test(only_an_answer_tells_scopes),
        cmocka_unit_test(cuts_a_long_list_of_scopes_between_two),
        cmocka_unit_test(names_the_outcome_of_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
