/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/node_receptions.h"

#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/model/stretches.h"
#include "cmd/server/summary/window_rows.h"
#include "common/db/schema.h"

#include <math.h>
#include <stdlib.h>

#define OBSERVERS_MAX 2000 /* of one node that are told apart */

static const char SQL_FIRST[] = "SELECT first_ms FROM transmissions WHERE id = ?1";
static const char SQL_HEARD[] =
    "SELECT o.observer_id, o.receipt_ms, o.snr, o.rssi, coalesce(o.route, t.route), o.path_size,"
    " length(o.path), coalesce(o.scope_code, 0) FROM transmissions t CROSS JOIN observation_keys k ON k.transmission_id = t.id"
    " CROSS JOIN observations o ON o.id = k.id WHERE t.id = ?1 AND o.direction = 0 LIMIT ?2";

/* What came over which way: its hops, and what was measured, where that is true. False: somebody
 * else handed the advert on. */
static bool settle(struct node_reception *r, unsigned route, bool is_scoped, size_t size,
                   size_t path_len)
{
    r->hops = meshcore_is_flood(route) && size > 0 ? (int)(path_len / size) : -1;
    if (schema_is_invented_rf(r->snr, r->rssi))
        r->snr = r->rssi = (double)NAN;
    return !meshcore_is_share_contact(route, is_scoped, path_len);
}

static bool read_reception(const struct statement *row, struct node_reception *out)
{
    const int64_t size = column_int(row, 5);
    *out = (struct node_reception){.observer_id = column_int(row, 0),
                                   .receipt_ms = column_int(row, 1),
                                   .snr = column_real(row, 2),
                                   .rssi = column_real(row, 3)};
    return settle(out, (unsigned)column_int(row, 4), column_int(row, 7) > 0,
                  size > 0 ? (size_t)size : 0, (size_t)column_int(row, 6));
}

static size_t each_of_advert(struct reader *reader, int64_t id, size_t max,
                             node_reception_each each, void *context)
{
    size_t count = 0;
    struct statement *row = reader_statement(reader, SQL_HEARD);
    if (row == NULL)
        return 0;
    bind_int(row, 1, id);
    bind_int(row, 2, (int64_t)max);
    while (statement_row(row) == STATUS_OK) {
        struct node_reception reception;
        if (!read_reception(row, &reception))
            continue;
        each(context, &reception);
        count++;
    }
    return count;
}

/* Those that may be of the time. */
static size_t adverts_since(struct reader *reader, int64_t node_id, int64_t from_ms,
                            int64_t out[static NODE_ADVERTS_MAX])
{
    const int64_t low = from_ms == INT64_MIN ? 0 : stretches_first_packet(reader, from_ms);
    return low < 0 ? 0 : node_advert_ids(reader, node_id, low, NODE_ADVERTS_MAX, out);
}

/* --- of an engine ----------------------------------------------------------------------------- */

struct spanning {
    node_reception_each each;
    void *context;
    size_t receptions;
};

static void note_seen(void *context, const struct packet_observation *seen)
{
    struct spanning *s = context;
    struct node_reception reception = {.observer_id = seen->observer_id,
                                       .receipt_ms = seen->receipt_ms,
                                       .snr = seen->snr,
                                       .rssi = seen->rssi};
    if (seen->is_tx || s->receptions == NODE_RECEPTIONS_MAX ||
        !settle(&reception, seen->route, seen->scope_code > 0, seen->path_size, seen->path_len))
        return;
    s->each(s->context, &reception);
    s->receptions++;
}

/* It gives the newest adverts with all that is known of them. */
static struct node_span each_of_engine(struct asking *asking, int64_t node_id, int64_t from_ms,
                                       struct spanning *s)
{
    int64_t ids[NODE_ADVERTS_MAX];
    struct node_span span = {.since_ms = DIRECTORY_NEVER};
    const size_t count = asking->model->engine->adverts(asking, node_id, NODE_ADVERTS_MAX, ids);
    bool is_over = count < NODE_ADVERTS_MAX;
    for (size_t i = 0; i < count && s->receptions < NODE_RECEPTIONS_MAX; i++) {
        struct packet packet;
        struct packet_observation shown;
        if (!packet_read_best(asking, ids[i], &packet, &shown))
            continue;
        is_over |= packet.first_ms < from_ms;
        if (packet.first_ms < from_ms)
            break;
        span.adverts++;
        span.since_ms = packet.first_ms;
        (void)packet_each_observation(asking, &packet, note_seen, s);
    }
    span.receptions = s->receptions;
    span.is_complete = is_over && s->receptions < NODE_RECEPTIONS_MAX;
    return span;
}

struct node_span node_receptions_each(struct asking *asking, int64_t node_id, int64_t from_ms,
                                      node_reception_each each, void *context)
{
    struct spanning spanning = {each, context, 0};
    if (asking->model->engine != NULL)
        return each_of_engine(asking, node_id, from_ms, &spanning);
    struct reader *reader = asking->reader;
    int64_t ids[NODE_ADVERTS_MAX];
    struct node_span span = {.since_ms = DIRECTORY_NEVER};
    const size_t count = adverts_since(reader, node_id, from_ms, ids);
    bool is_over = count < NODE_ADVERTS_MAX;
    bool is_late = false;
    for (size_t i = 0; i < count && span.receptions < NODE_RECEPTIONS_MAX && !is_late; i++) {
        const int64_t first_ms = reader_number_of(reader, SQL_FIRST, KEYS(ids[i]), 0);
        if (first_ms < from_ms) { /* ids are in the order of storing: an import may come later */
            is_over |= i + 1 == count;
            continue;
        }
        span.adverts++;
        span.since_ms = first_ms;
        span.receptions +=
            each_of_advert(reader, ids[i], NODE_RECEPTIONS_MAX - span.receptions, each, context);
        is_late = i + 1 < count && asking_is_late(asking);
    }
    /* INT64_MIN: of those that are kept. */
    const bool is_kept = from_ms == INT64_MIN || window_kept_from(reader) <= from_ms;
    span.is_complete = is_over && !is_late && is_kept && span.receptions < NODE_RECEPTIONS_MAX;
    return span;
}

/* --- by observer ------------------------------------------------------------------------------ */

void node_heard_add(struct node_heard *heard, const struct node_reception *r)
{
    heard->count++;
    if (heard->first_ms == 0 || r->receipt_ms < heard->first_ms)
        heard->first_ms = r->receipt_ms;
    if (r->receipt_ms > heard->last_ms)
        heard->last_ms = r->receipt_ms;
    if (!isnan(r->snr)) {
        heard->snr_count++;
        heard->snr_sum += r->snr;
    }
    if (!isnan(r->rssi)) {
        heard->rssi_count++;
        heard->rssi_sum += r->rssi;
    }
    if (r->hops >= 0) {
        heard->hops_count++;
        heard->hops_sum += r->hops;
    }
}

void node_heard_init(struct table *table)
{
    table_init(table, sizeof(struct node_heard), sizeof(int64_t), OBSERVERS_MAX);
}

void node_heard_note(struct table *table, const struct node_reception *r)
{
    struct node_heard *heard = table_take(table, &r->observer_id, NULL);
    if (heard != NULL)
        node_heard_add(heard, r);
}

void node_heard_put(struct table *table, const struct node_heard *heard)
{
    struct node_heard *own = table_take(table, &heard->observer_id, NULL);
    if (own != NULL)
        *own = *heard;
}

void node_heard_sum(struct node_heard *all, const struct node_heard *heard)
{
    all->count += heard->count;
    all->snr_count += heard->snr_count;
    all->snr_sum += heard->snr_sum;
    all->rssi_count += heard->rssi_count;
    all->rssi_sum += heard->rssi_sum;
    all->hops_count += heard->hops_count;
    all->hops_sum += heard->hops_sum;
}

static int by_count(const void *a, const void *b)
{
    const struct node_heard *x = *(const struct node_heard *const *)a;
    const struct node_heard *y = *(const struct node_heard *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->observer_id > y->observer_id) - (x->observer_id < y->observer_id);
}

void node_heard_one_write(struct json_write *w, struct asking *asking,
                          const struct node_heard *heard)
{
    const struct observer *observer = asking_observer(asking, heard->observer_id);
    if (observer == NULL || observer->is_hidden)
        return;
    jw_object(w, NULL);
    jw_string(w, "observer_id", observer->identity);
    jw_string_or_null(w, "observer_name", observer->name);
    if (*observer->iata != '\0')
        jw_string(w, "iata", observer->iata);
    jw_uint(w, "packetCount", heard->count);
    node_average_write(w, "avgSnr", heard->snr_sum, heard->snr_count);
    node_average_write(w, "avgRssi", heard->rssi_sum, heard->rssi_count);
    if (heard->first_ms != 0)
        node_time(w, "firstSeen", heard->first_ms);
    node_time(w, "lastSeen", heard->last_ms);
    if (observer->can_relay >= 0)
        jw_bool(w, "can_relay", observer->can_relay != 0);
    jw_object_end(w);
}

void node_heard_write(struct json_write *w, const char *key, struct asking *asking,
                      const struct table *table)
{
    const void **sorted = table_sorted(table, by_count);
    jw_array(w, key);
    for (size_t i = 0; sorted != NULL && i < table->count; i++)
        node_heard_one_write(w, asking, sorted[i]);
    jw_array_end(w);
    free(sorted);
}

/* --- JSON ------------------------------------------------------------------------------------- */

void node_average_write(struct json_write *w, const char *key, double sum, uint32_t count)
{
    if (count == 0)
        jw_null(w, key);
    else
        jw_decimal(w, key, llround(100 * sum / count), 2);
}

void node_span_write(struct json_write *w, const struct node_span *span)
{
    jw_object(w, "basis");
    jw_uint(w, "adverts", span->adverts);
    node_time(w, "since", span->since_ms);
    jw_bool(w, "complete", span->is_complete);
    jw_object_end(w);
}
