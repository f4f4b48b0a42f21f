/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/clock.h"
#include "common/base/seqlock.h"

#include <pthread.h>
#include <sched.h>

#define WORDS 64
#define READS 20000
#define LONG  (60LL * US_PER_S) /* against a hang only */

/* Every word of a whole sample is equal. */
struct sample {
    uint64_t words[WORDS];
};

struct box {
    SEQLOCKED(struct sample) published;
    _Atomic uint32_t stop;
};

static struct sample sample_of(uint64_t value)
{
    struct sample sample;
    for (size_t i = 0; i < WORDS; i++)
        sample.words[i] = value;
    return sample;
}

static void assert_sample(const struct sample *sample, uint64_t value)
{
    for (size_t i = 0; i < WORDS; i++)
        assert_int_equal(sample->words[i], value);
}

static void a_reader_gets_the_last_write(void **state)
{
    (void)state;
    struct box box = {0};
    struct sample copy = sample_of(9);
    assert_true(seqlock_read(&box.published, &copy));
    assert_sample(&copy, 0); /* a fresh mapping reads as zeros */
    for (uint64_t value = 1; value < 5; value++) {
        const struct sample sample = sample_of(value);
        seqlock_write(&box.published, &sample);
        assert_true(seqlock_read(&box.published, &copy));
        assert_sample(&copy, value);
    }
}

static void a_writer_that_died_in_the_middle_leaves_the_readers_copy_alone(void **state)
{
    (void)state;
    struct box box = {0};
    struct sample sample = sample_of(1);
    seqlock_write(&box.published, &sample);
    /* What a kill after the first word leaves behind. */
    atomic_fetch_add(&box.published.seq, 1);
    atomic_store(&box.published.words[0], 2);

    struct sample copy = sample_of(7);
    seqlock_peek(&box.published, &copy); /* its successor sees what there is */
    assert_int_equal(copy.words[0], 2);
    assert_int_equal(copy.words[1], 1);
    copy = sample_of(7);
    assert_false(seqlock_read(&box.published, &copy));
    assert_sample(&copy, 7);

    sample = sample_of(3);
    seqlock_write(&box.published, &sample);
    assert_true(seqlock_read(&box.published, &copy));
    assert_sample(&copy, 3);
}

static void *write_until_stopped(void *argument)
{
    struct box *box = argument;
    for (uint64_t value = 1; atomic_load(&box->stop) == 0; value++) {
        const struct sample sample = sample_of(value);
        seqlock_write(&box->published, &sample);
        /* On one core a reader must meet a writer at rest now and then. */
        if (value % 64 == 0)
            (void)sched_yield();
    }
    return NULL;
}

struct reader {
    struct box *box;
    uint64_t reads, torn, backward;
};

static void *read_many(void *argument)
{
    struct reader *reader = argument;
    uint64_t last = 0;
    const mono_us deadline = clock_mono() + LONG;
    while (reader->reads < READS && clock_mono() < deadline) {
        struct sample copy;
        if (!seqlock_read(&reader->box->published, &copy))
            continue;
        reader->reads++;
        for (size_t i = 1; i < WORDS; i++)
            reader->torn += copy.words[i] != copy.words[0];
        reader->backward += copy.words[0] < last;
        last = copy.words[0];
    }
    return NULL;
}

static void race(struct box *box)
{
    pthread_t writer, threads[2];
    struct reader readers[2] = {{.box = box}, {.box = box}};
    assert_int_equal(pthread_create(&writer, NULL, write_until_stopped, box), 0);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    atomic_store(&box->stop, 1);
    assert_int_equal(pthread_join(writer, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        assert_int_equal(readers[i].reads, READS);
        assert_int_equal(readers[i].torn, 0);
        assert_int_equal(readers[i].backward, 0);
    }
}

static void readers_beside_a_writer_never_see_half_a_sample(void **state)
{
    (void)state;
    static struct box box;
    race(&box);
}

/* Whose counter is odd when it begins: every reader must still tell its writes from its rests. */
static void nor_do_they_beside_the_successor_of_a_dead_writer(void **state)
{
    (void)state;
    static struct box box;
    atomic_store(&box.published.seq, 1);
    race(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_gets_the_last_write),
        cmocka_unit_test(a_writer_that_died_in_the_middle_leaves_the_readers_copy_alone),
        cmocka_unit_test(readers_beside_a_writer_never_see_half_a_sample),
        cmocka_unit_test(nor_do_they_beside_the_successor_of_a_dead_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
