/* SPDX-License-Identifier: MIT
 *
 * tally_paths - the distinct paths of the window, and who received along them. A path is its bytes
 * a hop and its hops, in their order; receptions counts the rows of observations that came along
 * it, by_hour those of them by the hour of the day of their receipt (UTC), last_ms is the newest of
 * their receipts, and sample_id the transmission of that one.
 * A path_heard is a path with the observer who received and, of adverts, the sender: the receptions
 * of all that have one path are the path's. Adverts that came without a hop have one, too.
 * Bounds: PATHS_MAX paths and PATHS_HEARD_MAX with their observers, of which the newest stay: the
 * run goes from the newest reception to the oldest. */
#pragma once

#include "cmd/server/tally/tally.h"

#define PATHS_MAX       32768
#define PATHS_HEARD_MAX 65536
#define PATH_NONE       UINT32_MAX /* no hop */
#define PATH_DAY_HOURS  24

struct path_count {
    uint64_t key;    /* a hash */
    uint32_t offset; /* of its bytes, tally_path_bytes */
    uint8_t hop_bytes, hop_count;
    uint32_t receptions;
    int64_t first_ms, last_ms, sample_id;
    uint16_t by_hour[PATH_DAY_HOURS];
};

struct path_heard {
    uint32_t path; /* its place (tally_paths_at), or PATH_NONE; these three are the key */
    uint32_t observer, sender; /* observers.id; nodes.id, 0 = not known */
    uint32_t receptions;
    uint32_t first, last; /* milliseconds behind the window's begin */
    uint32_t hours; /* bits: the hours with a reception, 0 = the one that the window begins in */
    uint32_t snr_count, rssi_count;
    float snr_sum, snr_best, rssi_sum;
    int64_t sample_id; /* the transmission of the newest */
};

struct tally_paths;

size_t tally_paths_count(const struct tally_paths *tally);
const struct path_count *tally_paths_at(const struct tally_paths *tally, size_t at);
const uint8_t *tally_path_bytes(const struct tally_paths *tally, const struct path_count *path);
/* Is this hop one of the path's? */
bool tally_path_has(const struct tally_paths *tally, const struct path_count *path, uint32_t hop);
/* Where paths' bytes lie: every offset is below. */
size_t tally_paths_bytes(const struct tally_paths *tally);

size_t tally_paths_heard_count(const struct tally_paths *tally);
const struct path_heard *tally_paths_heard_at(const struct tally_paths *tally, size_t at);
