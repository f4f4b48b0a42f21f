/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/shared/wake.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRODUCERS 3
#define MESSAGES  5000
#define FOR_EVER  (60LL * US_PER_S)
#define LONG      (10LL * US_PER_S) /* a wait that lasts so long was not woken */

struct shared {
    struct wake wake;
    _Atomic uint64_t published, consumed;
};

/* The consumer of wake.h's recipe. Returns the number of waits that ended by their timeout. */
static unsigned consume(struct shared *shared, uint64_t total)
{
    unsigned timeouts = 0;
    while (atomic_load(&shared->consumed) < total) {
        const uint64_t seen = atomic_load_explicit(&shared->published, memory_order_acquire);
        atomic_store(&shared->consumed, seen);
        wake_prepare(&shared->wake);
        if (atomic_load_explicit(&shared->published, memory_order_acquire) != seen ||
            seen == total) {
            wake_cancel(&shared->wake);
            continue;
        }
        const mono_us before = clock_mono();
        wake_wait(&shared->wake, FOR_EVER);
        timeouts += clock_mono() - before >= LONG;
    }
    return timeouts;
}

/* Every message is published only after the previous ones were consumed: each one meets a consumer
 * that is about to sleep, and one lost wake-up would hold everything up for FOR_EVER. */
static void *produce(void *argument)
{
    struct shared *shared = argument;
    for (int i = 0; i < MESSAGES; i++) {
        const uint64_t mine =
            atomic_fetch_add_explicit(&shared->published, 1, memory_order_release) + 1;
        wake_notify(&shared->wake);
        while (atomic_load(&shared->consumed) < mine)
            (void)sched_yield();
    }
    return NULL;
}

static void no_wake_up_is_lost_between_threads(void **state)
{
    (void)state;
    static struct shared shared;
    pthread_t threads[PRODUCERS];
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &shared), 0);
    assert_int_equal(consume(&shared, (uint64_t)PRODUCERS * MESSAGES), 0);
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&shared.wake.sleeping), 0);
}

static void no_wake_up_is_lost_between_processes(void **state)
{
    (void)state;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)produce(shared);
        _exit(0);
    }
    assert_int_equal(consume(shared, MESSAGES), 0);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(munmap(shared, sizeof *shared), 0);
}

static void a_wait_ends_at_its_timeout_and_leaves_the_word_clear(void **state)
{
    (void)state;
    struct wake wake = {0};
    wake_prepare(&wake);
    assert_int_equal(atomic_load(&wake.sleeping), 1);
    const mono_us before = clock_mono();
    wake_wait(&wake, 5 * US_PER_MS);
    const mono_us waited = clock_mono() - before;
    assert_int_equal(atomic_load(&wake.sleeping), 0);
    /* A spurious return is allowed; so there is no lower bound. */
    assert_true(waited < LONG);
}

/* A signal may end a wait early, but nobody sends one here; a futex call that misreads its timeout
 * comes back thousands of times. */
static void waits_last_as_long_as_they_say(void **state)
{
    (void)state;
    struct wake wake = {0};
    const mono_us until = clock_mono() + 200 * US_PER_MS;
    unsigned waits = 0;
    for (; clock_mono() < until; waits++) {
        wake_prepare(&wake);
        wake_wait(&wake, 50 * US_PER_MS);
    }
    assert_in_range(waits, 1, 10);
}

static void a_notification_before_the_wait_is_not_slept_over(void **state)
{
    (void)state;
    struct wake wake = {0};
    wake_prepare(&wake);
    wake_notify(&wake);
    const mono_us before = clock_mono();
    wake_wait(&wake, FOR_EVER);
    assert_true(clock_mono() - before < LONG);
}

static void a_dead_consumers_word_is_cleared_by_the_first_notification(void **state)
{
    (void)state;
    struct wake wake = {.sleeping = 1};
    wake_notify(&wake);
    assert_int_equal(atomic_load(&wake.sleeping), 0);
    wake_notify(&wake);
    assert_int_equal(atomic_load(&wake.sleeping), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost_between_threads),
        cmocka_unit_test(no_wake_up_is_lost_between_processes),
        cmocka_unit_test(a_wait_ends_at_its_timeout_and_leaves_the_word_clear),
        cmocka_unit_test(waits_last_as_long_as_they_say),
        cmocka_unit_test(a_notification_before_the_wait_is_not_slept_over),
        cmocka_unit_test(a_dead_consumers_word_is_cleared_by_the_first_notification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
