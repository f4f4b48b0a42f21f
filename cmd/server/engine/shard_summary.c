/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_summary.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/bundle.h"
#include "cmd/server/engine/shard_observer_days.h"
#include "cmd/server/engine/shard_window.h"
#include "cmd/server/shards/sql.h"
#include "cmd/server/summary/adverts.h"
#include "cmd/server/summary/reported_scopes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_US    ((mono_us)20 * US_PER_S)
#define TRY_MS       10000
#define PAGE_ROWS    2000 /* adverts of a shard at once: of 100 nodes at least */
#define FRAMES_ONCE  500
#define LATE_MS      (15 * (int64_t)MS_PER_MIN)
#define NEIGHBOR_MAX (2 * NODE_KEY_BYTES + 1)
#define SCOPES_MAX   1024

struct advert_row {
    uint8_t key[NODE_KEY_BYTES];
    uint64_t hash;
    int64_t first_ms;
    struct advert_sample sample;
    bool has_sample;
};

struct place {
    bool is_through;
    bool is_over[CONFIG_SHARDS_MAX]; /* this shard's nodes were all told of */
    uint8_t last[CONFIG_SHARDS_MAX][NODE_KEY_BYTES];
    int64_t seen_ms; /* adverts up to here were looked at */
    mono_us next;
};

struct page {
    const struct model *model;
    struct shard_question *question;
    struct advert_row *rows; /* owned; by key, of each the newest first */
    size_t count, cap;
    bool has_no_memory;
};

static void place_free(void *place)
{
    free(place);
}

/* --- one page of adverts ---------------------------------------------------------------------- */

static void read_row(struct page *p, struct rowbinary_reader *from)
{
    struct advert_row *longer = grow(p->rows, p->count, &p->cap, sizeof *longer);
    p->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return;
    p->rows = longer;
    struct advert_row *row = &p->rows[p->count];
    *row = (struct advert_row){.hash = 0};
    const struct rowbinary_text key = rowbinary_read_bytes(from, NODE_KEY_BYTES);
    if (key.len == NODE_KEY_BYTES)
        memcpy(row->key, key.bytes, NODE_KEY_BYTES);
    row->hash = rowbinary_read_u64(from);
    row->first_ms = rowbinary_read_i64(from);
    p->count++;
}

/* A node whose rows may go on behind the page's end is left for the next one, unless it is the only
 * one. */
static void end_page(struct page *p, size_t first, struct place *place, size_t shard)
{
    const size_t read = p->count - first;
    place->is_over[shard] |= read < PAGE_ROWS;
    if (read == 0)
        return;
    const uint8_t *last = p->rows[p->count - 1].key;
    size_t kept = p->count;
    while (read == PAGE_ROWS && kept > first &&
           memcmp(p->rows[kept - 1].key, last, NODE_KEY_BYTES) == 0)
        kept--;
    p->count = kept > first ? kept : p->count;
    memcpy(place->last[shard], p->rows[p->count - 1].key, NODE_KEY_BYTES);
}

static bool read_pages(struct page *p, const char *const *sqls, struct place *place)
{
    if (!shard_ask_each(p->question, sqls) || shards_missing(p->question) > 0)
        return false;
    struct shard_rows rows = shard_rows(p->question);
    size_t shard = 0;
    size_t first = 0;
    while (!p->has_no_memory && shard_rows_next(&rows)) {
        for (; shard < rows.shard; shard++, first = p->count)
            end_page(p, first, place, shard);
        read_row(p, &rows.row);
    }
    for (; shard < shard_question_shards(p->question); shard++, first = p->count)
        end_page(p, first, place, shard);
    return !p->has_no_memory && shard_rows_end(&rows);
}

/* The newest of each node. */
static void write_newest(struct sql *sql, const char *which)
{
    sql_add(sql,
            "SELECT pubkey, hash, min(first_ms) AS f FROM adverts WHERE %s GROUP BY pubkey, hash"
            " ORDER BY pubkey, f DESC, hash DESC LIMIT %d BY pubkey",
            which, ADVERT_SAMPLES);
}

static bool read_next(struct page *p, struct place *place)
{
    const size_t shards = shard_question_shards(p->question);
    const char *texts[CONFIG_SHARDS_MAX] = {NULL};
    struct sql *sqls = calloc(shards, sizeof *sqls);
    struct sql which;
    bool is_good = sqls != NULL;
    sql_begin(&which);
    for (size_t i = 0; is_good && i < shards; i++) {
        sql_begin(&sqls[i]);
        if (place->is_over[i])
            continue;
        sql_clear(&which);
        sql_add(&which, "pubkey > toFixedString(");
        sql_bytes(&which, place->last[i], NODE_KEY_BYTES);
        sql_add(&which, ", 32)");
        write_newest(&sqls[i], which.text);
        sql_add(&sqls[i], " LIMIT %d FORMAT RowBinary", PAGE_ROWS);
        texts[i] = sqls[i].text;
        is_good = !which.is_cut && !sqls[i].is_cut;
    }
    is_good = is_good && read_pages(p, texts, place);
    for (size_t i = 0; sqls != NULL && i < shards; i++)
        sql_done(&sqls[i]);
    sql_done(&which);
    free(sqls);
    return is_good;
}

static bool read_new(struct page *p, const struct place *place)
{
    struct sql which;
    struct sql sql;
    struct place ignored = {.is_through = true};
    const char *texts[CONFIG_SHARDS_MAX];
    sql_begin(&which);
    sql_begin(&sql);
    const int64_t since_ms = place->seen_ms - LATE_MS;
    sql_add(&which,
            "pubkey IN (SELECT pubkey FROM adverts WHERE day >= %" PRId64 " AND first_ms > %" PRId64
            ")",
            since_ms > MS_PER_DAY ? since_ms / MS_PER_DAY - 1 : 0, since_ms);
    write_newest(&sql, which.text);
    sql_add(&sql, " FORMAT RowBinary");
    for (size_t i = 0; i < CONFIG_SHARDS_MAX; i++)
        texts[i] = sql.text;
    const bool is_good = !which.is_cut && !sql.is_cut && read_pages(p, texts, &ignored);
    sql_done(&which);
    sql_done(&sql);
    return is_good;
}

/* --- their frames ----------------------------------------------------------------------------- */

struct wanted {
    uint64_t hash;
    size_t at; /* of the page's rows */
};

static int by_hash(const void *a, const void *b)
{
    const struct wanted *x = a;
    const struct wanted *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void note_frame(struct page *p, const struct wanted *wanted, size_t count, uint64_t hash,
                       int64_t first_ms, struct rowbinary_text raw)
{
    const struct wanted key = {.hash = hash};
    const struct wanted *found = bsearch(&key, wanted, count, sizeof key, by_hash);
    if (found == NULL)
        return;
    struct advert_row *row = &p->rows[found->at];
    struct advert_sample *sample = &row->sample;
    row->has_sample = adverts_sample_of((const uint8_t *)raw.bytes, raw.len, sample);
    sample->transmission_id = (int64_t)hash;
    sample->receipt_ms = first_ms;
    for (size_t i = 0; i < sizeof sample->hash; i++)
        sample->hash[i] = (uint8_t)(hash >> (56 - 8 * i));
}

static bool read_frames(struct page *p, const struct wanted *wanted, size_t count)
{
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT hash, min(first_ms), argMax(raw, ver) FROM tx WHERE hash IN (");
    for (size_t i = 0; i < count; i++)
        sql_add(&sql, "%s%" PRIu64, i > 0 ? "," : "", wanted[i].hash);
    sql_add(&sql, ") GROUP BY hash FORMAT RowBinary");
    const bool is_asked =
        !sql.is_cut && shard_ask(p->question, sql.text) && shards_missing(p->question) == 0;
    sql_done(&sql);
    if (!is_asked)
        return false;
    struct shard_rows rows = shard_rows(p->question);
    while (shard_rows_next(&rows)) {
        const uint64_t hash = rowbinary_read_u64(&rows.row);
        const int64_t first_ms = rowbinary_read_i64(&rows.row);
        note_frame(p, wanted, count, hash, first_ms, rowbinary_read_string(&rows.row));
    }
    return shard_rows_end(&rows);
}

static bool read_all_frames(struct page *p)
{
    struct wanted *wanted = calloc(p->count + 1, sizeof *wanted);
    bool is_good = wanted != NULL;
    for (size_t i = 0; is_good && i < p->count; i++)
        wanted[i] = (struct wanted){p->rows[i].hash, i};
    if (is_good && p->count > 0)
        qsort(wanted, p->count, sizeof *wanted, by_hash);
    for (size_t i = 0; is_good && i < p->count; i += FRAMES_ONCE)
        is_good = read_frames(p, wanted + i, min_size(FRAMES_ONCE, p->count - i));
    free(wanted);
    return is_good;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_nodes(const struct page *p, struct adverts *to)
{
    struct shard_ids *ids = shards_ids(p->model->shards);
    for (size_t i = 0; i < p->count;) {
        const uint8_t *key = p->rows[i].key;
        struct advert_sample samples[ADVERT_SAMPLES];
        size_t n = 0;
        for (; i < p->count && memcmp(p->rows[i].key, key, NODE_KEY_BYTES) == 0; i++) {
            if (p->rows[i].has_sample && n < ADVERT_SAMPLES)
                samples[n++] = p->rows[i].sample;
        }
        adverts_note(to, shard_ids_of(ids, SHARD_NODE, shard_number(key)), samples, n);
    }
}

static enum status read_slice(struct page *p, struct place *place, struct adverts *to,
                              bool *out_at_end)
{
    const int64_t now_ms = clock_wall() / US_PER_MS;
    struct place next = *place;
    bool is_all = true;
    if (place->seen_ms == 0)
        next.seen_ms = place->seen_ms = now_ms;
    if (!(place->is_through ? read_new(p, place) : read_next(p, &next)) || !read_all_frames(p))
        return STATUS_AGAIN;
    tell_nodes(p, to);
    for (size_t i = 0; i < shard_question_shards(p->question); i++)
        is_all &= place->is_through || next.is_over[i];
    if (place->is_through)
        next.seen_ms = now_ms;
    if (is_all)
        adverts_are_read(to);
    next.is_through = is_all;
    *place = next;
    *out_at_end = is_all;
    return STATUS_OK;
}

static enum status slice_of_adverts(const void *context, void **kept, struct adverts *to,
                                    bool *out_at_end)
{
    const struct model *model = context;
    if (*kept == NULL)
        *kept = calloc(1, sizeof(struct place));
    struct place *place = *kept;
    if (place == NULL)
        return STATUS_NO_MEMORY;
    if (place->is_through && clock_mono() < place->next) {
        *out_at_end = true;
        return STATUS_OK;
    }
    struct page p = {.model = model,
                     .question = shard_question_begin(model->shards, BUDGET_US, TRY_MS)};
    const enum status status =
        p.question != NULL ? read_slice(&p, place, to, out_at_end) : STATUS_NO_MEMORY;
    place->next = clock_mono() + ADVERTS_LOOK_US;
    shard_question_end(p.question);
    free(p.rows);
    return status;
}

/* --- reported scopes -------------------------------------------------------------------------- */

static bool copy(struct rowbinary_text text, char *out, size_t size)
{
    if (text.len >= size)
        return false;
    memcpy(out, text.bytes, text.len);
    out[text.len] = '\0';
    return true;
}

static bool read_scopes(const void *context, struct reported_scopes *to)
{
    const struct model *model = context;
    struct shard_question *q = shard_question_begin(model->shards, BUDGET_US, TRY_MS);
    char neighbor[NEIGHBOR_MAX];
    char names[SCOPES_MAX];
    bool is_good =
        q != NULL &&
        shard_ask(q, "SELECT neighbor, assumeNotNull(max(scopes_ms)) AS at,"
                     " argMax(coalesce(scopes, ''), (scopes_ms, coalesce(scopes, '')))"
                     " FROM reported_neighbors WHERE isNotNull(scopes_ms) AND isNotNull(scopes)"
                     " GROUP BY observer, neighbor LIMIT 200000 FORMAT RowBinary") &&
        shards_missing(q) == 0;
    if (is_good) {
        struct shard_rows rows = shard_rows(q);
        while (shard_rows_next(&rows)) {
            const bool has_neighbor =
                copy(rowbinary_read_string(&rows.row), neighbor, sizeof neighbor);
            const int64_t at_ms = rowbinary_read_i64(&rows.row);
            if (copy(rowbinary_read_string(&rows.row), names, sizeof names) && has_neighbor)
                reported_scopes_note(to, neighbor, at_ms, names);
        }
        is_good = shard_rows_end(&rows);
    }
    shard_question_end(q);
    return is_good;
}

const struct summary_source shard_summary = {
    .begin = shard_window_begin,
    .slice = shard_window_slice,
    .adverts = slice_of_adverts,
    .place_free = place_free,
    .scopes = read_scopes,
    .observers = shard_observer_days,
};
