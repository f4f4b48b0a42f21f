/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/analytics/analysis.h"
#include "cmd/server/analytics/analysis_figures.h"
#include "cmd/server/analytics/slots.h"

#include <stdio.h>
#include <stdlib.h>

#define WANTED 1000

static const struct analysis one = {.name = "one"}, other = {.name = "other"};

/* Of bytes that can't be packed: it holds no more than these, and a head. */
static struct http_ready *answer_of(size_t len)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    reply.content_type = "application/octet-stream";
    reply.body = calloc(1, len + 1);
    reply.body_len = len;
    struct http_ready *answer = http_ready_new(&reply, NULL);
    assert_non_null(answer);
    return answer;
}

static void put(struct slots *slots, struct slot *slot, mono_us now, mono_us due_at)
{
    slots_put(slots, slot, answer_of(10), now);
    slot->due_at = due_at;
}

static void a_query_has_one_slot(void **state)
{
    (void)state;
    struct slots slots = {0};
    struct slot *slot = slots_take(&slots, &one, "a=1", 5);
    assert_ptr_equal(slots_take(&slots, &one, "a=1", 7), slot);
    assert_int_equal(slot->asked_at, 7);
    assert_ptr_not_equal(slots_take(&slots, &one, "a=2", 7), slot);
    assert_ptr_not_equal(slots_take(&slots, &other, "a=1", 7), slot);
    assert_null(slots_find(&slots, &other, "a=2"));
    slots_done(&slots);
}

static void who_waits_comes_first_then_what_is_due_longest(void **state)
{
    (void)state;
    struct slots slots = {0};
    mono_us at;
    assert_null(slots_next(&slots, 0, WANTED, &at));
    assert_int_equal(at, INT64_MAX);
    struct slot *a = slots_take(&slots, &one, "a", 10);
    struct slot *b = slots_take(&slots, &one, "b", 11);
    assert_ptr_equal(slots_next(&slots, 20, WANTED, &at), a);
    put(&slots, a, 20, 120);
    assert_ptr_equal(slots_next(&slots, 20, WANTED, &at), b);
    put(&slots, b, 21, 110);
    assert_null(slots_next(&slots, 30, WANTED, &at));
    assert_int_equal(at, 110);
    assert_ptr_equal(slots_next(&slots, 130, WANTED, &at), b); /* due first */
    assert_ptr_equal(slots_take(&slots, &one, "a", 125), a);   /* but here somebody waits */
    assert_ptr_equal(slots_next(&slots, 130, WANTED, &at), a);
    a->is_running = true;
    assert_ptr_equal(slots_next(&slots, 130, WANTED, &at), b);
    assert_null(slots_next(&slots, 12 + WANTED, 0, &at)); /* nobody wants them any more */
    slots_done(&slots);
}

static void what_was_asked_for_longest_ago_gives_way(void **state)
{
    (void)state;
    struct slots slots = {0};
    char query[16];
    struct slot *running = slots_take(&slots, &one, "0", 0);
    running->is_running = true;
    for (int i = 1; i < 2 * SLOTS_OF_ONE; i++) {
        (void)snprintf(query, sizeof query, "%d", i);
        assert_non_null(slots_take(&slots, &one, query, i));
    }
    size_t count = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++)
        count += slots.all[i].analysis != NULL;
    assert_int_equal(count, SLOTS_OF_ONE);
    assert_ptr_equal(slots_find(&slots, &one, "0"), running);
    assert_null(slots_find(&slots, &one, "1"));
    assert_non_null(slots_find(&slots, &one, query));
    slots_done(&slots);
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    struct slots slots = {0};
    struct slot *old = slots_take(&slots, &one, "old", 1);
    slots_put(&slots, old, answer_of(SLOTS_BYTES_MAX / 2), 1);
    assert_in_range(slots_bytes(&slots), SLOTS_BYTES_MAX / 2, SLOTS_BYTES_MAX / 2 + 2048);
    assert_int_equal(slots_bytes_of(&slots, "one"), slots_bytes(&slots));
    assert_int_equal(slots_bytes_of(&slots, "other"), 0);
    struct slot *newer = slots_take(&slots, &one, "newer", 2);
    slots_put(&slots, newer, answer_of(SLOTS_BYTES_MAX / 2 - 4096), 2);
    assert_non_null(slots_find(&slots, &one, "old"));
    struct slot *newest = slots_take(&slots, &one, "newest", 3);
    slots_put(&slots, newest, answer_of(4096), 3);
    assert_null(slots_find(&slots, &one, "old"));
    assert_non_null(slots_find(&slots, &one, "newer"));
    slots_put(&slots, newest, answer_of(2), 4); /* an answer in the place of another */
    assert_int_equal(newest->answer->body_len, 2);
    slots_done(&slots);
}

/* --- what it cost ----------------------------------------------------------------------------- */

static enum run_news run(struct run_figures *figures, enum run_end end)
{
    return run_figures_note(figures,
                            &(struct run_cost){.took_us = 20, .cpu_us = 10, .rows = 7, .end = end});
}

static void what_never_fits_is_told_once(void **state)
{
    (void)state;
    struct run_figures figures = {0};
    assert_int_equal(run(&figures, RUN_CUT), RUN_NO_NEWS);
    assert_int_equal(run(&figures, RUN_WHOLE), RUN_NO_NEWS); /* a cold disk, once */
    assert_int_equal(run(&figures, RUN_CUT), RUN_NO_NEWS);
    assert_int_equal(run(&figures, RUN_FAILED), RUN_NO_NEWS);
    assert_int_equal(run(&figures, RUN_CUT), RUN_UNFIT);
    assert_int_equal(run(&figures, RUN_CUT), RUN_NO_NEWS);
    assert_int_equal(run(&figures, RUN_WHOLE), RUN_FITS_AGAIN);
    assert_int_equal(run(&figures, RUN_WHOLE), RUN_NO_NEWS);
    assert_int_equal(figures.runs, 8);
    assert_int_equal(figures.cut, 4);
    assert_int_equal(figures.failed, 1);
    assert_int_equal(figures.cpu_us, 80);
    assert_int_equal(figures.last.rows, 7);
}

static void of_all_queries_of_an_analysis_one_line(void **state)
{
    (void)state;
    struct analyses_figures all = {.count = 0};
    const struct run_cost cost = {.cpu_us = 1, .end = RUN_CUT};
    const mono_us now = 1000;
    assert_int_equal(analysis_figures_note(&all, "rf", &cost, RUN_UNFIT, now), RUN_UNFIT);
    assert_int_equal(analysis_figures_note(&all, "rf", &cost, RUN_UNFIT, now + 1), RUN_NO_NEWS);
    assert_int_equal(analysis_figures_note(&all, "roles", &cost, RUN_UNFIT, now), RUN_UNFIT);
    assert_int_equal(analysis_figures_note(&all, "rf", &cost, RUN_FITS_AGAIN, now + 2),
                     RUN_FITS_AGAIN);
    assert_int_equal(analysis_figures_note(&all, "rf", &cost, RUN_FITS_AGAIN, now + 3),
                     RUN_NO_NEWS);
    assert_int_equal(analysis_figures_note(&all, "roles", &cost, RUN_UNFIT, now + ANALYSIS_TOLD_US),
                     RUN_UNFIT);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.all[0].runs.runs, 4);
    assert_int_equal(all.all[1].runs.cut, 2);
    char names[ANALYSES_MAX][4];
    for (size_t i = 0; i < ANALYSES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        (void)analysis_figures_note(&all, names[i], &cost, RUN_NO_NEWS, now);
    }
    assert_int_equal(all.count, ANALYSES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_has_one_slot),
        cmocka_unit_test(who_waits_comes_first_then_what_is_due_longest),
        cmocka_unit_test(what_was_asked_for_longest_ago_gives_way),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(what_never_fits_is_told_once),
        cmocka_unit_test(of_all_queries_of_an_analysis_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
