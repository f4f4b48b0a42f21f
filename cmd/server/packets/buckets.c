/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/buckets.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"

#include <string.h>

#define TYPES   16    /* four bits */
#define CHAN    TYPES /* a channel's text that a key opened: decoded_json gives it this type */
#define BUCKETS (TYPES + 1)

static const char SQL_NEWEST[] =
    "SELECT t.id, t.type, t.first_ms, (SELECT m.text NOT NULL FROM messages m WHERE"
    " m.transmission_id = t.id) FROM transmissions t NOT INDEXED ORDER BY t.id DESC LIMIT ?1";

struct bucket {
    int64_t ids[BUCKET_PACKETS];
    uint8_t hashes[BUCKET_PACKETS][MESHCORE_HASH_BYTES]; /* of an engine */
    size_t count;
};

struct buckets {
    struct bucket all[BUCKETS];
    size_t looked;
    int64_t from_ms; /* of the oldest that was looked at */
};

/* The types without a name, which stand side by side, are in one. */
static unsigned bucket_of(int64_t type, bool is_read)
{
    unsigned number = (unsigned)type % TYPES;
    if (is_read)
        return CHAN;
    while (number > 0 && strcmp(meshcore_type_name(number), meshcore_type_name(number - 1)) == 0)
        number--;
    return number;
}

static void note(void *context, const struct engine_newest *packet)
{
    struct buckets *out = context;
    struct bucket *bucket = &out->all[bucket_of(packet->type, packet->is_read)];
    if (bucket->count < BUCKET_PACKETS) {
        memcpy(bucket->hashes[bucket->count], packet->hash, MESHCORE_HASH_BYTES);
        bucket->ids[bucket->count++] = packet->id;
    }
    if (out->looked == 0 || packet->first_ms < out->from_ms)
        out->from_ms = packet->first_ms;
    out->looked++;
}

/* What is far away is read together. */
static void prefetch(struct asking *asking, const struct buckets *buckets)
{
    uint8_t hashes[BUCKETS * BUCKET_PACKETS][MESHCORE_HASH_BYTES];
    size_t count = 0;
    for (unsigned number = 0; number < BUCKETS; number++) {
        const struct bucket *bucket = &buckets->all[number];
        memcpy(hashes + count, bucket->hashes, bucket->count * MESHCORE_HASH_BYTES);
        count += bucket->count;
    }
    packet_prefetch(asking, hashes[0], count);
}

static void look(struct asking *asking, struct buckets *out)
{
    if (asking->model->engine != NULL) {
        if (asking->model->engine->newest(asking, BUCKETS_LOOKED_AT, note, out))
            prefetch(asking, out);
        return;
    }
    struct statement *row = reader_statement(asking->reader, SQL_NEWEST);
    if (row == NULL)
        return;
    bind_int(row, 1, BUCKETS_LOOKED_AT);
    while (statement_row(row) == STATUS_OK) {
        note(out, &(struct engine_newest){.id = column_int(row, 0),
                                          .type = (uint8_t)column_int(row, 1),
                                          .first_ms = column_int(row, 2),
                                          .is_read = column_int(row, 3) != 0});
    }
}

static void write_packet(struct json_write *w, struct asking *asking, int64_t id)
{
    struct packet packet;
    struct packet_observation shown;
    if (!packet_read_best(asking, id, &packet, &shown))
        return;
    packet_write(w, NULL, asking, &packet, &shown);
}

void buckets_answer(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply)
{
    struct buckets buckets = {0};
    struct json_write w;
    (void)request;
    look(asking, &buckets);
    reply->kept_s = BUCKETS_KEPT_S;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_object(&w, "buckets");
    for (unsigned number = 0; number < BUCKETS; number++) {
        const struct bucket *bucket = &buckets.all[number];
        if (bucket->count == 0)
            continue;
        jw_array(&w, number == CHAN ? "CHAN" : meshcore_type_name(number));
        for (size_t i = 0; i < bucket->count; i++)
            write_packet(&w, asking, bucket->ids[i]);
        jw_array_end(&w);
    }
    jw_object_end(&w);
    jw_uint(&w, "looked", buckets.looked);
    if (buckets.looked > 0)
        packet_time(&w, "from", buckets.from_ms);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}
