/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/node_adverts.h"

#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "common/db/schema.h"

static const char SQL_ADVERT_IDS[] =
    "SELECT id FROM transmissions INDEXED BY transmissions_sender WHERE sender = ?1 AND id >= ?2"
    " ORDER BY id DESC LIMIT ?3";

static const char SQL_ADVERTS_SINCE[] =
    "SELECT total(transmissions) FROM rollups WHERE kind = ?1 AND key = ?2 AND hour >= ?3";

void node_adverts_today_of(struct asking *asking, const int64_t *node_ids, size_t count,
                           int64_t now_ms, int64_t *out)
{
    const struct engine *engine = asking->model->engine;
    for (size_t i = 0; i < count; i++)
        out[i] =
            engine != NULL
                ? DIRECTORY_UNKNOWN
                : reader_number_of(asking->reader, SQL_ADVERTS_SINCE,
                                   KEYS(ROLLUP_NODE, node_ids[i], now_ms / MS_PER_DAY * 24), 0);
    if (engine != NULL)
        engine->adverts_since(asking, now_ms / MS_PER_DAY * MS_PER_DAY, node_ids, count, out);
}

int64_t node_adverts_today(struct asking *asking, int64_t node_id, int64_t now_ms)
{
    int64_t today;
    node_adverts_today_of(asking, &node_id, 1, now_ms, &today);
    return today;
}

size_t node_advert_ids(struct reader *reader, int64_t node_id, int64_t low, size_t max,
                       int64_t out[static NODE_ADVERTS_MAX])
{
    size_t count = 0;
    struct statement *row = reader_statement(reader, SQL_ADVERT_IDS);
    if (row == NULL)
        return 0;
    bind_int(row, 1, node_id);
    bind_int(row, 2, low);
    bind_int(row, 3, (int64_t)min_size(max, NODE_ADVERTS_MAX));
    while (statement_row(row) == STATUS_OK)
        out[count++] = column_int(row, 0);
    return count;
}

void node_adverts_write(struct json_write *w, const char *key, struct asking *asking,
                        int64_t node_id, size_t max)
{
    int64_t ids[NODE_ADVERTS_MAX];
    const struct engine *engine = asking->model->engine;
    max = min_size(max, NODE_ADVERTS_MAX);
    const size_t count = engine != NULL ? engine->adverts(asking, node_id, max, ids)
                                        : node_advert_ids(asking->reader, node_id, 0, max, ids);
    jw_array(w, key);
    for (size_t i = 0; i < count; i++) {
        struct packet packet;
        struct packet_observation shown;
        if (packet_read_best(asking, ids[i], &packet, &shown))
            packet_write(w, NULL, asking, &packet, &shown);
    }
    jw_array_end(w);
}
