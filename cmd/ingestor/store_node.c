/* SPDX-License-Identifier: MIT
 *
 * Nodes come from verified adverts only. Which advert wins is decided by the sender's own clock, so that a
 * replayed or late one can't bring an old name back; a name or position that is missing so far is taken
 * from any. A stored clock that lies more than a day ahead of the receipt was wrong once (a device that
 * started in 2070): it does not freeze the row for ever. */
#include "cmd/ingestor/store_internal.h"

#include <math.h>

/* ?1 key ?2 name ?3 role ?4 lat ?5 lon ?6 receipt ?7 alive receipt or NULL ?8 advert time ?9 latest credible
 * advert time. min and max: the order of arrival does not matter. */
#define IS_NEWER " (excluded.advert_time >= advert_time OR advert_time > ?9) "
static const struct store_sql_text sql_texts[] = {
    {SQL_NODE_FIND, "SELECT id FROM nodes WHERE public_key = ?1"},
    {SQL_NODE_UPSERT,
     "INSERT INTO nodes (public_key, name, role, lat, lon, first_ms, last_ms, advert_time,"
     " advert_count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1) ON CONFLICT (public_key) DO UPDATE"
     " SET name = CASE WHEN excluded.name <> '' AND (name = '' OR" IS_NEWER ")"
     "   THEN excluded.name ELSE name END,"
     " role = CASE WHEN excluded.role IS NOT NULL AND (role IS NULL OR" IS_NEWER ")"
     "   THEN excluded.role ELSE role END,"
     " lat = CASE WHEN excluded.lat IS NOT NULL AND (lat IS NULL OR" IS_NEWER ")"
     "   THEN excluded.lat ELSE lat END,"
     " lon = CASE WHEN excluded.lon IS NOT NULL AND (lon IS NULL OR" IS_NEWER ")"
     "   THEN excluded.lon ELSE lon END,"
     " first_ms = min(first_ms, excluded.first_ms),"
     " last_ms = CASE WHEN excluded.last_ms IS NULL THEN last_ms"
     "   ELSE max(coalesce(last_ms, excluded.last_ms), excluded.last_ms) END,"
     " advert_time = CASE WHEN" IS_NEWER "THEN excluded.advert_time ELSE advert_time END,"
     " advert_count = advert_count + 1"},
};

#define DAY_S 86400

enum status store_node_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

static enum status find_node(struct store *store, const uint8_t *key, int64_t *out_id)
{
    bind_blob(store, SQL_NODE_FIND, 1, key, MESHCORE_KEY_BYTES);
    enum status status = store_row(store, SQL_NODE_FIND);
    if (status != STATUS_OK)
        return status;
    *out_id = sqlite3_column_int64(store->stmts[SQL_NODE_FIND], 0);
    store_done(store, SQL_NODE_FIND);
    return STATUS_OK;
}

/* Looking first costs one more step, at one advert in ten packets and 47 us of verification each; RETURNING
 * would cost a temporary table, and last_insert_rowid says nothing about an update. */
enum status store_node_upsert(struct store *store, const struct meshcore_advert *advert,
                              int64_t receipt_ms, bool is_alive, int64_t *out_id)
{
    int64_t id = 0;
    enum status status = find_node(store, advert->public_key, &id);
    bool is_new = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK && !is_new)
        return status;

    char name[STORE_IDENTITY_MAX] = "";
    if (advert->app_data_valid && advert->has_name)
        (void)store_clean_text(name, sizeof name, advert->name, advert->name_len);
    double lat = (double)NAN;
    double lon = (double)NAN;
    if (advert->app_data_valid && !meshcore_advert_position(advert, &lat, &lon))
        lat = lon = (double)NAN;
    bind_blob(store, SQL_NODE_UPSERT, 1, advert->public_key, MESHCORE_KEY_BYTES);
    bind_text(store, SQL_NODE_UPSERT, 2, name);
    if (advert->app_data_valid && advert->has_flags)
        bind_int(store, SQL_NODE_UPSERT, 3, advert->role);
    bind_real(store, SQL_NODE_UPSERT, 4, lat);
    bind_real(store, SQL_NODE_UPSERT, 5, lon);
    bind_int(store, SQL_NODE_UPSERT, 6, receipt_ms);
    if (is_alive)
        bind_int(store, SQL_NODE_UPSERT, 7, receipt_ms);
    bind_int(store, SQL_NODE_UPSERT, 8, advert->timestamp);
    bind_int(store, SQL_NODE_UPSERT, 9, receipt_ms / 1000 + DAY_S);
    status = store_run(store, SQL_NODE_UPSERT);
    if (status != STATUS_OK)
        return status;
    if (is_new) {
        id = sqlite3_last_insert_rowid(store->db);
        store->record.counts.nodes++;
    }
    *out_id = id;
    return STATUS_OK;
}
