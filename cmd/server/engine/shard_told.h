/* SPDX-License-Identifier: MIT
 *
 * shard_told - which ids were told of: at least the last TOLD_MAX, at most twice as many.
 *
 * Two sets: new ones go into the younger; when that has TOLD_MAX it becomes the older, and what the
 * older held is forgotten. So nothing is ever taken out of a set.
 * Threads: plain. Ownership: the caller's. Cost: 2 MB, and one look-up or two. */
#pragma once

#include "common/base/base.h"

#define TOLD_MAX ((size_t)65536)

struct shard_told;

NODISCARD struct shard_told *shard_told_new(void);
void shard_told_free(struct shard_told *told); /* accepts NULL */
void shard_told_clear(struct shard_told *told);
bool shard_told_has(const struct shard_told *told, int64_t id);
void shard_told_add(struct shard_told *told, int64_t id); /* never 0 */
