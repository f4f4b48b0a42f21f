/* SPDX-License-Identifier: MIT
 *
 * verify_pool - threads that verify signatures of adverts before the writer comes to them.
 *
 * One signature costs as much as all the rest of an advert's way, and needs nothing but the advert.
 * So the writer offers those that it is going to meet, hands them over once for many, and later
 * asks for each verdict in its own order. It never waits for one: what no thread has taken yet, or
 * one is still busy with, is UNKNOWN, and then its own to verify. So what is stored does not depend
 * on the pool, nor does any order.
 *
 * A thread sees a copy of what was signed, the signature and nothing else - no payload, no mapped
 * file: what a record could do to a parser happens where it is charged to that record, on the
 * writer's thread.
 *
 * I1. A verdict is for exactly these bytes: the whole triple is compared, never a hash of it.
 * I2. A job's bytes change only while no thread may read them: READY and TAKEN jobs are left alone.
 * I3. At most VERIFY_JOBS are kept, done or not; no memory is asked for after the start.
 * Threads: all but the pool's own work is the one writer's. The lock is for sleeping and waking
 * alone: one hand-over takes it once, a verdict never. Stops within one verification. */
#pragma once

#include "cmd/ingestor/verify/verdict.h"
#include "common/mesh/meshcore.h"

#define VERIFY_JOBS        1024 /* 140 KiB */
#define VERIFY_THREADS_MAX 64

struct verify_pool;

/* How many threads there are, at most `threads` of them: the system may refuse some. Where it
 * refuses all, and without memory, 0, and *out_pool is NULL. */
unsigned verify_pool_start(unsigned threads, struct verify_pool **out_pool);
void verify_pool_stop(struct verify_pool *pool); /* NULL accepted */

/* False: as many wait as there is room for. One that is there already is not taken twice. */
bool verify_pool_offer(struct verify_pool *pool, const struct meshcore_advert *advert);
/* Wakes the threads for what was offered since the last time. */
void verify_pool_hand_over(struct verify_pool *pool);
/* UNKNOWN: verify it yourself; no thread begins with it any more. */
enum verdict verify_pool_verdict(struct verify_pool *pool, const struct meshcore_advert *advert);
