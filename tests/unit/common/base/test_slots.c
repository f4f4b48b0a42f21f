/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/slots.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_page_of_zeros_is_no_record, setup),
        cmocka_unit_test_setup(reads_what_was_written_last, setup),
        cmocka_unit_test_setup(a_killed_writer_leaves_the_old_words, setup),
        cmocka_unit_test_setup(any_flipped_bit_is_seen, setup),
        cmocka_unit_test_setup(the_slot_before_can_still_be_read, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
