/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/places.h"

#include "cmd/server/model/regions.h"
#include "cmd/server/nodes/node_filter.h"

#include <stdlib.h>

static const struct geo_area *area_of(const struct analytics_turn *turn)
{
    const char *key = http_query_text(turn->query, "area");
    const struct config_area *area =
        key != NULL ? config_find_area(turn->asking->config, key) : NULL;
    return area != NULL ? &area->shape : NULL;
}

static bool is_in(const struct observer *observer, const struct geo_area *area)
{
    const struct node *node = observer->node;
    return area == NULL ||
           (node != NULL && node_is_placed(node) && geo_contains(area, node->lat, node->lon));
}

bool places_read(struct places *places, const struct analytics_turn *turn)
{
    const struct directory *d = turn->facts.directory;
    const struct geo_area *area = area_of(turn);
    struct regions regions;
    *places = (struct places){.directory = d};
    if (!regions_read(&regions, turn->asking, turn->query)) {
        regions_done(&regions);
        return false;
    }
    places->is_any = regions.is_any && area == NULL;
    places->has = calloc(d->observer_count + 1, sizeof *places->has);
    for (size_t i = 0; places->has != NULL && i < d->observer_count; i++) {
        const struct observer *o = &d->observers[i];
        places->has[i] = !o->is_hidden && regions_have(&regions, o->id) && is_in(o, area);
    }
    regions_done(&regions);
    return places->has != NULL;
}

void places_done(struct places *places)
{
    free(places->has);
    places->has = NULL;
}

bool places_have(const struct places *places, int64_t observer_id)
{
    return directory_is_marked(places->directory, places->has, observer_id);
}

int64_t *places_observers(const struct places *places, size_t *out_count)
{
    return directory_marked(places->directory, places->has, out_count);
}

const struct node **places_nodes(const struct analytics_turn *turn, size_t *out_count)
{
    struct node_filter filter;
    struct http_reply refusal;
    http_reply_init(&refusal, HTTP_NO_STORE);
    const bool is_known = node_filter_read_places(turn->query, &turn->facts, &filter, &refusal);
    free(refusal.body);
    filter.order = NODE_BY_ID;
    return is_known ? node_filter_run(&filter, &turn->facts, out_count) : NULL;
}
