/* SPDX-License-Identifier: MIT
 *
 * The page: its files are embedded at build time (web/). All but the page itself stand below
 * /assets/; a name that holds a hash of its bytes never means others. */
#include "cmd/server/page/page_routes.h"

#include "cmd/server/web/web_assets.h"
#include "common/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_DIGITS 8 /* what build.mjs puts between '-' and the last dot */

static bool is_hashed(const char *name)
{
    const char *dash = strrchr(name, '-');
    const char *dot = strrchr(name, '.');
    if (dash == NULL || dot == NULL || dot - dash != HASH_DIGITS + 1)
        return false;
    for (const char *c = dash + 1; c < dot; c++) {
        if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
            return false;
    }
    return true;
}

void page_asset(const char *name, struct http_reply *reply)
{
    const struct web_asset *asset = web_assets;
    while (asset->name != NULL && strcmp(asset->name, name) != 0)
        asset++;
    if (asset->name == NULL) {
        http_reply_error(reply, 404, "not found");
        return;
    }
    if (is_hashed(name))
        reply->cache = HTTP_FOREVER;
    reply->content_type = asset->type;
    reply->body = malloc(asset->len + 1); /* never 0: that may be NULL */
    reply->body_len = asset->len;
    if (reply->body != NULL)
        memcpy(reply->body, asset->bytes, asset->len);
}

/* Tiles are the one thing that a page may have from elsewhere: from the host that was named. */
static void allow_tiles(const struct config_page *page, struct http_reply *reply)
{
    static const char before[] = HTTP_PAGE_POLICY "; img-src 'self'";
    char url[CONFIG_TILE_URL_MAX + 1], hosts[2][CONFIG_TILE_HOST_MAX + 1];
    char policy[sizeof before + sizeof hosts];
    for (int is_dark = 0; is_dark < 2; is_dark++) {
        config_tile_url(page, is_dark == 1, url);
        if (!config_tile_host(url, hosts[is_dark]))
            hosts[is_dark][0] = '\0';
    }
    const bool are_two = hosts[1][0] != '\0' && strcmp(hosts[0], hosts[1]) != 0;
    if (hosts[0][0] == '\0' && !are_two)
        return;
    (void)snprintf(policy, sizeof policy, "%s%s%s%s%s", before, hosts[0][0] != '\0' ? " " : "",
                   hosts[0], are_two ? " " : "", are_two ? hosts[1] : "");
    http_reply_line(reply, "Content-Security-Policy", policy);
}

static void answer_page(const struct config *config, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    page_asset("index.html", reply);
    allow_tiles(&config->page, reply);
}

static void answer_named(const struct config *config, const struct http_request *request,
                         struct http_reply *reply)
{
    (void)config;
    page_asset(request->arguments[0], reply);
}

#define ROW(row_path, function)                                                                    \
    {                                                                                              \
        .method = "GET", .path = (row_path), .constant = (function), .access = HTTP_OPEN,          \
        .cache = HTTP_PAGE, .listeners = ROUTE_ON_MAIN, .worst_cost = "a copy of embedded bytes"   \
    }

static const struct route rows[] = {
    ROW("/", answer_page),
    ROW("/assets/:name", answer_named),
};
const struct route_family page_routes = {rows, ARRAY_LEN(rows)};
