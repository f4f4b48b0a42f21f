/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/paths/subpath_groups.h"
#include "cmd/server/paths/subpath_table.h"
#include "cmd/server/summary/summary.h"

#include <math.h>
#include <string.h>

#define TO_MS   INT64_C(1774798050000)
#define FROM_MS (TO_MS - SUMMARY_WINDOW_MS)

static void add(struct summary *summary, const char *path, uint8_t hop_bytes)
{
    static int64_t number;
    const struct reception r = {.transmission_id = ++number,
                                .observer_id = 5,
                                .receipt_ms = TO_MS,
                                .route = MESHCORE_FLOOD,
                                .is_heard = true,
                                .has_hops = true,
                                .hop_bytes = hop_bytes,
                                .hop_count = (uint8_t)(strlen(path) / hop_bytes),
                                .path = (const uint8_t *)path,
                                .path_bytes = strlen(path),
                                .snr = (double)NAN,
                                .rssi = (double)NAN};
    summary_add(summary, &r);
}

static struct summary *begin(void)
{
    const struct tally_window window = {FROM_MS, TO_MS};
    struct summary *summary = summary_begin(&window);
    assert_non_null(summary);
    return summary;
}

static struct subpaths found;

static uint32_t receptions_of(const char *hops, uint8_t hop_bytes)
{
    for (size_t i = 0; i < found.count; i++)
        if (found.rows[i].hop_bytes == hop_bytes &&
            memcmp(found.rows[i].bytes, hops, strlen(hops)) == 0)
            return found.rows[i].receptions;
    return 0;
}

static void stretches_count_the_receptions_of_their_paths(void **state)
{
    (void)state;
    struct summary *s = begin();
    add(s, "ABCD", 1);
    add(s, "ABCD", 1);
    add(s, "XABC", 1);
    add(s, "ABAB", 1);
    add(s, "ABCD", 2); /* two hops */
    summary_end(s, 1, SUMMARY_WHOLE);
    const struct tally_paths *paths = summary_paths(s);
    uint32_t weights[4];
    for (size_t i = 0; i < 4; i++)
        weights[i] = tally_paths_at(paths, i)->receptions;
    assert_true(subpaths_count(paths, weights, 2, &found));
    assert_int_equal(receptions_of("AB", 1), 4); /* once where it stands twice */
    assert_int_equal(receptions_of("BA", 1), 1);
    assert_int_equal(receptions_of("BC", 1), 3);
    assert_int_equal(receptions_of("ABCD", 2), 1);
    assert_int_equal(found.count, 6);
    assert_memory_equal(found.rows[0].bytes, "AB", 2);
    assert_int_equal(found.rows[0].hop_count, 2);
    assert_true(subpaths_count(paths, weights, 4, &found));
    assert_int_equal(found.count, 3);
    weights[0] = 0; /* does not count */
    assert_true(subpaths_count(paths, weights, 4, &found));
    assert_int_equal(found.count, 2);
    assert_true(subpath_is_in(paths, tally_paths_at(paths, 0), (const uint8_t *)"BC", 1, 2));
    assert_false(subpath_is_in(paths, tally_paths_at(paths, 0), (const uint8_t *)"AC", 1, 2));
    assert_false(subpath_is_in(paths, tally_paths_at(paths, 3), (const uint8_t *)"BC", 2, 1));
    assert_true(subpath_is_in(paths, tally_paths_at(paths, 3), (const uint8_t *)"CD", 2, 1));
    summary_unref(s);
}

static void the_most_frequent_stay(void **state)
{
    (void)state;
    static uint32_t weights[300];
    struct summary *s = begin();
    for (unsigned i = 0; i < 300; i++) {
        const char path[] = {(char)(1 + i % 100), (char)(101 + i / 100), '\0'};
        add(s, path, 1);
        weights[i] = i + 1;
    }
    summary_end(s, 1, SUMMARY_WHOLE);
    assert_true(subpaths_count(summary_paths(s), weights, 2, &found));
    assert_int_equal(found.count, SUBPATHS_KEPT);
    assert_int_equal(found.rows[0].receptions, 300);
    assert_int_equal(found.rows[SUBPATHS_KEPT - 1].receptions, 101);
    assert_false(found.is_cut);
    summary_unref(s);
}

static void groups_are_read_or_refused(void **state)
{
    (void)state;
    struct subpath_group groups[SUBPATH_GROUPS_MAX];
    assert_int_equal(subpath_groups_read(NULL, groups), 4);
    assert_int_equal(groups[3].least, 5);
    assert_int_equal(groups[3].most, 8);
    assert_int_equal(groups[3].limit, 15);
    assert_int_equal(subpath_groups_read("2-8:200", groups), 1);
    static const char *const wrong[] = {"2",      "2-3",   "2-3:",     "1-3:5",  "2-9:5",
                                        "3-2:5",  "2-3:0", "2-3:201",  "2-3:5,", "2-3:5x",
                                        ",2-3:5", "-:",    "2-3:99999"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(subpath_groups_read(wrong[i], groups), 0);
    char many[13 * 6 + 1] = "";
    for (size_t i = 0; i < 13; i++)
        strcat(many, i == 0 ? "2-2:5" : ",2-2:5");
    assert_int_equal(subpath_groups_read(many, groups), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_count_the_receptions_of_their_paths),
        cmocka_unit_test(the_most_frequent_stay),
        cmocka_unit_test(groups_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
