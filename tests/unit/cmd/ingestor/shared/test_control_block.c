/* SPDX-License-Identifier: MIT
 *
 * What two threads, or two processes, may see of a heartbeat. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/shared/control_block.h"
#include "tests/support/fake_clock.h"

#include <pthread.h>
#include <sched.h>

#define RACE_US ((mono_us)400 * US_PER_MS)
#define SLOW_US ((mono_us)100 * US_PER_S) /* a commit */
#define LIMIT   ((mono_us)60 * US_PER_S)  /* of a turn that is none */

struct race {
    struct worker_slot slot;
    _Atomic bool is_over;
    _Atomic uint64_t turns;
};

/* --- a wait beside a loop --------------------------------------------------------------------- */

static void *main_loop(void *argument)
{
    struct race *race = argument;
    while (!atomic_load(&race->is_over)) {
        worker_beat_unless_waiting(&race->slot);
        atomic_fetch_add(&race->turns, 1);
    }
    return NULL;
}

/* Until whatever turn the loop was in is over, and one more. */
static void let_it_turn(struct race *race)
{
    const uint64_t from = atomic_load(&race->turns);
    while (atomic_load(&race->turns) < from + 2)
        (void)sched_yield();
}

/* How often the phase was something else within a wait. */
static uint64_t wait_once(struct race *race)
{
    uint64_t lost = 0;
    worker_beat(&race->slot, PHASE_WAIT);
    for (int i = 0; i < 50; i++)
        lost += atomic_load(&race->slot.phase) != PHASE_WAIT;
    let_it_turn(race);
    lost += atomic_load(&race->slot.phase) != PHASE_WAIT;
    worker_beat(&race->slot, PHASE_RUN);
    return lost;
}

static void a_loop_never_ends_a_wait(void **state)
{
    (void)state;
    struct race race = {0};
    pthread_t loop;
    assert_int_equal(pthread_create(&loop, NULL, main_loop, &race), 0);
    uint64_t lost = 0;
    uint64_t waits = 0;
    for (const mono_us until = clock_mono() + RACE_US; clock_mono() < until; waits++)
        lost += wait_once(&race);
    atomic_store(&race.is_over, true);
    assert_int_equal(pthread_join(loop, NULL), 0);
    assert_true(waits > 0);
    assert_int_equal(lost, 0);
}

static void a_loop_beats_where_nobody_waits(void **state)
{
    (void)state;
    struct worker_slot slot = {.phase = PHASE_START};
    worker_beat_unless_waiting(&slot);
    assert_int_equal(worker_pulse(&slot).phase, PHASE_RUN);
    assert_true(worker_pulse(&slot).beat > 0);
    assert_int_equal(atomic_load(&slot.healthy_mono_us), worker_pulse(&slot).beat);
    worker_beat(&slot, PHASE_WAIT);
    atomic_store(&slot.beat_mono_us, 1);
    worker_beat_unless_waiting(&slot);
    assert_int_equal(worker_pulse(&slot).phase, PHASE_WAIT);
    assert_int_equal(worker_pulse(&slot).beat, 1);
}

/* --- a slow phase and its end ----------------------------------------------------------------- */

/* Time passes in the commits only. */
static void *commit_slowly(void *argument)
{
    struct race *race = argument;
    while (!atomic_load(&race->is_over)) {
        worker_beat(&race->slot, PHASE_COMMIT);
        fake_clock_advance(SLOW_US);
        worker_beat(&race->slot, PHASE_RUN);
    }
    return NULL;
}

static void the_end_of_a_slow_phase_is_never_taken_for_a_hang(void **state)
{
    (void)state;
    struct race race = {0};
    const mono_us until = clock_mono() + RACE_US;
    fake_clock_install(1, SLOW_US);
    worker_beat(&race.slot, PHASE_RUN);
    pthread_t worker;
    assert_int_equal(pthread_create(&worker, NULL, commit_slowly, &race), 0);
    uint64_t mistaken = 0;
    struct timespec real;
    do {
        for (int i = 0; i < 1000; i++) {
            const mono_us now = clock_mono();
            const struct worker_pulse pulse = worker_pulse(&race.slot);
            mistaken += pulse.phase == PHASE_RUN && now - pulse.beat > LIMIT;
        }
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &real), 0);
    } while ((mono_us)real.tv_sec * US_PER_S + real.tv_nsec / 1000 < until);
    atomic_store(&race.is_over, true);
    assert_int_equal(pthread_join(worker, NULL), 0);
    fake_clock_remove();
    assert_int_equal(mistaken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_never_ends_a_wait),
        cmocka_unit_test(a_loop_beats_where_nobody_waits),
        cmocka_unit_test(the_end_of_a_slow_phase_is_never_taken_for_a_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
