/* SPDX-License-Identifier: MIT */
#include "common/config/config_geo.h"

#include "common/config/config.h"
#include "common/config/config_object.h"
#include "common/config/config_report.h"
#include "common/config/config_text.h"
#include "common/config/config_type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POINT_PATH_CAP 224
#define LAT_MAX        90
#define LON_MAX        180
#define BUFFER_KM_MAX  20000 /* half the way round the earth */
#define POLYGON_MIN    3
#define LABEL_MAX      256

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

/* Offsets count in struct config_area, whose shape stands first. */
#define AREA(member)   .offset = offsetof(struct config_area, member)
#define NUMBER(member) AREA(shape.member), .size = sizeof(double)

_Static_assert(offsetof(struct config_area, shape) == 0, "geo_filter is read by the same rows");

static const struct config_option area_rows[] = {
    {"polygon", &points_type, .max = GEO_POINTS_MAX},
    {"bufferKm", &config_type_real, NUMBER(buffer_km), .min = 0, .max = BUFFER_KM_MAX},
    {"latMin", &config_type_real, NUMBER(low.lat), .min = -LAT_MAX, .max = LAT_MAX},
    {"latMax", &config_type_real, NUMBER(high.lat), .min = -LAT_MAX, .max = LAT_MAX},
    {"lonMin", &config_type_real, NUMBER(low.lon), .min = -LON_MAX, .max = LON_MAX},
    {"lonMax", &config_type_real, NUMBER(high.lon), .min = -LON_MAX, .max = LON_MAX},
    /* Of a named area only. */
    {"label", &config_type_string, AREA(label), .size = sizeof(char *), .max = LABEL_MAX},
};
static const struct config_table filter_options = {area_rows, ARRAY_LEN(area_rows) - 1, NULL};
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

static bool gives_shape(const cJSON *object)
{
    bool is_any = is_given(object, "polygon");
    for (size_t i = 0; !is_any && i < ARRAY_LEN(box_keys); i++)
        is_any = is_given(object, box_keys[i]);
    return is_any;
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

static void read_shape(struct config_loader *loader, const char *path,
                       const struct config_table *table, const cJSON *object,
                       struct config_area *area)
{
    char prefix[POINT_PATH_CAP];
    (void)snprintf(prefix, sizeof prefix, "%.160s.", path);
    const struct config_object members = {table, area, prefix, "", false, NULL};
    config_read_object(loader, &members, object);
    struct geo_area *shape = &area->shape;
    if (shape->points != NULL) {
        shape->low = shape->high = (struct geo_point){0, 0};
        shape->shape = GEO_POLYGON;
    } else if (is_box(loader, path, object)) {
        check_box(loader, path, shape);
        shape->buffer_km = 0;
        shape->shape = GEO_BOX;
    } else {
        *shape = (struct geo_area){.shape = GEO_NONE};
    }
}

static void area_from_json(const struct config_target *to, const cJSON *object)
{
    struct config_area area = {.key = NULL};
    struct geo_area *out = to->field;
    read_shape(to->loader, to->path, &filter_options, object, &area);
    area_done(out);
    *out = area.shape;
}

static void describe_area(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object with a polygon or a box");
}

static bool shapes_equal(const struct geo_area *left, const struct geo_area *right)
{
    bool is_equal = left->shape == right->shape && left->count == right->count &&
                    left->buffer_km == right->buffer_km && is_same(left->low, right->low) &&
                    is_same(left->high, right->high);
    for (size_t i = 0; is_equal && i < left->count; i++)
        is_equal = is_same(left->points[i], right->points[i]);
    return is_equal;
}

static bool area_equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    return shapes_equal(a, b);
}

/* Its members, without braces. */
static void print_shape(const struct geo_area *area, FILE *out)
{
    if (area->shape == GEO_BOX) {
        (void)fprintf(out,
                      "\"latMin\": %.15g, \"latMax\": %.15g, \"lonMin\": %.15g, \"lonMax\": %.15g",
                      area->low.lat, area->high.lat, area->low.lon, area->high.lon);
        return;
    }
    (void)fputs("\"polygon\": [", out);
    for (size_t i = 0; i < area->count; i++)
        (void)fprintf(out, "%s[%.15g, %.15g]", i > 0 ? ", " : "", area->points[i].lat,
                      area->points[i].lon);
    (void)fprintf(out, "], \"bufferKm\": %.15g", area->buffer_km);
}

static void print_area(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const struct geo_area *area = field;
    if (area->shape == GEO_NONE) {
        (void)fputs("none", out);
        return;
    }
    (void)fputc('{', out);
    print_shape(area, out);
    (void)fputc('}', out);
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

/* --- areas ------------------------------------------------------------------------------------ */

static void areas_done(void *field)
{
    struct config_areas *areas = field;
    for (size_t i = 0; i < areas->count; i++) {
        area_done(&areas->items[i].shape);
        free(areas->items[i].key);
        free(areas->items[i].label);
    }
    free(areas->items);
    *areas = (struct config_areas){.items = NULL};
}

static const struct config_area *find_area(const struct config_areas *areas, const char *key)
{
    for (size_t i = 0; i < areas->count; i++) {
        if (strcmp(areas->items[i].key, key) == 0)
            return &areas->items[i];
    }
    return NULL;
}

/* Fills the next of the items, for which there is room; what is wrong is reported. */
static void read_area(const struct config_target *to, struct config_areas *areas, const cJSON *item)
{
    struct config_loader *loader = to->loader;
    char path[POINT_PATH_CAP];
    (void)snprintf(path, sizeof path, "%s.%.*s", to->path, CONFIG_KEY_SHOWN_MAX, item->string);
    if (item->string[0] == '\0' || !config_is_clean_text(item->string)) {
        config_error(loader, "%s: an area's key must be a text without control characters",
                     to->path);
    } else if (find_area(areas, item->string) != NULL) {
        config_error(loader, "%s: given twice; keep one", path);
    } else if (!cJSON_IsObject(item)) {
        config_error(loader, "%s: must be an object with a polygon or a box, not %s", path,
                     config_json_name(item));
    } else {
        struct config_area *area = &areas->items[areas->count++];
        area->key = config_dup(loader, item->string);
        read_shape(loader, path, &area_options, item, area);
        if (area->label == NULL)
            area->label = config_dup(loader, item->string);
        if (!gives_shape(item))
            config_error(loader, "%s: must have a polygon or a box", path);
    }
}

static void areas_from_json(const struct config_target *to, const cJSON *object)
{
    const int count = cJSON_GetArraySize(object);
    struct config_areas areas = {.items = NULL}, *out = to->field;
    if (count > (int)to->option->max) {
        config_error(to->loader, "%s: %d entries, at most %.15g are possible", to->path, count,
                     to->option->max);
        return;
    }
    areas.items = calloc((size_t)count + 1, sizeof *areas.items);
    if (areas.items == NULL) {
        to->loader->no_memory = true;
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!config_is_comment(item->string) && !to->loader->no_memory)
            read_area(to, &areas, item);
    }
    areas_done(out);
    *out = areas;
}

static void describe_areas(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object of areas");
}

static bool areas_equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const struct config_areas *left = a, *right = b;
    bool is_equal = left->count == right->count;
    for (size_t i = 0; is_equal && i < left->count; i++)
        is_equal = strcmp(left->items[i].key, right->items[i].key) == 0 &&
                   strcmp(left->items[i].label, right->items[i].label) == 0 &&
                   shapes_equal(&left->items[i].shape, &right->items[i].shape);
    return is_equal;
}

static void print_areas(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const struct config_areas *areas = field;
    (void)fputc('{', out);
    for (size_t i = 0; i < areas->count; i++) {
        const struct config_area *area = &areas->items[i];
        (void)fprintf(out, "%s\"%s\": {\"label\": \"%s\", ", i > 0 ? ", " : "", area->key,
                      area->label);
        print_shape(&area->shape, out);
        (void)fputc('}', out);
    }
    (void)fputc('}', out);
}

const struct config_type config_type_areas = {
    .size = sizeof(struct config_areas),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "{}",
    .describe = describe_areas,
    .from_json = areas_from_json,
    .equal = areas_equal,
    .print = print_areas,
    .done = areas_done,
};

const struct config_area *config_find_area(const struct config *config, const char *key)
{
    return find_area(&config->areas, key);
}
