/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/paths/beam.h"
#include "cmd/server/paths/links.h"
#include "common/base/clock.h"

#include <math.h>
#include <string.h>

#define TO_MS   INT64_C(1774798050000)
#define FROM_MS (TO_MS - SUMMARY_WINDOW_MS)

/* 0x11.. is node 1, 0x22.. node 2 and so on; 0x77 may be two nodes. */
static struct node nodes[5];
static const struct node *by_key[5];
static struct observer observers[3];
static struct directory directory = {.nodes = nodes,
                                     .nodes_by_key = by_key,
                                     .node_count = 5,
                                     .observers = observers,
                                     .observer_count = 3};

static int setup(void **state)
{
    static const uint8_t first[5] = {0x11, 0x22, 0x33, 0x77, 0x77};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        nodes[i] = (struct node){.id = (int64_t)i + 1,
                                 .key = {first[i], (uint8_t)i},
                                 .name = "",
                                 .lat = (double)NAN,
                                 .lon = (double)NAN,
                                 .first_ms = FROM_MS - MS_PER_DAY,
                                 .advert_ms = FROM_MS};
        by_key[i] = &nodes[i];
    }
    /* 1 is node 3, 2 no node, 3 seen by nobody. */
    for (size_t i = 0; i < 3; i++)
        observers[i] = (struct observer){.id = (int64_t)i + 1, .identity = "", .name = ""};
    observers[0].node = &nodes[2];
    observers[2].is_hidden = true;
    return 0;
}

static struct reception over(int64_t transmission_id, int64_t observer_id, const char *path)
{
    return (struct reception){.transmission_id = transmission_id,
                              .observer_id = observer_id,
                              .receipt_ms = TO_MS - MS_PER_MIN,
                              .type = MESHCORE_GRP_TXT,
                              .route = MESHCORE_FLOOD,
                              .is_heard = true,
                              .has_hops = true,
                              .hop_bytes = 1,
                              .hop_count = (uint8_t)strlen(path),
                              .path = (const uint8_t *)path,
                              .path_bytes = strlen(path),
                              .snr = (double)NAN,
                              .rssi = (double)NAN};
}

static const struct links *fold(const struct reception *receptions, size_t count)
{
    const struct tally_window window = {FROM_MS, TO_MS};
    struct summary *summary = summary_begin(&window);
    struct ways ways;
    assert_non_null(summary);
    for (size_t i = 0; i < count; i++)
        summary_add(summary, &receptions[i]);
    summary_end(summary, 1, SUMMARY_WHOLE);
    assert_true(ways_init(&ways, &directory, summary));
    const struct links *links = links_new(&ways);
    assert_non_null(links);
    assert_true(links->is_complete);
    ways_done(&ways);
    summary_unref(summary);
    return links;
}

static way_stop node(unsigned id)
{
    return STOP_NODE | id;
}

static void each_direction_counts_for_itself(void **state)
{
    (void)state;
    const struct reception receptions[] = {over(1, 2, "\x11\x22"), over(2, 2, "\x11\x22"),
                                           over(3, 2, "\x22\x11"), over(4, 3, "\x22\x11")};
    const struct links *links = fold(receptions, 4);
    const struct link *link = links_find(links, node(2), node(1));
    assert_non_null(link);
    assert_int_equal(link->there, 2); /* 2 heard 1 */
    assert_int_equal(link->back, 1);  /* whom nobody shall see heard the fourth */
    assert_int_equal(link->relayed, 3);
    assert_int_equal(links_relay(links, node(1))->receptions, 3);
    assert_int_equal(links_count(links), 1); /* the observer is no node */
    assert_true(isnan(link_snr(link)));
    links_unref(links);
}

static void senders_and_observers_are_ends(void **state)
{
    (void)state;
    struct reception receptions[] = {over(1, 1, "\x22"), over(2, 1, ""), over(3, 1, "\x33")};
    for (size_t i = 0; i < 3; i++)
        receptions[i].sender = 1;
    receptions[0].snr = 4;
    receptions[1].snr = -2;
    const struct links *links = fold(receptions, 3);
    assert_int_equal(links_find(links, node(1), node(2))->there, 1);
    assert_int_equal(links_find(links, node(1), node(2))->relayed, 0);
    assert_true(isnan(link_snr(links_find(links, node(1), node(2))))); /* nobody measured it */
    assert_float_equal((float)link_snr(links_find(links, node(2), node(3))), 4, 1e-6F);
    const struct link *direct = links_find(links, node(1), node(3));
    assert_int_equal(direct->there, 2); /* itself, and as the only hop */
    assert_int_equal(direct->snr_count, 1);
    assert_float_equal((float)link_snr(direct), -2, 1e-6F);
    assert_int_equal(links->degrees.count, 3);
    links_unref(links);
}

static void a_step_taken_twice_counts_once(void **state)
{
    (void)state;
    const struct reception receptions[] = {over(1, 2, "\x11\x22\x11\x22")};
    const struct links *links = fold(receptions, 1);
    const struct link *link = links_find(links, node(1), node(2));
    assert_int_equal(link->there, 1);
    assert_int_equal(link->back, 1);
    assert_int_equal(links_relay(links, node(1))->receptions, 1);
    links_unref(links);
}

static void a_hop_that_may_be_two_nodes_is_none(void **state)
{
    (void)state;
    const struct reception receptions[] = {over(1, 2, "\x11\x77")};
    const struct links *links = fold(receptions, 1);
    const uint32_t hop = hop_pack((const uint8_t *)"\x77", 1);
    assert_non_null(links_find(links, node(1), hop));
    assert_false(link_is_known(links_find(links, node(1), hop)));
    assert_int_equal(links_hop(links, &directory, node(1)), hop_pack((const uint8_t *)"\x11", 1));
    assert_int_equal(links_hop(links, &directory, hop), hop);
    assert_int_equal(links->degrees.count, 0);
    links_unref(links);
}

static void hours_and_times_are_those_of_the_receptions(void **state)
{
    (void)state;
    struct reception receptions[] = {over(1, 2, "\x11\x22"), over(9, 2, "\x11\x22")};
    receptions[0].receipt_ms = FROM_MS;
    receptions[1].receipt_ms = TO_MS;
    const struct links *links = fold(receptions, 2);
    const struct link *link = links_find(links, node(1), node(2));
    assert_int_equal(link->first, 0);
    assert_int_equal(link->last, SUMMARY_WINDOW_MS);
    assert_int_equal(link->sample_id, 9);
    assert_int_equal(link->hours, 1U | 1U << 24);
    links_unref(links);
}

/* --- beam ------------------------------------------------------------------------------------- */

static void links_decide_between_candidates(void **state)
{
    (void)state;
    struct reception receptions[100];
    for (size_t i = 0; i < 100; i++) {
        receptions[i] = over((int64_t)i + 1, 2, "\x11\x77\x04");
        receptions[i].hop_bytes = 1;
    }
    /* Two bytes a hop tell which of the two it is. */
    for (size_t i = 0; i < 100; i++) {
        receptions[i].hop_bytes = 2;
        receptions[i].hop_count = 2;
        receptions[i].path = (const uint8_t *)"\x11\x00\x77\x04";
        receptions[i].path_bytes = 4;
    }
    const struct links *links = fold(receptions, 100);
    struct beam_hop hops[2] = {{.candidates = {&nodes[0]}, .count = 1},
                               {.candidates = {&nodes[3], &nodes[4]}, .count = 2}};
    struct beam beam = {.links = links, .hops = hops, .hop_count = 2};
    assert_true(beam_search(&beam));
    assert_int_equal(beam.path_count, 2);
    assert_int_equal(beam.expansions, 3);
    assert_int_equal(beam.paths[0].chosen[1], 1); /* node 5 */
    double edge;
    assert_float_equal((float)beam_step(&beam, 1, 1, &nodes[0], &edge), 0.85F, 1e-6F);
    assert_float_equal((float)edge, 1.0F, 1e-6F);
    assert_float_equal((float)beam_step(&beam, 1, 0, &nodes[0], &edge), 0.15F, 1e-6F);
    assert_float_equal((float)beam_score(&beam, &beam.paths[0]), (float)sqrt(0.85), 1e-6F);
    links_unref(links);
}

static void a_hop_without_candidates_ends_the_search(void **state)
{
    (void)state;
    const struct links *links = fold(NULL, 0);
    struct beam_hop hops[2] = {{.candidates = {&nodes[0]}, .count = 1}, {.count = 0}};
    struct beam beam = {.links = links, .hops = hops, .hop_count = 2};
    assert_true(beam_search(&beam));
    assert_int_equal(beam.path_count, 0);
    links_unref(links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_direction_counts_for_itself, setup),
        cmocka_unit_test_setup(senders_and_observers_are_ends, setup),
        cmocka_unit_test_setup(a_step_taken_twice_counts_once, setup),
        cmocka_unit_test_setup(a_hop_that_may_be_two_nodes_is_none, setup),
        cmocka_unit_test_setup(hours_and_times_are_those_of_the_receptions, setup),
        cmocka_unit_test_setup(links_decide_between_candidates, setup),
        cmocka_unit_test_setup(a_hop_without_candidates_ends_the_search, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
