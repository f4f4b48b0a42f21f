/* SPDX-License-Identifier: MIT
 *
 * One stretch of hops: who received along paths that hold it, when and how.
 *
 * Definitions, of the receptions of floods in the window along paths that hold these hops in a row:
 *   totalMatches      how many; firstSeen, lastSeen: the receipts of the first and the last
 *   hourDistribution  by the hour of the day of their receipt, UTC
 *   signal            what was measured (not invented) at their end, by the observer
 *   observers         by who received, the first OBSERVERS_SHOWN
 *   parentPaths       the paths that hold it, by receptions, the first PARENTS_SHOWN
 * Receptions by observers that nobody shall see count in hourDistribution and parentPaths alone.
 * SQL of the rows: as topology.c. Cost: a look at every path and at every pair of path and
 * observer: 5 ms at the most there can be. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/http/request.h"
#include "cmd/server/model/hops.h"
#include "cmd/server/paths/gather.h"
#include "cmd/server/paths/hop_names.h"
#include "cmd/server/paths/subpath_table.h"
#include "common/base/hex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOPS_ASKED_MAX  16
#define OBSERVERS_MAX   4096
#define OBSERVERS_SHOWN 50
#define PARENTS_SHOWN   20

struct heard_by {
    uint32_t observer; /* the key */
    uint32_t receptions;
};

struct detail {
    const struct facts *facts;
    const struct tally_paths *paths;
    struct summary_window window;
    uint8_t bytes[HOPS_ASKED_MAX * HOP_BYTES_MAX];
    struct hops hops;
    bool *holds; /* owned; of each path */
    const struct path_count *parents[PARENTS_SHOWN];
    size_t parent_count;
    struct table observers;
    uint64_t matches, snr_count, rssi_count;
    double snr_sum, rssi_sum;
    uint32_t first, last; /* as in struct path_heard */
    uint64_t by_hour[PATH_DAY_HOURS];
};

/* "3F,A0,11": all of one size. */
static bool read_hops(const char *list, struct detail *d)
{
    size_t len = 0;
    while (list != NULL && *list != '\0') {
        size_t size;
        const size_t digits = strcspn(list, ",");
        if (d->hops.hop_count == HOPS_ASKED_MAX || digits > 2 * (size_t)HOP_BYTES_MAX ||
            !hex_decode(list, digits, d->bytes + len, HOP_BYTES_MAX, &size) || size == 0 ||
            (d->hops.hop_bytes != 0 && size != d->hops.hop_bytes))
            return false;
        d->hops.hop_bytes = size;
        d->hops.hop_count++;
        len += size;
        list += digits + (list[digits] == ',');
    }
    d->hops.bytes = d->bytes;
    return d->hops.hop_count > 0;
}

/* --- counting --------------------------------------------------------------------------------- */

static void keep_parent(struct detail *d, const struct path_count *path)
{
    size_t at = d->parent_count;
    while (at > 0 && d->parents[at - 1]->receptions < path->receptions)
        at--;
    if (at == PARENTS_SHOWN)
        return;
    d->parent_count = min_size(d->parent_count + 1, PARENTS_SHOWN);
    memmove(&d->parents[at + 1], &d->parents[at],
            (d->parent_count - 1 - at) * sizeof(const struct path_count *));
    d->parents[at] = path;
}

static void find_paths(struct detail *d)
{
    for (size_t i = 0; i < tally_paths_count(d->paths); i++) {
        const struct path_count *path = tally_paths_at(d->paths, i);
        d->holds[i] = subpath_is_in(d->paths, path, d->bytes, d->hops.hop_bytes, d->hops.hop_count);
        if (!d->holds[i])
            continue;
        keep_parent(d, path);
        for (size_t hour = 0; hour < PATH_DAY_HOURS; hour++)
            d->by_hour[hour] += path->by_hour[hour];
    }
}

static void add_heard(struct detail *d, const struct path_heard *heard)
{
    struct heard_by *by = table_take(&d->observers, &heard->observer, NULL);
    if (by != NULL)
        by->receptions += heard->receptions;
    if (d->matches == 0 || heard->first < d->first)
        d->first = heard->first;
    if (heard->last > d->last)
        d->last = heard->last;
    d->matches += heard->receptions;
    d->snr_count += heard->snr_count;
    d->snr_sum += (double)heard->snr_sum;
    d->rssi_count += heard->rssi_count;
    d->rssi_sum += (double)heard->rssi_sum;
}

static void find_receptions(struct detail *d)
{
    for (size_t i = 0; i < tally_paths_heard_count(d->paths); i++) {
        const struct path_heard *heard = tally_paths_heard_at(d->paths, i);
        if (heard->path == PATH_NONE || !d->holds[heard->path])
            continue;
        const struct observer *observer = directory_observer(d->facts->directory, heard->observer);
        if (observer != NULL && !observer->is_hidden)
            add_heard(d, heard);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_nodes(struct json_write *w, const struct detail *d)
{
    jw_array(w, "nodes");
    for (size_t i = 0; i < d->hops.hop_count; i++) {
        const uint8_t *hop = d->bytes + i * d->hops.hop_bytes;
        const struct node *node =
            hops_node(d->facts->directory, hop, d->hops.hop_bytes, d->window.to_ms);
        jw_object(w, NULL);
        jw_hex_upper(w, "hop", hop, d->hops.hop_bytes);
        write_hop_names(w, "name", d->facts->directory, &(struct hops){hop, d->hops.hop_bytes, 1},
                        d->window.to_ms);
        if (node != NULL)
            jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
        else
            jw_null(w, "pubkey");
        jw_real(w, "lat", node != NULL ? node->lat : (double)NAN);
        jw_real(w, "lon", node != NULL ? node->lon : (double)NAN);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_times(struct json_write *w, const struct detail *d)
{
    const int64_t origin_ms = d->window.origin_ms;
    node_time(w, "firstSeen", d->matches > 0 ? origin_ms + d->first : DIRECTORY_NEVER);
    node_time(w, "lastSeen", d->matches > 0 ? origin_ms + d->last : DIRECTORY_NEVER);
    jw_array(w, "hourDistribution");
    for (size_t hour = 0; hour < PATH_DAY_HOURS; hour++)
        jw_uint(w, NULL, d->by_hour[hour]);
    jw_array_end(w);
}

static void write_signal(struct json_write *w, const struct detail *d)
{
    jw_object(w, "signal");
    jw_rounded(w, "avgSnr", d->snr_sum / (double)d->snr_count, 2);
    jw_rounded(w, "avgRssi", d->rssi_sum / (double)d->rssi_count, 2);
    jw_uint(w, "samples", d->snr_count);
    jw_object_end(w);
}

static int by_receptions(const void *a, const void *b)
{
    const struct heard_by *x = a;
    const struct heard_by *y = b;
    if (x->receptions != y->receptions)
        return x->receptions < y->receptions ? 1 : -1;
    return (x->observer > y->observer) - (x->observer < y->observer);
}

/* The table is put in order; nothing is looked up in it afterwards. */
static void write_observers(struct json_write *w, struct detail *d)
{
    struct table *t = &d->observers;
    jw_array(w, "observers");
    if (t->count > 0)
        qsort(t->entries, t->count, t->entry_bytes, by_receptions);
    for (size_t i = 0; i < min_size(t->count, OBSERVERS_SHOWN); i++) {
        const struct heard_by *by = table_at(t, i);
        const struct observer *o = directory_observer(d->facts->directory, by->observer);
        jw_object(w, NULL);
        jw_string(w, "name", *o->name != '\0' ? o->name : o->identity);
        jw_string(w, "id", o->identity);
        jw_uint(w, "count", by->receptions);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_parents(struct json_write *w, const struct detail *d)
{
    jw_array(w, "parentPaths");
    for (size_t i = 0; i < d->parent_count; i++) {
        const struct path_count *path = d->parents[i];
        const struct hops hops = {tally_path_bytes(d->paths, path), path->hop_bytes,
                                  path->hop_count};
        jw_object(w, NULL);
        write_hop_names(w, "path", d->facts->directory, &hops, d->window.to_ms);
        write_hops_hex(w, "rawHops", &hops);
        jw_uint(w, "count", path->receptions);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_detail(struct json_write *w, struct detail *d)
{
    jw_object(w, NULL);
    write_hops_hex(w, "hops", &d->hops);
    write_nodes(w, d);
    jw_uint(w, "totalMatches", d->matches);
    write_times(w, d);
    write_signal(w, d);
    write_observers(w, d);
    write_parents(w, d);
    analytics_write_tail(w, d->window.to_ms, d->window.from_ms, d->window.to_ms,
                         d->window.is_complete && !d->observers.is_cut);
    jw_object_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static void answer(struct detail *d, struct http_reply *reply)
{
    struct json_write w;
    d->paths = summary_paths(d->facts->summary);
    d->window = summary_window(d->facts->summary, 1U << TALLY_paths);
    d->holds = calloc(tally_paths_count(d->paths) + 1, sizeof *d->holds);
    if (d->holds == NULL)
        return;
    table_init(&d->observers, sizeof(struct heard_by), sizeof(uint32_t), OBSERVERS_MAX);
    find_paths(d);
    find_receptions(d);
    jw_grow(&w, HTTP_ANSWER_MAX);
    write_detail(&w, d);
    http_reply_json(reply, &w);
    reply->kept_s = d->window.is_complete ? FACTS_KEPT_S : 0;
    table_done(&d->observers);
    free(d->holds);
}

void paths_ask_subpath_detail(struct asking *asking, const struct http_request *request,
                              struct http_reply *reply)
{
    struct facts facts;
    struct detail d = {.facts = &facts};
    if (!read_hops(http_query_text(request->query, "hops"), &d)) {
        http_reply_field_error(reply, 400, "hops",
                               "hops must be 1 to 16 hops of the same 1 to 3 bytes, in hex, "
                               "separated by commas");
        return;
    }
    if (!facts_begin(&facts, asking))
        return;
    if (facts.summary == NULL)
        http_reply_error(reply, 503, "the last 24 hours are being counted: ask again");
    else
        answer(&d, reply);
    facts_end(&facts);
}
