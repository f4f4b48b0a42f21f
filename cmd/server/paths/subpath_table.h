/* SPDX-License-Identifier: MIT
 *
 * subpath_table - the stretches that many paths have in common: a subpath is a number of hops that
 * follow each other in a path, as they stand there (bytes a hop and all).
 *
 * receptions: those along paths that hold it; a path that holds it twice counts once.
 * Bounds: SUBPATHS_MAX different ones of a length while they are counted, of which those of the
 * newest paths stay; the SUBPATHS_KEPT most frequent afterwards. Pure. Cost: 0.1 us for each
 * stretch of each path. Memory: 5 MB while counting. */
#pragma once

#include "cmd/server/tally/tally_paths.h"

#define SUBPATHS_MAX       131072
#define SUBPATHS_KEPT      200
#define SUBPATH_HOPS_LEAST 2
#define SUBPATH_HOPS_MOST  8

struct subpath {
    uint8_t bytes[SUBPATH_HOPS_MOST * HOP_BYTES_MAX];
    uint8_t hop_bytes, hop_count;
    uint32_t receptions;
};

struct subpaths {
    size_t count;
    bool is_cut;                        /* while counting */
    struct subpath rows[SUBPATHS_KEPT]; /* the most frequent first */
};

/* weights: of each path, its receptions that count. False = no memory. */
NODISCARD bool subpaths_count(const struct tally_paths *paths, const uint32_t *weights,
                              size_t hop_count, struct subpaths *out);
/* Most receptions first, else fewer hops, else by their bytes: for qsort over struct subpath. */
int subpath_compare(const void *a, const void *b);
/* Does the path hold these hops in a row? */
bool subpath_is_in(const struct tally_paths *paths, const struct path_count *path,
                   const uint8_t *bytes, size_t hop_bytes, size_t hop_count);
