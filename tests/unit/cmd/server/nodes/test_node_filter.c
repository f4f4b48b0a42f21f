/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/nodes/node_filter.h"
#include "common/base/clock.h"

#include <math.h>
#include <stdlib.h>

static bool is_sought(const char *name, const char *text)
{
    return node_is_sought(&(struct node){.name = name, .key = {0xa7, 0x0b, 0x99}}, text);
}

static void a_part_of_a_name_in_any_case(void **state)
{
    (void)state;
    assert_true(is_sought("Hill Repeater", "ill r"));
    assert_true(is_sought("Hill Repeater", "REPEATER"));
    assert_true(is_sought("Hill", ""));
    assert_false(is_sought("Hill", "hills"));
    assert_false(is_sought("", "h"));
    assert_true(is_sought("\xc3\x9c"
                          "Berg",
                          "BERG"));
}

static void the_first_digits_of_a_key(void **state)
{
    (void)state;
    assert_true(is_sought("Hill", "a70b9"));
    assert_true(is_sought("", "A70B99"));
    assert_false(is_sought("Hill", "70b9")); /* within it */
    assert_false(is_sought("Hill", "a70b98"));
}

static void scopes_are_a_list_of_names(void **state)
{
    (void)state;
    assert_true(facts_scopes_any("#north"));
    assert_true(facts_scopes_any(" , x"));
    assert_false(facts_scopes_any(""));
    assert_false(facts_scopes_any(" , ,"));
    assert_true(facts_scopes_have("#north, south ,*", "north"));
    assert_true(facts_scopes_have("#north, south ,*", "#south"));
    assert_true(facts_scopes_have("#north, south ,*", "*"));
    assert_false(facts_scopes_have("#north", "nor"));
    assert_false(facts_scopes_have("#north", "northern"));
    assert_false(facts_scopes_have("*", "north")); /* all: only when asked for */
    assert_false(facts_scopes_have("", ""));
}

static struct node nodes[4] = {
    {.id = 1, .key = {1}, .name = "b", .role = 2, .heard_ms = 30, .first_ms = 3, .advert_count = 5},
    {.id = 2, .key = {2}, .name = "", .role = -1, .heard_ms = DIRECTORY_NEVER, .first_ms = 1},
    {.id = 3, .key = {3}, .name = "A", .role = 7, .heard_ms = 30, .first_ms = 2, .advert_count = 9},
    {.id = 4, .key = {4}, .name = "c", .role = 2, .heard_ms = 40, .first_ms = 9, .is_hidden = true},
};
static struct directory directory = {.nodes = nodes, .node_count = 4};

/* The ids in order, as digits. */
static int run(const struct node_filter *filter)
{
    const struct facts facts = {.directory = &directory};
    size_t count = 0;
    int ids = 0;
    const struct node **found = node_filter_run(filter, &facts, &count);
    assert_non_null(found);
    for (size_t i = 0; i < count; i++)
        ids = ids * 10 + (int)found[i]->id;
    free(found);
    return ids;
}

static struct node_filter all(void)
{
    return (struct node_filter){.before_ms = INT64_MAX, .heard_since_ms = INT64_MIN};
}

static void the_order_is_total(void **state)
{
    (void)state;
    struct node_filter filter = all();
    assert_int_equal(run(&filter), 132); /* equal ones by key; who was never heard last */
    filter.order = NODE_BY_NAME;
    assert_int_equal(run(&filter), 312); /* who has no name last */
    filter.order = NODE_BY_ADVERTS;
    assert_int_equal(run(&filter), 312);
}

static void conditions_hold_together(void **state)
{
    (void)state;
    struct node_filter filter = all();
    filter.role = "repeater";
    assert_int_equal(run(&filter), 1);
    filter.role = "type-7";
    assert_int_equal(run(&filter), 3);
    filter.search = "b";
    assert_int_equal(run(&filter), 0);
    filter = all();
    filter.before_ms = 2;
    assert_int_equal(run(&filter), 32);
    filter.heard_since_ms = 30;
    assert_int_equal(run(&filter), 3);
}

static void a_node_without_a_position_is_in_no_area(void **state)
{
    (void)state;
    const struct geo_area box = {.shape = GEO_BOX, .low = {1, 1}, .high = {2, 2}};
    struct node_filter filter = all();
    filter.area = &box;
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        nodes[i].lat = nodes[i].lon = (double)NAN;
    assert_int_equal(run(&filter), 0);
    nodes[0].lat = nodes[0].lon = 1.5;
    nodes[2].lat = nodes[2].lon = 3;
    assert_int_equal(run(&filter), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_a_name_in_any_case),
        cmocka_unit_test(the_first_digits_of_a_key),
        cmocka_unit_test(scopes_are_a_list_of_names),
        cmocka_unit_test(the_order_is_total),
        cmocka_unit_test(conditions_hold_together),
        cmocka_unit_test(a_node_without_a_position_is_in_no_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
