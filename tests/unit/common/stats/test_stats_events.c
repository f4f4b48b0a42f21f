/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/stats/stats_events.h"

#include <string.h>

#define NOW INT64_C(1774798050)

static struct stats_events events;

static int setup(void **state)
{
    (void)state;
    memset(&events, 0, sizeof events);
    return 0;
}

static void lose(int64_t now, const char *source, const char *why)
{
    stats_events_add(&events, now, STATS_EVENT_SOURCE, "warn", source, "%s has lost it: %s", source,
                     why);
}

static const struct stats_event *last(void)
{
    return &events.all[events.count - 1];
}

static void numbers_rise_and_the_oldest_leave(void **state)
{
    (void)state;
    for (int i = 0; i < STATS_EVENTS_MAX + 5; i++)
        stats_events_add(&events, NOW + i, STATS_EVENT_START, "pass", "", "began %d", i);
    assert_int_equal(events.count, STATS_EVENTS_MAX);
    assert_string_equal(events.all[0].text, "began 5");
    for (size_t i = 0; i < events.count; i++)
        assert_int_equal(events.all[i].id, 6 + i);
}

/* A source that flaps all night is two events, not two hundred. */
static void the_same_again_is_counted(void **state)
{
    (void)state;
    stats_events_add(&events, NOW, STATS_EVENT_RELOAD, "pass", "", "reloaded");
    for (int i = 0; i < 1000; i++) {
        lose(NOW + i * 20, "eu", i % 2 ? "reset" : "refused");
        stats_events_add(&events, NOW + i * 20 + 5, STATS_EVENT_SOURCE, "pass", "eu", "back");
    }
    assert_int_equal(events.count, 3);
    assert_string_equal(events.all[0].text, "reloaded");
    assert_string_equal(events.all[1].text, "eu has lost it: reset");
    assert_int_equal(events.all[1].times, 1000);
    assert_int_equal(events.all[1].at_unix, NOW);
    assert_int_equal(events.all[1].last_unix, NOW + 999 * 20);
    assert_true(events.all[1].id < events.all[2].id && events.all[0].id < events.all[1].id);
}

static void another_subject_level_or_hour_is_another_event(void **state)
{
    (void)state;
    lose(NOW, "eu", "reset");
    lose(NOW, "us", "reset");
    assert_int_equal(events.count, 2);
    stats_events_add(&events, NOW, STATS_EVENT_SOURCE, "fail", "us", "%s has lost it: %s", "us",
                     "x");
    assert_int_equal(events.count, 3);
    lose(NOW + STATS_EVENT_REPEAT_S, "eu", "reset");
    assert_int_equal(events.count, 4);
    assert_int_equal(last()->times, 1);
}

static void texts_are_cut_not_written_past_the_end(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    stats_events_add(&events, NOW, STATS_EVENT_SOURCE, "warn", text, "%s", text);
    assert_int_equal(strlen(last()->text), sizeof last()->text - 1);
    assert_int_equal(strlen(last()->subject), sizeof last()->subject - 1);
}

static void the_old_leave_after_a_week(void **state)
{
    (void)state;
    lose(NOW, "eu", "reset");
    lose(NOW + 3600, "us", "reset");
    stats_events_expire(&events, NOW + STATS_EVENTS_KEPT_S);
    assert_int_equal(events.count, 2);
    stats_events_expire(&events, NOW + STATS_EVENTS_KEPT_S + 1);
    assert_int_equal(events.count, 1);
    assert_string_equal(last()->subject, "us");
}

/* Numbers are this list's own; what happened again takes the place of what was taken before. */
static void another_programs_events_are_taken_over(void **state)
{
    (void)state;
    struct stats_event event = {.id = 77, .at_unix = NOW, .last_unix = NOW, .times = 1};
    strcpy(event.kind, "source");
    events.last_id = 1000;
    stats_events_take(&events, &event);
    assert_int_equal(last()->id, 1001);
    event.times = 2;
    event.last_unix = NOW + 60;
    stats_events_take(&events, &event);
    assert_int_equal(events.count, 1);
    assert_int_equal(last()->id, 1002);
    assert_int_equal(last()->times, 2);
    event.at_unix = NOW + 9000;
    event.times = 1;
    stats_events_take(&events, &event);
    assert_int_equal(events.count, 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        TEST(numbers_rise_and_the_oldest_leave),
        TEST(the_same_again_is_counted),
        TEST(another_subject_level_or_hour_is_another_event),
        TEST(texts_are_cut_not_written_past_the_end),
        TEST(the_old_leave_after_a_week),
        TEST(another_programs_events_are_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
