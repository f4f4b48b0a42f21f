/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shards.h"

#include "common/base/log.h"
#include "common/spelling/store_url.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER_ID_BYTES 16
#define LINES_KEPT       4 /* sets of connections for the questions to come */
#define NO_SHARD         SIZE_MAX
#define PROBE_MAX        4096

/* One row; its columns are as --store-init makes them. */
static const char SQL_PROBE[] =
    "SELECT any(shard), any(shards), any(schema), any(cluster), version() FROM meta"
    " FORMAT RowBinary";

struct replica {
    char url[STORE_URL_MAX];
    _Atomic bool is_up;
    /* guarded by lock */
    struct replica_state state;
};

struct shard {
    struct replica *replicas;
    size_t count;
    _Atomic size_t preferred; /* the one that answered last: a hint */
    /* guarded by lock */
    struct shard_size size;
};

struct line {
    struct line *next;
    struct clickhouse_many *many;
};

struct shards {
    /* constant after open */
    const struct config_store *config;
    char *password; /* NULL = none */
    struct shard *all;
    size_t count, replica_count;
    struct clickhouse_many *prober;
    struct shard_ids *ids; /* a lock of its own */
    atomic_bool is_stopping;
    struct shared_slot counts; /* a lock of its own */
    /* guarded by lock */
    pthread_mutex_t lock;
    struct line *lines;
    size_t line_count;
    bool has_id;
    uint8_t id[CLUSTER_ID_BYTES];
};

struct shard_question {
    struct shards *shards;
    struct line *line;
    mono_us deadline;
    int try_ms;
    char seconds[12]; /* the servers' own limit */
    bool has_failed;
    struct asked {
        struct clickhouse_server server;
        struct clickhouse_errand errand;
        size_t replica;
        bool is_open;    /* to be asked yet */
        bool is_missing; /* once, for all of the question */
    } * asked;           /* a shard each */
};

/* --- life ------------------------------------------------------------------------------------- */

static bool add_shard(struct shard *shard, const char *urls)
{
    char split[STORE_URL_REPLICAS_MAX][STORE_URL_MAX];
    const size_t count = store_url_split(urls, split);
    shard->replicas = calloc(count > 0 ? count : 1, sizeof *shard->replicas);
    if (shard->replicas == NULL)
        return false;
    for (; shard->count < count; shard->count++) {
        struct replica *replica = &shard->replicas[shard->count];
        memcpy(replica->url, split[shard->count], sizeof replica->url);
        atomic_init(&replica->is_up, true);
        replica->state.is_up = true;
        (void)snprintf(replica->state.url, sizeof replica->state.url, "%s", replica->url);
    }
    return true;
}

static enum status no_memory(struct err *err)
{
    return err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory");
}

static enum status open_shards(struct shards *s, struct err *err)
{
    const struct config_store *config = s->config;
    const char *file = config->reader_password_file;
    if (file != NULL && file[0] != '\0' && !config_read_password(file, &s->password, err))
        return STATUS_CONFIG;
    if (!clickhouse_init())
        return err_set(err, STATUS_IO, 0, NULL, "libcurl can't be used");
    s->all = calloc(config->shards.count, sizeof *s->all);
    if (s->all == NULL)
        return no_memory(err);
    for (; s->count < config->shards.count; s->count++) {
        if (!add_shard(&s->all[s->count], config->shards.items[s->count]))
            return no_memory(err);
        s->replica_count += s->all[s->count].count;
    }
    s->prober = clickhouse_many_new(s->replica_count);
    s->ids = shard_ids_new();
    return s->prober != NULL && s->ids != NULL ? STATUS_OK : no_memory(err);
}

enum status shards_open(const struct config_store *config, struct shards **out, struct err *err)
{
    struct shards *s = calloc(1, sizeof *s);
    if (s == NULL)
        return no_memory(err);
    (void)pthread_mutex_init(&s->lock, NULL); /* can't fail on Linux without attributes */
    atomic_init(&s->is_stopping, false);
    shared_slot_init(&s->counts);
    s->config = config;
    const enum status status = open_shards(s, err);
    if (status == STATUS_OK)
        *out = s;
    else
        shards_close(s);
    return status;
}

static void free_line(struct line *line)
{
    if (line != NULL)
        clickhouse_many_free(line->many);
    free(line);
}

void shards_close(struct shards *s)
{
    if (s == NULL)
        return;
    while (s->lines != NULL) {
        struct line *line = s->lines;
        s->lines = line->next;
        free_line(line);
    }
    clickhouse_many_free(s->prober);
    shard_ids_free(s->ids);
    shared_slot_done(&s->counts);
    for (size_t i = 0; s->all != NULL && i < s->config->shards.count; i++)
        free(s->all[i].replicas);
    free(s->all);
    if (s->password != NULL)
        explicit_bzero(s->password, strlen(s->password));
    free(s->password);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

size_t shards_count(const struct shards *s)
{
    return s->count;
}

size_t shards_replicas(const struct shards *s, size_t shard)
{
    return s->all[shard].count;
}

struct shared_slot *shards_counts_slot(struct shards *s)
{
    return &s->counts;
}

struct shard_ids *shards_ids(struct shards *s)
{
    return s->ids;
}

void shards_interrupt(struct shards *s)
{
    atomic_store(&s->is_stopping, true);
}

/* --- what is known of a replica --------------------------------------------------------------- */

void shards_state(struct shards *s, size_t shard, size_t replica, struct replica_state *out)
{
    (void)pthread_mutex_lock(&s->lock);
    *out = s->all[shard].replicas[replica].state;
    (void)pthread_mutex_unlock(&s->lock);
}

void shards_size(struct shards *s, size_t shard, struct shard_size *out)
{
    (void)pthread_mutex_lock(&s->lock);
    *out = s->all[shard].size;
    (void)pthread_mutex_unlock(&s->lock);
}

void shards_set_size(struct shards *s, size_t shard, const struct shard_size *size)
{
    (void)pthread_mutex_lock(&s->lock);
    s->all[shard].size = *size;
    (void)pthread_mutex_unlock(&s->lock);
}

bool shards_is_up(const struct shards *s, size_t shard)
{
    for (size_t i = 0; i < s->all[shard].count; i++) {
        if (atomic_load(&s->all[shard].replicas[i].is_up))
            return true;
    }
    return false;
}

/* NULL = it answered. */
static void note(struct shards *s, size_t shard, size_t at, const char *why)
{
    struct replica *replica = &s->all[shard].replicas[at];
    const bool is_up = why == NULL;
    (void)pthread_mutex_lock(&s->lock);
    const bool is_news = replica->state.is_up != is_up;
    replica->state.is_up = is_up;
    if (is_up)
        replica->state.down_since = 0;
    else
        (void)snprintf(replica->state.why, sizeof replica->state.why, "%s", why);
    if (is_news && !is_up)
        replica->state.down_since = clock_mono();
    (void)pthread_mutex_unlock(&s->lock);
    atomic_store(&replica->is_up, is_up);
    if (is_news)
        log_event(is_up ? LOG_INFO : LOG_WARN, "store",
                  is_up ? "answers again" : "does not answer: done without until it does",
                  KV(KV_INT("shard", (int64_t)shard), KV_STR("server", replica->url),
                     KV_STR("error", is_up ? "" : why)));
}

static struct clickhouse_server server_of(const struct shards *s, const struct replica *replica)
{
    return (struct clickhouse_server){.url = replica->url,
                                      .user = s->config->reader_user,
                                      .password = s->password,
                                      .database = s->config->database};
}

/* --- probing ---------------------------------------------------------------------------------- */

struct probed {
    struct clickhouse_server server;
    size_t shard, replica;
};

/* NULL = it is what it should be. */
static const char *fault_of(struct shards *s, size_t shard, const struct clickhouse_answer *answer,
                            char version[static 32], char out[static SHARDS_TEXT_MAX])
{
    struct rowbinary_reader rows;
    rowbinary_read(&rows, answer->body, answer->len);
    const unsigned is = rowbinary_read_u16(&rows);
    const unsigned of = rowbinary_read_u16(&rows);
    (void)rowbinary_read_u16(&rows);
    const struct rowbinary_text id = rowbinary_read_bytes(&rows, CLUSTER_ID_BYTES);
    const struct rowbinary_text name = rowbinary_read_string(&rows);
    if (!rowbinary_is_end(&rows))
        return "not a store of ours: its table meta is another";
    (void)snprintf(version, 32, "%.*s", (int)min_size(name.len, 31), name.bytes);
    if (is != shard || of != s->count) {
        (void)snprintf(out, SHARDS_TEXT_MAX,
                       "is shard %u of %u of its store, storeUrl has it as shard %zu of %zu", is,
                       of, shard, s->count);
        return out;
    }
    (void)pthread_mutex_lock(&s->lock);
    if (!s->has_id)
        memcpy(s->id, id.bytes, sizeof s->id);
    s->has_id = true;
    const bool is_same = memcmp(s->id, id.bytes, sizeof s->id) == 0;
    (void)pthread_mutex_unlock(&s->lock);
    return is_same ? NULL : "belongs to another store than the first that answered";
}

static void judge_probe(struct shards *s, const struct probed *probed,
                        const struct clickhouse_errand *errand)
{
    char text[SHARDS_TEXT_MAX];
    char version[32] = "";
    struct replica *replica = &s->all[probed->shard].replicas[probed->replica];
    const char *why = errand->answer.is.text;
    if (errand->answer.is.verdict == CLICKHOUSE_DONE)
        why = fault_of(s, probed->shard, &errand->answer, version, text);
    if (why == NULL) {
        (void)pthread_mutex_lock(&s->lock);
        replica->state.ping_us = errand->took_us > 0 ? errand->took_us : 1;
        memcpy(replica->state.version, version, sizeof version);
        (void)pthread_mutex_unlock(&s->lock);
    }
    note(s, probed->shard, probed->replica, why);
}

void shards_probe(struct shards *s)
{
    const struct clickhouse_call call = {.statement = SQL_PROBE,
                                         .asks_rows = true,
                                         .answer_max = PROBE_MAX,
                                         .connect_ms = SHARDS_PROBE_MS,
                                         .total_ms = SHARDS_PROBE_MS,
                                         .stop = &s->is_stopping};
    struct probed *probed = calloc(s->replica_count, sizeof *probed);
    struct clickhouse_errand *errands = calloc(s->replica_count, sizeof *errands);
    size_t n = 0;
    for (size_t i = 0; probed != NULL && errands != NULL && i < s->count; i++) {
        for (size_t j = 0; j < s->all[i].count; j++, n++) {
            probed[n] = (struct probed){server_of(s, &s->all[i].replicas[j]), i, j};
            errands[n] = (struct clickhouse_errand){.server = &probed[n].server, .call = &call};
        }
    }
    if (n > 0)
        clickhouse_many_ask(s->prober, errands, n);
    for (size_t i = 0; i < n; i++) {
        if (!atomic_load(&s->is_stopping))
            judge_probe(s, &probed[i], &errands[i]);
        clickhouse_answer_done(&errands[i].answer);
    }
    free(errands);
    free(probed);
}

/* --- a question ------------------------------------------------------------------------------- */

static struct line *take_line(struct shards *s)
{
    (void)pthread_mutex_lock(&s->lock);
    struct line *line = s->lines;
    if (line != NULL) {
        s->lines = line->next;
        s->line_count--;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (line != NULL)
        return line;
    line = calloc(1, sizeof *line);
    if (line != NULL)
        line->many = clickhouse_many_new(s->count);
    if (line != NULL && line->many != NULL)
        return line;
    free_line(line);
    return NULL;
}

static void give_line(struct shards *s, struct line *line)
{
    (void)pthread_mutex_lock(&s->lock);
    const bool is_kept = line != NULL && s->line_count < LINES_KEPT;
    if (is_kept) {
        line->next = s->lines;
        s->lines = line;
        s->line_count++;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!is_kept)
        free_line(line);
}

struct shard_question *shard_question_begin(struct shards *s, mono_us budget, int try_ms)
{
    struct shard_question *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->shards = s;
    q->try_ms = try_ms;
    (void)snprintf(q->seconds, sizeof q->seconds, "%d", try_ms / 1000 + 1);
    q->deadline = clock_mono() + budget;
    q->asked = calloc(s->count, sizeof *q->asked);
    q->line = take_line(s);
    if (q->asked != NULL && q->line != NULL)
        return q;
    shard_question_end(q);
    return NULL;
}

static void forget(struct shard_question *q)
{
    for (size_t i = 0; q->asked != NULL && i < q->shards->count; i++)
        clickhouse_answer_done(&q->asked[i].errand.answer);
}

void shard_question_end(struct shard_question *q)
{
    if (q == NULL)
        return;
    forget(q);
    give_line(q->shards, q->line);
    free(q->asked);
    free(q);
}

size_t shard_question_shards(const struct shard_question *q)
{
    return q->shards->count;
}

/* The next replica to ask that is up, from the preferred one on; SIZE_MAX = none is left. */
static size_t choose(const struct shard *shard, size_t tries)
{
    const size_t first = atomic_load(&shard->preferred);
    for (size_t i = tries; i < shard->count; i++) {
        const size_t at = (first + i) % shard->count;
        if (atomic_load(&shard->replicas[at].is_up))
            return at;
    }
    return NO_SHARD;
}

/* Of all whose answer is open. How many are asked. */
static size_t ask_once(struct shard_question *q, const char *const *sqls, size_t tries)
{
    struct shards *s = q->shards;
    struct clickhouse_errand errands[CONFIG_SHARDS_MAX] = {{.call = NULL}};
    struct clickhouse_call calls[CONFIG_SHARDS_MAX];
    const mono_us left = q->deadline - clock_mono();
    const int ms = (int)(left / US_PER_MS < q->try_ms ? left / US_PER_MS : q->try_ms);
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct asked *asked = &q->asked[i];
        asked->replica = asked->is_open && ms > 0 ? choose(&s->all[i], tries) : NO_SHARD;
        errands[i] = (struct clickhouse_errand){.call = NULL};
        if (asked->replica == NO_SHARD)
            continue;
        asked->server = server_of(s, &s->all[i].replicas[asked->replica]);
        calls[i] = (struct clickhouse_call){.statement = sqls[i],
                                            .settings = {{"max_execution_time", q->seconds}},
                                            .asks_rows = true,
                                            .answer_max = SHARDS_ANSWER_MAX,
                                            .connect_ms = ms,
                                            .total_ms = ms,
                                            .stop = &s->is_stopping};
        errands[i] = (struct clickhouse_errand){.server = &asked->server, .call = &calls[i]};
        count++;
    }
    if (count > 0)
        clickhouse_many_ask(q->line->many, errands, s->count);
    for (size_t i = 0; i < s->count; i++) {
        if (errands[i].call != NULL)
            q->asked[i].errand = errands[i];
    }
    return count;
}

/* What a server refuses for good says nothing against its other answers. */
static void judge(struct shard_question *q, size_t shard)
{
    struct asked *asked = &q->asked[shard];
    const struct clickhouse_judgement *is = &asked->errand.answer.is;
    struct shards *s = q->shards;
    if (is->verdict == CLICKHOUSE_DONE) {
        asked->is_open = false;
        atomic_store(&s->all[shard].preferred, asked->replica);
        return;
    }
    if (!atomic_load(&s->is_stopping) && is->code == 0)
        note(s, shard, asked->replica, is->text);
    else if (!atomic_load(&s->is_stopping))
        log_event(LOG_WARN, "store", "a question was refused",
                  KV(KV_INT("shard", (int64_t)shard), KV_STR("server", asked->server.url),
                     KV_STR("error", is->text)));
    clickhouse_answer_done(&asked->errand.answer);
}

bool shard_ask_each(struct shard_question *q, const char *const *sqls)
{
    struct shards *s = q->shards;
    size_t wanted = 0;
    size_t missing = 0;
    forget(q);
    for (size_t i = 0; i < s->count; i++) {
        struct asked *asked = &q->asked[i];
        wanted += sqls[i] != NULL;
        asked->is_open = sqls[i] != NULL && !asked->is_missing && !q->has_failed;
        asked->replica = NO_SHARD;
    }
    for (size_t tries = 0; tries < STORE_URL_REPLICAS_MAX && ask_once(q, sqls, tries) > 0;
         tries++) {
        for (size_t i = 0; i < s->count; i++) {
            if (q->asked[i].is_open && q->asked[i].replica != NO_SHARD)
                judge(q, i);
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        q->asked[i].is_missing |= q->asked[i].is_open;
        missing += sqls[i] != NULL && q->asked[i].is_missing;
    }
    q->has_failed |= wanted > 0 && missing == wanted && shards_missing(q) == s->count;
    return !q->has_failed;
}

bool shard_ask(struct shard_question *q, const char *sql)
{
    const char *sqls[CONFIG_SHARDS_MAX];
    for (size_t i = 0; i < q->shards->count; i++)
        sqls[i] = sql;
    return shard_ask_each(q, sqls);
}

static void read_shard(struct shard_rows *rows)
{
    const struct clickhouse_answer *answer = &rows->question->asked[rows->shard].errand.answer;
    rowbinary_read(&rows->row, answer->body != NULL ? answer->body : "", answer->len);
}

struct shard_rows shard_rows(struct shard_question *q)
{
    struct shard_rows rows = {.question = q};
    read_shard(&rows);
    return rows;
}

bool shard_rows_next(struct shard_rows *rows)
{
    const size_t last = rows->question->shards->count - 1;
    for (; rowbinary_is_end(&rows->row) && rows->shard < last; read_shard(rows))
        rows->shard++;
    return !rows->question->has_failed && rowbinary_has_more(&rows->row);
}

bool shard_rows_end(struct shard_rows *rows)
{
    if (shard_rows_next(rows) || !rowbinary_is_end(&rows->row))
        shard_question_fail(rows->question);
    return !rows->question->has_failed;
}

void shard_question_fail(struct shard_question *q)
{
    q->has_failed = true;
}

bool shard_question_has_failed(const struct shard_question *q)
{
    return q->has_failed;
}

bool shard_is_missing(const struct shard_question *q, size_t shard)
{
    return q->asked[shard].is_missing;
}

size_t shards_missing(const struct shard_question *q)
{
    size_t count = 0;
    for (size_t i = 0; i < q->shards->count; i++)
        count += q->asked[i].is_missing;
    return count;
}

uint64_t shards_missing_bits(const struct shard_question *q)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < q->shards->count; i++)
        bits |= (uint64_t)q->asked[i].is_missing << i;
    return bits;
}

mono_us shard_question_deadline(const struct shard_question *q)
{
    return q->deadline;
}
