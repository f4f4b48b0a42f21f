/* SPDX-License-Identifier: MIT
 *
 * shards - the ClickHouse servers that storeUrl names, as the server reads them: which replica of a
 * shard is asked, what is known of each, and one statement to all shards at once.
 *
 * I1. A question ends by its deadline, whatever servers do. A replica that failed is asked by the
 *     poller alone (shards_probe) until it answers again; meanwhile the next one is, and of a shard
 *     without any nobody waits: it is missing at once.
 * I2. A replica that says it is another shard, or of another store than the first that answered, is
 *     not asked: rows of a wrong shard would be figures of nowhere.
 * I3. What a shard answered counts only when it ends where a row ends (rowbinary.h). A shard that
 *     is missing makes an answer partial (shards_missing); when all are, there is none.
 * I4. Nothing here writes. The password is read when the store is opened, and stands in no text.
 * Limits: SHARDS_ANSWER_MAX bytes of one shard's answer, SHARDS_SQL_MAX of a statement.
 * Threads: a question belongs to one; the rest is atomic, or under a lock that is a leaf. Errors:
 * struct err at opening; later in the log, once a change. Ownership: the configuration is borrowed.
 * Cost: a request to each shard; its connection is kept. */
#pragma once

#include "cmd/server/shards/shard_ids.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/shared.h"
#include "common/clickhouse/clickhouse_call.h"
#include "common/clickhouse/rowbinary.h"
#include "common/config/config.h"

#define SHARDS_ANSWER_MAX ((size_t)32 << 20)
#define SHARDS_SQL_MAX    ((size_t)200 << 10) /* servers take 256 KiB */
#define SHARDS_REQUEST_US ((mono_us)3 * US_PER_S)
/* One try; then the next replica is asked. */
#define SHARDS_TRY_MS   800
#define SHARDS_PROBE_MS 1000
#define SHARDS_TEXT_MAX 320

struct shards;

/* What a shard holds, as the poller asked it last: rows as they lie there, also what comes twice
 * until it is merged. */
struct shard_size {
    int64_t rows, bytes; /* on its disk */
    int64_t parts, most; /* active ones; those of the partition that has the most */
    mono_us asked_at;    /* 0 = never */
};

struct replica_state {
    char url[SHARDS_TEXT_MAX]; /* without user and password */
    bool is_up;
    char version[32];          /* "" = not known */
    mono_us ping_us;           /* of the last probe that was answered; 0 = none was */
    mono_us down_since;        /* 0 = it is up */
    char why[SHARDS_TEXT_MAX]; /* the last failure; "" = none yet */
};

/* STATUS_CONFIG: the password's file; NO_MEMORY; IO: libcurl can't be used. From here on it runs in
 * this process. */
NODISCARD enum status shards_open(const struct config_store *config, struct shards **out,
                                  struct err *err);
void shards_close(struct shards *shards); /* accepts NULL; no question is under way */
size_t shards_count(const struct shards *shards);
size_t shards_replicas(const struct shards *shards, size_t shard);
void shards_state(struct shards *shards, size_t shard, size_t replica, struct replica_state *out);
void shards_size(struct shards *shards, size_t shard, struct shard_size *out);
void shards_set_size(struct shards *shards, size_t shard, const struct shard_size *size);
/* Is one of its replicas up? */
bool shards_is_up(const struct shards *shards, size_t shard);
/* Asks each replica whether it is what it should be. By one thread. */
void shards_probe(struct shards *shards);
/* Where the poller's counts lie for all who ask (shard_counts.h). */
struct shared_slot *shards_counts_slot(struct shards *shards);
struct shard_ids *shards_ids(struct shards *shards);
/* Those who ask just now give up within a second. */
void shards_interrupt(struct shards *shards);

/* --- a question ------------------------------------------------------------------------------- */

struct shard_question;

/* try_ms: of one replica's answer. NULL = no memory. */
NODISCARD struct shard_question *shard_question_begin(struct shards *shards, mono_us budget,
                                                      int try_ms);
/* Accepts NULL. Its connections are kept for the next. */
void shard_question_end(struct shard_question *question);
size_t shard_question_shards(const struct shard_question *question);
/* sqls[i] = what shard i is asked, NULL = nothing. False = the question has failed: no shard
 * answered. What was asked before is forgotten. */
NODISCARD bool shard_ask_each(struct shard_question *question, const char *const *sqls);
/* The same statement to all. */
NODISCARD bool shard_ask(struct shard_question *question, const char *sql);
/* What the shards answered to it, row by row, one shard behind the other; nothing where one is
 * missing, or was not asked:
 *
 *     struct shard_rows rows = shard_rows(question);
 *     while (shard_rows_next(&rows))
 *         ... rowbinary_read_u64(&rows.row) ...
 *     if (!shard_rows_end(&rows)) */
struct shard_rows {
    struct shard_question *question;
    size_t shard; /* whose row it is */
    struct rowbinary_reader row;
};
struct shard_rows shard_rows(struct shard_question *question);
/* False = none is left, or the question has failed. */
bool shard_rows_next(struct shard_rows *rows);
/* Was all read, to the end of the last row of each shard? False = the question has failed: so who
 * has to stop before, since there is no room or no memory, says it by stopping. */
NODISCARD bool shard_rows_end(struct shard_rows *rows);
/* Nothing that was read counts. */
void shard_question_fail(struct shard_question *question);
bool shard_question_has_failed(const struct shard_question *question);
bool shard_is_missing(const struct shard_question *question, size_t shard);
/* How many are, as far as was asked; which, a bit each. */
size_t shards_missing(const struct shard_question *question);
uint64_t shards_missing_bits(const struct shard_question *question);
mono_us shard_question_deadline(const struct shard_question *question);
