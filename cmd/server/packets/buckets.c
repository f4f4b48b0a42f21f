/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/buckets.h"

#include "cmd/server/model/asking.h"
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

static void look(struct asking *asking, struct buckets *out)
{
    struct statement *row = reader_statement(asking->reader, SQL_NEWEST);
    if (row == NULL)
        return;
    bind_int(row, 1, BUCKETS_LOOKED_AT);
    while (statement_row(row) == STATUS_OK) {
        struct bucket *bucket = &out->all[bucket_of(column_int(row, 1), column_int(row, 3) != 0)];
        if (bucket->count < BUCKET_PACKETS)
            bucket->ids[bucket->count++] = column_int(row, 0);
        const int64_t first_ms = column_int(row, 2);
        out->from_ms = out->looked == 0 || first_ms < out->from_ms ? first_ms : out->from_ms;
        out->looked++;
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
