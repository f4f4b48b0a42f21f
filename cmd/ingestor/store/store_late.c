/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_late.h"

#include "cmd/ingestor/store/store_core.h"
#include "cmd/ingestor/store/store_derive.h"
#include "cmd/ingestor/store/store_hours.h"
#include "cmd/ingestor/store/store_node_observers.h"
#include "common/db/schema.h"

#include <string.h>

#define SEVEN_DAYS_MS "604800000"
/* Nodes that have pending updates; more are written before the end of the slice. */
#define RELAYS_MAX 4096
/* Rows that one statement reads; between two of them nodes may be written. */
#define ROWS_READ 256

struct store_late {
    struct statement newest, rows, packets, wide_hop, narrow_hop, relayed, forget;
    struct deltas relays; /* by node; last_ms */
    /* As in the database with what is pending; position: counted so far. */
    struct store_job job, packet_job;
    bool has_job;
    int64_t wide_until; /* of the table hours, when has_job; 0 = no row is wide */
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
                                              STATEMENTS_BEFORE(struct store_late, relays), err);
    if (late == NULL)
        return err->status;
    store->late = late;
    if (!deltas_init(&late->relays, RELAYS_MAX))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for nodes that relayed");
    return STATUS_OK;
}

void store_late_close(struct store *store)
{
    if (store->late != NULL)
        deltas_done(&store->late->relays);
}

void store_late_clear(struct store *store)
{
    deltas_clear(&store->late->relays);
}

void store_late_forget(struct store *store)
{
    store_late_clear(store);
    store->late->has_job = false;
}

/* --- the position ----------------------------------------------------------------------------- */

static enum status load_job(struct store *store)
{
    struct store_late *late = store->late;
    if (late->has_job)
        return STATUS_OK;
    enum status status = store_job_load(store, STORE_LATE_JOB, &late->job);
    if (status == STATUS_OK)
        status = store_job_load(store, STORE_LATE_PACKETS_JOB, &late->packet_job);
    if (status == STATUS_OK)
        status = store_hours_wide_until(store, &late->wide_until);
    late->has_job = status == STATUS_OK;
    return status;
}

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
    if (status != STATUS_OK)
        return status;
    was->is_former = is->is_former = id > job->position && id > job->done && id <= job->value;
    was->is_counted = is->is_counted = id <= job->position;
    if (!is->is_counted)
        return STATUS_OK;
    status = store_node_observers_add(store, is, 1); /* first: the row need not leave */
    return status == STATUS_OK ? store_node_observers_add(store, was, -1) : status;
}

enum status store_late_has_packet(struct store *store, int64_t id, bool *out)
{
    const enum status status = load_job(store);
    *out = id <= store->late->packet_job.position;
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

enum status store_late_write(struct store *store)
{
    struct store_late *late = store->late;
    size_t count = 0;
    const struct delta *rows = deltas_sorted(&late->relays, &count);
    for (size_t i = 0; i < count; i++) {
        bind_int(&late->relayed, 1, rows[i].id);
        bind_int(&late->relayed, 2, store->now_ms);
        bind_int(&late->relayed, 3, rows[i].last_ms);
        bind_int(&late->relayed, 4, !late->is_recount);
        const enum status status = statement_run(&late->relayed);
        if (status != STATUS_OK)
            return status;
    }
    deltas_clear(&late->relays);
    return STATUS_OK;
}

static enum status note_relay(struct store *store, int64_t node_id, int64_t receipt_ms)
{
    struct deltas *relays = &store->late->relays;
    enum status status = STATUS_OK;
    if (deltas_room(relays) == 0)
        status = store_late_write(store);
    if (status != STATUS_OK)
        return status;
    const bool is_added = deltas_add(
        relays, &(struct delta){.id = node_id, .first_ms = receipt_ms, .last_ms = receipt_ms});
    assert(is_added); /* room was made */
    (void)is_added;
    return STATUS_OK;
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
            status = note_relay(store, node_id, r->receipt_ms);
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
    const enum status made = store_derive_make_room(store);
    if (made != STATUS_OK)
        return made;
    counted.sign = 1;
    store_derive_late_reception(store, &counted);
    if (id <= store->late->job.done) /* I4 */
        return STATUS_OK;
    const bool is_wrong = id <= store->late->job.value && schema_is_invented_rf(r->snr, r->rssi);
    const enum status status = count_relays(store, r);
    return status == STATUS_OK && is_wrong ? correct_rf(store, r) : status;
}

enum status store_late_leaving(struct store *store, int64_t id,
                               const struct store_reception *reception)
{
    const enum status status = load_job(store);
    if (status != STATUS_OK)
        return status;
    return id > store->late->job.position ? count_one(store, id, reception)
                                          : store_node_observers_add(store, reception, -1);
}

static enum status count_packet(struct store *store, const struct store_origin *origin)
{
    const enum status status = store_derive_make_room(store);
    if (status == STATUS_OK)
        store_derive_late_origin(store, origin);
    return status;
}

enum status store_late_packet_leaving(struct store *store, int64_t id,
                                      const struct store_origin *origin)
{
    const enum status status = load_job(store);
    return status == STATUS_OK && id > store->late->packet_job.position
               ? count_packet(store, origin)
               : status;
}

/* What the wide rows of its hour stand for. */
static enum status narrow_hours(struct store *store, int64_t id, const struct store_reception *r)
{
    const struct statement *row = &store->late->rows;
    if (id > store->late->wide_until)
        return STATUS_OK;
    const int64_t first_ms = column_int(row, 14);
    const bool is_first = first_ms / ROLLUP_HOUR_MS == r->receipt_ms / ROLLUP_HOUR_MS;
    const enum status status = store_hours_make_room(store);
    if (status == STATUS_OK)
        store_hours_note(store, r->receipt_ms, id, is_first ? column_int(row, 13) : 0);
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

/* The row just read. */
static enum status take_row(struct store *store)
{
    struct store_late *late = store->late;
    struct store_reception r;
    const int64_t id = store_reception_read(&late->rows, (uint8_t)column_int(&late->rows, 11),
                                            column_int(&late->rows, 12), &r);
    store_derive_from(store, id <= late->kept_until ? late->from_hour : 0);
    enum status status = count_one(store, id, &r);
    if (status == STATUS_OK)
        status = store_node_observers_add(store, &r, 1);
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
    while (left > 0 && store_slice_goes_on(slice)) {
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
    return *out_at_end ? STATUS_OK : status;
}

static enum status take_packet(struct store *store)
{
    struct store_late *late = store->late;
    const struct statement *row = &late->packets;
    const int64_t id = column_int(row, 0);
    const struct store_origin origin = {.sign = 1,
                                        .type = (uint8_t)column_int(row, 1),
                                        .first_ms = column_int(row, 2),
                                        .raw_len = (uint8_t)column_int(row, 3)};
    store_derive_from(store, id <= late->kept_packets_until ? late->from_hour : 0);
    const enum status status = count_packet(store, &origin);
    if (status == STATUS_OK)
        late->packet_job.position = id;
    return status;
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
        status = statement_row(packets);
        if (status != STATUS_OK)
            break;
        status = take_packet(store);
        slice->rows += status == STATUS_OK;
    }
    statement_done(packets);
    *out_at_end = status == STATUS_NOT_FOUND;
    return *out_at_end ? STATUS_OK : status;
}

enum status store_late_count(struct store *store, int64_t until, struct store_slice *slice,
                             bool *out_at_end)
{
    struct store_late *late = store->late;
    enum status status = load_job(store);
    bool is_over = false;
    *out_at_end = false;
    while (status == STATUS_OK && !is_over)
        status = count_some(store, until, slice, out_at_end, &is_over);
    if (status == STATUS_OK)
        status = drop_wide_hours(store);
    if (status == STATUS_OK && *out_at_end)
        status = count_packets(store, slice, out_at_end);
    store_derive_from(store, 0);
    if (status != STATUS_OK)
        return status;
    late->job.updated_ms = late->packet_job.updated_ms = store->now_ms;
    status = store_job_save(store, STORE_LATE_JOB, &late->job);
    return status == STATUS_OK ? store_job_save(store, STORE_LATE_PACKETS_JOB, &late->packet_job)
                               : status;
}

enum status store_late_recount(struct store *store, int64_t from_hour)
{
    struct store_late *late = store->late;
    struct store_slice slice = {.until = INT64_MAX, .rows_max = INT64_MAX};
    struct store_late_state state;
    bool at_end = false;
    enum status status = statement_run(&late->forget);
    if (status == STATUS_OK)
        status = store_late_state(store, &state);
    if (status != STATUS_OK)
        return status;
    late->kept_until = late->job.position;
    late->kept_packets_until = late->packet_job.position;
    late->from_hour = from_hour;
    late->job.position = late->job.value = late->job.done = late->packet_job.position = 0;
    late->is_recount = true;
    status = store_late_count(store, state.newest, &slice, &at_end);
    if (status == STATUS_OK)
        status = store_late_write(store);
    late->is_recount = false;
    late->kept_until = late->kept_packets_until = 0;
    return status;
}
