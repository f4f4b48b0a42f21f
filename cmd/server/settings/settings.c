/* SPDX-License-Identifier: MIT */
#include "cmd/server/settings/settings.h"

#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 32 /* of an object, as common/config takes it */
#define KEY_CAP   64

static void write_given(struct json_write *w, const char *key, const char *json,
                        const char *otherwise)
{
    if (json == NULL)
        json = otherwise;
    jw_raw(w, key, json, strlen(json));
}

void settings_cache(struct json_write *w, const struct config *config)
{
    write_given(w, NULL, config->page.cache_ttl, "{}");
}

void settings_map(struct json_write *w, const struct config *config)
{
    write_given(w, NULL, config->page.map_defaults, "{}");
}

void settings_theme(struct json_write *w, const struct config *config)
{
    const struct config_page *page = &config->page;
    jw_object(w, NULL);
    write_given(w, "branding", page->branding, "{}");
    write_given(w, "theme", page->theme, "{}");
    write_given(w, "themeDark", page->theme_dark, "{}");
    write_given(w, "nodeColors", page->node_colors, "{}");
    write_given(w, "typeColors", page->type_colors, "{}");
    write_given(w, "markerStroke", page->marker_stroke, "{}");
    if (page->home != NULL)
        write_given(w, "home", page->home, "");
    jw_object_end(w);
}

/* --- client ----------------------------------------------------------------------------------- */

/* The length of `key` without a unit at its end, and the unit in ms; 0 = it has none. */
static size_t without_unit(const char *key, double *out_ms)
{
    static const struct {
        const char *word;
        double ms;
    } units[] = {{"Hours", 3600000}, {"Minutes", 60000}};
    const size_t len = strlen(key);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const size_t n = strlen(units[i].word);
        if (len > n && strcmp(key + len - n, units[i].word) == 0) {
            *out_ms = units[i].ms;
            return len - n;
        }
    }
    return 0;
}

/* The file says infraSilentHours and observerStaleMinutes, the page reads infraSilentMs and
 * observerStaleMs. */
static void write_thresholds(struct json_write *w, const char *json)
{
    cJSON *object = json != NULL ? json_parse(json, strlen(json), DEPTH_MAX) : NULL;
    if (object == NULL) {
        jw_null(w, "healthThresholds");
        return;
    }
    jw_object(w, "healthThresholds");
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        double unit = 0;
        const size_t len = without_unit(item->string, &unit);
        char key[KEY_CAP];
        if (len == 0 || len + sizeof "Ms" > sizeof key || !cJSON_IsNumber(item))
            continue;
        (void)snprintf(key, sizeof key, "%.*sMs", (int)len, item->string);
        jw_key(w, key);
        jw_real(w, NULL, item->valuedouble * unit);
    }
    jw_object_end(w);
    cJSON_Delete(object);
}

/* 0 = not given. */
static void write_number(struct json_write *w, const char *key, double value)
{
    if (value != 0)
        jw_real(w, key, value);
    else
        jw_null(w, key);
}

static void write_customizer(struct json_write *w, const struct config_list *disabled)
{
    jw_object(w, "customizer");
    jw_array(w, "disabledTabs");
    for (size_t i = 0; i < disabled->count; i++)
        jw_string(w, NULL, disabled->items[i]);
    jw_array_end(w);
    jw_object_end(w);
}

/* What counts of the keys that name tiles, so that a page need not know them. */
static void write_tiles(struct json_write *w, const struct config_page *page)
{
    static const char *const keys[] = {"mapTileUrl", "mapTileUrlDark"};
    char url[CONFIG_TILE_URL_MAX + 1];
    for (int is_dark = 0; is_dark < 2; is_dark++) {
        config_tile_url(page, is_dark == 1, url);
        if (url[0] != '\0')
            jw_string(w, keys[is_dark], url);
    }
}

void settings_client(struct json_write *w, const struct config *config)
{
    const struct config_page *page = &config->page;
    jw_object(w, NULL);
    write_given(w, "roles", page->roles, "null");
    write_thresholds(w, page->health_thresholds);
    write_given(w, "tiles", page->tiles, "null");
    write_given(w, "map", page->map, "null");
    write_given(w, "snrThresholds", page->snr_thresholds, "null");
    write_given(w, "distThresholds", page->dist_thresholds, "null");
    write_number(w, "maxHopDist", page->max_hop_dist);
    write_given(w, "limits", page->limits, "null");
    write_number(w, "perfSlowMs", page->perf_slow_ms);
    write_number(w, "wsReconnectMs", page->ws_reconnect_ms);
    write_number(w, "cacheInvalidateMs", page->cache_invalidate_ms);
    write_given(w, "externalUrls", page->external_urls, "null");
    write_given(w, "timestamps", page->timestamps, "null");
    jw_int(w, "propagationBufferMs", page->propagation_buffer_ms);
    jw_int(w, "liveMapMaxNodes", page->live_map_max_nodes);
    write_customizer(w, &page->disabled_tabs);
    jw_bool(w, "clientRxCoverage", config->client_rx_coverage);
    jw_bool(w, "debugAffinity", page->debug_affinity);
    if (page->map_dark_tile_provider != NULL)
        jw_string(w, "mapDarkTileProvider", page->map_dark_tile_provider);
    write_tiles(w, page);
    jw_object_end(w);
}

/* --- areas ------------------------------------------------------------------------------------ */

static void write_points(struct json_write *w, const struct geo_point *points, size_t count)
{
    jw_array(w, "polygon");
    for (size_t i = 0; i < count; i++) {
        jw_array(w, NULL);
        jw_real(w, NULL, points[i].lat);
        jw_real(w, NULL, points[i].lon);
        jw_array_end(w);
    }
    jw_array_end(w);
}

static void write_box(struct json_write *w, const struct geo_area *area)
{
    jw_real(w, "latMin", area->low.lat);
    jw_real(w, "latMax", area->high.lat);
    jw_real(w, "lonMin", area->low.lon);
    jw_real(w, "lonMax", area->high.lon);
}

void settings_geo_filter(struct json_write *w, const struct config *config)
{
    const struct geo_area *area = &config->geo_filter;
    const struct geo_point corners[] = {
        area->low, {area->low.lat, area->high.lon}, area->high, {area->high.lat, area->low.lon}};
    jw_object(w, NULL);
    if (area->shape == GEO_BOX)
        write_points(w, corners, ARRAY_LEN(corners));
    else if (area->shape == GEO_POLYGON)
        write_points(w, area->points, area->count);
    else
        jw_null(w, "polygon");
    jw_real(w, "bufferKm", area->buffer_km);
    if (area->shape == GEO_BOX)
        write_box(w, area);
    jw_bool(w, "writeEnabled", false);
    jw_object_end(w);
}

static void begin_area(struct json_write *w, const struct config_area *area)
{
    jw_object(w, NULL);
    jw_string(w, "key", area->key);
    jw_string(w, "label", area->label);
}

void settings_areas(struct json_write *w, const struct config *config)
{
    jw_array(w, NULL);
    for (size_t i = 0; i < config->areas.count; i++) {
        begin_area(w, &config->areas.items[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void settings_polygons(struct json_write *w, const struct config *config)
{
    jw_array(w, NULL);
    for (size_t i = 0; i < config->areas.count; i++) {
        const struct geo_area *shape = &config->areas.items[i].shape;
        begin_area(w, &config->areas.items[i]);
        if (shape->shape == GEO_BOX)
            write_box(w, shape);
        else
            write_points(w, shape->points, shape->count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* --- regions ---------------------------------------------------------------------------------- */

void settings_regions(struct json_write *w, const struct config *config, const char *const *codes)
{
    const char *json = config->page.regions;
    cJSON *names = json != NULL ? json_parse(json, strlen(json), DEPTH_MAX) : NULL;
    jw_object(w, NULL);
    const cJSON *item;
    cJSON_ArrayForEach(item, names)
    {
        jw_key(w, item->string);
        jw_string(w, NULL, item->valuestring);
    }
    for (; *codes != NULL; codes++) {
        if (cJSON_GetObjectItemCaseSensitive(names, *codes) != NULL)
            continue;
        jw_key(w, *codes);
        jw_string(w, NULL, *codes);
    }
    jw_object_end(w);
    cJSON_Delete(names);
}
