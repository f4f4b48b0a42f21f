/* SPDX-License-Identifier: MIT
 *
 * Derived rows made anew: everything that follows from transmissions and observations is
 * emptied, then each packet goes once more through the functions that derive (store_derive,
 * store_names). One transaction, so a reader sees the old rows or the new ones, and an
 * interruption leaves the old ones.
 *
 * What the packets can't tell stays: rollups of hours whose packets retention may have taken, the
 * times of edges (moved by copies that have no row), a node's scope where no newer one is found,
 * when a node last relayed if the packets may have gone, companion texts.
 * Memory: the batch's tables, which are written out whenever one is full. Its statements are
 * prepared when it runs. */

#include "cmd/ingestor/store/store_advert.h"
#include "cmd/ingestor/store/store_batch.h"
#include "cmd/ingestor/store/store_core.h"
#include "cmd/ingestor/store/store_derive.h"
#include "cmd/ingestor/store/store_hours.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_meta.h"
#include "cmd/ingestor/store/store_names.h"
#include "common/db/schema.h"

#include <string.h>

struct rebuild {
    struct statement total, transmissions, adverts, observations, scope;
};

static const struct rebuild blank = {
    .total = SQL("SELECT transmissions, retained_from_ms FROM meta WHERE id = 1"),
    .transmissions =
        SQL("SELECT id, type, first_ms, last_ms, sender, raw, hash FROM transmissions ORDER BY id"),
    .adverts = SQL("SELECT id, type, first_ms, last_ms, sender, raw, hash FROM transmissions WHERE"
                   " sender IS NOT NULL"),
    .observations =
        SQL("SELECT o.id, o.observer_id, direction, path_size, path, receipt_ms, snr, rssi, route,"
            " scope_code, scope_id FROM " SCHEMA_OBSERVATIONS_OF("?1")),
    .scope = SQL("UPDATE observations SET scope_id = ?2 WHERE id = ?1"),
};

/* Programs before SCHEMA_DERIVED 2 took the sender's clock for the time of what a node tells,
 * however far it was behind: what no content is named for yields to every stored advert, and to
 * the next one. */
static const char *const of_nodes[] = {
    "UPDATE nodes SET name_time = iif(name_hash = x'', 0, name_time),"
    " role_time = iif(role_hash = x'', 0, role_time),"
    " position_time = iif(position_hash = x'', 0, position_time),"
    " telemetry_time = iif(telemetry_hash = x'', 0, telemetry_time)"
    " WHERE x'' IN (name_hash, role_hash, position_hash, telemetry_hash)",
    "UPDATE nodes SET advert_time = max(name_time, role_time, position_time, telemetry_time)"
    " WHERE x'' = name_hash AND x'' = role_hash AND EXISTS (SELECT 1 FROM transmissions WHERE sender"
    " = nodes.id)",
};

/* ?1 = the first hour whose packets are all there. A channel keeps its id for the companion texts
 * in it; its times are found as the smallest and largest. */
static const char *const before[] = {
    "DELETE FROM rollups WHERE hour >= ?1",
    "DELETE FROM hours",
    "DELETE FROM node_observers",
    /* OR ROLLBACK, else SQLite keeps the table's former pages in memory, to undo this
     * statement alone. */
    "UPDATE OR ROLLBACK neighbor_edges SET count = 0",
    "DELETE FROM messages",
    ("UPDATE channels SET message_count = 0, is_encrypted = 1, first_ms = 9223372036854775807,"
     " last_ms = 0"),
};

#define IS_USED "IN (SELECT scope_id FROM observations WHERE scope_id IS NOT NULL)"
#define NEWEST_SCOPE                                                                               \
    "FROM transmissions t CROSS JOIN observation_keys k ON k.transmission_id = t.id CROSS JOIN "   \
    "observations o ON o.id = k.id WHERE t.sender = nodes.id AND o.scope_id IS NOT NULL"

static const char set_derived[] = "UPDATE meta SET derived = ?1 WHERE id = 1";

static const char *const after[] = {
    "DELETE FROM neighbor_edges WHERE count = 0",
    "UPDATE channels SET is_encrypted = 0, message_count = message_count + c.n, first_ms ="
    " min(channels.first_ms, c.first_ms), last_ms = max(channels.last_ms, c.last_ms) FROM"
    " (SELECT channel_id, count(*) AS n, min(receipt_ms) AS first_ms, max(receipt_ms) AS last_ms"
    "  FROM companion_messages WHERE channel_id IS NOT NULL GROUP BY channel_id) c"
    " WHERE c.channel_id = channels.id",
    "DELETE FROM channels WHERE message_count = 0",
    /* A region that is configured no more yields to one that is; never to none. */
    "UPDATE nodes SET (scope_id, scope_ms) = (SELECT o.scope_id, o.receipt_ms " NEWEST_SCOPE
    " ORDER BY o.receipt_ms DESC, (SELECT name FROM scopes WHERE id = o.scope_id) LIMIT 1)"
    " WHERE scope_id NOT " IS_USED " AND EXISTS (SELECT 1 " NEWEST_SCOPE ")",
    "DELETE FROM scopes WHERE id NOT " IS_USED " AND id NOT IN (SELECT scope_id FROM nodes WHERE"
    " scope_id IS NOT NULL)",
    set_derived,
};

#define REPORT_EVERY          10000
#define DERIVED_ALL_BUT_NODES 1 /* by a program before SCHEMA_DERIVED 2 */
#define PROGRESS_OPCODES      10000

/* A statement that runs once; `value` where it has a parameter. */
static enum status run_once(struct store *store, const char *sql, int64_t value)
{
    struct statement once = {.sql = sql};
    enum status status = statements_prepare(&store->connection, &once, 1, NULL);
    if (status == STATUS_OK && sqlite3_bind_parameter_count(once.handle) != 0)
        bind_int(&once, 1, value);
    if (status == STATUS_OK)
        status = statement_run(&once);
    statements_finalize(&once, 1);
    return status;
}

static enum status run_all(struct store *store, const char *const *sql, size_t count, int64_t value)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = run_once(store, sql[i], value);
    return status;
}

/* --- one transmission ------------------------------------------------------------------------- */

struct transmission {
    int64_t id, node_id, first_ms, last_ms;
    uint8_t type, hash[MESHCORE_HASH_BYTES];
    bool has_frame; /* a frame that no longer parses keeps its counts */
    struct meshcore_frame frame;
    uint8_t raw[MESHCORE_FRAME_MAX];
    struct hash_cache_entry scopes; /* only the scope matched last */
};

static void read_transmission(const struct statement *row, struct transmission *out)
{
    memset(out, 0, sizeof *out);
    out->id = column_int(row, 0);
    out->type = (uint8_t)column_int(row, 1);
    out->first_ms = column_int(row, 2);
    out->last_ms = column_int(row, 3);
    out->node_id = column_int(row, 4); /* NULL reads as 0 */
    const void *hash = sqlite3_column_blob(row->handle, 6);
    if (hash != NULL) /* eight bytes: the table's CHECK */
        memcpy(out->hash, hash, sizeof out->hash);
    const void *raw = sqlite3_column_blob(row->handle, 5);
    const size_t len = (size_t)sqlite3_column_bytes(row->handle, 5);
    out->has_frame = raw != NULL && len <= sizeof out->raw;
    if (!out->has_frame)
        return;
    memcpy(out->raw, raw, len);
    out->has_frame = meshcore_parse(out->raw, len, &out->frame) == MESHCORE_FRAME_OK;
}

static enum status retell(struct store *store, const struct transmission *t)
{
    return t->has_frame && t->node_id != 0
               ? store_node_retell(store, t->hash, t->first_ms, &t->frame)
               : STATUS_OK;
}

static enum status derive_transmission(struct store *store, const struct transmission *t)
{
    struct store_record *record = &store->record;
    struct store_text text;
    int64_t channel_id = 0;
    enum status status = store_batch_make_room(store);
    if (status == STATUS_OK && t->has_frame && t->type == MESHCORE_GRP_TXT)
        status = store_text_open(store, &t->frame, t->first_ms, &text, &channel_id);
    if (status == STATUS_OK && channel_id != 0)
        status = store_message_insert(store, t->id, channel_id, &text);
    if (status == STATUS_OK)
        status = retell(store, t);
    if (status != STATUS_OK)
        return status;
    if (channel_id != 0)
        record->channel = (struct delta){
            .id = channel_id, .count = 1, .first_ms = t->first_ms, .last_ms = t->last_ms};
    const bool is_shared = t->has_frame && meshcore_frame_is_share_contact(&t->frame);
    record->origins[0] = (struct store_origin){
        .sign = 1, .node_id = is_shared ? 0 : t->node_id, .first_ms = t->first_ms, .type = t->type};
    record->origin_count = 1;
    store_batch_merge(store);
    return STATUS_OK;
}

/* --- its observations ------------------------------------------------------------------------- */

struct observation {
    int64_t id;
    struct store_reception reception;
};

static void read_observation(const struct statement *row, const struct transmission *t,
                             struct observation *out)
{
    struct store_reception *r = &out->reception;
    out->id = store_reception_read(row, t->type, t->node_id, r);
    r->sign = 1;
}

static enum status derive_scope(struct store *store, struct rebuild *rebuild,
                                struct transmission *t, const struct observation *o)
{
    int64_t scope_id = 0;
    const int32_t code = o->reception.scope_code;
    if (code == STORE_NO_SCOPE || !t->has_frame)
        return STATUS_OK;
    enum status status = store_scope_match(store, &t->frame, code, &t->scopes, &scope_id);
    if (status == STATUS_OK && scope_id != 0 && t->node_id != 0)
        status = store_scope_node(store, t->node_id, scope_id, o->reception.receipt_ms);
    if (status != STATUS_OK || scope_id == o->reception.scope_id)
        return status;
    bind_int(&rebuild->scope, 1, o->id);
    if (scope_id != 0)
        bind_int(&rebuild->scope, 2, scope_id);
    return statement_run(&rebuild->scope);
}

static enum status derive_observation(struct store *store, struct rebuild *rebuild,
                                      struct transmission *t, const struct observation *o)
{
    enum status status = store_batch_make_room(store);
    if (status == STATUS_OK)
        status = derive_scope(store, rebuild, t, o);
    if (status != STATUS_OK)
        return status;
    const int64_t receipt_ms = o->reception.receipt_ms;
    const bool is_first = receipt_ms / ROLLUP_HOUR_MS == t->first_ms / ROLLUP_HOUR_MS;
    store_hours_note(store, receipt_ms, o->id, is_first ? t->id : 0);
    store->record.receptions[0] = o->reception;
    store->record.reception_count = 1;
    store_batch_merge(store);
    return STATUS_OK;
}

static enum status derive_observations(struct store *store, struct rebuild *rebuild,
                                       struct transmission *t)
{
    struct statement *const row = &rebuild->observations;
    bind_int(row, 1, t->id);
    enum status status;
    while ((status = statement_row(row)) == STATUS_OK) {
        struct observation observation;
        read_observation(row, t, &observation);
        if (observation.reception.hash_size != 0)
            status = derive_observation(store, rebuild, t, &observation);
        if (status != STATUS_OK)
            break;
    }
    statement_done(row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- all -------------------------------------------------------------------------------------- */

/* Of nodes: only what they say of themselves, from the adverts alone. */
static enum status walk(struct store *store, struct rebuild *rebuild, bool is_of_nodes,
                        const struct store_rebuild_progress *progress, int64_t total)
{
    struct statement *const row = is_of_nodes ? &rebuild->adverts : &rebuild->transmissions;
    int64_t done = 0;
    enum status status;
    while ((status = statement_row(row)) == STATUS_OK) {
        struct transmission transmission;
        read_transmission(row, &transmission);
        if (is_of_nodes)
            status = retell(store, &transmission);
        else
            status = derive_transmission(store, &transmission);
        if (status == STATUS_OK && !is_of_nodes)
            status = derive_observations(store, rebuild, &transmission);
        if (++done % REPORT_EVERY == 0 && progress != NULL)
            progress->report(progress->context, done, total);
        if (status != STATUS_OK)
            break;
    }
    statement_done(row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status rebuild_rows(struct store *store, struct rebuild *rebuild,
                                const struct store_rebuild_progress *progress)
{
    enum status status = statement_row(&rebuild->total);
    if (status != STATUS_OK)
        return status;
    const int64_t total = column_int(&rebuild->total, 0);
    const int64_t retained_ms = column_int(&rebuild->total, 1);
    statement_done(&rebuild->total);
    const int64_t from_hour = (retained_ms + ROLLUP_HOUR_MS - 1) / ROLLUP_HOUR_MS;
    struct store_slice whole = {.until = INT64_MAX, .rows_max = INT64_MAX};
    bool is_settled = false;
    store_derive_from(store, from_hour);
    status = store_late_settle(store, &whole, &is_settled);
    if (status == STATUS_OK)
        status = run_all(store, of_nodes, ARRAY_LEN(of_nodes), 0);
    if (status == STATUS_OK)
        status = run_all(store, before, ARRAY_LEN(before), from_hour);
    if (status == STATUS_OK)
        status = walk(store, rebuild, false, progress, total);
    if (status == STATUS_OK)
        status = store_batch_write(store);
    store_derive_from(store, 0);
    store_batch_clear(store);
    if (status == STATUS_OK)
        status = store_late_recount(store, from_hour);
    if (status == STATUS_OK)
        status = run_all(store, after, ARRAY_LEN(after), SCHEMA_DERIVED);
    if (status == STATUS_OK && progress != NULL)
        progress->report(progress->context, total, total);
    return status;
}

static enum status rebuild_nodes(struct store *store, struct rebuild *rebuild,
                                 const struct store_rebuild_progress *progress)
{
    int64_t total = 0;
    enum status status = statement_number(&rebuild->total, &total);
    if (status == STATUS_OK)
        status = run_all(store, of_nodes, ARRAY_LEN(of_nodes), 0);
    if (status == STATUS_OK)
        status = walk(store, rebuild, true, progress, total);
    return status == STATUS_OK ? run_once(store, set_derived, SCHEMA_DERIVED) : status;
}

static enum status prepare_and_rebuild(struct store *store, bool is_of_nodes,
                                       const struct store_rebuild_progress *progress)
{
    struct rebuild rebuild = blank;
    struct statement *const all = &rebuild.total;
    const size_t count = sizeof rebuild / sizeof(struct statement);
    enum status status = statements_prepare(&store->connection, all, count, NULL);
    if (status == STATUS_OK)
        status = is_of_nodes ? rebuild_nodes(store, &rebuild, progress)
                             : rebuild_rows(store, &rebuild, progress);
    statements_finalize(all, count);
    return status;
}

/* Some of the statements look at every observation, for minutes on a slow disk. */
static int show_life(void *context)
{
    const struct store *store = context;
    IGNORE(store->progress(store->progress_context), "a rebuild is not interrupted");
    return 0;
}

static void watch(struct store *store, bool is_on)
{
    const bool has_watcher = is_on && store->progress != NULL;
    sqlite3_progress_handler(store->connection.db, has_watcher ? PROGRESS_OPCODES : 0,
                             has_watcher ? show_life : NULL, store);
}

static enum status rebuild(struct store *store, bool is_of_nodes,
                           const struct store_rebuild_progress *progress)
{
    store_forget(store);
    enum status status = store_begin(store, true);
    if (status != STATUS_OK)
        return status;
    watch(store, true);
    status = prepare_and_rebuild(store, is_of_nodes, progress);
    if (status == STATUS_OK)
        status = store_commit(store);
    else
        store_rollback(store);
    watch(store, false);
    store_forget(store); /* channels and scopes may have gone */
    if (status == STATUS_OK)
        store_meta_set_derived(store);
    return status;
}

enum status store_rebuild(struct store *store, const struct store_rebuild_progress *progress)
{
    return rebuild(store, false, progress);
}

enum status store_catch_up(struct store *store)
{
    return rebuild(store, store_meta_derived(store) == DERIVED_ALL_BUT_NODES, NULL);
}
