/* SPDX-License-Identifier: MIT
 *
 * What depends on the machine: on 32 bits buffers must fit into the addresses that
 * a process has. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include "common/config/config_validate.h"

#define GIB (INT64_C(1) << 30)

static void rings_share_the_addresses_of_32_bits(void **state)
{
    (void)state;
    assert_int_equal(config_ring_bytes_most(8, 65), INT64_MAX);
    assert_int_equal(config_ring_bytes_most(4, 0), INT64_MAX);
    assert_int_equal(config_ring_bytes_most(4, 1), GIB);
    assert_int_equal(config_ring_bytes_most(4, 4), GIB / 4);
    assert_int_equal(config_ring_bytes_most(4, 3), 357912576); /* whole pages */
}

static void a_large_buffer_is_refused_where_it_does_not_fit(void **state)
{
    struct config_bench *b = *state;
    static const char two[] = "{\"ingestBufferBytes\": 4294967296, \"mqttSources\": ["
                              "{\"name\": \"a\", \"broker\": \"mqtt://h\"},"
                              "{\"name\": \"b\", \"broker\": \"mqtt://h\"}]}";
    if (sizeof(void *) > 4) {
        assert_int_equal(config_bench_load(b, two), STATUS_OK);
        assert_int_equal(b->config.ingest_buffer_bytes, 4 * GIB);
        return;
    }
    config_bench_expect_error(b, two,
                              "ingestBufferBytes: 4294967296 is too much for this 32-bit machine, "
                              "which has addresses for 1073741824 bytes of buffers: with 2 of them "
                              "at most 536870912 each");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_share_the_addresses_of_32_bits),
        cmocka_unit_test_setup_teardown(a_large_buffer_is_refused_where_it_does_not_fit,
                                        config_bench_setup, config_bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
