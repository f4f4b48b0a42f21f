/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_walk.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_FIRST_HOURS 2
#define ASKED_MAX          2000 /* candidates of a shard at once */
#define TURN_MAX           200  /* bundles between two looks at the clock */
#define COPY_HOURS         1    /* a copy of a reception comes that soon */
#define HEARD_HOURS        24   /* from the first receipt to the last */
#define HOPS_SEARCHED      8    /* nodes that are looked for one by one */

struct place {
    int64_t ms;
    uint64_t hash;
};

struct walking {
    struct asking *asking;
    struct shard_question *question;
    struct basket *basket;
    struct walk *walk;
    const struct filter *filter;
    const struct walk_order *order;
    struct sql sql;
    struct place *found; /* owned; of all shards, in order */
    size_t found_count, found_cap;
    bool has_behind; /* the last of them that were all told of */
    struct place behind;
    bool has_cursor; /* go on behind it */
    struct place cursor;
    int64_t low, high; /* hours that are not looked at yet, high not included */
    int64_t top;       /* ms */
    mono_us end_by;
    bool has_no_memory, is_late;
};

/* --- order ------------------------------------------------------------------------------------ */

static int compare(const struct place *a, const struct place *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms ? -1 : 1;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

static int compare_up(const void *a, const void *b)
{
    return compare(a, b);
}

static int compare_down(const void *a, const void *b)
{
    return compare(b, a);
}

static bool is_before(const struct walking *w, const struct place *a, const struct place *b)
{
    return w->order->is_ascending ? compare(a, b) < 0 : compare(a, b) > 0;
}

/* --- the statement ---------------------------------------------------------------------------- */

static void add_observers(struct walking *w)
{
    struct shard_ids *ids = shards_ids(w->asking->model->shards);
    sql_add(&w->sql, " AND observer IN (0");
    for (size_t i = 0; i < w->filter->observer_count; i++) {
        uint64_t number;
        if (shard_ids_number(ids, SHARD_OBSERVER, w->filter->observers[i], &number))
            sql_add(&w->sql, ",%" PRIu64, number);
    }
    sql_add(&w->sql, ")");
}

static void add_key(struct walking *w, const struct node *node, bool *is_first)
{
    if (node == NULL)
        return;
    sql_add(&w->sql, "%s", *is_first ? "" : ",");
    sql_bytes(&w->sql, node->key, sizeof node->key);
    *is_first = false;
}

/* Which packets of these hours somebody sent. (His adverts lie on the shard of his key.) */
static void add_senders(struct walking *w, const int64_t *ids, const struct filter_nodes *nodes,
                        size_t count, int64_t low, int64_t high)
{
    bool is_first = true;
    sql_add(&w->sql, "SELECT hash FROM tx WHERE ");
    sql_hours(&w->sql, low, high);
    sql_add(&w->sql, " AND sender IN (");
    for (size_t i = 0; i < count; i++)
        add_key(w, asking_node(w->asking, nodes != NULL ? nodes->nodes[i].id : ids[i]), &is_first);
    sql_add(&w->sql, "%s)", is_first ? "''" : "");
}

static size_t count_named(const struct filter_nodes *nodes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        count += nodes->nodes[i].is_named_by[size];
    return count;
}

/* Some are looked for wherever their bytes stand, which may be between two hops: the walk looks
 * again. It takes a tenth of looking at each hop. */
static void add_search(struct walking *w, const struct filter_nodes *nodes, size_t size)
{
    const char *glue = "";
    sql_add(&w->sql, "(path_size = %zu AND (", size);
    for (size_t i = 0; i < nodes->count; i++) {
        if (!nodes->nodes[i].is_named_by[size])
            continue;
        sql_add(&w->sql, "%sposition(path, ", glue);
        sql_bytes(&w->sql, nodes->nodes[i].key, size);
        sql_add(&w->sql, ") > 0");
        glue = " OR ";
    }
    sql_add(&w->sql, "))");
}

static void add_each_hop(struct walking *w, const struct filter_nodes *nodes, size_t size)
{
    const char *comma = "";
    sql_add(&w->sql, "(path_size = %zu AND arrayExists(i -> substring(path, i * %zu + 1, %zu) IN (",
            size, size, size);
    for (size_t i = 0; i < nodes->count; i++) {
        if (!nodes->nodes[i].is_named_by[size])
            continue;
        sql_add(&w->sql, "%s", comma);
        sql_bytes(&w->sql, nodes->nodes[i].key, size);
        comma = ",";
    }
    sql_add(&w->sql, "), range(toUInt64(intDiv(length(path), %zu)))))", size);
}

/* A hop of so many bytes that means one of the nodes stands in the path. */
static void add_hops(struct walking *w, const struct filter_nodes *nodes)
{
    sql_add(&w->sql, "0");
    for (size_t size = 1; size < ARRAY_LEN(nodes->nodes[0].is_named_by); size++) {
        const size_t count = count_named(nodes, size);
        if (count == 0)
            continue;
        sql_add(&w->sql, " OR ");
        if (count <= HOPS_SEARCHED)
            add_search(w, nodes, size);
        else
            add_each_hop(w, nodes, size);
    }
}

static void add_nodes(struct walking *w, const struct filter_nodes *nodes, int64_t low,
                      int64_t high)
{
    sql_add(&w->sql, " AND hash IN (");
    add_senders(w, NULL, nodes, nodes->count, low, high);
    if (nodes->are_relays) {
        sql_add(&w->sql, " UNION ALL SELECT hash FROM obs WHERE ");
        sql_hours(&w->sql, low, high);
        sql_add(&w->sql, " AND (");
        add_hops(w, nodes);
        sql_add(&w->sql, ")");
    }
    sql_add(&w->sql, ")");
}

static int64_t hour_of(int64_t ms)
{
    return ms <= 0 ? 0 : ms / MS_PER_HOUR;
}

/* What leaves out, of the receptions between these hours, what can't pass; of the rest the packet
 * itself says it. Relays are heard within a day of the first receipt. */
static void add_conditions(struct walking *w, int64_t low, int64_t high)
{
    const struct filter *f = w->filter;
    if (f->type >= 0)
        sql_add(&w->sql, " AND type = %d", f->type);
    if (f->has_hash)
        sql_add(&w->sql, " AND hash = %" PRIu64, shard_number(f->hash));
    if (f->has_observers)
        add_observers(w);
    if (f->channel != NULL) {
        sql_add(&w->sql, " AND hash IN (SELECT hash FROM messages WHERE kind = 0 AND channel = ");
        sql_text(&w->sql, f->channel);
        sql_add(&w->sql, ")");
    }
    /* The packet itself may be older than its receptions that stand here: then it was sent within
     * the day before. */
    const int64_t first = w->order->by_reception ? low - 24 : low;
    const int64_t end = w->order->by_reception ? high : high + HEARD_HOURS;
    if (f->has_senders) {
        sql_add(&w->sql, " AND hash IN (");
        add_senders(w, f->senders, NULL, f->sender_count, first, end);
        sql_add(&w->sql, ")");
    }
    if (f->node.count > 0)
        add_nodes(w, &f->node, first, end);
    if (f->nodes.count > 0)
        add_nodes(w, &f->nodes, first, end);
}

/* Where a packet stands by its last reception: copies of one, which another ingestor heard later,
 * are none of their own, and go when they are merged. */
static void write_last_receptions(struct walking *w, int64_t low, int64_t high)
{
    sql_add(&w->sql, "SELECT hash, max(r) AS f FROM (SELECT hash, min(receipt_ms) AS r FROM obs"
                     " WHERE ");
    sql_hours(&w->sql, low - COPY_HOURS, high);
    sql_add(&w->sql, " AND receipt_ms <= %" PRId64, w->top);
    add_conditions(w, low, high);
    sql_add(&w->sql,
            " GROUP BY hash, observer, direction, path_size, path HAVING r >= %" PRId64
            ") GROUP BY hash HAVING 1",
            low * MS_PER_HOUR);
}

static void write_first_receptions(struct walking *w, int64_t low, int64_t high)
{
    sql_add(&w->sql, "SELECT hash, min(receipt_ms) AS f FROM obs WHERE ");
    sql_hours(&w->sql, low, high);
    if (w->order->by_reception)
        sql_add(&w->sql, " AND receipt_ms <= %" PRId64, w->top);
    add_conditions(w, low, high);
    sql_add(&w->sql, " GROUP BY hash HAVING 1");
}

static void write_candidates(struct walking *w, int64_t low, int64_t high, size_t max)
{
    const bool is_up = w->order->is_ascending;
    const bool by_reception = w->order->by_reception;
    const char *direction = is_up ? "ASC" : "DESC";
    sql_clear(&w->sql);
    if (by_reception && !is_up)
        write_last_receptions(w, low, high);
    else
        write_first_receptions(w, low, high);
    if (!by_reception && w->filter->since_ms != INT64_MIN)
        sql_add(&w->sql, " AND f > %" PRId64, w->filter->since_ms);
    if (!by_reception && w->filter->until_ms != INT64_MAX)
        sql_add(&w->sql, " AND f < %" PRId64, w->filter->until_ms);
    if (w->has_cursor)
        sql_add(&w->sql, " AND (f %s %" PRId64 " OR (f = %" PRId64 " AND hash %s %" PRIu64 "))",
                is_up ? ">" : "<", w->cursor.ms, w->cursor.ms, is_up ? ">" : "<", w->cursor.hash);
    sql_add(&w->sql, " ORDER BY f %s, hash %s LIMIT %zu FORMAT RowBinary", direction, direction,
            max);
}

/* --- candidates ------------------------------------------------------------------------------- */

static bool add_found(struct walking *w, const struct place *place)
{
    struct place *longer = grow(w->found, w->found_count, &w->found_cap, sizeof *longer);
    w->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return false;
    w->found = longer;
    w->found[w->found_count++] = *place;
    return true;
}

/* Of a shard that gave as many as were asked, what lies behind its last is not known: nothing is
 * taken from there of the others. */
static void bound(struct walking *w, const struct place *last)
{
    if (!w->has_behind || is_before(w, last, &w->behind))
        w->behind = *last;
    w->has_behind = true;
}

/* False = the question failed, or no memory. */
static bool read_candidates(struct walking *w, int64_t low, int64_t high, size_t max)
{
    write_candidates(w, low, high, max);
    w->found_count = 0;
    w->has_behind = false;
    if (w->sql.is_cut) {
        shard_question_fail(w->question);
        return false;
    }
    if (!shard_ask(w->question, w->sql.text))
        return false;
    struct shard_rows rows = shard_rows(w->question);
    size_t shard = 0;
    size_t count = 0;
    for (; shard_rows_next(&rows); shard = rows.shard) {
        struct place place;
        place.hash = rowbinary_read_u64(&rows.row);
        place.ms = rowbinary_read_i64(&rows.row);
        if (!add_found(w, &place))
            return false;
        count = shard == rows.shard ? count + 1 : 1;
        if (count == max)
            bound(w, &place);
    }
    if (!shard_rows_end(&rows))
        return false;
    if (w->found_count > 0)
        qsort(w->found, w->found_count, sizeof *w->found,
              w->order->is_ascending ? compare_up : compare_down);
    while (w->has_behind && w->found_count > 0 &&
           is_before(w, &w->behind, &w->found[w->found_count - 1]))
        w->found_count--;
    return true;
}

/* --- what passes ------------------------------------------------------------------------------ */

static bool names(const struct filter_nodes *nodes, const struct bundle *b)
{
    if (nodes->count == 0 || filter_has_sender(nodes, b->sender_id))
        return true;
    if (!nodes->are_relays || b->packet.type == MESHCORE_TRACE)
        return false;
    for (size_t i = 0; i < b->count; i++) {
        const struct packet_observation *seen = &b->seen[i];
        if (filter_names_hop(nodes, seen->path_size, seen->path, seen->path_len))
            return true;
    }
    return false;
}

static bool passes(const struct filter *f, const struct bundle *b)
{
    const struct packet *p = &b->packet;
    return (f->type < 0 || p->type == f->type) && (f->route < 0 || p->route == f->route) &&
           p->first_ms > f->since_ms && p->first_ms < f->until_ms &&
           (!f->has_hash || memcmp(p->hash, f->hash, sizeof p->hash) == 0) &&
           (!f->has_senders || filter_has_area_sender(f, b->sender_id)) && names(&f->node, b) &&
           names(&f->nodes, b);
}

/* By reception: the one where the packet stands; NULL = none of these observers'. */
static const struct packet_observation *place_of(const struct walking *w, const struct bundle *b)
{
    const struct packet_observation *at = NULL;
    for (size_t i = 0; i < b->count; i++) { /* by receipt */
        const struct packet_observation *seen = &b->seen[i];
        if (seen->receipt_ms > w->top ||
            (w->filter->has_observers && !filter_has_observer(w->filter, seen->observer_id)))
            continue;
        if (at == NULL || !w->order->is_ascending)
            at = seen;
    }
    return at;
}

/* I1. first, end: the window's moments. *out_observation: by reception. */
static bool stands_here(const struct walking *w, const struct bundle *b, int64_t first_ms,
                        int64_t end_ms, int64_t *out_observation)
{
    *out_observation = 0;
    if (!w->order->by_reception)
        return b->packet.first_ms >= first_ms;
    const struct packet_observation *at = place_of(w, b);
    if (at == NULL)
        return false;
    *out_observation = at->id;
    return at->receipt_ms >= first_ms && at->receipt_ms < end_ms;
}

/* False = the page is full. */
static bool take(struct walking *w, const struct bundle *b, const struct place *place,
                 int64_t observation)
{
    const struct walk_found found = {.transmission_id = b->packet.id,
                                     .observation_id = observation,
                                     .ms = place->ms,
                                     .hash = place->hash};
    return walk_take(w->walk, w->order, &found);
}

static bool is_over(struct walking *w)
{
    w->is_late = w->is_late || clock_mono() > w->end_by || basket_is_full(w->basket);
    return w->is_late || w->has_no_memory || shard_question_has_failed(w->question);
}

/* The candidates that were found. False = the page is over. */
static bool take_found(struct walking *w, int64_t low, int64_t high)
{
    uint64_t hashes[TURN_MAX];
    for (size_t i = 0; i < w->found_count;) {
        size_t n = 0;
        for (; n < TURN_MAX && i + n < w->found_count; n++)
            hashes[n] = w->found[i + n].hash;
        if (!basket_read(w->basket, w->question, w->asking, hashes, n))
            return false;
        for (size_t j = 0; j < n; j++, i++) {
            const struct place *place = &w->found[i];
            const struct bundle *b = basket_find_hash(w->basket, place->hash);
            int64_t observation = 0;
            if (b != NULL && passes(w->filter, b) &&
                stands_here(w, b, low * MS_PER_HOUR, high * MS_PER_HOUR, &observation) &&
                !take(w, b, place, observation))
                return false;
            w->cursor = *place;
            w->has_cursor = true;
        }
        if (is_over(w))
            return false;
    }
    return true;
}

/* --- windows ---------------------------------------------------------------------------------- */

/* Between which days anything lies at all. False = the question failed. */
static bool read_bounds(struct walking *w)
{
    int64_t first = INT64_MAX;
    int64_t last = 0;
    if (!shard_ask(w->question,
                   "SELECT toUInt32(min(toUInt32(partition))), toUInt32(max(toUInt32(partition))),"
                   " toUInt64(count()) FROM system.parts WHERE database = currentDatabase()"
                   " AND table = 'obs' AND active FORMAT RowBinary"))
        return false;
    struct shard_rows rows = shard_rows(w->question);
    while (shard_rows_next(&rows)) {
        const int64_t low = rowbinary_read_u32(&rows.row);
        const int64_t high = rowbinary_read_u32(&rows.row);
        const bool is_any = rowbinary_read_u64(&rows.row) > 0;
        first = is_any && low < first ? low : first;
        last = is_any && high > last ? high : last;
    }
    if (!shard_rows_end(&rows))
        return false;
    w->low = first == INT64_MAX ? 0 : first * 24;
    w->high = first == INT64_MAX ? 0 : (last + 1) * 24;
    return true;
}

/* Of what there is, what the filter and the cursor leave. */
static void narrow(struct walking *w)
{
    const struct filter *f = w->filter;
    const struct walk_cursor *cursor = &w->order->cursor;
    const bool is_up = w->order->is_ascending;
    if (f->since_ms != INT64_MIN && hour_of(f->since_ms) > w->low)
        w->low = hour_of(f->since_ms);
    if (!w->order->by_reception && f->until_ms != INT64_MAX && hour_of(f->until_ms) + 1 < w->high)
        w->high = hour_of(f->until_ms) + 1;
    w->top = cursor->is_given ? cursor->top : w->asking->now / US_PER_MS + MS_PER_DAY;
    if (cursor->is_given) {
        w->has_cursor = true;
        w->cursor = (struct place){cursor->id, cursor->hash};
        if (is_up && hour_of(cursor->id) > w->low)
            w->low = hour_of(cursor->id);
        if (!is_up && hour_of(cursor->id) + 1 < w->high)
            w->high = hour_of(cursor->id) + 1;
    }
}

/* As many as the page wants yet, and some: not all pass. */
static size_t wanted(const struct walking *w)
{
    const size_t all = w->order->offset + w->order->limit + 1;
    const size_t left = all > w->walk->passed ? all - w->walk->passed : 1;
    return min_size(left + left / 4 + 8, ASKED_MAX);
}

/* One window to its end. False = the page is over. */
static bool walk_window(struct walking *w, int64_t low, int64_t high)
{
    do {
        const size_t max = wanted(w);
        if (!read_candidates(w, low, high, max) || !take_found(w, low, high))
            return false;
    } while (w->has_behind);
    return true;
}

/* Empty hours of a day are of no interest in a store of years: windows grow. */
static void walk_windows(struct walking *w)
{
    int64_t hours = WINDOW_FIRST_HOURS;
    while (w->low < w->high && !is_over(w)) {
        const bool is_up = w->order->is_ascending;
        const int64_t width = hours < w->high - w->low ? hours : w->high - w->low;
        const int64_t low = is_up ? w->low : w->high - width;
        const size_t before = w->walk->passed;
        if (!walk_window(w, low, low + width))
            return;
        if (is_up)
            w->low += width;
        else
            w->high -= width;
        hours *= w->walk->passed == before ? 8 : 2;
    }
}

/* The place behind which the next page begins, where this one ended early. */
static void end_early(struct walking *w)
{
    struct walk *walk = w->walk;
    const bool is_up = w->order->is_ascending;
    walk->is_complete = false;
    walk->has_more = true;
    if (!w->has_cursor)
        w->cursor = (struct place){is_up ? w->low * MS_PER_HOUR : w->high * MS_PER_HOUR, 0};
    walk->next = (struct walk_cursor){.is_given = true,
                                      .is_by_time = true,
                                      .id = w->cursor.ms,
                                      .hash = w->cursor.hash,
                                      .top = w->top};
}

static void walk_all(struct walking *w)
{
    struct walk *walk = w->walk;
    if (w->filter->is_nothing || !read_bounds(w))
        return;
    narrow(w);
    walk->top = w->top;
    walk_windows(w);
    if (walk->has_more && walk->count > 0)
        walk->next = walk_cursor_after(walk, w->order, walk->count - 1);
    else if (w->is_late && w->low < w->high)
        end_early(w);
}

bool shard_walk(struct asking *asking, struct walk *walk, const struct filter *filter,
                const struct walk_order *order)
{
    struct walking w = {.asking = asking,
                        .question = asking->shards->question,
                        .basket = &asking->shards->basket,
                        .walk = walk,
                        .filter = filter,
                        .order = order,
                        .end_by = clock_mono() + SHARD_WALK_US};
    *walk = (struct walk){.is_complete = true, .is_by_time = true};
    walk->is_too_far = order->offset > WALK_OFFSET_MAX;
    walk->rows = calloc(max_size(order->limit, 1), sizeof *walk->rows);
    w.has_no_memory = walk->rows == NULL;
    sql_begin(&w.sql);
    if (!w.has_no_memory && !walk->is_too_far)
        walk_all(&w);
    sql_done(&w.sql);
    free(w.found);
    return !w.has_no_memory;
}
