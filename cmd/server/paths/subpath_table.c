/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/subpath_table.h"

#include "cmd/server/tally/table.h"

#include <stdlib.h>
#include <string.h>

/* While counting: the key is all of the hops, zeros behind them. */
struct entry {
    uint8_t bytes[SUBPATH_HOPS_MOST * HOP_BYTES_MAX];
    uint32_t hop_bytes;
    uint32_t receptions;
};

_Static_assert(offsetof(struct entry, receptions) == 28, "the key has no padding");

static bool was_before(const uint8_t *bytes, size_t at, size_t hop_bytes, size_t len)
{
    for (size_t i = 0; i < at; i++)
        if (memcmp(bytes + i * hop_bytes, bytes + at * hop_bytes, len) == 0)
            return true;
    return false;
}

static void add_path(struct table *entries, const struct path_count *path, const uint8_t *bytes,
                     uint32_t weight, size_t hop_count)
{
    const size_t len = hop_count * path->hop_bytes;
    for (size_t at = 0; at + hop_count <= path->hop_count; at++) {
        struct entry key = {.hop_bytes = path->hop_bytes};
        if (was_before(bytes, at, path->hop_bytes, len))
            continue;
        memcpy(key.bytes, bytes + at * path->hop_bytes, len);
        struct entry *entry = table_take(entries, &key, NULL);
        if (entry != NULL)
            entry->receptions += weight;
    }
}

static int entry_compare(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a;
    const struct entry *y = *(const struct entry *const *)b;
    if (x->receptions != y->receptions)
        return x->receptions < y->receptions ? 1 : -1;
    if (x->hop_bytes != y->hop_bytes)
        return x->hop_bytes > y->hop_bytes ? 1 : -1;
    return memcmp(x->bytes, y->bytes, sizeof x->bytes);
}

static bool keep_most_frequent(const struct table *entries, size_t hop_count, struct subpaths *out)
{
    const void **sorted = table_sorted(entries, entry_compare);
    if (sorted == NULL)
        return false;
    out->count = min_size(entries->count, SUBPATHS_KEPT);
    for (size_t i = 0; i < out->count; i++) {
        const struct entry *entry = sorted[i];
        out->rows[i] = (struct subpath){.hop_bytes = (uint8_t)entry->hop_bytes,
                                        .hop_count = (uint8_t)hop_count,
                                        .receptions = entry->receptions};
        memcpy(out->rows[i].bytes, entry->bytes, sizeof out->rows[i].bytes);
    }
    free(sorted);
    return true;
}

bool subpaths_count(const struct tally_paths *paths, const uint32_t *weights, size_t hop_count,
                    struct subpaths *out)
{
    struct table entries;
    table_init(&entries, sizeof(struct entry), offsetof(struct entry, receptions), SUBPATHS_MAX);
    for (size_t i = 0; i < tally_paths_count(paths); i++) {
        const struct path_count *path = tally_paths_at(paths, i);
        if (weights[i] > 0 && path->hop_count >= hop_count)
            add_path(&entries, path, tally_path_bytes(paths, path), weights[i], hop_count);
    }
    out->is_cut = entries.is_cut;
    const bool is_good = keep_most_frequent(&entries, hop_count, out);
    table_done(&entries);
    return is_good;
}

int subpath_compare(const void *a, const void *b)
{
    const struct subpath *x = a;
    const struct subpath *y = b;
    if (x->receptions != y->receptions)
        return x->receptions < y->receptions ? 1 : -1;
    if (x->hop_count != y->hop_count)
        return x->hop_count > y->hop_count ? 1 : -1;
    if (x->hop_bytes != y->hop_bytes)
        return x->hop_bytes > y->hop_bytes ? 1 : -1;
    return memcmp(x->bytes, y->bytes, sizeof x->bytes);
}

bool subpath_is_in(const struct tally_paths *paths, const struct path_count *path,
                   const uint8_t *bytes, size_t hop_bytes, size_t hop_count)
{
    const uint8_t *all = tally_path_bytes(paths, path);
    if (path->hop_bytes != hop_bytes)
        return false;
    for (size_t at = 0; at + hop_count <= path->hop_count; at++)
        if (memcmp(all + at * hop_bytes, bytes, hop_bytes * hop_count) == 0)
            return true;
    return false;
}
