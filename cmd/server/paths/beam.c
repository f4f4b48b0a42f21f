/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/beam.h"

#include <math.h>
#include <stdlib.h>

double beam_step(const struct beam *beam, size_t hop, size_t number, const struct node *before,
                 double *out_edge)
{
    double edge = 1;
    if (before != NULL) {
        const struct link *link = links_find(beam->links, stop_of_node(before),
                                             stop_of_node(beam->hops[hop].candidates[number]));
        edge = link != NULL ? link_score(link) : 0;
    }
    if (out_edge != NULL)
        *out_edge = edge;
    const double score =
        BEAM_EDGE_SHARE * edge + (1 - BEAM_EDGE_SHARE) / (double)beam->hops[hop].count;
    return score > BEAM_FLOOR ? score : BEAM_FLOOR;
}

static int by_score(const void *a, const void *b)
{
    const struct beam_path *x = a;
    const struct beam_path *y = b;
    return (x->log_score < y->log_score) - (x->log_score > y->log_score);
}

/* All that a beginning may go on to: into out. */
static size_t expand(struct beam *beam, const struct beam_path *path, size_t hop,
                     struct beam_path *out)
{
    const struct node *before =
        hop == 0 ? NULL : beam->hops[hop - 1].candidates[path->chosen[hop - 1]];
    for (size_t i = 0; i < beam->hops[hop].count; i++) {
        out[i] = *path;
        out[i].chosen[hop] = (uint8_t)i;
        out[i].log_score += log(beam_step(beam, hop, i, before, NULL));
        beam->expansions++;
    }
    return beam->hops[hop].count;
}

bool beam_search(struct beam *beam)
{
    struct beam_path *next = malloc(BEAM_WIDTH * HOPS_CANDIDATES_MAX * sizeof *next);
    if (next == NULL)
        return false;
    beam->paths[0] = (struct beam_path){0};
    beam->path_count = 1;
    for (size_t hop = 0; hop < beam->hop_count; hop++) {
        size_t count = 0;
        for (size_t i = 0; i < beam->path_count; i++)
            count += expand(beam, &beam->paths[i], hop, next + count);
        if (count > 0)
            qsort(next, count, sizeof *next, by_score);
        beam->path_count = min_size(count, BEAM_WIDTH);
        for (size_t i = 0; i < beam->path_count; i++)
            beam->paths[i] = next[i];
    }
    free(next);
    return true;
}

double beam_score(const struct beam *beam, const struct beam_path *path)
{
    return beam->hop_count == 0 ? 0 : exp(path->log_score / (double)beam->hop_count);
}
