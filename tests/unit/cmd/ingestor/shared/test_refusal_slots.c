/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/shared/refusal_slots.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct refusal_slots *slots_new(void)
{
    struct refusal_slots *slots =
        mmap(NULL, sizeof *slots, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(slots, MAP_FAILED);
    return slots;
}

static void note(struct refusal_slots *slots, enum refusal cause, const char *topic,
                 uint32_t topic_len, wall_us receipt)
{
    const struct ring_message message = {
        .topic = topic, .topic_len = topic_len, .payload_len = 70000, .receipt = receipt};
    refusal_slots_note(slots, cause, "main", &message);
}

static uint64_t sum(const struct refusal_slots *slots)
{
    uint64_t counts[REFUSALS_OF_RECEIVER];
    uint64_t all = 0;
    refusal_slots_counts(slots, counts);
    for (size_t i = 0; i < REFUSALS_OF_RECEIVER; i++)
        all += counts[i];
    return all;
}

static void the_newest_stand_there_and_all_are_counted(void **state)
{
    (void)state;
    struct refusal_slots *slots = slots_new();
    for (int i = 1; i <= 1000; i++)
        note(slots, i % 3 == 0 ? REFUSAL_RATE : REFUSAL_SOFT, "meshcore/A/B/packets", 20, i);
    assert_int_equal(sum(slots), 1000);
    for (uint64_t number = 1; number <= 1001; number++) {
        struct refusal_note found;
        const bool is_there = refusal_slots_read(slots, number, &found);
        assert_int_equal(is_there, number > 1000 - REFUSAL_SLOTS && number <= 1000);
        if (is_there) {
            assert_int_equal(found.receipt, number);
            assert_int_equal(found.cause, number % 3 == 0 ? REFUSAL_RATE : REFUSAL_SOFT);
            assert_string_equal(found.source, "main");
        }
    }
    assert_int_equal(munmap(slots, sizeof *slots), 0);
}

static void a_topic_of_any_length_is_cut(void **state)
{
    (void)state;
    struct refusal_slots *slots = slots_new();
    struct refusal_note found;
    char topic[4096];
    memset(topic, 'x', sizeof topic);
    note(slots, REFUSAL_LONG_TOPIC, topic, sizeof topic, 1);
    assert_true(refusal_slots_read(slots, 1, &found));
    assert_int_equal(found.topic_len, sizeof topic);
    assert_memory_equal(found.topic, topic, sizeof found.topic);
    assert_int_equal(munmap(slots, sizeof *slots), 0);
}

/* A writer that is killed anywhere: what was counted can be read, and the next one goes on. */
static void a_killed_writer_leaves_only_whole_notes(void **state)
{
    (void)state;
    struct refusal_slots *slots = slots_new();
    for (int life = 0; life < 20; life++) {
        const uint64_t before = sum(slots);
        const pid_t pid = fork();
        if (pid == 0) {
            for (wall_us i = (wall_us)before + 1;; i++)
                note(slots, REFUSAL_RATE, "meshcore/A/B/packets", 20, i);
        }
        while (sum(slots) < before + 1000)
            ;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        const uint64_t newest = sum(slots);
        /* The oldest slot may be the one that was being written. */
        for (uint64_t number = newest - REFUSAL_SLOTS + 2; number <= newest; number++) {
            struct refusal_note found;
            assert_true(refusal_slots_read(slots, number, &found));
            assert_int_equal(found.receipt, number);
        }
    }
    assert_int_equal(munmap(slots, sizeof *slots), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_stand_there_and_all_are_counted),
        cmocka_unit_test(a_topic_of_any_length_is_cut),
        cmocka_unit_test(a_killed_writer_leaves_only_whole_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
