/* SPDX-License-Identifier: MIT
 *
 * clickhouse_call: what is sent, and what becomes of every way in which an answer can fail. */
#include "tests/support/cmocka_all.h"

#include "common/base/clock.h"
#include "common/clickhouse/clickhouse_call.h"
#include "common/clickhouse/gzip_body.h"
#include "tests/support/http_client.h"
#include "tests/support/http_front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct clickhouse_client *client;

static int setup(void **state)
{
    (void)state;
    client = clickhouse_client_new();
    assert_non_null(client);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clickhouse_client_free(client);
    return 0;
}

static const struct clickhouse_call ping = {
    .statement = "SELECT 1", .asks_rows = true, .answer_max = 100};

/* One answer to a question for rows, or for none. */
static struct clickhouse_answer ask(const char *answer, enum http_front_end end, bool asks_rows,
                                    int total_ms)
{
    const struct http_front_script script = {answer, end};
    struct http_front *front = http_front_start(&script, 1);
    const struct clickhouse_server server = {.url = http_front_url(front)};
    struct clickhouse_answer out;
    struct clickhouse_call call = ping;
    call.asks_rows = asks_rows;
    call.total_ms = total_ms;
    const bool is_done = clickhouse_ask(client, &server, &call, &out);
    assert_int_equal(is_done, out.is.verdict == CLICKHOUSE_DONE);
    http_front_stop(front);
    return out;
}

static enum clickhouse_verdict verdict(const char *answer, enum http_front_end end)
{
    struct clickhouse_answer out = ask(answer, end, false, end == HTTP_FRONT_HANG ? 400 : 10000);
    clickhouse_answer_done(&out);
    return out.is.verdict;
}

static void test_a_query_is_gzip_with_its_settings(void **state)
{
    const struct http_front_script script = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        HTTP_FRONT_KEEP};
    struct http_front *front = http_front_start(&script, 1);
    const struct clickhouse_server server = {
        .url = http_front_url(front), .user = "weir", .password = "s3cret:", .database = "w r"};
    struct clickhouse_call call = ping;
    struct clickhouse_answer out;
    (void)state;
    call.settings[0].name = "async_insert";
    call.settings[0].value = "0&1";
    assert_true(clickhouse_ask(client, &server, &call, &out));
    assert_int_equal(out.len, 3);
    assert_string_equal(out.body, "abc");
    clickhouse_answer_done(&out);
    assert_string_equal(http_front_body(front), "SELECT 1");
    const char *head = http_front_head(front);
    assert_non_null(
        strstr(head, "POST /?wait_end_of_query=1&database=w%20r&async_insert=0%261 HTTP/1.1\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Encoding: gzip\r\n"));
    assert_non_null(strstr(head, "\r\nAuthorization: Basic d2VpcjpzM2NyZXQ6\r\n"));
    assert_null(strstr(head, "s3cret"));
    assert_null(strstr(head, "Expect"));
    http_front_stop(front);
}

static void test_an_insert_has_its_rows_in_the_body(void **state)
{
    const struct http_front_script script = {OK_EMPTY, HTTP_FRONT_KEEP};
    struct http_front *front = http_front_start(&script, 1);
    const struct clickhouse_server server = {.url = http_front_url(front)};
    struct clickhouse_call call = {.statement = "INSERT INTO t (a) FORMAT RowBinary"};
    struct clickhouse_answer out;
    uint8_t *rows = NULL;
    (void)state;
    assert_true(gzip_body("rows", 4, &rows, &call.rows_len));
    call.rows = rows;
    for (int i = 0; i < 3; i++)
        assert_true(clickhouse_ask(client, &server, &call, &out));
    assert_string_equal(http_front_body(front), "rows");
    assert_non_null(strstr(http_front_head(front),
                           "&query=INSERT%20INTO%20t%20%28a%29%20FORMAT%20RowBinary HTTP/1.1"));
    assert_null(strstr(http_front_head(front), "Authorization"));
    assert_int_equal(http_front_count(front), 3);
    free(rows);
    http_front_stop(front);
}

static void test_only_a_whole_answer_is_done(void **state)
{
    (void)state;
    assert_int_equal(verdict(OK_EMPTY, HTTP_FRONT_CLOSE), CLICKHOUSE_DONE);
    assert_int_equal(verdict("", HTTP_FRONT_CLOSE), CLICKHOUSE_UNKNOWN);
    assert_int_equal(verdict("", HTTP_FRONT_RESET), CLICKHOUSE_UNKNOWN);
    assert_int_equal(verdict("HTTP/1.1 200 OK\r\nContent-Le", HTTP_FRONT_CLOSE),
                     CLICKHOUSE_UNKNOWN);
    assert_int_equal(verdict("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", HTTP_FRONT_CLOSE),
                     CLICKHOUSE_UNKNOWN);
    assert_int_equal(
        verdict("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", HTTP_FRONT_CLOSE),
        CLICKHOUSE_UNKNOWN);
    assert_int_equal(verdict("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", HTTP_FRONT_CLOSE),
                     CLICKHOUSE_UNKNOWN);
}

static void test_a_200_that_tells_of_an_error_is_not_done(void **state)
{
    (void)state;
    struct clickhouse_answer out =
        ask("HTTP/1.1 200 OK\r\nX-ClickHouse-Exception-Code: 159\r\nContent-Length: 0\r\n\r\n",
            HTTP_FRONT_CLOSE, true, 0);
    assert_int_equal(out.is.verdict, CLICKHOUSE_UNKNOWN);
    assert_int_equal(out.is.code, 159);
    clickhouse_answer_done(&out);
    out = ask("HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nCode: 241, e.displayText()",
              HTTP_FRONT_CLOSE, false, 0);
    assert_int_equal(out.is.verdict, CLICKHOUSE_UNKNOWN);
    assert_string_equal(out.is.text, "Code: 241, e.displayText()");
    clickhouse_answer_done(&out);
}

static void test_a_refusal_has_its_words(void **state)
{
    (void)state;
    struct clickhouse_answer out =
        ask("HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\nCode: 60, no table x",
            HTTP_FRONT_CLOSE, false, 0);
    assert_int_equal(out.is.verdict, CLICKHOUSE_PERMANENT);
    assert_int_equal(out.is.code, CLICKHOUSE_UNKNOWN_TABLE);
    assert_string_equal(out.is.text, "Code: 60, no table x");
    clickhouse_answer_done(&out);
    assert_int_equal(verdict("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", HTTP_FRONT_CLOSE),
                     CLICKHOUSE_TEMPORARY);
    assert_int_equal(verdict("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                             "Content-Length: 0\r\n\r\n",
                             HTTP_FRONT_CLOSE),
                     CLICKHOUSE_PERMANENT);
}

static void test_silence_ends_by_our_limit(void **state)
{
    (void)state;
    const mono_us began = clock_mono();
    assert_int_equal(verdict("", HTTP_FRONT_HANG), CLICKHOUSE_UNKNOWN);
    assert_int_equal(verdict("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", HTTP_FRONT_HANG),
                     CLICKHOUSE_UNKNOWN);
    assert_true(clock_mono() - began < (mono_us)20 * US_PER_S);
}

static void test_a_stop_ends_a_call(void **state)
{
    const struct http_front_script script = {"", HTTP_FRONT_HANG};
    struct http_front *front = http_front_start(&script, 1);
    const struct clickhouse_server server = {.url = http_front_url(front)};
    atomic_bool stop = true;
    struct clickhouse_call call = ping;
    struct clickhouse_answer out;
    (void)state;
    call.stop = &stop;
    assert_false(clickhouse_ask(client, &server, &call, &out));
    assert_int_equal(out.is.verdict, CLICKHOUSE_UNKNOWN);
    clickhouse_answer_done(&out);
    http_front_stop(front);
}

static void test_nobody_there_is_temporary(void **state)
{
    int port = 0;
    char url[64];
    struct clickhouse_answer out;
    (void)state;
    (void)close(http_client_bind(&port));
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    const struct clickhouse_server server = {.url = url};
    assert_false(clickhouse_ask(client, &server, &ping, &out));
    assert_int_equal(out.is.verdict, CLICKHOUSE_TEMPORARY);
    clickhouse_answer_done(&out);
}

static void test_an_answer_is_bounded(void **state)
{
    static char answer[40000];
    const int n =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n");
    (void)state;
    memset(answer + n, 'x', 30000);
    struct clickhouse_answer out = ask(answer, HTTP_FRONT_CLOSE, true, 0);
    assert_int_equal(out.is.verdict, CLICKHOUSE_PERMANENT);
    assert_true(out.len < 30000);
    clickhouse_answer_done(&out);
}

static void test_a_statement_that_does_not_fit_is_refused(void **state)
{
    static char statement[CLICKHOUSE_URL_MAX + 1];
    const struct clickhouse_server server = {.url = "http://127.0.0.1:1"};
    const struct clickhouse_call call = {
        .statement = statement, .rows = (const uint8_t *)"", .rows_len = 0};
    struct clickhouse_answer out;
    (void)state;
    memset(statement, 'x', sizeof statement - 1);
    assert_false(clickhouse_ask(client, &server, &call, &out));
    assert_int_equal(out.is.verdict, CLICKHOUSE_PERMANENT);
}

/* A server that hangs, one that is away and one that was not asked hold none of the others back. */
static void test_several_at_once(void **state)
{
    const struct http_front_script good = {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                                           HTTP_FRONT_KEEP};
    const struct http_front_script hangs = {"HTTP/1.1 200 OK\r\n", HTTP_FRONT_HANG};
    const struct http_front_script fails = {
        "HTTP/1.1 500 No\r\nContent-Length: 23\r\n\r\nCode: 241, e.displayText", HTTP_FRONT_KEEP};
    struct http_front *fronts[] = {http_front_start(&good, 1), http_front_start(&hangs, 1),
                                   http_front_start(&fails, 1)};
    struct clickhouse_server servers[ARRAY_LEN(fronts)];
    struct clickhouse_errand errands[ARRAY_LEN(fronts) + 2] = {{.server = NULL}};
    struct clickhouse_many *many = clickhouse_many_new(ARRAY_LEN(errands));
    const struct clickhouse_server away = {.url = "http://127.0.0.1:1"};
    struct clickhouse_call call = ping;
    (void)state;
    assert_non_null(many);
    call.total_ms = 1500;
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        servers[i] = (struct clickhouse_server){.url = http_front_url(fronts[i])};
        errands[i] = (struct clickhouse_errand){.server = &servers[i], .call = &call};
    }
    errands[3] = (struct clickhouse_errand){.server = &away, .call = &call};
    for (int turn = 0; turn < 2; turn++) {
        const mono_us began = clock_mono();
        clickhouse_many_ask(many, errands, ARRAY_LEN(errands));
        assert_true(clock_mono() - began < (mono_us)20 * US_PER_S);
        assert_int_equal(errands[0].answer.is.verdict, CLICKHOUSE_DONE);
        assert_string_equal(errands[0].answer.body, "abc");
        assert_true(errands[0].took_us > 0);
        assert_int_equal(errands[1].answer.is.verdict, CLICKHOUSE_UNKNOWN);
        assert_int_equal(errands[2].answer.is.verdict, CLICKHOUSE_TEMPORARY);
        assert_int_equal(errands[2].answer.is.code, 241);
        assert_int_equal(errands[3].answer.is.verdict, CLICKHOUSE_TEMPORARY);
        assert_null(errands[4].answer.body);
        for (size_t i = 0; i < ARRAY_LEN(errands); i++)
            clickhouse_answer_done(&errands[i].answer);
    }
    clickhouse_many_free(many);
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
        http_front_stop(fronts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test_setup_teardown(test_a_query_is_gzip_with_its_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_insert_has_its_rows_in_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_a_whole_answer_is_done, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_200_that_tells_of_an_error_is_not_done, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal_has_its_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_ends_by_our_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stop_ends_a_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_there_is_temporary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_statement_that_does_not_fit_is_refused, setup,
                                        teardown),
    };
    return clickhouse_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
