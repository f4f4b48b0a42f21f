/* SPDX-License-Identifier: MIT
 *
 * config: geo_filter, and foreignAdverts, which says what it does. */
#include "tests/support/cmocka_all.h"

#include "tests/support/config_bench.h"

#include <stdlib.h>
#include <string.h>

static void test_polygon(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(config_bench_load(b, "{\"geo_filter\": {\"polygon\": [[1, 2.5], [-90, 180], "
                                          "[3, 4], [1, 2.5]], \"bufferKm\": 7.5, \"latMin\": 5}}"),
                     STATUS_OK);
    config_bench_expect_clean(b);
    const struct geo_area *area = &b->config.geo_filter;
    assert_int_equal(area->shape, GEO_POLYGON);
    assert_int_equal(area->count, 3); /* not closed */
    assert_true(area->points[0].lat == 1 && area->points[0].lon == 2.5);
    assert_true(area->points[1].lat == -90 && area->points[1].lon == 180);
    assert_true(area->buffer_km == 7.5);
    assert_true(area->low.lat == 0);
    const struct config_args args = {.file = b->file};
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(strstr(text, "geo_filter = {\"polygon\": [[1, 2.5], [-90, 180], [3, 4]], "
                                 "\"bufferKm\": 7.5}  (origin: file)\n"));
    free(text);

    /* The polygon wins. */
    assert_int_equal(config_bench_load(b, "{\"geo_filter\": {\"latMin\": 1, \"latMax\": 2, "
                                          "\"lonMin\": 3, \"lonMax\": 4, \"polygon\": [[1, 2], "
                                          "[3, 4], [5, 7]]}}"),
                     STATUS_OK);
    assert_int_equal(b->config.geo_filter.shape, GEO_POLYGON);
}

static void test_box(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(
        config_bench_load(b, "{\"geo_filter\": {\"latMin\": -1.5, \"latMax\": 2, \"lonMin\": -180, "
                             "\"lonMax\": 4, \"polygon\": [], \"bufferKm\": 3}}"),
        STATUS_OK);
    config_bench_expect_clean(b);
    const struct geo_area *area = &b->config.geo_filter;
    assert_int_equal(area->shape, GEO_BOX);
    assert_true(area->low.lat == -1.5 && area->low.lon == -180);
    assert_true(area->high.lat == 2 && area->high.lon == 4);
    assert_null(area->points);
    assert_true(area->buffer_km == 0); /* a polygon's: areas of one meaning are equal */
    const struct config_args args = {.file = b->file};
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(strstr(text, "geo_filter = {\"latMin\": -1.5, \"latMax\": 2, \"lonMin\": -180, "
                                 "\"lonMax\": 4}  (origin: file)\n"));
    free(text);

    static const char *const none[] = {"null", "{}", "{\"_comment\": 1}", "{\"polygon\": null}",
                                       "{\"polygon\": [], \"bufferKm\": 0}"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        char file[128];
        (void)snprintf(file, sizeof file, "{\"geo_filter\": %s}", none[i]);
        assert_int_equal(config_bench_load(b, file), STATUS_OK);
        config_bench_expect_clean(b);
        assert_int_equal(b->config.geo_filter.shape, GEO_NONE);
    }
}

static void test_bad_areas(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[][2] = {
        {"[]", "geo_filter: must be an object with a polygon or a box, not a list"},
        {"{\"polygon\": {}}", "geo_filter.polygon: must be a list of [latitude, longitude], not"},
        {"{\"polygon\": [[1, 2], [3, 4]]}", "geo_filter.polygon: must have at least 3 different"},
        {"{\"polygon\": [[1, 2], [3, 4], [1, 2]]}", "geo_filter.polygon: must have at least 3"},
        {"{\"polygon\": [[1, 2], [3, 4], [5]]}",
         "geo_filter.polygon[2]: must be [latitude, longitude]"},
        {"{\"polygon\": [[1, 2], 5, [5, 6]]}", "geo_filter.polygon[1]: must be [latitude"},
        {"{\"polygon\": [[1, 2], [91, 4], [5, 6]]}",
         "geo_filter.polygon[1][0]: must be a latitude, a number from -90 to 90, not 91"},
        {"{\"polygon\": [[1, 2], [3, -180.5], [5, 6]]}",
         "geo_filter.polygon[1][1]: must be a longitude, a number from -180 to 180, not -180.5"},
        {"{\"polygon\": [[1, 2], [3, \"4\"], [5, 6]]}", "polygon[1][1]: must be a longitude"},
        {"{\"polygon\": [[1, 170], [3, -170], [5, 175]]}", "crosses the 180th meridian"},
        {"{\"bufferKm\": -1}", "geo_filter.bufferKm: must be a number from 0 to 20000, not -1"},
        {"{\"latMin\": 1, \"latMax\": 2, \"lonMin\": 3}",
         "geo_filter.lonMax: missing; a box has latMin, latMax, lonMin and lonMax"},
        {"{\"latMin\": 3, \"latMax\": 2, \"lonMin\": 3, \"lonMax\": 4}",
         "geo_filter.latMin: must not be above latMax"},
        {"{\"latMin\": 1, \"latMax\": 2, \"lonMin\": 170, \"lonMax\": -170}",
         "geo_filter.lonMin: must not be above lonMax; an area that crosses the 180th"},
        {"{\"latMin\": -91, \"latMax\": 2, \"lonMin\": 3, \"lonMax\": 4}",
         "geo_filter.latMin: must be a number from -90 to 90, not -91"},
        {"{\"bufferKm\": 1, \"bufferKm\": 2}", "geo_filter.bufferKm: given twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char file[256];
        (void)snprintf(file, sizeof file, "{\"geo_filter\": %s}", cases[i][0]);
        config_bench_expect_error(b, file, cases[i][1]);
    }
    assert_int_equal(config_bench_load_with(b, NULL, "geo_filter={}"), STATUS_CONFIG);
    config_bench_expect(b, true, "only a single value can be given here; write an object into");
}

static void test_bound_of_points(void **state)
{
    struct config_bench *b = *state;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    (void)fputs("{\"geo_filter\": {\"polygon\": [[1, 1]", f);
    for (int i = 0; i < GEO_POINTS_MAX; i++)
        (void)fprintf(f, ", [2, %d]", i % 7);
    (void)fputs("]}}", f);
    assert_int_equal(fclose(f), 0);
    config_bench_expect_error(b, text,
                              "geo_filter.polygon: 1001 points, at most 1000 are possible");
    free(text);
}

static void test_foreign_adverts(void **state)
{
    struct config_bench *b = *state;
    static const struct {
        const char *text;
        bool drops;
    } good[] = {
        {"\"drop\"", true},
        {"\"flag\"", false},
        {"{\"mode\": \"drop\"}", true},
        {"{\"mode\": \"flag\", \"_comment\": \"drop\"}", false},
        {"{\"mode\": null}", false},
        {"{}", false},
    };
    char file[160];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        (void)snprintf(file, sizeof file, "{\"foreignAdverts\": %s}", good[i].text);
        assert_int_equal(config_bench_load(b, file), STATUS_OK);
        config_bench_expect_clean(b);
        assert_int_equal(b->config.drops_foreign_adverts, good[i].drops);
    }
    assert_int_equal(config_bench_load_with(b, "{}", "foreignAdverts=drop"), STATUS_OK);
    assert_true(b->config.drops_foreign_adverts);
    static const char *const cases[][2] = {
        {"{\"foreignAdverts\": \"keep\"}", "foreignAdverts: must be flag or drop, not 'keep'"},
        {"{\"foreignAdverts\": true}", "foreignAdverts: must be flag or drop, not true"},
        {"{\"foreignAdverts\": {\"mode\": \"keep\"}}",
         "foreignAdverts.mode: must be flag or drop, not 'keep'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        config_bench_expect_error(b, cases[i][0], cases[i][1]);
}

/* --- areas ------------------------------------------------------------------------------------ */

static void test_named_areas(void **state)
{
    struct config_bench *b = *state;
    assert_int_equal(
        config_bench_load(b, "{\"areas\": {\"_comment\": \"x\", \"n\": {\"label\": \"North\", "
                             "\"polygon\": [[1, 2], [3, 4], [5, 7]], \"_comment\": 1}, \"s\": "
                             "{\"latMin\": 1, \"latMax\": 2, \"lonMin\": 3, \"lonMax\": 4}}}"),
        STATUS_OK);
    config_bench_expect_clean(b);
    assert_int_equal(b->config.areas.count, 2);
    const struct config_area *north = config_find_area(&b->config, "n");
    assert_non_null(north);
    assert_string_equal(north->label, "North");
    assert_int_equal(north->shape.shape, GEO_POLYGON);
    const struct config_area *south = config_find_area(&b->config, "s");
    assert_non_null(south);
    assert_string_equal(south->label, "s");
    assert_true(geo_contains(&south->shape, 1.5, 3.5));
    assert_false(geo_contains(&south->shape, 2.5, 3.5));
    assert_null(config_find_area(&b->config, "N"));
    const struct config_args args = {.file = b->file};
    char *text = config_bench_printed(&args, &b->config);
    assert_non_null(strstr(text, "areas = {\"n\": {\"label\": \"North\", \"polygon\": [[1, 2], [3, "
                                 "4], [5, 7]], \"bufferKm\": 0}, \"s\": {\"label\": \"s\", "
                                 "\"latMin\": 1, \"latMax\": 2, \"lonMin\": 3, \"lonMax\": 4}}  "
                                 "(origin: file)\n"));
    free(text);
}

static void test_bad_named_areas(void **state)
{
    struct config_bench *b = *state;
    static const char *const cases[][2] = {
        {"{\"areas\": []}", "areas: must be an object of areas, not a list"},
        {"{\"areas\": {\"n\": 1}}",
         "areas.n: must be an object with a polygon or a box, not a number"},
        {"{\"areas\": {\"n\": {\"label\": \"x\"}}}", "areas.n: must have a polygon or a box"},
        {"{\"areas\": {\"n\": {\"polygon\": [[1, 2], [3, 4]]}}}",
         "areas.n.polygon: must have at least 3 different points"},
        {"{\"areas\": {\"n\": {\"latMin\": 1, \"latMax\": 2, \"lonMin\": 3}}}",
         "areas.n.lonMax: missing; a box has"},
        {"{\"areas\": {\"n\": {\"label\": 5, \"polygon\": [[1, 2], [3, 4], [5, 7]]}}}",
         "areas.n.label: must be a string, not a number: put it between double quotes"},
        {"{\"areas\": {\"n\": {\"polygon\": [[1, 2], [3, 4], [5, 7]]}, \"n\": {\"polygon\": [[1, "
         "2], [3, 4], [5, 7]]}}}",
         "areas.n: given twice; keep one"},
        {"{\"areas\": {\"\": {\"polygon\": [[1, 2], [3, 4], [5, 7]]}}}",
         "areas: an area's key must be a text without control characters"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        config_bench_expect_error(b, cases[i][0], cases[i][1]);
    config_bench_expect_warning(
        b, "{\"areas\": {\"n\": {\"labl\": \"x\", \"polygon\": [[1, 2], [3, 4], [5, 7]]}}}",
        "areas.n.labl: unknown key, ignored; did you mean 'label'?");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, config_bench_setup, config_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_polygon),         TEST(test_named_areas),
        TEST(test_bad_named_areas), TEST(test_box),
        TEST(test_bad_areas),       TEST(test_bound_of_points),
        TEST(test_foreign_adverts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
