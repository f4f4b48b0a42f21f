/* SPDX-License-Identifier: MIT
 *
 * Rings whose files somebody renamed, swapped or copied. */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_standing.h"
#include "tests/support/ring_box.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RINGS 3

static const char *const sources[RINGS] = {"a", "b", "c"};
static struct ring_box box;
static char paths[RINGS][PATH_MAX]; /* the right ones */

/* Ring i has i + 1 messages. */
static int setup(void **state)
{
    (void)state;
    char found[4][PATH_MAX];
    char part[8];
    ring_box_init(&box);
    for (uint64_t i = 0; i < RINGS; i++) {
        box.params.source = sources[i];
        struct ingest_buffer *const ring = ring_box_open(&box);
        for (uint64_t n = 0; n <= i; n++)
            assert_int_equal(ring_box_push(ring, n, 24, 0), OUTCOME_NONE);
        ingest_buffer_close(ring);
        (void)snprintf(part, sizeof part, "%s-", sources[i]);
        assert_int_equal(ring_box_list(&box, part, found, 4), 1);
        memcpy(paths[i], found[0], sizeof paths[i]);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ring_box_done(&box);
    return 0;
}

/* Opened by its writer, it has what it had, under its name. */
static void check_opened(size_t i, unsigned put_right)
{
    struct ring_open_report report;
    struct ring_stats stats;
    struct ring_place_of place;
    box.params.source = sources[i];
    struct ingest_buffer *const ring = ring_box_open(&box);
    ingest_buffer_open_report(ring, &report);
    assert_true(ingest_buffer_stats(ring, &stats));
    assert_false(report.created);
    assert_int_equal(report.put_right, put_right);
    assert_int_equal(report.left, 0);
    assert_int_equal(stats.records, i + 1);
    ingest_buffer_close(ring);
    assert_int_equal(ring_standing_look(paths[i], &place), RING_STANDS_RIGHT);
    assert_string_equal(place.source, sources[i]);
    assert_true(place.is_counted);
    assert_int_equal(place.waiting, i + 1);
}

static void test_swapped_rings_are_put_right_by_who_comes_first(void **state)
{
    (void)state;
    char beside[PATH_MAX];
    (void)snprintf(beside, sizeof beside, "%s/beside", box.dir);
    assert_int_equal(rename(paths[0], beside), 0);
    assert_int_equal(rename(paths[1], paths[0]), 0);
    assert_int_equal(rename(beside, paths[1]), 0);
    check_opened(1, 1);
    check_opened(0, 0);
    check_opened(2, 0);
}

static void test_a_circle_of_names(void **state)
{
    (void)state;
    char beside[PATH_MAX];
    (void)snprintf(beside, sizeof beside, "%s/beside", box.dir);
    assert_int_equal(rename(paths[0], beside), 0);
    assert_int_equal(rename(paths[1], paths[0]), 0);
    assert_int_equal(rename(paths[2], paths[1]), 0);
    assert_int_equal(rename(beside, paths[2]), 0);
    check_opened(0, 1);
    check_opened(1, 1);
    check_opened(2, 0);
}

/* Nothing is overwritten: junk under a ring's name gets the other name. */
static void test_junk_in_its_place_is_kept(void **state)
{
    (void)state;
    char other[PATH_MAX];
    struct ring_place_of place;
    bool is_exchanged = false;
    struct err err;
    (void)snprintf(other, sizeof other, "%s/other.ring", box.dir);
    assert_int_equal(rename(paths[0], other), 0);
    const int fd = open(paths[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "junk", 4), 4);
    assert_int_equal(close(fd), 0);
    assert_int_equal(ring_standing_look(paths[0], &place), RING_STANDS_FOREIGN);
    assert_false(place.is_counted);
    assert_int_equal(ring_standing_look(other, &place), RING_STANDS_WRONG);
    assert_string_equal(place.path, paths[0]);
    assert_int_equal(ring_put_right(other, &place, &is_exchanged, &err), STATUS_OK);
    assert_true(is_exchanged);
    assert_int_equal(ring_standing_look(other, &place), RING_STANDS_FOREIGN);
    check_opened(0, 0);
}

static void test_a_copy_stays_what_it_is(void **state)
{
    (void)state;
    char copy[PATH_MAX];
    struct ring_place_of place;
    (void)snprintf(copy, sizeof copy, "%s/copy.ring", box.dir);
    assert_int_equal(link(paths[0], copy), 0);
    assert_int_equal(ring_standing_look(copy, &place), RING_STANDS_COPY);
    check_opened(0, 0);
    assert_int_equal(ring_standing_look(copy, &place), RING_STANDS_COPY);
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(ring_standing_look(copy, &place), RING_STANDS_UNKNOWN);
}

/* The count is there although the static part is not. */
static void test_a_damaged_ring_says_what_waited(void **state)
{
    (void)state;
    struct ring_place_of place;
    ring_box_poke(paths[2], 16, "junk", 4);
    assert_int_equal(ring_standing_look(paths[2], &place), RING_STANDS_FOREIGN);
    assert_true(place.is_counted);
    assert_int_equal(place.waiting, 3);
    assert_int_equal(place.tuple.appended, 3);
}

/* Without the folder's lock nothing is renamed, and the writer gets a ring all the same. */
static void test_the_lock_of_the_folder(void **state)
{
    (void)state;
    struct ring_open_report report;
    char other[PATH_MAX];
    (void)snprintf(other, sizeof other, "%s/other.ring", box.dir);
    assert_int_equal(rename(paths[0], other), 0);
    const int fd = ring_folder_lock(box.dir, false);
    assert_true(fd >= 0);
    assert_int_equal(ring_folder_lock(box.dir, false), -1);
    box.params.source = sources[0];
    struct ingest_buffer *const ring = ring_box_open(&box);
    ingest_buffer_open_report(ring, &report);
    assert_true(report.created);
    assert_int_equal(report.put_right, 0);
    assert_int_equal(access(other, F_OK), 0);
    ingest_buffer_close(ring);
    assert_int_equal(close(fd), 0);
}

static void test_the_uuid_of_a_name(void **state)
{
    (void)state;
    uint8_t uuid[RING_UUID_BYTES];
    assert_true(ring_name_read_uuid("/s/a-ab01ff00000000000000000000000000.ring", uuid));
    assert_int_equal(uuid[0], 0xab);
    assert_int_equal(uuid[2], 0xff);
    assert_false(ring_name_read_uuid("/s-s/x.ring", uuid));
    assert_false(ring_name_read_uuid("a-ab01ff00000000000000000000000000.ring.tmp", uuid));
    assert_true(ring_name_is_any("x.ring"));
    assert_false(ring_name_is_any(".ring"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_swapped_rings_are_put_right_by_who_comes_first),
        T(test_a_circle_of_names),
        T(test_junk_in_its_place_is_kept),
        T(test_a_copy_stays_what_it_is),
        T(test_a_damaged_ring_says_what_waited),
        T(test_the_lock_of_the_folder),
        cmocka_unit_test(test_the_uuid_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
