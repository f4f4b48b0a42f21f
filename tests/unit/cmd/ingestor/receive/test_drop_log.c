/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/drop_log.h"
#include "common/base/log.h"

#include <string.h>
#include <unistd.h>

#define MS ((mono_us)US_PER_MS)

static struct receiver_tuple tuple;
static struct drop_log log_;

static int setup(void **state)
{
    (void)state;
    tuple = (struct receiver_tuple){.received = 10};
    tuple.outcomes[OUTCOME_DROPPED_SOFT] = 5; /* of an earlier life: never reported again */
    drop_log_init(&log_, "alpha", 100, 8192, &tuple);
    return 0;
}

static struct drop_report step(mono_us now)
{
    struct drop_report report;
    drop_log_step(&log_, &tuple, now, &report);
    return report;
}

static void drop(enum outcome outcome, uint64_t n)
{
    tuple.outcomes[outcome] += n;
    tuple.received += n;
}

static void test_silent_without_drops(void **state)
{
    (void)state;
    for (mono_us now = 0; now < 10000 * MS; now += 100 * MS)
        assert_int_equal(step(now).line, DROP_LOG_NONE);
    drop(OUTCOME_FILTERED_RATE, 7); /* filtered and rejected are no drops */
    drop(OUTCOME_REJECTED_TOO_LARGE, 7);
    assert_int_equal(step(20000 * MS).line, DROP_LOG_NONE);
}

static void test_first_drop_at_once_then_one_line_a_second(void **state)
{
    (void)state;
    unsigned lines = 0;
    uint64_t reported = 0;
    for (mono_us now = 0; now <= 5000 * MS; now += 10 * MS) {
        drop(OUTCOME_DROPPED_QUEUE_FULL, 3);
        const struct drop_report report = step(now);
        if (now == 0)
            assert_int_equal(report.line, DROP_LOG_FIRST);
        else
            assert_int_equal(report.line,
                             now % (1000 * MS) == 0 ? DROP_LOG_SUMMARY : DROP_LOG_NONE);
        lines += report.line != DROP_LOG_NONE;
        reported += report.news.full;
        if (report.line != DROP_LOG_NONE) {
            assert_int_equal(report.stall.full, reported);
            assert_int_equal(report.total, reported + 5);
        }
    }
    assert_int_equal(lines, 6);
    assert_int_equal(reported, 501 * 3);
}

static void test_recovery_has_count_and_duration(void **state)
{
    (void)state;
    drop(OUTCOME_DROPPED_SOFT, 1);
    assert_int_equal(step(1000 * MS).line, DROP_LOG_FIRST);
    drop(OUTCOME_DROPPED_QUEUE_FULL, 2);
    drop(OUTCOME_DROPPED_SPOOL, 4);
    assert_int_equal(step(1700 * MS).line, DROP_LOG_NONE);
    assert_int_equal(step(2000 * MS).line, DROP_LOG_SUMMARY);
    assert_int_equal(step(2999 * MS).line, DROP_LOG_NONE);
    const struct drop_report report = step(3000 * MS);
    assert_int_equal(report.line, DROP_LOG_RECOVERED);
    assert_int_equal(report.stall.soft, 1);
    assert_int_equal(report.stall.full, 2);
    assert_int_equal(report.stall.spool, 4);
    assert_int_equal(report.total, 12);
    assert_int_equal(report.duration, 700 * MS);
    assert_int_equal(step(9000 * MS).line, DROP_LOG_NONE);
    drop(OUTCOME_DROPPED_SOFT, 9);
    const struct drop_report next = step(9001 * MS);
    assert_int_equal(next.line, DROP_LOG_FIRST);
    assert_int_equal(next.stall.soft, 9);
    assert_int_equal(next.stall.full, 0);
}

/* A main loop that was away for long loses no count. */
static void test_seldom_called_is_exact(void **state)
{
    (void)state;
    drop(OUTCOME_DROPPED_SOFT, 1);
    assert_int_equal(step(0).line, DROP_LOG_FIRST);
    drop(OUTCOME_DROPPED_SOFT, 1000);
    const struct drop_report report = step(60000 * MS);
    assert_int_equal(report.line, DROP_LOG_SUMMARY);
    assert_int_equal(report.news.soft, 1000);
    assert_int_equal(step(61000 * MS).line, DROP_LOG_RECOVERED);
}

static void test_lines_name_the_capacity(void **state)
{
    (void)state;
    int fds[2];
    char text[4096] = "";
    assert_int_equal(pipe(fds), 0);
    log_set_fd(fds[1]);
    drop(OUTCOME_DROPPED_QUEUE_FULL, 42);
    drop_log_turn(&log_, &tuple, 0);
    drop_log_turn(&log_, &tuple, 500 * MS);
    drop_log_turn(&log_, &tuple, 1000 * MS);
    log_set_fd(STDERR_FILENO);
    assert_int_equal(close(fds[1]), 0);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    assert_int_equal(close(fds[0]), 0);
    assert_non_null(strstr(text, "warn ingest_buffer dropping messages source=alpha dropped=42"));
    assert_non_null(strstr(text, "info ingest_buffer no longer dropping messages"));
    assert_non_null(strstr(text, "queue_full=42"));
    assert_non_null(strstr(text, "total_dropped=47 ingestBufferSize=100 ingestBufferBytes=8192"));
    size_t lines = 0;
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_silent_without_drops, setup),
        cmocka_unit_test_setup(test_first_drop_at_once_then_one_line_a_second, setup),
        cmocka_unit_test_setup(test_recovery_has_count_and_duration, setup),
        cmocka_unit_test_setup(test_seldom_called_is_exact, setup),
        cmocka_unit_test_setup(test_lines_name_the_capacity, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
