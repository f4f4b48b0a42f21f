/* SPDX-License-Identifier: MIT
 *
 * Retention while every N-th disk operation fails, as on a full disk or a broken one: whatever
 * slice it hits is undone as a whole, and in the end as much has left as without faults. */
#include "tests/support/cmocka_all.h"

#include "tests/support/fault_vfs.h"
#include "tests/support/retention_bench.h"

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
        for (uint64_t nth = 1; nth <= calm.operations; nth += 7) {
            const struct outcome_of_run run = run_with_fault(nth, faults[i]);
            failures += run.failures;
            /* After a broken disk the job rests for an hour: one hour's 5 % (of 120) go later. */
            assert_true(run.left >= calm.left && run.left <= calm.left + 6);
        }
        assert_true(failures > 10);
    }
}

int main(void)
{
    if (!fault_vfs_install())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_that_fails_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
