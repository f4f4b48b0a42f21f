/* SPDX-License-Identifier: MIT
 *
 * The stretches that many paths have in common (subpath_table.h).
 *
 * Definitions. count: receptions of floods in the window along paths that hold these hops in a row.
 * totalPaths: receptions along paths of at least as many hops as the shortest stretch that is asked
 * for; pct: count of these, in percent. path: what the hops mean (hop_names.h); rawHops: the hops.
 * SQL of the rows: as topology.c. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/paths/gather.h"
#include "cmd/server/paths/hop_names.h"
#include "cmd/server/paths/subpath_groups.h"
#include "cmd/server/paths/subpath_table.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100

struct stretches {
    struct ways ways;
    uint32_t *weights; /* owned; of each path */
    /* owned; by their hops; NULL = not counted (yet) */
    struct subpaths *counted[SUBPATH_HOPS_MOST + 1];
    bool is_cut;
};

static bool weigh(struct stretches *s, struct analytics_turn *turn)
{
    if (!ways_init(&s->ways, turn->facts.directory, turn->facts.summary))
        return false;
    s->weights = calloc(tally_paths_count(s->ways.paths) + 1, sizeof *s->weights);
    for (size_t i = 0; s->weights != NULL && i < ways_count(&s->ways); i++) {
        struct way way;
        if (ways_at(&s->ways, i, &way) && way.path != NULL)
            s->weights[way.heard->path] += way.heard->receptions;
    }
    analysis_of_summary(turn, 1U << TALLY_paths);
    return s->weights != NULL;
}

static void done(struct stretches *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->counted); i++)
        free(s->counted[i]);
    free(s->weights);
    ways_done(&s->ways);
}

static const struct subpaths *of_length(struct stretches *s, size_t hops)
{
    if (s->counted[hops] != NULL)
        return s->counted[hops];
    struct subpaths *counted = malloc(sizeof *counted);
    if (counted != NULL && !subpaths_count(s->ways.paths, s->weights, hops, counted)) {
        free(counted);
        return NULL;
    }
    s->counted[hops] = counted;
    s->is_cut = s->is_cut || (counted != NULL && counted->is_cut);
    return counted;
}

static uint64_t receptions_of(const struct stretches *s, size_t least_hops)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < tally_paths_count(s->ways.paths); i++)
        if (tally_paths_at(s->ways.paths, i)->hop_count >= least_hops)
            sum += s->weights[i];
    return sum;
}

static void write_row(struct json_write *w, const struct stretches *s, const struct subpath *row,
                      uint64_t total)
{
    const struct hops hops = {row->bytes, row->hop_bytes, row->hop_count};
    jw_object(w, NULL);
    write_hop_names(w, "path", s->ways.directory, &hops, s->ways.to_ms);
    write_hops_hex(w, "rawHops", &hops);
    jw_uint(w, "count", row->receptions);
    jw_uint(w, "hops", row->hop_count);
    jw_rounded(w, "pct", total == 0 ? 0 : 100.0 * row->receptions / (double)total, 2);
    jw_object_end(w);
}

/* False = no memory. */
static bool write_group(struct json_write *w, struct stretches *s,
                        const struct subpath_group *group)
{
    const uint64_t total = receptions_of(s, group->least);
    size_t count = 0;
    struct subpath *rows =
        malloc((SUBPATH_HOPS_MOST - SUBPATH_HOPS_LEAST + 1) * SUBPATHS_KEPT * sizeof *rows);
    for (size_t hops = group->least; rows != NULL && hops <= group->most; hops++) {
        const struct subpaths *counted = of_length(s, hops);
        if (counted == NULL) {
            free(rows);
            return false;
        }
        memcpy(rows + count, counted->rows, counted->count * sizeof *rows);
        count += counted->count;
    }
    if (rows == NULL)
        return false;
    qsort(rows, count, sizeof *rows, subpath_compare);
    jw_array(w, "subpaths");
    for (size_t i = 0; i < min_size(count, group->limit); i++)
        write_row(w, s, &rows[i], total);
    jw_array_end(w);
    jw_uint(w, "totalPaths", total);
    free(rows);
    return true;
}

bool subpaths_compute(struct analytics_turn *turn, struct json_write *w)
{
    struct subpath_group group = {
        .least = http_query_limit(turn->query, "minLen", SUBPATH_HOPS_LEAST, SUBPATH_HOPS_MOST),
        .most = http_query_limit(turn->query, "maxLen", SUBPATH_HOPS_MOST, SUBPATH_HOPS_MOST),
        .limit = http_query_limit(turn->query, "limit", LIMIT_DEFAULT, SUBPATHS_KEPT)};
    struct stretches s = {0};
    group.least = max_size(group.least, SUBPATH_HOPS_LEAST);
    group.most = max_size(group.most, group.least);
    const bool is_good = weigh(&s, turn) && write_group(w, &s, &group);
    turn->is_complete = turn->is_complete && !s.is_cut;
    done(&s);
    return is_good;
}

bool subpaths_bulk_compute(struct analytics_turn *turn, struct json_write *w)
{
    struct subpath_group groups[SUBPATH_GROUPS_MAX];
    struct stretches s = {0};
    const size_t count = subpath_groups_read(http_query_text(turn->query, "groups"), groups);
    bool is_good = weigh(&s, turn);
    jw_array(w, "results");
    for (size_t i = 0; is_good && i < count; i++) {
        jw_object(w, NULL);
        is_good = write_group(w, &s, &groups[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    turn->is_complete = turn->is_complete && !s.is_cut;
    done(&s);
    return is_good;
}
