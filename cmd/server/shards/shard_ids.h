/* SPDX-License-Identifier: MIT
 *
 * shard_ids - small numbers for observers, nodes and scopes, whose own have 64 bits: tallies hold
 * 32. They are the same for as long as the process lives, in every question and thread.
 * Threads: any; a lock, a leaf. Limits: SHARD_IDS_MAX of each kind; then 0, which nobody has.
 * Cost: 60 bytes each, 50 ns. */
#pragma once

#include "common/base/base.h"

#define SHARD_IDS_MAX (1U << 20)

enum shard_id_kind { SHARD_OBSERVER, SHARD_NODE, SHARD_SCOPE, SHARD_ID_KINDS };

struct shard_ids;

NODISCARD struct shard_ids *shard_ids_new(void); /* NULL = no memory */
void shard_ids_free(struct shard_ids *ids);      /* accepts NULL */
/* From 1; 0 = no memory, or too many. */
int64_t shard_ids_of(struct shard_ids *ids, enum shard_id_kind kind, uint64_t number);
/* The number of one that was given out. */
bool shard_ids_number(struct shard_ids *ids, enum shard_id_kind kind, int64_t id, uint64_t *out);
