/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/cluster.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/clickhouse/gzip_body.h"
#include "common/clickhouse/rowbinary.h"
#include "common/spelling/store_url.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_FIRST_MS 1000
#define PAUSE_MOST_MS  30000
#define TOKEN_BYTES    16
#define VERSION_MAX    64

/* --- opening ---------------------------------------------------------------------------------- */

static bool open_shard(struct cluster_shard *shard, const char *text)
{
    char urls[STORE_URL_REPLICAS_MAX][STORE_URL_MAX];
    const size_t count = store_url_split(text, urls);
    shard->replicas = calloc(count > 0 ? count : 1, sizeof *shard->replicas);
    for (size_t i = 0; shard->replicas != NULL && i < count; i++) {
        shard->replicas[i].url = strdup(urls[i]);
        if (shard->replicas[i].url == NULL)
            return false;
        shard->count++;
    }
    return shard->replicas != NULL && shard->count > 0;
}

enum status cluster_open(struct cluster *cluster, const struct config_store *config,
                         struct err *err)
{
    *cluster = (struct cluster){.config = config};
    if (config->shards.count == 0)
        return err_set(err, STATUS_CONFIG, 0, "storeUrl", "storeUrl names no server");
    if (config->password_file != NULL && config->password_file[0] != '\0' &&
        !config_read_password(config->password_file, &cluster->password, err)) {
        err->status = STATUS_CONFIG;
        return STATUS_CONFIG;
    }
    cluster->shards = calloc(config->shards.count, sizeof *cluster->shards);
    for (size_t i = 0; cluster->shards != NULL && i < config->shards.count; i++) {
        cluster->count++;
        if (!open_shard(&cluster->shards[i], config->shards.items[i]))
            return err_set(err, STATUS_NO_MEMORY, 0, "storeUrl", "no memory");
    }
    if (cluster->shards == NULL || !clickhouse_init() ||
        (cluster->client = clickhouse_client_new()) == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, "storeUrl", "no memory");
    return STATUS_OK;
}

enum exit_code cluster_cant_open(const struct err *err)
{
    log_event(LOG_ERROR, "store", "the store can't be used",
              KV(KV_STR("where", err->what), KV_STR("error", err->text)));
    return err->status == STATUS_CONFIG      ? EXIT_CONFIG
           : err->status == STATUS_NO_MEMORY ? EXIT_NO_MEMORY
                                             : EXIT_IO;
}

static void free_secret(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

void cluster_close(struct cluster *cluster)
{
    clickhouse_client_free(cluster->client);
    clickhouse_client_free(cluster->beside);
    for (size_t i = 0; i < cluster->count; i++) {
        struct cluster_shard *shard = &cluster->shards[i];
        for (size_t j = 0; j < shard->count; j++)
            free(shard->replicas[j].url);
        free(shard->replicas);
    }
    free(cluster->shards);
    free_secret(cluster->password);
    *cluster = (struct cluster){.config = NULL};
}

const char *cluster_name(const struct cluster *cluster, size_t shard, size_t replica,
                         char out[static CLUSTER_NAME_MAX])
{
    (void)snprintf(out, CLUSTER_NAME_MAX, "shard %zu, %s", shard,
                   cluster->shards[shard].replicas[replica].url);
    return out;
}

/* --- one call --------------------------------------------------------------------------------- */

static struct clickhouse_server server_of(const struct cluster *cluster, size_t shard,
                                          size_t replica)
{
    return (struct clickhouse_server){.url = cluster->shards[shard].replicas[replica].url,
                                      .user = cluster->config->user,
                                      .password = cluster->password};
}

void cluster_watch(struct cluster *cluster, bool (*goes_on)(void *context), void *context)
{
    cluster->goes_on = goes_on;
    cluster->context = context;
}

static bool goes_on(void *context)
{
    struct cluster *cluster = context;
    cluster->has_given_up = !cluster->goes_on(cluster->context);
    return !cluster->has_given_up;
}

static bool ask_watched(struct cluster *cluster, size_t shard, size_t replica,
                        struct clickhouse_call *call, struct clickhouse_answer *out)
{
    const struct clickhouse_server server = server_of(cluster, shard, replica);
    cluster->has_given_up = false;
    call->goes_on = cluster->goes_on != NULL ? goes_on : NULL;
    call->context = cluster;
    return clickhouse_ask(cluster->client, &server, call, out);
}

bool cluster_ask(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                 size_t answer_max, struct clickhouse_answer *out)
{
    struct clickhouse_call call = {
        .statement = sql, .asks_rows = answer_max > 0, .answer_max = answer_max};
    return ask_watched(cluster, shard, replica, &call, out);
}

bool cluster_work_at(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                     struct clickhouse_answer *out)
{
    struct clickhouse_call call = {
        .statement = sql,
        .settings = {{"max_execution_time", CLUSTER_WORK_S},
                     {"max_bytes_before_external_group_by", CLUSTER_WORK_BYTES}}};
    return ask_watched(cluster, shard, replica, &call, out);
}

static bool ping(struct cluster *cluster, struct clickhouse_client *client, size_t shard,
                 size_t replica, struct clickhouse_answer *out)
{
    const struct clickhouse_server server = server_of(cluster, shard, replica);
    const struct clickhouse_call call = {.statement = "SELECT version() FORMAT RowBinary",
                                         .asks_rows = true,
                                         .answer_max = VERSION_MAX,
                                         .total_ms = CLUSTER_PING_MS};
    return clickhouse_ask(client, &server, &call, out);
}

bool cluster_ask_version(struct cluster *cluster, size_t shard, size_t replica,
                         struct clickhouse_answer *out)
{
    return ping(cluster, cluster->client, shard, replica, out);
}

bool cluster_is_there(struct cluster *cluster, size_t shard, size_t replica,
                      struct clickhouse_answer *out)
{
    *out = (struct clickhouse_answer){.body = NULL};
    if (cluster->beside == NULL)
        cluster->beside = clickhouse_client_new();
    return cluster->beside == NULL || ping(cluster, cluster->beside, shard, replica, out) ||
           out->is.code != 0;
}

/* A server's version, once: its settings depend on it. */
static bool know_version(struct cluster *cluster, size_t shard, size_t index,
                         struct clickhouse_answer *out)
{
    struct cluster_replica *replica = &cluster->shards[shard].replicas[index];
    struct rowbinary_reader r;
    char version[VERSION_MAX + 1] = "";
    int year = 0;
    int month = 0;
    *out = (struct clickhouse_answer){.body = NULL};
    if (replica->version != 0)
        return true;
    if (!cluster_ask_version(cluster, shard, index, out))
        return false;
    rowbinary_read(&r, out->body, out->len);
    const struct rowbinary_text text = rowbinary_read_string(&r);
    memcpy(version, text.bytes, min_size(text.len, VERSION_MAX));
    const bool is_read = sscanf(version, "%4d.%3d", &year, &month) == 2;
    replica->version = is_read ? year * 100 + month : 1; /* unknown is old */
    clickhouse_answer_done(out);
    return true;
}

static void set_insert(struct clickhouse_call *call, int version, const char *token)
{
    if (version < CLUSTER_MODERN)
        return;
    call->settings[0].name = "async_insert";
    call->settings[0].value = "0";
    call->settings[1].name = "insert_deduplication_token";
    call->settings[1].value = token;
}

bool cluster_know_version(struct cluster *cluster, size_t shard, size_t replica)
{
    struct clickhouse_answer answer;
    const bool is_known = know_version(cluster, shard, replica, &answer);
    clickhouse_answer_done(&answer);
    return is_known;
}

bool cluster_post_at(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                     const uint8_t *packed, size_t len, struct clickhouse_answer *out)
{
    uint8_t digest[32];
    char token[2 * TOKEN_BYTES + 1];
    const struct crypto_part parts[] = {{sql, strlen(sql)}, {packed, len}};
    if (!know_version(cluster, shard, replica, out))
        return false;
    /* Of the content, not a number: a restored database would give old numbers to new rows. */
    crypto_sha256(parts, ARRAY_LEN(parts), digest);
    hex_encode_lower(digest, TOKEN_BYTES, token);
    struct clickhouse_call call = {
        .statement = sql, .rows = packed, .rows_len = len, .total_ms = CLICKHOUSE_INSERT_MS};
    set_insert(&call, cluster->shards[shard].replicas[replica].version, token);
    const struct clickhouse_server server = server_of(cluster, shard, replica);
    return clickhouse_ask(cluster->client, &server, &call, out);
}

bool cluster_insert_at(struct cluster *cluster, size_t shard, size_t replica, const char *sql,
                       const uint8_t *rows, size_t len, struct clickhouse_answer *out)
{
    uint8_t *packed = NULL;
    size_t packed_len = 0;
    if (!gzip_body(rows, len, &packed, &packed_len)) {
        *out = (struct clickhouse_answer){.is.verdict = CLICKHOUSE_TEMPORARY};
        (void)snprintf(out->is.text, sizeof out->is.text, "no memory for a block");
        return false;
    }
    const bool is_done = cluster_post_at(cluster, shard, replica, sql, packed, packed_len, out);
    free(packed);
    return is_done;
}

/* --- until it is done ------------------------------------------------------------------------- */

struct errand {
    struct cluster *cluster;
    size_t shard;
    const char *sql;
    const uint8_t *rows; /* of an insert, else NULL */
    size_t len, answer_max;
};

static bool try_at(const struct errand *errand, size_t replica, struct clickhouse_answer *out)
{
    return errand->rows != NULL ? cluster_insert_at(errand->cluster, errand->shard, replica,
                                                    errand->sql, errand->rows, errand->len, out)
                                : cluster_ask(errand->cluster, errand->shard, replica, errand->sql,
                                              errand->answer_max, out);
}

/* Each replica once. True: done, or no other will do it either. */
static bool try_round(const struct errand *errand, struct clickhouse_answer *out, size_t *out_at)
{
    struct cluster_shard *shard = &errand->cluster->shards[errand->shard];
    for (size_t i = 0; i < shard->count; i++) {
        *out_at = (shard->preferred + i) % shard->count;
        clickhouse_answer_done(out);
        if (try_at(errand, *out_at, out)) {
            shard->preferred = *out_at;
            return true;
        }
        if (out->is.verdict == CLICKHOUSE_PERMANENT)
            return true;
    }
    return false;
}

static enum status run_errand(const struct errand *errand, struct clickhouse_answer *out,
                              struct err *err)
{
    char name[CLUSTER_NAME_MAX];
    size_t at = 0;
    int pause_ms = PAUSE_FIRST_MS;
    *out = (struct clickhouse_answer){.body = NULL};
    for (int i = 0; !try_round(errand, out, &at); i++) {
        (void)cluster_name(errand->cluster, errand->shard, at, name);
        if (i + 1 == CLUSTER_TRIES)
            return err_set(err, STATUS_IO, out->is.code, name, "%s", out->is.text);
        log_event(LOG_WARN, "store", "not done yet, once more",
                  KV(KV_STR("server", name), KV_STR("error", out->is.text),
                     KV_INT("pause_ms", pause_ms)));
        IGNORE(poll(NULL, 0, pause_ms), "only a pause");
        pause_ms = 2 * pause_ms < PAUSE_MOST_MS ? 2 * pause_ms : PAUSE_MOST_MS;
    }
    if (out->is.verdict == CLICKHOUSE_DONE)
        return STATUS_OK;
    (void)cluster_name(errand->cluster, errand->shard, at, name);
    return err_set(err, STATUS_CONFIG, out->is.code, name, "%s", out->is.text);
}

enum status cluster_query(struct cluster *cluster, size_t shard, const char *sql, size_t answer_max,
                          struct clickhouse_answer *out, struct err *err)
{
    const struct errand errand = {
        .cluster = cluster, .shard = shard, .sql = sql, .answer_max = answer_max};
    return run_errand(&errand, out, err);
}

enum status cluster_insert(struct cluster *cluster, size_t shard, const char *sql,
                           const uint8_t *rows, size_t len, struct err *err)
{
    struct clickhouse_answer answer;
    const struct errand errand = {
        .cluster = cluster, .shard = shard, .sql = sql, .rows = rows, .len = len};
    const enum status status = run_errand(&errand, &answer, err);
    clickhouse_answer_done(&answer);
    return status;
}
