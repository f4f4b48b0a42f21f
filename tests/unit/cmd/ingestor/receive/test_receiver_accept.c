/* SPDX-License-Identifier: MIT
 *
 * The intake between a feed and a real ring. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/intake.h"
#include "common/ring/ring_reader.h"

#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPACITY    100
#define MAX_MESSAGE 1024
#define WAIT_LIMIT  ((mono_us)30 * US_PER_MS)
#define LONG_ENOUGH (30 * US_PER_S) /* for a thread on a busy machine */
#define TOPIC       "meshcore/XXX/0011/packets"

struct fixture {
    char dir[64];
    struct control_block *cb;
    struct worker_slot *slot;
    struct ingest_buffer *ring;
    struct intake *intake;
    struct ring_reader *reader;
    mono_us wait_limit;
    bool may_give_up;
    jmp_buf way_out; /* give_up must not return */
    enum exit_code given_up;
};

static void give_up(void *context, enum exit_code code)
{
    struct fixture *f = context;
    if (!f->may_give_up)
        fail_msg("gave up after its limit: exit %d", (int)code);
    f->given_up = code;
    longjmp(f->way_out, 1);
}

static void open_intake(struct fixture *f, bool is_persistent, bool wait_durable, int per_second)
{
    const struct intake_params params = {.ring = f->ring,
                                         .cb = f->cb,
                                         .slot = f->slot,
                                         .max_message_bytes = MAX_MESSAGE,
                                         .observer_max_per_second = per_second,
                                         .is_persistent = is_persistent,
                                         .wait_durable = wait_durable,
                                         .wait_limit = f->wait_limit,
                                         .seed = 1,
                                         .give_up = give_up,
                                         .give_up_context = f};
    f->intake = intake_new(&params);
    assert_non_null(f->intake);
}

static void open_reader(struct fixture *f)
{
    char pattern[96];
    (void)snprintf(pattern, sizeof pattern, "%s/*.ring", f->dir);
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    struct err err = {0};
    assert_int_equal(ring_reader_open(found.gl_pathv[0], &f->reader, &err), STATUS_OK);
    globfree(&found);
    const struct ring_cursor start = {0};
    uint64_t gap;
    uint64_t forgotten;
    ring_reader_seek(f->reader, &start, &gap, &forgotten);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/weir-accept-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->cb = control_block_new();
    assert_non_null(f->cb);
    f->slot = &f->cb->workers[1];
    const struct ring_params params = {.dir = f->dir,
                                       .source = "A",
                                       .capacity_records = CAPACITY,
                                       .capacity_bytes = 1 << 20,
                                       .max_message_bytes = MAX_MESSAGE,
                                       .soft_threshold = 0.9};
    struct err err = {0};
    assert_int_equal(ingest_buffer_open(&params, &f->ring, &err), STATUS_OK);
    f->wait_limit = WAIT_LIMIT;
    open_reader(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    intake_free(f->intake);
    ring_reader_close(f->reader);
    ingest_buffer_close(f->ring);
    control_block_free(f->cb);
    char pattern[96];
    (void)snprintf(pattern, sizeof pattern, "%s/*", f->dir);
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            assert_int_equal(unlink(found.gl_pathv[i]), 0);
        globfree(&found);
    }
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

/* Numbers keep the packets apart; none of them is of a type with priority: type 6, a datagram. */
static enum outcome accept_packet(struct fixture *f, unsigned number, uint32_t flags)
{
    char payload[64];
    const int len = snprintf(payload, sizeof payload, "{\"raw\":\"1900%08X\"}", number);
    const struct ring_message message = {.topic = TOPIC,
                                         .topic_len = sizeof TOPIC - 1,
                                         .payload = (const uint8_t *)payload,
                                         .payload_len = (uint32_t)len,
                                         .flags = flags};
    return intake_accept(f->intake, &message);
}

static void wait_until_given_up(struct fixture *f)
{
    f->may_give_up = true;
    if (setjmp(f->way_out) == 0) {
        IGNORE(accept_packet(f, 7, 1), "must not return");
        fail_msg("a waiting message was acknowledged");
    }
    f->may_give_up = false;
}

static uint64_t count_of(const struct fixture *f, enum outcome outcome)
{
    struct ring_stats stats;
    assert_true(ingest_buffer_stats(f->ring, &stats));
    uint64_t sum = stats.tuple.appended;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        sum += stats.tuple.outcomes[i];
    assert_int_equal(stats.tuple.received, sum);
    return outcome == OUTCOME_NONE ? stats.tuple.appended : stats.tuple.outcomes[outcome];
}

/* For --why: so many were refused on this account, and the newest was. */
static void assert_noted(struct fixture *f, enum refusal cause, uint64_t wanted)
{
    uint64_t counts[REFUSALS_OF_RECEIVER];
    uint64_t newest = 0;
    struct refusal_note note;
    refusal_slots_counts(&f->slot->refusals, counts);
    for (size_t i = 0; i < REFUSALS_OF_RECEIVER; i++)
        newest += counts[i];
    assert_int_equal(counts[cause], wanted);
    assert_true(refusal_slots_read(&f->slot->refusals, newest, &note));
    assert_int_equal(note.cause, cause);
    assert_memory_equal(note.topic, TOPIC, sizeof TOPIC - 1);
    assert_true(atomic_load(&f->cb->refusals_generation) == (uint32_t)newest);
}

static void fill(struct fixture *f)
{
    for (unsigned i = 0; i < CAPACITY; i++)
        assert_int_equal(accept_packet(f, i, 1), OUTCOME_NONE);
}

/* Read and free everything there is: what a durable commit does. */
static uint64_t drain(struct fixture *f)
{
    struct ring_record record;
    uint64_t count = 0;
    while (ring_reader_next(f->reader, &record) == STATUS_OK) {
        ring_reader_free(f->reader, &record.next);
        count++;
    }
    return count;
}

static void an_accepted_message_is_stamped_and_keeps_its_flags(void **state)
{
    struct fixture *f = *state;
    open_intake(f, false, false, 0);
    const wall_us before = clock_wall();
    assert_int_equal(accept_packet(f, 1, 1 | RING_DUP | RING_PRIORITY), OUTCOME_NONE);
    struct ring_record record;
    assert_int_equal(ring_reader_next(f->reader, &record), STATUS_OK);
    assert_int_equal(record.message.flags, 1 | RING_DUP); /* the class is ours to give */
    assert_true(record.message.receipt >= before);
    assert_int_equal(record.message.receipt, atomic_load(&f->slot->last_receipt_us));
    assert_memory_equal(record.message.topic, TOPIC, sizeof TOPIC - 1);
    assert_int_equal(count_of(f, OUTCOME_NONE), 1);
}

static void a_retained_message_is_no_sign_of_life(void **state)
{
    struct fixture *f = *state;
    open_intake(f, false, false, 0);
    assert_int_equal(accept_packet(f, 1, RING_RETAIN), OUTCOME_NONE);
    assert_int_equal(intake_last_receipt(f->intake), 0);
    assert_true(atomic_load(&f->slot->last_receipt_us) > 0);
    assert_int_equal(accept_packet(f, 1, 0), OUTCOME_NONE);
    assert_true(intake_last_receipt(f->intake) > 0);
}

static void an_oversize_message_is_counted_and_not_read(void **state)
{
    struct fixture *f = *state;
    open_intake(f, true, false, 1);
    const struct ring_message message = {
        .topic = TOPIC, .topic_len = sizeof TOPIC - 1, .payload_len = MAX_MESSAGE + 1, .flags = 1};
    for (int i = 0; i < 100; i++) /* and costs no token */
        assert_int_equal(intake_accept(f->intake, &message), OUTCOME_REJECTED_TOO_LARGE);
    assert_int_equal(accept_packet(f, 1, 0), OUTCOME_NONE);
    assert_int_equal(count_of(f, OUTCOME_REJECTED_TOO_LARGE), 100);
    assert_noted(f, REFUSAL_TOO_LARGE, 100);
}

static void the_rate_is_an_observers_own(void **state)
{
    struct fixture *f = *state;
    open_intake(f, false, false, 1);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(accept_packet(f, i, 0), OUTCOME_NONE);
    assert_int_equal(accept_packet(f, 11, 0), OUTCOME_FILTERED_RATE);
    const struct ring_message other = {.topic = "meshcore/XXX/ffff/packets", .topic_len = 25};
    assert_int_equal(intake_accept(f->intake, &other), OUTCOME_NONE);
    const struct ring_message flat = {.topic = "meshcore/packets", .topic_len = 16};
    for (int i = 0; i < 50; i++)
        assert_int_equal(intake_accept(f->intake, &flat), OUTCOME_NONE);
    assert_int_equal(count_of(f, OUTCOME_FILTERED_RATE), 1);
    assert_noted(f, REFUSAL_RATE, 1);
}

static void above_the_threshold_only_news_enters_and_a_full_ring_refuses(void **state)
{
    struct fixture *f = *state;
    open_intake(f, false, false, 0);
    unsigned accepted = 0;
    while (!ingest_buffer_is_soft(f->ring)) {
        assert_int_equal(accept_packet(f, 7, 1), OUTCOME_NONE);
        accepted++;
    }
    assert_in_range(accepted, 89, 91);
    assert_int_equal(accept_packet(f, 7, 1), OUTCOME_NONE); /* first sighting under pressure */
    assert_int_equal(accept_packet(f, 7, 1), OUTCOME_DROPPED_SOFT);
    assert_noted(f, REFUSAL_SOFT, 1);
    for (unsigned i = accepted + 1; i < CAPACITY; i++)
        assert_int_equal(accept_packet(f, 1000 + i, 1), OUTCOME_NONE);
    assert_int_equal(accept_packet(f, 5000, 1), OUTCOME_DROPPED_QUEUE_FULL);
    assert_int_equal(accept_packet(f, 5000, 0), OUTCOME_DROPPED_QUEUE_FULL);
    assert_noted(f, REFUSAL_RING_RECORDS, 2);
    assert_int_equal(count_of(f, OUTCOME_NONE), CAPACITY);
}

static void a_hold_that_runs_out_ends_the_process_and_counts_nothing(void **state)
{
    struct fixture *f = *state;
    open_intake(f, true, false, 0);
    fill(f);
    const mono_us before = clock_mono();
    wait_until_given_up(f);
    assert_int_equal(f->given_up, EXIT_LOCKED);
    assert_true(clock_mono() - before >= WAIT_LIMIT);
    assert_int_equal(atomic_load(&f->slot->phase), PHASE_WAIT);
    assert_true(intake_is_waiting(f->intake));
    assert_int_equal(count_of(f, OUTCOME_NONE), CAPACITY);
}

static void a_stop_ends_a_hold_without_an_acknowledgement(void **state)
{
    struct fixture *f = *state;
    open_intake(f, true, false, 0);
    fill(f);
    atomic_store(&f->slot->stop, 1);
    wait_until_given_up(f);
    assert_int_equal(f->given_up, EXIT_CLEAN);
}

static void qos_0_on_a_persistent_session_is_not_held(void **state)
{
    struct fixture *f = *state;
    open_intake(f, true, false, 0);
    fill(f);
    assert_int_equal(accept_packet(f, 7, 0), OUTCOME_DROPPED_QUEUE_FULL);
}

/* Drains as soon as the intake waits. */
static void *drain_when_held(void *context)
{
    struct fixture *f = context;
    while (!intake_is_waiting(f->intake))
        IGNORE(usleep(100), "until it waits");
    IGNORE(drain(f), "counted by the ring");
    return NULL;
}

static void a_wait_ends_when_there_is_room(void **state)
{
    struct fixture *f = *state;
    f->wait_limit = LONG_ENOUGH;
    open_intake(f, true, false, 0);
    fill(f);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain_when_held, f), 0);
    assert_int_equal(accept_packet(f, 7, 1), OUTCOME_NONE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(intake_is_waiting(f->intake));
    assert_int_equal(atomic_load(&f->slot->phase), PHASE_RUN);
    assert_int_equal(count_of(f, OUTCOME_NONE), CAPACITY + 1);
}

static void a_ring_that_is_not_trusted_holds_qos_1_and_drops_the_rest(void **state)
{
    struct fixture *f = *state;
    open_intake(f, true, false, 0);
    intake_distrust(f->intake, true);
    assert_int_equal(accept_packet(f, 7, 0), OUTCOME_DROPPED_SPOOL);
    assert_noted(f, REFUSAL_SPOOL, 1);
    wait_until_given_up(f);
    assert_int_equal(f->given_up, EXIT_LOCKED);
    intake_distrust(f->intake, false);
    assert_int_equal(accept_packet(f, 7, 1), OUTCOME_NONE);
    assert_int_equal(count_of(f, OUTCOME_DROPPED_SPOOL), 1);
}

/* As the flusher: commits durably once it is asked to. */
static void *drain_when_wanted(void *context)
{
    struct fixture *f = context;
    while (atomic_load(&f->cb->syncs_wanted) == 0)
        IGNORE(usleep(100), "until it is asked for");
    IGNORE(drain(f), "counted by the ring");
    return NULL;
}

static void without_ingest_async_it_returns_when_the_message_is_durable(void **state)
{
    struct fixture *f = *state;
    f->wait_limit = LONG_ENOUGH;
    open_intake(f, false, true, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain_when_wanted, f), 0);
    assert_int_equal(accept_packet(f, 7, 1), OUTCOME_NONE);
    assert_true(ingest_buffer_is_drained(f->ring));
    assert_int_equal(atomic_load(&f->cb->syncs_wanted), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void without_ingest_async_it_waits_no_longer_than_the_limit(void **state)
{
    struct fixture *f = *state;
    open_intake(f, false, true, 0);
    const mono_us before = clock_mono();
    assert_int_equal(accept_packet(f, 7, 1), OUTCOME_NONE);
    assert_true(clock_mono() - before >= WAIT_LIMIT);
    assert_int_equal(drain(f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_accepted_message_is_stamped_and_keeps_its_flags, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_retained_message_is_no_sign_of_life, setup, teardown),
        cmocka_unit_test_setup_teardown(an_oversize_message_is_counted_and_not_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_rate_is_an_observers_own, setup, teardown),
        cmocka_unit_test_setup_teardown(
            above_the_threshold_only_news_enters_and_a_full_ring_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hold_that_runs_out_ends_the_process_and_counts_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_a_hold_without_an_acknowledgement, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(qos_0_on_a_persistent_session_is_not_held, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wait_ends_when_there_is_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ring_that_is_not_trusted_holds_qos_1_and_drops_the_rest,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(without_ingest_async_it_returns_when_the_message_is_durable,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(without_ingest_async_it_waits_no_longer_than_the_limit,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
