/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shards.h"

#include "common/base/log.h"
#include "common/clickhouse/rowbinary.h"
#include "common/spelling/store_url.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER_ID_BYTES 16
#define MANY_KEPT        4 /* sets of connections for the questions to come */
#define PROBE_MAX        4096
/* Between two lines of the log about questions that a server did not answer. */
#define FAULTS_EACH_US ((mono_us)10 * US_PER_S)

/* One row; its columns are as --store-init makes them. */
static const char SQL_PROBE[] =
    "SELECT any(shard), any(shards), any(schema), any(cluster), version() FROM meta"
    " FORMAT RowBinary";

struct replica {
    char url[STORE_URL_MAX];
    _Atomic bool is_up;
    /* guarded by lock */
    struct replica_state state;
    mono_us quiet_until; /* faults of questions are not logged before */
};

struct shard {
    struct replica *replicas;
    size_t count;
    _Atomic size_t preferred; /* the one that answered last: a hint */
    /* guarded by lock */
    struct shard_size size;
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
    struct clickhouse_many *many[MANY_KEPT];
    size_t many_count;
    bool has_id;
    uint8_t id[CLUSTER_ID_BYTES];
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

void shards_close(struct shards *s)
{
    if (s == NULL)
        return;
    while (s->many_count > 0)
        clickhouse_many_free(s->many[--s->many_count]);
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

void shards_note_fault(struct shards *s, size_t shard, size_t at, const char *why)
{
    struct replica *replica = &s->all[shard].replicas[at];
    const mono_us now = clock_mono();
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(replica->state.why, sizeof replica->state.why, "%.*s", SHARDS_TEXT_MAX - 1, why);
    const bool is_said = now < replica->quiet_until;
    replica->quiet_until = is_said ? replica->quiet_until : now + FAULTS_EACH_US;
    (void)pthread_mutex_unlock(&s->lock);
    if (!is_said)
        log_event(LOG_WARN, "store", "a question was not answered",
                  KV(KV_INT("shard", (int64_t)shard), KV_STR("server", replica->url),
                     KV_STR("error", why)));
}

void shards_note(struct shards *s, size_t shard, size_t at, const char *why)
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

struct clickhouse_server shards_server(const struct shards *s, size_t shard, size_t replica)
{
    return (struct clickhouse_server){.url = s->all[shard].replicas[replica].url,
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
    shards_note(s, probed->shard, probed->replica, why);
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
            probed[n] = (struct probed){shards_server(s, i, j), i, j};
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

/* --- for shard_question ----------------------------------------------------------------------- */

struct clickhouse_many *shards_take_many(struct shards *s)
{
    struct clickhouse_many *many = NULL;
    (void)pthread_mutex_lock(&s->lock);
    if (s->many_count > 0)
        many = s->many[--s->many_count];
    (void)pthread_mutex_unlock(&s->lock);
    return many != NULL ? many : clickhouse_many_new(s->count);
}

void shards_give_many(struct shards *s, struct clickhouse_many *many)
{
    (void)pthread_mutex_lock(&s->lock);
    const bool is_kept = many != NULL && s->many_count < MANY_KEPT;
    if (is_kept)
        s->many[s->many_count++] = many;
    (void)pthread_mutex_unlock(&s->lock);
    if (!is_kept)
        clickhouse_many_free(many);
}

size_t shards_preferred(const struct shards *s, size_t shard)
{
    return atomic_load(&s->all[shard].preferred);
}

void shards_prefer(struct shards *s, size_t shard, size_t replica)
{
    atomic_store(&s->all[shard].preferred, replica);
}

size_t shards_next_up(const struct shards *s, size_t shard, size_t first, size_t tried)
{
    const struct shard *of = &s->all[shard];
    while (tried < of->count && !atomic_load(&of->replicas[(first + tried) % of->count].is_up))
        tried++;
    return tried;
}

const atomic_bool *shards_stopping(const struct shards *s)
{
    return &s->is_stopping;
}
