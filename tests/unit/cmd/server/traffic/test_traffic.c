/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/traffic/request_log.h"
#include "common/base/log.h"
#include "tests/support/fake_clock.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct route first[] = {{.method = "GET", .path = "/a/:x"}};
static const struct route second[] = {{.method = "POST", .path = "/b"}};
static const struct route_family families[] = {{first, 1}, {second, 1}};

static int setup(void **state)
{
    *state = traffic_new(families, ARRAY_LEN(families));
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    traffic_free(*state);
    return 0;
}

static struct traffic_request request_of(const struct route *route, size_t number, mono_us took)
{
    return (struct traffic_request){.route = route,
                                    .number = number,
                                    .method = "GET",
                                    .path = "/a/1",
                                    .method_len = 3,
                                    .path_len = 4,
                                    .status = 200,
                                    .bytes = 10,
                                    .took = took};
}

static void ask(struct traffic *traffic, mono_us took, int status)
{
    struct traffic_request request = request_of(&first[0], 0, took);
    request.status = status;
    traffic_note(traffic, &request);
}

static void test_each_row_has_its_place_and_the_rest_one(void **state)
{
    struct traffic *traffic = *state;
    struct traffic_figures figures;
    assert_int_equal(traffic_places(traffic), 3);
    assert_ptr_equal(traffic_route(traffic, 0), &first[0]);
    assert_ptr_equal(traffic_route(traffic, 1), &second[0]);
    assert_null(traffic_route(traffic, 2));
    const struct traffic_request stranger = request_of(NULL, 7, 1000);
    const struct traffic_request post = request_of(&second[0], 1, 3000);
    traffic_note(traffic, &stranger);
    traffic_note(traffic, &post);
    for (size_t place = 0; place < 3; place++) {
        traffic_figures(traffic, place, &figures);
        assert_int_equal(figures.count, place == 0 ? 0 : 1);
    }
    traffic_total(traffic, &figures);
    assert_int_equal(figures.count, 2);
    assert_true(figures.mean == 2.0);
}

/* Of all rows, also of those that met none; a minute later nobody asks any more. */
static void test_the_last_minute_is_of_the_whole(void **state)
{
    struct traffic_recent recent;
    uint64_t classes[TRAFFIC_CLASSES];
    fake_clock_install(1, 1000 * US_PER_S);
    struct traffic *traffic = traffic_new(families, ARRAY_LEN(families));
    (void)state;
    traffic_recent(traffic, &recent);
    assert_true(recent.count == 0 && isnan(recent.p50) && isnan(recent.p99));
    for (int i = 1; i <= 99; i++)
        ask(traffic, (mono_us)i * 1000, i <= 90 ? 200 : 304);
    const struct traffic_request stranger = request_of(NULL, 7, 500000);
    traffic_note(traffic, &stranger);
    ask(traffic, 1000, 404);
    ask(traffic, 1000, 503);
    traffic_recent(traffic, &recent);
    assert_int_equal(recent.count, 102);
    assert_true(recent.p50 == 49.0 && recent.p95 == 95.0 && recent.p99 == 99.0);
    traffic_classes(traffic, classes);
    assert_int_equal(classes[1], 91);
    assert_int_equal(classes[2], 9);
    assert_int_equal(classes[3], 1);
    assert_int_equal(classes[4], 1);
    traffic_reset(traffic);
    traffic_classes(traffic, classes);
    assert_int_equal(classes[1], 91);
    fake_clock_advance(30 * US_PER_S);
    ask(traffic, 7000, 200);
    fake_clock_advance(30 * US_PER_S);
    traffic_recent(traffic, &recent);
    assert_true(recent.count == 1 && recent.p50 == 7.0);
    for (int i = 0; i < 3 * TRAFFIC_RECENT; i++)
        ask(traffic, 2000, 200);
    traffic_recent(traffic, &recent);
    assert_true(recent.count == TRAFFIC_RECENT && recent.p99 == 2.0);
    fake_clock_advance(60 * US_PER_S);
    traffic_recent(traffic, &recent);
    assert_int_equal(recent.count, 0);
    traffic_free(traffic);
    fake_clock_remove();
}

static void test_percentiles_are_of_the_window_the_rest_since_the_reset(void **state)
{
    struct traffic *traffic = *state;
    struct traffic_figures figures;
    traffic_figures(traffic, 0, &figures);
    assert_true(figures.count == 0 && figures.p50 == 0 && figures.mean == 0);
    ask(traffic, 90000, 200); /* leaves the window */
    for (int i = 1; i <= TRAFFIC_WINDOW; i++)
        ask(traffic, (mono_us)i * 1000, 200);
    traffic_figures(traffic, 0, &figures);
    assert_int_equal(figures.count, TRAFFIC_WINDOW + 1);
    assert_true(figures.p50 == 64.0);
    assert_true(figures.p95 == 122.0);
    assert_true(figures.max == 128.0);
    traffic_reset(traffic);
    assert_int_equal(traffic_resets(traffic), 1);
    ask(traffic, 2000, 200);
    traffic_figures(traffic, 0, &figures);
    assert_true(figures.count == 1 && figures.p50 == 2 && figures.p95 == 2 && figures.max == 2);
    assert_true(figures.mean == 2.0);
}

static void test_histograms_only_grow(void **state)
{
    struct traffic *traffic = *state;
    struct traffic_histogram h;
    ask(traffic, 100, 200); /* at the bound: within */
    ask(traffic, 101, 200);
    ask(traffic, 99 * US_PER_S, 299);
    ask(traffic, -5, 404); /* a clock that is not ours to judge */
    traffic_reset(traffic);
    traffic_histogram(traffic, 0, 2, &h);
    assert_int_equal(h.buckets[0], 1);
    assert_int_equal(h.buckets[1], 2);
    assert_int_equal(h.buckets[TRAFFIC_BUCKETS - 1], 2);
    assert_int_equal(h.buckets[TRAFFIC_BUCKETS], 3);
    assert_true(h.sum_s > 99.0002 && h.sum_s < 99.0003);
    traffic_histogram(traffic, 0, 4, &h);
    assert_true(h.buckets[0] == 1 && h.buckets[TRAFFIC_BUCKETS] == 1 && h.sum_s == 0);
    traffic_histogram(traffic, 0, 5, &h);
    assert_int_equal(h.buckets[TRAFFIC_BUCKETS], 0);
}

static void test_the_last_slow_ones_are_kept(void **state)
{
    struct traffic *traffic = *state;
    struct traffic_slow slow[TRAFFIC_SLOW_KEPT];
    uint64_t total;
    char path[2 * TRAFFIC_PATH_MAX];
    memset(path, 'x', sizeof path);
    ask(traffic, TRAFFIC_SLOW_US, 200); /* not slow yet */
    assert_int_equal(traffic_slow(traffic, slow, &total), 0);
    for (int i = 1; i <= TRAFFIC_SLOW_KEPT + 7; i++)
        ask(traffic, TRAFFIC_SLOW_US + i, 400 + i);
    struct traffic_request request = request_of(NULL, 0, 2 * TRAFFIC_SLOW_US);
    request.path = path;
    request.path_len = sizeof path;
    traffic_note(traffic, &request);
    assert_int_equal(traffic_slow(traffic, slow, &total), TRAFFIC_SLOW_KEPT);
    assert_int_equal(total, TRAFFIC_SLOW_KEPT + 8);
    assert_int_equal(strlen(slow[0].path), TRAFFIC_PATH_MAX - 1);
    assert_int_equal(slow[1].status, 400 + TRAFFIC_SLOW_KEPT + 7);
    assert_int_equal(slow[1].took, TRAFFIC_SLOW_US + TRAFFIC_SLOW_KEPT + 7);
    assert_int_equal(slow[TRAFFIC_SLOW_KEPT - 1].status, 409);
    traffic_reset(traffic);
    assert_int_equal(traffic_slow(traffic, slow, &total), 0);
    assert_int_equal(total, 0);
}

/* --- the logs --------------------------------------------------------------------------------- */

struct lines {
    int fds[2];
    char text[16384];
};

static void catch_lines(struct lines *lines)
{
    assert_int_equal(pipe2(lines->fds, O_CLOEXEC | O_NONBLOCK), 0);
    log_set_fd(lines->fds[1]);
}

/* How many lines there are; their text. */
static int read_lines(struct lines *lines)
{
    const ssize_t n = read(lines->fds[0], lines->text, sizeof lines->text - 1);
    lines->text[n > 0 ? n : 0] = '\0';
    int count = 0;
    for (const char *at = lines->text; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

static void let_go(struct lines *lines)
{
    log_set_fd(STDERR_FILENO);
    assert_int_equal(close(lines->fds[0]), 0);
    assert_int_equal(close(lines->fds[1]), 0);
}

static mono_us say(struct request_log *log, mono_us took, mono_us now)
{
    const struct traffic_request request = request_of(&first[0], 0, took);
    if (!request_log_wants(log, &request))
        return INT64_MAX;
    return request_log_write(log, &request, "10.0.0.7", now);
}

static void test_slow_requests_are_always_in_the_log_and_bounded(void **state)
{
    (void)state;
    const mono_us slow = 150 * US_PER_MS;
    const mono_us now = 50 * US_PER_S;
    struct request_log log = {0};
    struct lines lines;
    catch_lines(&lines);
    assert_int_equal(say(&log, 1000, now), INT64_MAX);
    assert_int_equal(read_lines(&lines), 0);
    for (int i = 0; i < 100; i++) {
        const mono_us due = say(&log, slow + i, now + i);
        assert_int_equal(due, i < REQUEST_LOG_SLOW_LINES ? INT64_MAX : now + US_PER_S);
    }
    assert_int_equal(read_lines(&lines), REQUEST_LOG_SLOW_LINES);
    assert_non_null(strstr(lines.text, "slow request method=GET route=/a/:x path=/a/1 query=\"\" "
                                       "status=200 bytes=10 ms=150 client=10.0.0.7\n"));
    assert_non_null(strstr(lines.text, "warn"));
    assert_int_equal(request_log_say(&log, now + US_PER_S - 1), now + US_PER_S);
    assert_int_equal(request_log_say(&log, now + US_PER_S), INT64_MAX);
    assert_int_equal(read_lines(&lines), 1);
    assert_non_null(strstr(lines.text, "count=95"));
    assert_non_null(strstr(lines.text, "slowestMs=150.099"));
    assert_int_equal(request_log_say(&log, now + 3 * US_PER_S), INT64_MAX);
    assert_int_equal(say(&log, slow, now + US_PER_S), INT64_MAX);
    assert_int_equal(read_lines(&lines), 1);
    let_go(&lines);
}

static void test_the_access_log_has_every_request_once(void **state)
{
    (void)state;
    _Atomic bool is_wanted = true;
    struct request_log log = {.writes_all = &is_wanted};
    struct lines lines;
    catch_lines(&lines);
    for (int i = 0; i < 20; i++)
        (void)say(&log, i % 2 == 0 ? 1000 : 200 * US_PER_MS, 50 * US_PER_S);
    assert_int_equal(read_lines(&lines), 20);
    assert_non_null(strstr(lines.text, "info"));
    is_wanted = false; /* a reload may turn it off */
    (void)say(&log, 1000, 60 * US_PER_S);
    assert_int_equal(read_lines(&lines), 0);
    let_go(&lines);
}

static void test_no_key_is_written(void **state)
{
    (void)state;
    static const struct http_parameter declared[] = {{"apiKey", HTTP_PARAMETER_TEXT, ""},
                                                     {"days", HTTP_PARAMETER_INT, ""},
                                                     {"key", HTTP_PARAMETER_TEXT, ""},
                                                     {"keys", HTTP_PARAMETER_TEXT, ""},
                                                     {0}};
    struct http_query query;
    char text[256];
    assert_int_equal(
        http_query_parse(&query, declared, "token=s3cret&keys=ab&key=s3cret&days=7&apiKey=s3cret"),
        0);
    request_log_query(&query, text, sizeof text);
    assert_string_equal(text, "apiKey=***&days=7&key=***&keys=ab");
    request_log_query(&query, text, 16);
    assert_string_equal(text, "apiKey=***&days");
    request_log_query(NULL, text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_row_has_its_place_and_the_rest_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_percentiles_are_of_the_window_the_rest_since_the_reset,
                                        setup, teardown),
        cmocka_unit_test(test_the_last_minute_is_of_the_whole),
        cmocka_unit_test_setup_teardown(test_histograms_only_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_last_slow_ones_are_kept, setup, teardown),
        cmocka_unit_test(test_slow_requests_are_always_in_the_log_and_bounded),
        cmocka_unit_test(test_the_access_log_has_every_request_once),
        cmocka_unit_test(test_no_key_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
