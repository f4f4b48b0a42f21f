/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_tables.h"

#include "cmd/server/engine/shard_list.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/shards/shard_steps.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX   4096
#define STEP_HOURS 24 /* the first one back */

static const char *copy(struct rowbinary_text text, char out[static TEXT_MAX])
{
    const size_t len = min_size(text.len, TEXT_MAX - 1);
    memcpy(out, text.bytes, len);
    out[len] = '\0';
    return out;
}

/* --- the newest packets ----------------------------------------------------------------------- */

struct newest {
    uint64_t hash;
    struct engine_newest is;
};

static int newest_first(const void *a, const void *b)
{
    const struct newest *x = a;
    const struct newest *y = b;
    if (x->is.first_ms != y->is.first_ms)
        return x->is.first_ms < y->is.first_ms ? 1 : -1;
    return (x->hash < y->hash) - (x->hash > y->hash);
}

static bool read_newest(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct newest *out = entry;
    (void)ids;
    *out = (struct newest){.hash = rowbinary_read_u64(row)};
    out->is.id = shard_id(out->hash);
    shard_hash_bytes(out->hash, out->is.hash);
    out->is.first_ms = rowbinary_read_i64(row);
    out->is.type = rowbinary_read_u8(row);
    return true;
}

/* Of those first received from the hour `low` on. */
static bool ask_newest(struct asking *asking, int64_t low, size_t max, struct shard_list *out)
{
    static const struct shard_list_kind newest = {sizeof(struct newest), read_newest, newest_first};
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT hash, min(first_ms) AS f, any(type) FROM tx WHERE ");
    sql_hours(&sql, low, asking->now / US_PER_MS / MS_PER_HOUR + 48);
    sql_add(&sql,
            " GROUP BY hash HAVING f >= %" PRId64
            " ORDER BY f DESC, hash DESC LIMIT %zu FORMAT RowBinary",
            low * MS_PER_HOUR, max);
    const bool is_read = shard_list_ask(out, &newest, asking, &sql);
    out->count = min_size(out->count, max);
    return is_read;
}

static void note_read(const struct shard_list *newests, uint64_t hash)
{
    struct newest *all = newests->all;
    for (size_t i = 0; i < newests->count; i++) {
        if (all[i].hash == hash)
            all[i].is.is_read = true;
    }
}

/* Which of them are texts that a key opened. */
static bool read_texts(struct asking *asking, const struct shard_list *newests)
{
    const struct newest *all = newests->all;
    const char *comma = "";
    int64_t first_ms = INT64_MAX;
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT hash FROM messages WHERE kind = 0 AND isNotNull(text) AND hash IN (");
    for (size_t i = 0; i < newests->count; i++) {
        const struct newest *one = &all[i];
        if (one->is.type != MESHCORE_GRP_TXT)
            continue;
        sql_add(&sql, "%s%" PRIu64, comma, one->hash);
        comma = ",";
        first_ms = one->is.first_ms;
    }
    sql_add(&sql, ") AND day >= %" PRId64 " GROUP BY hash FORMAT RowBinary",
            first_ms > MS_PER_DAY ? first_ms / MS_PER_DAY - 1 : 0);
    if (*comma == '\0') {
        sql_done(&sql);
        return true;
    }
    if (!shard_asking_ask(asking, &sql))
        return false;
    struct shard_rows rows = shard_rows(asking->shards->question);
    while (shard_rows_next(&rows))
        note_read(newests, rowbinary_read_u64(&rows.row));
    return shard_rows_end(&rows);
}

bool shard_newest(struct asking *asking, size_t max,
                  void (*each)(void *context, const struct engine_newest *packet), void *context)
{
    struct shard_steps steps = {.newest = asking->now / US_PER_MS / MS_PER_HOUR,
                                .hours = STEP_HOURS};
    struct shard_list newests = {.all = NULL};
    bool is_read = true;
    while (is_read && newests.count < max && shard_steps_next(&steps))
        is_read = ask_newest(asking, steps.low, max, &newests);
    is_read = is_read && read_texts(asking, &newests);
    const struct newest *all = newests.all;
    for (size_t i = 0; is_read && i < newests.count; i++)
        each(context, &all[i].is);
    free(newests.all);
    return is_read;
}

/* --- drops ------------------------------------------------------------------------------------ */

struct drop {
    struct engine_drop is;
    uint64_t hash;
    char *bytes; /* owned: raw, key and the three texts one behind the other */
};

static int later_drop_first(const void *a, const void *b)
{
    const struct drop *x = a;
    const struct drop *y = b;
    if (x->is.first_ms != y->is.first_ms)
        return x->is.first_ms < y->is.first_ms ? 1 : -1;
    return (x->hash < y->hash) - (x->hash > y->hash);
}

/* Only of the newest keys are their bytes read. */
static void write_drops(struct sql *sql, const struct engine_drops *wanted)
{
    sql_add(sql, "SELECT hash, reason, min(first_ms) AS f, max(last_ms), argMax(raw, ver),"
                 " argMax(node_key, ver), argMax(observer, ver), argMax(node_name, ver) FROM"
                 " dropped WHERE hash IN (SELECT hash FROM (SELECT hash, min(first_ms) AS g,"
                 " argMax(observer, ver) AS who, argMax(node_key, ver) AS whose FROM dropped"
                 " GROUP BY hash, reason) WHERE 1");
    if (wanted->hash != NULL)
        sql_add(sql, " AND hash = %" PRIu64, shard_number(wanted->hash));
    if (wanted->observer != NULL) {
        sql_add(sql, " AND lower(who) = lower(");
        sql_text(sql, wanted->observer);
        sql_add(sql, ")");
    }
    if (wanted->node_key != NULL) {
        sql_add(sql, " AND whose = ");
        sql_bytes(sql, wanted->node_key, NODE_KEY_BYTES);
    }
    sql_add(sql,
            " ORDER BY g DESC, hash DESC LIMIT %zu) GROUP BY hash, reason"
            " ORDER BY f DESC, hash DESC LIMIT %zu FORMAT RowBinary",
            wanted->max, wanted->max);
}

static bool read_drop(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct drop *out = entry;
    (void)ids;
    *out = (struct drop){.hash = rowbinary_read_u64(row)};
    const struct rowbinary_text reason = rowbinary_read_string(row);
    out->is.first_ms = rowbinary_read_i64(row);
    out->is.last_ms = rowbinary_read_i64(row);
    const struct rowbinary_text raw = rowbinary_read_string(row);
    const struct rowbinary_text key = rowbinary_read_string(row);
    const struct rowbinary_text observer = rowbinary_read_string(row);
    const struct rowbinary_text name = rowbinary_read_string(row);
    out->bytes = malloc(reason.len + raw.len + key.len + observer.len + name.len + 5);
    if (out->bytes == NULL)
        return false;
    char *at = out->bytes;
    out->is.id = shard_id(out->hash);
    shard_hash_bytes(out->hash, out->is.hash);
    const char *kept = shard_list_keep(&at, raw);
    out->is.raw = raw.len > 0 ? (const uint8_t *)kept : NULL;
    out->is.raw_len = raw.len;
    kept = shard_list_keep(&at, key);
    out->is.node_key = key.len > 0 ? (const uint8_t *)kept : NULL;
    out->is.node_key_len = key.len;
    out->is.reason = shard_list_keep(&at, reason);
    out->is.observer = shard_list_keep(&at, observer);
    out->is.node_name = shard_list_keep(&at, name);
    return true;
}

/* Those of another reason under a hash that was found may be another observer's. */
static bool is_asked_for(const struct engine_drops *wanted, const struct engine_drop *drop)
{
    const bool is_whose =
        wanted->node_key == NULL || (drop->node_key_len == NODE_KEY_BYTES &&
                                     memcmp(drop->node_key, wanted->node_key, NODE_KEY_BYTES) == 0);
    return is_whose &&
           (wanted->observer == NULL || strcasecmp(drop->observer, wanted->observer) == 0);
}

bool shard_drops(struct asking *asking, const struct engine_drops *wanted,
                 void (*each)(void *context, const struct engine_drop *drop), void *context)
{
    static const struct shard_list_kind drops = {sizeof(struct drop), read_drop, later_drop_first};
    struct shard_list list = {.all = NULL};
    struct sql sql;
    sql_begin(&sql);
    write_drops(&sql, wanted);
    const bool is_read = shard_list_ask(&list, &drops, asking, &sql);
    const struct drop *all = list.all;
    size_t told = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (is_read && told < wanted->max && is_asked_for(wanted, &all[i].is)) {
            each(context, &all[i].is);
            told++;
        }
        free(all[i].bytes);
    }
    free(list.all);
    return is_read;
}

/* --- what phones heard ------------------------------------------------------------------------ */

struct phone {
    struct engine_phone is;
    uint8_t heard[NODE_KEY_BYTES];
    char client[68]; /* a key in hex, and some */
};

static int newest_phone_first(const void *a, const void *b)
{
    const struct engine_phone *x = &((const struct phone *)a)->is;
    const struct engine_phone *y = &((const struct phone *)b)->is;
    if (x->rx_ms != y->rx_ms)
        return x->rx_ms < y->rx_ms ? 1 : -1;
    return (x->id < y->id) - (x->id > y->id);
}

/* Its place among those of one moment is a hash of its key, which both versions make alike. */
static void write_phones(struct sql *sql, int64_t since_ms, int64_t before_ms, int64_t before_id,
                         size_t max)
{
    sql_add(sql,
            "SELECT client, heard, rx_ms, toInt64(bitShiftRight(cityHash64(client, heard), 11)) AS"
            " at, argMax(lat, ver), argMax(lon, ver), argMax(snr, ver) FROM client_rx WHERE day >="
            " %" PRId64 " AND rx_ms >= %" PRId64 " AND rx_ms <= %" PRId64
            " GROUP BY client, heard, rx_ms",
            since_ms > 0 ? since_ms / MS_PER_DAY : 0, since_ms, before_ms);
    if (before_ms != INT64_MAX)
        sql_add(sql, " HAVING rx_ms < %" PRId64 " OR at < %" PRId64, before_ms, before_id);
    sql_add(sql, " ORDER BY rx_ms DESC, at DESC LIMIT %zu FORMAT RowBinary", max);
}

static bool read_phone(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct phone *out = entry;
    (void)ids;
    *out = (struct phone){.is = {.id = 0}};
    const struct rowbinary_text client = rowbinary_read_string(row);
    const struct rowbinary_text heard = rowbinary_read_string(row);
    memcpy(out->client, client.bytes, min_size(client.len, sizeof out->client - 1));
    memcpy(out->heard, heard.bytes, min_size(heard.len, sizeof out->heard));
    out->is.heard_len = min_size(heard.len, sizeof out->heard);
    out->is.rx_ms = rowbinary_read_i64(row);
    out->is.id = rowbinary_read_i64(row);
    out->is.lat = rowbinary_read_f64(row);
    out->is.lon = rowbinary_read_f64(row);
    out->is.snr = shard_read_float(row);
    return true;
}

bool shard_phones(struct asking *asking, int64_t since_ms, int64_t before_ms, int64_t before_id,
                  size_t max, void (*each)(void *context, const struct engine_phone *phone),
                  void *context)
{
    static const struct shard_list_kind phones = {sizeof(struct phone), read_phone,
                                                  newest_phone_first};
    struct shard_list list = {.all = NULL};
    struct sql sql;
    sql_begin(&sql);
    write_phones(&sql, since_ms, before_ms, before_id, max);
    const bool is_read = shard_list_ask(&list, &phones, asking, &sql);
    struct phone *all = list.all;
    for (size_t i = 0; is_read && i < min_size(list.count, max); i++) {
        all[i].is.heard = all[i].heard;
        all[i].is.client = all[i].client;
        each(context, &all[i].is);
    }
    free(list.all);
    return is_read;
}

/* --- what repeaters declare ------------------------------------------------------------------- */

static const char SQL_ANSWERS[] =
    "SELECT target, max(as_of_ms), argMax(regions, ver), argMax(is_truncated, ver)"
    " FROM region_answers GROUP BY target LIMIT 200000 FORMAT RowBinary";
static const char SQL_REPORTS[] =
    "SELECT observer, max(as_of_ms), argMax(coalesce(scopes, ''), ver),"
    " argMax(coalesce(is_truncated, 0), ver), argMax(isNotNull(scopes), ver) AS has"
    " FROM neighbor_reports GROUP BY observer HAVING has != 0 LIMIT 200000 FORMAT RowBinary";

bool shard_declarations(struct asking *asking,
                        void (*each)(void *context, const struct engine_declaration *declared),
                        void *context)
{
    struct shard_question *question = asking->shards->question;
    struct shard_ids *ids = shards_ids(asking->model->shards);
    char regions[TEXT_MAX];
    if (!shard_ask(question, SQL_ANSWERS))
        return false;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        struct engine_declaration d = {.observer_id = 0};
        const struct rowbinary_text key = rowbinary_read_bytes(&rows.row, NODE_KEY_BYTES);
        d.key = (const uint8_t *)key.bytes;
        d.as_of_ms = rowbinary_read_i64(&rows.row);
        d.regions = copy(rowbinary_read_string(&rows.row), regions);
        d.is_truncated = rowbinary_read_u8(&rows.row) != 0;
        if (key.len == NODE_KEY_BYTES)
            each(context, &d);
    }
    if (!shard_rows_end(&rows) || !shard_ask(question, SQL_REPORTS))
        return false;
    rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        struct engine_declaration d = {.key = NULL};
        d.observer_id = shard_ids_of(ids, SHARD_OBSERVER, rowbinary_read_u64(&rows.row));
        d.as_of_ms = rowbinary_read_i64(&rows.row);
        d.regions = copy(rowbinary_read_string(&rows.row), regions);
        d.is_truncated = rowbinary_read_u8(&rows.row) != 0;
        (void)rowbinary_read_u8(&rows.row);
        each(context, &d);
    }
    return shard_rows_end(&rows);
}
