/* SPDX-License-Identifier: MIT
 *
 * The room http on real sockets, with a service that is not ours: what reaches the code behind a
 * route, and what becomes of its answer. */
#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"

#include "cmd/server/http/http_counts.h"
#include "cmd/server/http/rules.h"
#include "cmd/server/loop/http.h"
#include "common/base/crypto.h"
#include "common/json/json_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE  100000
#define MIDDLE 4000

static const struct http_parameter parameters[] = {
    {"deep", HTTP_PARAMETER_FLAG, NULL}, {"name", HTTP_PARAMETER_TEXT, NULL}, {0}};
static const struct route rows[] = {
    {.method = "GET",
     .path = "/echo/:first/to/:second",
     .parameters = parameters,
     .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/tag/:text", .cache = HTTP_REVALIDATE, .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/both", .cache = HTTP_NO_STORE, .listeners = ROUTE_ON_MAIN},
    {.method = "POST", .path = "/both", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/large", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/middle", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/late", .waits = true, .listeners = ROUTE_ON_MAIN},
};
static const struct route_family family = {rows, ARRAY_LEN(rows)};

static struct http *http;
static int port;
static char origin[] = "https://map.example.org";
static char *const origins[] = {origin};
static const struct http_rules rules = {.cors = {origins, 1}};

/* What was asked, as JSON. */
static void echo(const struct http_request *request, struct http_reply *reply)
{
    const char *name = http_query_text(request->query, "name");
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "method", request->method);
    jw_uint(&w, "number", request->route_number);
    jw_array(&w, "arguments");
    for (size_t i = 0; i < request->argument_count; i++)
        jw_string(&w, NULL, request->arguments[i]);
    jw_array_end(&w);
    jw_string(&w, "name", name != NULL ? name : "-");
    jw_bool(&w, "deep", http_query_is_set(request->query, "deep"));
    jw_text(&w, "canonical", request->query->canonical, request->query->canonical_len);
    jw_text(&w, "body", request->body, request->body_len);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* Of the bodies that are packed: in the loop, in a worker, or in the one that answers. */
static size_t size_of(const char *path)
{
    return strcmp(path, "/middle") == 0                                ? MIDDLE
           : strcmp(path, "/large") == 0 || strcmp(path, "/late") == 0 ? LARGE
                                                                       : 0;
}

static struct http_ready *answer(void *context, const struct http_request *request)
{
    assert_ptr_equal(context, &http);
    struct http_reply reply;
    http_reply_init(&reply, request->route->cache);
    const size_t size = size_of(request->route->path);
    if (size > 0) {
        reply.body_len = size;
        reply.body = malloc(reply.body_len);
        assert_non_null(reply.body);
        memset(reply.body, 'L', reply.body_len);
    } else if (request->argument_count == 1 && strcmp(request->arguments[0], "none") == 0) {
        http_reply_error(&reply, 404, "there is none");
    } else if (request->argument_count == 1 && strcmp(request->arguments[0], "short") == 0) {
        reply.body = NULL;
    } else {
        echo(request, &reply);
    }
    return http_ready_new(&reply, NULL);
}

static int setup(void **state)
{
    (void)state;
    assert_true(crypto_init());
    static struct http_counts counts;
    const struct http_service service = {.families = &family,
                                         .family_count = 1,
                                         .answer = answer,
                                         .context = &http,
                                         .counts = &counts,
                                         .rules = &rules};
    struct err err;
    for (int attempt = 0; http == NULL && attempt < 20; attempt++) {
        assert_int_equal(close(http_client_bind(&port)), 0);
        http = http_start(&service, &(struct http_place){"127.0.0.1", port}, NULL, &err);
    }
    return http != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    http_stop(http);
    return 0;
}

static int ask(const char *method, const char *path, const char *headers, char *out, size_t cap)
{
    char request[1024];
    (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path,
                   headers);
    return http_client_ask(port, request, out, cap);
}

static int get(const char *path, const char *headers, char *out, size_t cap)
{
    return ask("GET", path, headers, out, cap);
}

static const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

static void test_arguments_and_queries_arrive_decoded(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(
        get("/echo/%23a%20b/to/%C3%A4?x=%zz&name=c+d%26&deep=true", "", text, sizeof text), 200);
    assert_string_equal(body_of(text),
                        "{\"method\":\"GET\",\"number\":0,\"arguments\":[\"#a b\",\"\xc3\xa4\"],"
                        "\"name\":\"c d&\",\"deep\":true,\"canonical\":\"deep=1&name=c d%26\","
                        "\"body\":\"\"}");
    assert_int_equal(get("/echo/a%2Fb/to/c", "", text, sizeof text), 400);
    assert_int_equal(get("/echo/a/to/%00", "", text, sizeof text), 400);
    assert_int_equal(get("/echo/a/to/%ff", "", text, sizeof text), 400);
    assert_int_equal(get("/echo/a/to/c?name=%00", "", text, sizeof text), 400);
    assert_string_equal(body_of(text),
                        "{\"error\":\"the query can't be read\",\"field\":\"name\"}");
    assert_int_equal(get("/echo/a/to/", "", text, sizeof text), 404);
    assert_non_null(strstr(text, "{\"error\":\"not found\"}"));
}

static void test_methods_of_one_path(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(get("/both", "", text, sizeof text), 200);
    assert_non_null(strstr(text, "\"method\":\"GET\",\"number\":2,"));
    assert_int_equal(
        http_client_ask(port, "POST /both HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                        text, sizeof text),
        200);
    assert_non_null(strstr(text, "\"method\":\"POST\",\"number\":3,"));
    assert_non_null(strstr(text, "\"body\":\"abc\""));
    static const struct {
        const char *request, *allow;
        int status;
    } cases[] = {
        {"DELETE /both HTTP/1.1\r\nHost: x\r\n\r\n", "Allow: GET, HEAD, POST, OPTIONS\r\n", 405},
        {"DELETE /tag/a HTTP/1.1\r\nHost: x\r\n\r\n", "Allow: GET, HEAD, OPTIONS\r\n", 405},
        {"POST /tag/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
         "Allow: GET, HEAD, OPTIONS\r\n", 405},
        {"OPTIONS /both HTTP/1.1\r\nHost: x\r\n\r\n", "Allow: GET, HEAD, POST, OPTIONS\r\n", 204},
        {"OPTIONS /tag/a HTTP/1.1\r\nHost: x\r\n\r\n", "Allow: GET, HEAD, OPTIONS\r\n", 204},
        {"OPTIONS /tag/a HTTP/1.1\r\nHost: x\r\n\r\n", "Cache-Control: no-store\r\n", 204},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(http_client_ask(port, cases[i].request, text, sizeof text),
                         cases[i].status);
        assert_non_null(strstr(text, cases[i].allow));
    }
}

/* The ETag line's value. */
static void tag_of(const char *text, char out[static 32])
{
    const char *tag = strstr(text, "\r\nETag: ");
    assert_non_null(tag);
    (void)snprintf(out, 32, "%.*s", (int)strcspn(tag + 8, "\r"), tag + 8);
    assert_int_equal(out[0], '"');
}

static void test_who_has_the_bytes_is_told_so(void **state)
{
    (void)state;
    char text[4096];
    char header[256];
    char tag[32];
    char other[32];
    assert_int_equal(get("/tag/b", "", text, sizeof text), 200);
    tag_of(text, other);
    assert_int_equal(get("/tag/a", "", text, sizeof text), 200);
    assert_non_null(strstr(text, "\r\nCache-Control: no-cache\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Security-Policy: default-src 'none'; frame"));
    tag_of(text, tag);
    assert_string_not_equal(tag, other);
    /* around the tag: what stands before it, and how much of it is sent */
    static const struct {
        const char *before;
        int tag_bytes;
        bool is_known;
    } cases[] = {
        {"", 31, true},   {"W/", 31, true}, {"\"x\", ", 31, true}, {"\"x\" ,W/\"y\",", 31, true},
        {"*", 0, true},   {"", 0, false},   {"\"x\"", 0, false},   {"x", 0, false},
        {"\"", 0, false}, {"W/", 0, false}, {"", 5, false},        {"\"x", 31, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(header, sizeof header, "If-None-Match: %s%.*s\r\n", cases[i].before,
                       cases[i].tag_bytes, tag);
        const int status = get("/tag/a", header, text, sizeof text);
        if (status != (cases[i].is_known ? 304 : 200))
            fail_msg("%s -> %d", header, status);
        assert_non_null(strstr(text, tag));
        assert_true(cases[i].is_known == (strstr(text, "Content-Length") == NULL));
        assert_true(cases[i].is_known == (*body_of(text) == '\0'));
    }
    (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", tag);
    assert_int_equal(get("/tag/b", header, text, sizeof text), 200); /* another body */
    assert_int_equal(get("/both", "If-None-Match: *\r\n", text, sizeof text),
                     200); /* no tag, no 304 */
    assert_null(strstr(text, "ETag"));
    assert_int_equal(get("/tag/none", "If-None-Match: *\r\n", text, sizeof text), 404);
    assert_null(strstr(text, "ETag"));
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
}

/* The lines of a list are one list. */
static void test_a_tag_in_the_second_line(void **state)
{
    (void)state;
    char text[4096];
    char header[256];
    char tag[32];
    assert_int_equal(get("/tag/a", "", text, sizeof text), 200);
    tag_of(text, tag);
    (void)snprintf(header, sizeof header, "If-None-Match: \"x\"\r\nif-none-match: %s\r\n", tag);
    assert_int_equal(get("/tag/a", header, text, sizeof text), 304);
    assert_non_null(strstr(text, "\r\nVary: Accept-Encoding\r\n"));
    assert_int_equal(ask("HEAD", "/tag/a", header, text, sizeof text), 304);
}

/* The head but for its date. */
static void undated(const char *text, char out[static 1024])
{
    const char *date = strstr(text, "\r\nDate: ");
    assert_non_null(date);
    const char *behind = date + 2 + strcspn(date + 2, "\r");
    (void)snprintf(out, 1024, "%.*s%.*s", (int)(date - text), text,
                   (int)(strstr(text, "\r\n\r\n") - behind), behind);
}

static void test_who_takes_gzip_gets_it(void **state)
{
    (void)state;
    static const char *const paths[] = {"/middle", "/large", "/late"};
    static char text[LARGE + 1024];
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char plain[32];
        char packed[32];
        char heads[2][1024];
        char header[256];
        assert_int_equal(get(paths[i], "", text, sizeof text), 200);
        assert_non_null(strstr(text, "\r\nVary: Accept-Encoding\r\n"));
        assert_null(strstr(text, "Content-Encoding"));
        tag_of(text, plain);
        static const char takes[] = "Accept-Encoding: br\r\nAccept-Encoding: gzip;q=0.5\r\n";
        assert_int_equal(get(paths[i], takes, text, sizeof text), 200);
        assert_non_null(strstr(text, "\r\nContent-Encoding: gzip\r\n"));
        assert_non_null(strstr(text, "\r\nVary: Accept-Encoding\r\n"));
        assert_memory_equal(body_of(text), "\x1f\x8b\x08", 3);
        assert_true(strtoul(strstr(text, "Content-Length: ") + 16, NULL, 10) < 1000);
        tag_of(text, packed);
        assert_string_not_equal(packed, plain);
        undated(text, heads[0]);
        assert_int_equal(ask("HEAD", paths[i], takes, text, sizeof text), 200);
        undated(text, heads[1]);
        assert_string_equal(heads[0], heads[1]);
        /* The tag of the form that this client would be sent, and no other. */
        (void)snprintf(header, sizeof header, "%sIf-None-Match: %s\r\n", takes, packed);
        assert_int_equal(get(paths[i], header, text, sizeof text), 304);
        assert_non_null(strstr(text, packed));
        (void)snprintf(header, sizeof header, "%sIf-None-Match: %s\r\n", takes, plain);
        assert_int_equal(get(paths[i], header, text, sizeof text), 200);
        (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", packed);
        assert_int_equal(get(paths[i], header, text, sizeof text), 200);
    }
    assert_int_equal(get("/both", "Accept-Encoding: gzip\r\n", text, sizeof text), 200);
    assert_null(strstr(text, "Content-Encoding")); /* short */
    assert_null(strstr(text, "Vary: Accept"));     /* nobody may store it */
    assert_int_equal(get("/large", "Accept-Encoding: gzip;q=0, *\r\n", text, sizeof text), 200);
    assert_null(strstr(text, "Content-Encoding"));
}

#define ORIGIN "Origin: https://map.example.org\r\n"
#define ASKS   "Access-Control-Request-Method: GET\r\n"

/* Refusals and 304s too: the page is to read why. */
static void test_pages_of_other_sites(void **state)
{
    (void)state;
    char text[4096];
    static const char allow[] = "\r\nAccess-Control-Allow-Origin: https://map.example.org\r\n";
    static const struct {
        const char *method, *path, *headers;
        int status;
        bool is_allowed;
    } cases[] = {
        {"GET", "/tag/a", ORIGIN, 200, true},
        {"HEAD", "/tag/a", ORIGIN, 200, true},
        {"GET", "/tag/a", ORIGIN "If-None-Match: *\r\n", 304, true},
        {"GET", "/large", ORIGIN "Accept-Encoding: gzip\r\n", 200, true},
        {"GET", "/tag/none", ORIGIN, 404, true},
        {"GET", "/none", ORIGIN, 404, true},
        {"DELETE", "/tag/a", ORIGIN, 405, true},
        {"OPTIONS", "/tag/a", ORIGIN, 204, true},
        {"OPTIONS", "/tag/a", ORIGIN ASKS, 204, true},
        {"GET", "/tag/a", "", 200, false},
        {"GET", "/tag/a", "Origin: https://evil.example\r\n", 200, false},
        {"OPTIONS", "/tag/a", ASKS, 204, false},
        {"OPTIONS", "/tag/a", "Origin: https://evil.example\r\n" ASKS, 403, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const int status = ask(cases[i].method, cases[i].path, cases[i].headers, text, sizeof text);
        const bool is_allowed = strstr(text, allow) != NULL;
        if (status != cases[i].status || is_allowed != cases[i].is_allowed)
            fail_msg("%s %s %s -> %s", cases[i].method, cases[i].path, cases[i].headers, text);
        assert_non_null(strstr(text, "\r\nVary: Origin\r\n"));
        assert_true((strstr(text, "Allow-Headers") != NULL) ==
                    (is_allowed && strstr(cases[i].headers, ASKS) != NULL));
    }
}

/* 304 and HEAD leave the connection at the next request's first byte. */
static void test_answers_without_a_body_keep_the_connection(void **state)
{
    (void)state;
    char text[4096];
    const int fd = http_client_connect(port);
    static const char *const requests[] = {
        "GET /tag/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n",
        "HEAD /tag/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS /tag/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /tag/a HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    static const int statuses[] = {304, 200, 204, 200};
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        assert_int_equal(http_client_exchange(fd, requests[i], text, sizeof text), statuses[i]);
        assert_non_null(strstr(text, "\r\nConnection: keep-alive\r\n"));
    }
    assert_non_null(strstr(text, "\"arguments\":[\"a\"]"));
    assert_int_equal(close(fd), 0);
}

static void test_large_answers_and_none(void **state)
{
    (void)state;
    static char text[LARGE + 1024];
    assert_int_equal(get("/large", "", text, sizeof text), 200);
    const char *body = body_of(text);
    assert_int_equal(strlen(body), LARGE);
    assert_int_equal(strspn(body, "L"), LARGE);
    assert_int_equal(get("/tag/short", "", text, sizeof text), 503);
    assert_non_null(strstr(text, "{\"error\":\"out of memory\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_and_queries_arrive_decoded),
        cmocka_unit_test(test_methods_of_one_path),
        cmocka_unit_test(test_who_has_the_bytes_is_told_so),
        cmocka_unit_test(test_a_tag_in_the_second_line),
        cmocka_unit_test(test_who_takes_gzip_gets_it),
        cmocka_unit_test(test_pages_of_other_sites),
        cmocka_unit_test(test_answers_without_a_body_keep_the_connection),
        cmocka_unit_test(test_large_answers_and_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
