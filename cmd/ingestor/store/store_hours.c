/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_hours.h"

#include "common/db/schema.h"

/* Rows that have pending updates; more are written before the commit. */
#define SPANS_MAX 1024
/* An old and a new reception, an old and a new first receipt. */
#define RECORD_SPANS (STORE_RECEPTIONS + STORE_ORIGINS)
/* What is noted of an hour is gathered by pieces of so many ids, so that one row that moves does
 * not stretch over all that lies between. */
#define PIECE_IDS (HOURS_GAP / 2)

struct store_hours {
    struct statement find, insert, stretch, remove, wide_until, drop_wide;
    /* Of hour and piece: first_ms and last_ms are the smallest and the largest id. Each key of
     * packets is one of spans. */
    struct deltas spans, packets;
};

static const struct store_hours blank = {
    .find = SQL("SELECT first_observation, last_observation, first_transmission, last_transmission"
                " FROM hours WHERE hour = ?1 AND first_observation BETWEEN 1 AND ?2"
                " ORDER BY first_observation DESC LIMIT 1"),
    .insert = SQL("INSERT INTO hours (hour, first_observation, last_observation,"
                  " first_transmission, last_transmission) VALUES (?1, ?2, ?3, ?4, ?5)"),
    .stretch = SQL("UPDATE hours SET last_observation = ?3, first_transmission = ?4,"
                   " last_transmission = ?5 WHERE hour = ?1 AND first_observation = ?2"),
    .remove = SQL("DELETE FROM hours WHERE hour = ?1 AND first_observation = ?2"),
    .wide_until = SQL("SELECT max(last_observation) FROM hours WHERE first_observation = 0"),
    .drop_wide = SQL("DELETE FROM hours WHERE first_observation = 0"),
};

enum status store_hours_open(struct store *store, struct err *err)
{
    struct store_hours *hours = connection_part(&store->connection, &blank, sizeof blank,
                                                STATEMENTS_BEFORE(struct store_hours, spans), err);
    if (hours == NULL)
        return err->status;
    store->hours = hours;
    if (!deltas_init(&hours->spans, SPANS_MAX) || !deltas_init(&hours->packets, SPANS_MAX))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for hours");
    return STATUS_OK;
}

void store_hours_close(struct store *store)
{
    if (store->hours == NULL)
        return;
    deltas_done(&store->hours->spans);
    deltas_done(&store->hours->packets);
}

void store_hours_clear(struct store *store)
{
    deltas_clear(&store->hours->spans);
    deltas_clear(&store->hours->packets);
}

/* --- notes ------------------------------------------------------------------------------------ */

static void add(struct deltas *deltas, int64_t hour, int64_t piece, int64_t id)
{
    const bool is_added = deltas_add(
        deltas, &(struct delta){.id = hour + 1, .part = piece, .first_ms = id, .last_ms = id});
    assert(is_added); /* store_hours_make_room */
    (void)is_added;
}

void store_hours_note(struct store *store, int64_t receipt_ms, int64_t observation_id,
                      int64_t transmission_id)
{
    const int64_t hour = receipt_ms / ROLLUP_HOUR_MS;
    const int64_t piece = observation_id / PIECE_IDS;
    add(&store->hours->spans, hour, piece, observation_id);
    if (transmission_id != 0)
        add(&store->hours->packets, hour, piece, transmission_id);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A row of hours. No transmission: 0, and NULL on disk. */
struct span {
    int64_t hour, first, last, first_packet, last_packet;
};

static void bind_span(struct statement *sql, const struct span *span)
{
    bind_int(sql, 1, span->hour);
    bind_int(sql, 2, span->first);
    bind_int(sql, 3, span->last);
    if (span->first_packet == 0)
        return;
    bind_int(sql, 4, span->first_packet);
    bind_int(sql, 5, span->last_packet);
}

static enum status remove_span(struct store *store, const struct span *span)
{
    bind_int(&store->hours->remove, 1, span->hour);
    bind_int(&store->hours->remove, 2, span->first);
    return statement_run(&store->hours->remove);
}

/* The last row of the hour that begins near `span` or before it; STATUS_NOT_FOUND also when that
 * one ends too long before. */
static enum status find_touching(struct store *store, const struct span *span, struct span *out)
{
    struct statement *const find = &store->hours->find;
    bind_int(find, 1, span->hour);
    bind_int(find, 2, span->last + HOURS_GAP);
    const enum status status = statement_row(find);
    if (status != STATUS_OK)
        return status;
    *out = (struct span){span->hour, column_int(find, 0), column_int(find, 1), column_int(find, 2),
                         column_int(find, 3)};
    statement_done(find);
    return out->last + HOURS_GAP < span->first ? STATUS_NOT_FOUND : STATUS_OK;
}

static void unite(struct span *into, const struct span *other)
{
    into->first = other->first < into->first ? other->first : into->first;
    into->last = other->last > into->last ? other->last : into->last;
    if (other->first_packet == 0)
        return;
    if (into->first_packet == 0 || other->first_packet < into->first_packet)
        into->first_packet = other->first_packet;
    if (other->last_packet > into->last_packet)
        into->last_packet = other->last_packet;
}

/* Usually stretches the row found first. */
static enum status write_span(struct store *store, struct span span)
{
    struct span there;
    enum status status;
    while ((status = find_touching(store, &span, &there)) == STATUS_OK) {
        unite(&span, &there);
        if (span.first == there.first) { /* those before it lie far away */
            bind_span(&store->hours->stretch, &span);
            return statement_run(&store->hours->stretch);
        }
        status = remove_span(store, &there);
        if (status != STATUS_OK)
            return status;
    }
    if (status != STATUS_NOT_FOUND)
        return status;
    bind_span(&store->hours->insert, &span);
    return statement_run(&store->hours->insert);
}

enum status store_hours_write(struct store *store)
{
    size_t count = 0;
    size_t packet_count = 0;
    const struct delta *rows = deltas_sorted(&store->hours->spans, &count);
    const struct delta *packets = deltas_sorted(&store->hours->packets, &packet_count);
    for (size_t i = 0, j = 0; i < count; i++) {
        struct span span = {rows[i].id - 1, rows[i].first_ms, rows[i].last_ms, 0, 0};
        if (j < packet_count && packets[j].id == rows[i].id && packets[j].part == rows[i].part) {
            span.first_packet = packets[j].first_ms;
            span.last_packet = packets[j].last_ms;
            j++;
        }
        const enum status status = write_span(store, span);
        if (status != STATUS_OK)
            return status;
    }
    store_hours_clear(store);
    return STATUS_OK;
}

enum status store_hours_make_room(struct store *store)
{
    return deltas_room(&store->hours->spans) >= RECORD_SPANS ? STATUS_OK : store_hours_write(store);
}

/* --- a migrated database ---------------------------------------------------------------------- */

enum status store_hours_wide_until(struct store *store, int64_t *out)
{
    return statement_number(&store->hours->wide_until, out);
}

enum status store_hours_drop_wide(struct store *store)
{
    return statement_run(&store->hours->drop_wide);
}
