/* SPDX-License-Identifier: MIT
 *
 * How new an advert is: by its effective time, the sender's own clock where it lies within a day of
 * the earliest receipt of that content, else that receipt. So a replayed or late one can't bring an
 * old name back, a device that started in 2070 can't freeze its node, and one that fell back to its
 * build date (a repeater without a clock, after each start) is believed what it says now. Each fact
 * (name, role, position, telemetry) carries its own time and the hash of the content that told it,
 * because not every advert has each: of two the greater (effective time, hash) stays, so that the
 * order of arrival does not matter.
 *
 * An earlier copy can only lower an effective time. Where the content has told what its node shows,
 * the node's stored adverts are asked once more: another may be the newer one now. The newest
 * ADVERTS_ASKED of them, about 1 ms, so that no history makes it dearer. */
#include "cmd/ingestor/store/store_advert.h"

#include "cmd/ingestor/store/store_meta.h"
#include "common/base/utf8.h"

#include <math.h>
#include <stdlib.h>

/* Both coordinates and is_foreign go together; so do the values of one reading of a sensor. An
 * advert that lacks a fact has the time 0 and no hash, which is newer than nothing. */
#define IF_NEWER(fact)                                                                             \
    "iif((excluded." fact "_time, excluded." fact "_hash) > (" fact "_time, " fact "_hash), "
#define TAKE(fact, column) column " = " IF_NEWER(fact) "excluded." column ", " column "), "
#define TAKE_TIME(fact)    TAKE(fact, fact "_time") TAKE(fact, fact "_hash")

/* ?1 = the node, ?2 = the content, ?3 = its effective time now. */
#define LOWER(fact) fact "_time = iif(" fact "_hash = ?2, ?3, " fact "_time), "

struct store_adverts {
    struct statement node_find, node_upsert, node_lower, node_adverts, drop_find, drop_insert,
        drop_again, drop_prune;
};

static const struct store_adverts blank = {
    .node_find = SQL("SELECT id FROM nodes WHERE public_key = ?1"),
    /* clang-format off */
    .node_upsert = SQL(
        "INSERT INTO nodes (public_key, name, name_time, name_hash, role, role_time, role_hash, lat,"
        " lon, is_foreign, position_time, position_hash, battery_mv, temperature_c, telemetry_time,"
        " telemetry_hash, first_ms, last_ms, advert_time, advert_count) VALUES (?1, ?2, ?3, ?4, ?5,"
        " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
        " ON CONFLICT (public_key) DO UPDATE SET "
        TAKE("name", "name") TAKE_TIME("name")
        TAKE("role", "role") TAKE_TIME("role")
        TAKE("position", "lat") TAKE("position", "lon") TAKE("position", "is_foreign")
        TAKE_TIME("position")
        TAKE("telemetry", "battery_mv") TAKE("telemetry", "temperature_c") TAKE_TIME("telemetry")
        "first_ms = min(first_ms, excluded.first_ms),"
        " last_ms = iif(excluded.last_ms IS NULL, last_ms, "
        LAST_SEEN("last_ms", "?21", "excluded.last_ms") "),"
        " is_inactive = iif(excluded.last_ms IS NULL, is_inactive, 0),"
        " advert_time = max(advert_time, excluded.advert_time),"
        " advert_count = advert_count + excluded.advert_count"),
    /* ?4 = its effective time so far */
    .node_lower = SQL(
        "UPDATE nodes SET " LOWER("name") LOWER("role") LOWER("position") LOWER("telemetry")
        "advert_time = iif(advert_time = ?4, ?3, advert_time) WHERE id = ?1 AND (advert_time = ?4 OR"
        " ?2 IN (name_hash, role_hash, position_hash, telemetry_hash))"),
    /* clang-format on */
    .node_adverts =
        SQL("SELECT hash, first_ms, raw FROM transmissions WHERE sender = ?1 ORDER BY id"
            " DESC LIMIT ?2"),
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

#define ADVERTS_ASKED 256
#define DROPPED_MAX   10000 /* of dropped_packets the newest so many stay */
#define REASON        "invalid signature"

enum status store_advert_open(struct store *store, struct err *err)
{
    store->adverts = connection_part(&store->connection, &blank, sizeof blank,
                                     sizeof blank / sizeof(struct statement), err);
    return store->adverts != NULL ? STATUS_OK : err->status;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static int64_t effective_time(const struct meshcore_advert *advert, int64_t first_ms)
{
    const int64_t off_ms = (int64_t)advert->timestamp * 1000 - first_ms;
    return llabs(off_ms) <= MS_PER_DAY ? (int64_t)advert->timestamp : first_ms / 1000;
}

/* A fact's time and the content that told it, as parameters at and at + 1. */
static void bind_telling(struct statement *sql, int at, const struct store_packet *packet,
                         int64_t time_s, bool is_told)
{
    bind_int(sql, at, is_told ? time_s : 0);
    bind_blob(sql, at + 1, packet->hash, is_told ? MESHCORE_HASH_BYTES : 0);
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
    bind_telling(sql, 3, packet, time_s, name[0] != '\0');
    if (has_role)
        bind_int(sql, 5, advert->role);
    bind_telling(sql, 6, packet, time_s, has_role);
    bind_real(sql, 8, has_position ? lat : (double)NAN);
    bind_real(sql, 9, has_position ? lon : (double)NAN);
    bind_int(sql, 10, has_position && packet->is_foreign);
    bind_telling(sql, 11, packet, time_s, has_position);
    if (advert->has_battery)
        bind_int(sql, 13, advert->battery_mv);
    bind_real(sql, 14, advert->has_temperature ? advert->temperature_c100 / 100.0 : (double)NAN);
    bind_telling(sql, 15, packet, time_s, advert->has_battery || advert->has_temperature);
}

/* packet->receipt_ms: the earliest receipt of the content. */
static enum status upsert(struct store *store, const struct store_packet *packet, bool is_alive,
                          bool is_new)
{
    struct statement *const sql = &store->adverts->node_upsert;
    const struct meshcore_advert *advert = packet->advert;
    char name[STORE_IDENTITY_MAX] = "";
    if (advert->app_data_valid && advert->has_name)
        (void)store_clean_name(store, name, advert->name, advert->name_len);
    const int64_t time_s = effective_time(advert, packet->receipt_ms);
    bind_blob(sql, 1, advert->public_key, MESHCORE_KEY_BYTES);
    bind_facts(store, packet, time_s, name);
    bind_int(sql, 17, packet->receipt_ms);
    if (is_alive)
        bind_int(sql, 18, packet->receipt_ms);
    bind_int(sql, 19, time_s);
    bind_int(sql, 20, is_new);
    bind_int(sql, 21, store->now_ms);
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

/* --- stored ones ------------------------------------------------------------------------------ */

static bool is_foreign(const struct store *store, const struct meshcore_advert *advert)
{
    double lat = 0;
    double lon = 0;
    return store->rules.area != NULL && advert->app_data_valid &&
           meshcore_advert_position(advert, &lat, &lon) &&
           !geo_contains(store->rules.area, lat, lon);
}

enum status store_node_retell(struct store *store, const uint8_t *hash, int64_t first_ms,
                              const struct meshcore_frame *frame)
{
    struct meshcore_advert advert;
    if (frame->type != MESHCORE_ADVERT || !meshcore_parse_advert(frame, &advert))
        return STATUS_OK;
    int64_t id = 0;
    bind_blob(&store->adverts->node_find, 1, advert.public_key, MESHCORE_KEY_BYTES);
    const enum status status = statement_number(&store->adverts->node_find, &id);
    if (status != STATUS_OK) /* the node has been deleted: it does not come back by this */
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const struct store_packet packet = {.hash = hash,
                                        .advert = &advert,
                                        .is_foreign = is_foreign(store, &advert),
                                        .receipt_ms = first_ms};
    return upsert(store, &packet, false, false);
}

static enum status ask_stored_adverts(struct store *store, int64_t node_id)
{
    struct statement *const row = &store->adverts->node_adverts;
    enum status status = fresh_packets_write(store->fresh_packets);
    if (status != STATUS_OK)
        return status;
    bind_int(row, 1, node_id);
    bind_int(row, 2, ADVERTS_ASKED);
    while ((status = statement_row(row)) == STATUS_OK) {
        struct meshcore_frame frame;
        const uint8_t *hash = sqlite3_column_blob(row->handle, 0);
        const uint8_t *raw = sqlite3_column_blob(row->handle, 2);
        const size_t len = (size_t)sqlite3_column_bytes(row->handle, 2);
        if (hash == NULL || raw == NULL || meshcore_parse(raw, len, &frame) != MESHCORE_FRAME_OK)
            continue;
        status = store_node_retell(store, hash, column_int(row, 1), &frame);
        if (status != STATUS_OK)
            break;
    }
    statement_done(row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status store_node_earlier(struct store *store, const struct store_packet *packet,
                               int64_t node_id, int64_t former_ms)
{
    const int64_t now_s = effective_time(packet->advert, packet->receipt_ms);
    const int64_t former_s = effective_time(packet->advert, former_ms);
    if (now_s == former_s)
        return STATUS_OK;
    struct statement *const sql = &store->adverts->node_lower;
    bind_int(sql, 1, node_id);
    bind_blob(sql, 2, packet->hash, MESHCORE_HASH_BYTES);
    bind_int(sql, 3, now_s);
    bind_int(sql, 4, former_s);
    const enum status status = statement_run(sql);
    if (status != STATUS_OK || sqlite3_changes(store->connection.db) == 0)
        return status;
    return ask_stored_adverts(store, node_id);
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
