/* SPDX-License-Identifier: MIT
 *
 * Heads of requests, whole and in pieces, and what a body looks like behind one. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/http_body.h"
#include "cmd/server/http/http_parse.h"

#include <stdio.h>
#include <string.h>

#define HOST "Host: x\r\n"

static int parse(const char *text, struct http_incoming *out)
{
    const char *why = NULL;
    const size_t len = strlen(text);
    const size_t end = http_parse_end(text, len, 0);
    assert_true(end > 0 && end <= len);
    const int status = http_parse(text, end, out, &why);
    assert_true((status == 0) == (why == NULL));
    return status;
}

static void assert_slice(const char *text, struct http_slice slice, const char *wanted)
{
    char got[256];
    (void)snprintf(got, sizeof got, "%.*s", (int)slice.len, text + slice.at);
    assert_string_equal(got, wanted);
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *line, *path, *query; /* query NULL = none */
        bool is_asterisk;
    } cases[] = {
        {"GET / HTTP/1.1", "/", NULL, false},
        {"GET /a/b%20c?d=e?f HTTP/1.1", "/a/b%20c", "d=e?f", false},
        {"GET /a? HTTP/1.1", "/a", "", false},
        {"GET http://host:80/a?b HTTP/1.1", "/a", "b", false},
        {"GET HTTPS://[::1]:80 HTTP/1.1", "", NULL, false},
        {"GET http://host?b HTTP/1.1", "", "b", false},
        {"GET //a HTTP/1.1", "//a", NULL, false},
        {"GET /\xc3\xa4 HTTP/1.1", "/\xc3\xa4", NULL, false},
        {"OPTIONS * HTTP/1.1", "", NULL, true},
        {"OPTIONS http://host HTTP/1.1", "", NULL, true},
        {"OPTIONS http://host/ HTTP/1.1", "/", NULL, false},
        {"OPTIONS /a HTTP/1.1", "/a", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        struct http_incoming head;
        (void)snprintf(text, sizeof text, "%s\r\n" HOST "\r\n", cases[i].line);
        if (parse(text, &head) != 0)
            fail_msg("%s is refused", cases[i].line);
        assert_slice(text, head.path, cases[i].path);
        assert_int_equal(head.has_query, cases[i].query != NULL);
        if (cases[i].query != NULL)
            assert_slice(text, head.query, cases[i].query);
        assert_int_equal(head.is_asterisk, cases[i].is_asterisk);
    }
}

static void test_headers(void **state)
{
    (void)state;
    static const char text[] = "POST /p HTTP/1.1\r\n"
                               "hOsT: example.org:80\r\n"
                               "X-Empty:\r\n"
                               "X-Api-Key:\t  a b\xc3\xa4 \t\r\n"
                               "X-API-Key: second\r\n"
                               "Content-Length: 0012\r\n"
                               "Expect: 100-Continue\r\n"
                               "\r\nrest";
    struct http_incoming head;
    assert_int_equal(parse(text, &head), 0);
    assert_slice(text, head.method, "POST");
    assert_int_equal(head.content_length, 12);
    assert_true(head.expects_continue && !head.expects_other && !head.is_chunked);
    assert_true(head.keeps_alive && !head.is_1_0);
    assert_int_equal(head.header_count, 6);
    assert_slice(text, *http_parse_next(&head, text, "X-API-Key", NULL), "a b\xc3\xa4");
    assert_slice(text, *http_parse_next(&head, text, "x-empty", NULL), "");
    assert_null(http_parse_next(&head, text, "X-Api", NULL));
    const struct http_slice *first = http_parse_next(&head, text, "X-API-Key", NULL);
    const struct http_slice *second = http_parse_next(&head, text, "X-API-Key", first);
    assert_slice(text, *second, "second");
    assert_null(http_parse_next(&head, text, "X-API-Key", second));
}

static void test_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keeps;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: x, CLOSE ,y\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.2\r\n" HOST "\r\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_incoming head;
        assert_int_equal(parse(cases[i].text, &head), 0);
        if (head.keeps_alive != cases[i].keeps)
            fail_msg("%s", cases[i].text);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET /\r\n" HOST "\r\n", 400},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
        {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"G\"T / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /\tx HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /a\x7f HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET a HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET * HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET ftp://x/ HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET http:///a HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET http://u@x/ HTTP/1.1\r\n" HOST "\r\n", 400},
        {"CONNECT x:80 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / http/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.11\r\n" HOST "\r\n", 400},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length : 0\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_incoming head;
        const int status = parse(cases[i].text, &head);
        if (status != cases[i].status)
            fail_msg("%s -> %d instead of %d", cases[i].text, status, cases[i].status);
    }
}

static void test_a_nul_is_a_control_character(void **state)
{
    (void)state;
    char text[] = "GET / HTTP/1.1\r\n" HOST "X: a?b\r\n\r\n";
    struct http_incoming head;
    const char *why = NULL;
    *strchr(text, '?') = '\0';
    assert_int_equal(http_parse(text, sizeof text - 1, &head, &why), 400);
}

static void test_limits(void **state)
{
    (void)state;
    char text[HTTP_PARSE_HEAD_MAX];
    for (int lines = HTTP_PARSE_HEADERS_MAX; lines <= HTTP_PARSE_HEADERS_MAX + 1; lines++) {
        struct http_incoming head;
        strcpy(text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 1; i < lines; i++)
            strcat(text, "X: 1\r\n");
        strcat(text, "\r\n");
        assert_int_equal(parse(text, &head), lines > HTTP_PARSE_HEADERS_MAX ? 431 : 0);
    }
    struct http_incoming head;
    assert_int_equal(parse("POST / HTTP/1.1\r\n" HOST
                           "Content-Length: 99999999999999999999999999\r\n\r\n",
                           &head),
                     0);
    assert_true(head.content_length > INT32_MAX);
}

/* The end is found wherever the pieces are cut, and never before it is there. */
static void test_the_end_in_pieces(void **state)
{
    (void)state;
    static const char *const texts[] = {"GET / HTTP/1.1\r\nX: y\r\n\r\n", "GET /\n\n", "\n\r\n"};
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        const size_t len = strlen(texts[t]);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(http_parse_end(texts[t], cut, 0), 0);
            assert_int_equal(http_parse_end(texts[t], len, cut), len);
        }
    }
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* Takes the text in pieces of this size; the status, the body in out, and what was left over. */
static int take(const char *text, int64_t length, size_t piece, char *out, size_t *left)
{
    struct http_body body;
    const size_t all = strlen(text);
    size_t at = 0;
    size_t used = 0;
    http_body_init(&body, length < 0, length, 16);
    while (at < all && !http_body_is_done(&body)) {
        size_t kept;
        size_t taken;
        const size_t n = min_size(piece, all - at);
        memcpy(out + used, text + at, n);
        const int status = http_body_take(&body, out + used, n, &kept, &taken);
        if (status != 0)
            return status;
        used += kept;
        at += taken;
    }
    out[used] = '\0';
    *left = all - at;
    assert_int_equal(used, body.len);
    return http_body_is_done(&body) ? 0 : -1;
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t length; /* -1 = chunked */
        int status;     /* -1 = not whole */
        const char *body;
        size_t left;
    } cases[] = {
        {"abcde", 5, 0, "abcde", 0},
        {"abcdeGET", 5, 0, "abcde", 3},
        {"abc", 5, -1, "abc", 0},
        {"5\r\nabcde\r\n0\r\n\r\n", -1, 0, "abcde", 0},
        {"2\r\nab\r\n003;x=\"y\"\r\ncde\r\n0\r\nA: b\r\nC:\r\n\r\nGET", -1, 0, "abcde", 3},
        {"0\r\n\r\n", -1, 0, "", 0},
        {"A\r\n0123456789\r\n6 \r\nabcdef\r\n0\r\n\r\n", -1, 0, "0123456789abcdef", 0},
        {"2\r\nab\r\n", -1, -1, "ab", 0},
        {"11\r\n", -1, 413, NULL, 0},
        {"A\r\n0123456789\r\n7\r\n", -1, 413, NULL, 0},
        {"ffffffff\r\n", -1, 413, NULL, 0},
        {"000000001\r\na", -1, 400, NULL, 0},
        {"\r\n", -1, 400, NULL, 0},
        {"-1\r\n", -1, 400, NULL, 0},
        {"0x1\r\n", -1, 400, NULL, 0},
        {"1\na\r\n", -1, 400, NULL, 0},
        {"1\rXa\r\n", -1, 400, NULL, 0},
        {"1;a\nb\r\na", -1, 400, NULL, 0},
        {"1\r\nab\r\n", -1, 400, NULL, 0},
        {"1\r\na\rb", -1, 400, NULL, 0},
        {"0\r\nA\n\r\n", -1, 400, NULL, 0},
        {"0\r\n\n", -1, 400, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece < 64; piece += piece < 8 ? 1 : 13) {
            char out[256];
            size_t left = 0;
            const int status = take(cases[i].text, cases[i].length, piece, out, &left);
            if (status != cases[i].status)
                fail_msg("%s -> %d by %zu", cases[i].text, status, piece);
            if (status > 0)
                continue;
            assert_string_equal(out, cases[i].body);
            assert_int_equal(left, cases[i].left);
        }
    }
}

static void test_framing_is_bounded(void **state)
{
    (void)state;
    struct http_body body;
    char text[HTTP_BODY_FRAMING_MAX + 2];
    size_t kept;
    size_t taken;
    memset(text, 'x', sizeof text);
    memcpy(text, "1;", 2);
    http_body_init(&body, true, -1, 16);
    assert_int_equal(http_body_take(&body, text, sizeof text, &kept, &taken), 400);
    http_body_init(&body, true, -1, 16);
    assert_int_equal(http_body_take(&body, text, HTTP_BODY_FRAMING_MAX, &kept, &taken), 0);
    assert_int_equal(kept, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_nul_is_a_control_character),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_the_end_in_pieces),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_framing_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
