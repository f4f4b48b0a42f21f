/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_late.h"

#include "cmd/ingestor/pieces/pieces.h"
#include "cmd/ingestor/store/store_core.h"
#include "cmd/ingestor/store/store_derive.h"
#include "cmd/ingestor/store/store_hours.h"
#include "cmd/ingestor/store/store_node_observers.h"
#include "common/db/schema.h"

#include <string.h>

#define SEVEN_DAYS_MS "604800000"
/* So many rows may be gathered; 4 MB. */
#define ROLLUPS_MAX 16384
#define EDGES_MAX   32768
#define HEARD_MAX   12288
#define RELAYS_MAX  4096
/* Fewer are written at once, within one slice. */
#define WRITTEN_AT_ONCE 1024
/* Rows that one statement reads; between two of them nodes may be written. */
#define ROWS_READ 256

/* What is gathered; in pieces, the kind. */
enum gathered { ROLLUPS, EDGES, HEARD, RELAYS /* by node; last_ms */, GATHERED };

struct store_late {
    struct statement newest, rows, packets, wide_hop, narrow_hop, relayed, forget;
    struct deltas gathered[GATHERED];
    struct pieces *pieces;
    /* As in the database; position: counted so far, in the tables, pieces and gathered. */
    struct store_job job, packet_job;
    struct pieces_position written; /* in the tables and in pieces */
    bool has_job;
    bool has_pieces;     /* then nothing is gathered */
    int64_t edges_until; /* rows up to there were counted in neighbor_edges when they came */
    int64_t wide_until;  /* of the table hours, when has_job; 0 = no row is wide */
    /* A recount: rows up to these are in the rollups of hours before from_hour already. */
    bool is_recount;
    int64_t kept_until, kept_packets_until, from_hour;
};

/* The keys that begin with a hop: from the hop to the hop with nothing but ff behind it. */
#define KEYS_OF_HOP "public_key BETWEEN ?1 AND ?2"

static const struct store_late blank = {
    .newest = SQL("SELECT max(id) FROM observations"),
    .rows = SQL(
        "SELECT o.id, o.observer_id, o.direction, o.path_size, o.path, o.receipt_ms, o.snr,"
        " o.rssi, coalesce(o.route, t.route), o.scope_code, o.scope_id, t.type, t.sender,"
        " t.id, t.first_ms FROM observations o CROSS JOIN transmissions t ON t.id = o.transmission_id WHERE o.id > ?1 AND o.id <= ?2"
        " ORDER BY o.id LIMIT ?3"),
    .packets = SQL("SELECT id, type, first_ms, length(raw) FROM transmissions WHERE id > ?1"
                   " ORDER BY id LIMIT ?2"),
    .wide_hop =
        SQL("SELECT count(*), max(id) FROM (SELECT id FROM nodes WHERE " KEYS_OF_HOP " LIMIT 2)"),
    .narrow_hop = SQL("SELECT count(*), max(id) FROM (SELECT id FROM nodes WHERE " KEYS_OF_HOP
                      " AND first_ms <= ?3 AND last_ms >= ?3 - " SEVEN_DAYS_MS " LIMIT 2)"),
    /* ?4 = it is alive: who became inactive before it was known to relay. */
    .relayed = SQL("UPDATE nodes SET last_relayed_ms = " LAST_SEEN(
        "last_relayed_ms", "?2", "?3") ", is_inactive = iif(?4, 0, is_inactive) WHERE id = ?1"),
    /* What left with its packets can't be counted again. */
    .forget = SQL("UPDATE nodes SET last_relayed_ms = NULL WHERE last_relayed_ms >="
                  " (SELECT retained_from_ms FROM meta WHERE id = 1)"),
};

enum status store_late_open(struct store *store, struct err *err)
{
    struct store_late *late = connection_part(&store->connection, &blank, sizeof blank,
                                              STATEMENTS_BEFORE(struct store_late, gathered), err);
    static const size_t most[GATHERED] = {ROLLUPS_MAX, EDGES_MAX, HEARD_MAX, RELAYS_MAX};
    if (late == NULL)
        return err->status;
    store->late = late;
    late->pieces = pieces_open(&store->connection, err);
    if (late->pieces == NULL)
        return err->status;
    for (size_t i = 0; i < GATHERED; i++)
        if (!deltas_init(&late->gathered[i], most[i]))
            return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for what is counted late");
    return STATUS_OK;
}

void store_late_close(struct store *store)
{
    for (size_t i = 0; store->late != NULL && i < GATHERED; i++)
        deltas_done(&store->late->gathered[i]);
}

void store_late_forget(struct store *store)
{
    for (size_t i = 0; i < GATHERED; i++)
        deltas_clear(&store->late->gathered[i]);
    store->late->has_job = false;
}

/* --- the position ----------------------------------------------------------------------------- */

static enum status load_job(struct store *store)
{
    struct store_late *late = store->late;
    if (late->has_job)
        return STATUS_OK;
    struct store_job edges;
    enum status status = store_job_load(store, STORE_LATE_JOB, &late->job);
    if (status == STATUS_OK)
        status = store_job_load(store, STORE_LATE_PACKETS_JOB, &late->packet_job);
    if (status == STATUS_OK)
        status = store_job_load(store, STORE_LATE_EDGES_JOB, &edges);
    if (status == STATUS_OK)
        status = store_hours_wide_until(store, &late->wide_until);
    if (status != STATUS_OK)
        return status;
    late->edges_until = edges.position;
    late->written = (struct pieces_position){late->job.position, late->packet_job.position};
    status = pieces_look(late->pieces, &late->written);
    late->has_pieces = status == STATUS_OK;
    late->job.position = late->written.observation;
    late->packet_job.position = late->written.transmission;
    late->has_job = status == STATUS_OK || status == STATUS_NOT_FOUND;
    return late->has_job ? STATUS_OK : status;
}

/* --- what is gathered ------------------------------------------------------------------------- */

/* For one observation, and more than one transmission. */
static bool has_room(const struct store_late *late)
{
    return deltas_room(&late->gathered[ROLLUPS]) >= STORE_LATE_ROLLUPS &&
           deltas_room(&late->gathered[EDGES]) >= STORE_LATE_EDGES &&
           deltas_room(&late->gathered[HEARD]) >= STORE_HEARD_PARTS &&
           deltas_room(&late->gathered[RELAYS]) >= MESHCORE_PATH_MAX;
}

bool store_late_has_edges(const struct store *store, int64_t id)
{
    return id <= store->late->job.position || id <= store->late->edges_until;
}

/* All that was counted is in the tables, or in pieces. */
static bool is_settled(const struct store_late *late)
{
    return late->job.position == late->written.observation &&
           late->packet_job.position == late->written.transmission;
}

static enum status write_relay(struct store *store, const struct delta *row)
{
    struct statement *const relayed = &store->late->relayed;
    bind_int(relayed, 1, row->id);
    bind_int(relayed, 2, store->now_ms);
    bind_int(relayed, 3, row->last_ms);
    bind_int(relayed, 4, !store->late->is_recount);
    return statement_run(relayed);
}

static enum status write_rows(struct store *store, int kind, const struct delta *rows, size_t count)
{
    static enum status (*const writers[GATHERED])(struct store *, const struct delta *) = {
        [ROLLUPS] = store_derive_write_rollup,
        [EDGES] = store_derive_write_edge,
        [RELAYS] = write_relay,
    };
    if (kind < 0 || kind >= GATHERED)
        return STATUS_CORRUPT;
    if (kind == HEARD)
        return store_node_observers_write(store, rows, count);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = writers[kind](store, &rows[i]);
    return status;
}

static enum status write_gathered(struct store *store)
{
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < GATHERED; i++) {
        size_t count = 0;
        const struct delta *rows = deltas_sorted(&store->late->gathered[i], &count);
        status = write_rows(store, i, rows, count);
        deltas_clear(&store->late->gathered[i]);
    }
    return status;
}

/* What is counted is in the tables. */
static enum status save_jobs(struct store *store)
{
    struct store_late *late = store->late;
    late->job.updated_ms = late->packet_job.updated_ms = store->now_ms;
    const enum status status = store_job_save(store, STORE_LATE_JOB, &late->job);
    return status == STATUS_OK ? store_job_save(store, STORE_LATE_PACKETS_JOB, &late->packet_job)
                               : status;
}

static enum status put_pieces(struct store *store)
{
    struct store_late *late = store->late;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < GATHERED; i++) {
        size_t count = 0;
        const struct delta *rows = deltas_sorted(&late->gathered[i], &count);
        status = pieces_put(late->pieces, i, rows, count, &late->written);
        deltas_clear(&late->gathered[i]);
    }
    late->has_pieces = true;
    return status;
}

/* Little goes to the tables at once. */
static enum status put_gathered(struct store *store)
{
    struct store_late *late = store->late;
    size_t count = 0;
    if (is_settled(late))
        return STATUS_OK;
    late->written = (struct pieces_position){late->job.position, late->packet_job.position};
    for (size_t i = 0; i < GATHERED; i++)
        count += late->gathered[i].count;
    if (count > WRITTEN_AT_ONCE && !late->is_recount)
        return put_pieces(store);
    const enum status status = write_gathered(store);
    return status == STATUS_OK ? save_jobs(store) : status;
}

static enum status move_piece(struct store *store, struct store_slice *slice)
{
    struct store_late *late = store->late;
    struct piece piece;
    struct pieces_position position;
    enum status status = pieces_take(late->pieces, &piece);
    if (status == STATUS_OK)
        status = write_rows(store, piece.kind, piece.rows, piece.count);
    if (status != STATUS_OK)
        return status;
    slice->looked += (int64_t)piece.count;
    slice->rows += (int64_t)piece.count;
    status = pieces_look(late->pieces, &position);
    late->has_pieces = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? save_jobs(store) : status;
}

static enum status move_pieces(struct store *store, struct store_slice *slice)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && store->late->has_pieces && store_slice_goes_on(slice))
        status = move_piece(store, slice);
    return status;
}

/* All of it, in this transaction. */
static enum status settle(struct store *store)
{
    struct store_slice whole = {.until = INT64_MAX, .rows_max = INT64_MAX};
    store->record.has_settled = true;
    const enum status status = put_gathered(store);
    return status == STATUS_OK ? move_pieces(store, &whole) : status;
}

/* --- changes -------------------------------------------------------------------------------- */

enum status store_late_state(struct store *store, struct store_late_state *out)
{
    enum status status = load_job(store);
    if (status == STATUS_OK)
        status = statement_number(&store->late->newest, &out->newest);
    out->counted = store->late->job.position;
    return status;
}

enum status store_late_change(struct store *store, int64_t id, struct store_reception *was,
                              struct store_reception *is)
{
    const struct store_job *job = &store->late->job;
    enum status status = load_job(store);
    if (status == STATUS_OK && id <= job->position &&
        (id > store->late->written.observation || store->late->has_pieces))
        status = settle(store);
    if (status != STATUS_OK)
        return status;
    was->is_former = is->is_former = id > job->position && id > job->done && id <= job->value;
    was->is_counted = is->is_counted = id <= job->position;
    was->has_edges = is->has_edges = store_late_has_edges(store, id);
    if (!is->is_counted)
        return STATUS_OK;
    status = store_node_observers_add(store, is, 1); /* first: the row need not leave */
    return status == STATUS_OK ? store_node_observers_add(store, was, -1) : status;
}

enum status store_late_has_packet(struct store *store, int64_t id, bool *out)
{
    enum status status = load_job(store);
    *out = id <= store->late->packet_job.position;
    if (status == STATUS_OK && *out &&
        (id > store->late->written.transmission || store->late->has_pieces))
        status = settle(store);
    return status;
}

/* --- relays ----------------------------------------------------------------------------------- */

/* 0 = nobody, or not known who. */
static enum status find_node(struct store *store, const uint8_t *hop, size_t size,
                             int64_t receipt_ms, int64_t *out_id)
{
    struct statement *const find = size > 1 ? &store->late->wide_hop : &store->late->narrow_hop;
    uint8_t last[MESHCORE_KEY_BYTES];
    memset(last, 0xff, sizeof last);
    memcpy(last, hop, size);
    bind_blob(find, 1, hop, size);
    bind_blob(find, 2, last, sizeof last);
    if (size == 1)
        bind_int(find, 3, receipt_ms);
    const enum status status = statement_row(find);
    if (status != STATUS_OK)
        return status;
    *out_id = column_int(find, 0) == 1 ? column_int(find, 1) : 0;
    statement_done(find);
    return STATUS_OK;
}

static void note_relay(struct store *store, int64_t node_id, int64_t receipt_ms)
{
    const bool is_added =
        deltas_add(&store->late->gathered[RELAYS],
                   &(struct delta){.id = node_id, .first_ms = receipt_ms, .last_ms = receipt_ms});
    assert(is_added); /* has_room */
    (void)is_added;
}

static enum status count_relays(struct store *store, const struct store_reception *r)
{
    const size_t size = r->hash_size;
    enum status status = STATUS_OK;
    if (r->direction != DIRECTION_RX || !meshcore_has_hops(r->route, r->type) ||
        !store_has_whole_hops(r))
        return STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < r->path_bytes; at += size) {
        int64_t node_id = 0;
        status = find_node(store, r->path + at, size, r->receipt_ms, &node_id);
        if (status == STATUS_OK && node_id != 0)
            note_relay(store, node_id, r->receipt_ms);
    }
    return status;
}

/* --- one observation -------------------------------------------------------------------------- */

static enum status correct_rf(struct store *store, const struct store_reception *reception)
{
    struct store_reception r = *reception;
    const enum status status = store_derive_make_room(store);
    if (status != STATUS_OK)
        return status;
    r.sign = -1;
    r.is_former = true;
    store_derive_rf(store, &r);
    r.sign = 1;
    r.is_former = false;
    store_derive_rf(store, &r);
    return STATUS_OK;
}

static enum status count_one(struct store *store, int64_t id, const struct store_reception *r)
{
    struct store_reception counted = *r;
    counted.sign = 1;
    store_derive_late_reception(store, &store->late->gathered[ROLLUPS], &counted);
    if (id <= store->late->job.done) /* I4 */
        return STATUS_OK;
    const bool is_wrong = id <= store->late->job.value && schema_is_invented_rf(r->snr, r->rssi);
    const enum status status = count_relays(store, r);
    return status == STATUS_OK && is_wrong ? correct_rf(store, r) : status;
}

enum status store_late_leaving(struct store *store, int64_t id,
                               const struct store_reception *reception)
{
    enum status status = load_job(store);
    assert(status != STATUS_OK || is_settled(store->late));
    if (status == STATUS_OK && !has_room(store->late))
        status = write_gathered(store);
    if (status != STATUS_OK)
        return status;
    return id > store->late->job.position ? count_one(store, id, reception)
                                          : store_node_observers_add(store, reception, -1);
}

static void count_packet(struct store *store, const struct store_origin *origin)
{
    store_derive_late_origin(store, &store->late->gathered[ROLLUPS], origin);
}

enum status store_late_packet_leaving(struct store *store, int64_t id,
                                      const struct store_origin *origin)
{
    enum status status = load_job(store);
    if (status == STATUS_OK && !has_room(store->late))
        status = write_gathered(store);
    if (status == STATUS_OK && id > store->late->packet_job.position)
        count_packet(store, origin);
    return status;
}

enum status store_late_left(struct store *store)
{
    return write_gathered(store);
}

/* What the wide rows of its hour stand for. */
static enum status narrow_hours(struct store *store, int64_t id, const struct store_reception *r)
{
    if (id > store->late->wide_until)
        return STATUS_OK;
    const int64_t first_ms = column_int(&store->late->rows, 14);
    const bool is_first = first_ms / ROLLUP_HOUR_MS == r->receipt_ms / ROLLUP_HOUR_MS;
    const enum status status = store_hours_make_room(store);
    if (status == STATUS_OK)
        store_hours_note(store, r->receipt_ms, id,
                         is_first ? column_int(&store->late->rows, 13) : 0);
    return status;
}

static enum status drop_wide_hours(struct store *store)
{
    struct store_late *late = store->late;
    if (late->wide_until == 0 || late->job.position < late->wide_until)
        return STATUS_OK;
    late->wide_until = 0;
    return store_hours_drop_wide(store);
}

/* --- in the order of ids ---------------------------------------------------------------------- */

static enum status take_row(struct store *store)
{
    struct store_late *late = store->late;
    struct store_reception r;
    const int64_t id = store_reception_read(&late->rows, (uint8_t)column_int(&late->rows, 11),
                                            column_int(&late->rows, 12), &r);
    store_derive_from(store, id <= late->kept_until ? late->from_hour : 0);
    enum status status = count_one(store, id, &r);
    store_node_observers_gather(&late->gathered[HEARD], &r);
    if (!store_late_has_edges(store, id))
        store_derive_edges(&late->gathered[EDGES], &r, 1);
    if (status == STATUS_OK)
        status = narrow_hours(store, id, &r);
    if (status == STATUS_OK)
        late->job.position = id;
    return status;
}

/* Some rows; *out_at_end: none is left up to `until`. *out_over: that, or the slice is over. */
static enum status count_some(struct store *store, int64_t until, struct store_slice *slice,
                              bool *out_at_end, bool *out_over)
{
    struct store_late *late = store->late;
    int64_t left = ROWS_READ;
    enum status status = STATUS_OK;
    bind_int(&late->rows, 1, late->job.position);
    bind_int(&late->rows, 2, until);
    bind_int(&late->rows, 3, left);
    while (left > 0 && has_room(late) && store_slice_goes_on(slice)) {
        status = statement_row(&late->rows);
        if (status == STATUS_OK)
            status = take_row(store);
        if (status != STATUS_OK)
            break;
        slice->rows++;
        left--;
    }
    statement_done(&late->rows);
    *out_at_end = status == STATUS_NOT_FOUND;
    *out_over = *out_at_end || left > 0;
    if (*out_at_end && late->job.position < until)
        late->job.position = until;
    if (*out_at_end || (status == STATUS_OK && !late->is_recount))
        return STATUS_OK;
    /* A recount is one transaction and has one slice, which ends with the rows. */
    *out_over = false;
    return status == STATUS_OK && !has_room(late) ? write_gathered(store) : status;
}

static void take_packet(struct store *store)
{
    struct store_late *late = store->late;
    const struct statement *row = &late->packets;
    const int64_t id = column_int(row, 0);
    const struct store_origin origin = {.sign = 1,
                                        .type = (uint8_t)column_int(row, 1),
                                        .first_ms = column_int(row, 2),
                                        .raw_len = (uint8_t)column_int(row, 3)};
    store_derive_from(store, id <= late->kept_packets_until ? late->from_hour : 0);
    count_packet(store, &origin);
    late->packet_job.position = id;
}

/* Transmissions are not written meanwhile: one statement may read them all. At least one, where no
 * observation was left. */
static enum status count_packets(struct store *store, struct store_slice *slice, bool *out_at_end)
{
    struct statement *const packets = &store->late->packets;
    enum status status = STATUS_OK;
    bind_int(packets, 1, store->late->packet_job.position);
    bind_int(packets, 2, INT64_MAX);
    while (status == STATUS_OK && (slice->rows == 0 || store_slice_goes_on(slice))) {
        if (!has_room(store->late) && !store->late->is_recount)
            break;
        if (!has_room(store->late))
            status = write_gathered(store);
        if (status == STATUS_OK)
            status = statement_row(packets);
        if (status != STATUS_OK)
            break;
        take_packet(store);
        slice->rows++;
    }
    statement_done(packets);
    *out_at_end = status == STATUS_NOT_FOUND;
    return *out_at_end ? STATUS_OK : status;
}

/* Of what older programs left behind some is put right in other modules' tables, with the batch:
 * the position must move with it. */
static bool is_former(const struct store_late *late)
{
    return late->job.position < late->job.value || late->job.position < late->wide_until;
}

static enum status gather(struct store *store, int64_t until, struct store_slice *slice,
                          bool *out_at_end)
{
    bool is_over = false;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !is_over)
        status = count_some(store, until, slice, out_at_end, &is_over);
    if (status == STATUS_OK)
        status = drop_wide_hours(store);
    if (status == STATUS_OK && *out_at_end)
        status = count_packets(store, slice, out_at_end);
    store_derive_from(store, 0);
    return status;
}

enum status store_late_count(struct store *store, int64_t until, struct store_slice *slice,
                             bool *out_at_end)
{
    struct store_late *late = store->late;
    bool at_end = false;
    *out_at_end = false;
    enum status status = load_job(store);
    if (status == STATUS_OK && late->has_pieces)
        status = move_pieces(store, slice);
    if (status != STATUS_OK || late->has_pieces)
        return status;
    const bool was_former = is_former(late);
    status = gather(store, until, slice, &at_end);
    if (status == STATUS_OK && (at_end || was_former || !has_room(late)))
        status = put_gathered(store);
    *out_at_end = at_end && !late->has_pieces;
    return status;
}

enum status store_late_settle(struct store *store, struct store_slice *slice, bool *out_is_settled)
{
    enum status status = load_job(store);
    if (status == STATUS_OK) /* does nothing where nothing is gathered */
        status = put_gathered(store);
    if (status == STATUS_OK)
        status = move_pieces(store, slice);
    *out_is_settled = status == STATUS_OK && !store->late->has_pieces;
    return status;
}

enum status store_late_recount(struct store *store, int64_t from_hour)
{
    struct store_late *late = store->late;
    struct store_slice slice = {.until = INT64_MAX, .rows_max = INT64_MAX};
    struct store_late_state state;
    bool at_end = false;
    enum status status = statement_run(&late->forget);
    late->has_job = false; /* hours, too, were made anew */
    if (status == STATUS_OK)
        status = store_late_state(store, &state);
    if (status != STATUS_OK)
        return status;
    late->kept_until = late->job.position;
    late->kept_packets_until = late->packet_job.position;
    late->from_hour = from_hour;
    late->job.position = late->job.value = late->job.done = late->packet_job.position = 0;
    late->edges_until = 0;
    late->written = (struct pieces_position){0};
    late->is_recount = true;
    status = store_job_save(store, STORE_LATE_EDGES_JOB, &(struct store_job){0});
    if (status == STATUS_OK)
        status = store_late_count(store, state.newest, &slice, &at_end);
    late->is_recount = false;
    late->kept_until = late->kept_packets_until = 0;
    return status;
}
