/* SPDX-License-Identifier: MIT */
#include "cmd/server/settings/settings_routes.h"

#include "cmd/server/http/request.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/settings/airports.h"
#include "cmd/server/settings/settings.h"

#include <stdlib.h>
#include <string.h>

typedef void (*write_settings)(struct json_write *w, const struct config *config);

static void reply_with(struct http_reply *reply, const struct config *config, write_settings write)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    write(&w, config);
    http_reply_json(reply, &w);
}

#define CONSTANT(name)                                                                             \
    static void answer_##name(const struct config *config, const struct http_request *request,     \
                              struct http_reply *reply)                                            \
    {                                                                                              \
        (void)request;                                                                             \
        reply_with(reply, config, settings_##name);                                                \
    }
CONSTANT(cache)
CONSTANT(client)
CONSTANT(map)
CONSTANT(theme)
CONSTANT(geo_filter)
CONSTANT(areas)
CONSTANT(polygons)
#undef CONSTANT

static void answer_airports(const struct config *config, const struct http_request *request,
                            struct http_reply *reply)
{
    (void)config;
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    airports_write(&w);
    http_reply_json(reply, &w);
}

/* CoreScope fetches a catalogue of other people's channels from the internet. This server asks
 * nobody outside: the catalogue is empty, as CoreScope's is before it was fetched. */
static void answer_known_channels(const struct config *config, const struct http_request *request,
                                  struct http_reply *reply)
{
    (void)config;
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_null(&w, "fetchedAt");
    jw_string(&w, "source", "");
    jw_array(&w, "entries");
    jw_array_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- regions ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Of the observers that lists show, each once, NULL at the end; the caller frees the list.
 * NULL = no memory. */
static const char **codes_of(const struct directory *d)
{
    const char **codes = calloc(d->observer_count + 1, sizeof *codes);
    size_t count = 0;
    for (size_t i = 0; codes != NULL && i < d->observer_count; i++) {
        const struct observer *o = &d->observers[i];
        if (o->iata[0] != '\0' && !o->is_hidden && !o->is_inactive)
            codes[count++] = o->iata;
    }
    if (count == 0)
        return codes;
    qsort(codes, count, sizeof *codes, by_text);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(codes[i], codes[kept - 1]) != 0)
            codes[kept++] = codes[i];
    }
    codes[kept] = NULL;
    return codes;
}

static void answer_regions(struct asking *asking, const struct http_request *request,
                           struct http_reply *reply)
{
    (void)request;
    const struct directory *directory = asking_directory(asking);
    const char **codes = directory != NULL ? codes_of(directory) : NULL;
    if (codes == NULL)
        return;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    settings_regions(&w, asking->config, codes);
    http_reply_json(reply, &w);
    free(codes);
}

/* --- rows ------------------------------------------------------------------------------------- */

#define MADE_ONCE "a copy of rendered bytes; 1 ms the first time"
#define ROW(row_path, function, what, shape)                                                       \
    {                                                                                              \
        .method = "GET", .path = (row_path), .constant = (function), .cache = HTTP_REVALIDATE,     \
        .listeners = ROUTE_ON_MAIN, .worst_cost = MADE_ONCE, .summary = (what), .answer = (shape)  \
    }

static const struct route rows[] = {
    ROW("/api/config/cache", answer_cache, "How many seconds a page keeps each kind of answer",
        "{*: any}"),
    ROW("/api/config/client", answer_client, "What the operator has told the page",
        "{roles: {*: any}?, healthThresholds: {*: num}?, tiles: {*: any}?, map: {*: any}?, "
        "snrThresholds: {*: any}?, distThresholds: {*: any}?, maxHopDist: num?, limits: {*: any}?, "
        "perfSlowMs: num?, wsReconnectMs: num?, cacheInvalidateMs: num?, externalUrls: {*: any}?, "
        "timestamps: {*: any}?, propagationBufferMs: int, liveMapMaxNodes: int, customizer: "
        "{disabledTabs: [str]}, clientRxCoverage: bool, debugAffinity: bool, "
        "mapDarkTileProvider?: str, mapTileUrl?: str, mapTileUrlDark?: str}"),
    ROW("/api/config/map", answer_map, "Where the map begins", "{center?: [num], zoom?: num, ...}"),
    ROW("/api/config/theme", answer_theme, "The page's name, colours and texts",
        "{branding: {*: any}, theme: {*: any}, themeDark: {*: any}, nodeColors: {*: any}, "
        "typeColors: {*: any}, markerStroke: {*: any}, home?: {*: any}}"),
    ROW("/api/config/geo-filter", answer_geo_filter, "The area of the mesh",
        "{polygon: [[num]]?, bufferKm: num, latMin?: num, latMax?: num, lonMin?: num, "
        "lonMax?: num, writeEnabled: bool}"),
    ROW("/api/config/areas", answer_areas, "The parts of the map that lists can be asked for",
        "[{key: str, label: str}]"),
    ROW("/api/config/areas/polygons", answer_polygons, "The same with their shapes",
        "[{key: str, label: str, polygon?: [[num]], latMin?: num, latMax?: num, lonMin?: num, "
        "lonMax?: num}]"),
    ROW("/api/iata-coords", answer_airports, "Where the airports lie after which regions are named",
        "{coords: {*: {lat: num, lon: num}}, source: str}"),
    ROW("/api/known-channels", answer_known_channels,
        "A catalogue of public channels; this server fetches none, so it is empty",
        "{fetchedAt: time?, source: str, entries: [any]}"),
    {.method = "GET",
     .path = "/api/config/regions",
     .asker = answer_regions,
     .is_engined = true,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a pass over the observers in memory",
     .summary = "Names of the regions: those of the configuration, and the observers' own",
     .answer = "{*: str}"},
};
const struct route_family settings_routes = {rows, ARRAY_LEN(rows)};
