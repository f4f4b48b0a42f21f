/* SPDX-License-Identifier: MIT */
#include "common/why/why_file.h"

#include "common/base/clock.h"
#include "common/db/schema.h"

#include <string.h>

/* --- statements ------------------------------------------------------------------------------- */

static const char SQL_PACKET[] =
    "SELECT id, observation_count, first_ms, last_ms FROM transmissions WHERE " SCHEMA_IS_HASH(
        "?1");
static const char SQL_OBSERVER[] =
    "SELECT identity, name, first_ms, last_ms, packet_count FROM observers WHERE identity = ?1";
/* Two of them: then it is no question about one. */
static const char SQL_NODE[] =
    "SELECT public_key, name, first_ms, last_heard_ms, advert_count FROM nodes"
    " WHERE public_key BETWEEN ?1 AND ?2 ORDER BY public_key LIMIT 2";
static const char SQL_DROPPED[] =
    "SELECT reason, observer, node_key, first_ms, last_ms FROM dropped_packets WHERE hash = ?1"
    " ORDER BY id DESC LIMIT 1";

#define ROW_COLUMNS                                                                                \
    "SELECT receipt_ms, source, observer, hash, node, rule, config_key, topic, bytes, records"     \
    " FROM refusals WHERE "
#define NEWEST_ROWS " ORDER BY receipt_ms DESC, id DESC LIMIT ?5"
/* ?1 hash, ?2 observer, ?3 node, ?4 how many bytes of it; NULL = not asked for. */
static const char SQL_ROWS_OF_ALL[] =
    ROW_COLUMNS "(?1 IS NULL OR hash = ?1) AND (?2 IS NULL OR observer = ?2)"
                " AND (?3 IS NULL OR substr(node, 1, ?4) = ?3)" NEWEST_ROWS;
static const char SQL_ROWS_OF_ANY[] =
    ROW_COLUMNS "(hash = ?1 OR observer = ?2 OR substr(node, 1, ?4) = ?3)" NEWEST_ROWS;

/* Before refused_from_ms rows are missing; where the clock was ahead once, before the oldest. */
static const char SQL_BOUNDS[] =
    "SELECT refused_from_ms, (SELECT receipt_ms FROM refusals ORDER BY id LIMIT 1), transmissions,"
    " retained_from_ms FROM meta WHERE id = 1";
static const char SQL_COUNTS[] =
    "SELECT rule, sum(records), sum(noted) FROM refusal_hours WHERE hour >= ?1 GROUP BY rule"
    " ORDER BY rule LIMIT 100";

static struct statement *prepared(void *context, const char *sql)
{
    const struct why_file *file = context;
    return file->statement(file->context, sql);
}

static int64_t int_of(const struct statement *row, int column)
{
    return column_is_null(row, column) ? WHY_UNKNOWN : column_int(row, column);
}

static const char *text_of(const struct statement *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row->handle, column);
    return text != NULL ? text : "";
}

static const uint8_t *bytes_of(const struct statement *row, int column, size_t *out_len)
{
    const uint8_t *bytes = sqlite3_column_blob(row->handle, column);
    const int len = sqlite3_column_bytes(row->handle, column);
    *out_len = bytes != NULL && len > 0 ? (size_t)len : 0;
    return bytes;
}

/* --- is it stored? ---------------------------------------------------------------------------- */

static bool find_packet(void *context, const uint8_t *hash, struct why_packet *out)
{
    struct statement *row = prepared(context, SQL_PACKET);
    if (row == NULL)
        return false;
    bind_blob(row, 1, hash, WHY_HASH_BYTES);
    if (statement_row(row) != STATUS_OK)
        return false;
    *out = (struct why_packet){.id = column_int(row, 0),
                               .observations = column_int(row, 1),
                               .first_ms = column_int(row, 2),
                               .last_ms = int_of(row, 3)};
    statement_done(row);
    return true;
}

static bool find_observer(void *context, const char *identity, struct why_observer *out)
{
    const struct why_file *file = context;
    struct statement *row = prepared(context, SQL_OBSERVER);
    if (row == NULL)
        return false;
    bind_text(row, 1, identity);
    if (statement_row(row) != STATUS_OK)
        return false;
    copy_column(out->identity, sizeof out->identity, row, 0);
    copy_column(out->name, sizeof out->name, row, 1);
    out->first_ms = column_int(row, 2);
    out->last_ms = int_of(row, 3);
    out->packets = column_int(row, 4);
    statement_done(row);
    return file->is_hidden_observer == NULL ||
           !file->is_hidden_observer(file->context, out->identity);
}

static bool find_node(void *context, const uint8_t *key, size_t len, struct why_node *out)
{
    const struct why_file *file = context;
    struct statement *row = prepared(context, SQL_NODE);
    uint8_t last[WHY_KEY_BYTES];
    size_t found = 0;
    if (row == NULL)
        return false;
    memset(last, 0xff, sizeof last);
    memcpy(last, key, len);
    bind_blob(row, 1, key, len);
    bind_blob(row, 2, last, sizeof last);
    if (statement_row(row) != STATUS_OK)
        return false;
    const uint8_t *whole = bytes_of(row, 0, &found);
    if (found == WHY_KEY_BYTES)
        memcpy(out->key, whole, sizeof out->key);
    copy_column(out->name, sizeof out->name, row, 1);
    out->first_ms = column_int(row, 2);
    out->heard_ms = int_of(row, 3);
    out->adverts = column_int(row, 4);
    if (statement_row(row) == STATUS_OK) {
        statement_done(row);
        return false;
    }
    return found == WHY_KEY_BYTES &&
           (file->is_hidden_node == NULL || !file->is_hidden_node(file->context, out->key));
}

/* --- refusals --------------------------------------------------------------------------------- */

static void bind_question(struct statement *rows, const struct why_query *query)
{
    if (query->has_hash)
        bind_blob(rows, 1, query->hash, sizeof query->hash);
    if (query->has_observer)
        bind_text(rows, 2, query->observer);
    if (query->node_len > 0)
        bind_blob(rows, 3, query->node, query->node_len);
    bind_int(rows, 4, (int64_t)query->node_len);
    bind_int(rows, 5, (int64_t)query->rows_max + 1);
}

static void tell_rows(void *context, const struct why_query *query, why_row_told told, void *to)
{
    struct statement *row = prepared(context, query->is_any ? SQL_ROWS_OF_ANY : SQL_ROWS_OF_ALL);
    if (row == NULL)
        return;
    bind_question(row, query);
    while (statement_row(row) == STATUS_OK) {
        struct why_row is = {.receipt_ms = column_int(row, 0),
                             .source = text_of(row, 1),
                             .observer = text_of(row, 2),
                             .rule = text_of(row, 5),
                             .option = text_of(row, 6),
                             .topic = text_of(row, 7),
                             .bytes = int_of(row, 8),
                             .messages = column_int(row, 9)};
        is.hash = bytes_of(row, 3, &is.hash_len);
        is.node = bytes_of(row, 4, &is.node_len);
        told(to, &is);
    }
}

static void tell_dropped(void *context, const uint8_t *hash, why_dropped_told told, void *to)
{
    struct statement *row = prepared(context, SQL_DROPPED);
    if (row == NULL)
        return;
    bind_blob(row, 1, hash, WHY_HASH_BYTES);
    if (statement_row(row) != STATUS_OK)
        return;
    struct why_dropped is = {.reason = text_of(row, 0),
                             .observer = text_of(row, 1),
                             .first_ms = column_int(row, 3),
                             .last_ms = column_int(row, 4)};
    is.node = bytes_of(row, 2, &is.node_len);
    told(to, &is);
    statement_done(row);
}

static void tell_bounds(void *context, int64_t now_ms, struct why_bounds *out)
{
    struct statement *row = prepared(context, SQL_BOUNDS);
    if (row == NULL || statement_row(row) != STATUS_OK)
        return;
    const int64_t oldest_ms = column_is_null(row, 1) ? now_ms : column_int(row, 1);
    out->from_ms = column_int(row, 0) < oldest_ms ? column_int(row, 0) : oldest_ms;
    out->transmissions = column_int(row, 2);
    out->retained_from_ms = column_int(row, 3);
    statement_done(row);
}

static bool tell_counts(void *context, int64_t from_hour, why_count_told told, void *to)
{
    struct statement *row = prepared(context, SQL_COUNTS);
    if (row == NULL)
        return false;
    bind_int(row, 1, from_hour);
    while (statement_row(row) == STATUS_OK)
        told(to, text_of(row, 0), column_int(row, 1), column_int(row, 2));
    return true;
}

struct why_source why_file_source(struct why_file *file)
{
    return (struct why_source){.context = file,
                               .packet = find_packet,
                               .observer = find_observer,
                               .node = find_node,
                               .rows = tell_rows,
                               .dropped = tell_dropped,
                               .bounds = tell_bounds,
                               .counts = tell_counts};
}
