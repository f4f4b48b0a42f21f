/* SPDX-License-Identifier: MIT
 *
 * The shape of a refusal. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/request.h"

#include <stdlib.h>

static void an_error_is_one_object(void **state)
{
    (void)state;
    struct http_reply reply;
    http_reply_init(&reply, HTTP_REVALIDATE);
    http_reply_error(&reply, 503, "no \"database\"");
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.body, "{\"error\":\"no \\\"database\\\"\"}");
    free(reply.body);
}

static void a_field_is_named_beside_it(void **state)
{
    (void)state;
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    http_reply_field_error(&reply, 400, "since", "no time");
    assert_int_equal(reply.status, 400);
    assert_string_equal(reply.body, "{\"error\":\"no time\",\"field\":\"since\"}");
    assert_int_equal(reply.body_len, 35);
    free(reply.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_one_object),
        cmocka_unit_test(a_field_is_named_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
