/* SPDX-License-Identifier: MIT
 *
 * flusher_state - what the flusher's modules work on, and the states it goes through. No other
 * room includes this.
 *
 *   state    what holds                                                       next
 *   CLOSED   nothing from the database is in memory: no connection, no ring   OPENING, WAITING
 *   WAITING  the same, after an error: until retry_at                         CLOSED
 *   OPENING  connect, migrate, derive anew, attach the rings, read cursors    IDLE, CLOSED
 *   IDLE     connected, between two transactions                              WRITING, CLOSED
 *   WRITING  a transaction in hand                                            IDLE, CLOSED
 *
 * I1. A step that is not in this table does not happen; I2. CLOSED is reached from everywhere, and
 *     only by throwing everything away: that is the one recovery path (flusher.h). flusher_enter
 *     asserts I1 and what the table says of the state it leads to; each module's functions say in
 *     which states they may be called and assert it.
 * Threads: the flusher's main one. */
#pragma once

#include "cmd/ingestor/envelope/rules.h"
#include "cmd/ingestor/flush/batch_policy.h"
#include "cmd/ingestor/upkeep/maintenance.h"
#include "cmd/ingestor/flush/perf_window.h"
#include "cmd/ingestor/flush/ring_troubles.h"
#include "cmd/ingestor/flush/wal_sync.h"
#include "cmd/ingestor/recording/recorder.h"
#include "cmd/ingestor/refused/refusal_writer.h"
#include "cmd/ingestor/shared/control_block.h"
#include "cmd/ingestor/shared/limit_log.h"
#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_ring.h"
#include "cmd/ingestor/verify/look_ahead.h"
#include "common/config/config.h"
#include "common/db/db_files.h"
#include "common/ring/ring_names.h"
#include "common/ring/ring_reader.h"

#include <limits.h>

/* Rings attached at once; more wait in the folder until one is drained. */
#define FLUSHER_RINGS_MAX 256
/* The reserve file could not be made: not tried again before. */
#define FLUSHER_RESERVE_RETRY_US (10 * (mono_us)US_PER_S)

struct flusher_ring {
    struct ring_reader *reader;
    struct ring_info info;
    char path[PATH_MAX];
    struct store_ring row;              /* with the transaction in hand */
    struct store_ring committed;        /* as the last commit left it */
    struct ring_cursor durable, asked;  /* is on the disk; will be by the sync under way */
    struct flusher_tuple base;          /* what earlier rings of the chain contributed */
    const struct config_source *source; /* NULL: not configured any more, or the injection source */
    bool is_orphan;   /* no receiver is configured for it: drained, then deleted */
    bool is_active;   /* the oldest of its chain: only that one is read */
    bool has_changed; /* in the transaction in hand */
    int64_t last_message_unix;
    struct limit_log limits;
    enum ring_file said;         /* of its file, in the last line */
    struct receiver_tuple noted; /* the receiver's outcomes, as they were saved last */
    bool is_noted;
    mono_us retire_at; /* its file could not be deleted: not tried again before */
};

/* Behind the two, one for each job of maintenance, in the order of enum maintenance_job. */
enum flusher_writer {
    WRITER_MESSAGES,
    WRITER_CHECKPOINT,
    WRITER_JOBS,
    WRITER_COUNT = WRITER_JOBS + JOB_COUNT
};

#define FLUSHER_STATE_LIST(X) X(CLOSED) X(WAITING) X(OPENING) X(IDLE) X(WRITING)
enum flusher_state {
#define X(id) FLUSHER_##id,
    FLUSHER_STATE_LIST(X)
#undef X
};

/* Files that were moved aside and whose counts are not judged yet. */
#define FLUSHER_ASIDES_MAX 16
/* So long a file that was moved aside is spoken of in the figures. */
#define FLUSHER_ASIDE_SAID_US (15 * 60 * (mono_us)US_PER_S)

/* Of a damaged ring: what its head says of its chain. */
struct flusher_aside {
    char source[RING_SOURCE_MAX + 1];
    struct ring_status last;
};

/* What was last seen under the database's name, to tell whether it is being copied. */
struct flusher_seen {
    uint64_t inode;
    int64_t bytes, modified_s, modified_ns;
};

struct flusher {
    enum flusher_state state; /* by flusher_enter only */

    /* constant after init */
    const struct config *config;
    struct control_block *cb;
    struct worker_slot *slot;
    const char *crash_on; /* test hook: WEIR_TEST_CRASH_ON */
    bool strike_inflight; /* the previous flusher died on its record in flight */

    /* made from the configuration once: a changed one comes with a new process */
    struct rules *rules;
    struct channel_keys *channels;
    struct region_scopes *scopes;
    struct recorder *recorder; /* --record; NULL = none */
    int64_t record_lost;       /* of it, published */
    struct look_ahead *ahead;  /* NULL = signatures are verified when they are needed */

    int lock_fd; /* of the database; -1 = none */
    struct db_files files;
    mono_us looked_at;     /* whether its names still lead to what is open */
    bool is_replaced;      /* they do not: until all of it is thrown away */
    int64_t replaced_unix; /* when that was last so; 0 = never */
    bool is_settling;      /* waiting until what is put there is whole */
    struct flusher_seen seen;

    struct store *store; /* NULL while the database can't be opened */
    struct flusher_ring rings[FLUSHER_RINGS_MAX];
    size_t ring_count;
    uint32_t seen_generation;
    struct ring_troubles troubles;
    struct flusher_aside asides[FLUSHER_ASIDES_MAX];
    size_t aside_count;
    char aside_text[200]; /* the last one moved aside, for people; until aside_until */
    mono_us aside_until;
    mono_us rings_looked_at;  /* what became of their files */
    bool has_unjudged_chains; /* since the last look into the folder */

    struct refusal_writer refused; /* as long as the store */

    struct batch_policy policy;
    struct batch_state batch;
    mono_us last_durable;
    bool has_unsynced;     /* a NORMAL commit since what is durable */
    struct wal_sync *sync; /* as long as the store, without a window; NULL = FULL commits do it */
    bool is_syncing, has_unasked; /* one is under way; a NORMAL commit came since sync_asked */
    mono_us sync_asked;
    uint64_t batch_rows;    /* records applied in the transaction in hand */
    uint64_t batch_news;    /* of them, or between them: what is no duplicate */
    uint64_t deferred_rows; /* applied, but neither they nor the cursor behind them are written */
    mono_us deferred_since; /* where deferred_rows is not 0 */
    size_t first_ring;      /* where the next pass begins: no ring is always last */
    bool must_commit;       /* a suspect record was applied alone, or the recorder is full */

    struct stats_storage storage;       /* as it was looked at and done last */
    int64_t checkpoint_pages;           /* WAL pages when the last checkpoint was tried */
    mono_us checkpoint_at, truncate_at; /* truncate_at 0 = never */

    struct maintenance maintenance;
    bool disk_was_full; /* room must be made before messages are tried again */
    mono_us reserve_at; /* look whether the reserve file can be made again; 0 = it is there */

    struct perf_window commit_ms, commit_rows;
    /* Of messages: each one's, and below a transaction's. */
    struct perf_window wait_ms[WRITER_COUNT], hold_ms[WRITER_COUNT];
    struct perf_window batch_hold_ms;
    struct stats_writer writers[WRITER_COUNT]; /* the times are filled in when they are published */
    /* By flusher_count: into the control block with the commit, dropped with a rollback. */
    int64_t pending[METRIC_COUNT];
    wall_us batch_began;  /* messages of the batch waited until then */
    int64_t late_records; /* of the batch: waited longer than the window asks for */

    mono_us retry_at, retry_wait; /* after FULL, IOERR ...; retry_at 0 = not waiting */
    int64_t last_commit_unix;
    mono_us last_commit_mono; /* 0 = none yet */
    char error[256];
    mono_us refusal_logged; /* of a row that the database refused */
    mono_us careful_until;  /* each record has a savepoint; 0 = only those that may need it */
    mono_us published_at;
};

/* May `to` follow `from`? Pure. */
bool flusher_may(enum flusher_state from, enum flusher_state to);
void flusher_enter(struct flusher *f, enum flusher_state to);
/* Asserts what the table says of the state it is in. */
void flusher_check(const struct flusher *f);

/* Counts with the transaction in hand (metrics.def). What also counts when it is rolled back:
 * control_block_count. */
static inline void flusher_count(struct flusher *f, enum metric metric, int64_t n)
{
    f->pending[metric] += n;
}

/* Until control_block_let_go: it holds the database's one write lock, or its log. */
static inline void flusher_hold(struct flusher *f, enum flusher_writer writer)
{
    control_block_hold(f->cb, writer, clock_mono());
}

static inline double flusher_ms_since(mono_us from)
{
    return (double)(clock_mono() - from) / US_PER_MS;
}
