/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/control_block.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *worker_phase_text(enum worker_phase phase)
{
    static const char *const texts[] = {
#define X(id, word, verdict) [PHASE_##id] = word,
        WORKER_PHASE_LIST(X)
#undef X
    };
    return (size_t)phase < ARRAY_LEN(texts) ? texts[phase] : "unknown";
}

const char *source_state_text(enum source_state state)
{
    static const char *const texts[] = {
#define X(id, word, verdict) [SOURCE_##id] = word,
        SOURCE_STATE_LIST(X)
#undef X
    };
    return (size_t)state < ARRAY_LEN(texts) ? texts[state] : "unknown";
}

struct control_block *control_block_new(void)
{
    struct control_block *cb =
        mmap(NULL, sizeof *cb, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cb == MAP_FAILED)
        return NULL;
    cb->supervisor_pid = getpid();
    cb->started_at = clock_wall();
    clock_boot_id(cb->boot_id);
    return cb;
}

void control_block_free(struct control_block *cb)
{
    if (cb != NULL)
        IGNORE(munmap(cb, sizeof *cb), "can only fail for a bad address");
}

void control_block_count(struct control_block *cb, enum metric metric, int64_t n)
{
    /* Relaxed: a counter orders nothing. */
    atomic_fetch_add_explicit(&cb->metrics[metric], n, memory_order_relaxed);
}

void control_block_stamp(struct control_block *cb, enum metric metric)
{
    /* Relaxed: a time orders nothing. */
    atomic_store_explicit(&cb->metrics[metric], clock_wall() / US_PER_S, memory_order_relaxed);
}

/* A power of two that no writer's place reaches. */
#define WRITERS_BOUND 16
_Static_assert(STATS_WRITERS_MAX <= WRITERS_BOUND, "a writer and a time fit one word");

void control_block_hold(struct control_block *cb, size_t writer, mono_us since)
{
    /* Relaxed, as below: a figure. */
    atomic_store_explicit(&cb->holding, (uint64_t)since * WRITERS_BOUND | writer,
                          memory_order_relaxed);
}

void control_block_let_go(struct control_block *cb)
{
    atomic_store_explicit(&cb->holding, 0, memory_order_relaxed);
}

bool control_block_holder(const struct control_block *cb, size_t *out_writer, mono_us *out_since)
{
    const uint64_t holding = atomic_load_explicit(&cb->holding, memory_order_relaxed);
    *out_writer = (size_t)(holding % WRITERS_BOUND);
    *out_since = (mono_us)(holding / WRITERS_BOUND);
    return holding != 0;
}

static void stamp(struct worker_slot *slot, enum worker_phase phase)
{
    const mono_us now = clock_mono();
    /* Relaxed, all three: the store of the phase publishes them. */
    if (phase != PHASE_START && phase != PHASE_LOCK &&
        atomic_load_explicit(&slot->healthy_mono_us, memory_order_relaxed) == 0)
        atomic_store_explicit(&slot->healthy_mono_us, now, memory_order_relaxed);
    atomic_store_explicit(&slot->beat_mono_us, now, memory_order_relaxed);
}

void worker_beat(struct worker_slot *slot, enum worker_phase phase)
{
    stamp(slot, phase);
    /* Release: the time before the phase (worker_pulse). */
    atomic_store_explicit(&slot->phase, (uint32_t)phase, memory_order_release);
}

void worker_beat_unless_waiting(struct worker_slot *slot)
{
    uint32_t phase = atomic_load_explicit(&slot->phase, memory_order_relaxed); /* judged below */
    if (phase == PHASE_WAIT)
        return;
    stamp(slot, PHASE_RUN);
    /* An exchange sees the newest phase whatever the order of anything else. It fails when the
     * feed's thread began or ended a wait meanwhile: then what that thread said stands. Release as
     * in worker_beat; relaxed on failure: nothing is read behind it. */
    (void)atomic_compare_exchange_strong_explicit(&slot->phase, &phase, PHASE_RUN,
                                                  memory_order_release, memory_order_relaxed);
}

struct worker_pulse worker_pulse(const struct worker_slot *slot)
{
    /* Acquire, and first: pairs with the release of a beat. */
    const uint32_t phase = atomic_load_explicit(&slot->phase, memory_order_acquire);
    return (struct worker_pulse){
        .phase = (enum worker_phase)phase,
        .beat = atomic_load_explicit(&slot->beat_mono_us, memory_order_relaxed), /* behind it */
    };
}
