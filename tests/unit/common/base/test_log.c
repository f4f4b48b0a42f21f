/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "tests/support/fake_clock.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW  1774798050123456
#define WHEN "2026-03-29T15:27:30.123Z"

struct fixture {
    int pipe[2];
    char line[2 * LOG_LINE_MAX];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL || pipe(fixture->pipe) != 0)
        return -1;
    log_set_fd(fixture->pipe[1]);
    (void)unsetenv("JOURNAL_STREAM");
    log_init(LOG_INFO, LOG_TEXT);
    fake_clock_install(NOW, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fake_clock_remove();
    log_set_fd(STDERR_FILENO);
    (void)close(fixture->pipe[0]);
    (void)close(fixture->pipe[1]);
    free(fixture);
    return 0;
}

/* What one log_event wrote; it writes at once and into a pipe that is empty. */
static const char *written(struct fixture *fixture)
{
    const ssize_t n = read(fixture->pipe[0], fixture->line, sizeof fixture->line - 1);
    assert_in_range(n, 1, LOG_LINE_MAX);
    fixture->line[n] = '\0';
    assert_ptr_equal(strchr(fixture->line, '\n'), fixture->line + n - 1); /* one line */
    return fixture->line;
}

static void assert_utf8(const char *text)
{
    const size_t len = strlen(text);
    size_t run = 1;
    size_t i = 0;
    for (; i < len && run > 0; i += run)
        run = utf8_sequence_len((const uint8_t *)text + i, len - i);
    assert_int_equal(i, len);
}

static void an_event_is_one_line_of_pairs(void **state)
{
    log_event(LOG_WARN, "ring", "buffer full",
              KV(KV_STR("source", "local"), KV_INT("dropped", -7), KV_REAL("rate", 0.5)));
    assert_string_equal(written(*state),
                        WHEN " warn ring buffer full source=local dropped=-7 rate=0.5\n");
    log_event(LOG_INFO, "main", "started", NULL);
    assert_string_equal(written(*state), WHEN " info main started\n");
}

static void values_that_need_it_are_quoted(void **state)
{
    log_event(LOG_INFO, "c", "m",
              KV(KV_STR("a", "two words"), KV_STR("b", ""), KV_STR("c", NULL), KV_STR("d", "x=y"),
                 KV_STR("e", "q\"b\\")));
    assert_string_equal(written(*state), WHEN
                        " info c m a=\"two words\" b=\"\" c=\"\" d=\"x=y\" e=\"q\\\"b\\\\\"\n");
}

static void hostile_text_can_neither_forge_a_line_nor_move_a_cursor(void **state)
{
    log_event(LOG_INFO, "c", "m\n" WHEN " error forged",
              KV(KV_STR("name", "\x1b[2J\r\n\x7f\xff\xc2\x9b\xc3\xa9")));
    assert_string_equal(written(*state),
                        WHEN " info c m\\x0a" WHEN " error forged"
                             " name=\"\\x1b[2J\\x0d\\x0a\\x7f\\xff\\xc2\\x9b\xc3\xa9\"\n");
}

static void levels_below_the_minimum_are_not_written(void **state)
{
    log_init(LOG_WARN, LOG_TEXT);
    log_event(LOG_DEBUG, "c", "debug", NULL);
    log_event(LOG_INFO, "c", "info", NULL);
    log_event(LOG_ERROR, "c", "error", NULL);
    assert_string_equal(written(*state), WHEN " error c error\n");
}

static void the_journal_gets_no_timestamp(void **state)
{
    assert_int_equal(setenv("JOURNAL_STREAM", "8:1", 1), 0);
    log_init(LOG_INFO, LOG_TEXT);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    log_event(LOG_INFO, "c", "m", NULL);
    assert_string_equal(written(*state), "info c m\n");
}

static cJSON *written_json(struct fixture *fixture)
{
    const char *line = written(fixture);
    assert_utf8(line);
    cJSON *root = json_parse(line, strlen(line), 2);
    assert_non_null(root);
    return root;
}

static void a_json_line_holds_the_same(void **state)
{
    log_init(LOG_INFO, LOG_JSON);
    log_event(LOG_ERROR, "c", "a \"m\"\n",
              KV(KV_STR("s", "\x01\xff\xc3\xa9"), KV_INT("i", INT64_MIN), KV_REAL("r", 1.25),
                 KV_REAL("nan", (double)NAN), KV_REAL("inf", (double)INFINITY)));
    cJSON *root = written_json(*state);
    assert_string_equal(json_string(root, "ts"), WHEN);
    assert_string_equal(json_string(root, "level"), "error");
    assert_string_equal(json_string(root, "component"), "c");
    assert_string_equal(json_string(root, "msg"), "a \"m\"\n");
    assert_string_equal(json_string(root, "s"), "\x01\xc3\xbf\xc3\xa9");
    int64_t integer = 0;
    assert_true(json_int(root, "i", &integer));
    assert_int_equal(integer, INT64_MIN);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(root, "nan")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(root, "inf")));
    cJSON_Delete(root);
}

static void write_cut_json(struct fixture *fixture, const char *big)
{
    log_init(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "c", "m", KV(KV_INT("n", 1), KV_STR("v", big), KV_INT("z", 2)));
    cJSON_Delete(written_json(fixture));
    log_event(LOG_INFO, "c", big, KV(KV_STR("v", "x")));
    cJSON_Delete(written_json(fixture));
}

static void write_cut_text(struct fixture *fixture, const char *big)
{
    log_init(LOG_INFO, LOG_TEXT);
    log_event(LOG_INFO, "c", "m", KV(KV_STR("v", big), KV_INT("z", 2)));
    assert_utf8(written(fixture));
}

static bool is_near_limit(size_t printed)
{
    return printed > LOG_LINE_MAX - 150 && printed < LOG_LINE_MAX + 20;
}

/* Every length around the limit, in the message and in a value. */
static void a_cut_line_still_is_whole_characters_and_whole_json(void **state)
{
    static const struct {
        const char *bytes;
        size_t json_width, text_width; /* as printed */
    } units[] = {{"a", 1, 1},    {"\xc3\xa9", 2, 2}, {"\xff", 6, 4},
                 {"\x01", 6, 4}, {"\"", 2, 2},       {"\xf0\x9f\x98\x80", 4, 4}};
    static char big[2 * LOG_LINE_MAX];
    for (size_t unit = 0; unit < ARRAY_LEN(units); unit++) {
        const size_t step = strlen(units[unit].bytes);
        for (size_t count = 1; count * step < sizeof big; count++) {
            memcpy(big + (count - 1) * step, units[unit].bytes, step);
            big[count * step] = '\0';
            if (is_near_limit(count * units[unit].json_width))
                write_cut_json(*state, big);
            if (is_near_limit(count * units[unit].text_width))
                write_cut_text(*state, big);
        }
    }
}

static void a_long_value_is_cut_and_marked_not_left_out(void **state)
{
    char big[3000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    log_event(LOG_INFO, "c", "m", KV(KV_STR("v", big)));
    const char *line = written(*state);
    assert_true(strlen(line) > LOG_LINE_MAX - 10);
    assert_string_equal(line + strlen(line) - 5, "x...\n");
    log_init(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "c", "m", KV(KV_STR("v", big)));
    line = written(*state);
    assert_true(strlen(line) > LOG_LINE_MAX - 10);
    assert_string_equal(line + strlen(line) - 7, "x...\"}\n");
}

static void a_line_that_does_not_fit_is_lost_whole_and_counted(void **state)
{
    struct fixture *fixture = *state;
    const int64_t before = log_lines_lost();
    assert_int_equal(fcntl(fixture->pipe[1], F_SETFL, O_NONBLOCK), 0);
    int64_t lines = 0;
    for (; log_lines_lost() < before + 3; lines++)
        log_event(LOG_INFO, "c", "m", KV(KV_INT("n", lines)));
    assert_int_equal(fcntl(fixture->pipe[0], F_SETFL, O_NONBLOCK), 0);
    static char all[1 << 20];
    const ssize_t n = read(fixture->pipe[0], all, sizeof all - 1);
    assert_in_range(n, 1, sizeof all - 1);
    int64_t whole = 0;
    char *rest = NULL;
    for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, WHEN " info c m n=%lld", (long long)whole++);
        assert_string_equal(line, expected);
    }
    assert_int_equal(whole, lines - 3);
}

/* A reload switches the supervisor's log; its workers were forked long before. */
static void one_switch_reaches_all_processes_that_share_it(void **state)
{
    struct log_switches *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    log_init(LOG_WARN, LOG_TEXT);
    log_share_switches(shared);
    int go[2];
    assert_int_equal(pipe(go), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        char byte;
        const bool is_asked = read(go[0], &byte, 1) == 1;
        log_event(LOG_DEBUG, "c", "m", NULL);
        _exit(is_asked ? 0 : 1);
    }
    log_switch(LOG_DEBUG, LOG_JSON);
    assert_int_equal(write(go[1], "x", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(
        strstr(written(*state), "\"level\":\"debug\",\"component\":\"c\",\"msg\":\"m\"}"));
    log_share_switches(NULL); /* what is in force stays */
    log_event(LOG_DEBUG, "c", "ours", NULL);
    assert_non_null(strstr(written(*state), "\"ours\""));
    (void)close(go[0]);
    (void)close(go[1]);
    assert_int_equal(munmap(shared, sizeof *shared), 0);
}

static void names_of_levels_and_formats_are_parsed(void **state)
{
    (void)state;
    enum log_level level;
    enum log_format format;
    assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
    assert_true(log_level_parse("error", &level) && level == LOG_ERROR);
    assert_false(log_level_parse("Error", &level));
    assert_false(log_level_parse("", &level));
    assert_true(log_format_parse("json", &format) && format == LOG_JSON);
    assert_true(log_format_parse("text", &format) && format == LOG_TEXT);
    assert_false(log_format_parse("xml", &format));
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LOG_TEST(an_event_is_one_line_of_pairs),
        LOG_TEST(values_that_need_it_are_quoted),
        LOG_TEST(hostile_text_can_neither_forge_a_line_nor_move_a_cursor),
        LOG_TEST(levels_below_the_minimum_are_not_written),
        LOG_TEST(the_journal_gets_no_timestamp),
        LOG_TEST(a_json_line_holds_the_same),
        LOG_TEST(a_cut_line_still_is_whole_characters_and_whole_json),
        LOG_TEST(a_long_value_is_cut_and_marked_not_left_out),
        LOG_TEST(a_line_that_does_not_fit_is_lost_whole_and_counted),
        LOG_TEST(one_switch_reaches_all_processes_that_share_it),
        LOG_TEST(names_of_levels_and_formats_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
