/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/send/sender.h"

#include "cmd/ingestor/cluster/cluster_look.h"
#include "cmd/ingestor/facts/fact_row.h"
#include "cmd/ingestor/facts/outbox_reader.h"
#include "cmd/ingestor/send/store_sums.h"
#include "cmd/ingestor/send/store_upkeep.h"
#include "cmd/ingestor/shared/process.h"
#include "common/base/crypto.h"
#include "common/base/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Between two looks for a block. A batch ends every storeBatchMs, hundreds of milliseconds. */
#define LOOK_MS  50
#define WATCH_US ((mono_us)US_PER_S)
#define SQL_MAX  8192
/* The statistics file, in the table `ingestors` on shard 0. */
#define ROW_US         (10 * (mono_us)US_PER_S)
#define ROW_MAX        ((size_t)1 << 20)
#define NAME_MAX_BYTES 256
/* The first time when the shard has answered, then hourly. */
#define UPKEEP_US (3600 * (mono_us)US_PER_S)

struct sender {
    const struct config *config;
    struct control_block *cb;
    struct worker_slot *slot;
    size_t shard;
    struct cluster cluster;
    struct outbox_reader reader;
    struct sender_status status;
    bool *is_ours; /* by replica (I2) */
    mono_us watched_at, asked_at, retry_at, retry_wait, row_at, upkeep_at;
    struct store_sums sums;
    char name[NAME_MAX_BYTES]; /* this ingestor's */
};

/* --- what is said ----------------------------------------------------------------------------- */

static void publish(struct sender *s)
{
    seqlock_write(&s->cb->senders[s->shard], &s->status);
}

static void begin_waiting(struct sender *s, size_t replica)
{
    (void)snprintf(s->status.server, sizeof s->status.server, "%s",
                   s->cluster.shards[s->shard].replicas[replica].url);
    s->status.busy_mono_us = clock_mono();
    publish(s);
}

static void answered(struct sender *s)
{
    if (s->status.away_mono_us != 0)
        log_event(LOG_INFO, "sender", "the shard answers again",
                  KV(KV_INT("shard", s->shard), KV_STR("server", s->status.server),
                     KV_INT("away_s", (clock_mono() - s->status.away_mono_us) / US_PER_S)));
    s->status.away_mono_us = 0;
    s->status.busy_mono_us = 0;
    s->status.is_permanent = 0;
    s->status.error[0] = '\0';
    s->retry_wait = 0;
    s->retry_at = 0;
    publish(s);
}

/* From the moment on when the answer that did not come was asked for. */
static void failed(struct sender *s, bool is_permanent, const char *text)
{
    const bool is_first = s->status.away_mono_us == 0;
    const bool is_other = strcmp(s->status.error, text) != 0;
    if (is_first)
        s->status.away_mono_us =
            s->status.busy_mono_us != 0 ? s->status.busy_mono_us : clock_mono();
    s->status.busy_mono_us = 0;
    s->status.is_permanent = is_permanent;
    s->status.retries++;
    (void)snprintf(s->status.error, sizeof s->status.error, "%s", text);
    s->retry_wait = is_permanent         ? SENDER_RETRY_LONGEST_US
                    : s->retry_wait == 0 ? SENDER_RETRY_FIRST_US
                                         : 2 * s->retry_wait;
    if (s->retry_wait > SENDER_RETRY_LONGEST_US)
        s->retry_wait = SENDER_RETRY_LONGEST_US;
    s->retry_at = clock_mono() + s->retry_wait;
    publish(s);
    if (is_first || is_other)
        log_event(LOG_WARN, "sender",
                  is_permanent ? "the shard refuses for good; nothing is lost, blocks wait"
                               : "the shard does not answer; nothing is lost, blocks wait",
                  KV(KV_INT("shard", s->shard), KV_STR("server", s->status.server),
                     KV_STR("error", text), KV_INT("retry_s", s->retry_wait / US_PER_S)));
}

/* --- one server ------------------------------------------------------------------------------- */

_Static_assert(sizeof(((struct sender_status *)NULL)->store) == CLUSTER_ID_BYTES,
               "an id is kept whole");

/* Does another replica, or another shard, belong to another store? Of those that were seen. */
static bool is_of_another(const struct sender *s, const uint8_t id[static CLUSTER_ID_BYTES])
{
    for (size_t i = 0; i < s->cluster.count; i++) {
        struct sender_status said;
        if (i == s->shard)
            said = s->status;
        else if (!seqlock_read(&s->cb->senders[i], &said))
            continue;
        if (said.has_store && memcmp(said.store, id, CLUSTER_ID_BYTES) != 0)
            return true;
    }
    return false;
}

/* I2. */
static bool is_ours(struct sender *s, size_t replica, struct clickhouse_judgement *out)
{
    struct cluster_sight sight;
    if (s->is_ours[replica])
        return true;
    cluster_look(&s->cluster, s->shard, replica, &sight);
    if (sight.state == CLUSTER_READY && is_of_another(s, sight.id)) {
        sight.state = CLUSTER_OTHER;
        (void)snprintf(sight.text, sizeof sight.text,
                       "it belongs to another store than other servers of storeUrl; where all were"
                       " made anew, restart the ingestor");
    }
    if (sight.state == CLUSTER_READY) {
        memcpy(s->status.store, sight.id, sizeof s->status.store);
        s->status.has_store = 1;
        s->is_ours[replica] = true;
        return true;
    }
    const bool is_away = sight.state == CLUSTER_UNREACHED && !sight.is_refused;
    out->verdict = is_away ? CLICKHOUSE_TEMPORARY : CLICKHOUSE_PERMANENT;
    (void)snprintf(out->text, sizeof out->text, "%.390s", sight.text);
    return false;
}

/* What a server is asked for; sql NULL = only whether it is there. */
struct errand {
    const char *sql;
    const uint8_t *rows;
    size_t len;
    bool is_packed; /* rows are gzip */
};

/* Refused for good: for a table or a column that an older --store-init did not make? Then its words
 * say what to do, which the server's do not. */
static void explain(struct sender *s, size_t replica, struct clickhouse_judgement *is)
{
    struct cluster_sight sight = {.state = CLUSTER_READY};
    cluster_look_at_columns(&s->cluster, s->shard, replica, &sight);
    if (sight.state == CLUSTER_DAMAGED)
        (void)snprintf(is->text, sizeof is->text, "%.390s", sight.text);
}

static bool ask(struct sender *s, size_t replica, const struct errand *errand,
                struct clickhouse_answer *out)
{
    if (!is_ours(s, replica, &out->is))
        return false;
    if (errand->sql == NULL)
        return cluster_ask_version(&s->cluster, s->shard, replica, out);
    const bool is_done = (errand->is_packed ? cluster_post_at : cluster_insert_at)(
        &s->cluster, s->shard, replica, errand->sql, errand->rows, errand->len, out);
    if (!is_done && out->is.verdict == CLICKHOUSE_PERMANENT)
        explain(s, replica, &out->is);
    return is_done;
}

/* At each replica once, the one that answered last first. */
static bool try_all(struct sender *s, const struct errand *errand)
{
    struct cluster_shard *shard = &s->cluster.shards[s->shard];
    struct clickhouse_judgement worst = {.verdict = CLICKHOUSE_TEMPORARY};
    for (size_t i = 0; i < shard->count && !worker_should_stop(s->slot); i++) {
        const size_t replica = (shard->preferred + i) % shard->count;
        struct clickhouse_answer answer = {.body = NULL};
        begin_waiting(s, replica);
        worker_beat(s->slot, PHASE_ASK);
        const bool is_done = ask(s, replica, errand, &answer);
        clickhouse_answer_done(&answer);
        worker_beat(s->slot, PHASE_RUN);
        if (is_done) {
            shard->preferred = replica;
            answered(s);
            return true;
        }
        worst = answer.is;
        s->is_ours[replica] = false;
    }
    if (!worker_should_stop(s->slot))
        failed(s, worst.verdict == CLICKHOUSE_PERMANENT, worst.text);
    return false;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void send_block(struct sender *s, const struct outbox_block *block)
{
    char sql[SQL_MAX];
    (void)snprintf(sql, sizeof sql, "INSERT INTO %s.%s FORMAT RowBinary", s->config->store.database,
                   block->into);
    if (!try_all(s, &(struct errand){sql, block->body, block->len, true}))
        return;
    s->status.epoch = block->epoch;
    s->status.acknowledged = block->id;
    s->status.blocks++;
    s->status.rows += block->rows;
    s->asked_at = clock_mono();
    publish(s);
    wake_notify(&s->cb->flusher_wake);
}

/* The database is made by the flusher, may be replaced, and is another user's until it is. */
static bool has_reader(struct sender *s)
{
    struct err err = {0};
    const mono_us now = clock_mono();
    if (outbox_reader_is_open(&s->reader)) {
        if (now - s->watched_at < WATCH_US)
            return true;
        s->watched_at = now;
        if (!outbox_reader_is_stale(&s->reader, s->config->db_path))
            return true;
        outbox_reader_close(&s->reader);
    }
    return outbox_reader_open(&s->reader, s->config->db_path, &err) == STATUS_OK;
}

static void ask_if_due(struct sender *s)
{
    if (clock_mono() - s->asked_at < SENDER_ASK_US)
        return;
    s->asked_at = clock_mono();
    IGNORE(try_all(s, &(struct errand){.sql = NULL}), "says so");
}

/* --- besides blocks --------------------------------------------------------------------------- */

static bool read_stats(const struct sender *s, char **out, size_t *out_len)
{
    FILE *file = fopen(s->config->stats_file, "re");
    char *text = file != NULL ? malloc(ROW_MAX / 2) : NULL;
    *out = text;
    *out_len = text != NULL ? fread(text, 1, ROW_MAX / 2, file) : 0;
    if (file != NULL)
        IGNORE(fclose(file), "read-only");
    return *out_len > 0 && *out_len < ROW_MAX / 2; /* cut is none */
}

/* How this ingestor is, for whoever asks the store: its statistics file as it stands. */
static void send_row(struct sender *s)
{
    char sql[FACT_SQL_MAX];
    char *stats = NULL;
    size_t len = 0;
    struct fact_row row;
    struct rowbinary_writer w;
    const int64_t now_ms = clock_wall() / US_PER_MS;
    if (!read_stats(s, &stats, &len)) { /* not written yet */
        free(stats);
        return;
    }
    rowbinary_init(&w, ROW_MAX);
    fact_row_begin(&row, &fact_tables[FACT_INGESTORS], &w);
    fact_row_u64(&row, fact_number_of_text(s->name, strlen(s->name)));
    fact_row_bytes(&row, s->name, strlen(s->name));
    fact_row_int(&row, now_ms);
    fact_row_bytes(&row, stats, len);
    fact_table_insert(&fact_tables[FACT_INGESTORS], s->config->store.database, sql);
    if (fact_row_end(&row, now_ms))
        IGNORE(try_all(s, &(struct errand){sql, w.bytes, w.len, false}), "says so");
    rowbinary_done(&w);
    free(stats);
}

static bool goes_on(void *context)
{
    const struct sender *s = context;
    worker_beat(s->slot, PHASE_ASK);
    return !worker_should_stop(s->slot) && s->status.away_mono_us == 0;
}

/* While the server works at what may take half a minute. libcurl asks each second. */
static bool is_there(void *context)
{
    struct sender *s = context;
    struct clickhouse_answer answer;
    const size_t replica = s->cluster.shards[s->shard].preferred;
    if (!goes_on(s))
        return false;
    if (clock_mono() - s->asked_at < SENDER_ASK_US / 2)
        return true;
    s->asked_at = clock_mono();
    begin_waiting(s, replica);
    const bool is_answered = cluster_is_there(&s->cluster, s->shard, replica, &answer);
    clickhouse_answer_done(&answer);
    if (is_answered) {
        answered(s);
        return true;
    }
    s->is_ours[replica] = false;
    failed(s, false, answer.is.text);
    return false;
}

static void do_rest(struct sender *s)
{
    const mono_us now = clock_mono();
    if (s->shard == 0 && now >= s->row_at) {
        s->row_at = now + ROW_US;
        send_row(s);
    }
    const size_t replica = s->cluster.shards[s->shard].preferred;
    if (s->config->store.does_maintenance && s->is_ours[replica] && s->status.away_mono_us == 0 &&
        now >= s->upkeep_at) {
        s->upkeep_at = now + UPKEEP_US;
        worker_beat(s->slot, PHASE_ASK);
        cluster_watch(&s->cluster, is_there, s);
        store_upkeep_run(&s->cluster, s->shard, replica, s->config, goes_on, s);
        cluster_watch(&s->cluster, NULL, NULL);
    }
}

/* A day's sums, when no block waits for the shard: its rows come first. */
static void make_sums(struct sender *s)
{
    const size_t replica = s->cluster.shards[s->shard].preferred;
    if (!s->config->store.does_maintenance || !s->is_ours[replica] || s->status.away_mono_us != 0 ||
        clock_mono() < s->sums.next_at)
        return;
    worker_beat(s->slot, PHASE_ASK);
    cluster_watch(&s->cluster, is_there, s);
    store_sums_step(&s->cluster, s->shard, replica, s->config, &s->sums);
    cluster_watch(&s->cluster, NULL, NULL);
    s->status.sums_behind = s->sums.behind;
    s->status.sums_unix = s->sums.looked_unix;
    (void)snprintf(s->status.sums_error, sizeof s->status.sums_error, "%s", s->sums.error);
    publish(s);
}

/* False: there was nothing to do. */
static bool turn(struct sender *s)
{
    struct outbox_block block;
    if (clock_mono() < s->retry_at)
        return false;
    enum status status = STATUS_AGAIN;
    do_rest(s);
    if (clock_mono() < s->retry_at)
        return false;
    if (has_reader(s))
        status = outbox_reader_next(&s->reader, s->shard, s->status.epoch, s->status.acknowledged,
                                    &block);
    if (status == STATUS_OK) {
        send_block(s, &block);
        return true;
    }
    if (status != STATUS_NOT_FOUND)
        outbox_reader_close(&s->reader);
    ask_if_due(s);
    make_sums(s);
    return false;
}

/* --- life ------------------------------------------------------------------------------------- */

/* The figures go on from the process before; how far its acknowledgements reach does not (I3). */
static void take_over(struct sender *s)
{
    struct sender_status before;
    if (!seqlock_read(&s->cb->senders[s->shard], &before))
        return;
    s->status.blocks = before.blocks;
    s->status.rows = before.rows;
    s->status.retries = before.retries;
    s->status.away_mono_us = before.away_mono_us;
    s->status.sums_behind = before.sums_behind;
    s->status.sums_unix = before.sums_unix;
    (void)snprintf(s->status.server, sizeof s->status.server, "%s", before.server);
    (void)snprintf(s->status.error, sizeof s->status.error, "%s", before.error);
}

static void name_ingestor(struct sender *s)
{
    const char *given = s->config->store.ingestor_name;
    if (given != NULL && given[0] != '\0')
        (void)snprintf(s->name, sizeof s->name, "%s", given);
    else if (gethostname(s->name, sizeof s->name - 1) != 0)
        (void)snprintf(s->name, sizeof s->name, "ingestor");
}

/* A password file that can't be read is waited for like a server. */
static bool open_cluster(struct sender *s)
{
    struct err err = {0};
    if (cluster_open(&s->cluster, &s->config->store, &err) == STATUS_OK) {
        s->is_ours = calloc(s->cluster.shards[s->shard].count, sizeof *s->is_ours);
        if (s->is_ours == NULL)
            worker_exit(s->slot, EXIT_NO_MEMORY);
        return true;
    }
    cluster_close(&s->cluster);
    failed(s, true, err.text);
    return false;
}

void sender_run(const struct config *config, struct control_block *cb, struct worker_slot *slot)
{
    worker_process_init(cb, "weir-sender");
    struct sender s = {.config = config, .cb = cb, .slot = slot, .shard = slot->shard};
    bool is_open = false;
    name_ingestor(&s);
    take_over(&s);
    publish(&s);
    if (!crypto_init())
        worker_exit(slot, EXIT_GAVE_UP);
    while (!worker_should_stop(slot)) {
        worker_beat(slot, PHASE_RUN);
        if (!is_open && clock_mono() >= s.retry_at)
            is_open = open_cluster(&s);
        if (!is_open || !turn(&s))
            IGNORE(poll(NULL, 0, LOOK_MS), "only a pause");
    }
    outbox_reader_close(&s.reader);
    worker_exit(slot, EXIT_CLEAN);
}
