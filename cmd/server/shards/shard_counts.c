/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_counts.h"

#include "cmd/server/model/directory.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_question.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_BUDGET_US ((mono_us)30 * US_PER_S)
#define COUNT_TRY_MS    20000

/* The inner part ends with its days, the outer with the moments that count. */
static const struct kind {
    const char *table;
    int width; /* days of a partition (--store-init makes them) */
    const char *inner, *key;
} kinds[COUNTED_KINDS] = {
    [COUNTED_OBSERVATIONS] = {"obs", 1,
                              "SELECT observer AS k, min(receipt_ms) AS f FROM obs WHERE %s"
                              " GROUP BY hash, observer, direction, path_size, path",
                              "k"},
    [COUNTED_PACKETS] = {"tx", 7,
                         "SELECT hash AS k, min(first_ms) AS f FROM tx WHERE %s GROUP BY hash",
                         "toUInt64(0)"},
    [COUNTED_ADVERTS] = {"adverts", 28,
                         "SELECT pubkey AS k, min(first_ms) AS f FROM adverts WHERE %s"
                         " GROUP BY pubkey, hash",
                         "reinterpretAsUInt64(reverse(substring(k, 1, 8)))"},
};

struct part {
    uint32_t id;
    int64_t block, block_before; /* the newest of it, and of the one before; -1 = there is none */
    int64_t seen, seen_before;   /* as it was counted */
    bool is_known;               /* it was counted once, */
    bool is_counted;             /* and is as it was then */
    bool is_there;
    mono_us tried_at;         /* 0 = never */
    struct counted_key *keys; /* owned */
    size_t count;
};

struct parts {
    struct part *all; /* owned; ascending by id */
    size_t count;
};

struct shard_counting {
    struct shards *shards;
    struct parts *of[COUNTED_KINDS]; /* owned; a shard each */
    bool was_whole[COUNTED_KINDS];   /* each of its parts was known once */
};

/* --- life ------------------------------------------------------------------------------------- */

struct shard_counting *shard_counting_new(struct shards *shards)
{
    struct shard_counting *c = calloc(1, sizeof *c);
    bool is_good = c != NULL;
    for (size_t k = 0; is_good && k < COUNTED_KINDS; k++) {
        c->of[k] = calloc(shards_count(shards), sizeof *c->of[k]);
        is_good = c->of[k] != NULL;
    }
    if (is_good)
        c->shards = shards;
    if (is_good || c == NULL)
        return c;
    shard_counting_free(c);
    return NULL;
}

static void free_parts(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free(parts->all[i].keys);
    free(parts->all);
}

void shard_counting_free(struct shard_counting *c)
{
    if (c == NULL)
        return;
    for (size_t k = 0; k < COUNTED_KINDS; k++) {
        for (size_t i = 0; c->shards != NULL && i < shards_count(c->shards); i++)
            free_parts(&c->of[k][i]);
        free(c->of[k]);
    }
    free(c);
}

/* --- which partitions there are --------------------------------------------------------------- */

static struct part *find(struct parts *parts, uint32_t id)
{
    for (size_t i = parts->count; i-- > 0;) { /* what changes is at the end */
        if (parts->all[i].id == id)
            return &parts->all[i];
    }
    return NULL;
}

/* Rows come ascending. False = no memory. */
static bool note_part(struct parts *parts, uint32_t id, int64_t block)
{
    struct part *part = find(parts, id);
    if (part == NULL) {
        struct part *longer = realloc(parts->all, (parts->count + 1) * sizeof *longer);
        if (longer == NULL)
            return false;
        size_t at = parts->count++;
        parts->all = longer;
        for (; at > 0 && longer[at - 1].id > id; at--)
            longer[at] = longer[at - 1];
        longer[at] = (struct part){.id = id};
        part = &longer[at];
    }
    part->block = block;
    part->is_there = true;
    return true;
}

/* Those that were dropped go; of the others is known what came before them. */
static void settle(struct parts *parts)
{
    size_t kept = 0;
    for (size_t i = 0; i < parts->count; i++) {
        if (parts->all[i].is_there)
            parts->all[kept++] = parts->all[i];
        else
            free(parts->all[i].keys);
    }
    parts->count = kept;
    for (size_t i = 0; i < kept; i++) {
        const bool has_before = i > 0 && parts->all[i - 1].id + 1 == parts->all[i].id;
        struct part *part = &parts->all[i];
        part->block_before = has_before ? parts->all[i - 1].block : -1;
        part->is_counted = part->is_counted && part->seen == part->block &&
                           part->seen_before == part->block_before;
    }
}

static bool read_parts(struct shard_counting *c, struct shard_question *q, enum counted kind)
{
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT toUInt32(partition) AS p, toInt64(max(max_block_number)) FROM system.parts"
            " WHERE database = currentDatabase() AND table = '%s' AND active GROUP BY p ORDER BY p"
            " FORMAT RowBinary",
            kinds[kind].table);
    bool is_good = !sql.is_cut && shard_ask(q, sql.text) && shards_missing(q) == 0;
    sql_done(&sql);
    if (!is_good)
        return false;
    for (size_t i = 0; i < shards_count(c->shards); i++) {
        struct parts *parts = &c->of[kind][i];
        for (size_t j = 0; j < parts->count; j++)
            parts->all[j].is_there = false;
    }
    struct shard_rows rows = shard_rows(q);
    while (is_good && shard_rows_next(&rows)) {
        const uint32_t id = rowbinary_read_u32(&rows.row);
        const int64_t block = rowbinary_read_i64(&rows.row);
        is_good = rows.row.is_failed || note_part(&c->of[kind][rows.shard], id, block);
    }
    is_good = is_good && shard_rows_end(&rows);
    for (size_t i = 0; is_good && i < shards_count(c->shards); i++)
        settle(&c->of[kind][i]);
    return is_good;
}

/* --- counting one ----------------------------------------------------------------------------- */

/* day + 3 lets a week begin on Monday; of single days nothing is added. */
static int64_t first_day(enum counted kind, uint32_t id)
{
    const int width = kinds[kind].width;
    return width == 1 ? id : (int64_t)id * width - 3;
}

static void write_count(struct sql *sql, enum counted kind, uint32_t id)
{
    const struct kind *k = &kinds[kind];
    const int64_t first = first_day(kind, id) > 0 ? first_day(kind, id) : 0;
    const int64_t end = first_day(kind, id) + k->width;
    char days[80];
    (void)snprintf(days, sizeof days, "day >= %" PRId64 " AND day < %" PRId64,
                   first > 0 ? first - 1 : 0, end);
    sql_add(sql, "SELECT %s AS key, toInt64(count()) FROM (", k->key);
    const char *place = strstr(k->inner, "%s");
    sql_add(sql, "%.*s%s%s", (int)(place - k->inner), k->inner, days, place + 2);
    sql_add(sql,
            ") WHERE f >= %" PRId64 " AND f < %" PRId64
            " GROUP BY key ORDER BY key LIMIT %d FORMAT RowBinary",
            first * MS_PER_DAY, end * MS_PER_DAY, COUNTED_KEYS_MAX);
}

static bool read_keys(struct part *part, struct shard_question *q)
{
    struct shard_rows rows = shard_rows(q);
    struct counted_key *keys = NULL;
    size_t count = 0;
    size_t cap = 0;
    while (shard_rows_next(&rows)) {
        struct counted_key *longer = grow(keys, count, &cap, sizeof *longer);
        if (longer == NULL)
            break;
        keys = longer;
        keys[count].key = rowbinary_read_u64(&rows.row);
        keys[count].count = rowbinary_read_i64(&rows.row);
        count++;
    }
    if (!shard_rows_end(&rows)) {
        free(keys);
        return false;
    }
    free(part->keys);
    part->keys = keys;
    part->count = count;
    return true;
}

static bool count_part(struct shard_question *q, enum counted kind, size_t shard, struct part *part)
{
    const char *sqls[CONFIG_SHARDS_MAX] = {NULL};
    struct sql sql;
    sql_begin(&sql);
    write_count(&sql, kind, part->id);
    sqls[shard] = sql.text;
    bool is_good = !sql.is_cut && shard_ask_each(q, sqls) && !shard_is_missing(q, shard);
    sql_done(&sql);
    if (!is_good)
        return false;
    is_good = read_keys(part, q);
    part->is_counted = is_good;
    part->is_known |= is_good;
    part->seen = part->block;
    part->seen_before = part->block_before;
    return is_good;
}

/* That which was tried the longest ago: what never was comes first, and of those the newest. NULL =
 * all is counted. */
static struct part *next_part(const struct shard_counting *c, enum counted *out_kind,
                              size_t *out_shard)
{
    struct part *next = NULL;
    for (size_t k = 0; k < COUNTED_KINDS; k++) {
        for (size_t i = 0; i < shards_count(c->shards); i++) {
            const struct parts *parts = &c->of[k][i];
            for (size_t j = parts->count; j-- > 0;) {
                struct part *part = &parts->all[j];
                if (part->is_counted || (next != NULL && part->tried_at >= next->tried_at))
                    continue;
                next = part;
                *out_kind = (enum counted)k;
                *out_shard = i;
            }
        }
    }
    return next;
}

/* One at least, however long it takes. */
static void count_stale(struct shard_counting *c, struct shard_question *q)
{
    const mono_us until = clock_mono() + COUNT_SLICE_US;
    enum counted kind = COUNTED_KINDS;
    size_t shard = 0;
    struct part *part = next_part(c, &kind, &shard);
    bool is_good = true;
    for (; is_good && part != NULL; part = next_part(c, &kind, &shard)) {
        part->tried_at = clock_mono();
        is_good = count_part(q, kind, shard, part) && clock_mono() < until;
    }
}

/* --- together --------------------------------------------------------------------------------- */

static void destroy(struct shared *shared)
{
    struct shard_counts *counts = (struct shard_counts *)(void *)shared;
    for (size_t k = 0; k < COUNTED_KINDS; k++)
        free(counts->keys[k]);
    free(counts);
}

static int compare_keys(const void *a, const void *b)
{
    const struct counted_key *x = a;
    const struct counted_key *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static void sum_kind(const struct shard_counting *c, enum counted kind, struct shard_counts *out)
{
    size_t most = 0;
    for (size_t i = 0; i < shards_count(c->shards); i++) {
        for (size_t j = 0; j < c->of[kind][i].count; j++)
            most += c->of[kind][i].all[j].count;
    }
    struct counted_key *keys = malloc((most + 1) * sizeof *keys);
    size_t n = 0;
    if (keys == NULL)
        return;
    for (size_t i = 0; i < shards_count(c->shards); i++) {
        for (size_t j = 0; j < c->of[kind][i].count; j++) {
            const struct part *part = &c->of[kind][i].all[j];
            if (part->count > 0)
                memcpy(keys + n, part->keys, part->count * sizeof *keys);
            n += part->count;
        }
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        out->total[kind] += keys[i].count;
        if (kept > 0 && keys[kept - 1].key == keys[i].key)
            keys[kept - 1].count += keys[i].count;
        else
            keys[kept++] = keys[i];
    }
    struct counted_key *shorter = realloc(keys, (kept + 1) * sizeof *keys);
    out->keys[kind] = shorter != NULL ? shorter : keys;
    out->key_count[kind] = kept;
    out->is_known[kind] = true;
}

/* What came since a part was counted is in the next one's. */
static bool is_whole(struct shard_counting *c, enum counted kind)
{
    bool is_known = true;
    for (size_t i = 0; i < shards_count(c->shards); i++) {
        for (size_t j = 0; j < c->of[kind][i].count; j++)
            is_known &= c->of[kind][i].all[j].is_known;
    }
    c->was_whole[kind] |= is_known;
    return c->was_whole[kind];
}

bool shard_count_some(struct shard_counting *c)
{
    struct shard_question *q = shard_question_begin(c->shards, COUNT_BUDGET_US, COUNT_TRY_MS);
    struct shard_counts *counts = calloc(1, sizeof *counts);
    bool is_read[COUNTED_KINDS] = {false};
    bool is_all = counts != NULL;
    for (size_t k = 0; q != NULL && k < COUNTED_KINDS; k++)
        is_read[k] = read_parts(c, q, (enum counted)k);
    if (q != NULL)
        count_stale(c, q);
    for (size_t k = 0; counts != NULL && k < COUNTED_KINDS; k++) {
        if (is_read[k] && is_whole(c, (enum counted)k))
            sum_kind(c, (enum counted)k, counts);
        is_all &= counts->is_known[k];
    }
    if (counts != NULL) {
        shared_init(&counts->shared, destroy);
        shared_put(shards_counts_slot(c->shards), &counts->shared);
    }
    shard_question_end(q);
    return is_all;
}

const struct shard_counts *shards_counts(struct shards *shards)
{
    return (const struct shard_counts *)(void *)shared_take(shards_counts_slot(shards));
}

int64_t shard_counts_of(const struct shard_counts *counts, enum counted kind, uint64_t key)
{
    const struct counted_key wanted = {.key = key};
    if (counts == NULL || !counts->is_known[kind])
        return DIRECTORY_UNKNOWN;
    const struct counted_key *found =
        bsearch(&wanted, counts->keys[kind], counts->key_count[kind], sizeof wanted, compare_keys);
    return found != NULL ? found->count : 0;
}

void shard_counts_unref(const struct shard_counts *counts)
{
    if (counts != NULL)
        shared_unref((struct shared *)(uintptr_t)&counts->shared);
}
