/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_follow.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/engine/shard_told.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX      ((int)TOLD_MAX) /* of a shard, in one look */
#define BACK_ROWS_MAX 512
#define CHUNK_MAX     128 /* packets that are read together */
#define CHANNEL_MAX   256
#define SAME_MAX      512 /* receptions of one millisecond */
#define LATE_EACH_US  ((mono_us)5 * US_PER_S)
#define LATE_REACH_MS (10 * (int64_t)MS_PER_MIN)
#define NOT_COUNTED   (-1)
#define NAMELESS_MS   (20 * (int64_t)MS_PER_S) /* rows of observers are sent every ten */

/* Back from where it began: what was told of so far. */
struct back {
    int64_t below_ms;       /* what was received before, */
    int64_t same[SAME_MAX]; /* but for those, of the millisecond before it */
    size_t same_count;
};

struct engine_follower {
    struct shard_told *told;
    struct shard_told *first; /* what was there when it began */
    int64_t began_ms;
    bool must_begin;
    bool is_beginning;                     /* in the question that is under way */
    int64_t upto[CONFIG_SHARDS_MAX];       /* ms of the last look that the shard answered */
    mono_us away_since[CONFIG_SHARDS_MAX]; /* 0 = it answered */
    struct back back;
    /* of the question that is under way; it counts when that was answered */
    int64_t *fresh; /* owned: ids */
    size_t fresh_count, fresh_cap;
    int64_t fresh_upto; /* ms; 0 = not all was told */
    struct back fresh_back;
    /* late rows: how many there were, by shard, of those received between two moments */
    int64_t late_from, late_to, late_counts[CONFIG_SHARDS_MAX];
    mono_us late_at, late_said; /* the next look; 0 = never said */
};

struct candidate {
    int64_t ms, id;
    uint64_t hash;
};

struct candidates {
    struct candidate *all; /* owned */
    size_t count, cap;
    bool is_cut;      /* some shard has more */
    int64_t floor_ms; /* of a cut one: what it gave reaches down to here */
    bool has_no_memory;
};

/* --- life ------------------------------------------------------------------------------------- */

struct engine_follower *shard_follower_new(void)
{
    struct engine_follower *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->told = shard_told_new();
    f->first = shard_told_new();
    if (f->told != NULL && f->first != NULL)
        return f;
    shard_follower_free(f);
    return NULL;
}

void shard_follower_free(struct engine_follower *f)
{
    if (f == NULL)
        return;
    shard_told_free(f->told);
    shard_told_free(f->first);
    free(f->fresh);
    free(f);
}

static bool note_fresh(struct engine_follower *f, int64_t id)
{
    int64_t *longer = grow(f->fresh, f->fresh_count, &f->fresh_cap, sizeof *longer);
    if (longer == NULL)
        return false;
    f->fresh = longer;
    f->fresh[f->fresh_count++] = id;
    return true;
}

void shard_followed(struct engine_follower *f, bool is_answered)
{
    f->must_begin |= f->is_beginning && !is_answered;
    f->is_beginning = false;
    for (size_t i = 0; is_answered && i < f->fresh_count; i++)
        shard_told_add(f->told, f->fresh[i]);
    for (size_t i = 0; is_answered && f->fresh_upto > 0 && i < CONFIG_SHARDS_MAX; i++) {
        if (f->away_since[i] == 0)
            f->upto[i] = f->fresh_upto;
    }
    if (is_answered)
        f->back = f->fresh_back;
    f->fresh_back = f->back;
    f->fresh_count = 0;
    f->fresh_upto = 0;
}

/* --- candidates ------------------------------------------------------------------------------- */

static bool add_candidate(struct candidates *c, const struct candidate *one)
{
    struct candidate *longer = grow(c->all, c->count, &c->cap, sizeof *longer);
    c->has_no_memory |= longer == NULL;
    if (longer == NULL)
        return false;
    c->all = longer;
    c->all[c->count++] = *one;
    return true;
}

static int by_receipt(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    if (x->ms != y->ms)
        return x->ms < y->ms ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int newest_first(const void *a, const void *b)
{
    return by_receipt(b, a);
}

/* Receptions between two moments (both not included). */
static void write_window(struct sql *sql, int64_t after_ms, int64_t below_ms, int64_t end_hour)
{
    sql_add(sql, "SELECT hash, observer, direction, path_size, path, min(receipt_ms) AS r FROM obs"
                 " WHERE ");
    sql_hours(sql, after_ms / MS_PER_HOUR, end_hour);
    sql_add(sql, " AND receipt_ms > %" PRId64, after_ms);
    if (below_ms != INT64_MAX)
        sql_add(sql, " AND receipt_ms < %" PRId64, below_ms);
    sql_add(sql, " GROUP BY hash, observer, direction, path_size, path");
}

static struct candidate read_candidate(struct rowbinary_reader *row)
{
    struct packet_observation seen = {.id = 0};
    struct candidate one = {.hash = rowbinary_read_u64(row)};
    const uint64_t observer = rowbinary_read_u64(row);
    seen.is_tx = rowbinary_read_u8(row) != 0;
    seen.path_size = rowbinary_read_u8(row);
    const struct rowbinary_text path = rowbinary_read_string(row);
    one.ms = rowbinary_read_i64(row);
    seen.path_len = (uint8_t)min_size(path.len, sizeof seen.path);
    memcpy(seen.path, path.bytes, seen.path_len);
    one.id = shard_observation_id(one.hash, observer, &seen);
    return one;
}

/* What shards answered, each row once in the order in which they gave them. max: of a shard. */
static bool read_candidates(struct shard_question *question, size_t max,
                            bool (*is_wanted)(const struct engine_follower *f,
                                              const struct candidate *one),
                            const struct engine_follower *f, struct candidates *out)
{
    struct shard_rows rows = shard_rows(question);
    size_t shard = 0;
    size_t count = 0;
    for (; shard_rows_next(&rows); shard = rows.shard) {
        const struct candidate one = read_candidate(&rows.row);
        count = shard == rows.shard ? count + 1 : 1;
        if (count == max) {
            if (!out->is_cut || one.ms > out->floor_ms)
                out->floor_ms = one.ms;
            out->is_cut = true;
        }
        if (is_wanted(f, &one) && !add_candidate(out, &one))
            break;
    }
    if (shard_rows_end(&rows))
        return true;
    free(out->all);
    *out = (struct candidates){.all = NULL};
    return false;
}

/* --- channels of texts ------------------------------------------------------------------------ */

struct named {
    uint64_t hash;
    char channel[CHANNEL_MAX];
};

struct names {
    struct named all[CHUNK_MAX];
    size_t count;
};

static bool read_names(struct asking *asking, const uint64_t *hashes, size_t count,
                       struct names *out)
{
    struct shard_question *question = asking->shards->question;
    struct basket *basket = &asking->shards->basket;
    int64_t first_ms = INT64_MAX;
    struct sql sql;
    sql_begin(&sql);
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct bundle *b = basket_find_hash(basket, hashes[i]);
        if (b == NULL || b->packet.type != MESHCORE_GRP_TXT)
            continue;
        if (sql.len == 0)
            sql_add(&sql, "SELECT hash, argMax(channel, ver) FROM messages WHERE kind = 0 AND hash"
                          " IN (");
        else
            sql_add(&sql, ",");
        sql_add(&sql, "%" PRIu64, hashes[i]);
        first_ms = b->packet.first_ms < first_ms ? b->packet.first_ms : first_ms;
    }
    if (sql.len > 0)
        sql_add(&sql, ") AND day >= %" PRId64 " GROUP BY hash FORMAT RowBinary",
                first_ms > MS_PER_DAY ? first_ms / MS_PER_DAY - 1 : 0);
    const bool is_none = sql.len == 0;
    if (sql.is_cut)
        shard_question_fail(question);
    const bool is_asked = !is_none && !sql.is_cut && shard_ask(question, sql.text);
    sql_done(&sql);
    if (!is_asked)
        return is_none;
    struct shard_rows rows = shard_rows(question);
    while (out->count < CHUNK_MAX && shard_rows_next(&rows)) {
        struct named *named = &out->all[out->count++];
        named->hash = rowbinary_read_u64(&rows.row);
        const struct rowbinary_text text = rowbinary_read_string(&rows.row);
        const size_t len = min_size(text.len, sizeof named->channel - 1);
        memcpy(named->channel, text.bytes, len);
        named->channel[len] = '\0';
    }
    return shard_rows_end(&rows);
}

static const char *name_of(const struct names *names, uint64_t hash)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->all[i].hash == hash && names->all[i].channel[0] != '\0')
            return names->all[i].channel;
    }
    return NULL;
}

/* --- telling ---------------------------------------------------------------------------------- */

struct telling {
    struct asking *asking;
    struct engine_follower *follower;
    engine_arrived arrived;
    void *context;
    struct names *names; /* owned */
};

static const struct packet_observation *seen_of(const struct bundle *b, int64_t id)
{
    for (size_t i = 0; b != NULL && i < b->count; i++) {
        if (b->seen[i].id == id)
            return &b->seen[i];
    }
    return NULL;
}

/* An observer's row comes some seconds after its first packets. */
static bool is_nameless(const struct telling *t, const struct packet_observation *seen)
{
    return asking_observer(t->asking, seen->observer_id) == NULL &&
           t->asking->now / US_PER_MS - seen->receipt_ms < NAMELESS_MS;
}

/* How many of these are done with: told of, or not there yet (I3). */
static size_t tell_chunk(struct telling *t, const struct candidate *all, size_t count)
{
    struct basket *basket = &t->asking->shards->basket;
    uint64_t hashes[CHUNK_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || hashes[n - 1] != all[i].hash)
            hashes[n++] = all[i].hash;
    }
    if (!basket_read(basket, t->asking->shards->question, t->asking, hashes, n) ||
        !read_names(t->asking, hashes, n, t->names))
        return 0;
    for (size_t i = 0; i < count; i++) {
        const struct bundle *b = basket_find_hash(basket, all[i].hash);
        const struct packet_observation *seen = seen_of(b, all[i].id);
        if (seen == NULL || is_nameless(t, seen))
            continue;
        const struct engine_arrival arrival = {&b->packet, seen, name_of(t->names, all[i].hash)};
        if (!t->arrived(t->context, &arrival) || !note_fresh(t->follower, all[i].id))
            return i;
    }
    return count;
}

static size_t tell(struct telling *t, const struct candidate *all, size_t count)
{
    size_t done = 0;
    t->names = malloc(sizeof *t->names);
    while (t->names != NULL && done < count) {
        const size_t n = min_size(count - done, CHUNK_MAX);
        const size_t told = tell_chunk(t, all + done, n);
        done += told;
        if (told < n)
            break;
    }
    free(t->names);
    return done;
}

/* --- late rows -------------------------------------------------------------------------------- */

/* Did rows come that were received before what is looked at? Counted twice: merges only take
 * away. */
static bool is_late_seen(struct engine_follower *f, struct shard_question *question, int64_t now_ms)
{
    const int64_t from = now_ms - LATE_REACH_MS;
    const int64_t to = now_ms - ENGINE_LATE_MS - 2 * MS_PER_S;
    bool is_late = false;
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT toInt64(countIf(receipt_ms > %" PRId64 " AND receipt_ms <= %" PRId64 ")),"
            " toInt64(countIf(receipt_ms > %" PRId64 " AND receipt_ms <= %" PRId64 ")) FROM obs"
            " WHERE ",
            f->late_from, f->late_to, from, to);
    const int64_t first = f->late_from > 0 && f->late_from < from ? f->late_from : from;
    sql_hours(&sql, first / MS_PER_HOUR, to / MS_PER_HOUR + 1);
    sql_add(&sql, " FORMAT RowBinary");
    const bool is_asked = !sql.is_cut && shard_ask(question, sql.text);
    sql_done(&sql);
    int64_t counts[CONFIG_SHARDS_MAX];
    for (size_t i = 0; i < CONFIG_SHARDS_MAX; i++)
        counts[i] = NOT_COUNTED;
    if (is_asked) {
        struct shard_rows rows = shard_rows(question);
        while (shard_rows_next(&rows)) {
            const int64_t before = f->late_counts[rows.shard];
            const int64_t again = rowbinary_read_i64(&rows.row);
            is_late |= f->late_to > 0 && before != NOT_COUNTED && again > before;
            counts[rows.shard] = rowbinary_read_i64(&rows.row);
        }
        is_late &= shard_rows_end(&rows);
    }
    memcpy(f->late_counts, counts, sizeof counts);
    f->late_from = from;
    f->late_to = to;
    return is_late;
}

static bool must_say_late(struct engine_follower *f, struct shard_question *question,
                          int64_t now_ms)
{
    const mono_us now = clock_mono();
    if (now < f->late_at)
        return false;
    f->late_at = now + LATE_EACH_US;
    if (!is_late_seen(f, question, now_ms) ||
        (f->late_said != 0 && now - f->late_said < FOLLOW_LATE_US))
        return false;
    f->late_said = now;
    return true;
}

/* --- forward ---------------------------------------------------------------------------------- */

/* What lies in the window of each shard. False = the question failed. */
static bool ask_window(struct asking *asking, const struct engine_follower *f)
{
    struct shard_question *question = asking->shards->question;
    const size_t shards = shard_question_shards(question);
    const int64_t end_hour = asking->now / US_PER_MS / MS_PER_HOUR + 2;
    const char *texts[CONFIG_SHARDS_MAX] = {NULL};
    struct sql *sqls = calloc(shards, sizeof *sqls);
    bool is_good = sqls != NULL;
    for (size_t i = 0; is_good && i < shards; i++) {
        sql_begin(&sqls[i]);
        write_window(&sqls[i], f->upto[i] - ENGINE_LATE_MS, INT64_MAX, end_hour);
        sql_add(&sqls[i], " LIMIT %d FORMAT RowBinary", ROWS_MAX);
        texts[i] = sqls[i].text;
    }
    for (size_t i = 0; is_good && i < shards; i++)
        is_good = !sqls[i].is_cut;
    if (!is_good)
        shard_question_fail(question);
    is_good = is_good && shard_ask_each(question, texts);
    for (size_t i = 0; sqls != NULL && i < shards; i++)
        sql_done(&sqls[i]);
    free(sqls);
    return is_good;
}

static bool is_any(const struct engine_follower *f, const struct candidate *one)
{
    (void)f;
    (void)one;
    return true;
}

static bool is_untold(const struct engine_follower *f, const struct candidate *one)
{
    return !shard_told_has(f->told, one->id);
}

/* True = one is back that was away for long. */
static bool note_away(struct engine_follower *f, const struct shard_question *question)
{
    const mono_us now = clock_mono();
    bool is_back = false;
    for (size_t i = 0; i < shard_question_shards(question); i++) {
        const bool is_missing = shard_is_missing(question, i);
        is_back |= !is_missing && f->away_since[i] != 0 && now - f->away_since[i] >= FOLLOW_AWAY_US;
        if (!is_missing)
            f->away_since[i] = 0;
        else if (f->away_since[i] == 0)
            f->away_since[i] = now;
    }
    return is_back;
}

void shard_follow_anew(struct asking *asking, struct engine_follower *f)
{
    struct shard_question *question = asking->shards->question;
    struct candidates there = {.all = NULL};
    f->is_beginning = true;
    f->began_ms = asking->now / US_PER_MS;
    for (size_t i = 0; i < CONFIG_SHARDS_MAX; i++)
        f->upto[i] = f->began_ms;
    shard_told_clear(f->told);
    shard_told_clear(f->first);
    f->fresh_count = 0;
    f->fresh_upto = 0;
    f->late_to = 0;
    f->back = (struct back){.below_ms = INT64_MAX};
    f->fresh_back = f->back;
    f->must_begin =
        !ask_window(asking, f) || !read_candidates(question, SIZE_MAX, is_any, f, &there);
    (void)note_away(f, question);
    for (size_t i = 0; i < there.count; i++) {
        shard_told_add(f->told, there.all[i].id);
        shard_told_add(f->first, there.all[i].id);
    }
    free(there.all);
}

enum engine_follow shard_follow(struct asking *asking, struct engine_follower *f, size_t most,
                                engine_arrived arrived, void *context)
{
    struct shard_question *question = asking->shards->question;
    struct candidates fresh = {.all = NULL};
    struct telling telling = {asking, f, arrived, context, NULL};
    const int64_t now_ms = asking->now / US_PER_MS;
    if (f->must_begin)
        return ENGINE_LOST;
    if (!ask_window(asking, f) || !read_candidates(question, ROWS_MAX, is_untold, f, &fresh))
        return ENGINE_FOLLOWS;
    if (note_away(f, question) || fresh.is_cut || fresh.count > most ||
        must_say_late(f, question, now_ms)) {
        free(fresh.all);
        return ENGINE_LOST;
    }
    if (fresh.count > 0)
        qsort(fresh.all, fresh.count, sizeof *fresh.all, by_receipt);
    if (tell(&telling, fresh.all, fresh.count) == fresh.count)
        f->fresh_upto = now_ms;
    free(fresh.all);
    return ENGINE_FOLLOWS;
}

/* --- back ------------------------------------------------------------------------------------- */

static bool is_among(const struct back *back, int64_t id)
{
    for (size_t i = 0; i < back->same_count; i++) {
        if (back->same[i] == id)
            return true;
    }
    return false;
}

/* It was there when it began, and was not told of on the way back. */
static bool is_before(const struct engine_follower *f, const struct candidate *one)
{
    return (one->ms <= f->began_ms - ENGINE_LATE_MS || shard_told_has(f->first, one->id)) &&
           !is_among(&f->back, one->id);
}

/* Those of `all` up to `done` were told of: the next call goes on behind them. */
static void set_back(struct engine_follower *f, const struct candidate *all, size_t done,
                     int64_t below_ms)
{
    struct back *back = &f->fresh_back;
    if (below_ms != f->back.below_ms)
        back->same_count = 0;
    back->below_ms = below_ms;
    for (size_t i = 0; i < done; i++) {
        if (all[i].ms == below_ms - 1 && back->same_count < SAME_MAX)
            back->same[back->same_count++] = all[i].id;
    }
}

/* Of a shard that has more, what lies below what it gave is not known, and of the last millisecond
 * not all. Where the next call goes on. */
static int64_t cut_off(struct candidates *c)
{
    size_t above = 0;
    while (c->is_cut && above < c->count && c->all[above].ms > c->floor_ms)
        above++;
    const bool is_one_moment = above == 0;
    for (; is_one_moment && above < c->count && c->all[above].ms == c->floor_ms; above++) {
    }
    if (c->is_cut)
        c->count = above;
    return is_one_moment ? c->floor_ms : c->floor_ms + 1;
}

bool shard_follow_back(struct asking *asking, struct engine_follower *f, int64_t after_ms,
                       engine_arrived arrived, void *context)
{
    struct shard_question *question = asking->shards->question;
    struct candidates older = {.all = NULL};
    struct telling telling = {asking, f, arrived, context, NULL};
    struct sql sql;
    sql_begin(&sql);
    write_window(&sql, after_ms, f->back.below_ms, f->began_ms / MS_PER_HOUR + 2);
    sql_add(&sql, " ORDER BY r DESC LIMIT %d FORMAT RowBinary", BACK_ROWS_MAX);
    if (sql.is_cut)
        shard_question_fail(question);
    const bool is_asked = !sql.is_cut && shard_ask(question, sql.text);
    sql_done(&sql);
    if (!is_asked || !read_candidates(question, BACK_ROWS_MAX, is_before, f, &older))
        return false;
    if (older.count > 0)
        qsort(older.all, older.count, sizeof *older.all, newest_first);
    const int64_t below_ms = cut_off(&older);
    const size_t done = tell(&telling, older.all, older.count);
    if (done < older.count)
        set_back(f, older.all, done, older.all[done].ms + 1);
    else if (older.is_cut)
        set_back(f, older.all, done, below_ms);
    const bool is_all = done == older.count && !older.is_cut;
    free(older.all);
    return is_all;
}
