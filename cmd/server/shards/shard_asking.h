/* SPDX-License-Identifier: MIT
 *
 * shard_asking - what an asking (asking.h) has of its own with this engine. Plain data. */
#pragma once

#include "cmd/server/shards/bundle.h"
#include "cmd/server/shards/shard_question.h"

struct asking;
struct sql;

struct shard_asking {
    struct shard_question *question;
    struct basket basket;
};

/* The statement to all shards; it is done with. False = it failed, and so has the question. */
NODISCARD bool shard_asking_ask(struct asking *asking, struct sql *sql);
