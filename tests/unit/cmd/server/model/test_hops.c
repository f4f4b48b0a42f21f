/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/model/hops.h"
#include "common/base/clock.h"

#include <string.h>

#define NOW_MS INT64_C(1774798050000)

static struct node nodes[4];
static const struct node *by_key[4];
static struct directory directory = {.nodes = nodes, .nodes_by_key = by_key};

/* In the order of their keys. */
static void add(uint8_t a, uint8_t b, int64_t advert_ms)
{
    struct node *node = &nodes[directory.node_count];
    *node = (struct node){.id = (int64_t)directory.node_count + 1,
                          .key = {a, b},
                          .name = "",
                          .first_ms = NOW_MS - 30 * MS_PER_DAY,
                          .advert_ms = advert_ms,
                          .heard_ms = advert_ms};
    by_key[directory.node_count++] = node;
}

static int setup(void **state)
{
    (void)state;
    directory.node_count = 0;
    add(0x11, 0x01, NOW_MS - 8 * MS_PER_DAY);
    add(0x11, 0x02, NOW_MS - MS_PER_DAY);
    add(0x22, 0x01, DIRECTORY_NEVER);
    add(0x33, 0x01, NOW_MS);
    return 0;
}

static const struct node *means(const char *hop, int64_t at_ms)
{
    return hops_node(&directory, (const uint8_t *)hop, strlen(hop), at_ms);
}

static void a_wide_hop_means_the_one_key_that_begins_so(void **state)
{
    (void)state;
    assert_ptr_equal(means("\x11\x01", NOW_MS), &nodes[0]);
    assert_ptr_equal(means("\x22\x01", NOW_MS), &nodes[2]); /* whenever it was heard */
    assert_null(means("\x11\x03", NOW_MS));
    assert_null(means("\x44\x01", NOW_MS));
}

static void a_byte_means_the_one_that_was_about(void **state)
{
    (void)state;
    assert_ptr_equal(means("\x11", NOW_MS), &nodes[1]);   /* the other one was silent for a week */
    assert_null(means("\x11", NOW_MS - 2 * MS_PER_DAY));  /* both were about */
    assert_null(means("\x22", NOW_MS));                   /* never advertised */
    assert_null(means("\x33", NOW_MS - 31 * MS_PER_DAY)); /* not known yet */
}

static void whom_nobody_shall_see_counts_but_is_not_told(void **state)
{
    (void)state;
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    nodes[3].is_hidden = true;
    assert_null(means("\x33\x01", NOW_MS));
    assert_int_equal(hops_candidates(&directory, (const uint8_t *)"\x33", 1, candidates), 0);
    nodes[0].is_hidden = true;
    assert_null(means("\x11", NOW_MS - 2 * MS_PER_DAY)); /* two it may be, still */
}

static void candidates_come_as_they_were_heard(void **state)
{
    (void)state;
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    assert_int_equal(hops_candidates(&directory, (const uint8_t *)"\x11", 1, candidates), 2);
    assert_ptr_equal(candidates[0], &nodes[1]);
    assert_ptr_equal(candidates[1], &nodes[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_wide_hop_means_the_one_key_that_begins_so, setup),
        cmocka_unit_test_setup(a_byte_means_the_one_that_was_about, setup),
        cmocka_unit_test_setup(whom_nobody_shall_see_counts_but_is_not_told, setup),
        cmocka_unit_test_setup(candidates_come_as_they_were_heard, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
