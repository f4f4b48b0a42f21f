/* SPDX-License-Identifier: MIT
 *
 * worker_state - what `workers[].state` and `source_statuses[].state` may say, and what it means
 * for the ingestor's health: the one list of the words.
 *
 * A process that runs says its phase itself; of any other the supervisor says what happens next
 * with it. The verdict is the server's for /api/healthz. No worker's state alone is a failure: the
 * others go on, the rings keep what arrives, and restarting what answers the probe would mend
 * nothing. `held` warns: the receiver has ended as it should (a QoS 1 message found no room, the
 * broker keeps it) and comes back by itself, but until then nothing is received from that source,
 * because the writer does not keep up - as with backpressure, of which it is the end. AWAY is what
 * only prepares: no fault by itself, but a writer that says so stores nothing, and where messages
 * wait that is a warning. What a running process can't say, because it is suspended, its
 * supervisor says for it. Pure.
 * Threads: any. */
#pragma once

#include "common/base/base.h"

/* X(id, word, verdict) */
#define WORKER_PHASE_LIST(X)                                                                       \
    X(START, "starting", AWAY)        /* opening lock, ring, database */                           \
    X(LOCK, "waiting_for_lock", WARN) /* another process holds it: workers[].lockHolder */         \
    X(RUN, "running", PASS)                                                                        \
    X(COMMIT, "committing", PASS)                                                                  \
    X(CHECKPOINT, "checkpointing", PASS)                                                           \
    X(WAIT, "holding", PASS) /* QoS 1: the callback waits for room, at most keepalive / 2 */       \
    X(ASK, "waiting_for_answer", PASS) /* of a shard; how long that takes, outbox[] says */        \
    X(MIGRATE, "migrating", AWAY)                                                                  \
    X(RENEW, "renewing", PASS) /* a receiver that ends to free itself of its library's state */    \
    X(DRAIN, "draining", PASS)                                                                     \
    X(DONE, "done", PASS)

/* X(id, word, verdict) */
#define WORKER_STATE_LIST(X)                                                                       \
    X(BACKING_OFF, "backing_off", WARN) /* died; started again after a wait */                     \
    X(HELD, "held", WARN)               /* ended for want of room; started when there is some */   \
    X(FAILED, "failed", WARN)           /* spent its restarts; tried again every 5 minutes */      \
    X(HUNG, "hung", WARN)               /* killed, not reaped yet */                               \
    X(UNKILLABLE, "unkillable", WARN)   /* waits in the kernel; not replaced */                    \
    X(STOPPING, "stopping", PASS)       /* asked to end, by a reload or at the end */              \
    X(STOPPED, "stopped", WARN)

/* Of a source, said by its receiver while that runs. X(id, word, verdict) */
#define SOURCE_STATE_LIST(X)                                                                       \
    X(IDLE, "starting", WARN)                                                                      \
    X(RESOLVING, "resolving", WARN)                                                                \
    X(CONNECTING, "connecting", WARN)                                                              \
    X(SUBSCRIBING, "subscribing", WARN)                                                            \
    X(LIVE, "live", PASS)                                                                          \
    X(SILENT, "silent", WARN)                                                                      \
    X(BACKING_OFF, "backing_off", WARN)                                                            \
    X(BACKPRESSURE, "holding", WARN)                                                               \
    X(STOPPED, "stopped", WARN)                                                                    \
    X(FAILED, "failed", WARN)

enum worker_verdict { WORKER_VERDICT_PASS, WORKER_VERDICT_AWAY, WORKER_VERDICT_WARN };

/* Of a process that a signal has stopped, a debugger or a freezer: seen by its supervisor within
 * one or two seconds, whatever it was doing. */
#define WORKER_SUSPENDED "suspended"

/* A worker that has not ended a turn for so long says nothing of itself any more: it may hang, or
 * wait for a disk, which gets more time where a disk is what it works with. Not so while it holds
 * or waits for an answer, which are waits by intent. With a sample and a look once a second each,
 * the shorter one is said within five seconds. */
#define WORKER_SILENT_MS      2500
#define WORKER_SILENT_DISK_MS 5000
bool worker_state_is_silent(const char *word, int64_t heartbeat_age_ms);
/* A word that is not in the lists (a newer ingestor's, CoreScope's) passes: who does not know
 * does not warn. */
enum worker_verdict worker_state_verdict(const char *word);
/* The same for a source; there, who does not know warns: nothing says that it is live. */
enum worker_verdict source_state_verdict(const char *word);
