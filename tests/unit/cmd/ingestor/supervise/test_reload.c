/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/reload.h"
#include "tests/support/temp_dir.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One receiver and a flusher, whose processes do nothing; they are asked to end and never reaped,
 * so that nothing is started in their place. */
struct bench {
    char dir[TEMP_DIR_MAX];
    struct config before, after;
    struct config_source old[1], fresh[2];
    struct workers workers;
    struct worker *receiver;
    struct reload_summary summary;
};

static struct config_source make_source(char *name, char *id)
{
    static char broker[] = "mqtt://127.0.0.1:1";
    return (struct config_source){.name = name,
                                  .broker = broker,
                                  .broker_masked = broker,
                                  .client_id = id,
                                  .persistent_session = true};
}

static void pretend_to_run(struct worker *worker)
{
    const pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            (void)pause();
    }
    assert_true(pid > 0);
    worker->pid = pid;
    worker->state = WORKER_RUNNING;
    atomic_store(&worker->slot->beat_mono_us, clock_mono());
}

static int setup(void **state)
{
    static char main_name[] = "main", id[] = "weir-1";
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    temp_dir_make(b->dir);
    b->old[0] = make_source(main_name, id);
    b->before = (struct config){.spool_dir = b->dir, .sources = b->old, .source_count = 1};
    b->after = (struct config){.spool_dir = b->dir, .sources = b->fresh};
    struct control_block *cb = control_block_new();
    assert_non_null(cb);
    workers_init(&b->workers, cb, &b->before);
    struct worker *flusher = workers_add(&b->workers, WORKER_FLUSHER, NULL);
    b->receiver = workers_add(&b->workers, WORKER_RECEIVER, &b->old[0]);
    assert_non_null(flusher);
    assert_non_null(b->receiver);
    pretend_to_run(flusher);
    pretend_to_run(b->receiver);
    session_identify(&b->old[0], &b->receiver->session);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        const pid_t pid = b->workers.all[i].pid;
        if (pid == 0)
            continue;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    temp_dir_remove(b->dir);
    control_block_free(b->workers.cb);
    free(b);
    return 0;
}

static void reload_with(struct bench *b, size_t sources)
{
    b->after.source_count = sources;
    reload_apply(&b->workers, &b->before, &b->after, &b->summary);
    assert_int_equal(b->receiver->state, WORKER_STOPPING);
}

static uint32_t stop_of(const struct worker *worker)
{
    return atomic_load(&worker->slot->stop);
}

static void a_session_that_nobody_has_any_more_is_ended(void **state)
{
    struct bench *b = *state;
    reload_with(b, 0);
    assert_int_equal(b->summary.removed, 1);
    assert_int_equal(stop_of(b->receiver), WORKER_STOP_RETIRE);
}

static void a_session_under_another_name_is_kept_and_waited_for(void **state)
{
    struct bench *b = *state;
    b->fresh[0] = make_source((char[]){"renamed"}, (char[]){"weir-1"});
    reload_with(b, 1);
    assert_int_equal(b->summary.removed, 1);
    assert_int_equal(b->summary.added, 1);
    assert_int_equal(stop_of(b->receiver), WORKER_STOP_DRAIN);
    const struct worker *heir = workers_find(&b->workers, "renamed");
    assert_non_null(heir);
    assert_int_equal(heir->pid, 0); /* the two would disconnect each other */
    assert_int_equal(heir->state, WORKER_BACKING_OFF);
    workers_tick(&b->workers);
    assert_int_equal(heir->pid, 0);
}

/* The source goes on with another clientId; its old one is a new source's. */
static void a_session_that_moves_between_sources_is_kept(void **state)
{
    struct bench *b = *state;
    b->fresh[0] = make_source((char[]){"main"}, (char[]){"weir-2"});
    b->fresh[1] = make_source((char[]){"second"}, (char[]){"weir-1"});
    reload_with(b, 2);
    assert_int_equal(stop_of(b->receiver), WORKER_STOP_DRAIN);
    const struct worker *heir = workers_find(&b->workers, "second");
    assert_non_null(heir);
    assert_int_equal(heir->pid, 0);
}

/* A clean connect of its new owner would end it anyway; then the end is said. */
static void a_source_that_keeps_no_session_is_no_heir(void **state)
{
    struct bench *b = *state;
    b->fresh[0] = make_source((char[]){"renamed"}, (char[]){"weir-1"});
    b->fresh[0].persistent_session = false;
    reload_with(b, 1);
    assert_int_equal(stop_of(b->receiver), WORKER_STOP_RETIRE);
    assert_int_equal(workers_find(&b->workers, "renamed")->pid, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_session_that_nobody_has_any_more_is_ended),
        TEST(a_session_under_another_name_is_kept_and_waited_for),
        TEST(a_session_that_moves_between_sources_is_kept),
        TEST(a_source_that_keeps_no_session_is_no_heir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
