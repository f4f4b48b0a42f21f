/* SPDX-License-Identifier: MIT
 *
 * shard_asking - what an asking (asking.h) has of its own with this engine. Plain data. */
#pragma once

#include "cmd/server/shards/bundle.h"
#include "cmd/server/shards/shards.h"

struct shard_asking {
    struct shard_question *question;
    struct basket basket;
};
