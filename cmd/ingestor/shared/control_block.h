/* SPDX-License-Identifier: MIT
 *
 * control_block - the one piece of memory the supervisor and its workers share.
 *
 * Anonymous shared mapping, made before the first fork, never remapped: all arrays have their
 * maximum size. Each field has one writing process. The supervisor reads clocks and counters
 * and kills; it never takes a lock that a worker could hold, so a worker that died anywhere
 * can't stop it.
 * A starting worker loads absolute values (from its ring, from the database) and publishes those;
 * it never adds to what it finds here.
 * Heartbeat: a worker publishes {phase, since} after a turn of its own loop, never from a timer
 * beside it. Deadlines by phase are the supervisor's (supervisor.h). Texts of phases and states
 * stand in the stats file: never rename one. */
#pragma once

#include "cmd/ingestor/shared/refusal_slots.h"
#include "cmd/ingestor/shared/wake.h"
#include "cmd/ingestor/shared/writer_status.h"
#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/seqlock.h"
#include "common/config/config.h"
#include "common/ring/ledger.h"
#include "common/ring/ring.h"
#include "common/stats/metrics.h"
#include "common/stats/worker_state.h"

#include <stdatomic.h>
#include <sys/types.h>

/* The flusher, the "http" receiver, one receiver per source, one sender per shard; sources and
 * shards are CONFIG_SOURCES_MAX together. */
#define WORKERS_MAX (CONFIG_SOURCES_MAX + 2)
/* Sources the flusher may report: configured ones and rings of removed ones. */
#define FLUSHER_SOURCES_MAX (2 * CONFIG_SOURCES_MAX)

enum worker_kind { WORKER_FLUSHER, WORKER_RECEIVER, WORKER_HTTP, WORKER_REPLAY, WORKER_SENDER };

enum worker_phase {
#define X(id, word, verdict) PHASE_##id,
    WORKER_PHASE_LIST(X)
#undef X
};

enum source_state {
#define X(id, word, verdict) SOURCE_##id,
    SOURCE_STATE_LIST(X)
#undef X
};
const char *worker_phase_text(enum worker_phase phase);
const char *source_state_text(enum source_state state);

/* What one receiver says of itself; written by its main loop each turn. */
struct source_status {
    int64_t state;                   /* enum source_state */
    int64_t backpressure_since_unix; /* 0 = none */
    /* MQTT: the backoff, for the next process of this source. */
    int64_t failures;
    int64_t retry_mono_us; /* 0 = no wait */
    struct stats_link link;
};

/* The ring's counts as the receiver sees them. */
struct ring_status {
    struct receiver_tuple tuple;
    uint64_t records, bytes, capacity_records, capacity_bytes, high_water_records;
    int64_t chain_created_unix_us;
    uint8_t chain[RING_UUID_BYTES];
};

/* How a worker is asked to end. */
enum worker_stop {
    WORKER_GO_ON,
    WORKER_STOP_DRAIN,  /* the program ends: the flusher empties every ring first */
    WORKER_STOP_RETIRE, /* reload: a receiver whose session at the broker is to go with it */
    WORKER_STOP_NOW,    /* reload: finish what is in hand, commit durably, end */
};

struct worker_slot {
    /* written by the supervisor only, while no worker runs in the slot */
    enum worker_kind kind;
    char source[SOURCE_NAME_BYTES]; /* "" for the flusher and senders */
    uint32_t shard;                 /* a sender's */
    bool used;
    /* supervisor -> worker: release, acquire */
    _Atomic uint32_t stop; /* enum worker_stop */
    /* worker -> supervisor. A pair: the time before the phase (release), the phase (acquire) before
     * the time; only by worker_beat* and worker_pulse. A receiver's two threads both write it. */
    _Atomic uint32_t phase;       /* enum worker_phase */
    _Atomic int64_t beat_mono_us; /* end of the last turn */
    /* worker -> supervisor: relaxed, each is a figure for itself */
    _Atomic int64_t healthy_mono_us; /* first turn of this life; 0 = not yet */
    _Atomic int64_t last_receipt_us; /* wall; stamped in the callback */
    _Atomic int64_t packets_total;   /* messages received, absolute (the tuple's received) */
    _Atomic int64_t lock_holder;     /* pid of who holds our lock; 0 = nobody, < 0 = not known */
    /* worker -> supervisor: by their own counters */
    SEQLOCKED(struct source_status) status;
    SEQLOCKED(struct ring_status) ring;
    /* worker -> flusher: what the one before said last of another chain. When that has no file any
     * more, nobody else knows how much was in it. */
    SEQLOCKED(struct ring_status) former;
    /* worker -> flusher, kept over restarts of the worker */
    struct refusal_slots refusals;
};

struct control_block {
    /* constant after init */
    pid_t supervisor_pid;
    char boot_id[CLOCK_BOOT_ID_BYTES];
    wall_us started_at;
    const struct run_options *options; /* NULL = an ordinary run */
    /* supervisor -> all workers: a reload's logLevel and logFormat */
    struct log_switches log;
    /* any worker -> flusher */
    struct wake flusher_wake;
    /* A receiver made a ring: look into spoolDir again. Release behind the ring's rename, acquire
     * before the scan; asked again between wake_prepare and the wait. */
    _Atomic uint32_t rings_generation;
    /* A receiver noted a refusal: look at the slots. Release behind the note, acquire before. */
    _Atomic uint32_t refusals_generation;
    /* ingestAsync false: receivers waiting for a durable commit. Relaxed: a wish that is repeated
     * at every look; whether it was met is read from the ring's tail. */
    _Atomic uint32_t syncs_wanted;
    /* supervisor -> flusher: set between the death of one and the fork of the next */
    _Atomic uint32_t strike_inflight; /* the last death costs its record in flight a strike */
    /* supervisor -> flusher: rows that would go into the outbox with the next ten seconds' go now:
     * who waits for them is about to end. Relaxed: looked at in each turn. */
    _Atomic uint32_t outbox_hurries;
    /* flusher -> its successor: it was opened since the program began, so a foreign one is no
     * mistake in the configuration */
    _Atomic uint32_t database_was_open;
    /* any -> supervisor: counters since it began, kept over restarts of who counts; by
     * control_block_count. Relaxed: a counter orders nothing. */
    _Atomic int64_t metrics[METRIC_COUNT];
    /* flusher -> supervisor */
    _Atomic int64_t record_lost; /* messages that are not in the --record file; relaxed */
    /* Release behind a new entry, acquire before the first look at one; never falls. */
    _Atomic uint32_t flusher_source_count;
    SEQLOCKED(struct flusher_source) flusher_sources[FLUSHER_SOURCES_MAX];
    SEQLOCKED(struct flusher_status) flusher;
    SEQLOCKED(struct outbox_status) outboxes[CONFIG_SHARDS_MAX]; /* of each shard */
    SEQLOCKED(struct sender_status) senders[CONFIG_SHARDS_MAX]; /* a sender's, kept over restarts */
    /* flusher -> supervisor: which writer holds the database now, and since when; 0 = none. One
     * word, so that the two belong together; relaxed: a figure. */
    _Atomic uint64_t holding;

    struct worker_slot workers[WORKERS_MAX]; /* [0] is the flusher's */
};

NODISCARD struct control_block *control_block_new(void); /* NULL = no memory */
void control_block_free(struct control_block *cb);
/* From any process: the only call a counter needs (metrics.def); of a moment: it is now. */
void control_block_count(struct control_block *cb, enum metric metric, int64_t n);
void control_block_stamp(struct control_block *cb, enum metric metric);

/* In the flusher, of a writer's place in flusher_status.writers; in the supervisor: false = nobody
 * holds it. */
void control_block_hold(struct control_block *cb, size_t writer, mono_us since);
void control_block_let_go(struct control_block *cb);
bool control_block_holder(const struct control_block *cb, size_t *out_writer, mono_us *out_since);

/* --- in a worker --- */
/* End of a turn: publish the phase and the time. */
void worker_beat(struct worker_slot *slot, enum worker_phase phase);
/* The same with PHASE_RUN, from a loop beside a feed's thread that may wait: a PHASE_WAIT stays. A
 * flag beside the phase does not do: this loop's store of the phase may become visible after its
 * look at the flag (on x86 too), and undo a wait that began in between. */
void worker_beat_unless_waiting(struct worker_slot *slot);
/* Entering a phase that may take long, before its work. */
static inline void worker_enter(struct worker_slot *slot, enum worker_phase phase)
{
    worker_beat(slot, phase);
}
static inline bool worker_should_stop(const struct worker_slot *slot)
{
    /* Acquire: pairs with worker_ask_to_stop. */
    return atomic_load_explicit(&slot->stop, memory_order_acquire) != 0;
}

/* --- in the supervisor --- */
struct worker_pulse {
    enum worker_phase phase;
    mono_us beat;
};
/* The phase, and a time not older than the beat that began it: what has just ended a commit of
 * minutes is never judged by the commit's time and the deadline of PHASE_RUN. */
struct worker_pulse worker_pulse(const struct worker_slot *slot);
