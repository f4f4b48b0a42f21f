/* SPDX-License-Identifier: MIT
 *
 * tally_paths - the distinct paths of the window. A path is its bytes a hop and its hops, in their
 * order; receptions counts the rows of observations that came along it, last_ms is the newest of
 * their receipts, and sample_id the transmission of that one.
 * Bounds: PATHS_MAX paths, of which the newest stay: the run goes from the newest reception to the
 * oldest. */
#pragma once

#include "cmd/server/tally/tally.h"

#define PATHS_MAX 100000

struct path_count {
    uint64_t key;    /* a hash */
    uint32_t offset; /* of its bytes, tally_path_bytes */
    uint8_t hop_bytes, hop_count;
    uint32_t receptions;
    int64_t last_ms, sample_id;
};

struct tally_paths;

size_t tally_paths_count(const struct tally_paths *tally);
const struct path_count *tally_paths_at(const struct tally_paths *tally, size_t at);
const uint8_t *tally_path_bytes(const struct tally_paths *tally, const struct path_count *path);
/* Is this hop one of the path's? */
bool tally_path_has(const struct tally_paths *tally, const struct path_count *path, uint32_t hop);
