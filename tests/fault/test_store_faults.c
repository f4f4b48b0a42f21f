/* SPDX-License-Identifier: MIT
 *
 * The flusher's loop in small: messages with numbers, applied in batches from the cursor that the
 * database holds. The N-th disk operation fails, as a full disk or as a broken one, once or four
 * times; after rollback, forget and replay the tables must equal those of an undisturbed run. The
 * same for memory. */
#include "tests/support/cmocka_all.h"

#include "tests/support/emulated.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/store_fixture.h"

#include "cmd/ingestor/store/store_ring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1774798050000)
enum { MESSAGES = 60, BATCH = 13, RETRIES_MAX = 50 };

/* Of the operations and allocations every so many-th fails; where they are slow, fewer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { OPERATIONS_STEP = 3, ALLOCATIONS_STEP = 37 };
#else
enum { OPERATIONS_STEP = 1, ALLOCATIONS_STEP = 11 };
#endif
enum { OPERATIONS_STEP_EMULATED = 7, ALLOCATIONS_STEP_EMULATED = 211 };

/* Message n of the stream: texts, some heard twice, adverts, forged ones,
 * statuses, redeliveries. */
static enum status apply_message(struct store *store, uint32_t n, struct store_result *result)
{
    static const char *const observers[] = {"A", "b", "C"};
    const char *observer = observers[n % 3];
    struct fixture_packet packet;
    struct fixture_status status;
    switch (n % 10) {
    case 3:
    case 7: {
        const struct fixture_advert advert = {.key_seed = (uint8_t)(1 + n % 4),
                                              .timestamp = 1000 + n / 20,
                                              .name = "node",
                                              .lat = 1 + n,
                                              .lon = 2,
                                              .is_forged = n == 23};
        fixture_advert(&packet, observer, &advert, T0 + n);
        break;
    }
    case 5:
        fixture_status(&status, observer, n % 20 == 5 ? 4000.0 + n : (double)NAN,
                       n == 15 ? 0 : T0 + n / 40, T0 + n);
        return store_status(store, &status.status, result);
    default:
        fixture_text(&packet, observer, n / 2, n % 3, T0 + n);
        break;
    }
    return store_packet(store, &packet.packet, result);
}

static enum status apply_record(struct store *store, uint32_t n, struct store_result *result)
{
    enum status status = store_savepoint(store);
    if (status == STATUS_OK)
        status = apply_message(store, n, result);
    return status == STATUS_OK ? store_release(store, result->outcome) : status;
}

static enum status apply_batch(struct store *store, struct store_ring *ring)
{
    enum status status = store_begin(store, ring->cursor.number % 2 == 0);
    for (int i = 0; status == STATUS_OK && i < BATCH && ring->cursor.number < MESSAGES; i++) {
        struct store_result result = {0};
        status = apply_record(store, (uint32_t)ring->cursor.number, &result);
        ring->cursor.number++;
        ring->cursor.offset += 100;
        ring->tuple.consumed++;
        ring->tuple.outcomes[result.outcome]++;
    }
    if (status == STATUS_OK)
        status = store_cursor_save(store, ring);
    return status == STATUS_OK ? store_commit(store) : status;
}

static enum status load_ring(struct store *store, struct store_ring *ring)
{
    const struct store_ring fresh = {.uuid = {1}, .chain = {2}, .source = "broker"};
    enum status status = store_cursor_load(store, fresh.uuid, ring);
    if (status != STATUS_NOT_FOUND)
        return status;
    *ring = fresh;
    return STATUS_OK;
}

/* Runs the stream to its end, checkpointing after each batch; returns how often it had
 * to start again. */
static int run_stream(struct store *store)
{
    int retries = 0;
    struct store_ring ring;
    enum status status = load_ring(store, &ring);
    while (status != STATUS_OK || ring.cursor.number < MESSAGES) {
        if (status == STATUS_OK)
            status = apply_batch(store, &ring);
        if (status == STATUS_OK) {
            struct store_checkpoint done;
            IGNORE(store_checkpoint(store, ring.cursor.number % 3 == 0, &done),
                   "a checkpoint that fails is tried again later");
            continue;
        }
        assert_true(retries++ < RETRIES_MAX);
        store_rollback(store);
        status = load_ring(store, &ring);
    }
    return retries;
}

/* A run whose nth operation, and the length - 1 after it, fail; returns how often it had
 * to start again. */
static uint64_t run_with_fault(uint64_t nth, uint64_t length, int rc, const char *wanted)
{
    struct fixture_db db;
    fixture_db_open(&db);
    fault_vfs_arm(nth, length, rc);
    uint64_t retries = (uint64_t)run_stream(db.store);
    fault_vfs_arm(0, 0, 0);
    char *got = fixture_dump(db.path);
    if (strcmp(got, wanted) != 0)
        fail_msg("operation %llu failing with %d: tables differ\n--- wanted\n%s--- got\n%s",
                 (unsigned long long)nth, rc, wanted, got);
    free(got);
    fixture_db_close(&db);
    return retries;
}

static char *undisturbed(uint64_t *out_operations)
{
    struct fixture_db db;
    fixture_db_open(&db);
    fault_vfs_arm(0, 0, 0);
    assert_int_equal(run_stream(db.store), 0);
    *out_operations = fault_vfs_operations();
    char *dump = fixture_dump(db.path);
    fixture_db_close(&db);
    return dump;
}

static void any_failing_disk_operation_is_survived(void **state)
{
    (void)state;
    uint64_t operations = 0;
    char *wanted = undisturbed(&operations);
    assert_true(operations > 50);
    static const struct {
        int rc;
        uint64_t length;
    } faults[] = {{SQLITE_FULL, 1}, {SQLITE_IOERR_WRITE, 4}, {SQLITE_IOERR_FSYNC, 1}};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        uint64_t retries = 0;
        const uint64_t step = fault_step(OPERATIONS_STEP, OPERATIONS_STEP_EMULATED);
        for (uint64_t nth = 1 + i % step; nth <= operations; nth += step)
            retries += run_with_fault(nth, faults[i].length, faults[i].rc, wanted);
        assert_true(retries > 10); /* commits did fail, not only checkpoints */
    }
    free(wanted);
}

/* --- memory ----------------------------------------------------------------------------------- */

static sqlite3_mem_methods real_memory;
static uint64_t allocations, failing_allocation;

static void *counting_malloc(int bytes)
{
    allocations++;
    return allocations == failing_allocation ? NULL : real_memory.xMalloc(bytes);
}

static void *counting_realloc(void *old, int bytes)
{
    allocations++;
    return allocations == failing_allocation ? NULL : real_memory.xRealloc(old, bytes);
}

static void any_failing_allocation_is_survived(void **state)
{
    (void)state;
    uint64_t operations = 0;
    allocations = 0;
    failing_allocation = 0;
    char *wanted = undisturbed(&operations);
    uint64_t retries = 0;
    const uint64_t step = fault_step(ALLOCATIONS_STEP, ALLOCATIONS_STEP_EMULATED);
    for (uint64_t nth = 1;; nth += step) {
        struct fixture_db db;
        fixture_db_open(&db);
        allocations = 0;
        failing_allocation = nth;
        int again = run_stream(db.store);
        bool fired = allocations >= nth;
        failing_allocation = 0;
        char *got = fixture_dump(db.path);
        if (strcmp(got, wanted) != 0)
            fail_msg("allocation %llu: tables differ", (unsigned long long)nth);
        free(got);
        fixture_db_close(&db);
        retries += (uint64_t)again;
        if (!fired)
            break;
    }
    assert_true(retries > 10);
    free(wanted);
}

int main(void)
{
    sqlite3_mem_methods counting;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
        return 1;
    counting = real_memory;
    counting.xMalloc = counting_malloc;
    counting.xRealloc = counting_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &counting) != SQLITE_OK || !fault_vfs_install())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_failing_disk_operation_is_survived),
        cmocka_unit_test(any_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
