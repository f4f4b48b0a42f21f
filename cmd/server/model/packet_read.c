/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/packet_read.h"

#include "cmd/server/model/asking.h"
#include "common/db/schema.h"

#include <string.h>

static const char SQL_BEST[] = "SELECT " PACKET_COLUMNS ", " PACKET_OBSERVATION_COLUMNS
                               " FROM transmissions t CROSS JOIN observations o"
                               " ON " PACKET_BEST_OBSERVATION " WHERE t.id = ?1";
static const char SQL_SHOWN[] = "SELECT " PACKET_COLUMNS ", " PACKET_OBSERVATION_COLUMNS
                                " FROM transmissions t CROSS JOIN observations o ON o.id = ?2"
                                " WHERE t.id = ?1 AND o.transmission_id = ?1";
static const char SQL_SAMPLE[] = "SELECT hash FROM transmissions WHERE id = ?1";
static const char SQL_HASH[] = "SELECT id FROM transmissions WHERE " SCHEMA_IS_HASH("?1");
static const char SQL_OBSERVATION[] = "SELECT transmission_id FROM observations WHERE id = ?1";
static const char SQL_OBSERVATIONS[] =
    "SELECT " PACKET_OBSERVATION_COLUMNS
    " FROM " SCHEMA_OBSERVATIONS_OF("?1") " ORDER BY o.id LIMIT ?2";
static const char SQL_BY_TIME[] =
    "SELECT " PACKET_OBSERVATION_COLUMNS
    " FROM " SCHEMA_OBSERVATIONS_OF("?1") " ORDER BY o.receipt_ms, o.id LIMIT ?2";

static size_t copy_blob(const struct statement *row, int column, uint8_t *out, size_t cap)
{
    const void *bytes = sqlite3_column_blob(row->handle, column); /* NULL when empty */
    const size_t len = min_size((size_t)sqlite3_column_bytes(row->handle, column), cap);
    if (bytes != NULL)
        memcpy(out, bytes, len);
    return bytes != NULL ? len : 0;
}

void packet_read_columns(const struct statement *row, int column, struct packet *out)
{
    out->id = column_int(row, column);
    memset(out->hash, 0, sizeof out->hash);
    (void)copy_blob(row, column + 1, out->hash, sizeof out->hash);
    out->type = (uint8_t)column_int(row, column + 2);
    out->route = (uint8_t)column_int(row, column + 3);
    out->observation_count = column_int(row, column + 4);
    out->first_ms = column_int(row, column + 5);
    out->last_ms = column_int(row, column + 6);
    out->is_forged = column_int(row, column + 7) != 0;
    out->raw_len = (uint8_t)copy_blob(row, column + 8, out->raw, sizeof out->raw);
}

void packet_read_observation_columns(const struct statement *row, int column,
                                     const struct packet *packet, struct packet_observation *out)
{
    out->id = column_int(row, column);
    out->observer_id = column_int(row, column + 1);
    out->is_tx = column_int(row, column + 2) != 0;
    out->path_size = (uint8_t)column_int(row, column + 3);
    out->path_len = (uint8_t)copy_blob(row, column + 4, out->path, sizeof out->path);
    out->snr = column_real(row, column + 5);
    out->rssi = column_real(row, column + 6);
    out->receipt_ms = column_int(row, column + 7);
    const int64_t route = column_int(row, column + 8);
    out->route = route >= 0 ? (uint8_t)route : packet->route;
    out->scope_code = (int32_t)column_int(row, column + 9);
    out->scope_id = column_int(row, column + 10);
}

static bool read_one(struct statement *statement, struct packet *out,
                     struct packet_observation *out_shown)
{
    if (statement_row(statement) != STATUS_OK)
        return false;
    packet_read_columns(statement, 0, out);
    packet_read_observation_columns(statement, PACKET_COLUMN_COUNT, out, out_shown);
    statement_done(statement);
    return true;
}

bool packet_read_best(struct asking *asking, int64_t transmission_id, struct packet *out,
                      struct packet_observation *out_shown)
{
    if (asking->model->engine != NULL)
        return asking->model->engine->packet(asking, transmission_id, 0, out, out_shown);
    struct statement *best = reader_statement(asking->reader, SQL_BEST);
    if (best == NULL)
        return false;
    bind_int(best, 1, transmission_id);
    return read_one(best, out, out_shown);
}

bool packet_read_shown(struct asking *asking, int64_t transmission_id, int64_t observation_id,
                       struct packet *out, struct packet_observation *out_shown)
{
    if (asking->model->engine != NULL)
        return asking->model->engine->packet(asking, transmission_id, observation_id, out,
                                             out_shown);
    struct statement *shown = reader_statement(asking->reader, SQL_SHOWN);
    if (shown == NULL)
        return false;
    bind_int(shown, 1, transmission_id);
    bind_int(shown, 2, observation_id);
    return read_one(shown, out, out_shown);
}

static int64_t find(struct statement *statement)
{
    int64_t id;
    return statement_number(statement, &id) == STATUS_OK ? id : 0;
}

bool packet_sample_hash(struct asking *asking, int64_t transmission_id,
                        uint8_t out[static MESHCORE_HASH_BYTES])
{
    if (asking->model->engine != NULL) { /* its I4 */
        for (size_t i = 0; i < MESHCORE_HASH_BYTES; i++)
            out[i] = (uint8_t)((uint64_t)transmission_id >> (56 - 8 * i));
        return true;
    }
    struct statement *row = reader_statement(asking->reader, SQL_SAMPLE);
    if (row == NULL)
        return false;
    bind_int(row, 1, transmission_id);
    const bool is_there = statement_row(row) == STATUS_OK;
    if (is_there)
        memcpy(out, sqlite3_column_blob(row->handle, 0), MESHCORE_HASH_BYTES);
    statement_done(row);
    return is_there;
}

int64_t packet_find_hash(struct asking *asking, const uint8_t hash[static MESHCORE_HASH_BYTES])
{
    if (asking->model->engine != NULL)
        return asking->model->engine->find_hash(asking, hash);
    struct statement *statement = reader_statement(asking->reader, SQL_HASH);
    if (statement == NULL)
        return 0;
    bind_blob(statement, 1, hash, MESHCORE_HASH_BYTES);
    return find(statement);
}

void packet_prefetch(struct asking *asking, const uint8_t *hashes, size_t count)
{
    if (asking->model->engine != NULL && count > 0)
        asking->model->engine->prefetch(asking, hashes, count);
}

int64_t packet_find_observation(struct asking *asking, int64_t observation_id)
{
    if (asking->model->engine != NULL)
        return 0; /* it has no index of them */
    struct statement *statement = reader_statement(asking->reader, SQL_OBSERVATION);
    if (statement == NULL)
        return 0;
    bind_int(statement, 1, observation_id);
    return find(statement);
}

static size_t each_of(struct asking *asking, const char *sql, const struct packet *packet,
                      packet_each each, void *context)
{
    if (asking->model->engine != NULL)
        return asking->model->engine->observations(asking, packet, each, context);
    struct statement *all = reader_statement(asking->reader, sql);
    if (all == NULL)
        return 0;
    bind_int(all, 1, packet->id);
    bind_int(all, 2, PACKET_OBSERVATIONS_MAX);
    size_t count = 0;
    for (; statement_row(all) == STATUS_OK; count++) {
        struct packet_observation seen;
        packet_read_observation_columns(all, 0, packet, &seen);
        each(context, &seen);
    }
    return count;
}

size_t packet_each_observation(struct asking *asking, const struct packet *packet, packet_each each,
                               void *context)
{
    return each_of(asking, SQL_OBSERVATIONS, packet, each, context);
}

size_t packet_each_by_time(struct asking *asking, const struct packet *packet, packet_each each,
                           void *context)
{
    return each_of(asking, SQL_BY_TIME, packet, each, context);
}
