/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/flush/ring_troubles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S  ((mono_us)US_PER_S)
#define EU "/spool/eu-00112233445566778899aabbccddeeff.ring"
#define E2 "/spool/eu-ffeeddccbbaa99887766554433221100.ring"
#define US "/spool/us-00112233445566778899aabbccddeeff.ring"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct ring_troubles));
    assert_non_null(*state);
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void look(struct ring_troubles *t, enum ring_trouble_kind kind, const char *path, mono_us at)
{
    ring_troubles_begin(t);
    if (path != NULL)
        ring_troubles_note(t, kind, path, "Too many open files", at);
    ring_troubles_end(t, at);
}

static void only_its_own_source_waits_for_a_ring(void **state)
{
    struct ring_troubles *t = *state;
    assert_false(ring_troubles_hold(t, EU));
    look(t, RING_TROUBLE_UNREADABLE, EU, 10 * S);
    assert_true(ring_troubles_hold(t, E2));
    assert_false(ring_troubles_hold(t, US));
    look(t, RING_TROUBLE_NO_ROOM, EU, 11 * S);
    assert_false(ring_troubles_hold(t, E2)); /* it is known to be the newer one */
    look(t, RING_TROUBLE_FOLDER, "/spool", 12 * S);
    assert_true(ring_troubles_hold(t, US));
    look(t, RING_TROUBLE_FOLDER, NULL, 13 * S);
    assert_false(ring_troubles_hold(t, E2));
    assert_int_equal(t->count, 0);
}

/* A second, two ... 30; a look for another reason in between pushes nothing away. */
static void tried_again_soon_and_then_less_often(void **state)
{
    struct ring_troubles *t = *state;
    mono_us now = 100 * S;
    look(t, RING_TROUBLE_UNREADABLE, EU, now);
    assert_int_equal(t->try_at, now + S);
    look(t, RING_TROUBLE_UNREADABLE, EU, now + S / 2);
    assert_int_equal(t->try_at, now + S);
    for (int i = 0; i < 10; i++) {
        now = t->try_at;
        look(t, RING_TROUBLE_UNREADABLE, EU, now);
    }
    assert_int_equal(t->try_at, now + RING_TROUBLE_LONGEST_US);
    look(t, RING_TROUBLE_UNREADABLE, NULL, t->try_at);
    assert_int_equal(t->try_at, 0);
    look(t, RING_TROUBLE_UNREADABLE, EU, now + 500 * S);
    assert_int_equal(t->try_at, now + 501 * S);
}

static void said_when_new_and_once_a_minute(void **state)
{
    struct ring_troubles *t = *state;
    look(t, RING_TROUBLE_UNREADABLE, EU, 10 * S);
    assert_int_equal(t->all[0].said_at, 10 * S);
    look(t, RING_TROUBLE_UNREADABLE, EU, 11 * S);
    assert_int_equal(t->all[0].said_at, 10 * S);
    look(t, RING_TROUBLE_UNREADABLE, EU, 70 * S);
    assert_int_equal(t->all[0].said_at, 70 * S);
    ring_troubles_begin(t);
    ring_troubles_note(t, RING_TROUBLE_UNREADABLE, EU, "made by a newer version", 71 * S);
    ring_troubles_end(t, 71 * S);
    assert_int_equal(t->all[0].said_at, 71 * S); /* another reason is news */
}

static void described_by_the_first_and_a_number(void **state)
{
    struct ring_troubles *t = *state;
    char text[256] = "x";
    ring_troubles_describe(t, text, sizeof text);
    assert_string_equal(text, "");
    ring_troubles_begin(t);
    char path[64];
    for (int i = 0; i < RING_TROUBLES_MAX + 5; i++) {
        (void)snprintf(path, sizeof path, "/spool/s%d-00.ring", i);
        ring_troubles_note(t, RING_TROUBLE_NO_ROOM, path, "256 rings are open already", S);
    }
    ring_troubles_end(t, S);
    ring_troubles_describe(t, text, sizeof text);
    assert_string_equal(text, "s0-00.ring: 256 rings are open already (and 36 more)");
    assert_false(ring_troubles_hold(t, EU));
    ring_troubles_begin(t);
    for (int i = 0; i < RING_TROUBLES_MAX; i++) {
        (void)snprintf(path, sizeof path, "/spool/s%d-00.ring", i);
        ring_troubles_note(t, RING_TROUBLE_NO_ROOM, path, "256 rings are open already", S);
    }
    ring_troubles_note(t, RING_TROUBLE_UNREADABLE, US, "newer", S); /* whose is not remembered */
    ring_troubles_end(t, S);
    assert_true(ring_troubles_hold(t, EU));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_its_own_source_waits_for_a_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(tried_again_soon_and_then_less_often, setup, teardown),
        cmocka_unit_test_setup_teardown(said_when_new_and_once_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(described_by_the_first_and_a_number, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
