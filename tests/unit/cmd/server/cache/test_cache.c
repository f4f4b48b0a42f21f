/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/cache/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 16
#define LIMIT   ((size_t)64 << 10)

/* What a rendering makes: a body of `size` times the letter. */
struct job {
    char letter;
    size_t size;
    struct cache_validity validity;
    unsigned renders;
    bool is_short_of_memory;
};

static struct cache_made render(void *arg)
{
    struct job *job = arg;
    struct http_reply reply;
    job->renders++;
    if (job->is_short_of_memory)
        return (struct cache_made){0};
    http_reply_init(&reply, HTTP_NO_STORE);
    reply.content_type = "image/gif"; /* no text: nothing is held for a packed form */
    reply.body = malloc(job->size);
    assert_non_null(reply.body);
    memset(reply.body, job->letter, job->size);
    reply.body_len = job->size;
    return (struct cache_made){http_ready_new(&reply, NULL), job->validity};
}

static struct job job_of(char letter, size_t size)
{
    return (struct job){letter, size, {.generation = 1, .good_until = 100}, 0, false};
}

/* The letter of the answer, '-' = none. */
static char take(struct cache *cache, const char *text, const struct cache_wanted *wanted,
                 struct job *job)
{
    const struct cache_key key = {1, text, strlen(text)};
    struct http_ready *ready = cache_take(cache, &key, wanted, render, job);
    const char letter = ready != NULL ? ready->body[0] : '-';
    http_ready_unref(ready);
    return letter;
}

static void test_an_answer_is_served_until_it_is_no_longer_true(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 2);
    struct cache_wanted wanted = {.generation = 1, .now = 10};
    static const char *const texts[] = {"", "hash=ab"}; /* by number, by hash */
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct job job = job_of('a', 100);
        wanted = (struct cache_wanted){.generation = 1, .now = 10};
        assert_int_equal(take(cache, texts[i], &wanted, &job), 'a');
        job.letter = 'b';
        wanted.now = 99;
        assert_int_equal(take(cache, texts[i], &wanted, &job), 'a');
        assert_int_equal(job.renders, 1);
        wanted.now = 100; /* its time is over */
        job.validity.good_until = 200;
        assert_int_equal(take(cache, texts[i], &wanted, &job), 'b');
        job.letter = 'c';
        wanted.generation = 2; /* an input changed */
        job.validity.generation = 3;
        assert_int_equal(take(cache, texts[i], &wanted, &job), 'c');
        wanted.generation = 3; /* what was made of later inputs is good, too */
        assert_int_equal(take(cache, texts[i], &wanted, &job), 'c');
        assert_int_equal(job.renders, 3);
        job.is_short_of_memory = true; /* then the one before */
        wanted.generation = 4;
        assert_int_equal(take(cache, texts[i], &wanted, &job), 'c');
    }
    cache_free(cache);
}

static void test_keys_are_apart(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 3);
    const struct cache_wanted wanted = {.generation = 1, .now = 10};
    static const struct cache_key keys[] = {{0, "", 0},     {1, "", 0},  {2, "", 0},
                                            {0, "a", 1},    {1, "a", 1}, {1, "a\0b", 3},
                                            {1, "a\0c", 3}, {1, "\0", 1}};
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            struct job job = job_of((char)('a' + i), 1);
            struct http_ready *ready = cache_take(cache, &keys[i], &wanted, render, &job);
            assert_int_equal(ready->body[0], 'a' + (int)i);
            assert_int_equal(job.renders, turn == 0);
            http_ready_unref(ready);
        }
    }
    cache_free(cache);
}

static void test_the_longest_unused_makes_room(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 2);
    const struct cache_wanted wanted = {.generation = 1, .now = 10};
    struct cache_counts counts;
    char text[16] = "";
    struct job fixed = job_of('f', 10000);
    assert_int_equal(take(cache, "", &wanted, &fixed), 'f');
    for (int i = 0; i < 40; i++) {
        struct job job = job_of('k', 9000);
        (void)snprintf(text, sizeof text, "n=%d", i);
        assert_int_equal(take(cache, text, &wanted, &job), 'k');
        assert_int_equal(take(cache, "", &wanted, &fixed), 'f'); /* always in use: never evicted */
        cache_count(cache, &counts);
        assert_true(counts.bytes <= LIMIT);
    }
    assert_int_equal(fixed.renders, 1);
    assert_true(counts.entries >= 5 && counts.entries <= 7);
    assert_int_equal(counts.evictions, 41 - counts.entries);
    struct job again = job_of('n', 9000);
    assert_int_equal(take(cache, "n=39", &wanted, &again), 'k');
    assert_int_equal(take(cache, "n=0", &wanted, &again), 'n');
    cache_free(cache);
}

static void test_what_is_not_worth_keeping(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 2);
    const struct cache_wanted wanted = {.generation = 1, .now = 10};
    struct cache_counts counts;
    struct job small = job_of('s', 100);
    assert_int_equal(take(cache, "small", &wanted, &small), 's');
    struct job large = job_of('l', LIMIT + 1); /* given out, and nothing makes room for it */
    assert_int_equal(take(cache, "large", &wanted, &large), 'l');
    assert_int_equal(take(cache, "large", &wanted, &large), 'l');
    assert_int_equal(large.renders, 2);
    struct job gone = job_of('g', 100);
    gone.validity.good_until = 0;
    assert_int_equal(take(cache, "gone", &wanted, &gone), 'g');
    struct job none = job_of('x', 100);
    none.is_short_of_memory = true;
    assert_int_equal(take(cache, "none", &wanted, &none), '-');
    char text[2 * LIMIT];
    memset(text, 't', sizeof text);
    text[sizeof text - 1] = '\0'; /* a key without room is none either */
    assert_int_equal(take(cache, text, &wanted, &gone), 'g');
    assert_int_equal(take(cache, "small", &wanted, &small), 's');
    assert_int_equal(small.renders, 1);
    cache_count(cache, &counts);
    assert_int_equal(counts.entries, 1);
    assert_int_equal(counts.evictions, 0);
    cache_free(cache);
}

/* An answer that was taken stays whole, whatever is evicted or freed meanwhile. */
static void test_a_taken_answer_outlives_the_cache(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 2);
    const struct cache_wanted wanted = {.generation = 1, .now = 10};
    struct job job = job_of('a', 100);
    const struct cache_key key = {0, "", 0};
    struct http_ready *ready = cache_take(cache, &key, &wanted, render, &job);
    cache_free(cache);
    assert_memory_equal(ready->body, "aaaa", 4);
    http_ready_unref(ready);
}

/* --- single flight ---------------------------------------------------------------------------- */

/* A rendering that ends when it is told to. */
struct gate {
    struct cache *cache;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    unsigned renders;
    struct cache_wanted wanted;
    struct cache_validity validity;
    char letter;
};

static struct cache_made render_behind_gate(void *arg)
{
    struct gate *gate = arg;
    (void)pthread_mutex_lock(&gate->lock);
    gate->renders++;
    struct job job = job_of(gate->letter, 100);
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    job.validity = gate->validity;
    (void)pthread_mutex_unlock(&gate->lock);
    return render(&job);
}

static void *ask(void *arg)
{
    struct gate *gate = arg;
    const struct cache_key key = {1, "q=1", 3};
    struct http_ready *ready =
        cache_take(gate->cache, &key, &gate->wanted, render_behind_gate, gate);
    const char letter = ready != NULL ? ready->body[0] : '-';
    http_ready_unref(ready);
    return (void *)(uintptr_t)(unsigned char)letter;
}

static void gate_init(struct gate *gate)
{
    *gate = (struct gate){.cache = cache_new(LIMIT, 2),
                          .wanted = {.generation = 1, .now = 10},
                          .validity = {.generation = 1, .good_until = 100},
                          .letter = 'a'};
    assert_int_equal(pthread_mutex_init(&gate->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&gate->changed, NULL), 0);
}

static void gate_done(struct gate *gate)
{
    (void)pthread_cond_destroy(&gate->changed);
    (void)pthread_mutex_destroy(&gate->lock);
    cache_free(gate->cache);
}

static void wait_for_render(struct gate *gate, unsigned number)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->renders < number)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

/* Every request is counted before it waits or renders. */
static void wait_for_requests(struct gate *gate, uint64_t number)
{
    struct cache_counts counts;
    do {
        cache_count(gate->cache, &counts);
    } while (counts.requests < number);
}

static void test_one_thread_renders_for_all(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &gate), 0);
    wait_for_render(&gate, 1);
    wait_for_requests(&gate, THREADS);
    open_gate(&gate);
    for (size_t i = 0; i < THREADS; i++) {
        void *letter;
        assert_int_equal(pthread_join(threads[i], &letter), 0);
        assert_int_equal((uintptr_t)letter, 'a');
    }
    assert_int_equal(gate.renders, 1);
    gate_done(&gate);
}

/* An input changed after the rendering began: its answer is too old for who asked later,
 * who renders anew. */
static void test_who_waits_gets_nothing_too_old(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate);
    pthread_t early;
    pthread_t late;
    assert_int_equal(pthread_create(&early, NULL, ask, &gate), 0);
    wait_for_render(&gate, 1);
    (void)pthread_mutex_lock(&gate.lock);
    gate.letter = 'b';
    (void)pthread_mutex_unlock(&gate.lock);
    struct gate *shared = &gate;
    shared->wanted.generation = 2; /* read by threads made from here on: the early one is inside */
    assert_int_equal(pthread_create(&late, NULL, ask, &gate), 0);
    wait_for_requests(&gate, 2);
    open_gate(&gate);
    void *letter;
    assert_int_equal(pthread_join(early, &letter), 0);
    assert_int_equal((uintptr_t)letter, 'a');
    assert_int_equal(pthread_join(late, &letter), 0);
    assert_int_equal((uintptr_t)letter, 'b');
    assert_int_equal(gate.renders, 2);
    gate_done(&gate);
}

static void test_who_may_takes_the_older_one(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate);
    struct job first = job_of('o', 100);
    const struct cache_key key = {1, "q=1", 3};
    struct cache_wanted wanted = gate.wanted;
    struct http_ready *ready = cache_take(gate.cache, &key, &wanted, render, &first);
    http_ready_unref(ready);
    gate.wanted.now = wanted.now = 150;
    gate.validity.good_until = 200;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask, &gate), 0);
    wait_for_render(&gate, 1);
    wanted.may_be_older = true;
    ready = cache_take(gate.cache, &key, &wanted, render, &first); /* does not wait */
    assert_int_equal(ready->body[0], 'o');
    http_ready_unref(ready);
    open_gate(&gate);
    void *letter;
    assert_int_equal(pthread_join(thread, &letter), 0);
    assert_int_equal((uintptr_t)letter, 'a');
    assert_int_equal(first.renders, 1);
    gate_done(&gate);
}

/* --- many threads, few bytes ------------------------------------------------------------------ */

static void *churn(void *arg)
{
    struct cache *cache = arg;
    for (int64_t i = 0; i < 3000; i++) {
        char text[16];
        struct job job = job_of((char)('a' + i % 26), 3000);
        const struct cache_wanted wanted = {.generation = 1, .now = i % 90};
        (void)snprintf(text, sizeof text, "n=%d", (int)(i % 26));
        if (take(cache, i % 5 == 0 ? "" : text, &wanted, &job) == '-')
            return arg;
    }
    return NULL;
}

static void test_many_threads_share_a_small_cache(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT / 2, 2);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, cache), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    struct cache_counts counts;
    cache_count(cache, &counts);
    assert_true(counts.bytes <= LIMIT / 2);
    assert_int_equal(counts.requests, THREADS * 3000);
    assert_true(counts.renders < counts.requests);
    cache_free(cache);
}

/* A reload: whatever the generation says, and however long it would be good. */
static void test_what_was_made_before_a_reload_is_not_given_out(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 2);
    const struct cache_wanted wanted = {.now = 10, .may_be_older = true};
    struct job job = job_of('a', 100);
    job.validity = (struct cache_validity){UINT64_MAX, INT64_MAX};
    assert_int_equal(take(cache, "", &wanted, &job), 'a');
    assert_int_equal(take(cache, "", &wanted, &job), 'a');
    assert_int_equal(job.renders, 1);
    cache_forget(cache);
    job.letter = 'b';
    assert_int_equal(take(cache, "", &wanted, &job), 'b');
    assert_int_equal(take(cache, "", &wanted, &job), 'b');
    assert_int_equal(job.renders, 2);
    cache_free(cache);
}

/* Begun by what was before, kept by what is now: it would stay for ever. */
static struct cache_made render_while_reloading(void *arg)
{
    struct cache_made made = render(&(struct job){'o', 10, {UINT64_MAX, INT64_MAX}, 0, false});
    cache_forget(arg);
    return made;
}

static void test_what_is_begun_before_a_reload_is_not_kept_over_it(void **state)
{
    (void)state;
    struct cache *cache = cache_new(LIMIT, 2);
    const struct cache_key key = {.route = 1};
    const struct cache_wanted wanted = {.now = 10};
    struct job job = job_of('n', 100);
    job.validity = (struct cache_validity){UINT64_MAX, INT64_MAX};
    http_ready_unref(cache_take(cache, &key, &wanted, render_while_reloading, cache));
    assert_int_equal(take(cache, "", &wanted, &job), 'n');
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_served_until_it_is_no_longer_true),
        cmocka_unit_test(test_keys_are_apart),
        cmocka_unit_test(test_the_longest_unused_makes_room),
        cmocka_unit_test(test_what_is_not_worth_keeping),
        cmocka_unit_test(test_a_taken_answer_outlives_the_cache),
        cmocka_unit_test(test_one_thread_renders_for_all),
        cmocka_unit_test(test_who_waits_gets_nothing_too_old),
        cmocka_unit_test(test_who_may_takes_the_older_one),
        cmocka_unit_test(test_many_threads_share_a_small_cache),
        cmocka_unit_test(test_what_was_made_before_a_reload_is_not_given_out),
        cmocka_unit_test(test_what_is_begun_before_a_reload_is_not_kept_over_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
