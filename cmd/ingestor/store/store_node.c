/* SPDX-License-Identifier: MIT
 *
 * Nodes come from verified adverts only. How new an advert is, its sender's own clock decides, so that a
 * replayed or late one can't bring an old name back; a clock that is more than a day ahead of the receipt is
 * wrong (a device that started in 2070) and counts as of the receipt, or it would freeze the node for ever.
 * Each fact (name, role, position, telemetry) carries its own time, because not every advert has each: of two
 * the newer non-empty one stays, of two equally new ones the greater, so that the order of arrival does not
 * matter. */
#include "cmd/ingestor/store/store_internal.h"

#include <math.h>

/* Both coordinates and is_foreign go together; so do the values of one reading of a sensor. A position that is
 * told again takes is_foreign along: the area may have been reconfigured. */
#define IF_PLACE                                                                                   \
    "iif(excluded.lat IS NOT NULL AND (excluded.position_time, excluded.lat, excluded.lon) >="     \
    " (position_time, coalesce(lat, -999), coalesce(lon, -999)), "
#define IF_READING                                                                                 \
    "iif(coalesce(excluded.battery_mv, excluded.temperature_c) IS NOT NULL AND"                    \
    " (excluded.telemetry_time, coalesce(excluded.battery_mv, -1),"                                \
    " coalesce(excluded.temperature_c, -999)) > (telemetry_time, coalesce(battery_mv, -1),"        \
    " coalesce(temperature_c, -999)), "

/* A fact's time is 0 where the advert lacks it, so max() is right in any case. */
static const struct store_sql_text sql_texts[] = {
    {SQL_NODE_FIND, "SELECT id FROM nodes WHERE public_key = ?1"},
    {SQL_NODE_UPSERT,
     "INSERT INTO nodes (public_key, name, name_time, role, role_time, lat, lon, is_foreign,"
     " position_time, battery_mv, temperature_c, telemetry_time, first_ms, last_ms, advert_time,"
     " advert_count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
     " ON CONFLICT (public_key) DO UPDATE SET"
     " name = iif(excluded.name <> '' AND (excluded.name_time, excluded.name) > (name_time, name),"
     "   excluded.name, name), name_time = max(name_time, excluded.name_time),"
     " role = iif(excluded.role IS NOT NULL AND (excluded.role_time, excluded.role) >"
     "   (role_time, coalesce(role, -1)), excluded.role, role),"
     " role_time = max(role_time, excluded.role_time),"
     " lat = " IF_PLACE "excluded.lat, lat), lon = " IF_PLACE "excluded.lon, lon),"
     " is_foreign = " IF_PLACE "excluded.is_foreign, is_foreign),"
     " position_time = max(position_time, excluded.position_time),"
     " battery_mv = " IF_READING "excluded.battery_mv, battery_mv),"
     " temperature_c = " IF_READING "excluded.temperature_c, temperature_c),"
     " telemetry_time = max(telemetry_time, excluded.telemetry_time),"
     " first_ms = min(first_ms, excluded.first_ms),"
     " last_ms = CASE WHEN excluded.last_ms IS NULL THEN last_ms"
     "   ELSE max(coalesce(last_ms, excluded.last_ms), excluded.last_ms) END,"
     " is_inactive = iif(excluded.last_ms IS NULL, is_inactive, 0),"
     " advert_time = max(advert_time, excluded.advert_time),"
     " advert_count = advert_count + excluded.advert_count"},
};

#define DAY_S 86400

enum status store_node_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

bool store_advert_is_ahead(const struct meshcore_advert *advert, int64_t receipt_ms)
{
    return advert->timestamp > receipt_ms / 1000 + DAY_S;
}

static void bind_facts(struct store *store, const struct store_packet *packet, int64_t time_s,
                       const char *name)
{
    const enum store_sql sql = SQL_NODE_UPSERT;
    const struct meshcore_advert *advert = packet->advert;
    bool has_role = advert->app_data_valid && advert->has_flags;
    double lat = (double)NAN;
    double lon = (double)NAN;
    bool has_position = advert->app_data_valid && meshcore_advert_position(advert, &lat, &lon);
    bind_text(store, sql, 2, name);
    bind_int(store, sql, 3, name[0] != '\0' ? time_s : 0);
    if (has_role)
        bind_int(store, sql, 4, advert->role);
    bind_int(store, sql, 5, has_role ? time_s : 0);
    bind_real(store, sql, 6, has_position ? lat : (double)NAN);
    bind_real(store, sql, 7, has_position ? lon : (double)NAN);
    bind_int(store, sql, 8, has_position && packet->is_foreign);
    bind_int(store, sql, 9, has_position ? time_s : 0);
    if (advert->has_battery)
        bind_int(store, sql, 10, advert->battery_mv);
    bind_real(store, sql, 11,
              advert->has_temperature ? advert->temperature_c100 / 100.0 : (double)NAN);
    bind_int(store, sql, 12, advert->has_battery || advert->has_temperature ? time_s : 0);
}

static enum status upsert(struct store *store, const struct store_packet *packet, bool is_alive,
                          bool is_new)
{
    const enum store_sql sql = SQL_NODE_UPSERT;
    const struct meshcore_advert *advert = packet->advert;
    char name[STORE_IDENTITY_MAX] = "";
    if (advert->app_data_valid && advert->has_name)
        (void)store_clean_name(store, name, advert->name, advert->name_len);
    int64_t time_s = store_advert_is_ahead(advert, packet->receipt_ms) ? packet->receipt_ms / 1000
                                                                       : advert->timestamp;
    bind_blob(store, sql, 1, advert->public_key, MESHCORE_KEY_BYTES);
    bind_facts(store, packet, time_s, name);
    bind_int(store, sql, 13, packet->receipt_ms);
    if (is_alive)
        bind_int(store, sql, 14, packet->receipt_ms);
    bind_int(store, sql, 15, time_s);
    bind_int(store, sql, 16, is_new);
    return store_run(store, sql);
}

/* Looking first costs one more step, at one advert in ten packets and 47 us of verification each; RETURNING
 * would cost a temporary table, and last_insert_rowid says nothing about an update. */
enum status store_node_upsert(struct store *store, const struct store_packet *packet, bool is_alive,
                              bool is_new, int64_t *out_id, struct store_result *out)
{
    *out_id = 0;
    int64_t id = 0;
    bind_blob(store, SQL_NODE_FIND, 1, packet->advert->public_key, MESHCORE_KEY_BYTES);
    enum status status = store_number(store, SQL_NODE_FIND, &id);
    bool is_new_node = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK && !is_new_node)
        return status;
    enum outcome refusal = OUTCOME_NONE;
    if (is_new_node) {
        status = store_limit_nodes(store, &refusal);
        if (status != STATUS_OK)
            return status;
    }
    if (refusal != OUTCOME_NONE) {
        *out = (struct store_result){.outcome = refusal};
        return STATUS_OK;
    }
    status = upsert(store, packet, is_alive, is_new);
    if (status != STATUS_OK)
        return status;
    if (is_new_node) {
        id = sqlite3_last_insert_rowid(store->db);
        store->record.counts.nodes++;
    }
    out->node_upserted = true;
    *out_id = id;
    return STATUS_OK;
}
