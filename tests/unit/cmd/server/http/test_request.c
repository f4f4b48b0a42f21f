/* SPDX-License-Identifier: MIT
 *
 * The shape of a refusal. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/request.h"

#include <stdlib.h>
#include <string.h>

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

static void a_line_without_room_is_left_out_whole(void **state)
{
    (void)state;
    struct http_reply reply;
    char value[HTTP_REPLY_LINES_MAX];
    http_reply_init(&reply, HTTP_NO_STORE);
    assert_string_equal(reply.lines, "");
    http_reply_line(&reply, "A", "1");
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    http_reply_line(&reply, "B", value);
    http_reply_line(&reply, "C", "3");
    assert_string_equal(reply.lines, "A: 1\r\nC: 3\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_one_object),
        cmocka_unit_test(a_field_is_named_beside_it),
        cmocka_unit_test(a_line_without_room_is_left_out_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
