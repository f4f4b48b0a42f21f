/* SPDX-License-Identifier: MIT */
#include "common/why/why.h"

#include "common/base/hex.h"
#include "common/base/utf8.h"
#include "common/db/schema.h"
#include "common/ring/refusal.h"

#include <inttypes.h>
#include <stdio.h>
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
/* ?1 hash, ?2 observer, ?3 node, ?4 how many bytes of it; NULL = not asked for. */
static const char SQL_ROWS_OF_ALL[] =
    ROW_COLUMNS "(?1 IS NULL OR hash = ?1) AND (?2 IS NULL OR observer = ?2)"
                " AND (?3 IS NULL OR substr(node, 1, ?4) = ?3) ORDER BY id DESC LIMIT ?5";
static const char SQL_ROWS_OF_ANY[] =
    ROW_COLUMNS "hash = ?1 OR observer = ?2 OR substr(node, 1, ?4) = ?3 ORDER BY id DESC LIMIT ?5";

/* Before refused_from_ms rows are missing; where the clock was ahead once, before the oldest. */
static const char SQL_BOUNDS[] =
    "SELECT refused_from_ms, (SELECT receipt_ms FROM refusals ORDER BY id LIMIT 1), transmissions,"
    " retained_from_ms FROM meta WHERE id = 1";
static const char SQL_COUNTS[] =
    "SELECT rule, sum(records), sum(noted) FROM refusal_hours WHERE hour >= ?1 GROUP BY rule"
    " ORDER BY rule LIMIT 100";

#define COUNT_DAYS 7 /* refusal_hours holds so many */

/* --- the question ----------------------------------------------------------------------------- */

bool why_ask_hash(struct why_query *query, const char *text)
{
    size_t len = 0;
    uint8_t hash[WHY_HASH_BYTES];
    if (!hex_decode(text, strlen(text), hash, sizeof hash, &len) || len != sizeof hash)
        return false;
    memcpy(query->hash, hash, sizeof hash);
    query->has_hash = true;
    return true;
}

bool why_ask_observer(struct why_query *query, const char *text)
{
    const size_t len = strlen(text);
    if (len == 0 || len > WHY_OBSERVER_MAX)
        return false;
    utf8_clean(query->observer, sizeof query->observer, (const uint8_t *)text, len);
    query->has_observer = true;
    return true;
}

bool why_ask_node(struct why_query *query, const char *text)
{
    size_t len = 0;
    uint8_t key[WHY_KEY_BYTES];
    if (!hex_decode(text, strlen(text), key, sizeof key, &len) || len == 0)
        return false;
    memcpy(query->node, key, len);
    query->node_len = len;
    return true;
}

static bool asks_anything(const struct why_query *query)
{
    return query->has_hash || query->has_observer || query->node_len > 0;
}

/* --- the answer ------------------------------------------------------------------------------- */

struct answer {
    struct json_write *w;
    const struct why_query *query;
    const struct why_source *source;
    int64_t now_ms;
    /* for the verdict */
    int64_t observations;         /* of the packet; 0 = it is not stored */
    int64_t observer_ms, node_ms; /* last heard; INT64_MIN = not known */
    int64_t rows;
    enum refusal newest; /* of the rows */
    char newest_rule[OUTCOME_NAME_BYTES], newest_key[64];
    bool is_dropped; /* its signature */
    int64_t transmissions, retained_from_ms, from_ms, messages, noted;
};

static struct statement *prepared(const struct answer *a, const char *sql)
{
    return a->source->statement(a->source->context, sql);
}

static void write_ms(struct json_write *w, const char *key, const struct statement *row, int column)
{
    if (column_is_null(row, column))
        jw_null(w, key);
    else
        jw_time(w, key, column_int(row, column) * US_PER_MS);
}

static void write_hex(struct json_write *w, const char *key, const struct statement *row,
                      int column)
{
    const uint8_t *bytes = sqlite3_column_blob(row->handle, column);
    const int len = sqlite3_column_bytes(row->handle, column);
    if (bytes == NULL || len <= 0)
        jw_null(w, key);
    else
        jw_hex_lower(w, key, bytes, (size_t)len);
}

static void write_text(struct json_write *w, const char *key, const struct statement *row,
                       int column)
{
    const char *text = (const char *)sqlite3_column_text(row->handle, column);
    jw_string_or_null(w, key, text != NULL ? text : "");
}

static void write_query(struct json_write *w, const struct why_query *query)
{
    jw_object(w, "query");
    if (query->has_hash)
        jw_hex_lower(w, "hash", query->hash, sizeof query->hash);
    if (query->has_observer)
        jw_string(w, "observer", query->observer);
    if (query->node_len > 0)
        jw_hex_lower(w, "node", query->node, query->node_len);
    jw_object_end(w);
}

/* --- is it stored after all? ------------------------------------------------------------------ */

static void find_packet(struct answer *a)
{
    struct statement *row = prepared(a, SQL_PACKET);
    if (row == NULL)
        return;
    bind_blob(row, 1, a->query->hash, sizeof a->query->hash);
    if (statement_row(row) != STATUS_OK) {
        jw_null(a->w, "packet");
        return;
    }
    a->observations = column_int(row, 1);
    jw_object(a->w, "packet");
    jw_int(a->w, "id", column_int(row, 0));
    jw_hex_lower(a->w, "hash", a->query->hash, sizeof a->query->hash);
    jw_int(a->w, "observationCount", column_int(row, 1));
    write_ms(a->w, "firstSeen", row, 2);
    write_ms(a->w, "lastSeen", row, 3);
    jw_object_end(a->w);
    statement_done(row);
}

static void find_observer(struct answer *a)
{
    struct statement *row = prepared(a, SQL_OBSERVER);
    if (row == NULL)
        return;
    bind_text(row, 1, a->query->observer);
    const bool is_found = statement_row(row) == STATUS_OK;
    char identity[WHY_OBSERVER_MAX + 1] = "";
    if (is_found)
        copy_column(identity, sizeof identity, row, 0);
    if (!is_found || (a->source->is_hidden_observer != NULL &&
                      a->source->is_hidden_observer(a->source->context, identity))) {
        jw_null(a->w, "observer");
        if (is_found)
            statement_done(row);
        return;
    }
    a->observer_ms = column_is_null(row, 3) ? column_int(row, 2) : column_int(row, 3);
    jw_object(a->w, "observer");
    jw_string(a->w, "id", identity);
    write_text(a->w, "name", row, 1);
    write_ms(a->w, "firstSeen", row, 2);
    write_ms(a->w, "lastSeen", row, 3);
    jw_int(a->w, "packetCount", column_int(row, 4));
    jw_object_end(a->w);
    statement_done(row);
}

struct known_node {
    uint8_t key[WHY_KEY_BYTES];
    char name[WHY_OBSERVER_MAX + 1];
    int64_t first_ms, heard_ms, adverts;
};

/* False: there is none of this prefix, or more than one, or nobody shall see it. */
static bool read_node(const struct answer *a, struct known_node *out)
{
    struct statement *row = prepared(a, SQL_NODE);
    if (row == NULL)
        return false;
    uint8_t last[WHY_KEY_BYTES];
    memset(last, 0xff, sizeof last);
    memcpy(last, a->query->node, a->query->node_len);
    bind_blob(row, 1, a->query->node, a->query->node_len);
    bind_blob(row, 2, last, sizeof last);
    const uint8_t *key = NULL;
    if (statement_row(row) != STATUS_OK)
        return false;
    if (sqlite3_column_bytes(row->handle, 0) == WHY_KEY_BYTES)
        key = sqlite3_column_blob(row->handle, 0);
    if (key != NULL)
        memcpy(out->key, key, sizeof out->key);
    copy_column(out->name, sizeof out->name, row, 1);
    out->first_ms = column_int(row, 2);
    out->heard_ms = column_is_null(row, 3) ? INT64_MIN : column_int(row, 3);
    out->adverts = column_int(row, 4);
    if (statement_row(row) == STATUS_OK) {
        statement_done(row);
        return false;
    }
    return key != NULL && (a->source->is_hidden_node == NULL ||
                           !a->source->is_hidden_node(a->source->context, out->key));
}

static void find_node(struct answer *a)
{
    struct known_node node = {.adverts = 0};
    if (!read_node(a, &node)) {
        jw_null(a->w, "node");
        return;
    }
    a->node_ms = node.heard_ms != INT64_MIN ? node.heard_ms : node.first_ms;
    jw_object(a->w, "node");
    jw_hex_lower(a->w, "publicKey", node.key, sizeof node.key);
    jw_string_or_null(a->w, "name", node.name);
    jw_time(a->w, "firstSeen", node.first_ms * US_PER_MS);
    if (node.heard_ms == INT64_MIN)
        jw_null(a->w, "lastHeard");
    else
        jw_time(a->w, "lastHeard", node.heard_ms * US_PER_MS);
    jw_int(a->w, "advertCount", node.adverts);
    jw_object_end(a->w);
}

static void write_found(struct answer *a)
{
    jw_object(a->w, "found");
    if (a->query->has_hash)
        find_packet(a);
    if (a->query->has_observer)
        find_observer(a);
    if (a->query->node_len > 0)
        find_node(a);
    jw_object_end(a->w);
}

/* --- what is known of refusals ---------------------------------------------------------------- */

static void write_row(struct answer *a, const struct statement *row)
{
    struct json_write *w = a->w;
    char rule[OUTCOME_NAME_BYTES];
    char option[64];
    copy_column(rule, sizeof rule, row, 5);
    copy_column(option, sizeof option, row, 6);
    const enum refusal refusal = refusal_find(rule, option);
    if (a->rows == 0) {
        a->newest = refusal;
        (void)snprintf(a->newest_rule, sizeof a->newest_rule, "%s", rule);
        (void)snprintf(a->newest_key, sizeof a->newest_key, "%s", option);
    }
    jw_object(w, NULL);
    write_ms(w, "time", row, 0);
    write_text(w, "source", row, 1);
    write_text(w, "observer", row, 2);
    write_hex(w, "hash", row, 3);
    write_hex(w, "node", row, 4);
    jw_string(w, "rule", rule);
    jw_string_or_null(w, "configKey", option);
    jw_string_or_null(w, "reason", refusal != REFUSAL_NONE ? refusal_info(refusal)->sentence : "");
    write_text(w, "topic", row, 7);
    if (column_is_null(row, 8))
        jw_null(w, "bytes");
    else
        jw_int(w, "bytes", column_int(row, 8));
    jw_int(w, "messages", column_int(row, 9));
    jw_object_end(w);
    a->rows++;
}

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

static void write_rows(struct answer *a)
{
    struct statement *row = asks_anything(a->query)
                                ? prepared(a, a->query->is_any ? SQL_ROWS_OF_ANY : SQL_ROWS_OF_ALL)
                                : NULL;
    bool is_truncated = false;
    jw_array(a->w, "rows");
    if (row != NULL) {
        bind_question(row, a->query);
        while (statement_row(row) == STATUS_OK) {
            is_truncated = a->rows >= (int64_t)a->query->rows_max;
            if (is_truncated) {
                statement_done(row);
                break;
            }
            write_row(a, row);
        }
    }
    jw_array_end(a->w);
    jw_bool(a->w, "truncated", is_truncated);
}

/* The audit of adverts whose signature is wrong is one per content, so it knows more of them. */
static void write_dropped(struct answer *a)
{
    struct statement *row = prepared(a, SQL_DROPPED);
    if (row == NULL)
        return;
    bind_blob(row, 1, a->query->hash, sizeof a->query->hash);
    a->is_dropped = statement_row(row) == STATUS_OK;
    if (!a->is_dropped) {
        jw_null(a->w, "droppedPacket");
        return;
    }
    jw_object(a->w, "droppedPacket");
    write_text(a->w, "reason", row, 0);
    write_text(a->w, "observer", row, 1);
    write_hex(a->w, "node", row, 2);
    write_ms(a->w, "firstSeen", row, 3);
    write_ms(a->w, "lastSeen", row, 4);
    jw_object_end(a->w);
    statement_done(row);
}

/* --- what was looked through ------------------------------------------------------------------ */

static void read_bounds(struct answer *a)
{
    struct statement *row = prepared(a, SQL_BOUNDS);
    a->from_ms = a->now_ms;
    if (row == NULL || statement_row(row) != STATUS_OK)
        return;
    const int64_t oldest_ms = column_is_null(row, 1) ? a->now_ms : column_int(row, 1);
    const int64_t counted_from_ms = a->now_ms - COUNT_DAYS * MS_PER_DAY;
    int64_t from_ms = column_int(row, 0);
    if (from_ms > oldest_ms)
        from_ms = oldest_ms;
    if (from_ms < counted_from_ms)
        from_ms = counted_from_ms;
    a->from_ms = from_ms < a->now_ms ? from_ms : a->now_ms;
    a->transmissions = column_int(row, 2);
    a->retained_from_ms = column_int(row, 3);
    statement_done(row);
}

static void write_counts(struct answer *a)
{
    struct statement *row = prepared(a, SQL_COUNTS);
    jw_object(a->w, "counts");
    if (row != NULL) {
        bind_int(row, 1, a->from_ms / MS_PER_HOUR);
        while (statement_row(row) == STATUS_OK) {
            char rule[OUTCOME_NAME_BYTES];
            copy_column(rule, sizeof rule, row, 0);
            jw_key(a->w, rule);
            jw_object(a->w, NULL);
            jw_int(a->w, "messages", column_int(row, 1));
            jw_int(a->w, "rows", column_int(row, 2));
            jw_object_end(a->w);
            a->messages += column_int(row, 1);
            a->noted += column_int(row, 2);
        }
    }
    jw_object_end(a->w);
}

static void write_window(struct answer *a)
{
    write_counts(a);
    jw_object(a->w, "window");
    jw_time(a->w, "from", a->from_ms * US_PER_MS);
    jw_time(a->w, "to", a->now_ms * US_PER_MS);
    jw_bool(a->w, "complete", a->noted >= a->messages);
    jw_object_end(a->w);
    jw_object(a->w, "lookedThrough");
    jw_int(a->w, "transmissions", a->transmissions);
    if (a->retained_from_ms > 0)
        jw_time(a->w, "from", a->retained_from_ms * US_PER_MS);
    else
        jw_null(a->w, "from");
    jw_object_end(a->w);
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void say_refused(const struct answer *a, char *out, size_t cap)
{
    const char *sentence = a->newest != REFUSAL_NONE ? refusal_info(a->newest)->sentence : "";
    (void)snprintf(out, cap, "not stored: %s (%s%s%s)", sentence, a->newest_rule,
                   a->newest_key[0] != '\0' ? ", decided by " : "", a->newest_key);
}

static void say_nothing_known(const struct answer *a, char *out, size_t cap)
{
    char kept[32];
    char since[32];
    const bool all_kept = a->retained_from_ms <= 0;
    (void)snprintf(out, cap,
                   "nothing is known of it: it is none of the %" PRId64 " packets kept%s%s, and of"
                   " the %" PRId64 " messages refused since %s %s",
                   a->transmissions, all_kept ? "" : " since ",
                   all_kept ? "" : clock_rfc3339(a->retained_from_ms * US_PER_MS, kept),
                   a->messages, clock_rfc3339(a->from_ms * US_PER_MS, since),
                   a->noted >= a->messages ? "none is it; perhaps it never came here"
                                           : "only a part left a row");
}

static void say_known(const struct answer *a, char *out, size_t cap)
{
    char seen[32];
    const int64_t ms = a->observer_ms > a->node_ms ? a->observer_ms : a->node_ms;
    (void)snprintf(out, cap, "known, last heard %s%s", clock_rfc3339(ms * US_PER_MS, seen),
                   a->rows > 0 ? "; some of its messages were refused, see rows" : "");
}

static void write_verdict(const struct answer *a)
{
    char text[400];
    if (!asks_anything(a->query))
        (void)snprintf(text, sizeof text, "ask for a hash, an observer or a node");
    else if (a->observations > 0)
        (void)snprintf(text, sizeof text, "stored: heard %" PRId64 " times", a->observations);
    else if (a->observer_ms != INT64_MIN || a->node_ms != INT64_MIN)
        say_known(a, text, sizeof text);
    else if (a->rows > 0)
        say_refused(a, text, sizeof text);
    else if (a->is_dropped)
        (void)snprintf(text, sizeof text, "not stored: %s (rejected.signature, decided by %s)",
                       refusal_info(REFUSAL_SIGNATURE)->sentence,
                       refusal_info(REFUSAL_SIGNATURE)->option);
    else
        say_nothing_known(a, text, sizeof text);
    jw_string(a->w, "verdict", text);
}

void why_write(struct json_write *w, const struct why_query *query, const struct why_source *source,
               wall_us now)
{
    struct answer a = {.w = w,
                       .query = query,
                       .source = source,
                       .now_ms = now / US_PER_MS,
                       .observer_ms = INT64_MIN,
                       .node_ms = INT64_MIN,
                       .newest = REFUSAL_NONE};
    read_bounds(&a);
    jw_object(w, NULL);
    write_query(w, query);
    write_found(&a);
    write_rows(&a);
    if (query->has_hash)
        write_dropped(&a);
    write_window(&a);
    write_verdict(&a);
    jw_object_end(w);
}
