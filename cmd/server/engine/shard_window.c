/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_window.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/bundle.h"
#include "cmd/server/shards/shard_question.h"
#include "cmd/server/shards/sql.h"
#include "common/db/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_US ((mono_us)20 * US_PER_S)
#define TRY_MS    10000

/* What a packet adds to its receptions. */
struct sent {
    uint64_t hash;
    int64_t sender; /* 0 = none */
    uint8_t type, raw_len;
    uint8_t raw[MESHCORE_FRAME_MAX];
};

struct seen {
    uint64_t hash;
    int64_t receipt_ms, observer_id;
    double snr, rssi;
    int32_t scope_code;
    bool is_tx;
    uint8_t type, route, path_size, path_len;
    uint8_t path[MESHCORE_PATH_MAX];
};

struct hour {
    const struct model *model;
    struct shard_question *question;
    struct shard_ids *ids;
    int64_t hour;
    struct sent *sent; /* owned; by hash */
    size_t sent_count, sent_cap;
    struct seen *seen; /* owned; the newest first */
    size_t seen_count, seen_cap;
    bool has_no_memory, is_cut;
};

/* --- the window ------------------------------------------------------------------------------- */

enum status shard_window_begin(const void *model, int64_t from_ms, int64_t to_ms, int64_t rows_max,
                               struct window_rows *out)
{
    (void)model;
    *out = (struct window_rows){
        .before = to_ms / MS_PER_HOUR + 1, .low = from_ms / MS_PER_HOUR, .left = rows_max};
    return STATUS_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool ask(struct hour *h, struct sql *sql)
{
    const bool is_asked =
        !sql->is_cut && shard_ask(h->question, sql->text) && shards_missing(h->question) == 0;
    sql_done(sql);
    return is_asked;
}

static void read_sent_row(struct hour *h, struct rowbinary_reader *row)
{
    struct sent one = {.hash = rowbinary_read_u64(row)};
    one.type = rowbinary_read_u8(row);
    const struct rowbinary_text sender = rowbinary_read_string(row);
    const struct rowbinary_text raw = rowbinary_read_string(row);
    if (sender.len == NODE_KEY_BYTES)
        one.sender = shard_ids_of(h->ids, SHARD_NODE, shard_number((const uint8_t *)sender.bytes));
    one.raw_len = (uint8_t)min_size(raw.len, sizeof one.raw);
    memcpy(one.raw, raw.bytes, one.raw_len);
    struct sent *longer = grow(h->sent, h->sent_count, &h->sent_cap, sizeof *longer);
    h->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return;
    h->sent = longer;
    h->sent[h->sent_count++] = one;
}

static int by_hash(const void *a, const void *b)
{
    const struct sent *x = a;
    const struct sent *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool read_sent(struct hour *h)
{
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT hash, argMax(type, ver), argMax(sender, ver), argMax(raw, ver) FROM tx"
                  " WHERE ");
    sql_hours(&sql, h->hour - 1, h->hour + 1);
    sql_add(&sql, " GROUP BY hash LIMIT %d FORMAT RowBinary", WINDOW_HOUR_ROWS);
    if (!ask(h, &sql))
        return false;
    struct shard_rows rows = shard_rows(h->question);
    while (!h->has_no_memory && shard_rows_next(&rows))
        read_sent_row(h, &rows.row);
    if (h->has_no_memory || !shard_rows_end(&rows))
        return false;
    if (h->sent_count > 0)
        qsort(h->sent, h->sent_count, sizeof *h->sent, by_hash);
    return true;
}

static void read_seen_row(struct hour *h, struct rowbinary_reader *row)
{
    struct seen one = {.hash = rowbinary_read_u64(row)};
    one.observer_id = shard_ids_of(h->ids, SHARD_OBSERVER, rowbinary_read_u64(row));
    one.is_tx = rowbinary_read_u8(row) != 0;
    one.path_size = rowbinary_read_u8(row);
    const struct rowbinary_text path = rowbinary_read_string(row);
    one.receipt_ms = rowbinary_read_i64(row);
    one.route = rowbinary_read_u8(row);
    one.scope_code = rowbinary_read_i32(row);
    one.snr = shard_read_float(row);
    one.rssi = shard_read_float(row);
    one.path_len = (uint8_t)min_size(path.len, sizeof one.path);
    memcpy(one.path, path.bytes, one.path_len);
    struct seen *longer = grow(h->seen, h->seen_count, &h->seen_cap, sizeof *longer);
    h->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return;
    h->seen = longer;
    h->seen[h->seen_count++] = one;
}

static int newest_first(const void *a, const void *b)
{
    const struct seen *x = a;
    const struct seen *y = b;
    if (x->receipt_ms != y->receipt_ms)
        return x->receipt_ms < y->receipt_ms ? 1 : -1;
    return (x->hash < y->hash) - (x->hash > y->hash);
}

static bool read_seen(struct hour *h)
{
    const int64_t begins_ms = h->hour * MS_PER_HOUR;
    size_t shard = 0;
    size_t count = 0;
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT hash, observer, direction, path_size, path, min(receipt_ms) AS r,"
                  " argMax(route, ver), argMax(scope_code, ver), argMax(snr, ver),"
                  " argMax(rssi, ver) FROM obs WHERE ");
    sql_hours(&sql, h->hour - 1, h->hour + 1);
    sql_add(&sql,
            " GROUP BY hash, observer, direction, path_size, path HAVING r >= %" PRId64
            " LIMIT %d FORMAT RowBinary",
            begins_ms, WINDOW_HOUR_ROWS);
    if (!ask(h, &sql))
        return false;
    struct shard_rows rows = shard_rows(h->question);
    for (; !h->has_no_memory && shard_rows_next(&rows); shard = rows.shard) {
        read_seen_row(h, &rows.row);
        count = shard == rows.shard ? count + 1 : 1;
        h->is_cut |= count == WINDOW_HOUR_ROWS;
    }
    if (h->has_no_memory || !shard_rows_end(&rows))
        return false;
    if (h->seen_count > 0)
        qsort(h->seen, h->seen_count, sizeof *h->seen, newest_first);
    return true;
}

/* --- handing on ------------------------------------------------------------------------------- */

static int64_t scope_of(const struct hour *h, const struct region_scopes *scopes,
                        const struct sent *sent, int32_t code)
{
    struct packet packet = {.type = sent->type, .raw_len = sent->raw_len};
    if (code <= 0)
        return 0;
    memcpy(packet.raw, sent->raw, sent->raw_len);
    return shard_scope_of(h->ids, scopes, &packet, code);
}

/* As window_rows.c reads it. */
static void set_hops(struct reception *out, const struct seen *seen)
{
    out->path = seen->path;
    out->path_bytes = seen->path_len;
    const bool is_whole = seen->path_size > 0 && seen->path_size <= HOP_BYTES_MAX &&
                          seen->path_len % seen->path_size == 0;
    out->has_hops = is_whole && meshcore_has_hops(out->route, out->type);
    if (out->has_hops) {
        out->hop_bytes = seen->path_size;
        out->hop_count = (uint8_t)(seen->path_len / seen->path_size);
    }
}

/* Of a packet whose own row is not there yet there is no reception. */
static void hand_on(const struct hour *h, window_row row, void *to)
{
    const struct in_force *in_force = model_in_force(h->model);
    for (size_t i = 0; i < h->seen_count; i++) {
        const struct seen *seen = &h->seen[i];
        const struct sent key = {.hash = seen->hash};
        const struct sent *sent =
            h->sent_count > 0 ? bsearch(&key, h->sent, h->sent_count, sizeof key, by_hash) : NULL;
        if (sent == NULL)
            continue;
        struct reception reception = {
            .id = (int64_t)i + 1,
            .transmission_id = (int64_t)seen->hash,
            .observer_id = seen->observer_id,
            .receipt_ms = seen->receipt_ms,
            .sender = sent->sender,
            .scope_id = scope_of(h, in_force->scopes, sent, seen->scope_code),
            .type = sent->type,
            .route = seen->route,
            .is_scoped = seen->scope_code > 0,
            .is_heard = !seen->is_tx,
            .frame_bytes = sent->raw_len,
            .snr = seen->snr,
            .rssi = seen->rssi,
        };
        if (schema_is_invented_rf(reception.snr, reception.rssi))
            reception.snr = reception.rssi = (double)NAN;
        set_hops(&reception, seen);
        row(to, &reception);
    }
    in_force_release(in_force);
}

enum status shard_window_slice(const void *context, struct window_rows *rows, window_row row,
                               void *to, bool *out_over)
{
    const struct model *model = context;
    struct hour h = {.model = model, .hour = rows->before - 1};
    h.ids = shards_ids(model->shards);
    h.question = shard_question_begin(model->shards, BUDGET_US, TRY_MS);
    const bool is_read = h.question != NULL && read_sent(&h) && read_seen(&h);
    shard_question_end(h.question);
    if (is_read) {
        hand_on(&h, row, to);
        rows->before--;
        rows->left -= (int64_t)h.seen_count;
        rows->is_cut |= (h.is_cut || rows->left <= 0) && rows->before > rows->low;
        *out_over = rows->before <= rows->low || rows->is_cut;
    }
    free(h.sent);
    free(h.seen);
    return is_read ? STATUS_OK : STATUS_AGAIN;
}
