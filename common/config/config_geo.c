/* SPDX-License-Identifier: MIT */
#include "common/config/config_geo.h"

#include "common/base/geo.h"
#include "common/config/config_object.h"
#include "common/config/config_report.h"
#include "common/config/config_type.h"

#include <math.h>
#include <stdlib.h>

#define POINT_PATH_CAP 224
#define LAT_MAX        90
#define LON_MAX        180
#define BUFFER_KM_MAX  20000 /* half the way round the earth */
#define POLYGON_MIN    3

static void area_done(struct geo_area *area)
{
    free(area->points);
    *area = (struct geo_area){.shape = GEO_NONE};
}

/* --- the polygon ------------------------------------------------------------------------------ */

static bool read_degrees(struct config_loader *loader, const char *path, int index,
                         const cJSON *item, double *out)
{
    const int limit = index == 0 ? LAT_MAX : LON_MAX;
    const double degrees = item->valuedouble;
    if (cJSON_IsNumber(item) && degrees >= -limit && degrees <= limit) {
        *out = degrees;
        return true;
    }
    char shown[40];
    (void)snprintf(shown, sizeof shown, "%.15g", degrees);
    config_error(loader, "%s[%d]: must be a %s, a number from -%d to %d, not %s", path, index,
                 index == 0 ? "latitude" : "longitude", limit, limit,
                 cJSON_IsNumber(item) ? shown : config_json_name(item));
    return false;
}

static bool read_point(struct config_loader *loader, const char *path, const cJSON *item,
                       struct geo_point *out)
{
    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2) {
        config_error(loader, "%s: must be [latitude, longitude]", path);
        return false;
    }
    const bool has_lat = read_degrees(loader, path, 0, item->child, &out->lat);
    return read_degrees(loader, path, 1, item->child->next, &out->lon) && has_lat;
}

static bool is_same(struct geo_point a, struct geo_point b)
{
    return a.lat == b.lat && a.lon == b.lon;
}

/* No mesh is half as wide as the earth: a longer side is one that goes round the other way. */
static void refuse_meridian(struct config_loader *loader, const struct geo_area *area,
                            const char *path)
{
    for (size_t i = 0; i < area->count; i++) {
        const size_t next = (i + 1) % area->count;
        if (fabs(area->points[i].lon - area->points[next].lon) <= LON_MAX)
            continue;
        config_error(
            loader,
            "%s: the side from point %zu to point %zu crosses the 180th meridian, which is "
            "not supported",
            path, i, next);
        return;
    }
}

/* Touches points and count only. */
static void points_from_json(const struct config_target *to, const cJSON *array)
{
    struct config_loader *loader = to->loader;
    struct geo_area *out = to->field;
    const size_t size = (size_t)cJSON_GetArraySize(array);
    if (size == 0)
        return;
    if (size > GEO_POINTS_MAX) {
        config_error(loader, "%s: %zu points, at most %d are possible", to->path, size,
                     GEO_POINTS_MAX);
        return;
    }
    struct geo_point *points = calloc(size, sizeof *points);
    if (points == NULL) {
        loader->no_memory = true;
        return;
    }
    size_t count = 0;
    bool is_good = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        char at[POINT_PATH_CAP];
        (void)snprintf(at, sizeof at, "%.160s[%zu]", to->path, count);
        is_good = read_point(loader, at, item, &points[count++]) && is_good;
    }
    /* Many tools close a polygon by its first point. */
    if (count > 1 && is_same(points[0], points[count - 1]))
        count--;
    if (count < POLYGON_MIN)
        config_error(loader, "%s: must have at least %d different points", to->path, POLYGON_MIN);
    free(out->points);
    out->points = points;
    out->count = count;
    if (is_good)
        refuse_meridian(loader, out, to->path);
}

static void describe_points(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "a list of [latitude, longitude]");
}

/* A member of geo_filter only, which compares, prints and frees the whole. */
static const struct config_type points_type = {
    .is_json = cJSON_IsArray,
    .only_in_file = "a list",
    .none = "none",
    .describe = describe_points,
    .from_json = points_from_json,
};

/* --- the whole -------------------------------------------------------------------------------- */

#define AREA(member) .offset = offsetof(struct geo_area, member), .size = sizeof(double)

static const struct config_option area_rows[] = {
    {"polygon", &points_type, .max = GEO_POINTS_MAX},
    {"bufferKm", &config_type_real, AREA(buffer_km), .min = 0, .max = BUFFER_KM_MAX},
    {"latMin", &config_type_real, AREA(low.lat), .min = -LAT_MAX, .max = LAT_MAX},
    {"latMax", &config_type_real, AREA(high.lat), .min = -LAT_MAX, .max = LAT_MAX},
    {"lonMin", &config_type_real, AREA(low.lon), .min = -LON_MAX, .max = LON_MAX},
    {"lonMax", &config_type_real, AREA(high.lon), .min = -LON_MAX, .max = LON_MAX},
};
static const struct config_table area_options = {area_rows, ARRAY_LEN(area_rows), NULL};
static const char *const box_keys[] = {"latMin", "latMax", "lonMin", "lonMax"};

static bool is_given(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return item != NULL && !cJSON_IsNull(item);
}

/* All four or none. */
static bool is_box(struct config_loader *loader, const char *path, const cJSON *object)
{
    size_t given = 0;
    for (size_t i = 0; i < ARRAY_LEN(box_keys); i++)
        given += is_given(object, box_keys[i]);
    for (size_t i = 0; given > 0 && i < ARRAY_LEN(box_keys); i++) {
        if (!is_given(object, box_keys[i]))
            config_error(loader, "%s.%s: missing; a box has latMin, latMax, lonMin and lonMax",
                         path, box_keys[i]);
    }
    return given == ARRAY_LEN(box_keys);
}

static void check_box(struct config_loader *loader, const char *path, const struct geo_area *area)
{
    if (area->low.lat > area->high.lat)
        config_error(loader, "%s.latMin: must not be above latMax", path);
    if (area->low.lon > area->high.lon)
        config_error(loader,
                     "%s.lonMin: must not be above lonMax; an area that crosses the 180th meridian "
                     "is not supported",
                     path);
}

static void area_from_json(const struct config_target *to, const cJSON *object)
{
    struct geo_area area = {.shape = GEO_NONE}, *out = to->field;
    char prefix[POINT_PATH_CAP];
    (void)snprintf(prefix, sizeof prefix, "%.160s.", to->path);
    const struct config_object members = {&area_options, &area, prefix, "", false, NULL};
    config_read_object(to->loader, &members, object);
    area_done(out);
    if (area.points != NULL) {
        area.low = area.high = (struct geo_point){0, 0};
        area.shape = GEO_POLYGON;
        *out = area;
    } else if (is_box(to->loader, to->path, object)) {
        check_box(to->loader, to->path, &area);
        area.buffer_km = 0;
        area.shape = GEO_BOX;
        *out = area;
    }
}

static void describe_area(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object with a polygon or a box");
}

static bool area_equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const struct geo_area *left = a, *right = b;
    bool is_equal = left->shape == right->shape && left->count == right->count &&
                    left->buffer_km == right->buffer_km && is_same(left->low, right->low) &&
                    is_same(left->high, right->high);
    for (size_t i = 0; is_equal && i < left->count; i++)
        is_equal = is_same(left->points[i], right->points[i]);
    return is_equal;
}

static void print_area(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const struct geo_area *area = field;
    if (area->shape == GEO_NONE) {
        (void)fputs("none", out);
    } else if (area->shape == GEO_BOX) {
        (void)fprintf(out,
                      "{\"latMin\": %.15g, \"latMax\": %.15g, \"lonMin\": %.15g, \"lonMax\": "
                      "%.15g}",
                      area->low.lat, area->high.lat, area->low.lon, area->high.lon);
    } else {
        (void)fputs("{\"polygon\": [", out);
        for (size_t i = 0; i < area->count; i++)
            (void)fprintf(out, "%s[%.15g, %.15g]", i > 0 ? ", " : "", area->points[i].lat,
                          area->points[i].lon);
        (void)fprintf(out, "], \"bufferKm\": %.15g}", area->buffer_km);
    }
}

static void done(void *field)
{
    area_done(field);
}

const struct config_type config_type_geo = {
    .size = sizeof(struct geo_area),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "none",
    .describe = describe_area,
    .from_json = area_from_json,
    .equal = area_equal,
    .print = print_area,
    .done = done,
};
