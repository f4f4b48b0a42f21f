/* SPDX-License-Identifier: MIT
 *
 * The operator's area (CoreScope's geo_filter): inside, on the edge, within the buffer. */
#include "tests/support/cmocka_all.h"

#include "common/base/geo.h"

#include <math.h>

#define KM_PER_DEGREE (6371.0 * M_PI / 180.0)

static void assert_near(double got, double expected, double relative)
{
    if (fabs(got - expected) > relative * fabs(expected))
        fail_msg("%.9f is not %.9f", got, expected);
}

static void measures_distances(void **state)
{
    (void)state;
    const struct geo_point paris = {48.8566, 2.3522};
    const struct geo_point london = {51.5074, -0.1278};
    const struct geo_point north = {90, 0};
    const struct geo_point south = {-90, 77};
    assert_true(geo_distance_km(paris, paris) == 0);
    assert_near(geo_distance_km(paris, london), 343.56, 0.0001);
    assert_near(geo_distance_km(london, paris), 343.56, 0.0001);
    assert_near(geo_distance_km(north, south), 6371.0 * M_PI, 1e-9);
    assert_near(geo_distance_km((struct geo_point){0, 0}, (struct geo_point){0, 180}),
                6371.0 * M_PI, 1e-9);
    /* Across the 180th meridian it is the short way. */
    assert_near(geo_distance_km((struct geo_point){0, 179.5}, (struct geo_point){0, -179.5}),
                KM_PER_DEGREE, 1e-9);
}

static void contains_everything_without_an_area(void **state)
{
    (void)state;
    const struct geo_area none = {.shape = GEO_NONE};
    assert_true(geo_contains(&none, 0, 0));
    assert_true(geo_contains(&none, -90, 180));
}

static void contains_a_box_with_its_edge(void **state)
{
    (void)state;
    const struct geo_area box = {.shape = GEO_BOX, .low = {-2, -3}, .high = {4, 5}};
    assert_true(geo_contains(&box, 0, 0));
    assert_true(geo_contains(&box, -2, -3));
    assert_true(geo_contains(&box, 4, 5));
    assert_true(geo_contains(&box, 4, -3));
    assert_false(geo_contains(&box, 4.000001, 0));
    assert_false(geo_contains(&box, -2.000001, 0));
    assert_false(geo_contains(&box, 0, 5.000001));
    assert_false(geo_contains(&box, 0, -3.000001));
    assert_false(geo_contains(&box, (double)NAN, 0));
}

/* A U, open to the north; its points in both directions. */
static struct geo_point u_shape[] = {{0, 0}, {0, 3}, {3, 3}, {3, 2},
                                     {1, 2}, {1, 1}, {3, 1}, {3, 0}};
static struct geo_point u_turned[] = {{3, 0}, {3, 1}, {1, 1}, {1, 2},
                                      {3, 2}, {3, 3}, {0, 3}, {0, 0}};

static void assert_u_shape(const struct geo_area *u)
{
    assert_true(geo_contains(u, 0.5, 1.5));
    assert_true(geo_contains(u, 2, 0.5));
    assert_true(geo_contains(u, 2, 2.5));
    /* Level with a corner, where a ray meets two edges at once. */
    assert_true(geo_contains(u, 1, 0.5));
    assert_true(geo_contains(u, 1, 2.5));
    assert_false(geo_contains(u, 1, -0.5));
    assert_false(geo_contains(u, 3, -0.5));
    assert_false(geo_contains(u, 0, -0.5));
    assert_false(geo_contains(u, 3, 1.5));
    assert_false(geo_contains(u, 2, 1.5));
    assert_false(geo_contains(u, 0.5, 3.5));
    assert_false(geo_contains(u, -0.5, 1));
    assert_false(geo_contains(u, (double)NAN, 1));
    assert_false(geo_contains(u, 1, (double)NAN));
    for (size_t i = 0; i < u->count; i++) {
        const struct geo_point a = u->points[i];
        const struct geo_point b = u->points[(i + 1) % u->count];
        assert_true(geo_contains(u, a.lat, a.lon));
        for (int step = 1; step < 7; step++) {
            const double t = step / 7.0;
            assert_true(geo_contains(u, a.lat + t * (b.lat - a.lat), a.lon + t * (b.lon - a.lon)));
        }
    }
    /* A tenth of a metre beside the edge is beside it. */
    assert_false(geo_contains(u, -0.000001, 1.5));
    assert_false(geo_contains(u, 2, 1.000001));
}

static void contains_a_polygon_with_its_edge(void **state)
{
    (void)state;
    const struct geo_area u = {
        .shape = GEO_POLYGON, .points = u_shape, .count = ARRAY_LEN(u_shape)};
    const struct geo_area turned = {
        .shape = GEO_POLYGON, .points = u_turned, .count = ARRAY_LEN(u_turned)};
    assert_u_shape(&u);
    assert_u_shape(&turned);
}

/* An edge that is neither level nor upright, with a point given twice in a row and the last equal
 * to the first. */
static void takes_slanted_edges_and_repeated_points(void **state)
{
    (void)state;
    struct geo_point points[] = {{47.1, 8.3}, {47.1, 8.3}, {47.9, 9.7}, {46.2, 9.1}, {47.1, 8.3}};
    const struct geo_area area = {
        .shape = GEO_POLYGON, .points = points, .count = ARRAY_LEN(points)};
    for (int step = 0; step <= 100; step++) {
        const double lat = 47.1 + step / 100.0 * 0.8;
        const double lon = 8.3 + step / 100.0 * 1.4;
        assert_true(geo_contains(&area, lat, lon));
        assert_false(geo_contains(&area, lat + 0.0001, lon - 0.0001));
    }
    assert_true(geo_contains(&area, 47.1, 9.0));
}

/* Inside, or within bufferKm of any edge, also beyond a corner and inside the hollow of the U. */
static void widens_a_polygon_by_its_buffer(void **state)
{
    (void)state;
    const struct geo_area u = {
        .shape = GEO_POLYGON, .points = u_shape, .count = ARRAY_LEN(u_shape), .buffer_km = 20};
    const double almost = 19.99 / KM_PER_DEGREE;
    const double beyond = 20.01 / KM_PER_DEGREE;
    assert_true(geo_contains(&u, -almost, 1.5));
    assert_false(geo_contains(&u, -beyond, 1.5));
    assert_true(geo_contains(&u, -almost * 0.7, -almost * 0.7));
    assert_false(geo_contains(&u, -beyond * 0.72, -beyond * 0.72));
    assert_true(geo_contains(&u, 2, 1 + almost / cos(2 * M_PI / 180)));
    assert_false(geo_contains(&u, 2, 1 + beyond / cos(2 * M_PI / 180)));
    assert_false(geo_contains(&u, 2, 1.5));
    assert_true(geo_contains(&u, 1 + almost, 1.5));
}

/* The nearest point of the edge by brute force. */
static double true_distance_km(struct geo_point p, struct geo_point a, struct geo_point b)
{
    double low = 0;
    double high = 1;
    /* The distance along an edge of this length has one minimum. */
    for (int i = 0; i < 100; i++) {
        const double t[] = {low + (high - low) / 3, high - (high - low) / 3};
        double d[2];
        for (int j = 0; j < 2; j++) {
            const struct geo_point q = {a.lat + t[j] * (b.lat - a.lat),
                                        a.lon + t[j] * (b.lon - a.lon)};
            d[j] = geo_distance_km(p, q);
        }
        if (d[0] < d[1])
            high = t[1];
        else
            low = t[0];
    }
    const struct geo_point q = {a.lat + low * (b.lat - a.lat), a.lon + low * (b.lon - a.lon)};
    return geo_distance_km(p, q);
}

/* The buffer at which the area begins to contain p, by halving. */
static double measured_distance_km(struct geo_area *area, struct geo_point p)
{
    double low = 0;
    double high = 2000;
    while (high - low > 1e-7) {
        area->buffer_km = (low + high) / 2;
        if (geo_contains(area, p.lat, p.lon))
            high = area->buffer_km;
        else
            low = area->buffer_km;
    }
    return high;
}

/* Pseudo-random, the same in each run. */
static double between(uint64_t *seed, double low, double high)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return low + (high - low) * (double)(*seed >> 32) / 4294967296.0;
}

/* What geo.c says of its error: never shorter than the truth; 0.05 % to 100 km, 0.1 % to 300 km, up
 * to 70 degrees. */
static void knows_the_error_of_its_projection(void **state)
{
    (void)state;
    double worst_near = 0;
    double worst_far = 0;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        const struct geo_point a = {between(&seed, -70, 70), 10};
        const struct geo_point b = {a.lat + between(&seed, -2, 2), a.lon + between(&seed, -4, 4)};
        struct geo_point edge[] = {a, b};
        struct geo_area area = {.shape = GEO_POLYGON, .points = edge, .count = 2};
        const struct geo_point p = {
            fmax(-70, fmin(70, (a.lat + b.lat) / 2 + between(&seed, -2, 2))),
            (a.lon + b.lon) / 2 + between(&seed, -4, 4)};
        const double real = true_distance_km(p, a, b);
        if (real < 0.01 || real > 300)
            continue;
        const double error = measured_distance_km(&area, p) / real - 1;
        assert_true(error > -1e-6);
        worst_far = fmax(worst_far, error);
        if (real <= 100)
            worst_near = fmax(worst_near, error);
    }
    print_message("error to 100 km %.4f %%, to 300 km %.4f %%\n", 100 * worst_near,
                  100 * worst_far);
    assert_true(worst_near < 0.0005);
    assert_true(worst_far < 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_distances),
        cmocka_unit_test(contains_everything_without_an_area),
        cmocka_unit_test(contains_a_box_with_its_edge),
        cmocka_unit_test(contains_a_polygon_with_its_edge),
        cmocka_unit_test(takes_slanted_edges_and_repeated_points),
        cmocka_unit_test(widens_a_polygon_by_its_buffer),
        cmocka_unit_test(knows_the_error_of_its_projection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
