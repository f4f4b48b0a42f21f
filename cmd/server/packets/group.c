/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/group.h"

#include "cmd/server/model/asking.h"

#include <string.h>

/* In the order of the index, so that an observer's receptions stand together. */
static const char SQL_OBSERVERS[] =
    "SELECT observer_id FROM observations INDEXED BY sqlite_autoindex_observations_1"
    " WHERE transmission_id = ?1 ORDER BY observer_id LIMIT ?2";

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

void group_members(struct json_write *w, struct asking *asking, const struct packet *packet,
                   const struct packet_observation *shown)
{
    struct regions regions = {.count = 0};
    struct packet_group group = {.latest_ms = packet->last_ms, .iatas = regions.names};
    struct statement *rows = reader_statement(asking->reader, SQL_OBSERVERS);
    int64_t before = 0;
    if (rows != NULL) {
        bind_int(rows, 1, packet->id);
        bind_int(rows, 2, GROUP_RECEPTIONS_MAX);
    }
    while (rows != NULL && statement_row(rows) == STATUS_OK) {
        const int64_t id = column_int(rows, 0);
        if (id == before)
            continue;
        before = id;
        group.observer_count++;
        const struct observer *observer = asking_observer(asking, id);
        if (observer != NULL)
            add_region(&regions, observer->iata);
    }
    group.iata_count = regions.count;
    packet_group_members(w, asking, packet, shown, &group);
}
