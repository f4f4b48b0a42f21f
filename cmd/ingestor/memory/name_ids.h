/* SPDX-License-Identifier: MIT
 *
 * name_ids - the ids of rows that are known by a name: sources, scopes, channels.
 *
 * Why: each record names its source, and many a scope or a channel; a hit saves the look-up
 * in the database.
 * I1. Positive only: a hit is true (the whole name is compared, byte by byte); a miss says nothing,
 *     and the database must be asked. Hence any entry may be forgotten at any time.
 * I2. Fixed memory: `capacity` names. A table that is full is emptied before the next name enters:
 *     cheaper than choosing, and what is in use comes back with one look-up each.
 * I3. A name of NAME_IDS_TEXT bytes or more is not kept.
 * What is in here must be in the database: the owner adds after the row's savepoint was released,
 * and clears after a rollback and where rows have left. Threads: none of its own. Ownership: names
 * are copied. Cost: 80 bytes per entry; a look-up hashes the name, 20 ns for a short one. */
#pragma once

#include "common/base/base.h"

#define NAME_IDS_TEXT 65 /* NUL included */

struct name_ids;

NODISCARD struct name_ids *name_ids_new(size_t capacity); /* NULL: out of memory */
void name_ids_free(struct name_ids *names);               /* accepts NULL */
void name_ids_clear(struct name_ids *names);
/* 0 = not here; rowids start at 1. */
int64_t name_ids_find(const struct name_ids *names, const char *name);
/* A name that is here takes the new id. */
void name_ids_put(struct name_ids *names, const char *name, int64_t id);
