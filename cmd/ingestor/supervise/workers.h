/* SPDX-License-Identifier: MIT
 *
 * workers - the supervisor's table of processes: start, watch, kill, start again.
 *
 * I1. Every step of a worker's state is one that worker_life.h allows; with a process it has a pid,
 *     else 0. Asserted at each step and each entry.
 * I2. A receiver starts when no other one that is to end has its session at the broker (same broker
 *     and clientId): they would disconnect each other. Until then it is BACKING_OFF, its start_at
 *     INT64_MAX.
 *
 * Dead (waitid) and hung are judged separately. Hung: no beat within the deadline of the phase:
 *   starting, running, draining  maxUnhealthySeconds  committing, checkpointing, migrating  120 s
 *   waiting for room (QoS 1)     the source's keep-alive, at least maxUnhealthySeconds
 * One that is stopped (SIGSTOP, a debugger) waits for no disk: maxUnhealthySeconds in any phase.
 * One that was asked to end and hangs is killed as well, and stays STOPPING.
 * (Migration beats from sqlite3_progress_handler.) A hung worker is SIGKILLed and reaped BEFORE its
 * replacement starts.
 * Threads: none. All functions are the supervisor's. */
#pragma once

#include "cmd/ingestor/session/session_file.h"
#include "cmd/ingestor/shared/control_block.h"
#include "cmd/ingestor/supervise/restart_policy.h"
#include "cmd/ingestor/supervise/worker_life.h"
#include "common/base/procio.h"
#include "common/config/config.h"

#define SLOW_PHASE_US       (120 * (mono_us)US_PER_S)
#define UNKILLABLE_AFTER_US (5 * (mono_us)US_PER_S)
/* Who has not beaten for so long is looked at in /proc. */
#define SUSPENDED_AFTER_US (500 * (mono_us)US_PER_MS)
/* An INSERT of a sender, or its hourly sums: theirs is half of it. */
#define LONG_ANSWER_US (60 * (mono_us)US_PER_S)

struct worker {
    enum worker_state state;
    enum worker_kind kind;
    const struct config_source *source; /* the configuration's; NULL for flusher and http */
    struct worker_slot *slot;
    pid_t pid; /* 0 = does not run */
    struct restart_policy policy;
    struct session session; /* a receiver's, as it was last started; no topics */
    mono_us start_at, killed_at;
    uint64_t held_records; /* in the ring when a QoS 1 wait ran out */
    bool is_hang;          /* we killed it for hanging */
    bool is_suspended;     /* RUNNING, but the kernel does not let it: stopped by a signal */
    bool start_again;      /* STOPPING for a reload: spawn when reaped */
    bool forget;           /* STOPPING because the source was removed: UNUSED when reaped */
    int64_t restarts;
    char last_exit[24];
    wall_us healthy_since; /* 0 = not yet */
    struct procio io;      /* its process's last sample */
    struct procio_usage usage;
};

struct workers {
    struct control_block *cb;
    const struct config *config; /* the one in force */
    struct worker all[WORKERS_MAX];
    struct stats_unhealthy unhealthy[STATS_UNHEALTHY_MAX];
    size_t unhealthy_count;
    int flusher_exit;  /* exit code the flusher's end asks the program for; 0 = none */
    bool has_replayed; /* the replay's receiver has ended: never started again */
    int replay_exit;   /* its exit code; EXIT_GAVE_UP when it was killed */
};

void workers_init(struct workers *workers, struct control_block *cb, const struct config *config);

/* "flusher", "http", "replay", "receiver:<source>", "sender:<shard>"; out >= STATS_WORKER_BYTES. */
void worker_name(const struct worker *worker, char *out, size_t cap);
const char *worker_state_text(const struct worker *worker);
/* Records between what the source's receiver appended and what the flusher consumed. For a slot
 * whose process is dead. */
uint64_t worker_queued(const struct control_block *cb, const struct worker_slot *slot);

/* A sender, and NULL where there is no slot. */
struct worker *workers_add_sender(struct workers *workers, size_t shard);
/* A slot for a new worker; NULL when all are used. The slot's counters start at zero. */
struct worker *workers_add(struct workers *workers, enum worker_kind kind,
                           const struct config_source *source);
struct worker *workers_find(struct workers *workers, const char *source_name);
struct worker *workers_flusher(struct workers *workers);

void workers_spawn(struct workers *workers, struct worker *worker);
/* Take every ended child; charges, plans restarts. */
void workers_reap(struct workers *workers);
/* Kill what hangs, start what is due, give budget back. */
void workers_tick(struct workers *workers);
/* When workers_tick has something to start next; INT64_MAX = nothing planned. */
mono_us workers_next_start(const struct workers *workers);

void worker_ask_to_stop(struct worker *worker, enum worker_stop how);
void workers_kill(struct workers *workers, bool flusher_too);
bool workers_receivers_gone(const struct workers *workers);
