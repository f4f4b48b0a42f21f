/* SPDX-License-Identifier: MIT
 *
 * shard_question - one statement after the other to all shards at once, within a deadline, and the
 * rows that they answer.
 *
 * I1. A question ends by its deadline, whatever servers do. Of a shard the replica is asked that
 *     answered last, then the next that is up; of one without any nobody waits: it is missing at
 *     once. What the last of them is late with, or refuses, says nothing against it: this question
 *     lacks that shard, and others ask it.
 * I2. What a shard answered counts only when it ends where a row ends (rowbinary.h). A shard that
 *     is missing makes an answer partial (shards_missing); when all are, there is none.
 * Limit: SHARDS_ANSWER_MAX bytes of one shard's answer.
 * Threads: a question belongs to one. Errors: at the replica (shards_state), in the log. Cost: a
 * request to each shard; its connection is kept. */
#pragma once

#include "cmd/server/shards/shards.h"
#include "common/clickhouse/rowbinary.h"

#define SHARDS_ANSWER_MAX ((size_t)32 << 20)
#define SHARDS_REQUEST_US ((mono_us)3 * US_PER_S)
/* One try; then the next replica is asked. The last has half of what is left of the question. */
#define SHARDS_TRY_MS 800

struct shard_question;

/* try_ms: of one replica's answer, where there is another; at least. NULL = no memory. */
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
/* A server lacks a table that --store-init of this version makes. */
bool shard_question_is_older(const struct shard_question *question);
bool shard_is_missing(const struct shard_question *question, size_t shard);
/* How many are, as far as was asked; which, a bit each. */
size_t shards_missing(const struct shard_question *question);
uint64_t shards_missing_bits(const struct shard_question *question);
mono_us shard_question_deadline(const struct shard_question *question);
