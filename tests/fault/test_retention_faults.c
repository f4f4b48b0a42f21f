/* SPDX-License-Identifier: MIT
 *
 * Retention while every N-th disk operation fails, as on a full disk or a broken one: whatever
 * slice it hits is undone as a whole, and in the end as much has left as without faults. So with
 * what is counted behind the messages. */
#include "tests/support/cmocka_all.h"

#include "tests/support/emulated.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/retention_bench.h"

#include <string.h>

#define FAULT_HOURS 8

struct outcome_of_run {
    int failures;
    uint64_t operations;
    int64_t left;
};

/* Slices of a few rows, checkpoints between hours. */
static struct outcome_of_run run_with_fault(uint64_t nth, int rc)
{
    struct retention_bench b;
    bench_open(&b, 1000);
    bench_past(&b, 2, 60);
    bench_derive(&b);
    b.config.retention = (struct config_retention){.packet_days = 1, .rollup_days = 2};
    bench_restart(&b);
    b.m.rows_max[JOB_PRUNE_PACKETS] = 16;
    b.may_fail = true;
    bench_pass(&b, 1800); /* what is compared below is not the first turn of an hour */
    fault_vfs_arm(nth, 1, rc);
    for (int hour = 0; hour < FAULT_HOURS; hour++) {
        struct store_checkpoint done;
        bench_pass(&b, 3600);
        IGNORE(store_checkpoint(b.db.store, false, &done), "one that fails is tried again");
    }
    const struct outcome_of_run out = {
        .failures = b.failures,
        .operations = fault_vfs_operations(),
        .left = fixture_int(&b.db, "SELECT count(*) FROM transmissions"),
    };
    fault_vfs_arm(0, 0, 0);
    bench_assert_recount(&b);
    bench_close(&b);
    return out;
}

static void a_slice_that_fails_leaves_no_trace(void **state)
{
    (void)state;
    const struct outcome_of_run calm = run_with_fault(0, 0);
    assert_int_equal(calm.failures, 0);
    assert_true(calm.operations > 50);
    static const int faults[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        int failures = 0;
        for (uint64_t nth = 1; nth <= calm.operations; nth += fault_step(7, 21)) {
            const struct outcome_of_run run = run_with_fault(nth, faults[i]);
            failures += run.failures;
            /* After a broken disk the job rests for an hour: one hour's 5 % (of 120) go later. */
            assert_true(run.left >= calm.left && run.left <= calm.left + 6);
        }
        assert_true(failures > 10);
    }
}

/* --- what is counted behind the messages ------------------------------------------------------ */

/* A node for each first byte; a history that counted every second pair as measured. */
static const char late_history[] =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 254)"
    " INSERT INTO nodes (id, public_key, first_ms, last_ms, advert_time) SELECT i,"
    " CAST(char(i % 128) || zeroblob(31) AS BLOB), 1774796400000, 1774796400000, 0 FROM n WHERE"
    " i < 128;"
    "UPDATE observations SET heard = 50, rssi = -65 WHERE id % 2;"
    "DELETE FROM rollups WHERE kind IN (4, 5);"
    "INSERT INTO rollups SELECT 4, 12, receipt_ms / 3600000, count(*), 0 FROM observations WHERE"
    " id % 2 GROUP BY 3;"
    "UPDATE jobs SET value = (SELECT max(id) FROM observations) WHERE name = 'count_late'";
static const char late_result[] =
    "SELECT (SELECT group_concat(key || ':' || observations) FROM rollups WHERE kind IN (4, 7)) ||"
    " ' ' || (SELECT count(last_relayed_ms) || '/' || sum(last_relayed_ms) FROM nodes) || ' ' ||"
    " (SELECT position FROM jobs WHERE name = 'count_late')";

static uint64_t count_with_fault(uint64_t nth, int rc, char out[static 512], int *failures)
{
    struct retention_bench b;
    bench_open(&b, 2);
    bench_past(&b, 2, 60);
    bench_sql(&b, late_history);
    bench_restart(&b);
    b.may_fail = true;
    fault_vfs_arm(nth, 1, rc);
    for (int i = 0; i < 20; i++) { /* a job that failed rests for an hour */
        struct store_checkpoint done;
        b.m.rows_max[JOB_COUNT_LATE] = 16;
        bench_pass(&b, 720);
        IGNORE(store_checkpoint(b.db.store, false, &done), "one that fails is tried again");
    }
    const uint64_t operations = fault_vfs_operations();
    fault_vfs_arm(0, 0, 0);
    (void)fixture_text_of(&b.db, late_result, out);
    *failures += b.failures;
    bench_close(&b);
    return operations;
}

static void what_is_counted_late_is_counted_once(void **state)
{
    (void)state;
    char wanted[512];
    char got[512];
    int failures = 0;
    const uint64_t operations = count_with_fault(0, 0, wanted, &failures);
    assert_int_equal(failures, 0);
    assert_non_null(strstr(wanted, " 240")); /* all of them */
    static const int faults[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    for (uint64_t nth = 1; nth <= operations; nth += fault_step(3, 9)) {
        (void)count_with_fault(nth, faults[nth % 2], got, &failures);
        assert_string_equal(got, wanted);
    }
    assert_true(failures > 10);
}

int main(void)
{
    if (!fault_vfs_install())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_that_fails_leaves_no_trace),
        cmocka_unit_test(what_is_counted_late_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
