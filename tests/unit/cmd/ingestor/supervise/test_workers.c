/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/workers.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A table with one receiver, whose process does nothing at all and beat for the last
 * time long ago. */
struct bench {
    struct config config;
    struct config_source source;
    struct workers workers;
    struct worker *receiver;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->config.max_unhealthy_s = 2;
    b->config.max_process_restarts = 10;
    static char name[] = "main";
    b->source.name = name;
    struct control_block *cb = control_block_new();
    assert_non_null(cb);
    workers_init(&b->workers, cb, &b->config);
    b->receiver = workers_add(&b->workers, WORKER_RECEIVER, &b->source);
    assert_non_null(b->receiver);
    const pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            (void)pause();
    }
    assert_true(pid > 0);
    b->receiver->pid = pid;
    b->receiver->state = WORKER_RUNNING;
    atomic_store(&b->receiver->slot->phase, PHASE_RUN);
    atomic_store(&b->receiver->slot->beat_mono_us, clock_mono() - 3 * (mono_us)US_PER_S);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    if (b->receiver->pid != 0) {
        (void)kill(b->receiver->pid, SIGKILL);
        while (b->receiver->pid != 0)
            workers_reap(&b->workers);
    }
    control_block_free(b->workers.cb);
    free(b);
    return 0;
}

static int64_t hang_kills(const struct bench *b)
{
    return atomic_load(&b->workers.cb->metrics[METRIC_HANG_KILLS]);
}

static void reap(struct bench *b)
{
    while (b->receiver->pid != 0)
        workers_reap(&b->workers);
}

static void a_hung_worker_is_killed_and_waits_for_its_restart(void **state)
{
    struct bench *b = *state;
    workers_tick(&b->workers);
    assert_int_equal(b->receiver->state, WORKER_HUNG);
    reap(b);
    assert_int_equal(b->receiver->state, WORKER_BACKING_OFF);
    assert_string_equal(b->receiver->last_exit, "hang");
    assert_int_equal(hang_kills(b), 1);
    assert_int_equal(b->workers.unhealthy[0].count, 1);
}

/* A reload asks it to end; without this the source would be gone until somebody looks. */
static void a_worker_that_hangs_while_it_ends_is_killed_too(void **state)
{
    struct bench *b = *state;
    b->receiver->forget = true;
    worker_ask_to_stop(b->receiver, WORKER_STOP_DRAIN);
    assert_int_equal(b->receiver->state, WORKER_STOPPING);
    workers_tick(&b->workers);
    workers_tick(&b->workers); /* once is enough */
    assert_int_equal(hang_kills(b), 1);
    reap(b);
    assert_int_equal(b->receiver->state, WORKER_UNUSED);
    assert_false(b->receiver->slot->used);
    assert_int_equal(b->workers.unhealthy[0].count, 1);
}

static void a_worker_that_ends_in_time_is_left_alone(void **state)
{
    struct bench *b = *state;
    worker_ask_to_stop(b->receiver, WORKER_STOP_DRAIN);
    atomic_store(&b->receiver->slot->beat_mono_us, clock_mono());
    workers_tick(&b->workers);
    assert_int_equal(hang_kills(b), 0);
    assert_int_equal(b->receiver->state, WORKER_STOPPING);
}

/* A disk may be slow, so a commit has 120 s; a process that was stopped in the middle of
 * one has not. */
static void a_stopped_worker_gets_no_time_for_its_commit(void **state)
{
    struct bench *b = *state;
    atomic_store(&b->receiver->slot->phase, PHASE_COMMIT);
    workers_tick(&b->workers);
    assert_int_equal(hang_kills(b), 0);
    assert_int_equal(kill(b->receiver->pid, SIGSTOP), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)b->receiver->pid, &info, WSTOPPED), 0);
    workers_tick(&b->workers);
    assert_int_equal(hang_kills(b), 1);
    assert_int_equal(b->receiver->state, WORKER_HUNG);
}

/* In whatever phase, and long before it is killed. */
static void a_stopped_worker_is_said_to_be_suspended(void **state)
{
    struct bench *b = *state;
    siginfo_t info;
    b->config.max_unhealthy_s = 30;
    atomic_store(&b->receiver->slot->beat_mono_us, clock_mono() - (mono_us)US_PER_S);
    atomic_store(&b->receiver->slot->phase, PHASE_WAIT);
    workers_tick(&b->workers);
    assert_string_equal(worker_state_text(b->receiver), "holding");
    assert_int_equal(kill(b->receiver->pid, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t)b->receiver->pid, &info, WSTOPPED), 0);
    workers_tick(&b->workers);
    assert_string_equal(worker_state_text(b->receiver), WORKER_SUSPENDED);
    assert_int_equal(kill(b->receiver->pid, SIGCONT), 0);
    assert_int_equal(waitid(P_PID, (id_t)b->receiver->pid, &info, WCONTINUED), 0);
    workers_tick(&b->workers);
    assert_string_equal(worker_state_text(b->receiver), "holding");
    assert_int_equal(hang_kills(b), 0);
}

/* It ended in the middle of a write: what it waits for must still be seen to shrink. */
static void a_receiver_that_died_while_it_published_has_a_queue(void **state)
{
    struct bench *b = *state;
    struct worker_slot *slot = b->receiver->slot;
    const struct ring_status ring = {.records = 7};
    seqlock_write(&slot->ring, &ring);
    atomic_fetch_add(&slot->ring.seq, 1);
    assert_int_equal(worker_queued(b->workers.cb, slot), 7);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_hung_worker_is_killed_and_waits_for_its_restart),
        TEST(a_worker_that_hangs_while_it_ends_is_killed_too),
        TEST(a_worker_that_ends_in_time_is_left_alone),
        TEST(a_stopped_worker_is_said_to_be_suspended),
        TEST(a_stopped_worker_gets_no_time_for_its_commit),
        TEST(a_receiver_that_died_while_it_published_has_a_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
