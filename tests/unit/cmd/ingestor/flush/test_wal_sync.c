/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/flush/wal_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_US (10 * (mono_us)US_PER_S)

/* As the writer waits: the end of the sync wakes it. */
static enum wal_sync_result wait_for_end(struct wal_sync *sync, struct wake *wake)
{
    const mono_us until = clock_mono() + PATIENCE_US;
    while (!wal_sync_has_ended(sync) && clock_mono() < until) {
        wake_prepare(wake);
        if (wal_sync_has_ended(sync))
            wake_cancel(wake);
        else
            wake_wait(wake, until - clock_mono());
    }
    return wal_sync_take(sync);
}

static void it_syncs_and_wakes(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-sync-XXXXXX";
    struct wake wake = {0};
    const int fd = mkstemp(path);
    assert_int_not_equal(fd, -1);
    struct wal_sync *sync = wal_sync_start(path, &wake);
    assert_non_null(sync);
    assert_int_equal(wal_sync_take(sync), WAL_SYNC_NONE);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(write(fd, "page", 4), 4);
        wal_sync_ask(sync);
        assert_int_equal(wait_for_end(sync, &wake), WAL_SYNC_SYNCED);
        assert_false(wal_sync_has_ended(sync)); /* said once */
        assert_int_equal(wal_sync_take(sync), WAL_SYNC_NONE);
    }
    wal_sync_ask(sync);
    wal_sync_stop(sync); /* one that was asked for, too */
    wal_sync_stop(NULL);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
}

static void an_error_is_told(void **state)
{
    (void)state;
    struct wake wake = {0};
    struct wal_sync *sync = wal_sync_start("/dev/null", &wake); /* can't be synced */
    assert_non_null(sync);
    wal_sync_ask(sync);
    assert_int_equal(wait_for_end(sync, &wake), WAL_SYNC_FAILED);
    assert_int_equal(wal_sync_take(sync), WAL_SYNC_NONE);
    wal_sync_stop(sync);
    assert_null(wal_sync_start("/nonexistent/weir.db-wal", &wake));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_syncs_and_wakes),
        cmocka_unit_test(an_error_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
