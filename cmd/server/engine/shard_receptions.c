/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_receptions.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <string.h>

#define STEP_GROWS   8
#define CLOCKS_HOURS 24
#define CLOCKS_MAX   100000 /* receptions of a shard */

struct seen {
    uint64_t hash;
    struct engine_reception is;
};

struct seens {
    struct seen *all; /* owned */
    size_t count, cap;
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

static struct seen read_seen(struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct packet_observation key = {.id = 0};
    struct seen seen = {.hash = rowbinary_read_u64(row)};
    const uint64_t observer = rowbinary_read_u64(row);
    key.is_tx = seen.is.is_tx = rowbinary_read_u8(row) != 0;
    key.path_size = rowbinary_read_u8(row);
    const struct rowbinary_text path = rowbinary_read_string(row);
    key.path_len = (uint8_t)min_size(path.len, sizeof key.path);
    memcpy(key.path, path.bytes, key.path_len);
    seen.is.packet = shard_id(seen.hash);
    seen.is.id = shard_observation_id(seen.hash, observer, &key);
    seen.is.observer_id = shard_ids_of(ids, SHARD_OBSERVER, observer);
    seen.is.receipt_ms = rowbinary_read_i64(row);
    seen.is.type = rowbinary_read_u8(row);
    seen.is.snr = shard_read_float(row);
    seen.is.rssi = shard_read_float(row);
    return seen;
}

static bool read_step(struct asking *asking, const struct engine_receptions *wanted, int64_t low,
                      struct seens *out)
{
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
    if (!shard_asking_ask(asking, &sql))
        return false;
    struct shard_rows rows = shard_rows(asking->shards->question);
    while (shard_rows_next(&rows)) {
        struct seen *longer = grow(out->all, out->count, &out->cap, sizeof *longer);
        if (longer == NULL)
            break;
        out->all = longer;
        out->all[out->count++] = read_seen(&rows.row, ids);
    }
    if (!shard_rows_end(&rows))
        return false;
    if (out->count > 0)
        qsort(out->all, out->count, sizeof *out->all, newest_first);
    out->count = min_size(out->count, wanted->max);
    return true;
}

static bool read_back(struct asking *asking, const struct engine_receptions *wanted,
                      struct seens *out)
{
    const int64_t newest = wanted->to_ms / MS_PER_HOUR;
    const int64_t oldest = wanted->from_ms > 0 ? wanted->from_ms / MS_PER_HOUR : 0;
    for (int64_t hours = 1;; hours *= STEP_GROWS) {
        const int64_t low = newest - hours > oldest ? newest - hours : oldest;
        if (!read_step(asking, wanted, low, out))
            return false;
        if (out->count == wanted->max || low == oldest)
            return true;
    }
}

/* --- who sent them ---------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
    const struct seen *x = a;
    const struct seen *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool write_adverts(struct sql *sql, const struct seens *seens)
{
    bool is_any = false;
    sql_add(sql, "SELECT hash, argMax(sender, ver) FROM tx WHERE hash IN (");
    for (size_t i = 0; i < seens->count; i++) {
        const bool is_again = i > 0 && seens->all[i].hash == seens->all[i - 1].hash;
        if (seens->all[i].is.type != MESHCORE_ADVERT || is_again)
            continue;
        sql_add(sql, "%s%" PRIu64, is_any ? "," : "", seens->all[i].hash);
        is_any = true;
    }
    sql_add(sql, ") GROUP BY hash FORMAT RowBinary");
    return is_any;
}

static void set_sender(const struct seens *seens, uint64_t hash, int64_t sender)
{
    const struct seen key = {.hash = hash};
    struct seen *at = bsearch(&key, seens->all, seens->count, sizeof key, by_hash);
    while (at != NULL && at > seens->all && at[-1].hash == hash)
        at--;
    for (; at != NULL && at < seens->all + seens->count && at->hash == hash; at++)
        at->is.sender = sender;
}

static bool read_senders(struct asking *asking, const struct seens *seens)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    struct sql sql;
    if (seens->count == 0)
        return true;
    qsort(seens->all, seens->count, sizeof *seens->all, by_hash);
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

static bool read_packets(struct asking *asking, const struct seens *seens, size_t count)
{
    uint64_t hashes[BUNDLES_READ_MAX];
    count = min_size(min_size(count, seens->count), ARRAY_LEN(hashes));
    for (size_t i = 0; i < count; i++)
        hashes[i] = seens->all[i].hash;
    return count == 0 ||
           basket_read(&asking->shards->basket, asking->shards->question, asking, hashes, count);
}

bool shard_receptions(struct asking *asking, const struct engine_receptions *wanted,
                      void (*each)(void *context, const struct engine_reception *reception),
                      void *context)
{
    struct seens seens = {.all = NULL};
    bool is_read = read_back(asking, wanted, &seens) &&
                   (!wanted->wants_senders || read_senders(asking, &seens));
    if (is_read && wanted->wants_senders && seens.count > 0)
        qsort(seens.all, seens.count, sizeof *seens.all, newest_first);
    is_read = is_read && read_packets(asking, &seens, wanted->packets);
    for (size_t i = 0; is_read && i < seens.count; i++)
        each(context, &seens.all[i].is);
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

/* Each observer's receptions lie on all shards. */
static bool read_clocks(struct asking *asking, struct told **out, size_t *out_count)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    struct shard_rows rows = shard_rows(asking->shards->question);
    size_t cap = 0;
    while (shard_rows_next(&rows)) {
        struct told *longer = grow(*out, *out_count, &cap, sizeof *longer);
        if (longer == NULL)
            break;
        *out = longer;
        struct told *told = &(*out)[(*out_count)++];
        told->observer_id = shard_ids_of(ids, SHARD_OBSERVER, rowbinary_read_u64(&rows.row));
        told->receipt_ms = rowbinary_read_i64(&rows.row);
        told->has_time = !rowbinary_read_is_null(&rows.row);
        told->ahead_ms = told->has_time ? rowbinary_read_i64(&rows.row) : 0;
    }
    return shard_rows_end(&rows);
}

bool shard_clocks(struct asking *asking, size_t max,
                  void (*each)(void *context, int64_t observer_id, int64_t ahead_ms), void *context)
{
    struct told *all = NULL;
    size_t count = 0;
    size_t of_one = 0;
    struct sql sql;
    sql_begin(&sql);
    write_clocks(&sql, asking, max);
    const bool is_read = shard_asking_ask(asking, &sql) && read_clocks(asking, &all, &count);
    if (count > 0)
        qsort(all, count, sizeof *all, by_observer);
    for (size_t i = 0; is_read && i < count; i++) {
        of_one = i > 0 && all[i].observer_id == all[i - 1].observer_id ? of_one + 1 : 0;
        if (of_one < max && all[i].has_time)
            each(context, all[i].observer_id, all[i].ahead_ms);
    }
    free(all);
    return is_read;
}
