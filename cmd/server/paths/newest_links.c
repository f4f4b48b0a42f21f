/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/newest_links.h"

#include "cmd/server/paths/paths.h"

#include <stdlib.h>
#include <string.h>

/* Two turns of the analysis, and one that is late. */
#define OLD_MS (3 * ANALYTICS_PERIOD_US / US_PER_MS)

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
    struct http_reply why;
    http_reply_init(&why, HTTP_NO_STORE);
    const bool is_there = analytics_want(asking, &analysis_neighbor_graph, &why);
    links = links_take(asking->model->links);
    if (links == NULL && !is_there) {
        *reply = why;
        return NULL;
    }
    free(why.body);
    if (links == NULL)
        http_reply_error(reply, 503, "the links of the mesh are being counted: ask again");
    return links;
}
