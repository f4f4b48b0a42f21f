/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_paths.h"

#include "cmd/server/tally/table.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A path has 4 bytes on average; the longest are rare. */
#define ARENA_MAX ((size_t)PATHS_MAX * 16)

struct tally_paths {
    struct table paths;
    uint8_t *arena; /* owned */
    size_t arena_len, arena_room;
    bool is_arena_full;
    uint64_t seed;
};

static void destroy(void *tally)
{
    struct tally_paths *t = tally;
    if (t == NULL)
        return;
    table_done(&t->paths);
    free(t->arena);
    free(t);
}

static void *make(const struct tally_window *window)
{
    (void)window;
    struct tally_paths *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    table_init(&t->paths, sizeof(struct path_count), sizeof(uint64_t), PATHS_MAX);
    t->seed = (uint64_t)clock_mono() * 0xc2b2ae3d27d4eb4fU;
    return t;
}

/* Of 100,000 paths no two fall together by chance (1 in 3 billion runs), and who does not know the
 * seed can't make them. */
static uint64_t hash_path(const struct tally_paths *t, const struct reception *r)
{
    uint64_t hash = t->seed ^ r->hop_bytes;
    for (size_t i = 0; i < r->path_bytes; i++) {
        hash = (hash ^ r->path[i]) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 32;
    }
    return hash;
}

static bool keep_bytes(struct tally_paths *t, const struct reception *r, uint32_t *out_offset)
{
    const size_t needed = t->arena_len + r->path_bytes;
    if (needed > ARENA_MAX)
        return false;
    if (needed > t->arena_room) {
        const size_t room = min_size(max_size(t->arena_room * 2, 4096), ARENA_MAX);
        uint8_t *arena = realloc(t->arena, room);
        if (arena == NULL)
            return false;
        t->arena = arena;
        t->arena_room = room;
    }
    memcpy(t->arena + t->arena_len, r->path, r->path_bytes);
    *out_offset = (uint32_t)t->arena_len;
    t->arena_len = needed;
    return true;
}

static void add(void *tally, const struct reception *r)
{
    struct tally_paths *t = tally;
    if (!r->has_hops || r->hop_count == 0 || t->is_arena_full)
        return;
    const uint64_t key = hash_path(t, r);
    bool is_new;
    struct path_count *path = table_take(&t->paths, &key, &is_new);
    if (path == NULL)
        return;
    if (is_new) {
        path->hop_bytes = r->hop_bytes;
        path->hop_count = r->hop_count;
        if (!keep_bytes(t, r, &path->offset)) {
            t->is_arena_full = true;
            path->hop_count = 0;
            return;
        }
    }
    path->receptions++;
    if (r->receipt_ms > path->last_ms) {
        path->last_ms = r->receipt_ms;
        path->sample_id = r->transmission_id;
    }
}

static void finish(void *tally)
{
    (void)tally;
}

static bool is_cut(const void *tally)
{
    const struct tally_paths *t = tally;
    return t->paths.is_cut || t->is_arena_full;
}

const struct tally_kind tally_paths = {make, add, finish, is_cut, destroy};

size_t tally_paths_count(const struct tally_paths *tally)
{
    return tally->paths.count;
}

const struct path_count *tally_paths_at(const struct tally_paths *tally, size_t at)
{
    return table_at(&tally->paths, at);
}

const uint8_t *tally_path_bytes(const struct tally_paths *tally, const struct path_count *path)
{
    return tally->arena + path->offset;
}

bool tally_path_has(const struct tally_paths *tally, const struct path_count *path, uint32_t hop)
{
    if (path->hop_bytes != hop_size(hop))
        return false;
    const uint8_t *bytes = tally_path_bytes(tally, path);
    uint8_t wanted[HOP_BYTES_MAX];
    hop_unpack(hop, wanted);
    for (size_t i = 0; i < path->hop_count; i++)
        if (memcmp(bytes + i * path->hop_bytes, wanted, path->hop_bytes) == 0)
            return true;
    return false;
}
