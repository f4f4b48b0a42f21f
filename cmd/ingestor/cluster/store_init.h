/* SPDX-License-Identifier: MIT
 *
 * store_init - `ingestor --store-init`: makes the tables of fact_table on every replica.
 *
 * I1. Idempotent: what is there stays; one that was cut short (kill -9) is finished by the next,
 *     and a table of an older program gets the columns that came since.
 * I2. Nothing is made before every replica has been looked at, and none is foreign or of another
 *     store (cluster_look). meta, with the cluster's name, a random one, and the shard's number, is
 *     the first table; it is looked at again right before, so that one server under two addresses
 *     is noticed.
 * Threads: the process's only one. */
#pragma once

#include "common/config/config.h"

/* Takes ownership of *config. 0; 64 there is no storeUrl; 74 a replica can't be reached; 78 it is
 * another's, or refuses; 71; 70 no cryptography. */
int store_init_run(struct config *config);
