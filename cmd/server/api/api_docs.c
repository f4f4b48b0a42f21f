/* SPDX-License-Identifier: MIT
 *
 * /api/spec, /api/docs: the route table about itself. */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/api/shapes.h"
#include "cmd/server/page/page_routes.h"
#include "cmd/server/spec/docs_page.h"
#include "common/base/version.h"

static struct spec_table table_of(const struct moment *moment)
{
    return (struct spec_table){moment->from->families, moment->from->family_count, api_shapes,
                               version_number()};
}

static void render_spec(struct moment *moment, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    const struct spec_table table = table_of(moment);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    openapi_write(&w, &table);
    http_reply_json(reply, &w);
}

static void render_docs(struct moment *moment, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    const struct spec_table table = table_of(moment);
    reply->content_type = "text/html; charset=utf-8";
    reply->body = docs_page(&table, &reply->body_len);
}

static void answer_style(const struct config *config, const struct http_request *request,
                         struct http_reply *reply)
{
    (void)config;
    (void)request;
    page_asset("docs.css", reply);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/spec",
     .renderer = render_spec,
     .cache = HTTP_REVALIDATE,
     .may_be_older = true,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "What this server answers, as OpenAPI 3.1",
     .answer = "{openapi: str, info: any, paths: any, components: any}"},
    {.method = "GET",
     .path = "/api/docs",
     .renderer = render_docs,
     .cache = HTTP_PAGE,
     .may_be_older = true,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "The same as a page",
     .answer = "text/html"},
    {.method = "GET",
     .path = "/docs.css",
     .constant = answer_style,
     .access = HTTP_OPEN,
     .cache = HTTP_PAGE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a copy of embedded bytes"},
};
const struct route_family api_docs_routes = {rows, ARRAY_LEN(rows)};
