/* SPDX-License-Identifier: MIT */
#include "cmd/server/feed/feed_rows.h"

#include "cmd/server/model/packet_read.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/json/json_write.h"
#include "common/mesh/meshcore_payload.h"

#include <string.h>

#define JSON_MAX 65536 /* the largest packet, its texts escaped, is a third of it */

/* A text message's channel by its packet. */
#define CHANNEL                                                                                    \
    "CASE t.type WHEN 5 THEN (SELECT c.name FROM messages m CROSS JOIN channels c"                 \
    " ON c.id = m.channel_id WHERE m.transmission_id = t.id) END"
#define ROWS                                                                                       \
    "SELECT " PACKET_COLUMNS ", " PACKET_OBSERVATION_COLUMNS ", " CHANNEL                          \
    " FROM observations o CROSS JOIN transmissions t ON t.id = o.transmission_id"
#define CHANNEL_COLUMN (PACKET_COLUMN_COUNT + PACKET_OBSERVATION_COLUMN_COUNT)

_Static_assert(MESHCORE_GRP_TXT == 5, "as CHANNEL says");
_Static_assert(LIVE_PATH_MAX >= MESHCORE_PATH_MAX, "an event holds every path");

static const char SQL_NEWER[] = ROWS " WHERE o.id > ?1 ORDER BY o.id LIMIT ?2";
static const char SQL_OLDER[] = ROWS " WHERE o.id <= ?1 AND o.id > ?2 ORDER BY o.id DESC LIMIT ?3";
static const char SQL_OLDEST[] = "SELECT min(id) FROM observations";
static const char SQL_NEWEST[] = "SELECT max(id) FROM observations";
static const char SQL_CREATED[] = "SELECT created_ms FROM meta WHERE id = 1";

struct feed_bounds feed_rows_bounds(struct reader *reader)
{
    return (struct feed_bounds){.oldest = reader_number(reader, SQL_OLDEST, 0),
                                .newest = reader_number(reader, SQL_NEWEST, 0),
                                .created_ms = reader_number(reader, SQL_CREATED, 0)};
}

/* --- what filters ask ------------------------------------------------------------------------- */

static void tag_advert(const struct packet *packet, struct live_tags *tags)
{
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    char key[2 * MESHCORE_KEY_BYTES + 1];
    if (meshcore_parse(packet->raw, packet->raw_len, &frame) != MESHCORE_FRAME_OK)
        return;
    meshcore_payload_parse(&frame, &payload);
    if (payload.error != NULL)
        return;
    hex_encode_lower(payload.advert.public_key, MESHCORE_KEY_BYTES, key);
    tags->node = live_key_folded(key, sizeof key - 1);
    if (payload.advert.has_name && payload.advert.name_len > 0)
        tags->name = live_key((const char *)payload.advert.name, payload.advert.name_len);
}

static void tag_observer(struct asking *asking, int64_t id, struct live_tags *tags)
{
    const struct observer *observer = asking_observer(asking, id);
    if (observer == NULL)
        return;
    tags->observer = live_key_folded(observer->identity, strlen(observer->identity));
    if (observer->iata[0] != '\0')
        tags->region = live_key_folded(observer->iata, strlen(observer->iata));
}

static void describe(struct asking *asking, const struct engine_arrival *arrival,
                     struct live_event *out)
{
    const struct packet *packet = arrival->packet;
    const struct packet_observation *seen = arrival->seen;
    const struct packet_hops hops = packet_hops(packet, seen);
    const char *channel = arrival->channel;
    out->tags.type = packet->type;
    if (hops.count * hops.size <= sizeof out->path) {
        out->tags.hop_bytes = (uint8_t)hops.size;
        out->tags.path_len = (uint8_t)(hops.count * hops.size);
        memcpy(out->path, hops.bytes, out->tags.path_len);
    }
    if (channel != NULL)
        out->tags.channel = live_key(channel, strlen(channel));
    if (packet->type == MESHCORE_ADVERT)
        tag_advert(packet, &out->tags);
    tag_observer(asking, seen->observer_id, &out->tags);
}

/* --- rows ------------------------------------------------------------------------------------- */

bool feed_rows_add(struct asking *asking, const struct engine_arrival *arrival, int64_t id,
                   struct live_batch *batch)
{
    char json[JSON_MAX];
    struct live_event event = {.id = id};
    struct json_write w;
    size_t members;
    describe(asking, arrival, &event);
    jw_init(&w, json, sizeof json);
    packet_live_write(&w, asking, arrival->packet, arrival->seen, &members);
    const size_t len = jw_finish(&w);
    if (len == 0) {
        log_event(LOG_WARN, "live", "an observation is too large for the live feed: left out",
                  KV(KV_INT("id", arrival->seen->id)));
        return true;
    }
    event.fields_len = (uint16_t)members;
    return live_batch_add(batch, &event, json, len);
}

/* False = the batch is full. */
static bool add_row(struct asking *asking, const struct statement *row, struct live_batch *batch)
{
    struct packet packet;
    struct packet_observation seen;
    packet_read_columns(row, 0, &packet);
    packet_read_observation_columns(row, PACKET_COLUMN_COUNT, &packet, &seen);
    const struct engine_arrival arrival = {
        &packet, &seen, (const char *)sqlite3_column_text(row->handle, CHANNEL_COLUMN)};
    return feed_rows_add(asking, &arrival, seen.id, batch);
}

/* True = all rows are in the batch. */
static bool add_rows(struct asking *asking, struct statement *rows, struct live_batch *batch)
{
    size_t count = 0;
    while (statement_row(rows) == STATUS_OK) {
        if (!add_row(asking, rows, batch)) {
            statement_done(rows);
            return false;
        }
        count++;
    }
    return count < LIVE_BATCH_EVENTS;
}

void feed_rows_newer(struct asking *asking, struct live_batch *batch)
{
    struct statement *rows = reader_statement(asking->reader, SQL_NEWER);
    if (rows == NULL)
        return;
    bind_int(rows, 1, batch->to);
    bind_int(rows, 2, LIVE_BATCH_EVENTS);
    (void)add_rows(asking, rows, batch);
}

bool feed_rows_older(struct asking *asking, int64_t floor, struct live_batch *batch)
{
    struct statement *rows = reader_statement(asking->reader, SQL_OLDER);
    if (rows == NULL)
        return false;
    bind_int(rows, 1, batch->to);
    bind_int(rows, 2, floor);
    bind_int(rows, 3, LIVE_BATCH_EVENTS);
    return add_rows(asking, rows, batch);
}
