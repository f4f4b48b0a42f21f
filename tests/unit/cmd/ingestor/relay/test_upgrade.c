/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/upgrade.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

/* RFC 6455, section 1.3: "the sample nonce". */
static const uint8_t nonce[UPGRADE_NONCE_BYTES] = "the sample nonce";
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GOOD                                                                                       \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"

static void ask(struct upgrade *upgrade)
{
    char request[UPGRADE_REQUEST_MAX];
    assert_int_not_equal(
        upgrade_request(upgrade, "broker.example", false, 8080, false, "/ws", nonce, request), 0);
}

static enum status read_all(struct upgrade *upgrade, const char *answer, size_t *used)
{
    ask(upgrade);
    return upgrade_read(upgrade, answer, strlen(answer), used);
}

static void assert_refused(const char *answer, const char *why)
{
    struct upgrade upgrade;
    size_t used;
    assert_int_equal(read_all(&upgrade, answer, &used), STATUS_INVALID);
    if (strstr(upgrade.text, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", upgrade.text, why);
}

static void test_request(void **state)
{
    (void)state;
    struct upgrade upgrade;
    char out[UPGRADE_REQUEST_MAX];
    assert_int_not_equal(
        upgrade_request(&upgrade, "broker.example", false, 8080, false, "/ws?a=1", nonce, out), 0);
    assert_string_equal(out, "GET /ws?a=1 HTTP/1.1\r\nHost: broker.example:8080\r\n"
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
                             "User-Agent: weir/" WEIR_VERSION "\r\n\r\n");
    assert_string_equal(upgrade.accept, ACCEPT);
    assert_int_not_equal(upgrade_request(&upgrade, "::1", true, 443, true, "?t=1#x", nonce, out),
                         0);
    assert_non_null(strstr(out, "GET /?t=1 HTTP/1.1\r\nHost: [::1]\r\n"));
    assert_int_not_equal(upgrade_request(&upgrade, "a", false, 80, false, "", nonce, out), 0);
    assert_non_null(strstr(out, "GET / HTTP/1.1\r\nHost: a\r\n"));
    assert_int_not_equal(upgrade_request(&upgrade, "a", false, 443, false, "/", nonce, out), 0);
    assert_non_null(strstr(out, "Host: a:443\r\n"));
}

static void test_frames_behind_the_answer_stay(void **state)
{
    (void)state;
    struct upgrade upgrade;
    size_t used = 0;
    assert_int_equal(read_all(&upgrade, GOOD "\x82\x02 \n\r\n\r\n", &used), STATUS_OK);
    assert_int_equal(used, strlen(GOOD));
    assert_true(upgrade.has_subprotocol);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char answer[] =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" GOOD;
    struct upgrade upgrade;
    size_t used = 0;
    ask(&upgrade);
    for (size_t i = 0; i + 2 < sizeof answer; i++)
        assert_int_equal(upgrade_read(&upgrade, answer + i, 1, &used), STATUS_AGAIN);
    assert_int_equal(upgrade_read(&upgrade, answer + sizeof answer - 2, 1, &used), STATUS_OK);
}

static void test_case_spaces_and_lists(void **state)
{
    (void)state;
    struct upgrade upgrade;
    size_t used;
    assert_int_equal(read_all(&upgrade,
                              "HTTP/1.1 101 \nUPGRADE:WebSocket\t\nconnection: keep-alive\n"
                              "Connection: x ,\tuPGRADE\nsec-websocket-accept:  " ACCEPT " \n\n",
                              &used),
                     STATUS_OK);
    assert_false(upgrade.has_subprotocol);
}

static void test_refusals_are_named(void **state)
{
    (void)state;
    assert_refused("HTTP/1.1 401 Nope\r\n\r\n", "HTTP 401 (Unauthorized)");
    assert_refused("HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404 (Not Found)");
    assert_refused("HTTP/1.1 418 \x1b[2J\r\n\r\n", "HTTP 418");
    assert_refused("HTTP/1.1 200 OK\r\n\r\n", "another service");
    assert_refused("HTTP/1.1 301 Moved\r\nlocation:  https://x.example/\x1b y \r\n\r\n",
                   "HTTP 301, moved to https://x.example/??y");
    assert_refused("220 mail ESMTP\r\n", "no HTTP");
    assert_refused("HTTP/1.1 banana\r\n\r\n", "no HTTP");
    assert_refused("HTTP/2 101\r\n", "no HTTP");
    assert_refused("HTTP/1.1 101 x\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " ACCEPT
                   "\r\n\r\n",
                   "not to a WebSocket");
    assert_refused("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
                   "wrong Sec-WebSocket-Accept");
}

static void test_what_was_not_asked_for(void **state)
{
    (void)state;
    char answer[512];
    static const char *const extra[][2] = {
        {"Sec-WebSocket-Extensions: permessage-deflate", "extension"},
        {"Sec-WebSocket-Protocol: amqp", "another subprotocol"}};
    for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
        (void)snprintf(answer, sizeof answer,
                       "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                       "Sec-WebSocket-Accept: " ACCEPT "\r\n%s\r\n\r\n",
                       extra[i][0]);
        assert_refused(answer, extra[i][1]);
    }
}

static void test_a_head_without_end(void **state)
{
    (void)state;
    struct upgrade upgrade;
    size_t used;
    ask(&upgrade);
    enum status status = upgrade_read(&upgrade, "HTTP/1.1 101 x\r\n", 16, &used);
    for (int i = 0; i < UPGRADE_HEAD_MAX && status == STATUS_AGAIN; i++)
        status = upgrade_read(&upgrade, "a: b\r\n", 6, &used);
    assert_int_equal(status, STATUS_INVALID);
    assert_int_equal(upgrade.total, UPGRADE_HEAD_MAX + 1);
    assert_non_null(strstr(upgrade.text, "16 KiB"));
}

/* Endless 1xx answers count, too. */
static void test_endless_announcements(void **state)
{
    (void)state;
    struct upgrade upgrade;
    size_t used;
    ask(&upgrade);
    enum status status = STATUS_AGAIN;
    for (int i = 0; i < UPGRADE_HEAD_MAX && status == STATUS_AGAIN; i++)
        status = upgrade_read(&upgrade, "HTTP/1.1 100 x\r\n\r\n", 18, &used);
    assert_int_equal(status, STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_frames_behind_the_answer_stay),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_case_spaces_and_lists),
        cmocka_unit_test(test_refusals_are_named),
        cmocka_unit_test(test_what_was_not_asked_for),
        cmocka_unit_test(test_a_head_without_end),
        cmocka_unit_test(test_endless_announcements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
