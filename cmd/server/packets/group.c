/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/group.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/packet_read.h"

#include <stdlib.h>
#include <string.h>

/* In the order of the keys, so that an observer's receptions stand together. */
static const char SQL_OBSERVERS[] =
    "SELECT observer_id FROM observation_keys WHERE transmission_id = ?1 ORDER BY observer_id"
    " LIMIT ?2";

struct regions {
    const char *names[GROUP_REGIONS_MAX];
    size_t count;
};

static void add_region(struct regions *regions, const char *name)
{
    size_t at = 0;
    while (at < regions->count && strcmp(regions->names[at], name) < 0)
        at++;
    if (*name == '\0' || regions->count == GROUP_REGIONS_MAX ||
        (at < regions->count && strcmp(regions->names[at], name) == 0))
        return;
    memmove(regions->names + at + 1, regions->names + at,
            (regions->count - at) * sizeof *regions->names);
    regions->names[at] = name;
    regions->count++;
}

struct grouping {
    struct asking *asking;
    struct regions regions;
    int64_t observers;
};

static void add_observer(struct grouping *g, int64_t id)
{
    const struct observer *observer = asking_observer(g->asking, id);
    g->observers++;
    if (observer != NULL)
        add_region(&g->regions, observer->iata);
}

static void read_observers(struct grouping *g, const struct packet *packet)
{
    struct statement *rows = reader_statement(g->asking->reader, SQL_OBSERVERS);
    int64_t before = 0;
    if (rows == NULL)
        return;
    bind_int(rows, 1, packet->id);
    bind_int(rows, 2, GROUP_RECEPTIONS_MAX);
    while (statement_row(rows) == STATUS_OK) {
        const int64_t id = column_int(rows, 0);
        if (id != before)
            add_observer(g, id);
        before = id;
    }
}

struct receivers {
    int64_t ids[GROUP_RECEPTIONS_MAX];
    size_t count;
};

static void note_receiver(void *context, const struct packet_observation *seen)
{
    struct receivers *r = context;
    if (r->count < GROUP_RECEPTIONS_MAX)
        r->ids[r->count++] = seen->observer_id;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of an engine, which gives receptions by time. */
static void sort_observers(struct grouping *g, const struct packet *packet)
{
    struct receivers r = {.count = 0};
    (void)packet_each_observation(g->asking, packet, note_receiver, &r);
    qsort(r.ids, r.count, sizeof r.ids[0], compare_ids);
    for (size_t i = 0; i < r.count; i++) {
        if (i == 0 || r.ids[i] != r.ids[i - 1])
            add_observer(g, r.ids[i]);
    }
}

void group_members(struct json_write *w, struct asking *asking, const struct packet *packet,
                   const struct packet_observation *shown)
{
    struct grouping g = {.asking = asking};
    if (asking->model->engine != NULL)
        sort_observers(&g, packet);
    else
        read_observers(&g, packet);
    const struct packet_group group = {.latest_ms = packet->last_ms,
                                       .observer_count = g.observers,
                                       .iatas = g.regions.names,
                                       .iata_count = g.regions.count};
    packet_group_members(w, asking, packet, shown, &group);
}
