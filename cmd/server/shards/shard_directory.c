/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_directory.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/shard_counts.h"

#include <stdlib.h>
#include <string.h>

/* Bounded as the ingestors' tables are (maxNodes, maxObservers, each some times). */
static const char SQL_NODES[] =
    "SELECT pubkey, argMax(name, (name_time, name)),"
    " argMax(role, (role_time, coalesce(role, 0))),"
    " argMax(lat, (position_time, coalesce(lat, 0.), coalesce(lon, 0.))),"
    " argMax(lon, (position_time, coalesce(lat, 0.), coalesce(lon, 0.))),"
    " min(first_ms), max(last_ms), max(last_relayed_ms), max(advert_time),"
    " argMax(battery_mv, (telemetry_time, coalesce(battery_mv, 0))),"
    " argMax(temperature_c, (telemetry_time, coalesce(temperature_c, 0.))), max(telemetry_time),"
    " argMax(scope, (scope_ms, scope)), max(scope_ms),"
    " argMax(is_foreign, (position_time, is_foreign)), min(is_inactive)"
    " FROM nodes GROUP BY pubkey LIMIT 200000 FORMAT RowBinary";

#define NEWEST(column)        "argMax(" #column ", (" #column "_ms, coalesce(" #column ", ''))), "
#define NEWEST_NUMBER(column) "argMax(" #column ", (" #column "_ms, coalesce(" #column ", 0.))), "

static const char SQL_OBSERVERS[] =
    "SELECT id, any(identity), argMax(name, (name_ms, name)), argMax(iata, (iata_ms, iata)), " NEWEST(
        model) NEWEST(firmware) NEWEST(client_version)
        NEWEST(radio) "min(first_ms), max(last_ms), max(last_packet_ms), max(status_ms), " NEWEST_NUMBER(
            battery_mv) NEWEST_NUMBER(uptime_secs)
            NEWEST_NUMBER(
                noise_floor) "argMax(can_relay, (can_relay_ms, coalesce(can_relay, 0))),"
                             " argMax(skew_s, (skew_ms, coalesce(skew_s, 0))), max(skew_ms), min(is_inactive)"
                             " FROM observers GROUP BY id LIMIT 100000 FORMAT RowBinary";

struct reading {
    struct directory *d;
    struct shard_rows rows;
    const struct shard_counts *counts;
    struct shard_ids *ids;
    size_t node_cap, observer_cap;
    bool has_no_memory;
};

/* --- values ----------------------------------------------------------------------------------- */

static int64_t int_or(struct rowbinary_reader *rows, int64_t otherwise)
{
    return rowbinary_read_is_null(rows) ? otherwise : rowbinary_read_i64(rows);
}

static int small_or(struct rowbinary_reader *rows, int otherwise)
{
    return rowbinary_read_is_null(rows) ? otherwise : rowbinary_read_u8(rows);
}

static const char *keep(struct reading *r, struct rowbinary_text text)
{
    const char *kept = directory_keep(r->d, text.bytes, text.len);
    r->has_no_memory |= kept == NULL;
    return kept != NULL ? kept : "";
}

static const char *text_of(struct reading *r)
{
    return keep(r, rowbinary_read_string(&r->rows.row));
}

static const char *text_or_none(struct reading *r)
{
    return rowbinary_read_is_null(&r->rows.row) ? "" : text_of(r);
}

/* --- scopes ----------------------------------------------------------------------------------- */

static int64_t scope_id(struct reading *r, const char *name)
{
    struct directory *d = r->d;
    if (*name == '\0')
        return 0;
    for (size_t i = 0; i < d->scope_count; i++) {
        if (strcmp(d->scopes[i].name, name) == 0)
            return d->scopes[i].id;
    }
    struct scope *longer = realloc(d->scopes, (d->scope_count + 1) * sizeof *longer);
    r->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return 0;
    d->scopes = longer;
    d->scopes[d->scope_count] = (struct scope){shard_scope_named(r->ids, name), name};
    return d->scopes[d->scope_count++].id;
}

static void add_regions(struct reading *r, const struct config *config)
{
    for (size_t i = 0; i < config->hash_regions.count; i++) {
        const char *name = config->hash_regions.items[i];
        (void)scope_id(r, keep(r, (struct rowbinary_text){name, strlen(name)}));
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

static void read_node(struct reading *r)
{
    struct directory *d = r->d;
    struct rowbinary_reader *rows = &r->rows.row;
    struct node *longer = grow(d->nodes, d->node_count, &r->node_cap, sizeof *longer);
    r->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return;
    d->nodes = longer;
    struct node *n = &d->nodes[d->node_count];
    *n = (struct node){.id = 0};
    const struct rowbinary_text key = rowbinary_read_bytes(rows, NODE_KEY_BYTES);
    if (key.len == NODE_KEY_BYTES)
        memcpy(n->key, key.bytes, NODE_KEY_BYTES);
    n->id = shard_ids_of(r->ids, SHARD_NODE, shard_number(n->key));
    n->name = text_of(r);
    n->role = small_or(rows, -1);
    n->lat = shard_read_real(rows);
    n->lon = shard_read_real(rows);
    n->first_ms = rowbinary_read_i64(rows);
    n->advert_ms = int_or(rows, DIRECTORY_NEVER);
    n->relayed_ms = int_or(rows, DIRECTORY_NEVER);
    n->heard_ms = n->advert_ms > n->relayed_ms ? n->advert_ms : n->relayed_ms;
    n->advert_time = rowbinary_read_i64(rows);
    n->battery_mv = int_or(rows, DIRECTORY_UNKNOWN);
    n->temperature_c = shard_read_real(rows);
    n->telemetry_time = rowbinary_read_i64(rows);
    n->scope_id = scope_id(r, text_of(r));
    n->scope_ms = rowbinary_read_i64(rows);
    n->is_foreign = rowbinary_read_u8(rows) != 0;
    n->is_inactive = rowbinary_read_u8(rows) != 0;
    n->advert_count = shard_counts_of(r->counts, COUNTED_ADVERTS, shard_number(n->key));
    d->node_count += !rows->is_failed;
}

static void read_observer(struct reading *r)
{
    struct directory *d = r->d;
    struct rowbinary_reader *rows = &r->rows.row;
    struct observer *longer =
        grow(d->observers, d->observer_count, &r->observer_cap, sizeof *longer);
    r->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return;
    d->observers = longer;
    struct observer *o = &d->observers[d->observer_count];
    *o = (struct observer){.id = 0};
    const uint64_t number = rowbinary_read_u64(rows);
    o->id = shard_ids_of(r->ids, SHARD_OBSERVER, number);
    o->identity = text_of(r);
    o->name = text_of(r);
    o->iata = text_of(r);
    o->model = text_or_none(r);
    o->firmware = text_or_none(r);
    o->client_version = text_or_none(r);
    o->radio = text_or_none(r);
    o->first_ms = rowbinary_read_i64(rows);
    o->heard_ms = int_or(rows, DIRECTORY_NEVER);
    o->packet_ms = int_or(rows, DIRECTORY_NEVER);
    const int64_t status_ms = rowbinary_read_i64(rows);
    o->status_ms = status_ms > 0 ? status_ms : DIRECTORY_NEVER;
    o->status_count = status_ms > 0; /* whether any came: all that is asked of it */
    o->battery_mv = shard_read_real(rows);
    o->uptime_secs = shard_read_real(rows);
    o->noise_floor = shard_read_real(rows);
    o->can_relay = small_or(rows, -1);
    o->skew_s = int_or(rows, DIRECTORY_UNKNOWN);
    o->skew_ms = rowbinary_read_i64(rows);
    o->is_inactive = rowbinary_read_u8(rows) != 0;
    o->packet_count = shard_counts_of(r->counts, COUNTED_OBSERVATIONS, number);
    d->observer_count += !rows->is_failed;
}

/* False = the question failed. */
static bool read_all(struct reading *r, struct shard_question *question, const char *sql,
                     void (*read)(struct reading *r))
{
    if (!shard_ask(question, sql))
        return false;
    r->rows = shard_rows(question);
    while (!r->has_no_memory && shard_rows_next(&r->rows))
        read(r);
    return !r->has_no_memory && shard_rows_end(&r->rows);
}

struct directory *shard_directory_read(void *context, const struct config *config)
{
    struct asking *asking = context;
    struct shard_question *question = asking->shards->question;
    struct reading r = {.d = directory_new(),
                        .counts = shards_counts(asking->model->shards),
                        .ids = shards_ids(asking->model->shards)};
    if (r.d == NULL) {
        shard_counts_unref(r.counts);
        return NULL;
    }
    add_regions(&r, config);
    if (read_all(&r, question, SQL_NODES, read_node) &&
        read_all(&r, question, SQL_OBSERVERS, read_observer) && directory_finish(r.d, config)) {
        r.d->missing = shards_missing_bits(question);
        shard_counts_unref(r.counts);
        return r.d;
    }
    shard_counts_unref(r.counts);
    shard_question_fail(question);
    directory_free(r.d);
    return NULL;
}
