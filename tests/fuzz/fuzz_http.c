/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a path and, behind a question mark, a query: what reaches the code behind a route is
 * decoded, valid and bounded, and a canonical query is its own canonical text. */
#include "cmd/server/http/query.h"
#include "cmd/server/http/router.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_parameter parameters[] = {{"hash", HTTP_PARAMETER_TEXT, NULL},
                                                   {"limit", HTTP_PARAMETER_TEXT, NULL},
                                                   {"strict", HTTP_PARAMETER_FLAG, NULL},
                                                   {0}};
static const struct route rows[] = {
    {.method = "GET", .path = "/", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/a/b", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/a/:x", .listeners = ROUTE_ON_MAIN},
    {.method = "POST", .path = "/a/:x/c/:y", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/:x/:y/:z", .listeners = ROUTE_ON_MAIN},
};

static void check_path(const char *path)
{
    static const struct route_family family = {rows, ARRAY_LEN(rows)};
    static struct router *router;
    if (router == NULL)
        router = router_new(&family, 1);
    struct router_match match;
    const int refused = router_find(router, path, ROUTE_ON_MAIN, &match);
    require(refused == 0 || refused == 400 || refused == 404);
    for (size_t i = 0; refused == 0 && i < match.argument_count; i++) {
        require_text(match.arguments[i], HTTP_PATH_MAX);
        require(*match.arguments[i] != '\0' && strchr(match.arguments[i], '/') == NULL);
    }
}

static void check_query(const char *raw)
{
    struct http_query query;
    struct http_query again;
    if (http_query_parse(&query, parameters, raw) != 0)
        return;
    require(query.canonical_len < HTTP_QUERY_MAX);
    query.canonical[query.canonical_len] = '\0';
    require_text(query.canonical, HTTP_QUERY_MAX);
    require(http_query_parse(&again, parameters, query.canonical) == 0);
    require(again.canonical_len == query.canonical_len &&
            memcmp(again.canonical, query.canonical, query.canonical_len) == 0);
    for (size_t i = 0; parameters[i].name != NULL; i++) {
        const char *value = http_query_text(&query, parameters[i].name);
        if (value != NULL)
            require_text(value, HTTP_QUERY_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    char *query = strchr(text, '?');
    if (query != NULL)
        *query++ = '\0';
    check_path(text);
    check_query(query);
    free(text);
    return 0;
}
