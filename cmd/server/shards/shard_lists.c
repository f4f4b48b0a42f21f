/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_lists.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/shard_steps.h"
#include "cmd/server/shards/sql.h"
#include "common/mesh/meshcore.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEARERS_MAX 2000 /* observers that a statement names */
#define TEXT_MAX    1024 /* of a message, a channel's or a sender's name; longer ones are cut */

/* --- first receipts --------------------------------------------------------------------------- */

static int later_first(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Of the packets that were first received after `after`, among those of the hours from `low` on.
 * *all has room for `max` of each shard. SIZE_MAX = it failed. */
static size_t read_receipts(struct asking *asking, int64_t low, int64_t after, size_t max,
                            int64_t *all)
{
    struct shard_question *question = asking->shards->question;
    size_t count = 0;
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT f FROM (SELECT min(first_ms) AS f FROM tx WHERE ");
    sql_hours(&sql, low, asking->now / US_PER_MS / MS_PER_HOUR + 48);
    sql_add(&sql,
            " GROUP BY hash) WHERE f > %" PRId64 " ORDER BY f DESC LIMIT %zu FORMAT RowBinary",
            after, max);
    if (!shard_asking_ask(asking, &sql))
        return SIZE_MAX;
    struct shard_rows rows = shard_rows(question);
    while (count < max * shard_question_shards(question) && shard_rows_next(&rows))
        all[count++] = rowbinary_read_i64(&rows.row);
    if (!shard_rows_end(&rows))
        return SIZE_MAX;
    qsort(all, count, sizeof *all, later_first);
    return min_size(count, max);
}

/* From now back, farther as long as that gives too few. */
size_t shard_first_receipts(struct asking *asking, int64_t since_ms, size_t max, int64_t *out)
{
    struct shard_steps steps = {.newest = asking->now / US_PER_MS / MS_PER_HOUR,
                                .oldest = since_ms > 0 ? since_ms / MS_PER_HOUR : 0,
                                .hours = 24};
    const size_t shards = shard_question_shards(asking->shards->question);
    int64_t *all = calloc(max * shards + 1, sizeof *all);
    size_t count = 0;
    while (all != NULL && count < max && shard_steps_next(&steps)) { /* SIZE_MAX ends it */
        const int64_t floor_ms = steps.low * MS_PER_HOUR - 1;
        count =
            read_receipts(asking, steps.low, since_ms > floor_ms ? since_ms : floor_ms, max, all);
    }
    if (all == NULL || count == SIZE_MAX) {
        shard_question_fail(asking->shards->question);
        count = 0;
    }
    if (count > 0)
        memcpy(out, all, count * sizeof *out);
    free(all);
    return count;
}

/* --- receptions of the last hour -------------------------------------------------------------- */

bool shard_last_hour(struct asking *asking, const struct directory *d, int64_t *counts)
{
    struct shard_question *question = asking->shards->question;
    struct shard_ids *ids = shards_ids(asking->model->shards);
    const int64_t from_ms = asking->now / US_PER_MS - MS_PER_HOUR;
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT observer, toInt64(countIf(f > %" PRId64 ")) FROM"
            " (SELECT observer, min(receipt_ms) AS f FROM obs WHERE ",
            from_ms);
    sql_hours(&sql, from_ms / MS_PER_HOUR - 1, from_ms / MS_PER_HOUR + 24);
    sql_add(&sql, " GROUP BY hash, observer, direction, path_size, path) GROUP BY observer"
                  " FORMAT RowBinary");
    if (!shard_asking_ask(asking, &sql))
        return false;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        const int64_t id = shard_ids_of(ids, SHARD_OBSERVER, rowbinary_read_u64(&rows.row));
        const int64_t count = rowbinary_read_i64(&rows.row);
        const struct observer *o = directory_observer(d, id);
        if (o != NULL)
            counts[o - d->observers] += count;
    }
    return shard_rows_end(&rows);
}

/* --- a node's adverts ------------------------------------------------------------------------- */

struct dated {
    int64_t ms;
    uint64_t hash;
};

static int newest_first(const void *a, const void *b)
{
    const struct dated *x = a;
    const struct dated *y = b;
    if (x->ms != y->ms)
        return x->ms < y->ms ? 1 : -1;
    return (x->hash < y->hash) - (x->hash > y->hash);
}

/* Of its one shard; those that all shards gave are looked at, whichever it is. */
size_t shard_adverts(struct asking *asking, int64_t node_id, size_t max, int64_t *out)
{
    struct shard_question *question = asking->shards->question;
    const struct node *node = asking_node(asking, node_id);
    struct dated *all = calloc(max * shard_question_shards(question) + 1, sizeof *all);
    uint64_t *hashes = calloc(max + 1, sizeof *hashes);
    size_t count = 0;
    struct sql sql;
    sql_begin(&sql);
    if (node == NULL || all == NULL || hashes == NULL)
        goto out;
    sql_add(&sql, "SELECT hash, min(first_ms) AS f FROM adverts WHERE pubkey = toFixedString(");
    sql_bytes(&sql, node->key, sizeof node->key);
    sql_add(&sql, ", 32) GROUP BY hash ORDER BY f DESC, hash DESC LIMIT %zu FORMAT RowBinary", max);
    if (!shard_asking_ask(asking, &sql))
        goto out;
    struct shard_rows rows = shard_rows(question);
    for (; count < max * shard_question_shards(question) && shard_rows_next(&rows); count++) {
        all[count].hash = rowbinary_read_u64(&rows.row);
        all[count].ms = rowbinary_read_i64(&rows.row);
    }
    if (!shard_rows_end(&rows)) {
        count = 0;
        goto out;
    }
    qsort(all, count, sizeof *all, newest_first);
    count = min_size(count, max);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = all[i].hash;
        out[i] = shard_id(all[i].hash);
    }
    if (!basket_read(&asking->shards->basket, asking->shards->question, asking, hashes, count))
        count = 0;
out:
    sql_done(&sql);
    free(hashes);
    free(all);
    return count;
}

/* Keys stand in the answer, so that a node that no shard names has none: 0, if all were asked. */
void shard_adverts_since(struct asking *asking, int64_t since_ms, const int64_t *node_ids,
                         size_t count, int64_t *out)
{
    struct shard_question *question = asking->shards->question;
    struct shard_ids *ids = shards_ids(asking->model->shards);
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT pubkey, toInt64(countIf(f >= %" PRId64 ")) FROM"
            " (SELECT pubkey, hash, min(first_ms) AS f FROM adverts WHERE day >= %" PRId64
            " AND pubkey IN (",
            since_ms, since_ms > MS_PER_DAY ? since_ms / MS_PER_DAY - 1 : 0);
    for (size_t i = 0; i < count; i++) {
        const struct node *node = asking_node(asking, node_ids[i]);
        static const uint8_t nobody[NODE_KEY_BYTES];
        sql_add(&sql, "%stoFixedString(", i > 0 ? "," : "");
        sql_bytes(&sql, node != NULL ? node->key : nobody, NODE_KEY_BYTES);
        sql_add(&sql, ", 32)");
    }
    sql_add(&sql, ") GROUP BY pubkey, hash) GROUP BY pubkey FORMAT RowBinary");
    if (count == 0 || !shard_asking_ask(asking, &sql)) {
        sql_done(&sql);
        return;
    }
    for (size_t i = 0; shards_missing(question) == 0 && i < count; i++)
        out[i] = 0;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        const struct rowbinary_text key = rowbinary_read_bytes(&rows.row, NODE_KEY_BYTES);
        const int64_t adverts = rowbinary_read_i64(&rows.row);
        const int64_t id =
            key.len == NODE_KEY_BYTES
                ? shard_ids_of(ids, SHARD_NODE, shard_number((const uint8_t *)key.bytes))
                : 0;
        for (size_t i = 0; id != 0 && i < count; i++) {
            if (node_ids[i] == id)
                out[i] = adverts;
        }
    }
    IGNORE(shard_rows_end(&rows), "then the question has failed");
}

/* --- channels --------------------------------------------------------------------------------- */

static const char *copy(struct rowbinary_text text, char out[static TEXT_MAX])
{
    const size_t len = min_size(text.len, TEXT_MAX - 1);
    memcpy(out, text.bytes, len);
    out[len] = '\0';
    return out;
}

static const char *copy_or_null(struct rowbinary_reader *rows, char out[static TEXT_MAX])
{
    return rowbinary_read_is_null(rows) ? NULL : copy(rowbinary_read_string(rows), out);
}

/* A channel's messages lie on all shards: of each the sums, of the newest its words. */
struct merged {
    char name[TEXT_MAX], sender[TEXT_MAX], text[TEXT_MAX];
    bool has_sender, has_text;
    int64_t messages, observations, newest_ms, last_ms;
    uint64_t last_hash; /* of the newest packet; 0 = a companion told the newest message */
};

struct merging {
    struct merged *all; /* owned */
    size_t count, cap;
};

static struct merged *find(struct merging *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->all[i].name, name) == 0)
            return &m->all[i];
    }
    struct merged *longer = grow(m->all, m->count, &m->cap, sizeof *longer);
    if (longer == NULL)
        return NULL;
    m->all = longer;
    struct merged *fresh = &m->all[m->count++];
    *fresh = (struct merged){.newest_ms = INT64_MIN, .last_ms = INT64_MIN};
    memcpy(fresh->name, name, strlen(name) + 1);
    return fresh;
}

static bool merge(struct merging *m, struct rowbinary_reader *rows)
{
    char name[TEXT_MAX];
    char sender[TEXT_MAX];
    char text[TEXT_MAX];
    (void)copy(rowbinary_read_string(rows), name);
    const int64_t messages = rowbinary_read_i64(rows);
    const int64_t observations = rowbinary_read_i64(rows);
    const int64_t newest_ms = rowbinary_read_i64(rows);
    const int64_t last_ms = rowbinary_read_i64(rows);
    const bool has_sender = copy_or_null(rows, sender) != NULL;
    const bool has_text = copy_or_null(rows, text) != NULL;
    const uint64_t last_hash = rowbinary_read_u64(rows);
    struct merged *to = rows->is_failed ? NULL : find(m, name);
    if (to == NULL)
        return rows->is_failed;
    to->messages += messages;
    to->observations += observations;
    to->last_ms = last_ms > to->last_ms ? last_ms : to->last_ms;
    if (newest_ms <= to->newest_ms)
        return true;
    to->newest_ms = newest_ms;
    to->last_hash = last_hash;
    to->has_sender = has_sender;
    to->has_text = has_text;
    memcpy(to->sender, has_sender ? sender : "", has_sender ? strlen(sender) + 1 : 1);
    memcpy(to->text, has_text ? text : "", has_text ? strlen(text) + 1 : 1);
    return true;
}

/* Of which rows of one message are one: what it says, and that it says nothing. */
#define MESSAGE_WORDS                                                                              \
    "min(first_ms) AS f, argMax(kind, ver) AS sort, argMax(isNotNull(sender), ver) AS has_sender," \
    " argMax(coalesce(sender, ''), ver) AS who, argMax(isNotNull(text), ver) AS has_text,"         \
    " argMax(coalesce(text, ''), ver) AS said FROM messages WHERE channel != ''"

/* The newest message's words, and not the newest that has some; a copy that another ingestor heard
 * later is no newer one. */
static void write_channels(struct sql *sql, const char *observations, const char *last)
{
    sql_add(sql,
            "SELECT channel, toInt64(count()), %s, max(f), %s,"
            " if(argMax(has_sender, (f, hash)), argMax(who, (f, hash)), NULL),"
            " if(argMax(has_text, (f, hash)), argMax(said, (f, hash)), NULL),"
            " argMax(if(sort = 0, hash, toUInt64(0)), (f, hash)) FROM ",
            observations, last);
}

static void write_all_channels(struct sql *sql)
{
    write_channels(sql, "toInt64(0)", "max(f)");
    sql_add(sql, "(SELECT channel, hash, " MESSAGE_WORDS " GROUP BY channel, hash)");
}

/* Both versions want the names of the two sides. */
static void write_heard_channels(struct sql *sql, const struct asking *asking,
                                 const struct engine_channels *among)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    uint64_t number;
    write_channels(sql, "toInt64(sum(n))", "max(last)");
    sql_add(sql, "(SELECT hash, count() AS n, max(r) AS last FROM (SELECT hash, min(receipt_ms) AS"
                 " r FROM obs WHERE ");
    sql_hours(sql, among->after_ms / MS_PER_HOUR, asking->now / US_PER_MS / MS_PER_HOUR + 24);
    sql_add(sql, " AND type = %d AND observer IN (toUInt64(0)", MESHCORE_GRP_TXT);
    for (size_t i = 0; i < min_size(among->observer_count, HEARERS_MAX); i++) {
        if (shard_ids_number(ids, SHARD_OBSERVER, among->observers[i], &number))
            sql_add(sql, ",toUInt64(%" PRIu64 ")", number);
    }
    sql_add(sql,
            ") GROUP BY hash, observer, direction, path_size, path HAVING r > %" PRId64
            ") GROUP BY hash) AS heard ANY INNER JOIN (SELECT channel, hash, " MESSAGE_WORDS
            " AND kind = 0 AND day >= %" PRId64 " GROUP BY channel, hash HAVING f > %" PRId64
            ") AS told USING (hash)",
            among->after_ms, among->after_ms / MS_PER_DAY, among->after_ms);
}

/* among: NULL = all. */
static bool read_channels(struct merging *m, struct asking *asking,
                          const struct engine_channels *among)
{
    struct shard_question *question = asking->shards->question;
    struct sql sql;
    sql_begin(&sql);
    if (among != NULL)
        write_heard_channels(&sql, asking, among);
    else
        write_all_channels(&sql);
    sql_add(&sql, " GROUP BY channel LIMIT 20000 FORMAT RowBinary");
    if (!shard_asking_ask(asking, &sql))
        return false;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        if (!merge(m, &rows.row)) {
            shard_question_fail(question);
            return false;
        }
    }
    return shard_rows_end(&rows);
}

/* When the newest message was heard last. */
static bool read_activity(struct merging *m, struct asking *asking)
{
    struct basket *basket = &asking->shards->basket;
    uint64_t *hashes = calloc(m->count + 1, sizeof *hashes);
    size_t n = 0;
    for (size_t i = 0; hashes != NULL && i < m->count; i++) {
        if (m->all[i].last_hash != 0)
            hashes[n++] = m->all[i].last_hash;
    }
    const bool is_read =
        hashes != NULL && basket_read(basket, asking->shards->question, asking, hashes, n);
    for (size_t i = 0; is_read && i < m->count; i++) {
        const struct bundle *b = basket_find_hash(basket, m->all[i].last_hash);
        if (b != NULL && b->packet.last_ms > m->all[i].last_ms)
            m->all[i].last_ms = b->packet.last_ms;
    }
    free(hashes);
    return is_read;
}

bool shard_channels(struct asking *asking, const struct engine_channels *among,
                    void (*each)(void *context, const struct engine_channel *channel),
                    void *context, bool *out_whole)
{
    struct merging m = {.all = NULL};
    const bool is_read =
        read_channels(&m, asking, among) && (among != NULL || read_activity(&m, asking));
    *out_whole = among == NULL || among->observer_count <= HEARERS_MAX;
    for (size_t i = 0; is_read && i < m.count; i++) {
        const struct merged *c = &m.all[i];
        each(context, &(struct engine_channel){.name = c->name,
                                               .is_encrypted = strncmp(c->name, "enc_", 4) == 0,
                                               .messages = c->messages,
                                               .last_ms = c->last_ms,
                                               .observations = c->observations,
                                               .last_sender = c->has_sender ? c->sender : NULL,
                                               .last_text = c->has_text ? c->text : NULL});
    }
    free(m.all);
    return is_read;
}

/* --- messages --------------------------------------------------------------------------------- */

struct message {
    struct dated dated;
    unsigned kind;
    int64_t sender_time;
    double snr;
    char *sender, *text; /* owned */
};

static char *keep(struct rowbinary_reader *rows)
{
    char text[TEXT_MAX];
    const char *copied = copy_or_null(rows, text);
    return copied != NULL ? strdup(copied) : NULL;
}

static int newest_message_first(const void *a, const void *b)
{
    return newest_first(&((const struct message *)a)->dated, &((const struct message *)b)->dated);
}

static void read_message(struct message *m, struct rowbinary_reader *rows)
{
    *m = (struct message){.dated.hash = rowbinary_read_u64(rows)};
    m->kind = rowbinary_read_u8(rows);
    m->dated.ms = rowbinary_read_i64(rows);
    m->sender = keep(rows);
    m->text = keep(rows);
    m->sender_time = rowbinary_read_is_null(rows) ? DIRECTORY_UNKNOWN : rowbinary_read_i64(rows);
    m->snr = rowbinary_read_is_null(rows) ? (double)NAN : (double)rowbinary_read_f32(rows);
}

static void write_messages(struct sql *sql, const struct engine_messages *wanted)
{
    sql_add(sql, "SELECT hash, kind, min(first_ms) AS f, argMax(sender, ver), argMax(text, ver),"
                 " argMax(sender_time, ver), argMax(snr, ver) FROM messages WHERE channel = ");
    sql_text(sql, wanted->channel);
    sql_add(sql, "%s GROUP BY hash, kind HAVING 1", wanted->is_on_air ? " AND kind = 0" : "");
    if (wanted->below_ms != INT64_MAX) /* shard_id of the hash */
        sql_add(sql,
                " AND (f < %" PRId64 " OR (f = %" PRId64 " AND bitShiftRight(hash, 11) < %" PRId64
                "))",
                wanted->below_ms, wanted->below_ms, wanted->below);
    sql_add(sql, " ORDER BY f DESC, hash DESC LIMIT %zu FORMAT RowBinary", wanted->max);
}

/* At most `max` of each shard. SIZE_MAX = it failed. */
static size_t read_messages(struct asking *asking, struct message *all, size_t max)
{
    struct shard_question *question = asking->shards->question;
    size_t count = 0;
    struct shard_rows rows = shard_rows(question);
    while (count < max * shard_question_shards(question) && shard_rows_next(&rows))
        read_message(&all[count++], &rows.row);
    if (!shard_rows_end(&rows))
        return SIZE_MAX;
    qsort(all, count, sizeof *all, newest_message_first);
    return count;
}

/* Packets are read together. */
static bool read_packets(struct asking *asking, const struct message *all, size_t count)
{
    uint64_t *hashes = calloc(count + 1, sizeof *hashes);
    size_t n = 0;
    for (size_t i = 0; hashes != NULL && i < count; i++) {
        if (all[i].kind == 0)
            hashes[n++] = all[i].dated.hash;
    }
    const bool is_read = hashes != NULL && basket_read(&asking->shards->basket,
                                                       asking->shards->question, asking, hashes, n);
    free(hashes);
    return is_read;
}

bool shard_messages(struct asking *asking, const struct engine_messages *wanted,
                    void (*each)(void *context, const struct engine_message *message),
                    void *context)
{
    const size_t max = wanted->max;
    const size_t cap = max * shard_question_shards(asking->shards->question) + 1;
    struct message *all = calloc(cap, sizeof *all);
    size_t count = SIZE_MAX;
    struct sql sql;
    sql_begin(&sql);
    write_messages(&sql, wanted);
    if (all != NULL && shard_asking_ask(asking, &sql))
        count = read_messages(asking, all, max);
    sql_done(&sql);
    const size_t shown = count == SIZE_MAX ? 0 : min_size(count, max);
    const bool is_read = count != SIZE_MAX && read_packets(asking, all, shown);
    for (size_t i = 0; is_read && i < shown; i++)
        each(context,
             &(struct engine_message){.id = all[i].kind == 0 ? shard_id(all[i].dated.hash) : 0,
                                      .first_ms = all[i].dated.ms,
                                      .sender = all[i].sender,
                                      .text = all[i].text,
                                      .sender_time = all[i].sender_time,
                                      .snr = all[i].snr,
                                      .place = shard_id(all[i].dated.hash)});
    for (size_t i = 0; all != NULL && i < cap; i++) {
        free(all[i].sender);
        free(all[i].text);
    }
    free(all);
    return is_read;
}

int64_t shard_count_messages(struct asking *asking, const char *channel)
{
    struct shard_question *question = asking->shards->question;
    int64_t total = 0;
    struct sql sql;
    sql_begin(&sql);
    sql_add(&sql, "SELECT toInt64(uniqExact(hash)) FROM messages WHERE channel = ");
    sql_text(&sql, channel);
    sql_add(&sql, " FORMAT RowBinary");
    if (!shard_asking_ask(asking, &sql))
        return -1;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows))
        total += rowbinary_read_i64(&rows.row);
    return shard_rows_end(&rows) ? total : -1;
}
