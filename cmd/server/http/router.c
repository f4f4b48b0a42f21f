/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/router.h"

#include "cmd/server/http/unescape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BAD_PATH  400
#define NOT_FOUND 404

/* A path, and the rows that have it. */
struct place {
    const char *path;
    struct router_row get, post;
};

struct router {
    /* literal places sorted by path, then those with names in the order of their tables */
    struct place *places;
    size_t literal_count, count;
    struct router_row rest; /* ROUTE_REST */
};

/* --- made once -------------------------------------------------------------------------------- */

static bool has_names(const char *path)
{
    return strstr(path, "/:") != NULL;
}

static ASSERT_ONLY size_t name_count(const char *path)
{
    size_t count = 0;
    while ((path = strstr(path, "/:")) != NULL) {
        count++;
        path += 2;
    }
    return count;
}

static struct place *place_of(struct router *router, const char *path)
{
    for (size_t i = 0; i < router->count; i++) {
        if (strcmp(router->places[i].path, path) == 0)
            return &router->places[i];
    }
    struct place *place = &router->places[router->count++];
    place->path = path;
    return place;
}

static void add_rows(struct router *router, const struct route_family *families, size_t count,
                     bool with_names)
{
    size_t number = 0;
    for (size_t f = 0; f < count; f++) {
        for (size_t i = 0; i < families[f].count; i++, number++) {
            const struct route *route = &families[f].rows[i];
            if (has_names(route->path) != with_names)
                continue;
            if (strcmp(route->path, ROUTE_REST) == 0) {
                router->rest = (struct router_row){route, number};
                continue;
            }
            struct place *place = place_of(router, route->path);
            struct router_row *row =
                strcmp(route->method, "POST") == 0 ? &place->post : &place->get;
            assert(row->route == NULL && name_count(route->path) <= HTTP_ARGUMENTS_MAX);
            *row = (struct router_row){route, number};
        }
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

struct router *router_new(const struct route_family *families, size_t count)
{
    size_t rows = 0;
    for (size_t f = 0; f < count; f++)
        rows += families[f].count;
    struct router *router = calloc(1, sizeof *router);
    if (router == NULL)
        return NULL;
    router->places = calloc(rows + 1, sizeof *router->places);
    if (router->places == NULL) {
        free(router);
        return NULL;
    }
    add_rows(router, families, count, false);
    router->literal_count = router->count;
    qsort(router->places, router->literal_count, sizeof *router->places, compare);
    add_rows(router, families, count, true);
    return router;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    free(router->places);
    free(router);
}

/* --- a request's path ------------------------------------------------------------------------- */

/* The decoded path in two readings: whole, and cut into segments. */
struct cut {
    const char *segments[ROUTER_SEGMENTS_MAX];
    size_t count;
};

static int cut_path(const char *path, struct router_match *out, struct cut *cut)
{
    size_t used = 0;
    cut->count = 0;
    if (*path != '/')
        return NOT_FOUND;
    while (*path == '/') {
        const size_t len = strcspn(++path, "/");
        /* An escape only shortens: what has no room as it came is longer than any path of ours. */
        if (cut->count == ROUTER_SEGMENTS_MAX || len + 2 > HTTP_PATH_MAX - used)
            return NOT_FOUND;
        char *segment = out->segments + used + 1;
        const int n = unescape(UNESCAPE_SEGMENT, path, len, segment, HTTP_PATH_MAX - used - 1);
        if (n < 0)
            return BAD_PATH;
        out->path[used] = '/';
        memcpy(out->path + used + 1, segment, (size_t)n);
        used += (size_t)n + 1;
        cut->segments[cut->count++] = segment;
        path += len;
    }
    out->path[used] = '\0';
    return 0;
}

static bool matches(const struct place *place, const struct cut *cut, struct router_match *out)
{
    const char *pattern = place->path;
    size_t at = 0;
    out->argument_count = 0; /* a pattern that failed may have left some */
    for (; *pattern == '/' && at < cut->count; at++) {
        const size_t len = strcspn(++pattern, "/");
        const char *segment = cut->segments[at];
        if (*pattern == ':') {
            if (*segment == '\0' || out->argument_count == HTTP_ARGUMENTS_MAX)
                return false;
            out->arguments[out->argument_count++] = segment;
        } else if (strlen(segment) != len || memcmp(segment, pattern, len) != 0) {
            return false;
        }
        pattern += len;
    }
    return *pattern == '\0' && at == cut->count;
}

static const struct place *find_literal(const struct router *router, const char *path)
{
    const struct place wanted = {.path = path};
    return bsearch(&wanted, router->places, router->literal_count, sizeof wanted, compare);
}

static const struct place *find_decoded(const struct router *router, const struct cut *cut,
                                        struct router_match *out)
{
    const struct place *place = find_literal(router, out->path);
    for (size_t i = router->literal_count; place == NULL && i < router->count; i++) {
        if (matches(&router->places[i], cut, out))
            place = &router->places[i];
    }
    return place;
}

static struct router_row on_listener(struct router_row row, unsigned listener)
{
    const bool is_there = row.route != NULL && (row.route->listeners & listener) != 0;
    return is_there ? row : (struct router_row){0};
}

static int give(struct router_row get, struct router_row post, unsigned listener,
                struct router_match *out)
{
    out->get = on_listener(get, listener);
    out->post = on_listener(post, listener);
    return out->get.route == NULL && out->post.route == NULL ? NOT_FOUND : 0;
}

static bool begins_others(const struct router *router, const char *segment)
{
    const size_t len = strlen(segment);
    for (size_t i = 0; i < router->count; i++) {
        const char *path = router->places[i].path + 1;
        if (strncmp(path, segment, len) == 0 && path[len] == '/')
            return true;
    }
    return false;
}

static int give_rest(const struct router *router, const struct cut *cut, unsigned listener,
                     struct router_match *out)
{
    if (router->rest.route == NULL || begins_others(router, cut->segments[0]))
        return NOT_FOUND;
    out->arguments[0] = out->path + 1;
    out->argument_count = 1;
    return give(router->rest, (struct router_row){0}, listener, out);
}

int router_find(const struct router *router, const char *path, unsigned listener,
                struct router_match *out)
{
    out->argument_count = 0;
    /* As it came: nearly every request names a literal path and escapes nothing in it. */
    const struct place *place = find_literal(router, path);
    if (place == NULL) {
        struct cut cut;
        const int refused = cut_path(path, out, &cut);
        if (refused != 0)
            return refused;
        place = find_decoded(router, &cut, out);
        if (place == NULL)
            return give_rest(router, &cut, listener, out);
    }
    return give(place->get, place->post, listener, out);
}
