/* SPDX-License-Identifier: MIT
 *
 * hash_filter - whether a content's hash is certainly in none of the tables of hash_index.
 *
 * Why: most contents that no cache knows are new, and to find none of them in four tables is a
 * tenth of the writer's work (3 us), more where the tables are larger than the page cache. Here a
 * bit stands for all hashes that begin alike: one that is not set is the answer.
 * I1. One-sided: hash_filter_lacks is true only where no table has the hash. So what is not known
 *     to be complete answers false, and then the tables are asked as without it.
 * I2. It learns what is there by reading the tables, a slice with each write, in the order in which
 *     rows move from one to the next: a row that moves meanwhile comes to a table that is yet to be
 *     read. What is added meanwhile sets its bit at once.
 * I3. Whatever breaks I2 begins it anew: a rollback, which moves rows back, and another
 *     connection's commit.
 * I4. A bit is never taken back. Where hashes have left until most bits are of none, it begins
 *     anew, too (hash_filter_age).
 * Limits: HASH_FILTER_BITS, 4 MiB, whatever is stored: of five million hashes every seventh new one
 * finds its bit set. Five million are read with 620 writes; nothing is read before the first.
 * Threads and errors as the store; inside its transaction. Cost: a bit, 5 to 60 ns; a slice of
 * HASH_FILTER_SLICE rows 2 ms. */
#pragma once

#include "common/db/statement.h"

#define HASH_FILTER_BITS  (1U << 25)
#define HASH_FILTER_SLICE 8192

struct hash_filter;

/* NULL: *err says why. Lives as long as the connection. */
NODISCARD struct hash_filter *hash_filter_open(struct connection *connection, struct err *err);
/* A transaction has begun, and nobody else can write until it ends. Without it nothing is read. */
NODISCARD enum status hash_filter_begin(struct hash_filter *filter);
/* Of a transmission that is being stored. */
void hash_filter_add(struct hash_filter *filter, const uint8_t *hash);
/* True: no table has this hash, nor has it been added. */
bool hash_filter_lacks(const struct hash_filter *filter, const uint8_t *hash);
/* The next slice of what is there, where some is left. */
NODISCARD enum status hash_filter_read(struct hash_filter *filter);
/* There are so many transmissions. */
void hash_filter_age(struct hash_filter *filter, uint64_t count);
/* The transaction was rolled back. */
void hash_filter_forget(struct hash_filter *filter);
