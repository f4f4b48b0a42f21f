/* SPDX-License-Identifier: MIT
 *
 * How new an advert is, its sender's own clock decides, so that a replayed or late one can't bring
 * an old name back; a clock that is more than a day ahead of the receipt is wrong (a device that
 * started in 2070) and counts as of the receipt, or it would freeze the node for ever. Each fact
 * (name, role, position, telemetry) carries its own time, because not every advert has each: of two
 * the newer non-empty one stays, of two equally new ones the greater, so that the order of arrival
 * does not matter. */
#include "cmd/ingestor/store/store_advert.h"

#include "cmd/ingestor/store/store_meta.h"
#include "common/base/utf8.h"

#include <math.h>

/* Both coordinates and is_foreign go together; so do the values of one reading of a sensor. A
 * position that is told again takes is_foreign along: the area may have been reconfigured. */
#define IF_PLACE                                                                                   \
    "iif(excluded.lat IS NOT NULL AND (excluded.position_time, excluded.lat, excluded.lon) >="     \
    " (position_time, coalesce(lat, -999), coalesce(lon, -999)), "
#define IF_READING                                                                                 \
    "iif(coalesce(excluded.battery_mv, excluded.temperature_c) IS NOT NULL AND"                    \
    " (excluded.telemetry_time, coalesce(excluded.battery_mv, -1),"                                \
    " coalesce(excluded.temperature_c, -999)) > (telemetry_time, coalesce(battery_mv, -1),"        \
    " coalesce(temperature_c, -999)), "

struct store_adverts {
    struct statement node_find, node_upsert, drop_find, drop_insert, drop_again, drop_prune;
};

/* A fact's time is 0 where the advert lacks it, so max() is right in any case. */
static const struct store_adverts blank = {
    .node_find = SQL("SELECT id FROM nodes WHERE public_key = ?1"),
    .node_upsert = SQL(
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
        " advert_count = advert_count + excluded.advert_count"),
    .drop_find = SQL("SELECT id FROM dropped_packets WHERE hash = ?1 AND reason = ?2"),
    .drop_insert = SQL(
        "INSERT INTO dropped_packets (hash, reason, raw, observer, node_key, node_name, first_ms,"
        " last_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)"),
    /* Of equal times the smaller frame and identity, so that the order does not matter. */
    .drop_again = SQL(
        "UPDATE dropped_packets SET raw = CASE WHEN (?2, ?3, ?4) < (first_ms, raw, observer) THEN ?3 ELSE raw END,"
        " observer = CASE WHEN (?2, ?3, ?4) < (first_ms, raw, observer) THEN ?4 ELSE observer END,"
        " first_ms = min(first_ms, ?2), last_ms = max(last_ms, ?2) WHERE id = ?1"),
    .drop_prune = SQL("DELETE FROM dropped_packets WHERE id <= ?1"),
};

#define DAY_S       86400
#define DROPPED_MAX 10000 /* of dropped_packets the newest so many stay */
#define REASON      "invalid signature"

enum status store_advert_open(struct store *store, struct err *err)
{
    store->adverts = connection_part(&store->connection, &blank, sizeof blank,
                                     sizeof blank / sizeof(struct statement), err);
    return store->adverts != NULL ? STATUS_OK : err->status;
}

/* --- nodes ------------------------------------------------------------------------------------ */

bool store_advert_is_ahead(const struct meshcore_advert *advert, int64_t receipt_ms)
{
    return advert->timestamp > receipt_ms / 1000 + DAY_S;
}

static void bind_facts(struct store *store, const struct store_packet *packet, int64_t time_s,
                       const char *name)
{
    struct statement *const sql = &store->adverts->node_upsert;
    const struct meshcore_advert *advert = packet->advert;
    bool has_role = advert->app_data_valid && advert->has_flags;
    double lat = (double)NAN;
    double lon = (double)NAN;
    bool has_position = advert->app_data_valid && meshcore_advert_position(advert, &lat, &lon);
    bind_text(sql, 2, name);
    bind_int(sql, 3, name[0] != '\0' ? time_s : 0);
    if (has_role)
        bind_int(sql, 4, advert->role);
    bind_int(sql, 5, has_role ? time_s : 0);
    bind_real(sql, 6, has_position ? lat : (double)NAN);
    bind_real(sql, 7, has_position ? lon : (double)NAN);
    bind_int(sql, 8, has_position && packet->is_foreign);
    bind_int(sql, 9, has_position ? time_s : 0);
    if (advert->has_battery)
        bind_int(sql, 10, advert->battery_mv);
    bind_real(sql, 11, advert->has_temperature ? advert->temperature_c100 / 100.0 : (double)NAN);
    bind_int(sql, 12, advert->has_battery || advert->has_temperature ? time_s : 0);
}

static enum status upsert(struct store *store, const struct store_packet *packet, bool is_alive,
                          bool is_new)
{
    struct statement *const sql = &store->adverts->node_upsert;
    const struct meshcore_advert *advert = packet->advert;
    char name[STORE_IDENTITY_MAX] = "";
    if (advert->app_data_valid && advert->has_name)
        (void)store_clean_name(store, name, advert->name, advert->name_len);
    int64_t time_s = store_advert_is_ahead(advert, packet->receipt_ms) ? packet->receipt_ms / 1000
                                                                       : advert->timestamp;
    bind_blob(sql, 1, advert->public_key, MESHCORE_KEY_BYTES);
    bind_facts(store, packet, time_s, name);
    bind_int(sql, 13, packet->receipt_ms);
    if (is_alive)
        bind_int(sql, 14, packet->receipt_ms);
    bind_int(sql, 15, time_s);
    bind_int(sql, 16, is_new);
    return statement_run(sql);
}

/* Looking first costs one more step, at one advert in ten packets and 47 us of verification each;
 * RETURNING would cost a temporary table, and last_insert_rowid says nothing about an update. */
enum status store_node_upsert(struct store *store, const struct store_packet *packet, bool is_alive,
                              bool is_new, int64_t *out_id, struct store_result *out)
{
    *out_id = 0;
    int64_t id = 0;
    bind_blob(&store->adverts->node_find, 1, packet->advert->public_key, MESHCORE_KEY_BYTES);
    enum status status = statement_number(&store->adverts->node_find, &id);
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
        id = sqlite3_last_insert_rowid(store->connection.db);
        store->record.counts.nodes++;
    }
    out->node_upserted = true;
    *out_id = id;
    return STATUS_OK;
}

/* --- refused ones ----------------------------------------------------------------------------- */

/* One row per content hash with the frame, the observer and the name of its earliest copy. How many
 * copies came, the ledger counts: here a replay of the same messages must change nothing. */
enum status store_drop_again(struct store *store, const struct store_packet *packet, bool *out)
{
    *out = false;
    bind_blob(&store->adverts->drop_find, 1, packet->hash, MESHCORE_HASH_BYTES);
    bind_text(&store->adverts->drop_find, 2, REASON);
    int64_t id = 0;
    const enum status status = statement_number(&store->adverts->drop_find, &id);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    *out = true;
    const struct envelope *envelope = packet->envelope;
    bind_int(&store->adverts->drop_again, 1, id);
    bind_int(&store->adverts->drop_again, 2, packet->receipt_ms);
    bind_blob(&store->adverts->drop_again, 3, envelope->packet.raw, envelope->packet.raw_len);
    bind_text(&store->adverts->drop_again, 4, envelope->observer);
    return statement_run(&store->adverts->drop_again);
}

enum status store_drop_insert(struct store *store, const struct store_packet *packet)
{
    const struct envelope *envelope = packet->envelope;
    const struct meshcore_advert *advert = packet->advert;
    char name[STORE_IDENTITY_MAX] = "";
    bind_blob(&store->adverts->drop_insert, 1, packet->hash, MESHCORE_HASH_BYTES);
    bind_text(&store->adverts->drop_insert, 2, REASON);
    bind_blob(&store->adverts->drop_insert, 3, envelope->packet.raw, envelope->packet.raw_len);
    bind_text(&store->adverts->drop_insert, 4, envelope->observer);
    bind_blob(&store->adverts->drop_insert, 5, advert->public_key, MESHCORE_KEY_BYTES);
    if (advert->app_data_valid && advert->has_name &&
        utf8_clean(name, sizeof name, advert->name, advert->name_len) != 0)
        bind_text(&store->adverts->drop_insert, 6, name);
    bind_int(&store->adverts->drop_insert, 7, packet->receipt_ms);
    enum status status = statement_run(&store->adverts->drop_insert);
    if (status != STATUS_OK)
        return status;
    bind_int(&store->adverts->drop_prune, 1,
             sqlite3_last_insert_rowid(store->connection.db) - DROPPED_MAX);
    return statement_run(&store->adverts->drop_prune);
}
