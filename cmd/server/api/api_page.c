/* SPDX-License-Identifier: MIT
 *
 * The page: its files are embedded at build time (web/). */
#include "cmd/server/api/families.h"
#include "cmd/server/web/web_assets.h"

#include <stdlib.h>
#include <string.h>

static const char *content_type(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot != NULL && strcmp(dot, ".css") == 0)
        return "text/css; charset=utf-8";
    if (dot != NULL && strcmp(dot, ".js") == 0)
        return "text/javascript; charset=utf-8";
    return "text/html; charset=utf-8";
}

/* The file is the one that the row's path names; `/` is the index. */
static void render_asset(struct moment *moment, const struct http_request *request,
                         struct http_reply *reply)
{
    (void)moment;
    const char *name = request->route->path + 1;
    if (*name == '\0')
        name = "index.html";
    const struct web_asset *asset = web_assets;
    while (asset->name != NULL && strcmp(asset->name, name) != 0)
        asset++;
    if (asset->name == NULL) {
        http_reply_error(reply, 404, "not found");
        return;
    }
    reply->content_type = content_type(name);
    reply->body = malloc(asset->len + 1); /* never 0: that may be NULL */
    reply->body_len = asset->len;
    if (reply->body != NULL)
        memcpy(reply->body, asset->bytes, asset->len);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/",
     .renderer = render_asset,
     .cache = HTTP_PAGE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a copy of embedded bytes"},
    {.method = "GET",
     .path = "/app.css",
     .renderer = render_asset,
     .cache = HTTP_PAGE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a copy of embedded bytes"},
    {.method = "GET",
     .path = "/docs.css",
     .renderer = render_asset,
     .cache = HTTP_PAGE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a copy of embedded bytes"},
    {.method = "GET",
     .path = "/app.js",
     .renderer = render_asset,
     .cache = HTTP_PAGE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a copy of embedded bytes"},
};
const struct route_family api_page_routes = {rows, ARRAY_LEN(rows)};
