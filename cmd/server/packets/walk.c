/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/walk.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/packets/times.h"
#include "common/db/schema.h"

#include <stdlib.h>
#include <string.h>

/* Beside WALK_BUDGET, of each packet that is wanted: its other receptions, and the look at it. */
#define BUDGET_PER_ROW 8
/* A look-up by id costs as much as so many rows of an index. */
#define LOOK_COST 4
/* Of the receptions of one packet so many are looked at. */
#define RECEPTIONS_MAX 1000
/* An index with so few rows is looked through whole. */
#define FEW_ROWS 2000
/* So many observers are merged by their index; of more all receptions are walked. */
#define MERGED_MAX 256

static const char SQL_ROW[] =
    "SELECT type, route, first_ms, coalesce(sender, 0) FROM transmissions WHERE id = ?1";
static const char SQL_MESSAGE[] = "SELECT channel_id FROM messages WHERE transmission_id = ?1";
static const char SQL_FIRST[] = "SELECT coalesce(min(id), 0) FROM transmissions";
static const char SQL_COUNT[] = "SELECT transmissions FROM meta WHERE id = 1";
static const char SQL_RECEPTIONS[] =
    "SELECT id, observer_id FROM observation_keys WHERE transmission_id = ?1 LIMIT ?2";
/* The same, and which way each came: a look at its row. */
static const char SQL_WAYS[] =
    "SELECT o.id, o.observer_id, o.path_size, o.path FROM " SCHEMA_OBSERVATIONS_OF(
        "?1") " LIMIT ?2";

/* Which ids were met: open addressing, 0 = a free place. */
struct id_set {
    int64_t *ids;
    size_t capacity, count;
};

struct walking {
    struct walk *walk;
    struct asking *asking;
    struct reader *reader;
    const struct filter *filter;
    const struct walk_order *order;
    struct source *sources; /* owned */
    size_t source_count;
    int64_t budget;
    struct id_range range;
    int64_t top;
    struct id_set met; /* by reception */
    bool is_out_of_memory;
    bool is_of_channel; /* the sources give messages of the filter's channel alone */
    const struct filter_nodes *of_nodes; /* and packets of these nodes alone */
};

/* --- ids that were met ------------------------------------------------------------------------ */

static size_t place_of(const struct id_set *set, int64_t id)
{
    size_t at = (size_t)((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (set->capacity - 1);
    while (set->ids[at] != 0 && set->ids[at] != id)
        at = (at + 1) & (set->capacity - 1);
    return at;
}

static bool grow(struct id_set *set)
{
    const struct id_set old = *set;
    set->capacity = old.capacity > 0 ? 2 * old.capacity : 1024;
    set->ids = calloc(set->capacity, sizeof *set->ids);
    if (set->ids == NULL) {
        *set = old;
        return false;
    }
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.ids[i] != 0)
            set->ids[place_of(set, old.ids[i])] = old.ids[i];
    }
    free(old.ids);
    return true;
}

/* True = it is new. */
static bool meet(struct walking *w, int64_t id)
{
    if (2 * (w->met.count + 1) > w->met.capacity && !grow(&w->met)) {
        w->is_out_of_memory = true;
        return false;
    }
    const size_t at = place_of(&w->met, id);
    if (w->met.ids[at] == id)
        return false;
    w->met.ids[at] = id;
    w->met.count++;
    return true;
}

/* --- does it pass? ---------------------------------------------------------------------------- */

static bool look_at_row(struct walking *w, struct candidate *c)
{
    struct statement *row = reader_statement(w->reader, SQL_ROW);
    w->budget -= LOOK_COST;
    if (row == NULL)
        return false;
    bind_int(row, 1, c->transmission_id);
    if (statement_row(row) != STATUS_OK)
        return false;
    c->has_row = true;
    c->type = (uint8_t)column_int(row, 0);
    c->route = (uint8_t)column_int(row, 1);
    c->first_ms = column_int(row, 2);
    c->sender_id = column_int(row, 3);
    statement_done(row);
    return true;
}

static bool needs_row(const struct filter *f)
{
    return f->type >= 0 || f->route >= 0 || f->since_ms != INT64_MIN || f->until_ms != INT64_MAX ||
           f->node.count > 0 || f->nodes.count > 0;
}

static bool passes_row(const struct filter *f, const struct candidate *c)
{
    return (f->type < 0 || f->type == c->type) && (f->route < 0 || f->route == c->route) &&
           (f->since_ms == INT64_MIN || c->first_ms > f->since_ms) &&
           (f->until_ms == INT64_MAX || c->first_ms < f->until_ms) &&
           (!f->has_senders || filter_has_area_sender(f, c->sender_id));
}

static bool passes_channel(struct walking *w, const struct candidate *c)
{
    if (w->filter->channel_id == 0 || w->is_of_channel)
        return true;
    w->budget -= LOOK_COST;
    return reader_number_of(w->reader, SQL_MESSAGE, KEYS(c->transmission_id), 0) ==
           w->filter->channel_id;
}

/* What the receptions of a packet say. */
struct receptions {
    int64_t oldest, newest; /* of the filter's observers, up to top; 0 = none */
    bool is_relayed[2];     /* by the filter's node, by one of its nodes */
};

static void look_at_way(const struct filter *f, const struct statement *row, struct receptions *out)
{
    const uint8_t *path = sqlite3_column_blob(row->handle, 3);
    const size_t len = (size_t)sqlite3_column_bytes(row->handle, 3);
    const size_t size = (size_t)column_int(row, 2);
    if (path == NULL)
        return;
    out->is_relayed[0] |= filter_names_hop(&f->node, size, path, len);
    out->is_relayed[1] |= filter_names_hop(&f->nodes, size, path, len);
}

static void look_at_receptions(struct walking *w, int64_t transmission_id, struct receptions *out)
{
    const struct filter *f = w->filter;
    const bool needs_ways = f->node.are_relays || f->nodes.are_relays;
    struct statement *rows = reader_statement(w->reader, needs_ways ? SQL_WAYS : SQL_RECEPTIONS);
    *out = (struct receptions){0};
    w->budget -= LOOK_COST;
    if (rows == NULL)
        return;
    bind_int(rows, 1, transmission_id);
    bind_int(rows, 2, RECEPTIONS_MAX);
    for (; statement_row(rows) == STATUS_OK; w->budget--) {
        const int64_t id = column_int(rows, 0);
        if (needs_ways)
            look_at_way(f, rows, out);
        if (id > w->top || (f->has_observers && !filter_has_observer(f, column_int(rows, 1))))
            continue;
        out->newest = id > out->newest ? id : out->newest;
        out->oldest = out->oldest == 0 || id < out->oldest ? id : out->oldest;
    }
}

/* 1 = yes, 0 = no, -1 = its receptions say. */
static int passes_nodes(const struct walking *w, const struct filter_nodes *nodes,
                        const struct candidate *c)
{
    if (nodes->count == 0 || filter_has_sender(nodes, c->sender_id))
        return 1;
    if (!nodes->are_relays || c->type == MESHCORE_TRACE)
        return 0;
    if (nodes == w->of_nodes)
        return c->is_relayed;
    return -1;
}

/* out_receptions: looked at when `must_look`, or when it depends on them; else zeros. */
static bool passes(struct walking *w, struct candidate *c, bool must_look,
                   struct receptions *out_receptions)
{
    const struct filter *f = w->filter;
    *out_receptions = (struct receptions){0};
    if (needs_row(f) && ((!c->has_row && !look_at_row(w, c)) || !passes_row(f, c)))
        return false;
    const int node = passes_nodes(w, &f->node, c);
    const int nodes = passes_nodes(w, &f->nodes, c);
    if (node == 0 || nodes == 0 || !passes_channel(w, c))
        return false;
    if (must_look || node < 0 || nodes < 0)
        look_at_receptions(w, c->transmission_id, out_receptions);
    return (node > 0 || out_receptions->is_relayed[0]) &&
           (nodes > 0 || out_receptions->is_relayed[1]);
}

/* --- candidates ------------------------------------------------------------------------------- */

static bool is_before(const struct walking *w, int64_t a, int64_t b)
{
    return w->order->is_ascending ? a < b : a > b;
}

/* The first of all sources, taken from those that have it. False = there is none, or the budget
 * ended: *out_bound is then where, else 0. */
static bool next_candidate(struct walking *w, struct candidate *out, int64_t *out_bound)
{
    bool is_any = false;
    bool is_open = false; /* what comes first was not read yet */
    int64_t first = 0;
    *out_bound = 0;
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *source = &w->sources[i];
        const struct candidate *c = source_peek(source, w->reader, &w->budget);
        if (c == NULL && source->is_ended)
            continue;
        const int64_t id = c != NULL ? c->id : source_bound(source);
        if (is_any && !is_before(w, id, first) && !(id == first && c == NULL))
            continue;
        is_any = true;
        first = id;
        is_open = c == NULL;
    }
    if (!is_any)
        return false;
    if (is_open) {
        *out_bound = first;
        return false;
    }
    *out = (struct candidate){0};
    for (size_t i = 0; i < w->source_count; i++) {
        struct source *source = &w->sources[i];
        const struct candidate *c = source_peek(source, w->reader, &w->budget);
        if (c == NULL || c->id != first)
            continue;
        const bool is_relayed = out->is_relayed || c->is_relayed;
        if (!out->has_row)
            *out = *c;
        out->is_relayed = is_relayed;
        source_drop(source);
    }
    return true;
}

static void add_source(struct walking *w, enum source_kind kind, int64_t key,
                       const struct id_range *range, size_t among)
{
    source_init(&w->sources[w->source_count++], kind, key, range, among);
}

static void add_nodes(struct walking *w, const struct filter_nodes *nodes,
                      const struct id_range *range)
{
    w->of_nodes = nodes;
    for (size_t i = 0; i < nodes->count; i++)
        add_source(w, SOURCE_SENDER, nodes->nodes[i].id, range, nodes->count + 1);
    if (!nodes->are_relays)
        return;
    add_source(w, SOURCE_RELAYS, 0, range, 1);
    w->sources[w->source_count - 1].nodes = nodes;
}

static int64_t count_senders(struct walking *w, const struct filter_nodes *nodes)
{
    int64_t count = 0;
    for (size_t i = 0; i < nodes->count && count <= FEW_ROWS; i++)
        count += source_count(SOURCE_SENDER, nodes->nodes[i].id, w->reader, FEW_ROWS + 1);
    return count;
}

static const struct filter_nodes *nodes_of(const struct filter *f)
{
    return f->node.count > 0 ? &f->node : f->nodes.count > 0 ? &f->nodes : NULL;
}

/* Sources of packets, the one with the fewest rows. True = they give few. */
static bool choose_packets(struct walking *w, const struct id_range *range)
{
    const struct filter *f = w->filter;
    const struct filter_nodes *nodes = nodes_of(f);
    int64_t of_type = INT64_MAX;
    int64_t of_channel = INT64_MAX;
    int64_t of_nodes = INT64_MAX;
    if (range->low == range->high) {
        add_source(w, SOURCE_PACKETS, 0, range, 1);
        return true;
    }
    if (f->type >= 0)
        of_type = source_count(SOURCE_TYPE, f->type, w->reader, FEW_ROWS + 1);
    if (f->channel_id != 0)
        of_channel = source_count(SOURCE_CHANNEL, f->channel_id, w->reader, FEW_ROWS + 1);
    if (nodes != NULL && !nodes->are_relays)
        of_nodes = count_senders(w, nodes);
    if (f->channel_id != 0 && (of_channel <= of_type || of_type > FEW_ROWS)) {
        w->is_of_channel = true;
        add_source(w, SOURCE_CHANNEL, f->channel_id, range, 1);
        return of_channel <= FEW_ROWS;
    }
    if (nodes != NULL && (of_nodes <= of_type || of_type > FEW_ROWS)) {
        add_nodes(w, nodes, range);
        return of_nodes <= FEW_ROWS;
    }
    if (f->type >= 0)
        add_source(w, SOURCE_TYPE, f->type, range, 1);
    else
        add_source(w, SOURCE_PACKETS, 0, range, 1);
    return of_type <= FEW_ROWS;
}

static void choose_receptions(struct walking *w, const struct id_range *range)
{
    const struct filter *f = w->filter;
    if (!f->has_observers || f->observer_count > MERGED_MAX) {
        add_source(w, SOURCE_RECEPTIONS, 0, range, 1);
        return;
    }
    for (size_t i = 0; i < f->observer_count; i++)
        add_source(w, SOURCE_OBSERVER, f->observers[i], range, f->observer_count);
}

/* --- pages ------------------------------------------------------------------------------------ */

static struct walk_cursor cursor_at(const struct walking *w, int64_t id)
{
    return (struct walk_cursor){
        .is_given = true, .id = id, .top = w->order->by_reception ? w->top : 0};
}

bool walk_take(struct walk *walk, const struct walk_order *order, const struct walk_found *found)
{
    walk->passed++;
    if (walk->passed <= order->offset)
        return true;
    if (walk->count == order->limit) {
        walk->has_more = true;
        return false;
    }
    walk->rows[walk->count++] = *found;
    return true;
}

static bool take(struct walking *w, int64_t transmission_id, int64_t observation_id)
{
    const struct walk_found found = {.transmission_id = transmission_id,
                                     .observation_id = observation_id};
    return walk_take(w->walk, w->order, &found);
}

/* `bound` was not looked at. */
static void end_early(struct walking *w, int64_t bound)
{
    w->walk->is_complete = false;
    w->walk->has_more = true;
    w->walk->next = cursor_at(w, bound + (w->order->is_ascending ? -1 : 1));
}

static void walk_by_packet(struct walking *w)
{
    struct candidate c;
    struct receptions receptions;
    int64_t bound;
    while (next_candidate(w, &c, &bound)) {
        if (passes(w, &c, false, &receptions) && !take(w, c.transmission_id, 0))
            return;
    }
    if (bound != 0)
        end_early(w, bound);
}

/* Is this reception the one where its packet stands? The first that is met is, on the first page;
 * later ones may have passed it before. */
static bool is_its_place(const struct walking *w, const struct receptions *r, int64_t id)
{
    return !w->order->cursor.is_given || id == (w->order->is_ascending ? r->oldest : r->newest);
}

static void walk_by_reception(struct walking *w)
{
    const struct filter *f = w->filter;
    struct candidate c;
    struct receptions receptions;
    int64_t bound;
    while (next_candidate(w, &c, &bound) && !w->is_out_of_memory) {
        if (f->observer_count > MERGED_MAX && !filter_has_observer(f, c.observer_id))
            continue;
        if (meet(w, c.transmission_id) && passes(w, &c, w->order->cursor.is_given, &receptions) &&
            is_its_place(w, &receptions, c.id) && !take(w, c.transmission_id, c.id))
            return;
    }
    if (bound != 0)
        end_early(w, bound);
}

/* --- few packets, by reception ---------------------------------------------------------------- */

static int compare_down(const void *a, const void *b)
{
    const int64_t x = ((const struct walk_found *)a)->observation_id;
    const int64_t y = ((const struct walk_found *)b)->observation_id;
    return (x < y) - (x > y);
}

static int compare_up(const void *a, const void *b)
{
    return compare_down(b, a);
}

/* All that pass, whose place is on this page or later. */
static size_t gather(struct walking *w, struct walk_found *all, size_t cap)
{
    struct candidate c;
    struct receptions r;
    int64_t bound;
    size_t count = 0;
    w->budget = INT64_MAX; /* they are few */
    while (count < cap && next_candidate(w, &c, &bound)) {
        if (!passes(w, &c, true, &r))
            continue;
        const int64_t place = w->order->is_ascending ? r.oldest : r.newest;
        if (place > 0 && place >= w->range.low && place <= w->range.high)
            all[count++] =
                (struct walk_found){.transmission_id = c.transmission_id, .observation_id = place};
    }
    return count;
}

static void walk_few(struct walking *w)
{
    const size_t cap = (FILTER_NODES_MAX + 1) * (size_t)(FEW_ROWS + 1);
    struct walk_found *all = malloc(cap * sizeof *all);
    w->is_out_of_memory |= all == NULL;
    if (all == NULL)
        return;
    const size_t count = gather(w, all, cap);
    qsort(all, count, sizeof *all, w->order->is_ascending ? compare_up : compare_down);
    for (size_t i = 0; i < count; i++) {
        if (!take(w, all[i].transmission_id, all[i].observation_id))
            break;
    }
    free(all);
}

/* --- together --------------------------------------------------------------------------------- */

/* Of the packets' ids those that may pass. */
static struct id_range packets_range(struct walking *w)
{
    const struct filter *f = w->filter;
    struct id_range range = times_range(w->reader, false, f->since_ms, f->until_ms);
    range.is_ascending = w->order->is_ascending;
    if (f->has_hash) {
        const int64_t id = packet_find_hash(w->asking, f->hash);
        range.high = id != 0 && id >= range.low && id <= range.high ? id : -1;
        range.low = range.high < 0 ? 0 : id;
    }
    return range;
}

static void apply_cursor(const struct walk_order *order, struct id_range *range)
{
    if (order->cursor.is_given && order->is_ascending && order->cursor.id >= range->low)
        range->low = order->cursor.id + 1;
    else if (order->cursor.is_given && !order->is_ascending && order->cursor.id <= range->high)
        range->high = order->cursor.id - 1;
}

/* Where every packet passes and no id is missing, the offset is an addition. */
static bool skip(struct walking *w, struct walk_order *order)
{
    if (order->offset == 0)
        return true;
    const int64_t first = reader_number(w->reader, SQL_FIRST, 0);
    const int64_t count = reader_number(w->reader, SQL_COUNT, -1);
    if (!w->filter->is_any || order->by_reception || order->cursor.is_given ||
        w->range.high - first + 1 != count)
        return order->offset <= WALK_OFFSET_MAX;
    const int64_t offset = (int64_t)order->offset;
    if (order->is_ascending)
        w->range.low = first + offset;
    else
        w->range.high -= offset;
    w->walk->passed = (size_t)(offset < count ? offset : count);
    order->offset = w->walk->passed;
    return true;
}

static void walk_receptions(struct walking *w)
{
    const struct filter *f = w->filter;
    const struct id_range packets = packets_range(w);
    w->range = times_range(w->reader, true, f->since_ms, f->until_ms);
    w->range.is_ascending = w->order->is_ascending;
    w->top = w->order->cursor.is_given ? w->order->cursor.top : w->range.high;
    w->range.high = w->top < w->range.high ? w->top : w->range.high;
    apply_cursor(w->order, &w->range);
    if (choose_packets(w, &packets)) {
        walk_few(w);
        return;
    }
    w->source_count = 0;
    w->is_of_channel = false;
    w->of_nodes = NULL;
    choose_receptions(w, &w->range);
    walk_by_reception(w);
}

static void walk_in_order(struct walking *w, struct walk_order *order)
{
    if (order->by_reception) {
        w->walk->is_too_far = order->offset > WALK_OFFSET_MAX;
        if (!w->walk->is_too_far)
            walk_receptions(w);
        return;
    }
    w->range = packets_range(w);
    if (!skip(w, order)) {
        w->walk->is_too_far = true;
        return;
    }
    apply_cursor(order, &w->range);
    (void)choose_packets(w, &w->range);
    walk_by_packet(w);
}

bool walk_packets(struct walk *walk, struct asking *asking, const struct filter *filter,
                  const struct walk_order *given)
{
    if (asking->model->engine != NULL)
        return asking->model->engine->walk(asking, walk, filter, given);
    struct walk_order order = *given;
    struct walking w = {.walk = walk,
                        .asking = asking,
                        .reader = asking->reader,
                        .filter = filter,
                        .order = &order};
    const size_t sources = min_size(filter->observer_count, MERGED_MAX) + FILTER_NODES_MAX + 1;
    *walk = (struct walk){.is_complete = true};
    walk->rows = calloc(max_size(order.limit, 1), sizeof *walk->rows);
    w.sources = malloc(sources * sizeof *w.sources);
    w.is_out_of_memory = walk->rows == NULL || w.sources == NULL;
    w.budget = WALK_BUDGET + BUDGET_PER_ROW * (int64_t)(order.limit + order.offset);
    if (!w.is_out_of_memory && !filter->is_nothing)
        walk_in_order(&w, &order);
    if (walk->rows != NULL && walk->has_more && walk->is_complete && walk->count > 0)
        walk->next =
            cursor_at(&w, order.by_reception ? walk->rows[walk->count - 1].observation_id
                                             : walk->rows[walk->count - 1].transmission_id);
    walk->top = w.top;
    free(w.sources);
    free(w.met.ids);
    return !w.is_out_of_memory;
}

void walk_done(struct walk *walk)
{
    free(walk->rows);
    walk->rows = NULL;
}

struct walk_cursor walk_cursor_after(const struct walk *walk, const struct walk_order *order,
                                     size_t at)
{
    const struct walk_found *row = &walk->rows[at];
    if (walk->is_by_time)
        return (struct walk_cursor){.is_given = true,
                                    .is_by_time = true,
                                    .id = row->ms,
                                    .hash = row->hash,
                                    .top = walk->top};
    return (struct walk_cursor){.is_given = true,
                                .id = order->by_reception ? row->observation_id
                                                          : row->transmission_id,
                                .top = walk->top};
}
