/* SPDX-License-Identifier: MIT
 *
 * What the recorder writes, and when; and a replay that waits for room. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/recording/recorder.h"
#include "cmd/ingestor/recording/replay_source.h"
#include "common/base/log.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
    int room; /* messages that still fit */
    size_t count;
    char seen[8][64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    temp_dir_make(f->dir);
    (void)temp_dir_path(f->dir, "out.jsonl", f->path);
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static void add(struct recorder *recorder, const char *text)
{
    const struct ring_message message = {.topic = "t",
                                         .topic_len = 1,
                                         .payload = (const uint8_t *)text,
                                         .payload_len = (uint32_t)strlen(text),
                                         .receipt = 5};
    recorder_add(recorder, "s", &message);
}

static void expect_file(const struct fixture *f, const char *text)
{
    char content[1024] = "";
    FILE *file = fopen(f->path, "re");
    assert_non_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(content, text);
}

static void write_file(const struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#define LINE(n) "{\"source\":\"s\",\"receipt_us\":5,\"topic\":\"t\",\"payload\":{\"n\":" #n "}}\n"

static void only_what_is_committed_is_written(void **state)
{
    const struct fixture *f = *state;
    struct recorder *recorder = recorder_new(f->path);
    assert_non_null(recorder);
    add(recorder, "{\"n\":1}");
    expect_file(f, "");
    recorder_rolled_back(recorder);
    add(recorder, "{\"n\":2}");
    add(recorder, "{\"n\":3}");
    recorder_committed(recorder);
    recorder_committed(recorder);
    expect_file(f, LINE(2) LINE(3));
    assert_int_equal(recorder_lost(recorder), 0);
    recorder_free(recorder);
}

static void a_cut_line_is_ended(void **state)
{
    const struct fixture *f = *state;
    write_file(f, LINE(1) "{\"sou");
    struct recorder *recorder = recorder_new(f->path);
    add(recorder, "{\"n\":2}");
    recorder_committed(recorder);
    recorder_free(recorder);
    expect_file(f, LINE(1) "{\"sou\n" LINE(2));
}

static void a_pipe_that_nobody_reads_ends_it(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    const int reader = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    struct recorder *recorder = recorder_new(f->path);
    static char big[100000]; /* more than a pipe holds */
    memset(big, ' ', sizeof big - 3);
    big[0] = '{';
    big[sizeof big - 2] = '}';
    add(recorder, big);
    add(recorder, "{}");
    recorder_committed(recorder);
    assert_int_equal(recorder_lost(recorder), 2);
    recorder_free(recorder);
    assert_int_equal(close(reader), 0);
}

static void the_first_error_ends_it(void **state)
{
    (void)state;
    struct recorder *recorder = recorder_new("/dev/full");
    add(recorder, "{}");
    add(recorder, "{}");
    recorder_committed(recorder);
    assert_int_equal(recorder_lost(recorder), 2);
    add(recorder, "{}");
    recorder_rolled_back(recorder); /* was not committed: not missing */
    add(recorder, "{}");
    recorder_committed(recorder);
    assert_int_equal(recorder_lost(recorder), 3);
    recorder_free(recorder);

    recorder = recorder_new("/no/such/folder/file");
    add(recorder, "{}");
    recorder_committed(recorder);
    assert_int_equal(recorder_lost(recorder), 1);
    recorder_free(recorder);
}

static void a_full_one_says_so(void **state)
{
    const struct fixture *f = *state;
    struct recorder *recorder = recorder_new(f->path);
    char *text = malloc(100001);
    assert_non_null(text);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    int added = 0;
    for (; !recorder_is_full(recorder); added++)
        add(recorder, text);
    assert_true(added > 10 && added < 200);
    recorder_committed(recorder);
    assert_false(recorder_is_full(recorder));
    free(text);
    recorder_free(recorder);
}

static void no_recorder_is_no_error(void **state)
{
    (void)state;
    add(NULL, "{}");
    recorder_committed(NULL);
    recorder_rolled_back(NULL);
    assert_false(recorder_is_full(NULL));
    assert_int_equal(recorder_lost(NULL), 0);
    recorder_free(NULL);
}

/* --- replay ----------------------------------------------------------------------------------- */

static bool has_room(void *context, const struct ring_message *message)
{
    (void)message;
    return ((struct fixture *)context)->room > 0;
}

static void on_message(void *context, const struct ring_message *message)
{
    struct fixture *f = context;
    f->room--;
    assert_true(f->count < ARRAY_LEN(f->seen));
    (void)snprintf(f->seen[f->count++], sizeof f->seen[0], "%.*s", (int)message->payload_len,
                   (const char *)message->payload);
}

static struct replay_source *open_replay(struct fixture *f, double speed)
{
    const struct replay_params params = {.path = f->path,
                                         .speed = speed,
                                         .has_room = has_room,
                                         .on_message = on_message,
                                         .context = f};
    struct replay_source *source = NULL;
    struct err err = {0};
    assert_int_equal(replay_source_open(&params, &source, &err), STATUS_OK);
    return source;
}

static void a_replay_waits_for_room(void **state)
{
    struct fixture *f = *state;
    write_file(f, LINE(1) "\nnonsense\n" LINE(2) LINE(3));
    struct replay_source *source = open_replay(f, 0);
    f->room = 1;
    assert_true(replay_source_turn(source, clock_mono()) > 0);
    assert_int_equal(f->count, 1);
    assert_true(replay_source_turn(source, clock_mono()) > 0);
    assert_int_equal(f->count, 1);
    assert_false(replay_source_is_done(source));
    f->room = 5;
    (void)replay_source_turn(source, clock_mono());
    assert_int_equal(f->count, 3);
    assert_string_equal(f->seen[1], "{\"n\":2}");
    assert_true(replay_source_is_done(source));
    struct replay_counts counts;
    replay_source_counts(source, &counts);
    assert_int_equal(counts.messages, 3);
    assert_int_equal(counts.malformed, 1);
    assert_false(counts.has_failed);
    replay_source_close(source);
}

#define AT(us, n) "{\"topic\":\"t\",\"receipt_us\":" #us ",\"payload\":{\"n\":" #n "}}\n"

/* Times as the receipts say, divided by the speed; one that goes back, or has no receipt, is
 * due at once. */
static void a_replay_keeps_its_pace(void **state)
{
    struct fixture *f = *state;
    write_file(f, AT(1000000, 1) AT(3000000, 2)
                      AT(2000000, 3) "{\"topic\":\"t\",\"payload\":{}}\n" AT(9000000000000000, 5));
    struct replay_source *source = open_replay(f, 2);
    f->room = 10;
    const mono_us zero = 50;
    assert_int_equal(replay_source_turn(source, zero), 100);
    assert_int_equal(f->count, 1);
    assert_int_equal(replay_source_turn(source, zero + 990000), 10);
    assert_int_equal(f->count, 1);
    assert_int_equal(replay_source_turn(source, zero + 1000000), 100);
    assert_int_equal(f->count, 4);
    assert_false(replay_source_is_done(source));
    replay_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_is_committed_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_line_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_that_nobody_reads_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_error_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_one_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(no_recorder_is_no_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_replay_waits_for_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_replay_keeps_its_pace, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
