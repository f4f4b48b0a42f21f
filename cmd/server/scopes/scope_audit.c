/* SPDX-License-Identifier: MIT */
#include "cmd/server/scopes/scope_audit.h"

#include "cmd/server/analytics/places.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/model/hops.h"
#include "cmd/server/tally/table.h"
#include "cmd/server/tally/tally_hops.h"

#include <stdlib.h>
#include <string.h>

#define FORWARDS_MAX   131072
#define NAME_MAX_BYTES 64 /* a longer name is no node's */

static const char SQL_ANSWER[] =
    "SELECT as_of_ms, regions, is_truncated FROM region_answers WHERE target = ?1";
static const char SQL_SELF[] =
    "SELECT as_of_ms, scopes, coalesce(is_truncated, 0) FROM neighbor_reports"
    " WHERE observer_id = ?1 AND scopes NOT NULL";

/* The worst first: the order of the answer. */
enum verdict { MORE, NOT_SEEN, AS_DECLARED, UNKNOWN };
static const char *const verdicts[] = {[MORE] = "forwards more",
                                       [NOT_SEEN] = "declared, not seen",
                                       [AS_DECLARED] = "as declared",
                                       [UNKNOWN] = "unknown"};

/* What came over a node, of one scope: its name, NULL = see `scope`. */
struct forward {
    int64_t node_id, scope; /* the key */
    uint64_t packets;
    int64_t last_ms;
    const char *name; /* static as the directory; set when they are sorted */
};

struct declaration {
    char *names; /* owned; NULL = none is known */
    const char *by;
    int64_t as_of_ms;
    bool is_truncated;
};

struct repeater {
    const struct node *node;
    struct declaration declared;
    const struct forward *forwards; /* borrowed; forward_count of them, the most first */
    size_t forward_count;
    enum verdict verdict;
};

/* Of an engine. */
struct told {
    uint8_t key[NODE_KEY_BYTES]; /* zeros: by observer_id */
    int64_t observer_id;
    struct declaration is;
};

struct audit {
    struct analytics_turn *turn;
    struct told *told; /* owned; sorted */
    size_t told_count, told_cap;
    bool has_no_memory;
    struct forward *forwards; /* owned */
    size_t forward_count;
    struct repeater *repeaters; /* owned */
    size_t count, total;
};

/* --- what was seen ---------------------------------------------------------------------------- */

static int by_node(const void *a, const void *b)
{
    const struct forward *x = a, *y = b;
    if (x->node_id != y->node_id)
        return x->node_id < y->node_id ? -1 : 1;
    if (x->packets != y->packets)
        return x->packets < y->packets ? 1 : -1;
    return x->scope < y->scope ? -1 : x->scope > y->scope;
}

static void add_forward(struct audit *audit, struct table *table, const struct hop_scope *seen)
{
    const struct facts *facts = &audit->turn->facts;
    uint8_t hop[HOP_BYTES_MAX];
    hop_unpack(seen->hop, hop);
    const struct node *node = hops_node(facts->directory, hop, hop_size(seen->hop),
                                        summary_window(facts->summary, 0).to_ms);
    if (node == NULL)
        return;
    const struct forward key = {.node_id = node->id, .scope = seen->scope};
    struct forward *forward = table_take(table, &key, NULL);
    if (forward == NULL)
        return;
    forward->packets += seen->packets;
    if (seen->last_ms > forward->last_ms)
        forward->last_ms = seen->last_ms;
}

/* False = no memory. */
static bool gather_forwards(struct audit *audit)
{
    const struct facts *facts = &audit->turn->facts;
    const struct tally_hops *hops = summary_hops(facts->summary);
    struct table table;
    table_init(&table, sizeof(struct forward), offsetof(struct forward, packets), FORWARDS_MAX);
    for (size_t i = 0; i < tally_hop_scopes(hops); i++)
        add_forward(audit, &table, tally_hop_scope_at(hops, i));
    audit->forwards = malloc((table.count + 1) * sizeof *audit->forwards);
    for (size_t i = 0; audit->forwards != NULL && i < table.count; i++) {
        struct forward *forward = &audit->forwards[audit->forward_count++];
        *forward = *(const struct forward *)table_at(&table, i);
        forward->name = directory_scope(facts->directory, forward->scope);
    }
    audit->turn->is_complete = audit->turn->is_complete && !table.is_cut;
    table_done(&table);
    if (audit->forward_count > 0)
        qsort(audit->forwards, audit->forward_count, sizeof *audit->forwards, by_node);
    return audit->forwards != NULL;
}

/* Of the scope; 0 = none came. */
static uint64_t seen_of(const struct repeater *repeater, int64_t scope)
{
    for (size_t i = 0; i < repeater->forward_count; i++)
        if (repeater->forwards[i].scope == scope)
            return repeater->forwards[i].packets;
    return 0;
}

/* The forwards stand in the order of nodes. */
static void find_forwards(const struct audit *audit, struct repeater *repeater)
{
    size_t low = 0, high = audit->forward_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (audit->forwards[middle].node_id < repeater->node->id)
            low = middle + 1;
        else
            high = middle;
    }
    repeater->forwards = audit->forwards + low;
    while (low + repeater->forward_count < audit->forward_count &&
           repeater->forwards[repeater->forward_count].node_id == repeater->node->id)
        repeater->forward_count++;
}

/* --- what is declared ------------------------------------------------------------------------- */

/* Takes the newer one. False = no memory. */
static bool declare(struct declaration *out, const char *names, const char *by, int64_t as_of_ms,
                    bool is_truncated)
{
    if (names == NULL || (out->names != NULL && as_of_ms <= out->as_of_ms))
        return true;
    char *copy = strdup(names);
    if (copy == NULL)
        return false;
    free(out->names);
    *out = (struct declaration){
        .names = copy, .by = by, .as_of_ms = as_of_ms, .is_truncated = is_truncated};
    return true;
}

/* row: bound, of as_of_ms, names and is_truncated. */
static bool declare_row(struct declaration *out, struct statement *row, const char *by)
{
    bool is_kept = true;
    if (statement_row(row) == STATUS_OK) {
        is_kept = declare(out, (const char *)sqlite3_column_text(row->handle, 1), by,
                          column_int(row, 0), column_int(row, 2) != 0);
        statement_done(row);
    }
    return is_kept;
}

static int by_who(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    const int order = memcmp(x->key, y->key, sizeof x->key);
    return order != 0 ? order
                      : (x->observer_id > y->observer_id) - (x->observer_id < y->observer_id);
}

static void note_told(void *context, const struct engine_declaration *declared)
{
    struct audit *audit = context;
    struct told *longer = grow(audit->told, audit->told_count, &audit->told_cap, sizeof *longer);
    audit->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return;
    audit->told = longer;
    struct told *told = &audit->told[audit->told_count];
    *told = (struct told){.observer_id = declared->observer_id};
    if (declared->key != NULL)
        memcpy(told->key, declared->key, sizeof told->key);
    audit->has_no_memory |=
        !declare(&told->is, declared->regions, declared->key != NULL ? "regions" : "self",
                 declared->as_of_ms, declared->is_truncated);
    audit->told_count++;
}

/* False = no memory, or the question failed. */
static bool read_told(struct audit *audit)
{
    struct asking *asking = audit->turn->asking;
    const struct engine *engine = asking->model->engine;
    if (engine == NULL)
        return true;
    if (!engine->declarations(asking, note_told, audit) || audit->has_no_memory)
        return false;
    if (audit->told_count > 0)
        qsort(audit->told, audit->told_count, sizeof *audit->told, by_who);
    return true;
}

static void free_told(struct audit *audit)
{
    for (size_t i = 0; i < audit->told_count; i++)
        free(audit->told[i].is.names);
    free(audit->told);
}

/* False = no memory. */
static bool declare_told(const struct audit *audit, const struct told *wanted,
                         struct declaration *out)
{
    const struct told *told =
        audit->told_count > 0
            ? bsearch(wanted, audit->told, audit->told_count, sizeof *wanted, by_who)
            : NULL;
    return told == NULL ||
           declare(out, told->is.names, told->is.by, told->is.as_of_ms, told->is.is_truncated);
}

static bool find_told(const struct audit *audit, const struct node *node, struct declaration *out)
{
    const struct observer *observer = facts_observer(&audit->turn->facts, node);
    struct told answer = {.observer_id = 0};
    const struct told self = {.observer_id = observer != NULL ? observer->id : -1};
    memcpy(answer.key, node->key, sizeof answer.key);
    return declare_told(audit, &answer, out) && declare_told(audit, &self, out);
}

/* False = no memory, or the question failed. */
static bool find_declaration(const struct audit *audit, const struct node *node,
                             struct declaration *out)
{
    struct reader *reader = audit->turn->asking->reader;
    const struct facts *facts = &audit->turn->facts;
    int64_t as_of_ms = 0;
    const char *told = facts_configured_scopes(facts, node, &as_of_ms);
    if (!declare(out, told, "neighbors", as_of_ms, false))
        return false;
    if (audit->turn->asking->model->engine != NULL)
        return find_told(audit, node, out);
    struct statement *answer = reader_statement(reader, SQL_ANSWER);
    if (answer == NULL)
        return false;
    bind_blob(answer, 1, node->key, sizeof node->key);
    if (!declare_row(out, answer, "regions"))
        return false;
    const struct observer *observer = facts_observer(facts, node);
    struct statement *self = observer != NULL ? reader_statement(reader, SQL_SELF) : NULL;
    if (observer == NULL || self == NULL)
        return observer == NULL;
    bind_int(self, 1, observer->id);
    return declare_row(out, self, "self");
}

/* A node keeps no more of a region's name (CONFIG_REGION_NODE_BYTES). */
static bool is_declared(const char *names, const char *scope)
{
    char kept[CONFIG_REGION_NODE_BYTES + 1];
    if (facts_scopes_have(names, scope))
        return true;
    if (strlen(scope) < sizeof kept)
        return false;
    memcpy(kept, scope, sizeof kept - 1);
    kept[sizeof kept - 1] = '\0';
    return facts_scopes_have(names, kept);
}

/* The name of hashRegions that a declared one is; NULL = none, or `*`. */
static const char *configured(const struct audit *audit, const char *name, size_t len)
{
    const struct config_list *regions = &audit->turn->asking->config->hash_regions;
    char list[NAME_MAX_BYTES];
    if (len >= sizeof list)
        return NULL;
    memcpy(list, name, len);
    list[len] = '\0';
    for (size_t i = 0; i < regions->count; i++)
        if (is_declared(list, regions->items[i]))
            return regions->items[i];
    return NULL;
}

static bool is_wildcard(const char *name, size_t len)
{
    return len == 1 && *name == '*';
}

/* --- verdicts --------------------------------------------------------------------------------- */

static bool forwards_more(const struct repeater *repeater)
{
    const char *names = repeater->declared.names;
    for (size_t i = 0; i < repeater->forward_count; i++) {
        const struct forward *forward = &repeater->forwards[i];
        const char *name = forward->scope == HOP_UNSCOPED ? "*" : forward->name;
        if (name != NULL && forward->packets >= AUDIT_LEAST && !is_declared(names, name))
            return true;
    }
    return false;
}

static bool was_seen(const struct repeater *repeater, const char *scope)
{
    for (size_t i = 0; i < repeater->forward_count; i++)
        if (repeater->forwards[i].name != NULL && strcmp(repeater->forwards[i].name, scope) == 0)
            return true;
    return false;
}

static enum verdict judge(const struct audit *audit, const struct repeater *repeater)
{
    const char *at = repeater->declared.names, *name;
    size_t len, judged = 0, names = 0;
    bool all_seen = true;
    if (at == NULL)
        return UNKNOWN;
    if (forwards_more(repeater))
        return MORE;
    for (; (name = facts_scopes_next(&at, &len)) != NULL; names++) {
        const char *scope = is_wildcard(name, len) ? NULL : configured(audit, name, len);
        if (scope == NULL && !is_wildcard(name, len))
            continue;
        judged++;
        all_seen = all_seen && (scope == NULL ? seen_of(repeater, HOP_UNSCOPED) > 0
                                              : was_seen(repeater, scope));
    }
    if (names > 0 && judged == 0)
        return UNKNOWN;
    return all_seen ? AS_DECLARED : NOT_SEEN;
}

/* --- repeaters -------------------------------------------------------------------------------- */

static bool may_repeat(const struct node *node)
{
    return node_may_relay(node) && !node->is_inactive;
}

/* False = no memory, or the question failed. */
static bool add_repeater(struct audit *audit, const struct node *node)
{
    struct repeater *repeater = &audit->repeaters[audit->count];
    *repeater = (struct repeater){.node = node};
    find_forwards(audit, repeater);
    if (!find_declaration(audit, node, &repeater->declared)) {
        free(repeater->declared.names);
        return false;
    }
    if (node->role == MESHCORE_ROLE_ROOM && repeater->declared.names == NULL &&
        repeater->forward_count == 0)
        return true;
    repeater->verdict = judge(audit, repeater);
    audit->count++;
    audit->total++;
    return true;
}

static bool gather_repeaters(struct audit *audit, const struct node *const *nodes, size_t count)
{
    audit->repeaters = malloc((min_size(count, AUDIT_MAX) + 1) * sizeof *audit->repeaters);
    if (audit->repeaters == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!may_repeat(nodes[i]))
            continue;
        if (audit->count == AUDIT_MAX) {
            audit->total++;
            audit->turn->is_complete = false;
        } else if (!add_repeater(audit, nodes[i])) {
            return false;
        }
    }
    return true;
}

static int by_verdict(const void *a, const void *b)
{
    const struct repeater *x = a, *y = b;
    if (x->verdict != y->verdict)
        return (int)x->verdict - (int)y->verdict;
    const int order = strcmp(x->node->name, y->node->name);
    return order != 0 ? order : memcmp(x->node->key, y->node->key, NODE_KEY_BYTES);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_declared(struct json_write *w, const struct declaration *declared)
{
    const char *at = declared->names, *name;
    size_t len;
    if (at == NULL) {
        jw_null(w, "declared");
        return;
    }
    jw_array(w, "declared");
    while ((name = facts_scopes_next(&at, &len)) != NULL)
        jw_text(w, NULL, name, len);
    jw_array_end(w);
    jw_bool(w, "declaresUnscoped", is_declared(declared->names, "*"));
    jw_time(w, "declaredAt", declared->as_of_ms * US_PER_MS);
    jw_string(w, "declaredBy", declared->by);
    if (declared->is_truncated)
        jw_bool(w, "truncated", true);
}

static void write_not_configured(struct json_write *w, const struct audit *audit,
                                 const struct declaration *declared)
{
    const char *at = declared->names != NULL ? declared->names : "", *name;
    size_t len;
    jw_array(w, "notConfigured");
    while ((name = facts_scopes_next(&at, &len)) != NULL)
        if (!is_wildcard(name, len) && configured(audit, name, len) == NULL)
            jw_text(w, NULL, name, len);
    jw_array_end(w);
}

static void write_forwarded(struct json_write *w, const struct repeater *repeater)
{
    uint64_t unknown = 0;
    jw_array(w, "forwarded");
    for (size_t i = 0; i < repeater->forward_count; i++) {
        const struct forward *forward = &repeater->forwards[i];
        if (forward->name == NULL) {
            unknown += forward->scope == HOP_UNSCOPED ? 0 : forward->packets;
            continue;
        }
        jw_object(w, NULL);
        jw_string(w, "name", forward->name);
        jw_uint(w, "count", forward->packets);
        jw_time(w, "last", forward->last_ms * US_PER_MS);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_uint(w, "unscopedForwarded", seen_of(repeater, HOP_UNSCOPED));
    jw_uint(w, "unknownForwarded", unknown);
}

static void write_audit(struct json_write *w, const struct audit *audit)
{
    jw_string(w, "window", "24h");
    jw_uint(w, "total", audit->total);
    jw_array(w, "repeaters");
    for (size_t i = 0; i < audit->count; i++) {
        const struct repeater *repeater = &audit->repeaters[i];
        jw_object(w, NULL);
        jw_hex_lower(w, "pubkey", repeater->node->key, NODE_KEY_BYTES);
        jw_string_or_null(w, "name", repeater->node->name);
        node_role(w, "role", repeater->node);
        write_declared(w, &repeater->declared);
        write_not_configured(w, audit, &repeater->declared);
        write_forwarded(w, repeater);
        jw_string(w, "verdict", verdicts[repeater->verdict]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    struct audit audit = {.turn = turn};
    size_t node_count = 0;
    analysis_of_summary(turn, 1U << TALLY_hops);
    const struct node **nodes = places_nodes(turn, &node_count);
    const bool is_made = nodes != NULL && gather_forwards(&audit) && read_told(&audit) &&
                         gather_repeaters(&audit, nodes, node_count);
    if (is_made) {
        if (audit.count > 0)
            qsort(audit.repeaters, audit.count, sizeof *audit.repeaters, by_verdict);
        write_audit(w, &audit);
    }
    for (size_t i = 0; i < audit.count; i++)
        free(audit.repeaters[i].declared.names);
    free_told(&audit);
    free(audit.repeaters);
    free(audit.forwards);
    free(nodes);
    return is_made;
}

const struct http_parameter scope_audit_parameters[] = {ANALYTICS_AREA, ANALYTICS_REGION, {0}};
const struct analysis analysis_scope_audit = {.name = "scope-audit",
                                              .compute = compute,
                                              .parameters = scope_audit_parameters,
                                              .needs_summary = true};
