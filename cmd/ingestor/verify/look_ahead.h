/* SPDX-License-Identifier: MIT
 *
 * look_ahead - looks at the records that the writer takes next, and has the signatures of their
 * adverts verified beside it (verify_pool.h).
 *
 * It parses what seems to be an advert, hands its signature over and goes back; then the writer
 * applies the records one by one as ever. Nothing that is found here changes an outcome: what is
 * refused, filtered or known already is found again in its turn.
 * I1. A record is marked in flight while it is parsed, here too: a crash is charged to the right
 *     one. One with a strike, and all behind it, are not looked at.
 * I2. After a death that was a strike it rests for a while: had one of the threads died of it, the
 *     second death could be charged to another record.
 * Threads: the flusher's main one. Errors: none; where threads can't be started the log says so,
 * and the writer verifies itself. */
#pragma once

#include "cmd/ingestor/verify/verdict.h"
#include "common/config/config.h"
#include "common/mesh/meshcore.h"
#include "common/ring/ring_reader.h"

struct look_ahead;

/* What verifyWorkers says on so many cores; of -1: one core is left for the writer, who verifies,
 * too, and one for the rest. Pure. */
unsigned look_ahead_threads(int verify_workers, int cores);
/* is_resting: I2. NULL: none, and nothing of this costs anything. */
struct look_ahead *look_ahead_start(const struct config *config, bool is_resting);
void look_ahead_stop(struct look_ahead *ahead); /* NULL accepted */

/* False: the content of this hash, in this record, needs no verdict. */
struct look_ahead_question {
    bool (*is_wanted)(void *context, const struct ring_message *message,
                      const uint8_t hash[static MESHCORE_HASH_BYTES]);
    void *context;
};
/* The records that ring gives next, at most `most` of them; it stands where it stood afterwards.
 * How many were looked at, gaps included; 0 = it was not worth it. ahead may be NULL. */
uint64_t look_ahead(struct look_ahead *ahead, struct ring_reader *ring, uint64_t most,
                    const struct look_ahead_question *ask);
/* UNKNOWN: verify it yourself. */
enum verdict look_ahead_verdict(struct look_ahead *ahead, const struct meshcore_advert *advert);
