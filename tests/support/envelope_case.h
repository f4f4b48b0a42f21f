/* SPDX-License-Identifier: MIT
 *
 * envelope_case - what tests of the envelope parsers begin with. Included once, by the test program
 * itself. */
#pragma once

#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/envelope.h"

#include <stdlib.h>
#include <string.h>

/* The payload lies on the heap and is exact, so that ASan sees a read behind its end. It lives
 * until the next call, because a neighbour report borrows from it. */
static enum outcome parse_bytes(const char *topic, const void *payload, size_t len,
                                struct envelope *out)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, payload, len);
    return envelope_parse(topic, strlen(topic), copy, len, out);
}

static enum outcome parse(const char *topic, const char *payload, struct envelope *out)
{
    return parse_bytes(topic, payload, strlen(payload), out);
}

struct outcome_case {
    const char *topic, *payload;
    enum outcome outcome;
};

static void check_outcomes(const struct outcome_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct envelope e;
        const enum outcome outcome = parse(cases[i].topic, cases[i].payload, &e);
        if (outcome != cases[i].outcome)
            fail_msg("%s %s: %d instead of %d", cases[i].topic, cases[i].payload, (int)outcome,
                     (int)cases[i].outcome);
    }
}
