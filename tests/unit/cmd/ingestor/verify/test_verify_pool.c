/* SPDX-License-Identifier: MIT
 *
 * A verdict that comes is the right one, for these very bytes; one that does not come is the
 * writer's to make; and threads that can't be had are done without. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/verify/verify_pool.h"
#include "common/base/crypto.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define ADVERTS 300
#define PATIENT 20000 /* ms */

typedef int start_thread(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* In front of libc's: how many threads the system still gives. */
static int threads_left = 1000;
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *context)
{
    start_thread *real;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return threads_left-- > 0 ? real(thread, attributes, run, context) : EAGAIN;
}

struct signed_advert {
    uint8_t payload[MESHCORE_ADVERT_MIN + MESHCORE_APP_DATA_MAX];
    struct meshcore_advert advert;
};

static struct signed_advert adverts[ADVERTS + VERIFY_JOBS + 8];

/* One in three is forged: its app data is not what was signed. */
static bool is_forged(size_t n)
{
    return n % 3 == 2;
}

static void make_advert(struct signed_advert *out, size_t n)
{
    static uint8_t key[32], secret[64];
    static bool has_key;
    if (!has_key)
        crypto_sign_keypair(key, secret);
    has_key = true;
    const size_t app_len = n % (MESHCORE_APP_DATA_MAX + 1);
    memset(out, 0, sizeof *out);
    memcpy(out->payload, key, sizeof key);
    memcpy(out->payload + 32, &(uint32_t){(uint32_t)n}, 4);
    memset(out->payload + MESHCORE_ADVERT_MIN, (int)n, app_len);
    const struct meshcore_frame frame = {.payload = out->payload,
                                         .payload_len = MESHCORE_ADVERT_MIN + app_len};
    assert_true(meshcore_parse_advert(&frame, &out->advert));
    uint8_t message[MESHCORE_SIGNED_MAX];
    const size_t len = meshcore_advert_signed(&out->advert, message);
    crypto_sign_detached(out->payload + 36, NULL, message, len, secret);
    if (is_forged(n))
        out->payload[32] ^= 0x80; /* the time */
}

static int setup(void **state)
{
    (void)state;
    assert_true(crypto_init());
    for (size_t i = 0; i < ARRAY_LEN(adverts); i++)
        make_advert(&adverts[i], i);
    return 0;
}

static void nap(void)
{
    const struct timespec ms = {.tv_nsec = 1000000};
    (void)nanosleep(&ms, NULL);
}

static void is_right(enum verdict verdict, size_t n)
{
    if (verdict != VERDICT_UNKNOWN)
        assert_int_equal(verdict, is_forged(n) ? VERDICT_FORGED : VERDICT_GOOD);
}

static void each_verdict_is_that_of_the_advert(void **state)
{
    (void)state;
    struct verify_pool *pool;
    assert_int_equal(verify_pool_start(3, &pool), 3);
    size_t ahead = 0;
    for (size_t waited = 0; ahead == 0 && waited < PATIENT; waited++) {
        for (size_t n = 0; n < ADVERTS; n++)
            assert_true(verify_pool_offer(pool, &adverts[n].advert));
        verify_pool_hand_over(pool);
        nap();
        for (size_t n = 0; n < ADVERTS; n++) {
            const enum verdict verdict = verify_pool_verdict(pool, &adverts[n].advert);
            is_right(verdict, n);
            ahead += verdict != VERDICT_UNKNOWN;
        }
    }
    assert_true(ahead > 0);
    verify_pool_stop(pool);
}

/* Known by a part of its bytes, it would be taken for another. */
static void a_verdict_is_for_these_bytes_alone(void **state)
{
    (void)state;
    struct verify_pool *pool;
    assert_int_equal(verify_pool_start(1, &pool), 1);
    assert_true(verify_pool_offer(pool, &adverts[33].advert));
    verify_pool_hand_over(pool);
    for (size_t waited = 0; waited < PATIENT; waited++) {
        nap();
        for (size_t at = 0; at < MESHCORE_ADVERT_MIN + 1; at++) {
            struct signed_advert other = adverts[33];
            struct meshcore_advert parsed;
            other.payload[at] ^= 1;
            const struct meshcore_frame frame = {.payload = other.payload,
                                                 .payload_len = MESHCORE_ADVERT_MIN +
                                                                adverts[33].advert.app_data_len};
            assert_true(meshcore_parse_advert(&frame, &parsed));
            if (adverts[33].advert.app_data_len > 0 || at < MESHCORE_ADVERT_MIN)
                assert_int_equal(verify_pool_verdict(pool, &parsed), VERDICT_UNKNOWN);
        }
        struct meshcore_advert shorter = adverts[34].advert;
        shorter.app_data_len--;
        assert_int_equal(verify_pool_verdict(pool, &shorter), VERDICT_UNKNOWN);
        if (verify_pool_verdict(pool, &adverts[33].advert) == VERDICT_GOOD)
            break;
        assert_true(verify_pool_offer(pool, &adverts[33].advert)); /* we came first: once more */
        verify_pool_hand_over(pool);
    }
    assert_int_equal(verify_pool_verdict(pool, &adverts[33].advert), VERDICT_GOOD);
    verify_pool_stop(pool);
}

static void takes_no_more_than_it_has_room_for(void **state)
{
    (void)state;
    struct verify_pool *pool;
    assert_int_equal(verify_pool_start(2, &pool), 2);
    for (size_t n = 0; n < VERIFY_JOBS; n++) /* nobody is woken */
        assert_true(verify_pool_offer(pool, &adverts[n].advert));
    assert_false(verify_pool_offer(pool, &adverts[VERIFY_JOBS].advert));
    /* What the writer takes back is room again, in its turn. */
    assert_int_equal(verify_pool_verdict(pool, &adverts[0].advert), VERDICT_UNKNOWN);
    assert_true(verify_pool_offer(pool, &adverts[VERIFY_JOBS].advert));
    assert_false(verify_pool_offer(pool, &adverts[VERIFY_JOBS + 1].advert));
    verify_pool_stop(pool);
}

/* The writer asks while threads are at it, and offers behind them: what comes is right. */
static void is_right_in_a_hurry(void **state)
{
    (void)state;
    struct verify_pool *pool;
    assert_int_equal(verify_pool_start(3, &pool), 3);
    for (size_t round = 0; round < 40; round++) {
        for (size_t n = 0; n < ARRAY_LEN(adverts); n++) {
            if (!verify_pool_offer(pool, &adverts[n].advert) || n % 64 == 0)
                verify_pool_hand_over(pool);
            const size_t asked = (n * 7 + round) % (n + 1);
            is_right(verify_pool_verdict(pool, &adverts[asked].advert), asked);
        }
        verify_pool_hand_over(pool);
    }
    verify_pool_stop(pool);
}

static void does_with_the_threads_it_gets(void **state)
{
    (void)state;
    struct verify_pool *pool;
    threads_left = 1;
    assert_int_equal(verify_pool_start(3, &pool), 1);
    assert_true(verify_pool_offer(pool, &adverts[0].advert));
    verify_pool_hand_over(pool);
    verify_pool_stop(pool);
    threads_left = 0;
    assert_int_equal(verify_pool_start(3, &pool), 0);
    assert_null(pool);
    verify_pool_stop(pool);
    threads_left = 1000;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_verdict_is_that_of_the_advert),
        cmocka_unit_test(a_verdict_is_for_these_bytes_alone),
        cmocka_unit_test(takes_no_more_than_it_has_room_for),
        cmocka_unit_test(is_right_in_a_hurry),
        cmocka_unit_test(does_with_the_threads_it_gets),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
