/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/clock.h"
#include "common/ring/slots.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define WORDS 3

/* Zeroed, as a new file's page is. */
static AB_SLOTS(WORDS) record;

static int setup(void **state)
{
    (void)state;
    memset(&record, 0, sizeof record);
    return 0;
}

static void write_all(uint64_t value)
{
    const uint64_t words[WORDS] = {value, value + 1, value + 2};
    slots_write(&record.seq, record.words, words, WORDS);
}

static void expect(uint64_t value)
{
    uint64_t words[WORDS];
    assert_true(slots_read(&record.seq, record.words, words, WORDS));
    for (size_t i = 0; i < WORDS; i++)
        assert_int_equal(words[i], value + i);
}

static bool is_damaged(void)
{
    uint64_t words[WORDS];
    return !slots_read(&record.seq, record.words, words, WORDS);
}

static void a_page_of_zeros_is_no_record(void **state)
{
    (void)state;
    assert_true(is_damaged());
}

static void reads_what_was_written_last(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 5; value++) {
        write_all(value);
        expect(value);
    }
}

/* Killed before the flip: whatever stands in the other slot, what was published stays. */
static void a_killed_writer_leaves_the_old_words(void **state)
{
    (void)state;
    write_all(7);
    const size_t other = (record.seq + 1) & 1;
    for (size_t i = 0; i <= WORDS; i++) {
        record.words[other * (WORDS + 1) + i] = UINT64_MAX;
        expect(7);
    }
    write_all(9);
    expect(9);
}

static void any_flipped_bit_is_seen(void **state)
{
    (void)state;
    write_all(7);
    for (size_t i = 0; i <= WORDS; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            _Atomic uint64_t *const word = &record.words[(record.seq & 1) * (WORDS + 1) + i];
            *word ^= UINT64_C(1) << bit;
            assert_true(is_damaged());
            *word ^= UINT64_C(1) << bit;
        }
    }
    expect(7);
}

static void the_slot_before_can_still_be_read(void **state)
{
    (void)state;
    uint64_t words[WORDS];
    write_all(7);
    write_all(9);
    assert_true(slots_read_one(record.words, (size_t)record.seq - 1, words, WORDS));
    assert_int_equal(words[0], 7);
}

/* --- beside a writer -------------------------------------------------------------------------- */

/* Wide, so that a reader is overtaken often. */
#define WIDE    16
#define RACE_US ((mono_us)300 * US_PER_MS)

struct race {
    AB_SLOTS(WIDE) record;
    _Atomic bool is_over;
};

static void *write_until_over(void *argument)
{
    struct race *race = argument;
    for (uint64_t value = 1; !atomic_load(&race->is_over); value++) {
        uint64_t words[WIDE];
        for (size_t i = 0; i < WIDE; i++)
            words[i] = value * (i + 1);
        slots_write(&race->record.seq, race->record.words, words, WIDE);
        /* A writer that does nothing else overtakes every try of a reader. */
        if (value % 16 == 0)
            (void)sched_yield();
    }
    return NULL;
}

/* How many of the reads were of two versions at once (the check word refuses most of them), or of
 * an older one than the read before. */
static uint64_t read_until(const struct race *race, mono_us until)
{
    uint64_t wrong = 0;
    uint64_t last = 0;
    while (clock_mono() < until) {
        uint64_t words[WIDE];
        if (!slots_read(&race->record.seq, race->record.words, words, WIDE)) {
            wrong++;
            continue;
        }
        for (size_t i = 1; i < WIDE; i++)
            wrong += words[i] != words[0] * (i + 1);
        wrong += words[0] < last;
        last = words[0];
    }
    return wrong;
}

static void a_reader_beside_a_writer_never_accepts_a_torn_record(void **state)
{
    (void)state;
    static struct race race;
    const uint64_t first[WIDE] = {0};
    slots_write(&race.record.seq, race.record.words, first, WIDE);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_until_over, &race), 0);
    const uint64_t wrong = read_until(&race, clock_mono() + RACE_US);
    atomic_store(&race.is_over, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(wrong, 0);
}

/* The hand-over of the ring: memory that is not atomic, published by one record, given back by
 * another. TSan sees here whether the slots alone order it. */
struct hand_over {
    AB_SLOTS(1) head;
    AB_SLOTS(1) tail;
    uint64_t plain[WIDE];
};

#define ROUNDS UINT64_C(20000)

static uint64_t slot_value(const _Atomic uint64_t *seq, const _Atomic uint64_t *words)
{
    uint64_t value;
    return slots_read(seq, words, &value, 1) ? value : 0;
}

static void *hand_over(void *argument)
{
    struct hand_over *shared = argument;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (size_t i = 0; i < WIDE; i++)
            shared->plain[i] = round + i;
        slots_write(&shared->head.seq, shared->head.words, &round, 1);
        while (slot_value(&shared->tail.seq, shared->tail.words) != round)
            (void)sched_yield();
    }
    return NULL;
}

/* Returns the number of words that were not those of their round. */
static uint64_t take_over(struct hand_over *shared)
{
    uint64_t wrong = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        while (slot_value(&shared->head.seq, shared->head.words) != round)
            (void)sched_yield();
        for (size_t i = 0; i < WIDE; i++)
            wrong += shared->plain[i] != round + i;
        slots_write(&shared->tail.seq, shared->tail.words, &round, 1);
    }
    return wrong;
}

static void what_is_published_is_whole_and_what_is_given_back_is_read(void **state)
{
    (void)state;
    static struct hand_over shared;
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, hand_over, &shared), 0);
    const uint64_t wrong = take_over(&shared);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_page_of_zeros_is_no_record, setup),
        cmocka_unit_test_setup(reads_what_was_written_last, setup),
        cmocka_unit_test_setup(a_killed_writer_leaves_the_old_words, setup),
        cmocka_unit_test_setup(any_flipped_bit_is_seen, setup),
        cmocka_unit_test_setup(the_slot_before_can_still_be_read, setup),
        cmocka_unit_test(a_reader_beside_a_writer_never_accepts_a_torn_record),
        cmocka_unit_test(what_is_published_is_whole_and_what_is_given_back_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
