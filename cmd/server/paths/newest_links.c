/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/newest_links.h"

#include "cmd/server/paths/paths.h"

#include <stdlib.h>
#include <string.h>

/* Two turns of the analysis, and one that is late. */
#define OLD_MS (3 * ANALYTICS_PERIOD_US / US_PER_MS)

/* What it answers is not wanted, but that it is computed. */
static void want(struct asking *asking, struct http_reply *reply)
{
    struct http_query query;
    if (http_query_parse(&query, analysis_neighbor_graph.parameters, NULL) != 0)
        return;
    const struct http_request request = {.method = "GET", .query = &query, .body = ""};
    analytics_reply(asking, &request, reply, &analysis_neighbor_graph);
}

static bool is_old(const struct links *links, const struct asking *asking)
{
    return links == NULL || links->to_ms < asking->now / US_PER_MS - OLD_MS;
}

const struct links *newest_links_take(struct asking *asking, struct http_reply *reply)
{
    const struct links *links = links_take(asking->model->links);
    if (!is_old(links, asking))
        return links;
    links_unref(links);
    struct http_reply wanted;
    http_reply_init(&wanted, HTTP_NO_STORE);
    want(asking, &wanted);
    links = links_take(asking->model->links);
    if (links == NULL && wanted.status >= 400) {
        free(reply->body);
        *reply = wanted;
        return NULL;
    }
    free(wanted.body);
    if (links == NULL)
        http_reply_error(reply, 503, "the links of the mesh are being counted: ask again");
    return links;
}
