/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/state/stats_cache.h"

#include "common/stats/stats_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READERS 64
#define TURNS   2000

struct place {
    char dir[40], path[64];
};

static _Atomic int64_t fake_now = 100 * US_PER_S;

static mono_us fake_mono(void)
{
    return atomic_load(&fake_now);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    strcpy(place->dir, "/tmp/test_stats_cache.XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->path, sizeof place->path, "%s/stats.json", place->dir);
    clock_set_source(NULL, fake_mono);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    clock_set_source(NULL, NULL);
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0);
    free(place);
    return 0;
}

static void put(const struct place *place, const char *text)
{
    assert_int_equal(stats_file_write(place->path, text, NULL), STATUS_OK);
}

static void tick(struct stats_cache *cache)
{
    atomic_fetch_add(&fake_now, STATS_CACHE_TTL_US);
    stats_cache_refresh(cache);
}

static enum status status_now(struct stats_cache *cache)
{
    const struct stats_view *view = stats_cache_take(cache);
    const enum status status = view->status;
    stats_cache_release(cache, view);
    return status;
}

/* A sample's monotonic time can be compared with ours only on the same boot. */
static void test_monotonic_time_of_another_boot_is_unknown(void **state)
{
    const struct place *place = *state;
    char boot_id[CLOCK_BOOT_ID_BYTES];
    clock_boot_id(boot_id);
    assert_int_equal(strlen(boot_id), 36);
    struct stats_cache *cache = stats_cache_new(place->path);
    for (int is_ours = 0; is_ours <= 1; is_ours++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"bootId\":\"%s\",\"sampledMonotonicUs\":42}",
                       is_ours ? boot_id : "00000000-0000-0000-0000-000000000000");
        put(place, text);
        tick(cache);
        const struct stats_view *view = stats_cache_take(cache);
        assert_int_equal(view->status, STATUS_OK);
        assert_true(view->snapshot.sampled_mono == (is_ours ? 42 : STATS_UNKNOWN));
        stats_cache_release(cache, view);
    }
    stats_cache_free(cache);
}

static void *read_often(void *arg)
{
    struct stats_cache *cache = arg;
    for (int i = 0; i < TURNS; i++) {
        stats_cache_refresh(cache);
        const struct stats_view *view = stats_cache_take(cache);
        if (view->status == STATUS_OK && view->snapshot.seq < 0)
            abort();
        stats_cache_release(cache, view);
    }
    return NULL;
}

/* The file changes all the time; in one second of the clock it is parsed once, however many ask. */
static void test_64_readers_cause_one_parse_a_second(void **state)
{
    const struct place *place = *state;
    struct stats_cache *cache = stats_cache_new(place->path);
    assert_non_null(cache);
    for (uint64_t second = 1; second <= 3; second++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"seq\":%llu}", (unsigned long long)second);
        put(place, text);
        atomic_fetch_add(&fake_now, STATS_CACHE_TTL_US);
        pthread_t threads[READERS];
        for (size_t i = 0; i < READERS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, read_often, cache), 0);
        for (int i = 0; i < 50; i++) {
            (void)snprintf(text, sizeof text, "{\"seq\":%llu%02d}", (unsigned long long)second, i);
            put(place, text);
        }
        for (size_t i = 0; i < READERS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(stats_cache_parses(cache), second);
    }
    stats_cache_free(cache);
}

static void test_unchanged_bytes_are_not_parsed_again(void **state)
{
    const struct place *place = *state;
    struct stats_cache *cache = stats_cache_new(place->path);
    put(place, "{\"seq\":1}");
    for (int i = 0; i < 5; i++)
        tick(cache);
    assert_int_equal(stats_cache_parses(cache), 1);
    assert_int_equal(stats_cache_generation(cache), 1);
    put(place, "{\"seq\":2}");
    tick(cache);
    assert_int_equal(stats_cache_parses(cache), 2);
    stats_cache_free(cache);
}

static void test_absence_and_damage_are_answers(void **state)
{
    const struct place *place = *state;
    struct stats_cache *cache = stats_cache_new(place->path);
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_NOT_FOUND);
    put(place, "{\"seq\":1");
    stats_cache_refresh(cache); /* within the second: the absence is still cached */
    assert_int_equal(status_now(cache), STATUS_NOT_FOUND);
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_CORRUPT);
    tick(cache);
    assert_int_equal(stats_cache_parses(cache), 1);
    put(place, "{\"seq\":1}");
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_OK);
    assert_int_equal(unlink(place->path), 0);
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_NOT_FOUND);
    put(place, "{\"seq\":1}");
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_OK);
    stats_cache_free(cache);
}

/* A view that was taken stays as it was, whatever is published meanwhile. */
static void test_a_taken_view_does_not_change(void **state)
{
    const struct place *place = *state;
    struct stats_cache *cache = stats_cache_new(place->path);
    put(place, "{\"seq\":1}");
    tick(cache);
    const struct stats_view *old = stats_cache_take(cache);
    put(place, "{\"seq\":22}");
    tick(cache);
    assert_int_equal(old->snapshot.seq, 1);
    const struct stats_view *fresh = stats_cache_take(cache);
    assert_int_equal(fresh->snapshot.seq, 22);
    stats_cache_release(cache, fresh);
    stats_cache_release(cache, old);
    stats_cache_free(cache);
}

static void put_io(const struct place *place, const char *started, int second, int total)
{
    char text[300];
    (void)snprintf(text, sizeof text,
                   "{\"startedAt\":\"%s\",\"procIO\":{\"sampledAt\":\"2026-03-29T15:27:%02dZ\","
                   "\"writeBytesTotal\":%d}}",
                   started, second, total);
    put(place, text);
}

static double write_rate(struct stats_cache *cache, bool *out_has)
{
    const struct stats_view *view = stats_cache_take(cache);
    *out_has = view->has_rates;
    const double rate = view->rates.write_bytes;
    stats_cache_release(cache, view);
    return rate;
}

static void test_rates_need_two_samples_of_one_life(void **state)
{
    const struct place *place = *state;
    struct stats_cache *cache = stats_cache_new(place->path);
    bool has = false;
    put_io(place, "2026-03-29T15:00:00Z", 10, 1000);
    tick(cache);
    (void)write_rate(cache, &has);
    assert_false(has);
    put_io(place, "2026-03-29T15:00:00Z", 12, 5000);
    tick(cache);
    assert_true(write_rate(cache, &has) == 2000.0 && has);
    put_io(place, "2026-03-29T15:27:13Z", 14, 9000); /* restarted: its counters began anew */
    tick(cache);
    (void)write_rate(cache, &has);
    assert_false(has);
    put(place, "{\"procIO\":{\"sampledAt\":\"2026-03-29T15:27:16Z\"}}");
    tick(cache);
    (void)write_rate(cache, &has);
    assert_false(has); /* no recognised key is no sample, never a phantom zero */
    stats_cache_free(cache);
}

static void test_foreign_files_do_no_harm(void **state)
{
    const struct place *place = *state;
    struct stats_cache *cache = stats_cache_new(place->dir); /* a folder */
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_IO);
    stats_cache_free(cache);
    cache = stats_cache_new(place->path);
    put(place, "{}");
    assert_int_equal(truncate(place->path, STATS_FILE_MAX + 1), 0);
    tick(cache);
    assert_int_equal(status_now(cache), STATUS_TOO_LARGE);
    assert_int_equal(stats_cache_parses(cache), 0);
    stats_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_monotonic_time_of_another_boot_is_unknown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_64_readers_cause_one_parse_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unchanged_bytes_are_not_parsed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absence_and_damage_are_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_taken_view_does_not_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates_need_two_samples_of_one_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_files_do_no_harm, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
