/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_receptions.h"

#include "cmd/server/engine/shard_list.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/shards/shard_steps.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLOCKS_HOURS 24
#define CLOCKS_MAX   100000 /* receptions of a shard */

struct seen {
    uint64_t hash;
    struct engine_reception is;
};

static int newest_first(const void *a, const void *b)
{
    const struct engine_reception *x = &((const struct seen *)a)->is;
    const struct engine_reception *y = &((const struct seen *)b)->is;
    if (x->receipt_ms != y->receipt_ms)
        return x->receipt_ms < y->receipt_ms ? 1 : -1;
    return (x->id < y->id) - (x->id > y->id);
}

/* --- an hour's, or some --------------------------------------------------------------------- */

static void write_step(struct sql *sql, const struct engine_receptions *wanted, uint64_t observer,
                       int64_t low, int64_t from_ms)
{
    sql_add(sql, "SELECT hash, observer, direction, path_size, path, min(receipt_ms) AS f,"
                 " any(type), argMax(snr, ver) AS s, argMax(rssi, ver) AS r FROM obs WHERE ");
    sql_hours(sql, low - 1, wanted->to_ms / MS_PER_HOUR + 1);
    if (wanted->observer_id != 0)
        sql_add(sql, " AND observer = %" PRIu64, observer);
    if (wanted->is_measured)
        sql_add(sql, " AND direction = 0");
    sql_add(sql,
            " GROUP BY hash, observer, direction, path_size, path HAVING f >= %" PRId64
            " AND f <= %" PRId64 "%s ORDER BY f DESC LIMIT %zu FORMAT RowBinary",
            from_ms, wanted->to_ms, wanted->is_measured ? " AND isNotNull(s) AND isNotNull(r)" : "",
            wanted->max);
}

static bool read_seen(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct seen *seen = entry;
    struct packet_observation key = {.id = 0};
    *seen = (struct seen){.hash = rowbinary_read_u64(row)};
    const uint64_t observer = rowbinary_read_u64(row);
    key.is_tx = seen->is.is_tx = rowbinary_read_u8(row) != 0;
    key.path_size = rowbinary_read_u8(row);
    const struct rowbinary_text path = rowbinary_read_string(row);
    key.path_len = (uint8_t)min_size(path.len, sizeof key.path);
    memcpy(key.path, path.bytes, key.path_len);
    seen->is.packet = shard_id(seen->hash);
    seen->is.id = shard_observation_id(seen->hash, observer, &key);
    seen->is.observer_id = shard_ids_of(ids, SHARD_OBSERVER, observer);
    seen->is.receipt_ms = rowbinary_read_i64(row);
    seen->is.type = rowbinary_read_u8(row);
    seen->is.snr = shard_read_float(row);
    seen->is.rssi = shard_read_float(row);
    return true;
}

static bool read_step(struct asking *asking, const struct engine_receptions *wanted, int64_t low,
                      struct shard_list *out)
{
    static const struct shard_list_kind seens = {sizeof(struct seen), read_seen, newest_first};
    struct shard_ids *ids = shards_ids(asking->model->shards);
    const int64_t begins_ms = low * MS_PER_HOUR;
    uint64_t observer = 0;
    struct sql sql;
    out->count = 0;
    if (wanted->observer_id != 0 &&
        !shard_ids_number(ids, SHARD_OBSERVER, wanted->observer_id, &observer))
        return true;
    sql_begin(&sql);
    write_step(&sql, wanted, observer, low,
               wanted->from_ms > begins_ms ? wanted->from_ms : begins_ms);
    const bool is_read = shard_list_ask(out, &seens, asking, &sql);
    out->count = min_size(out->count, wanted->max);
    return is_read;
}

static bool read_back(struct asking *asking, const struct engine_receptions *wanted,
                      struct shard_list *out)
{
    struct shard_steps steps = {.newest = wanted->to_ms / MS_PER_HOUR,
                                .oldest = wanted->from_ms > 0 ? wanted->from_ms / MS_PER_HOUR : 0,
                                .hours = 1};
    bool is_read = true;
    while (is_read && out->count < wanted->max && shard_steps_next(&steps))
        is_read = read_step(asking, wanted, steps.low, out);
    return is_read;
}

/* --- who sent them ---------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
    const struct seen *x = a;
    const struct seen *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool write_adverts(struct sql *sql, const struct shard_list *seens)
{
    const struct seen *all = seens->all;
    bool is_any = false;
    sql_add(sql, "SELECT hash, argMax(sender, ver) FROM tx WHERE hash IN (");
    for (size_t i = 0; i < seens->count; i++) {
        const bool is_again = i > 0 && all[i].hash == all[i - 1].hash;
        if (all[i].is.type != MESHCORE_ADVERT || is_again)
            continue;
        sql_add(sql, "%s%" PRIu64, is_any ? "," : "", all[i].hash);
        is_any = true;
    }
    sql_add(sql, ") GROUP BY hash FORMAT RowBinary");
    return is_any;
}

static void set_sender(const struct shard_list *seens, uint64_t hash, int64_t sender)
{
    const struct seen key = {.hash = hash};
    const struct seen *all = seens->all;
    struct seen *at = bsearch(&key, seens->all, seens->count, sizeof key, by_hash);
    while (at != NULL && at > all && at[-1].hash == hash)
        at--;
    for (; at != NULL && at < all + seens->count && at->hash == hash; at++)
        at->is.sender = sender;
}

static bool read_senders(struct asking *asking, const struct shard_list *seens)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    struct sql sql;
    if (seens->count == 0)
        return true;
    qsort(seens->all, seens->count, sizeof(struct seen), by_hash);
    sql_begin(&sql);
    if (!write_adverts(&sql, seens)) {
        sql_done(&sql);
        return true;
    }
    if (!shard_asking_ask(asking, &sql))
        return false;
    struct shard_rows rows = shard_rows(asking->shards->question);
    while (shard_rows_next(&rows)) {
        const uint64_t hash = rowbinary_read_u64(&rows.row);
        const struct rowbinary_text key = rowbinary_read_string(&rows.row);
        if (key.len == NODE_KEY_BYTES)
            set_sender(seens, hash,
                       shard_ids_of(ids, SHARD_NODE, shard_number((const uint8_t *)key.bytes)));
    }
    return shard_rows_end(&rows);
}

static bool read_packets(struct asking *asking, const struct shard_list *seens, size_t count)
{
    const struct seen *all = seens->all;
    uint64_t hashes[BUNDLES_READ_MAX];
    count = min_size(min_size(count, seens->count), ARRAY_LEN(hashes));
    for (size_t i = 0; i < count; i++)
        hashes[i] = all[i].hash;
    return count == 0 ||
           basket_read(&asking->shards->basket, asking->shards->question, asking, hashes, count);
}

bool shard_receptions(struct asking *asking, const struct engine_receptions *wanted,
                      void (*each)(void *context, const struct engine_reception *reception),
                      void *context)
{
    struct shard_list seens = {.all = NULL};
    bool is_read = read_back(asking, wanted, &seens) &&
                   (!wanted->wants_senders || read_senders(asking, &seens));
    if (is_read && wanted->wants_senders && seens.count > 0)
        qsort(seens.all, seens.count, sizeof(struct seen), newest_first);
    is_read = is_read && read_packets(asking, &seens, wanted->packets);
    const struct seen *all = seens.all;
    for (size_t i = 0; is_read && i < seens.count; i++)
        each(context, &all[i].is);
    free(seens.all);
    return is_read;
}

/* --- clocks ----------------------------------------------------------------------------------- */

struct told {
    int64_t observer_id, receipt_ms, ahead_ms;
    bool has_time;
};

static int by_observer(const void *a, const void *b)
{
    const struct told *x = a;
    const struct told *y = b;
    if (x->observer_id != y->observer_id)
        return x->observer_id < y->observer_id ? -1 : 1;
    return (x->receipt_ms < y->receipt_ms) - (x->receipt_ms > y->receipt_ms);
}

static void write_clocks(struct sql *sql, const struct asking *asking, size_t max)
{
    const int64_t now = asking->now / US_PER_MS / MS_PER_HOUR;
    sql_add(sql, "SELECT observer, min(receipt_ms) AS f, argMax(envelope_diff, ver) FROM obs"
                 " WHERE ");
    sql_hours(sql, now - CLOCKS_HOURS, now + 1);
    sql_add(sql,
            " GROUP BY hash, observer, direction, path_size, path ORDER BY f DESC"
            " LIMIT %zu BY observer LIMIT %d FORMAT RowBinary",
            max, CLOCKS_MAX);
}

static bool read_told(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct told *told = entry;
    told->observer_id = shard_ids_of(ids, SHARD_OBSERVER, rowbinary_read_u64(row));
    told->receipt_ms = rowbinary_read_i64(row);
    told->has_time = !rowbinary_read_is_null(row);
    told->ahead_ms = told->has_time ? rowbinary_read_i64(row) : 0;
    return true;
}

/* Each observer's receptions lie on all shards. */
bool shard_clocks(struct asking *asking, size_t max,
                  void (*each)(void *context, int64_t observer_id, int64_t ahead_ms), void *context)
{
    static const struct shard_list_kind tolds = {sizeof(struct told), read_told, by_observer};
    struct shard_list list = {.all = NULL};
    size_t of_one = 0;
    struct sql sql;
    sql_begin(&sql);
    write_clocks(&sql, asking, max);
    const bool is_read = shard_list_ask(&list, &tolds, asking, &sql);
    const struct told *all = list.all;
    for (size_t i = 0; is_read && i < list.count; i++) {
        of_one = i > 0 && all[i].observer_id == all[i - 1].observer_id ? of_one + 1 : 0;
        if (of_one < max && all[i].has_time)
            each(context, all[i].observer_id, all[i].ahead_ms);
    }
    free(list.all);
    return is_read;
}
