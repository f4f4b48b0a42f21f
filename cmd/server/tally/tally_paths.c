/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_paths.h"

#include "cmd/server/tally/table.h"
#include "common/base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A path has 4 bytes on average; the longest are rare. */
#define ARENA_MAX ((size_t)PATHS_MAX * 16)

_Static_assert(offsetof(struct path_heard, receptions) == 12, "the key has no padding");

struct tally_paths {
    struct table paths, heard;
    int64_t from_ms;
    uint8_t *arena; /* owned */
    size_t arena_len, arena_room;
    bool is_arena_full, is_hour_full;
    uint64_t seed;
};

static void destroy(void *tally)
{
    struct tally_paths *t = tally;
    if (t == NULL)
        return;
    table_done(&t->paths);
    table_done(&t->heard);
    free(t->arena);
    free(t);
}

static void *make(const struct tally_window *window)
{
    struct tally_paths *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    table_init(&t->paths, sizeof(struct path_count), sizeof(uint64_t), PATHS_MAX);
    table_init(&t->heard, sizeof(struct path_heard), offsetof(struct path_heard, receptions),
               PATHS_HEARD_MAX);
    t->from_ms = window->from_ms;
    t->seed = (uint64_t)clock_mono() * 0xc2b2ae3d27d4eb4fU;
    return t;
}

/* Of 32,768 paths no two fall together by chance (1 in 34 billion runs), and who does not know the
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

static void note_hour(struct tally_paths *t, struct path_count *path, int64_t receipt_ms)
{
    uint16_t *count = &path->by_hour[receipt_ms / MS_PER_HOUR % PATH_DAY_HOURS];
    if (*count < UINT16_MAX)
        (*count)++;
    else
        t->is_hour_full = true;
}

/* The path's place; PATH_NONE = it had no room. */
static uint32_t add_path(struct tally_paths *t, const struct reception *r)
{
    const uint64_t key = hash_path(t, r);
    bool is_new;
    struct path_count *path = table_take(&t->paths, &key, &is_new);
    if (path == NULL)
        return PATH_NONE;
    if (is_new) {
        path->hop_bytes = r->hop_bytes;
        path->hop_count = r->hop_count;
        if (!keep_bytes(t, r, &path->offset)) {
            t->is_arena_full = true;
            path->hop_count = 0;
            return PATH_NONE;
        }
    }
    path->receptions++;
    note_hour(t, path, r->receipt_ms);
    if (is_new || r->receipt_ms < path->first_ms)
        path->first_ms = r->receipt_ms;
    if (r->receipt_ms > path->last_ms) {
        path->last_ms = r->receipt_ms;
        path->sample_id = r->transmission_id;
    }
    return (uint32_t)(path - (const struct path_count *)table_at(&t->paths, 0));
}

static void note_signal(struct path_heard *heard, const struct reception *r)
{
    if (!isnan(r->snr)) {
        if (heard->snr_count == 0 || (float)r->snr > heard->snr_best)
            heard->snr_best = (float)r->snr;
        heard->snr_count++;
        heard->snr_sum += (float)r->snr;
    }
    if (!isnan(r->rssi)) {
        heard->rssi_count++;
        heard->rssi_sum += (float)r->rssi;
    }
}

static void add_heard(struct tally_paths *t, const struct reception *r, uint32_t path)
{
    const uint32_t key[3] = {path, (uint32_t)r->observer_id, (uint32_t)r->sender};
    const uint32_t at = (uint32_t)(r->receipt_ms - t->from_ms);
    bool is_new;
    if (key[1] != r->observer_id || key[2] != r->sender) {
        t->heard.is_cut = true;
        return;
    }
    struct path_heard *heard = table_take(&t->heard, key, &is_new);
    if (heard == NULL)
        return;
    heard->receptions++;
    heard->hours |= UINT32_C(1) << (r->receipt_ms / MS_PER_HOUR - t->from_ms / MS_PER_HOUR);
    note_signal(heard, r);
    if (is_new || at < heard->first)
        heard->first = at;
    if (is_new || at > heard->last) {
        heard->last = at;
        heard->sample_id = r->transmission_id;
    }
}

static void add(void *tally, const struct reception *r)
{
    struct tally_paths *t = tally;
    uint32_t path = PATH_NONE;
    if (!r->has_hops || t->is_arena_full || (r->hop_count == 0 && r->sender == 0))
        return;
    if (r->hop_count > 0 && (path = add_path(t, r)) == PATH_NONE)
        return;
    add_heard(t, r, path);
}

static bool is_cut(const void *tally)
{
    const struct tally_paths *t = tally;
    return t->paths.is_cut || t->heard.is_cut || t->is_arena_full || t->is_hour_full;
}

static size_t bytes(const void *tally)
{
    const struct tally_paths *t = tally;
    return sizeof *t + table_bytes(&t->paths) + table_bytes(&t->heard) + t->arena_room;
}

const struct tally_kind tally_paths = {make, add, NULL, is_cut, bytes, destroy};

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

size_t tally_paths_bytes(const struct tally_paths *tally)
{
    return tally->arena_len;
}

size_t tally_paths_heard_count(const struct tally_paths *tally)
{
    return tally->heard.count;
}

const struct path_heard *tally_paths_heard_at(const struct tally_paths *tally, size_t at)
{
    return table_at(&tally->heard, at);
}
