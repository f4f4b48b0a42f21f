/* SPDX-License-Identifier: MIT
 *
 * beam - which nodes the hops of a path may be, judged by who is known to hear whom.
 *
 * Every hop may be any node whose key begins so (hops_candidates). A step from one node to the next
 * scores EDGE_SHARE times the score of their link (links.h; of the first hop 1) and the rest times
 * 1 / the candidates of the hop, at least BEAM_FLOOR; a path scores the geometric mean of its
 * steps. Hop by hop the BEAM_WIDTH best beginnings go on: the search is bounded, and may miss a
 * path whose beginning looks worse than that.
 * Pure but for the directory and the links. Cost: hops x BEAM_WIDTH x HOPS_CANDIDATES_MAX looks at
 * a link, 5 ms at most. */
#pragma once

#include "cmd/server/model/hops.h"
#include "cmd/server/paths/links.h"

#define BEAM_WIDTH      20
#define BEAM_HOPS_MAX   64
#define BEAM_FLOOR      0.05
#define BEAM_EDGE_SHARE 0.7

struct beam_hop {
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    size_t count;
};

struct beam_path {
    uint8_t chosen[BEAM_HOPS_MAX]; /* of each hop, the candidate's number */
    double log_score;              /* the sum over the steps */
};

struct beam {
    /* in */
    const struct links *links;
    struct beam_hop *hops; /* hop_count of them */
    size_t hop_count;
    /* out: the best first */
    struct beam_path paths[BEAM_WIDTH];
    size_t path_count; /* 0 = a hop has no candidate */
    uint64_t expansions;
};

/* False = no memory. */
NODISCARD bool beam_search(struct beam *beam);
/* The score of the candidate with this number at a hop, behind `before` (NULL at the first);
 * *out_edge (which may be NULL): that of their link, 1 at the first. */
double beam_step(const struct beam *beam, size_t hop, size_t number, const struct node *before,
                 double *out_edge);
/* 0..1 */
double beam_score(const struct beam *beam, const struct beam_path *path);
