/* SPDX-License-Identifier: MIT
 *
 * The tool's answers, and the tool itself in a child: exit code, stdout and stderr. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/tools/decode_tool.h"
#include "common/base/crypto.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct meshcore_json_options no_options = {.keys = NULL};

static void answers_one_line_that_begins_with_the_hash(void **state)
{
    (void)state;
    char out[DECODE_TOOL_MAX];
    assert_int_equal(decode_tool_answer("0e00deadbeef", &no_options, out), EXIT_CLEAN);
    assert_string_equal(
        out, "{\"hash\":\"2a4f80a18e795b28\",\"header\":{\"routeType\":2,\"routeTypeName\":"
             "\"DIRECT\",\"payloadType\":3,\"payloadTypeName\":\"ACK\",\"payloadVersion\":0},"
             "\"path\":{\"hashSize\":1,\"hashCount\":0,\"hops\":[]},\"payload\":{\"type\":\"ACK\","
             "\"extraHash\":\"efbeadde\",\"ackLen\":4}}\n");
}

/* A body too short for its type is an answer. */
static void a_short_body_is_an_answer(void **state)
{
    (void)state;
    char out[DECODE_TOOL_MAX];
    assert_int_equal(decode_tool_answer("1200", &no_options, out), EXIT_CLEAN);
    assert_non_null(strstr(out, "\"error\":\"too_short\""));
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    char too_long[2 * (MESHCORE_FRAME_MAX + 1) + 1];
    char big_payload[2 * (2 + MESHCORE_PAYLOAD_MAX + 1) + 1];
    memset(too_long, '0', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    memset(big_payload, '0', sizeof big_payload - 1);
    memcpy(big_payload, "0E00", 4);
    big_payload[sizeof big_payload - 1] = '\0';
    const struct {
        const char *hex, *text;
    } cases[] = {
        {"", "too_short: 0 bytes, but the path length stands in byte 1"},
        {"0E", "too_short: 1 bytes, but the path length stands in byte 1"},
        {"14AABBCCDD", "too_short: 5 bytes, but the path length stands in byte 5"},
        {"0E0", "bad_hex: 3 digits, half a byte is left over"},
        {"0E0g", "bad_hex: character 4 of 4 is no hex digit"},
        {"0E 0", "bad_hex: character 3 of 4 is no hex digit"},
        {"0x0E00", "bad_hex: character 2 of 6 is no hex digit"},
        {too_long, "too_long: 256 bytes, a frame has at most 255"},
        {"D665", "unsupported_version: byte 0 (0xD6) says payload version 3, only 0 is known"},
        {"0EC0", "path_reserved_hash_size: byte 1 (0xC0) says 0 hops of 4 bytes"},
        {"1400000000E1", "path_reserved_hash_size: byte 5 (0xE1) says 33 hops of 4 bytes"},
        {"0E61", "path_too_long: byte 1 (0x61) says 33 hops of 2 bytes"},
        {"0E05AA", "path_exceeds_packet: byte 1 (0x05) says 5 hops of 1 bytes"},
        {big_payload, "payload_too_long: more than 184 bytes are left behind the path (byte 1: "
                      "0x00)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[DECODE_TOOL_MAX];
        assert_int_equal(decode_tool_answer(cases[i].hex, &no_options, out), EXIT_BAD_DATA);
        assert_string_equal(out, cases[i].text);
    }
}

/* What a child wrote to out and err, NUL-terminated; returns its exit code. */
static int run(struct config *config, const char *hex, char out[static DECODE_TOOL_MAX],
               char err[static DECODE_TOOL_MAX])
{
    int out_pipe[2];
    int err_pipe[2];
    int status;
    assert_int_equal(pipe(out_pipe), 0);
    assert_int_equal(pipe(err_pipe), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (dup2(out_pipe[1], 1) < 0 || dup2(err_pipe[1], 2) < 0)
            _exit(1);
        _exit(decode_tool_run(config, hex));
    }
    assert_int_equal(close(out_pipe[1]), 0);
    assert_int_equal(close(err_pipe[1]), 0);
    /* Both fit in a pipe, so the child never waits for us. */
    assert_int_equal(waitpid(child, &status, 0), child);
    const ssize_t out_len = read(out_pipe[0], out, DECODE_TOOL_MAX - 1);
    const ssize_t err_len = read(err_pipe[0], err, DECODE_TOOL_MAX - 1);
    assert_true(out_len >= 0 && err_len >= 0);
    out[out_len] = '\0';
    err[err_len] = '\0';
    assert_int_equal(close(out_pipe[0]), 0);
    assert_int_equal(close(err_pipe[0]), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void runs_without_any_configuration(void **state)
{
    (void)state;
    char out[DECODE_TOOL_MAX];
    char err[DECODE_TOOL_MAX];
    struct config config = {.file = NULL};
    assert_int_equal(run(&config, "0E00DEADBEEF", out, err), EXIT_CLEAN);
    assert_non_null(strstr(out, "{\"hash\":\"2a4f80a18e795b28\","));
    assert_string_equal(err, "");
    assert_int_equal(run(&config, "DEADBEEF", out, err), EXIT_BAD_DATA);
    assert_string_equal(out, "");
    assert_string_equal(err, "test_decode_tool: --decode: unsupported_version: byte 0 (0xDE) says "
                             "payload version 3, only 0 is known\n");
}

/* The child ends its copy of the configuration, we ours. */
static void reads_channels_of_the_configuration(void **state)
{
    (void)state;
    char out[DECODE_TOOL_MAX];
    char err[DECODE_TOOL_MAX];
    const char *hex =
        "15419535D92F365EB798ABCF98ADE9AD5564C03150295EB15B8BE1B388EBB7733D3112CABD42830928E0AF2222"
        "05834112BA9A47D6E344";
    struct config config = {.file = NULL};
    config.hash_channels.items = calloc(1, sizeof *config.hash_channels.items);
    assert_non_null(config.hash_channels.items);
    config.hash_channels.items[0] = strdup("#test");
    assert_non_null(config.hash_channels.items[0]);
    config.hash_channels.count = 1;
    assert_int_equal(run(&config, hex, out, err), EXIT_CLEAN);
    assert_non_null(strstr(out, "\"type\":\"CHAN\",\"channel\":\"#test\""));
    free(config.hash_channels.items[0]);
    free(config.hash_channels.items);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_one_line_that_begins_with_the_hash),
        cmocka_unit_test(a_short_body_is_an_answer),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(runs_without_any_configuration),
        cmocka_unit_test(reads_channels_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
