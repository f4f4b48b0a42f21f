/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/stats/metrics.h"

#include <string.h>

struct row {
    const char *id, *json, *prometheus, *kind, *unit, *help;
};

#define ROW(id, json, prometheus, kind, unit, help) {#id, json, prometheus, #kind, unit, help},

static const struct row rows[] = {
#define METRIC(id, json, prometheus, kind, unit, help) ROW(id, json, prometheus, kind, unit, help)
#define PROCIO(id, rate, json, prometheus, unit, help)                                             \
    ROW(id, json, prometheus, COUNTER, unit, help)
#define COMMIT(id, json, prometheus, kind, unit, help) ROW(id, json, prometheus, kind, unit, help)
#define SOURCE_QUEUE(id, json, prometheus, kind, unit, help)                                       \
    ROW(id, json, prometheus, kind, unit, help)
#define SOURCE_LEDGER(id, json, prometheus, kind, unit, help)                                      \
    ROW(id, json, prometheus, kind, unit, help)
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help)                                       \
    ROW(id, json, prometheus, kind, unit, help)
#define LINK(id, json, prometheus, kind, unit, help)   ROW(id, json, prometheus, kind, unit, help)
#define BROKER(id, json, prometheus, kind, unit, help) ROW(id, json, prometheus, kind, unit, help)
#define WORKER(id, json, prometheus, kind, unit, help) ROW(id, json, prometheus, kind, unit, help)
#define WRITER(id, json, prometheus, kind, unit, help) ROW(id, json, prometheus, kind, unit, help)
#define UNHEALTHY(id, json, prometheus, kind, unit, help)                                          \
    ROW(id, json, prometheus, kind, unit, help)
#define DERIVED(id, prometheus, kind, unit, help)       ROW(id, "-", prometheus, kind, unit, help)
#define SERVER(id, prometheus, kind, unit, help)        ROW(id, "-", prometheus, kind, unit, help)
#define PROCESS(id, prometheus, kind, unit, help)       ROW(id, "-", prometheus, kind, unit, help)
#define REQUEST(id, prometheus, kind, unit, help)       ROW(id, "-", prometheus, kind, unit, help)
#define VERDICT(id, prometheus, kind, unit, help)       ROW(id, "-", prometheus, kind, unit, help)
#define INGESTOR(id, prometheus, kind, unit, help)      ROW(id, "-", prometheus, kind, unit, help)
#define ANALYSIS(id, prometheus, kind, unit, help)      ROW(id, "-", prometheus, kind, unit, help)
#define USAGE(id, json, prometheus, kind, unit, help)   ROW(id, json, prometheus, kind, unit, help)
#define STORAGE(id, json, prometheus, kind, unit, help) ROW(id, json, prometheus, kind, unit, help)
#define CHECKPOINT(id, json, prometheus, kind, unit, help)                                         \
    ROW(id, json, prometheus, kind, unit, help)
#include "common/stats/metrics.def"
};

static bool ends_in(const char *text, const char *end)
{
    const size_t len = strlen(text);
    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(rows[i].json[0] != '\0' || rows[i].prometheus[0] != '\0');
        assert_true(ends_in(rows[i].help, "."));
        assert_null(strchr(rows[i].help, '\n'));
    }
}

/* Prometheus' own rules: weir_<what>[_<unit>][_total], and a name is one family. */
static void names_follow_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *name = rows[i].prometheus;
        if (*name == '\0')
            continue;
        assert_true(strncmp(name, "weir_", 5) == 0 || strncmp(name, "process_", 8) == 0);
        assert_int_equal(ends_in(name, "_total"), strcmp(rows[i].kind, "COUNTER") == 0);
        assert_non_null(strstr(name, rows[i].unit));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(name, rows[k].prometheus);
    }
}

static void the_table_follows_the_list(void **state)
{
    (void)state;
    assert_int_equal(METRIC_WATCHDOG_TICK, 0);
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        assert_string_equal(metric_info(m)->json, rows[m].json);
        assert_string_equal(metric_info(m)->help, rows[m].help);
        for (enum metric k = 0; k < m; k++)
            assert_string_not_equal(metric_info(m)->json, metric_info(k)->json);
    }
    assert_string_equal(metric_kind_text(METRIC_KIND_COUNTER), "counter");
    assert_string_equal(metric_kind_text(METRIC_KIND_GAUGE), "gauge");
    assert_string_equal(metric_kind_text(METRIC_KIND_SUMMARY), "summary");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(names_follow_the_rules),
        cmocka_unit_test(the_table_follows_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
