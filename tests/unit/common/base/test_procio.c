/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/procio.h"
#include "tests/support/emulated.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool parse(const char *text, struct procio *out)
{
    return procio_parse(text, strlen(text), out);
}

static void the_five_counters_are_read(void **state)
{
    (void)state;
    struct procio io;
    assert_true(parse("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n"
                      "cancelled_write_bytes: 7\n",
                      &io));
    assert_int_equal(io.syscalls_read, 3);
    assert_int_equal(io.syscalls_write, 4);
    assert_int_equal(io.read_bytes, 5);
    assert_int_equal(io.write_bytes, 6);
    assert_int_equal(io.cancelled_write_bytes, 7);
}

static void a_text_without_a_known_key_is_no_sample(void **state)
{
    (void)state;
    struct procio io = {.read_bytes = 42};
    assert_false(parse("", &io));
    assert_false(parse("\n\n", &io));
    assert_false(parse("rchar: 1\nwchar: 2\n", &io));
    assert_false(parse("read_bytes: \n", &io));
    assert_false(parse("read_bytes: -1\n", &io));
    assert_false(parse("read_bytes: 1x\n", &io));
    assert_false(parse("xread_bytes: 1\n", &io));
    assert_false(parse("read_bytes: 18446744073709551616\n", &io));
    assert_int_equal(io.read_bytes, 42); /* untouched */
}

static void a_cut_text_gives_what_it_holds(void **state)
{
    (void)state;
    struct procio io;
    assert_true(parse("syscr: 12", &io));
    assert_int_equal(io.syscalls_read, 12);
    assert_int_equal(io.write_bytes, 0);
    assert_true(parse("syscr: 18446744073709551615\nsyscw", &io));
    assert_true(io.syscalls_read == UINT64_MAX);
}

static void our_own_reads_are_counted(void **state)
{
    (void)state;
    struct procio before, after;
    assert_true(procio_read(0, &before));
    for (int i = 0; i < 10; i++)
        assert_true(procio_read(getpid(), &after));
    assert_true(after.syscalls_read >= before.syscalls_read + 9);
}

/* For root and for anybody else: what the sum over a family is built on. */
static void the_counters_of_a_reaped_child_are_ours(void **state)
{
    (void)state;
    struct procio before, unreaped, after, io;
    assert_true(procio_read(0, &before));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 1000; i++)
            IGNORE(procio_read(0, &io), "it is the reading that counts");
        _exit(0);
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_true(procio_read(0, &unreaped));
    assert_true(unreaped.syscalls_read < before.syscalls_read + 1000);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(procio_read(0, &after));
    assert_in_range(after.syscalls_read, before.syscalls_read + 1000, before.syscalls_read + 1900);
    assert_false(procio_read(child, &io));
}

static void add_sums_each_counter(void **state)
{
    (void)state;
    struct procio total = {1, 2, 3, 4, 5};
    const struct procio part = {10, 20, 30, 40, 50};
    procio_add(&total, &part);
    const struct procio expected = {11, 22, 33, 44, 55};
    assert_memory_equal(&total, &expected, sizeof total);
}

static void a_name_with_brackets_hides_no_field(void **state)
{
    (void)state;
    struct procio_usage usage;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    assert_true(
        procio_usage_parse("7 (a) 1 (b)) S 1 7 7 0 -1 4194560 90 80 0 0 150 50 30 20 20 0 1 "
                           "0 400 8192 3 18446744073709551615 1 1 0 0 0 0 0",
                           &usage));
    assert_true(usage.cpu_s == 200 / ticks && usage.children_cpu_s == 50 / ticks);
    assert_true(usage.virtual_bytes == 8192 && usage.started_s == 400 / ticks);
    assert_true(usage.resident_bytes == 3 * (double)sysconf(_SC_PAGESIZE));
    assert_false(procio_usage_parse("", &usage));
    assert_false(procio_usage_parse("7 (a) S 1 2", &usage));
}

static void our_own_usage_is_there(void **state)
{
    (void)state;
    struct procio_usage usage;
    /* Of ourselves qemu-user makes the file up, with zeros for the memory (findings/); then the
     * file is that of who started us. */
    assert_true(procio_usage_read(is_emulated() ? getppid() : 0, &usage));
    assert_true(usage.resident_bytes > 100000 && usage.virtual_bytes >= usage.resident_bytes);
    assert_true(usage.cpu_s >= 0 && usage.started_s > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_five_counters_are_read),
        cmocka_unit_test(a_text_without_a_known_key_is_no_sample),
        cmocka_unit_test(a_cut_text_gives_what_it_holds),
        cmocka_unit_test(our_own_reads_are_counted),
        cmocka_unit_test(the_counters_of_a_reaped_child_are_ours),
        cmocka_unit_test(add_sums_each_counter),
        cmocka_unit_test(a_name_with_brackets_hides_no_field),
        cmocka_unit_test(our_own_usage_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
