/* SPDX-License-Identifier: MIT
 *
 * sender - the process of one shard of another store: takes the oldest block that waits for it,
 * posts it unchanged until a server of the shard has acknowledged it, and tells the flusher, which
 * deletes it.
 *
 * I1. Blocks go in the order of their ids, one at a time, and none is left out: what a server
 *     refuses for good holds the shard, and is said in the server's words. Nothing is lost by that:
 *     blocks wait in the outbox, then messages in the rings.
 * I2. Nothing is posted to a server before it was seen to hold this shard of the store that the
 *     configuration means (cluster_look): addresses in a wrong order would put rows where nobody
 *     looks for them. One that did not answer is looked at again.
 * I3. Killed at any moment it costs at most one block that is posted twice, which changes no
 *     answer: the flusher deletes only what is acknowledged, and only here stands how far that is.
 * I4. It writes nothing but its slot and its status in the control block.
 *
 * A failure that may pass is tried again after 1 s, doubling to 30 s, each time at every replica of
 * the shard; one that will not, every 30 s. A shard that nothing is sent to is asked each
 * second whether it is there; so is one that works at the sums of a day, by a second connection,
 * and when that has no answer the work is given up: it is made anew later.
 * Threads: one, and libcurl, which runs in no other process of a running ingestor but the receivers
 * of ws sources. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/config/config.h"

#define SENDER_RETRY_FIRST_US   ((mono_us)US_PER_S)
#define SENDER_RETRY_LONGEST_US (30 * (mono_us)US_PER_S)
#define SENDER_ASK_US           ((mono_us)US_PER_S)

/* The body of the child process, after fork; never returns. Exit codes: 0 in order, 70 no crypto,
 * 71 no memory. */
NORETURN void sender_run(const struct config *config, struct control_block *cb,
                         struct worker_slot *slot);
